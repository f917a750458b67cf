"""Edits that nobody decided: they outlive their session, are offered to the same reviewer, and go when they are decided."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from trainset.core.adjudicating import AdjudicationSession
from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.rankers import InOrder
from trainset.core.session import Session

from .kit import add, answer, decide, open_, propose, recorder, states, task
from .test_session import View

KEYS = [f"media/{n}.txt" for n in range(3)]


@pytest.fixture
def notes(root):
    """Three notes on disk, with a proposal each."""
    with open_(root) as opened:
        opened.kit.ranker = lambda name, where: InOrder()
        for key in KEYS:
            (root / key).write_text(key)
        add(opened, *KEYS)
        propose(opened, dict.fromkeys(KEYS, ("a", 0.5)))
        yield opened


class Sitting:
    """A session of its own, that ends with its desk."""

    def __init__(self, dataset, who="ana", kind=ReviewDesk, session=Session):
        self.desk = kind(dataset, task(dataset), who)
        context = TaskContext(dataset, self.desk.task)
        self.session = session(self.desk, View, context, min_look=0.0)
        self.session.shown()

    def __enter__(self):
        return self.session

    def __exit__(self, *_):
        self.session.keep_draft()
        self.desk.close()


def say(session, label):
    """Two edits: the class that there is goes, another comes."""
    session.command("delete")
    session.command("add", label)


def labels(session):
    return [a.label for a in session.sitting.annotations]


def test_an_edit_that_was_not_decided_is_offered_again_and_can_be_taken_up(notes):
    with Sitting(notes) as s:
        say(s, "c")
        s.comment("bent")
    with Sitting(notes) as s:
        (draft,) = s.drafts()
        assert draft.title.startswith(f"an edit of {KEYS[0]} from ")
        assert draft.changed == ""
        s.go(1)
        s.take_up(draft)
        assert s.sitting.item.key == KEYS[0]
        assert (labels(s), s.sitting.aside.note) == (["c"], "bent")
        s.shown()
        s.accept()
        assert states(notes)[KEYS[0]] == "reviewed"
        decision, _ = notes.decision(notes.row(KEYS[0], task(notes)).live[0])
        assert (decision.verdict, decision.note) == ("corrected", "bent")
    with Sitting(notes) as s:
        assert s.drafts() == []


def test_what_is_taken_up_is_undone_as_a_whole_and_then_gone(notes):
    with Sitting(notes) as s:
        say(s, "c")
    with Sitting(notes) as s:
        s.take_up(s.drafts()[0])
        s.command("delete")
        s.undo()
        s.undo()
        assert labels(s) == ["a"]
        s.redo()
        assert labels(s) == ["c"]
        s.undo()
    with Sitting(notes) as s:
        assert s.drafts() == []


def test_what_is_dropped_is_gone(notes):
    with Sitting(notes) as s:
        say(s, "c")
    with Sitting(notes) as s:
        s.drop(s.drafts()[0])
        assert s.drafts() == []
        assert labels(s) == ["a"]


def test_edits_that_are_undone_to_the_start_leave_nothing(notes):
    with Sitting(notes) as s:
        say(s, "c")
        s.keep_draft()
        s.undo()
        s.undo()
    with Sitting(notes) as s:
        assert s.drafts() == []


def test_an_edit_is_kept_when_one_goes_on_without_deciding(notes):
    with Sitting(notes) as s:
        say(s, "c")
        s.go(1)
        say(s, "b")
        s.skip()
    with Sitting(notes) as s:
        assert sorted(d.item.key for d in s.drafts()) == KEYS[:2]


def test_a_decision_drops_what_was_kept_and_its_withdrawal_keeps_it_again(notes):
    with Sitting(notes) as s:
        say(s, "c")
        s.keep_draft()
        s.accept()
        assert s.drafts() == []
        s.undo()
    with Sitting(notes) as s:
        assert [d.item.key for d in s.drafts()] == KEYS[:1]


def test_the_edits_of_another_reviewer_are_theirs(notes):
    with Sitting(notes) as s:
        say(s, "c")
    with Sitting(notes, "ben") as s:
        assert s.drafts() == []


def test_a_draft_says_what_has_changed_since(notes):
    with Sitting(notes) as s:
        say(s, "c")
    (notes.root / KEYS[0]).write_text("another text")
    decide(notes, KEYS[0], "b", who="ben")
    with Sitting(notes) as s:
        (draft,) = s.drafts()
        assert draft.changed == "its media are not the bytes that were edited; ben decided it since"
        s.take_up(draft)
        assert "ben decided it since" in s.notice.text


def test_what_cannot_be_kept_stops_nobody(notes, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with Sitting(notes) as s:
        say(s, "c")
    monkeypatch.undo()
    with Sitting(notes) as s:
        assert s.drafts() == []
    assert not list(Path(notes.repository.machine, "drafts").rglob("*.*"))


def test_a_draft_that_cannot_be_read_or_whose_item_is_gone_is_not_offered(notes):
    with Sitting(notes) as s:
        say(s, "c")
    (path,) = Path(notes.repository.machine, "drafts").rglob("*.json")
    path.with_name("torn.json").write_text("{")
    path.write_bytes(path.read_bytes().replace(KEYS[0].encode(), b"media/gone"))
    with Sitting(notes) as s:
        assert s.drafts() == []


def test_nothing_of_it_is_in_git_or_among_the_labels(notes):
    before = sorted(p for p in notes.root.rglob("*") if ".git" not in p.parts and p.is_file())
    with Sitting(notes) as s:
        say(s, "c")
    assert sorted(p for p in notes.root.rglob("*") if ".git" not in p.parts and p.is_file()) == before


@pytest.fixture
def disputed(notes):
    """A note about which Ben and Cy say different things."""
    for who, label in (("ben", "b"), ("cy", "c")):
        with open_(notes.root) as apart:
            row = apart.row(KEYS[0], task(apart))
            fresh = replace(row, live=(), seen=())
            writing = recorder(apart, who)
            writing.decide(fresh, "corrected", answer(label))
            writing.close()
    notes.index.refresh()
    assert states(notes)[KEYS[0]] == "disputed"
    return notes


def test_a_merge_that_was_mended_by_hand_is_kept(disputed):
    adjudicating = {"kind": AdjudicationDesk, "session": AdjudicationSession}
    with Sitting(disputed, "cy", **adjudicating) as s:
        s.command("pick", 1)
        s.keep_draft()
        s.command("by-hand", (answer("a"), {}))
    with Sitting(disputed, "cy", **adjudicating) as s:
        (draft,) = s.drafts()
        s.take_up(draft)
        assert labels(s) == ["a"]
        s.undo()
    with Sitting(disputed, "cy", **adjudicating) as s:
        assert s.drafts() == []


def test_picks_alone_are_not_kept(disputed):
    with Sitting(disputed, "cy", kind=AdjudicationDesk, session=AdjudicationSession) as s:
        s.command("pick", 1)
    with Sitting(disputed, "cy") as s:
        assert s.drafts() == []
