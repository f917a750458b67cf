"""`forget`: nothing of an item is left in the dataset as it is, whatever clones bring back; and everything else is."""

import multiprocessing
import os
import re
import signal

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainset.core.committing import commit
from trainset.core.drafts import Drafts
from trainset.core.features import FeatureStore
from trainset.core.forgetting import forget, left, tidy
from trainset.core.forgotten import salted
from trainset.core.leases import Leases
from trainset.core.purging import purge
from trainset.core.restoring import restore
from trainset.core.syncing import sync
from trainset.core.verify import Summary, verify
from trainset.errors import TrainsetError, UsageError

from .command import correct, trainset
from .command import states as stand
from .kit import KINDS, add, answer, decide, git, label_files, lay, open_, propose, record_ids, recorder, states, task

KEY = "n/Maria-Huber-1954"
NOTE = "looks like her sister"


@pytest.fixture
def work(dataset):
    """Three items, proposed and decided, in two commits, and a decision that is not committed."""
    add(dataset, "n/1", KEY, "n/3")
    propose(dataset, {"n/1": ("a", 0.5), KEY: ("b", 0.25), "n/3": ("c", 0.75)})
    commit(dataset)
    session = recorder(dataset)
    for key in ("n/1", KEY):
        decide(dataset, key, "a", session=session, note=NOTE if key == KEY else None)
    session.close()
    commit(dataset)
    decide(dataset, KEY, "b", who="ben")
    decide(dataset, "n/3", "c", who="ben")
    return dataset


def problems(dataset):
    dataset.index.refresh()
    return [f"{f.file}:{f.line}: {f.message}" for f in verify(dataset, Summary()) if not f.note]


def mentions(root, *needles):
    """The files of a dataset that hold one of these texts, Git's own objects apart."""
    found = []
    for path in root.rglob("*"):
        if path.is_file() and not path.is_relative_to(root / ".git" / "objects"):
            data = path.read_bytes()
            found += [str(path.relative_to(root)) for needle in needles if needle.encode() in data]
    return found


def digest_line(dataset, key):
    return salted(key, dataset.forgotten.salt).encode()


def test_nothing_of_the_item_is_left_and_all_else_is(work):
    before, ids = states(work), record_ids(work.root)
    done = forget(work, [KEY])
    assert (done.records, done.predictions) == (1 + 1 + 2, 1)
    assert states(work) == {key: state for key, state in before.items() if key != KEY}
    assert ids < record_ids(work.root)
    assert mentions(work.root, KEY, "Huber", NOTE) == []
    assert problems(work) == []
    commit(work)
    assert problems(work) == []
    assert mentions(work.root, KEY, NOTE) == []
    with open_(work.root) as again:
        assert states(again) == states(work)
        assert again.index.dump() == work.index.dump()


def test_a_tombstone_keeps_id_and_chain(work):
    rid = work.row(KEY, task(work)).live[0]
    was = next(
        line for data in label_files(work.root).values() for line in data.split(b"\n") if rid.encode() in line[:40]
    )
    forget(work, [KEY])
    now = next(
        line for data in label_files(work.root).values() for line in data.split(b"\n") if rid.encode() in line[:40]
    )
    assert msgspec.json.decode(now) == {
        "id": rid,
        "forgotten": digest_line(work, KEY).decode(),
        "chain": msgspec.json.decode(was)["chain"],
    }


def test_a_revision_from_before_does_not_show_the_item_either(work):
    forget(work, [KEY])
    commit(work)
    with open_(work.root, "HEAD~1") as earlier:
        assert KEY not in states(earlier)
        assert "n/1" in states(earlier)


def test_the_key_stays_forgotten(work):
    forget(work, [KEY])
    with pytest.raises(UsageError, match="forgotten"):
        work.item(KEY)
    add(work, KEY)  # as a clone does that has not heard of it
    assert KEY not in states(work)
    assert left(work) == 1
    (problem,) = problems(work)
    assert "forgotten" in problem and KEY not in problem
    tidy(work)
    assert (left(work), problems(work), mentions(work.root, KEY)) == (0, [], [])


def test_a_record_that_is_taken_away_as_if_it_were_forgotten_is_found(work):
    forget(work, [KEY])
    commit(work)
    path, data = next((p, d) for p, d in label_files(work.root).items() if b'"n/1"' in d and "/decisions/" in p)
    line = next(row for row in data.split(b"\n") if b'"n/1"' in row)
    for mark in (digest_line(work, KEY), salted("n/1", "x").encode()):
        stone = b'%b"forgotten":"%b",%b' % (line[:41], mark, line[line.index(b'"chain"') :])
        (work.root / path).write_bytes(data.replace(line, stone))
        found = problems(work)
        assert any(path in problem and "differs from its commit" in problem for problem in found)
        with pytest.raises(TrainsetError, match="differs from its commit"):
            commit(work)
    assert any("as if its item had been forgotten" in problem for problem in found)


