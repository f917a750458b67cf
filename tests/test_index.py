"""The index: whatever happens to the files, it says what one built anew says."""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from trainset.core.committing import commit
from trainset.core.engine import predicted
from trainset.core.index import ChangedError, Index, cache
from trainset.core.index.following import Follower
from trainset.core.journal import seal
from trainset.core.model import Item, ItemRecord, ModelHeader
from trainset.core.routing import Router
from trainset.core.tree import WorkTree
from trainset.errors import RecordError, TrainsetError

from .kit import (
    KINDS,
    add,
    decide,
    git,
    label_file,
    label_files,
    lay,
    open_,
    propose,
    recorder,
    states,
    task,
)

KEYS = ("n/1", "n/2", "n/3")
PICK = st.integers(0, 11)


def rebuilt(dataset):
    """What an index says that is built anew."""
    index = Index(":memory:", WorkTree(dataset.root), dataset.config.tasks, dataset._same)
    try:
        index.refresh()
        return index.dump()
    finally:
        index.close()


def same(dataset):
    dataset.index.refresh()
    return dataset.index.dump() == rebuilt(dataset)


class Working(RuleBasedStateMachine):
    """People, models and Git at work on one dataset; after every step the index is compared with one built anew."""

    branches = Bundle("branches")

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.root = lay(self.folder / "notes")
        self.dataset = open_(self.root)
        self.sessions = {}
        self.saved = {}
        add(self.dataset, *KEYS)
        commit(self.dataset)

    def teardown(self):
        for session in self.sessions.values():
            session.close()
        self.dataset.close()
        shutil.rmtree(self.folder)

    @initialize(target=branches)
    def main(self):
        return "main"

    def _any(self, pick, folder="labels"):
        files = sorted((self.root / folder).rglob("*.jsonl"))
        return files[pick % len(files)] if files else None

    @rule(key=st.sampled_from(KEYS), label=st.sampled_from("abc"), who=st.sampled_from(("ana", "ben")))
    def decide(self, key, label, who):
        self.dataset.index.refresh()
        if who not in self.sessions:
            self.sessions[who] = recorder(self.dataset, who)
        if key in states(self.dataset):
            decide(self.dataset, key, label, who=who, session=self.sessions[who])

    @rule(key=st.sampled_from(KEYS), verdict=st.sampled_from(("flagged", "excluded", "reopened", "rejected")))
    def decide_otherwise(self, key, verdict):
        if key in states(self.dataset):
            decide(self.dataset, key, who="cy", verdict=verdict, reason="why")

    @rule(key=st.sampled_from(KEYS))
    def withdraw(self, key):
        if key in states(self.dataset):
            row = self.dataset.row(key, task(self.dataset))
            mine = [r for r in row.live if self.dataset.decision(r)[1].reviewer == "cy"]
            if mine:
                session = recorder(self.dataset, "cy")
                session.withdraw(row, mine[0])
                session.close()

    @rule(keys=st.sets(st.sampled_from(KEYS), min_size=1), label=st.sampled_from("abc"), score=st.floats(0, 1))
    def propose(self, keys, label, score):
        propose(self.dataset, dict.fromkeys(keys, (label, score)))

    @rule(key=st.sampled_from(KEYS), pick=PICK)
    def go_on_with_a_run(self, key, pick):
        runs = sorted(self.dataset.runs(task(self.dataset)))
        if runs:
            propose(self.dataset, {key: ("a", 0.5)}, run=runs[pick % len(runs)])

    @rule(
        key=st.sampled_from(KEYS),
        media=st.sampled_from((None, "m1", "m2")),
        change=st.sampled_from(("changed", "removed")),
    )
    def change_an_item(self, key, media, change):
        writer = self.dataset.writer(self.dataset.header("items"))
        row = ItemRecord(change=change, item=Item(key=key, media=media))
        writer.record(msgspec.json.encode(row))
        writer.close()

    @rule()
    def commit(self):
        try:
            commit(self.dataset)
        except TrainsetError:
            git(self.root, "checkout", "HEAD", "--", "labels", "predictions", check=False)

    @rule()
    def commit_plainly(self):
        git(self.root, "add", "-A")
        git(self.root, "commit", "-qm", "plain", check=False)

    @rule(target=branches, name=st.sampled_from(("x", "y")))
    def branch(self, name):
        git(self.root, "checkout", "-q", "-B", name)
        return name

    @rule(name=branches)
    def switch(self, name):
        git(self.root, "checkout", "-q", name, check=False)

    @rule(name=branches)
    def merge(self, name):
        git(self.root, "merge", "-q", "--no-edit", name, check=False)
        git(self.root, "merge", "--abort", check=False)

    @rule(command=st.sampled_from((("stash", "-u", "-q"), ("stash", "pop", "-q"), ("clean", "-fdq"), ("reset", "-q", "--hard"),
                                   ("add", "-A"))))  # fmt: skip
    def git(self, command):
        git(self.root, *command, check=False)

    @rule(pick=PICK, cut=st.integers(1, 300))
    def truncate(self, pick, cut):
        if file := self._any(pick):
            os.truncate(file, max(0, file.stat().st_size - cut))

    @rule(pick=PICK, folder=st.sampled_from(("labels", "predictions")))
    def delete(self, pick, folder):
        if file := self._any(pick, folder):
            self.saved[file] = file.read_bytes()
            file.unlink()

    @rule(pick=PICK)
    def create_again(self, pick):
        if self.saved:
            file = sorted(self.saved)[pick % len(self.saved)]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.saved[file])

    @rule(pick=PICK, folder=st.sampled_from(("labels", "predictions")), place=st.integers(0, 2000))
    def change_bytes_behind_its_back(self, pick, folder, place):
        """The same size, and the time set back."""
        if file := self._any(pick, folder):
            was, content = file.stat(), bytearray(file.read_bytes())
            if content:
                content[place % len(content)] ^= 1
                file.write_bytes(bytes(content))
                os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))

    @rule(pick=PICK, more=st.sampled_from((b"{", b"rubbish\n", b'{"id":"torn', b"\n")))
    def append_rubbish(self, pick, more):
        if file := self._any(pick):
            with file.open("ab") as stream:
                stream.write(more)

    @rule(pick=PICK)
    def seal(self, pick):
        if file := self._any(pick):
            try:
                seal(file)
            except RecordError:
                pass

    @rule()
    def open_again(self):
        self.dataset.close()
        self.dataset = open_(self.root)
        self.sessions = {}

    @invariant()
    def the_index_is_what_a_new_one_is(self):
        self.dataset.index.refresh()
        assert self.dataset.index.dump() == rebuilt(self.dataset)


