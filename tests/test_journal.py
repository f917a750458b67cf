"""Writing label files: nothing acknowledged is lost, nothing unacknowledged is claimed, whatever Git or the disk do."""

import errno
import os
import shutil
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainset.core import journal
from trainset.core.history import Repository
from trainset.core.journal import Places, Writer, recover, seal, ulid
from trainset.core.model import Header
from trainset.core.records import check
from trainset.errors import RecordError

from .kit import git, label_files, record_ids

HEADER = Header(trainset=1, kind="decisions", task="kinds", reviewer="ana")


def body(n):
    return b'{"item":"n/%d","verdict":"accepted"}' % n


@pytest.fixture
def repository(root):
    found = Repository(root)
    yield found
    found.close()


@pytest.fixture
def places(root, repository):
    return Places(root / "labels", repository.live)


@pytest.fixture
def writer(places, repository):
    made = Writer(places, repository, HEADER)
    yield made
    made.close()


def live(places):
    return sorted(p.name for p in places.live.glob("*.jsonl"))


def sound(root):
    return all(not [f for f in check(data)[3] if not f.note] for data in label_files(root).values())


# -- files -----------------------------------------------------------------------------------------------------


def test_ulids_sort_by_time_and_never_repeat():
    made = [ulid() for _ in range(500)]
    assert len(set(made)) == 500
    assert all(len(name) == 26 for name in made)
    assert [m[:10] for m in made] == sorted(m[:10] for m in made)


def test_a_record_is_in_a_file_of_its_reviewer_and_month_under_its_header(root, writer):
    identity = writer.record(body(1))
    (path,) = label_files(root)
    header, chain, sealed, faults = check(label_files(root)[path])
    assert path.split("/")[:4] == ["labels", "decisions", "kinds", "ana"]
    assert path.split("/")[4] == header.started[:7]
    assert (chain.count, sealed, faults) == (1, False, [])
    assert record_ids(root) == {identity}


def test_records_of_a_session_go_to_one_file(root, writer):
    for n in range(5):
        writer.record(body(n))
    assert len(label_files(root)) == 1


def test_a_file_that_is_full_is_followed_by_another_that_says_so(root, writer, monkeypatch):
    monkeypatch.setattr(journal, "ROTATE", 400)
    ids = {writer.record(body(n)) for n in range(6)}
    assert len(label_files(root)) > 1
    assert record_ids(root) == ids
    names = [path.rpartition("/")[2].removesuffix(".jsonl") for path in label_files(root)]
    headers = {name: check(data)[0] for name, data in zip(names, label_files(root).values(), strict=True)}
    follows = {name: h.continues for name, h in headers.items()}
    assert sorted(f for f in follows.values() if f) == sorted(
        set(names) - {n for n in names if n not in follows.values()}
    )
    assert len({h.session for h in headers.values()}) == 1


def test_two_writers_never_share_a_file(root, places, repository):
    one, two = (Writer(places, repository, HEADER) for _ in range(2))
    ids = {w.record(body(n)) for n in range(3) for w in (one, two)}
    one.close()
    two.close()
    assert len(label_files(root)) == 2
    assert record_ids(root) == ids


def test_threads_may_share_a_writer(root, writer):
    ids = []
    threads = [threading.Thread(target=lambda n=n: ids.append(writer.record(body(n)))) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert record_ids(root) == set(ids)
    assert sound(root)


def test_closing_lets_go_of_every_descriptor(writer):
    before = len(os.listdir("/proc/self/fd"))
    writer.record(body(1))
    writer.close()
    assert len(os.listdir("/proc/self/fd")) == before


# -- Git -------------------------------------------------------------------------------------------------------


def unlink(root):
    for path in label_files(root):
        (root / path).unlink()


def clean(root):
    git(root, "clean", "-fdq")


def stash(root):
    git(root, "stash", "-u", "-q")


def stash_and_pop(root):
    git(root, "stash", "-u", "-q")
    git(root, "stash", "pop", "-q")


def reset(root):
    git(root, "add", "-A")
    git(root, "reset", "-q", "--hard")


def switch(root):
    git(root, "checkout", "-q", "-B", "side")


def commit_and_leave(root):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "labels")
    git(root, "checkout", "-q", "-B", "before", "HEAD~1")


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "labels")


def stage(root):
    git(root, "add", "-A")


def forget_everything(root):
    unlink(root)
    shutil.rmtree(root / ".git" / "trainset", ignore_errors=True)


def seal_them(root):
    for path in label_files(root):
        seal(root / path)


BLOWS = [
    unlink,
    clean,
    stash,
    stash_and_pop,
    reset,
    switch,
    commit_and_leave,
    commit,
    stage,
    seal_them,
    forget_everything,
]