def test_restore_and_recovery_bring_nothing_back(work):
    path = next(p for p in label_files(work.root) if "/decisions/kinds/ana" in p)
    work.repository.close()
    forget(work, [KEY])
    commit(work)
    assert restore(work) == []
    git(work.root, "rm", "-q", path)
    git(work.root, "commit", "-qm", "by mistake")
    assert [one.path for one in restore(work)] == [path]
    assert (mentions(work.root, KEY, NOTE), "n/1" in states(work)) == ([], True)
    commit(work)
    assert [p for p in problems(work) if "deleted" not in p] == []


def test_what_git_removed_comes_back_without_the_item(work):
    """A session's file that Git took away before the item was forgotten."""
    session = recorder(work, "cy")
    decide(work, "n/1", "a", who="cy", session=session)
    decide(work, KEY, "a", who="cy", session=session)
    session.close()
    name = next(p for p in label_files(work.root) if "/cy/" in p)
    (work.root / name).unlink()
    forget(work, [KEY])
    with open_(work.root) as again:
        assert [r.records for r in again.recovered] == [2]
        assert "cy" in again.row("n/1", task(again)).decided_by
        assert mentions(work.root, KEY) == []
        assert problems(again) == []


def test_a_session_that_goes_on_loses_nothing_and_brings_nothing_back(work):
    session = recorder(work, "cy")
    decide(work, KEY, "a", who="cy", session=session)
    decide(work, "n/1", "b", who="cy", session=session)
    forget(work, [KEY])
    decide(work, "n/3", "b", who="cy", session=session)
    session.close()
    work.index.refresh()
    said = [
        r
        for data in label_files(work.root).values()
        if b'"reviewer":"cy"' in data
        for r in data.split(b"\n")
        if b'"item"' in r
    ]
    assert len(said) == 2
    assert (mentions(work.root, KEY), problems(work)) == ([], [])


def test_what_somebody_has_open_is_not_forgotten(work):
    lease = Leases(work.repository.machine / "leases", KINDS, "ben")
    lease.hold([KEY])
    with pytest.raises(TrainsetError, match="ben has"):
        forget(work, [KEY])
    assert KEY in states(work)
    lease.close()
    forget(work, [KEY])


def test_edits_and_vectors_go_too(work):
    drafts = Drafts(work, task(work), "ana")
    for key in (KEY, "n/1"):
        drafts.keep(work.row(key, task(work)), answer("a"), {}, NOTE if key == KEY else "")
    drafts.close()
    folder = work.cache() / "features"
    store = FeatureStore(folder)
    store.note([(KEY, "s", "m1"), ("n/1", "s", "m2"), ("n/3", "s", "m2")])
    space = store.space("e")
    space.put({"m1": np.full(3, 7.25, np.float32), "m2": np.ones(3, np.float32)})
    store.close()
    done = forget(work, [KEY])
    assert (done.drafts, done.vectors) == (1, 1)
    store = FeatureStore(folder)
    assert store.space("e").items().keys() == {"n/1", "n/3"}
    assert store.space("e").vectors().tolist() == [[0, 0, 0], [1, 1, 1]]
    store.close()
    assert mentions(work.root, KEY, NOTE) == []


def _killed_at(root, step):
    """In another process: forget, and be killed at the `step`th time that a file is about to be replaced or emptied."""
    count = 0

    def counted(real):
        def wrapped(*args, **more):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return wrapped

    os.fsync, os.ftruncate = counted(os.fsync), counted(os.ftruncate)
    with open_(root) as opened:
        forget(opened, [KEY])


@pytest.mark.parametrize("step", [1, 2, 4, 6, 8, 11, 14, 17])
def test_what_is_killed_halfway_is_finished_by_the_next(work, step):
    root, before = work.root, states(work)
    process = multiprocessing.get_context("spawn").Process(target=_killed_at, args=(root, step))
    process.start()
    process.join()
    with open_(root) as opened:
        if KEY in states(opened):  # it was killed before anything was forgotten
            assert states(opened) == before
            forget(opened, [KEY])
        tidy(opened, [KEY])
        assert states(opened) == {key: state for key, state in before.items() if key != KEY}
        assert (mentions(root, KEY, NOTE), problems(opened)) == ([], [])
        commit(opened)
        assert problems(opened) == []