TestWorking = Working.TestCase
TestWorking.settings = settings(max_examples=15, stateful_step_count=12, suppress_health_check=list(HealthCheck))


# -- what is read ----------------------------------------------------------------------------------------------


@pytest.fixture
def items(dataset):
    """A dataset with three items."""
    add(dataset, *KEYS)
    return dataset


def write(root, name, data):
    path = root / "labels" / "decisions" / KINDS / "ana" / "2026-01" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def counting(dataset):
    """The paths that the index reads from now on."""
    read, seen = dataset.index.tree.read, []
    dataset.index.tree.read = lambda path, offset=0, length=-1: (
        seen.append((path, offset, length)) or read(path, offset, length)
    )
    return seen


def settle(dataset):
    """Let the files grow old enough to be trusted."""
    time.sleep(0.12)
    dataset.index.refresh()


def test_nothing_is_read_where_nothing_changed(items):
    decide(items, "n/1", "a")
    settle(items)
    seen = counting(items)
    items.index.refresh()
    assert seen == []


def test_of_a_file_that_grew_only_the_rest_is_read(items):
    session = recorder(items)
    for _ in range(5):
        decide(items, "n/1", "a", session=session)
    seen = counting(items)
    decide(items, "n/1", "b", session=session)
    session.close()
    start = (items.root / seen[0][0]).stat().st_size
    mine = [(offset, length) for path, offset, length in seen if path.startswith("labels/decisions/")]
    assert all(offset > start / 2 for offset, _ in mine[:2])


def test_of_a_sealed_file_that_git_wrote_again_nothing_is_parsed(items, monkeypatch):
    decide(items, "n/1", "a")
    commit(items)
    settle(items)
    git(items.root, "checkout", "-q", "-B", "empty", check=True)
    (path,) = [p for p in label_files(items.root) if "decisions" in p]
    data = (items.root / path).read_bytes()
    (items.root / path).unlink()
    items.index.refresh()
    assert states(items)["n/1"] == "unlabelled"
    monkeypatch.setattr(Follower, "_read", lambda *_: pytest.fail("it was parsed again"))
    (items.root / path).write_bytes(data)
    items.index.refresh()
    assert states(items)["n/1"] == "reviewed"