@pytest.fixture
def committed(root):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a dataset")


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("links", [True, False], ids=["linked", "mirrored"])
@pytest.mark.parametrize("blow", BLOWS)
def test_a_writer_survives(root, writer, places, blow, links, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    ids = {writer.record(body(n)) for n in range(3)}
    blow(root)
    ids.add(writer.record(body(3)))
    assert ids <= record_ids(root)
    blow(root)
    ids |= {writer.record(body(4)), writer.record(body(5))}
    writer.close()
    recover(places, writer._git)
    assert ids <= record_ids(root) | _committed_ids(root)
    assert sound(root)


def _no_links(*_):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _committed_ids(root):
    said = git(root, "log", "--exclude=refs/stash", "--all", "-p", "--no-color", "--", "labels")
    return {line[8:40] for line in said.splitlines() if line.startswith('+{"id":"')}


@pytest.mark.usefixtures("committed")
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blows=st.lists(st.sampled_from(BLOWS[:-1]), max_size=5))
def test_a_writer_survives_any_series_of_blows(root, places, repository, blows):
    writer = Writer(places, repository, HEADER)
    ids = set()
    for n, blow in enumerate(blows):
        ids.add(writer.record(body(n)))
        git(root, "add", "-A")
        blow(root)
    ids.add(writer.record(body(99)))
    writer.close()
    recover(places, repository)
    stashed = git(root, "stash", "list")
    assert ids <= record_ids(root) | _committed_ids(root), stashed
    git(root, "stash", "clear")


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("taken", [commit, stage, seal_them])
def test_a_file_that_git_took_or_somebody_sealed_is_not_written_any_more(root, writer, taken):
    writer.record(body(0))
    taken(root)
    before = label_files(root)
    writer.record(body(1))
    after = label_files(root)
    assert len(after) == len(before) + 1
    assert all(after[path] == data for path, data in before.items())


@pytest.mark.usefixtures("committed")
def test_a_change_of_the_index_that_does_not_concern_the_file_starts_no_new_one(root, writer):
    writer.record(body(0))
    (root / "other").write_text("x")
    git(root, "add", "other")
    writer.record(body(1))
    assert len(label_files(root)) == 1


# -- the disk --------------------------------------------------------------------------------------------------


class Disk:
    """`os.write`, which runs out of space after so many bytes."""

    def __init__(self, monkeypatch):
        self.write, self.space = os.write, 1 << 40
        monkeypatch.setattr(os, "write", self)

    def __call__(self, fd, data):
        if self.space <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = self.write(fd, bytes(data)[: self.space])
        self.space -= done
        return done


@pytest.mark.parametrize("links", [True, False], ids=["linked", "mirrored"])
@pytest.mark.parametrize("space", [0, 1, 20, 60, 116, 117, 130, 230, 250])
def test_a_full_disk_claims_nothing_and_loses_nothing(root, writer, places, space, links, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    disk = Disk(monkeypatch)
    ids = {writer.record(body(0))}
    disk.space = space
    with pytest.raises(RecordError) as failed:
        for n in range(1, 9):
            ids.add(writer.record(body(n)))
    assert str(writer.path) in failed.value.message
    assert "No space left" in failed.value.message
    assert "free some space" in failed.value.hint
    assert record_ids(root) == ids
    disk.space = 1 << 40
    ids.add(writer.record(body(9)))
    writer.close()
    assert record_ids(root) == ids
    assert sound(root)
    for name in live(places):
        assert not [f for f in check((places.live / name).read_bytes())[3] if not f.note]


@pytest.mark.parametrize("space", [0, 5, 150, 400, 700])
def test_a_disk_that_is_full_from_the_start_leaves_nothing_behind(root, writer, places, space, monkeypatch):
    disk = Disk(monkeypatch)
    disk.space = space
    ids = set()
    with pytest.raises(RecordError):
        for n in range(9):
            ids.add(writer.record(body(n)))
    assert record_ids(root) == ids
    assert len(label_files(root)) == len(live(places)) <= 1
    disk.space = 1 << 40
    ids.add(writer.record(body(9)))
    assert record_ids(root) == ids
    assert sound(root)


def test_short_writes_are_completed(root, writer, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:7]))
    ids = {writer.record(body(n)) for n in range(3)}
    assert record_ids(root) == ids
    assert sound(root)


def test_what_cannot_be_synced_is_taken_back(root, writer, monkeypatch):
    ids = {writer.record(body(0))}
    monkeypatch.setattr(os, "fsync", _fails)
    with pytest.raises(RecordError, match="Input/output error"):
        writer.record(body(1))
    assert record_ids(root) == ids
    monkeypatch.undo()
    ids.add(writer.record(body(2)))
    assert record_ids(root) == ids


