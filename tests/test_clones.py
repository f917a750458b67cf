"""Several clones and Git at its worst: no conflict in label files, no decision lost, and one history has one meaning."""

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trainset.core import migrating
from trainset.core.committing import commit
from trainset.core.importing import Importing
from trainset.core.index import Index
from trainset.core.jsonl import JsonlImporter
from trainset.core.restoring import restore
from trainset.core.tree import WorkTree
from trainset.core.verify import Summary, verify
from trainset.errors import TrainsetError

from .kit import add, answer, git, lay, open_, propose, record_ids, recorder, states, task

KEYS = ("n/1", "n/2", "n/3")
CLONES = st.integers(0, 2)
PEOPLE = st.sampled_from(("ana", "ben"))


class Clones(RuleBasedStateMachine):
    """People, models and rules at work in three clones, while Git does to their files whatever it can."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        first = lay(self.folder / "0")
        self.roots = [first, self.folder / "1", self.folder / "2"]
        with open_(first) as dataset:
            add(dataset, *KEYS)
            commit(dataset)
        for root in self.roots[1:]:
            git(self.folder, "clone", "-q", first, root)
        self.acknowledged = set()
        self.serial = 0

    def teardown(self):
        try:
            self._together()
        finally:
            shutil.rmtree(self.folder)

    # -- at work ------------------------------------------------------------------------------------------------

    def _decide(self, dataset, who, key, verdict, labels=(), **more):
        session = recorder(dataset, who)
        row = dataset.row(key, task(dataset))
        try:
            said = session.decide(row, verdict, answer(*labels) if verdict == "corrected" else None, **more)
            self.acknowledged.add(said)
        except TrainsetError:  # nothing there to accept, or a label of another day
            pass
        session.close()

    @rule(n=CLONES, who=PEOPLE, key=st.sampled_from(KEYS), label=st.sampled_from("abc"))
    def decide(self, n, who, key, label):
        with open_(self.roots[n]) as dataset:
            self._decide(dataset, who, key, "corrected", [label])

    @rule(
        n=CLONES,
        who=PEOPLE,
        key=st.sampled_from(KEYS),
        verdict=st.sampled_from(("accepted", "flagged", "reopened", "excluded")),
    )
    def decide_otherwise(self, n, who, key, verdict):
        with open_(self.roots[n]) as dataset:
            self._decide(dataset, who, key, verdict, reason="why" if verdict == "reopened" else None)

    @rule(n=CLONES, who=PEOPLE, key=st.sampled_from(KEYS))
    def undo(self, n, who, key):
        with open_(self.roots[n]) as dataset:
            row = dataset.row(key, task(dataset))
            own = [rid for rid in row.live if dataset.decision(rid)[1].reviewer == who]
            if own:
                session = recorder(dataset, who)
                self.acknowledged.add(session.withdraw(row, own[-1]))
                session.close()

    @rule(n=CLONES, label=st.sampled_from("abc"))
    def adjudicate(self, n, label):
        with open_(self.roots[n]) as dataset:
            for row in list(dataset.rows(task(dataset), "state = disputed")):
                self._decide(dataset, "cy", row.item.key, "corrected", [label])

    @rule(
        n=CLONES,
        keys=st.sets(st.sampled_from(KEYS), min_size=1),
        label=st.sampled_from("abc"),
        score=st.sampled_from((0.3, 0.9)),
    )
    def prelabel(self, n, keys, label, score):
        with open_(self.roots[n]) as dataset:
            propose(dataset, dict.fromkeys(keys, (label, score)))

    @rule(n=CLONES, labels=st.lists(st.sampled_from("abc"), min_size=3, max_size=3))
    def bring_labels(self, n, labels):
        source = self.folder / "labels.jsonl"
        rows = ({"key": key, "state": "reviewed", "annotations": [{"type": "class", "id": "i1", "label": label}]}
                for key, label in zip(KEYS, labels, strict=True))  # fmt: skip
        source.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        with open_(self.roots[n]) as dataset:
            before = record_ids(self.roots[n])
            Importing(dataset, task(dataset), JsonlImporter(), "jsonl", source).decisions()
            self.acknowledged |= record_ids(self.roots[n]) - before

    @rule(n=CLONES, labels=st.permutations("abc"), kind=st.sampled_from(("merge", "split", "retire")))
    def ask_otherwise(self, n, labels, kind):
        old, *into = labels
        with open_(self.roots[n]) as dataset:
            try:
                if kind == "merge":
                    done = migrating.merge(dataset, task(dataset), [old], into[0])
                elif kind == "split":
                    done = migrating.split(dataset, task(dataset), old, into)
                else:
                    done = migrating.retire(dataset, task(dataset), old)
                self.acknowledged.add(done.record)
            except TrainsetError:  # it was retired before
                pass

    # -- Git ----------------------------------------------------------------------------------------------------

    @rule(n=CLONES)
    def commit(self, n):
        with open_(self.roots[n]) as dataset:
            commit(dataset)

    @rule(n=CLONES)
    def commit_by_hand(self, n):
        git(self.roots[n], "add", "labels", "predictions", check=False)
        git(self.roots[n], "commit", "-qm", "by hand", check=False)

    @rule(n=CLONES, name=st.sampled_from(("main", "side")))
    def switch(self, n, name):
        if self._settle(n):
            git(self.roots[n], "switch", "-q", name, check=False)
            if git(self.roots[n], "branch", "--show-current") != name:
                git(self.roots[n], "switch", "-q", "-c", name)

    @rule(n=CLONES, m=CLONES, how=st.sampled_from(("merge", "rebase", "squash", "cherry-pick")))
    def take_over(self, n, m, how):
        """What is checked out in another clone, in one of the ways there are."""
        if n == m or not self._settle(n):
            return
        git(self.roots[n], "fetch", "-q", self.roots[m], "HEAD")
        words = {
            "merge": ("merge", "-q", "--no-edit", "FETCH_HEAD"),
            "rebase": ("rebase", "-q", "FETCH_HEAD"),
            "squash": ("merge", "-q", "--squash", "FETCH_HEAD"),
            "cherry-pick": ("cherry-pick", "--allow-empty", "--keep-redundant-commits", "FETCH_HEAD"),
        }[how]
        if how == "cherry-pick" and len(git(self.roots[n], "rev-list", "--parents", "-1", "FETCH_HEAD").split()) > 2:
            return
        git(self.roots[n], *words, check=False)
        self._resolve(n, how)
        if how == "squash":
            git(self.roots[n], "commit", "-qm", "squashed", check=False)

    @rule(n=CLONES)
    def revert_the_last_commit(self, n):
        root = self.roots[n]
        if self._settle(n) and len(git(root, "rev-list", "--parents", "-1", "HEAD").split()) == 2:
            git(root, "revert", "--no-edit", "HEAD", check=False)
            self._resolve(n, "revert")

    @rule(n=CLONES)
    def bring_back(self, n):
        with open_(self.roots[n]) as dataset:
            restore(dataset)

    @rule(n=CLONES)
    def stash_and_clean(self, n):
        git(self.roots[n], "stash", "-u", "-q", check=False)
        with open_(self.roots[n]):
            pass
        git(self.roots[n], "clean", "-fdq")

    def _settle(self, n):
        """Commit what there is, so that Git has nothing to refuse for."""
        with open_(self.roots[n]) as dataset:
            commit(dataset)
        return not git(self.roots[n], "status", "--porcelain")

    def _resolve(self, n, how):
        """Settle a conflict in the settings, the only one there may be, by what is here."""
        root = self.roots[n]
        for _ in range(20):
            torn = {
                line[3:]
                for line in git(root, "status", "--porcelain").splitlines()
                if line[:2] in ("UU", "AA", "DU", "UD", "DD")
            }
            assert torn <= {"trainset.toml"}, f"{how}: Git sees conflicts in {torn}"
            under_way = (root / ".git/rebase-merge").exists()
            if not torn and not under_way:
                break
            if torn:
                git(root, "checkout", "--ours", "trainset.toml")
                git(root, "add", "trainset.toml")
            step = ("rebase", "--continue") if under_way else ("commit", "-q", "--no-edit")
            git(root, "-c", "core.editor=true", *step, check=False)
            if under_way and (root / ".git/rebase-merge").exists() and not torn:
                git(root, "-c", "core.editor=true", "rebase", "--skip", check=False)
        for name in ("CHERRY_PICK_HEAD", "REVERT_HEAD", "MERGE_HEAD"):
            if (root / ".git" / name).exists():
                git(root, "-c", "core.editor=true", "commit", "-q", "--no-edit", "--allow-empty", check=False)

    # -- what holds ---------------------------------------------------------------------------------------------

    @invariant()
    def one_history_has_one_meaning(self):
        seen = {}
        for root in self.roots:
            if git(root, "status", "--porcelain"):
                continue
            with open_(root) as dataset:
                found = states(dataset)
                head = git(root, "rev-parse", "HEAD")
                assert seen.setdefault(head, found) == found
                with open_(root, "HEAD") as committed:
                    assert states(committed) == found

    @invariant()
    def nothing_acknowledged_is_lost(self):
        kept = set()
        for root in self.roots:
            with open_(root):  # brings back what Git took away
                kept |= record_ids(root) | self._in_history(root)
        assert self.acknowledged <= kept

    def _in_history(self, root):
        """The ids of records in any commit of a clone."""
        objects = git(root, "rev-list", "--all", "--objects", "HEAD")
        blobs = {line.partition(" ")[0] for line in objects.splitlines() if ".jsonl" in line}
        wanted = "\n".join(sorted(blobs))
        said = git(root, "cat-file", "--batch", input=wanted) if blobs else ""
        return {line[7:39] for line in said.splitlines() if line.startswith('{"id":"')}

    def _together(self):
        """At the end everybody takes everything over, and restores what a revert took: all see the same."""
        for n, root in enumerate(self.roots):
            self._settle(n)
            git(root, "fetch", "-q", root, "+refs/heads/*:refs/kept/*")
        first = self.roots[0]
        for m, root in enumerate(self.roots):
            git(first, "fetch", "-q", root, f"+refs/heads/*:refs/others/{m}/*", "+HEAD:refs/others/head")
            for name in git(first, "for-each-ref", "--format=%(refname)", "refs/others").splitlines():
                git(first, "merge", "-q", "--no-edit", name, check=False)
                self._resolve(0, "merge")
        with open_(first) as dataset:
            restore(dataset)
            commit(dataset)
            expected = states(dataset)
            index = Index(
                ":memory:", WorkTree(first), dataset.config.tasks, dataset._same, migrations=dataset.migrations
            )
            index.refresh()
            assert index.dump()["state"] == dataset.index.dump()["state"]
            index.close()
            contradictions = dataset.changes(task(dataset)).contradictions()
            problems = [f for f in verify(dataset, Summary()) if not f.note and "contradict" not in f.message]
            assert problems == [], contradictions
        assert self.acknowledged <= record_ids(first)
        for n, root in enumerate(self.roots[1:], 1):
            git(root, "fetch", "-q", first, "HEAD")
            git(root, "merge", "-q", "--no-edit", "FETCH_HEAD", check=False)
            self._resolve(n, "merge")
            git(root, "checkout", "-q", "FETCH_HEAD", "--", "trainset.toml")
            with open_(root) as dataset:
                assert states(dataset) == expected


TestClones = Clones.TestCase
TestClones.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