def clone(tmp_path, names=("ana", "ben")):
    """A dataset in a bare repository, and clones of it."""
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", origin)
    first = lay(tmp_path / names[0])
    with open_(first) as opened:
        add(opened, *(f"n/{n}" for n in range(5)))
        propose(opened, {f"n/{n}": ("a", 0.5) for n in range(5)})
        commit(opened)
    git(first, "remote", "add", "origin", origin)
    git(first, "push", "-qu", "origin", "main")
    for name in names[1:]:
        git(tmp_path, "clone", "-q", origin, tmp_path / name)
    return [tmp_path / name for name in names]


STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["decide", "forget", "sync", "tidy"]), st.integers(0, 4)), max_size=14
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_clones_that_meet_agree_and_hold_nothing_of_what_either_forgot(tmp_path_factory, steps):
    roots = clone(tmp_path_factory.mktemp("clones"))
    gone = set()

    def meet():
        for root in (*roots, *roots):
            with open_(root) as opened:
                done = sync(opened)
                assert done.stopped is None, done.stopped

    for who, step, n in steps:
        with open_(roots[who]) as opened:
            if step == "decide" and f"n/{n}" in states(opened):
                decide(opened, f"n/{n}", "abc"[n % 3], who=("ana", "ben")[who])
            elif step == "forget" and f"n/{n}" in states(opened):
                forget(opened, [f"n/{n}"])
                gone.add(f"n/{n}")
            elif step == "sync":
                assert sync(opened).stopped is None
            elif step == "tidy":
                tidy(opened)
    meet()
    for root in roots:
        with open_(root) as opened:
            tidy(opened)
    meet()
    seen = []
    for root in roots:
        with open_(root) as opened:
            tidy(opened)
            assert states(opened).keys() == {f"n/{n}" for n in range(5)} - gone
            assert problems(opened) == []
            assert mentions(root, *(f'"{key}"' for key in gone)) == []
            seen.append(opened.index.dump())
    assert seen[0] == seen[1]


@pytest.mark.parametrize("other", ["n/2", "n/1", "n/0"])
def test_clones_that_forget_beside_each_other_do_not_conflict(tmp_path, other):
    """Git alone would: these lines stand side by side."""
    ana, ben = clone(tmp_path)
    for root, key in ((ana, "n/1"), (ben, other)):
        with open_(root) as opened:
            forget(opened, [key])
    for root in (ana, ben, ana):
        with open_(root) as opened:
            assert sync(opened).stopped is None
            assert problems(opened) == []
    with open_(ana) as a, open_(ben) as b:
        assert states(a).keys() == {f"n/{n}" for n in range(5)} - {"n/1", other}
        assert a.index.dump() == b.index.dump()


def test_the_rules_for_history_make_earlier_files_what_they_are_now(work):
    """As `git filter-repo --replace-text` applies them."""
    forget(work, [KEY])
    commit(work)
    found = purge(work)
    assert mentions(found.replacements.parent, KEY) == []
    rules = [row.removeprefix(b"regex:").split(b"==>") for row in found.replacements.read_bytes().splitlines()]
    for path, data in label_files(work.root).items():
        for blob in work.repository.earlier([path]):
            (before,) = work.repository.blobs([blob])
            for pattern, stone in rules:
                before = re.sub(pattern, stone, before)
            assert before == data
    listed = found.blobs.read_text().split()
    assert [KEY.encode() in next(work.repository.blobs([blob])) for blob in listed] == [True]


def test_nothing_is_said_of_history_that_holds_nothing(dataset):
    add(dataset, KEY)
    forget(dataset, [KEY])
    assert purge(dataset) is None


def test_the_command_asks_and_says_what_it_did_and_what_it_left(parts):
    correct(parts, "media/p0.png", {"label": "screw", "box": [8, 10, 14, 12]})
    trainset("commit", cwd=parts)
    (parts / "guidelines" / "parts.md").write_text("See media/p0.png")
    trainset("forget", "media/p0.png", cwd=parts, code=2)
    assert "media/p0.png" in stand(parts)
    ran = trainset("forget", "media/p0.png", "--yes", cwd=parts)
    assert "2 records in 2 label files became tombstones" in ran.out
    assert f"left where they lie: {parts / 'media' / 'p0.png'}" in ran.out
    assert "guidelines/parts.md names it" in ran.out
    assert "git filter-repo" in ran.err
    assert (parts / "media" / "p0.png").is_file()
    assert "was forgotten" in trainset("add", parts / "media", cwd=parts).err
    assert "nothing is left" in trainset("forget", "media/p0.png", cwd=parts).out
    rest = len(stand(parts))
    assert f"{rest} items forgotten" in trainset("forget", "--where", "state = unlabelled", "--yes", cwd=parts).out
    assert stand(parts) == {}
    trainset("forget", "--where", "label = nut", cwd=parts, code=1)
    trainset("forget", "media/none.png", cwd=parts, code=2)
