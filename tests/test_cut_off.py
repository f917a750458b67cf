"""Sessions in real terminals whose line is cut, that are ended or killed, and that sit beside each other."""

import signal
import time

import pytest

from .command import states, trainset
from .kit import git, record_ids
from .seat import Seat

CUT = {
    "killed": (lambda seat: seat.end(signal.SIGKILL), [-signal.SIGKILL]),
    "ended": (lambda seat: seat.end(signal.SIGTERM), [128 + signal.SIGTERM]),
    "hung up": (lambda seat: seat.hang_up(), [128 + signal.SIGHUP, 1]),  # 1: what it says at the end reaches nobody
}


@pytest.fixture
def sit(parts):
    """Begins sessions on the pictures, which have been committed."""
    trainset("prelabel", "--yes", cwd=parts)
    trainset("reviewer", "add", "ben", cwd=parts)
    settings = parts / "trainset.toml"
    settings.write_text(settings.read_text().replace('blind = ["test"]', "blind = []"))
    trainset("commit", cwd=parts)
    begun = []

    def begin(who="ana", *args):
        begun.append(Seat(parts, "review", "--reviewer", who, *args, TRAINSET_PLUGINS="vision"))
        begun[-1].wait_for("? help")
        return begun[-1]

    yield begin
    for seat in begun:
        seat.close()


def accept(seat, root):
    """Decide the item at hand, and return once that is on disk."""
    before = len(record_ids(root))
    time.sleep(0.5)  # it must have been looked at
    seat.press("a")
    wait_until(lambda: len(record_ids(root)) > before)


def wait_until(true, seconds=30):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def files(root, kind):
    return list((root / ".git" / "trainset" / kind).rglob("*.json"))


@pytest.mark.parametrize("how", CUT)
def test_who_is_cut_off_loses_neither_decisions_nor_the_edit_at_hand(sit, parts, how):
    seat = sit()
    accept(seat, parts)
    before = record_ids(parts)
    seat.press("b")
    wait_until(lambda: files(parts, "drafts"))
    cut, codes = CUT[how]
    assert cut(seat) in codes
    assert before <= record_ids(parts)
    assert list(states(parts).values()).count("reviewed") == 1
    again = sit()
    again.wait_for("Enter takes it up")
    again.press("\r")
    accept(again, parts)
    again.press("q")
    again.wait_for("not committed")
    again.press("q")
    assert again.leave() == 0
    assert not files(parts, "drafts")
    assert not files(parts, "leases")
    assert list(states(parts).values()).count("reviewed") == 2
    assert trainset("verify", cwd=parts).code == 0


def test_two_who_sit_side_by_side_get_different_items_and_see_what_the_other_did(sit, parts):
    ana, ben = sit("ana"), sit("ben")
    assert len(files(parts, "leases")) == 2
    keys = sorted(states(parts))
    for _ in range(3):
        for seat in (ana, ben):
            accept(seat, parts)
    for seat in (ana, ben):
        seat.press("qq")
        assert seat.leave() == 0
    assert states(parts) == dict.fromkeys(keys, "reviewed")
    log = trainset("commit", cwd=parts).out
    assert "6 decision(s) by ana, ben" in log


def test_a_session_that_ends_commits_where_it_is_asked_to_and_not_otherwise(sit, parts):
    head = git(parts, "rev-parse", "HEAD")
    seat = sit()
    accept(seat, parts)
    seat.press("q")
    seat.wait_for("1 decision not committed")
    seat.press("q")
    assert seat.leave() == 0
    assert git(parts, "rev-parse", "HEAD") == head
    seat = sit()
    seat.press("q")
    seat.wait_for("1 decision not committed")
    seat.press("s")
    assert seat.leave() == 0
    assert git(parts, "rev-parse", "HEAD~1") == head
    assert git(parts, "status", "--porcelain") == ""


def test_with_autosync_the_end_of_a_session_shares_it_unasked(sit, parts, tmp_path):
    git(tmp_path, "init", "-q", "--bare", tmp_path / "hub.git")
    git(parts, "remote", "add", "origin", tmp_path / "hub.git")
    settings = parts / "trainset.toml"
    settings.write_text(settings.read_text().replace("autosync = false", "autosync = true"))
    seat = sit()
    accept(seat, parts)
    seat.press("q")
    assert seat.leave() == 0
    assert "1 decision(s) by ana" in git(tmp_path / "hub.git", "log", "-1", "--format=%s")
