"""A disk that takes no more, while somebody reviews: nothing is acknowledged that is not on disk, nothing moves, and the next
key tries again."""

import errno
import os
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from trainset.core.adjudicating import AdjudicationSession
from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.grid import GridSession
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.index import Index
from trainset.core.rankers import InOrder
from trainset.core.session import Session
from trainset.tui.widgets.bars import status_line

from .kit import add, answer, label_files, lay, open_, propose, record_ids, recorder, states, task
from .test_session import View

KEYS = [f"media/{n}.txt" for n in range(4)]


@pytest.fixture
def volume(tmp_path):
    """A file system of two megabytes of its own; skips where none can be mounted."""
    place = tmp_path / "volume"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


class Full:
    """The volume is full."""

    words = "No space left on device"

    def __init__(self, volume):
        self._rest = volume / "rest"

    def begin(self, root):
        with self._rest.open("wb", buffering=0) as stream, pytest.raises(OSError):
            while stream.write(b"x" * 4096):
                pass

    def mend(self):
        self._rest.unlink()


class ReadOnly:
    """The labels can only be read."""

    words = "Read-only file system"

    def __init__(self, volume):
        self._labels = ""

    def begin(self, root):
        self._labels = root / "labels"
        for how in (["--bind", self._labels], ["-o", "remount,bind,ro"]):
            subprocess.run(["mount", *how, self._labels], check=True)

    def mend(self):
        subprocess.run(["umount", self._labels], check=True)


class Refused:
    """What the system says to every write and every new file, wherever tests may not mount anything."""

    words = "Permission denied"

    def __init__(self, monkeypatch):
        self._patch = monkeypatch

    def begin(self, root):
        def refuse(*_, **__):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

        self._patch.setattr(os, "write", refuse)
        self._patch.setattr("trainset.core.journal.open_new", refuse)

    def mend(self):
        self._patch.undo()


@pytest.fixture(params=["full", "read-only", "refused"])
def trouble(request):
    """(the dataset's folder, what befalls it)."""
    if request.param == "refused":
        yield lay(request.getfixturevalue("tmp_path") / "notes"), Refused(request.getfixturevalue("monkeypatch"))
    else:
        volume = request.getfixturevalue("volume")
        kind = Full if request.param == "full" else ReadOnly
        yield lay(volume / "notes"), kind(volume)


def filled(opened):
    """Four notes with a proposal each; of the first, two people say different things."""
    opened.kit.ranker = lambda name, where: InOrder()
    add(opened, *KEYS)
    propose(opened, dict.fromkeys(KEYS, ("a", 0.5)))
    for who, label in (("ben", "b"), ("cy", "c")):
        writing = recorder(opened, who)
        writing.decide(replace(opened.row(KEYS[0], task(opened)), live=(), seen=()), "corrected", answer(label))
        writing.close()
    opened.index.refresh()


def item_session(opened):
    desk = ReviewDesk(opened, task(opened), "ana", where="state = predicted")
    return Session(desk, View, TaskContext(opened, task(opened)), min_look=0.0)


def grid_session(opened):
    session = GridSession(ReviewGridDesk(opened, task(opened), "ana"), min_look=0.0)
    session.resize(2)
    return session


def adjudication(opened):
    desk = AdjudicationDesk(opened, task(opened), "ana")
    session = AdjudicationSession(desk, View, TaskContext(opened, task(opened)), min_look=0.0)
    session.command("pick", 1)
    return session


def at(session):
    return session.page if isinstance(session, GridSession) else session.sitting


@pytest.mark.parametrize("begin", [item_session, grid_session, adjudication])
def test_what_cannot_be_written_is_not_acknowledged_and_the_next_key_tries_again(trouble, begin):
    root, befalls = trouble
    with open_(root) as opened:
        filled(opened)
        before = record_ids(root)
        session = begin(opened)
        session.shown()
        here = at(session)
        befalls.begin(root)
        for _ in range(2):
            session.accept()
            assert at(session) is here
            assert (session.notice.kind, session.decided, session.records) == ("error", 0, 0)
            assert befalls.words in session.notice.text
            assert "then do it again" in session.notice.remedy
            assert record_ids(root) == before
        befalls.mend()
        session.accept()
        assert session.notice.kind == "saved"
        assert at(session) is not here
        assert len(record_ids(root)) == len(before) + session.records
        session.desk.close()