def _fails(_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_that_cannot_be_made_leaves_no_descriptor_open(root, writer, monkeypatch):
    disk = Disk(monkeypatch)
    disk.space = 10
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(RecordError):
            writer.record(body(0))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_seal_that_cannot_be_written_changes_nothing(root, writer, monkeypatch):
    writer.record(body(0))
    writer.close()
    before = label_files(root)
    disk = Disk(monkeypatch)
    disk.space = 9
    with pytest.raises(RecordError, match="No space left"):
        seal(writer.path)
    assert label_files(root) == before


# -- sealing ---------------------------------------------------------------------------------------------------


def test_sealing_fixes_the_number_of_records_once(root, writer):
    writer.record(body(0))
    assert seal(writer.path)
    sealed = label_files(root)
    assert seal(writer.path)
    assert label_files(root) == sealed
    assert all(check(data)[2] for data in sealed.values())


def test_a_torn_line_is_left_where_it_is_and_sealed_behind(root, writer):
    writer.record(body(0))
    writer.close()
    with writer.path.open("ab") as stream:
        stream.write(b'{"id":"torn')
    assert seal(writer.path)
    assert check(writer.path.read_bytes())[2]
    assert sound(root)


def test_a_file_whose_header_was_never_whole_is_not_sealed(root):
    path = root / "labels" / "torn.jsonl"
    path.write_bytes(b'{"trainset":1,"ki')
    assert not seal(path)
    assert path.read_bytes() == b'{"trainset":1,"ki'


def test_a_file_that_was_changed_is_not_sealed(root, writer):
    writer.record(body(0))
    writer.close()
    writer.path.write_bytes(writer.path.read_bytes().replace(b"accepted", b"rejected"))
    with pytest.raises(RecordError, match="line 2"):
        seal(writer.path)


# -- recovery --------------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["linked", "mirrored"])
def orphan(request, root, writer, places, monkeypatch):
    """The records of a session that was killed after Git had removed its file."""
    if not request.param:
        monkeypatch.setattr(os, "link", _no_links)
    ids = {writer.record(body(n)) for n in range(3)}
    writer._close()
    unlink(root)
    assert not record_ids(root)
    return ids


def test_an_orphan_is_brought_back_once(root, orphan, places, repository):
    (found,) = recover(places, repository)
    assert found.records == 3
    assert record_ids(root) == orphan
    assert recover(places, repository) == []
    assert len(label_files(root)) == 1


def test_an_orphan_is_brought_back_again_where_git_takes_it_again(root, orphan, places, repository):
    recover(places, repository)
    unlink(root)
    assert len(recover(places, repository)) == 1
    assert record_ids(root) == orphan


def test_many_at_once_bring_an_orphan_back_once(root, orphan, places):
    found = []

    def open_it():
        repository = Repository(root)
        found.extend(recover(places, repository))
        repository.close()

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert len(label_files(root)) == 1


def test_a_brought_back_file_takes_a_name_that_a_stash_does_not_want(root, writer, places, repository):
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a dataset")
    ids = {writer.record(body(n)) for n in range(3)}
    git(root, "stash", "-u", "-q")
    writer._close()
    assert len(recover(places, repository)) == 1
    git(root, "stash", "pop", "-q")
    assert record_ids(root) == ids
    assert len(label_files(root)) == 2


def test_a_file_that_is_being_written_is_no_orphan(root, writer, places, repository):
    writer.record(body(0))
    assert recover(places, repository) == []


def test_a_writer_goes_on_in_what_another_process_brought_back(root, writer, places, repository):
    ids = {writer.record(body(0))}
    unlink(root)
    recover(places, repository)
    ids.add(writer.record(body(1)))
    assert record_ids(root) == ids
    assert len(label_files(root)) == 1


@pytest.mark.parametrize("links", [True, False], ids=["linked", "mirrored"])
def test_a_plain_commit_ends_the_second_link_at_the_next_opening(root, writer, places, repository, links, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    writer.record(body(0))
    writer.close()
    assert len(live(places)) == 1
    commit(root)
    assert recover(places, repository) == []
    assert live(places) == []


def test_what_a_commit_of_another_branch_holds_is_not_brought_back_here(root, writer, places, repository):
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    git(root, "checkout", "-q", "-b", "side")
    writer.record(body(0))
    writer.close()
    commit(root)
    git(root, "checkout", "-q", "main")
    assert recover(places, repository) == []
    assert live(places) == []
    assert record_ids(root) == set()


def test_a_stash_is_no_place_to_keep_labels(root, writer, places, repository):
    git(root, "commit", "-q", "--allow-empty", "-m", "first")
    ids = {writer.record(body(0))}
    writer.close()
    git(root, "stash", "-u", "-q")
    assert len(recover(places, repository)) == 1
    git(root, "stash", "drop", "-q")
    assert record_ids(root) == ids


def test_a_session_without_a_record_leaves_nothing_to_bring_back(root, places, repository):
    writer = Writer(places, repository, HEADER)
    writer._ready()
    writer._close()
    unlink(root)
    assert recover(places, repository) == []
    assert label_files(root) == {}


def test_rubbish_among_the_live_files_is_left_alone(root, places, repository):
    places.live.mkdir(parents=True)
    (places.live / "x.jsonl").write_bytes(b"\xff not a header\n")
    (places.live / "y.jsonl").write_bytes(b"")
    assert recover(places, repository) == []
