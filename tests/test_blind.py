"""Blind review: what is hidden until the reviewer has decided, and what the decision says of it afterwards."""

import msgspec
import pytest

from trainset.core.blind import BlindDesk
from trainset.core.context import TaskContext
from trainset.core.model import Item, ItemRecord, LotEntry
from trainset.core.session import Session

from .command import trainset
from .kit import KINDS, decide, propose, task
from .test_session import Clock
from .test_session import View as ClassView


class Level:
    """All items are as urgent."""

    def rank(self, cases, context):
        return ((case.item.key, 0.0, "level") for case in cases)


@pytest.fixture
def notes(dataset):
    """Two items to learn from, two to measure on, each with the proposal "a"."""
    dataset.kit.ranker = lambda name, where: Level()
    writer = dataset.writer(dataset.header("items"))
    items = [Item(key=f"n/{split}{n}", split=split) for split in ("train", "test") for n in (1, 2)]
    writer.append([msgspec.json.encode(ItemRecord(change="added", item=item)) for item in items])
    writer.close()
    dataset.index.refresh()
    propose(dataset, {item.key: ("a", 0.7) for item in items})
    return dataset


def draw(dataset, *keys):
    writer = dataset.writer(dataset.header("lots", task(dataset), lot={"rule": "random-audit"}))
    writer.append([msgspec.json.encode(LotEntry(item=key)) for key in keys])
    writer.close()
    dataset.index.refresh()


def desk_of(dataset, who="ana", where="", splits=("test",), **more):
    return BlindDesk(dataset, task(dataset), who, where, splits=splits, **more)


def sit(dataset, desk=None, **more):
    desk = desk or desk_of(dataset, **more)
    session = Session(desk, ClassView, TaskContext(dataset, task(dataset)), min_look=0.0, clock=Clock())
    session.shown()
    return session


def made(dataset, key):
    return dataset.decision(dataset.row(key, task(dataset)).live[-1])[0]


def test_the_test_split_is_shown_without_proposal_reasons_or_history(notes):
    desk = desk_of(notes)
    item = notes.item("n/test1")
    assert dict(desk.versions(item)) == {"new": ()}
    assert desk.blind(item) == "test split" and not desk.history(item)
    assert all("blind" in line for line in desk.why(item))
    assert "a" in [a.label for v in desk.versions(notes.item("n/train1")).values() for a in v]
    assert desk.blind(notes.item("n/train1")) == "" and desk_of(notes, splits=()).blind(item) == ""


def test_a_blind_decision_says_so_and_has_no_origin(notes):
    s = sit(notes, where="key = n/test1")
    assert s.sitting.blind == "test split" and not s.sitting.proposed
    s.reject()
    assert "no proposal to reject" in s.notice.text
    s.label("b")
    s.accept()
    found = made(notes, "n/test1")
    assert (found.blind, found.origin, found.verdict) == (True, None, "corrected")
    assert b'"blind":true' in next(notes.root.glob("labels/decisions/*/ana/*/*.jsonl")).read_bytes()


def test_others_are_decided_in_sight_of_the_proposal(notes):
    s = sit(notes, where="key = n/train1")
    s.accept()
    found = made(notes, "n/train1")
    assert not found.blind and found.origin is not None and found.verdict == "accepted"


def test_a_proposal_that_differs_is_shown_after_the_decision(notes):
    s = sit(notes, where="split = test")
    s.label("b")
    s.accept()
    assert s.unveiled and s.sitting.item.key == "n/test1" and s.sitting.blind == ""
    assert [r.who for r in s.desk.rivals(s.sitting.item, model=True)] == ["ana", "m (model)"]
    s.shown()
    s.accept()
    assert s.decided == 1 and s.sitting.item.key == "n/test2" and s.notice.text == "your decision stands"


def test_one_that_says_the_same_needs_no_look(notes):
    s = sit(notes, where="split = test")
    s.label("a")
    s.accept()
    assert not s.unveiled and s.sitting.item.key == "n/test2" and "m (model) says the same" in s.notice.text


def test_a_correction_after_it_has_seen_the_proposal_and_supersedes_the_blind_one(notes):
    s = sit(notes, where="key = n/test1")
    s.label("b")
    s.accept()
    s.shown()
    s.command("delete")
    s.label("c")
    s.accept()
    first, second = (notes.decision(rid)[0] for rid in notes.row("n/test1", task(notes)).seen)
    blind, seen = (first, second) if first.blind else (second, first)
    assert blind.blind and not seen.blind and seen.origin is not None and len(seen.on) == 1
    assert notes.row("n/test1", task(notes)).state == "reviewed"