def test_a_resumed_run_bears_on_items_that_it_does_not_name(items):
    first = propose(items, dict.fromkeys(KEYS[:2], ("a", 0.9)), model="one")
    propose(items, dict.fromkeys(KEYS, ("b", 0.9)), model="two")
    propose(items, {"n/3": ("a", 0.9)}, model="one", run=first)
    assert same(items)
    rows = {row.item.key: row.run for row in items.rows(task(items))}
    assert rows["n/1"] == rows["n/2"] != first  # the run that came later is shown


def test_a_record_that_lies_in_two_files_counts_once(items):
    decide(items, "n/1", "a")
    (path,) = [p for p in label_files(items.root) if "decisions" in p]
    file = items.root / path
    shutil.copy(file, file.with_name("COPY.jsonl"))
    assert same(items)
    assert items.label_counts(task(items))["a"] == 1


@pytest.mark.parametrize(
    "line",
    [
        b'{"item":"n/1","verdict":"corrected","annotations":[{"type":"class","id":"a1"]}',
        b'{"item":"n/1","verdict":"corrected","annotations":{"not":"a list"}}',
        b'{"item":"n/1","verdict":"corrected","annotations":[1,2]}',
        b'{"item":"n/1","verdict":"praised"}',
        b'{"item":17,"verdict":"accepted"}',
        b'{"item":"n/\\u0000","verdict":"accepted","media":"\\ud800"}',
        b'{"item":"n/1","verdict":"accepted","seconds":1e999}',
        b'["list"]',
        b"{}",
    ],
)
def test_a_bad_record_takes_nothing_else_down(items, line):
    good = b'{"item":"n/1","verdict":"corrected","annotations":[{"type":"class","id":"a1","label":"a"}]}'
    write(items.root, "A", label_file([line, good]))
    write(items.root, "B", label_file([line, good], reviewer="ben"))
    assert same(items)
    assert states(items)["n/1"] in ("reviewed", "disputed")
    assert items.index.db.execute("SELECT count(*) FROM decision").fetchone()[0] >= 2


@pytest.mark.parametrize("size", [-1, 2**63, 10**30])
def test_an_item_of_an_impossible_size_takes_nothing_else_down(items, size):
    path = items.root / "labels" / "items" / "X.jsonl"
    line = b'{"change":"added","item":{"key":"n/9","size":%d}}' % size
    good = b'{"change":"added","item":{"key":"n/8"}}'
    path.write_bytes(label_file([line, good], kind="items", task=None, reviewer=None))
    assert same(items)
    assert "n/8" in states(items)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\xff\n", b"{}\n", b'{"trainset":1,"kind":"decisions"}\n', b'{"trainset":99,"kind":"new"}\n']
)
def test_a_file_that_is_none_of_ours_is_passed_over(items, data):
    write(items.root, "A", data)
    (items.root / "labels" / "A.jsonl").write_bytes(data)
    (items.root / "predictions").mkdir()
    (items.root / "predictions" / "B.jsonl").write_bytes(data)
    (items.root / "predictions" / KINDS).mkdir()
    (items.root / "predictions" / KINDS / "C.jsonl").write_bytes(data)
    (items.root / "labels" / "broken.jsonl").symlink_to("nowhere")
    (items.root / "labels" / "\udcff.jsonl").write_bytes(b"x\n")
    assert same(items)
    assert set(states(items)) == set(KEYS)


def test_a_file_that_vanishes_while_it_is_read_is_passed_over(items):
    path = write(items.root, "A", label_file([b'{"item":"n/1","verdict":"excluded"}']))
    tree = items.index.tree
    files = list(tree.files())
    path.unlink()
    tree.files = lambda *_: iter(files)
    items.index.refresh()
    assert states(items)["n/1"] == "unlabelled"


def test_a_read_of_a_file_that_git_took_away_says_so(items):
    decide(items, "n/1", "a")
    row = items.row("n/1", task(items))
    for path in label_files(items.root):
        if "decisions" in path:
            (items.root / path).unlink()
    items.index._windows._kept.clear()
    with pytest.raises(RecordError, match="changed while it was read"):
        items.answer(task(items), row)


def test_keys_may_hold_anything(dataset):
    keys = ["n/'; DROP TABLE item; --", "n/*[?]", "n/ü ö", 'n/"q"', "n/%s", "n/a|b", "n/новый"]
    add(dataset, *keys)
    for key in keys:
        decide(dataset, key, "a")
    assert set(states(dataset).values()) == {"reviewed"}
    assert same(dataset)