@pytest.mark.parametrize("trouble", ["refused"], indirect=True)
def test_an_undo_that_cannot_be_written_leaves_the_decision(trouble):
    root, befalls = trouble
    with open_(root) as opened:
        filled(opened)
        session = item_session(opened)
        session.shown()
        session.accept()
        here = at(session)
        befalls.begin(root)
        session.undo()
        assert (session.notice.kind, session.decided) == ("error", 1)
        assert at(session) is here
        befalls.mend()
        session.undo()
        assert session.decided == 0
        session.desk.close()


def test_what_was_written_before_a_disk_was_full_stays_and_the_end_of_the_queue_comes(volume):
    root, befalls = lay(volume / "notes"), Full(volume)
    with open_(root) as opened:
        filled(opened)
        session = item_session(opened)
        for _ in range(2):
            session.shown()
            session.accept()
        kept = record_ids(root)
        befalls.begin(root)
        session.go(1)
        session.go(-1)
        session.skip()
        session.keep_draft()
        assert record_ids(root) == kept
        befalls.mend()
        session.shown()
        session.accept()
        assert session.sitting is None
        session.desk.close()


@pytest.mark.parametrize("begin", [item_session, grid_session, adjudication])
def test_what_is_on_disk_is_acknowledged_although_the_index_has_no_room_to_follow(root, begin, monkeypatch):
    with open_(root) as opened:
        filled(opened)
        session = begin(opened)
        before = record_ids(root)
        session.shown()
        with monkeypatch.context() as full:
            full.setattr(Index, "_refresh", _no_room)
            session.accept()
            assert session.notice.kind == "saved"
            assert len(record_ids(root)) == len(before) + session.records
            session.undo()
            assert session.notice.kind == "saved"
            session.redo()
        found = len(record_ids(root))
        assert found == len(before) + session.records
        session.desk.close()
        opened.index.refresh()
        assert "reviewed" in states(opened).values()


def _no_room(*_):
    raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize("begin", [item_session, grid_session, adjudication])
def test_a_removed_labels_folder_is_made_again_with_all_that_was_acknowledged_in_it(root, begin):
    with open_(root) as opened:
        filled(opened)
        session = begin(opened)
        session.shown()
        session.accept()
        mine = {p for p in label_files(root) if "/ana/" in p}
        assert mine
        acknowledged = session.records
        shutil.rmtree(root / "labels")
        session.shown()
        if at(session):
            session.accept()
        else:
            session.undo()
        assert session.notice.kind == "saved"
        session.desk.close()
        found = [data for p, data in label_files(root).items() if "/ana/" in p]
        assert sum(data.count(b'\n{"id"') for data in found) == session.records > acknowledged


@pytest.mark.parametrize("cells", [78, 98, 198])
def test_the_remedy_is_in_sight_however_long_the_path(trouble, cells):
    root, befalls = trouble
    deep = lay(root / "deep" / ("folder" * 12), root)
    with open_(deep) as opened:
        filled(opened)
        session = item_session(opened)
        session.shown()
        befalls.begin(deep)
        session.accept()
        line = status_line(session.notice, 0, ["undo 0"], cells).plain
        befalls.mend()
        session.desk.close()
    assert "free some space or mend the permissions, then do it again" in line
    assert "not saved" in line
    assert len(line) <= cells


def test_states_after_trouble_are_those_of_an_index_made_anew(trouble):
    root, befalls = trouble
    with open_(root) as opened:
        filled(opened)
        session = item_session(opened)
        session.shown()
        befalls.begin(root)
        session.accept()
        befalls.mend()
        session.accept()
        session.desk.close()
        found = states(opened)
    shutil.rmtree(Path(root, ".trainset"))
    with open_(root) as anew:
        assert states(anew) == found