def test_taken_back_it_cannot_be_taken_blind_again(notes):
    s = sit(notes, where="key = n/test1")
    s.label("b")
    s.accept()
    s.undo()
    assert s.sitting.blind == "" and s.desk.blind(s.sitting.item) == ""
    s.redo()
    assert not made(notes, "n/test1").blind
    assert desk_of(notes, "ben").blind(notes.item("n/test1")) == "test split"


def test_two_who_decide_blind_stand_beside_each_other(notes):
    for who, label in (("ana", "a"), ("ben", "b")):
        s = sit(notes, who=who, where="key = n/test1")
        assert s.sitting.blind and not s.sitting.annotations
        s.label(label)
        s.accept()
        assert not made_by(notes, "n/test1", who).on
    assert notes.states(KINDS)["n/test1"] == "disputed"
    assert desk_of(notes, "cy").blind(notes.item("n/test1")) == ""


def made_by(dataset, key, who):
    found = [dataset.decision(rid) for rid in dataset.row(key, task(dataset)).live]
    return next(decision for decision, header in found if header.reviewer == who)


def test_an_item_that_was_reopened_or_rejected_is_answered_and_not_disputed(notes):
    decide(notes, "n/test1", "b", who="ben")
    decide(notes, "n/test1", who="ben", verdict="reopened", reason="look again")
    decide(notes, "n/test2", who="ben", verdict="rejected")
    s = sit(notes, where="split = test")
    for _ in range(2):
        assert s.sitting.blind
        s.label("a")
        s.accept()
        s.shown()
    assert {notes.states(KINDS)[f"n/test{n}"] for n in (1, 2)} == {"reviewed"}


@pytest.mark.parametrize("verdict", ["flagged", "excluded"])
def test_what_somebody_flagged_or_excluded_is_seen(notes, verdict):
    decide(notes, "n/test1", who="ben", verdict=verdict)
    assert desk_of(notes).blind(notes.item("n/test1")) == ""


def test_an_audit_goes_through_what_was_drawn(notes):
    draw(notes, "n/train2", "n/test1")
    assert {entry.key for entry in desk_of(notes, audit=True).queue()} == {"n/test1", "n/train2"}
    s = sit(notes, desk_of(notes, audit=True, where="split = train"))
    assert s.sitting.item.key == "n/train2" and s.sitting.blind == "audit" and s.left == 1
    s.label("a")
    s.accept()
    assert made(notes, "n/train2").blind


def test_labels_are_not_in_the_order_that_the_model_favours(notes):
    propose(notes, {"n/test1": ("c", 0.9)})
    s = sit(notes, where="key = n/test1")
    assert [label.id for label in s.labels()] == ["a", "b", "c"]


def test_history_says_that_a_decision_was_blind(notes):
    s = sit(notes, where="key = n/test1")
    s.label("a")
    s.accept()
    assert any("corrected blind with 1" in line for line in s.desk.history(notes.item("n/test1")))


def test_blind_decisions_are_not_counted_as_prompted(parts):
    """By the command line, with a model's run."""
    (parts / "trainset.toml").write_text(
        (parts / "trainset.toml").read_text() + '\n[models.m]\ntask = "parts"\nprelabeler = "outline"\n'
    )
    trainset("prelabel", "--model", "m", "--yes", cwd=parts)
    from trainset.core.judging import Judging, run_named
    from trainset.workspace import Workspace

    with Workspace().open(parts) as dataset:
        parts_task = dataset.config.task("parts")
        splits = {row.item.split for row in dataset.rows(parts_task)}
        desk = BlindDesk(dataset, parts_task, "ana", "key = *p0*", splits=splits)
        item = dataset.item("media/p0.png")
        assert dict(desk.versions(item)) == {"new": ()}
        desk.record(item, "corrected", ())
        item = dataset.item("media/p1.png")
        seen = BlindDesk(dataset, parts_task, "ana")
        seen.versions(item)
        seen.record(item, "corrected", ())
        desk.close()
        seen.close()
        judging = Judging(dataset, parts_task, [run_named(dataset, parts_task, "m")], "all")
        assert len(list(judging)) == 2 and judging.prompted == 1