# -- the database ----------------------------------------------------------------------------------------------


def database(root):
    return root / ".trainset" / "index.sqlite"


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 500])
def test_a_damaged_database_is_built_anew(root, items, damage):
    decide(items, "n/1", "a")
    before = items.index.dump()
    items.close()
    for suffix in ("-wal", "-shm"):
        database(root).with_name(f"index.sqlite{suffix}").unlink(missing_ok=True)
    database(root).write_bytes(damage)
    with open_(root) as opened:
        assert opened.index.dump() == before


def test_pages_that_were_overwritten_are_noticed_when_they_are_read(root, items):
    decide(items, "n/1", "a")
    before = items.index.dump()
    items.close()
    data = bytearray(database(root).read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    database(root).write_bytes(data)
    with open_(root) as opened:
        assert opened.index.dump() == before


def test_a_database_of_another_version_is_built_anew(root, items):
    before = items.index.dump()
    items.index.db.execute("PRAGMA user_version=999")
    items.close()
    with open_(root) as opened:
        assert opened.index.dump() == before


@pytest.mark.parametrize("removed", ["folder", "files"])
def test_a_session_goes_on_where_the_index_was_removed_under_it(root, items, removed):
    session = recorder(items)
    decide(items, "n/1", "a", session=session)
    if removed == "folder":
        shutil.rmtree(root / ".trainset")
    else:
        for file in (root / ".trainset").iterdir():
            file.unlink()
    decide(items, "n/2", "b", session=session)
    session.close()
    assert states(items) == {"n/1": "reviewed", "n/2": "reviewed", "n/3": "unlabelled"}
    with open_(root) as opened:
        assert states(opened) == states(items)


def test_a_locked_database_is_an_error_that_names_it_and_not_a_reason_to_remove_it(root, items, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout, **more: connect(path, timeout=0.05, **more))
    holder = connect(database(root), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordError, match="cannot be used: database is locked"), open_(root):
        pass
    holder.execute("ROLLBACK")
    holder.close()
    with open_(root) as opened:
        assert set(states(opened)) == set(KEYS)


def test_many_may_open_a_new_dataset_at_once(root):
    write(root, "A", label_file([b'{"item":"n/1","verdict":"excluded"}']))
    counts, errors = [], []

    def work():
        try:
            with open_(root) as opened:
                counts.append(opened.index.db.execute("SELECT count(*) FROM decision").fetchone()[0])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert counts == [1] * 8


def test_two_open_datasets_see_each_others_decisions(root, items):
    with open_(root) as other:
        decide(items, "n/1", "a")
        other.index.refresh()
        decide(other, "n/1", "b", who="ben")
        run = propose(other, {"n/2": ("c", 0.4)})
        items.index.refresh()
        assert states(items) == {"n/1": "reviewed", "n/2": "predicted", "n/3": "unlabelled"}
        assert items.row("n/2", task(items)).run == run
        assert items.row("n/1", task(items)).decided_by == ("ben",)


def test_threads_may_ask_while_others_write(items):
    """As workers of a run do, while the main thread takes in what was written."""
    propose(items, dict.fromkeys(KEYS, ("a", 0.9)))
    errors, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                for key in KEYS:
                    row = items.row(key, task(items))
                    assert items.predictions(task(items), row)
                    items.answer(task(items), row)
            except Exception as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    session = recorder(items)
    for n in range(40):
        decide(items, KEYS[n % 3], "ab"[n % 2], session=session)
    session.close()
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors


def test_others_may_decide_while_rules_and_ranks_are_worked_out(root, items, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout, **more: connect(path, timeout=0.05, **more))
    propose(items, dict.fromkeys(KEYS, ("a", 0.9)))

    class Slow:
        def rank(self, cases, context):
            for case in cases:
                with open_(root) as other:
                    decide(other, case.item.key, "b", who="ben")
                yield case.item.key, 1.0, "slowly"

    items.kit.ranker = lambda name, where: Slow()
    Router(items, task(items)).plan()
    items.index.refresh()
    assert set(states(items).values()) == {"reviewed"}
    assert items.index.db.execute("SELECT count(*) FROM rank").fetchone()[0] == 3


def test_the_answer_changes_with_the_settings_that_the_fold_uses(root, items):
    propose(items, {"n/1": ("a", 0.9)}, model="one")
    propose(items, {"n/1": ("b", 0.9)}, model="two")
    toml = root / "trainset.toml"
    toml.write_text(toml.read_text().replace('type = "classify"', 'type = "classify"\npropose = ["one"]'))
    items.reload()
    assert items.runs(task(items))[items.row("n/1", task(items)).run].model == "one"
    toml.write_text(toml.read_text().replace("tasks.kinds", "tasks.sorts"))
    items.reload()
    assert items.index.dump() == rebuilt(items)


# -- two clones ------------------------------------------------------------------------------------------------


def pull(source, target):
    """Label files are only ever added, or grow: a merge is a copy of what is new or longer."""
    for folder in ("labels", "predictions"):
        for file in (source / folder).rglob("*.jsonl"):
            there = target / file.relative_to(source)
            if not there.exists() or there.stat().st_size < file.stat().st_size:
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, there)


STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(KEYS[:2]), st.sampled_from(("a", "b")), st.sampled_from(("ana", "ben"))),
    st.tuples(
        st.just("say"), st.sampled_from(KEYS[:2]), st.sampled_from(("flagged", "reopened", "excluded")), st.just("cy")
    ),
    st.tuples(st.just("withdraw"), st.sampled_from(KEYS[:2]), st.just(""), st.sampled_from(("ana", "ben", "cy"))),
    st.tuples(st.just("propose"), st.sampled_from(KEYS[:2]), st.sampled_from(("a", "c")), st.just("")),
    st.tuples(st.just("pull"), st.just(""), st.just(""), st.just("")),
)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.booleans(), STEPS), max_size=12))
def test_two_clones_come_to_the_same_states_in_whatever_order_they_worked_and_merged(steps):
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        roots = [lay(Path(folder) / name) for name in ("one", "two", "union", "noinu")]
        clones = [stack.enter_context(open_(root)) for root in roots[:2]]
        add(clones[0], *KEYS)
        pull(roots[0], roots[1])
        clones[1].index.refresh()
        sessions = {}
        for second, (what, key, value, who) in steps:
            here, there = int(second), 1 - int(second)
            clone = clones[here]
            if what == "pull":
                pull(roots[there], roots[here])
                clone.index.refresh()
            elif what == "propose":
                propose(clone, {key: (value, 0.5)})
            else:
                session = sessions.get((here, who)) or sessions.setdefault((here, who), recorder(clone, who))
                row = clone.row(key, task(clone))
                if what == "withdraw":
                    mine = [r for r in row.live if clone.decision(r)[1].reviewer == who]
                    if mine:
                        session.withdraw(row, mine[0])
                elif len(value) == 1:
                    decide(clone, key, value, who=who, session=session)
                else:
                    decide(clone, key, who=who, verdict=value, session=session, reason="why")
        for session in sessions.values():
            session.close()
        for target, order in ((roots[2], (0, 1)), (roots[3], (1, 0))):
            for n in order:
                pull(roots[n], target)
        pull(roots[0], roots[1])
        pull(roots[1], roots[0])
        said = []
        for root, clone in zip(
            roots, [*clones, *(stack.enter_context(open_(root)) for root in roots[2:])], strict=True
        ):
            clone.index.refresh()
            said.append({name: rows for name, rows in clone.index.dump().items() if name != "file"})
            assert clone.index.dump()["file"] == rebuilt(clone)["file"], root
        assert said[0] == said[1] == said[2] == said[3]


def test_what_a_run_is_said_to_follow_counts_also_where_the_refresh_that_read_it_came_to_nothing(dataset, monkeypatch):
    add(dataset, "n/1", "n/2")
    for run in ("01B", "01A"):
        propose(dataset, {"n/1": ("a", 0.5)}, run=run)
    model = ModelHeader(name="m", digest="m", prelabeler="test")
    writer = dataset.writer(dataset.header("runs", task(dataset), run="01B", follows=("01A",), model=model))
    writer.append([predicted(dataset, "n/2", [])[1]])
    writer.close()
    fold, tried = cache.fold_states, []

    def interrupted(*args):
        tried.append(args)
        if len(tried) == 1:
            raise ChangedError("a file changed")
        fold(*args)

    monkeypatch.setattr(cache, "fold_states", interrupted)
    dataset.index.refresh()
    assert len(tried) == 2
    assert dataset.row("n/1", task(dataset)).run == "01B"
    assert same(dataset)
