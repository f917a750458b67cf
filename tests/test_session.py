"""A review session without a terminal: what is recorded, and where it goes next."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainset.core.keys import CORE_KEYS, RESERVED_KEYS, key_collisions
from trainset.core.model import Attribute, Class, Item, Label, Task
from trainset.core.protocols import Change, Effect, Key
from trainset.core.queue import Entry
from trainset.core.scene import Line
from trainset.core.session import KEPT_SITTINGS, Session
from trainset.errors import MediaError, TrainsetError

from .kit import Listed

TASK = Task(
    name="kind",
    type="classify",
    labels=tuple(Label(id=name, index=i) for i, name in enumerate(("cat", "dog", "eel", "fox", "gnu", "hen", "ibis"))),
)


class View:
    """Edits a list of classes: `add` and `delete` change it, `look` is an effect."""

    keys = ()

    def open(self, item, versions, context):
        if item.key == "m/broken":
            raise MediaError("m/broken: cut short", hint="copy it again")
        self.now = tuple(next(iter(versions.values()), ()))

    def do(self, command, at=None, argument=None):
        before = self.now
        if command in ("add", "label"):
            self.now = (*before, Class(id=f"n{len(before)}", label=argument))
        elif command == "delete" and before:
            self.now = before[:-1]
        elif command == "attribute" and before:
            last = msgspec.structs.replace(before[-1], attributes=dict([argument]))
            self.now = (*before[:-1], last)
        elif command == "look":
            return Effect(message="looked")
        return Change(command, (before, self.now)) if self.now != before else None

    def undo(self, change):
        self.now = change.data[0]

    def redo(self, change):
        self.now = change.data[1]

    def annotations(self):
        return self.now

    def lines(self):
        return [Line(a.id, a.label or "", selected=a is self.now[-1]) for a in self.now]


@dataclass
class Desk:
    """A desk that keeps records in a list: (item, verdict, labels), and what was withdrawn."""

    keys: tuple[str, ...] = ("m/a", "m/b", "m/c")
    task: Task = TASK
    reviewer: str = "ana"
    proposals: dict = field(default_factory=lambda: {"m/a": ("cat",), "m/b": ("dog",), "m/c": ()})
    records: list = field(default_factory=list)
    live: dict = field(default_factory=dict)
    broken: bool = False

    def queue(self):
        return Listed(self._waiting)

    def _waiting(self):
        done = {item for item, verdict, *_ in self.live.values() if verdict != "rejected"}
        return [Entry(key, 1.0, "uncertain") for key in self.keys if key not in done]

    def item(self, key):
        if key not in (*self.keys, "m/elsewhere"):
            raise TrainsetError(f"no item {key}")
        return Item(key=key)

    def versions(self, item):
        if item.key not in self.proposals:
            return {"new": ()}
        proposed = (Class(id=f"p{i}", label=x, score=0.5) for i, x in enumerate(self.proposals[item.key]))
        return {"model": tuple(proposed)}

    def state(self, item):
        return "predicted" if item.key in self.proposals else "unlabelled"

    def item_attributes(self, item):
        return {}

    def record(self, item, verdict, annotations=None, *, attributes=None, note=None, seconds=None):
        if self.broken:
            raise TrainsetError("labels: no space left on device", hint="free some space")
        labels = None if annotations is None else [a.label for a in annotations]
        self.records.append((item.key, verdict, labels))
        self.extras = {"attributes": attributes, "note": note, "seconds": seconds}
        self.live[f"r{len(self.records)}"] = self.records[-1]
        return f"r{len(self.records)}"

    def withdraw(self, item, record):
        assert self.live.pop(record)[0] == item.key
        return "w"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def session(desk=None, min_look=0.0, clock=None):
    started = Session(desk or Desk(), View, SimpleNamespace(task=TASK), min_look=min_look, clock=clock or Clock())
    started.shown()
    return started


def look_and(started, *what):
    """Carry out commands of the session, each on an item that has been shown."""
    for name in what:
        started.shown()
        getattr(started, name)()
    started.shown()


def key(started):
    return started.sitting.item.key if started.sitting else None


# -- deciding ------------------------------------------------------------------------------------------------


def test_accepting_the_proposal_as_it_is_records_accepted_and_goes_on():
    s = session(desk := Desk())
    s.accept()
    assert desk.records == [("m/a", "accepted", ["cat"])]
    assert (key(s), s.notice.kind) == ("m/b", "saved")


def test_accepting_after_an_edit_records_corrected():
    s = session(desk := Desk())
    s.command("add", "eel")
    s.accept()
    assert desk.records == [("m/a", "corrected", ["cat", "eel"])]


def test_an_edit_that_was_taken_back_leaves_the_proposal_accepted():
    s = session(desk := Desk())
    s.command("add", "eel")
    s.command("delete")
    s.accept()
    assert desk.records == [("m/a", "accepted", ["cat"])]


def test_an_empty_proposal_can_be_accepted():
    s = session(desk := Desk(keys=("m/c",)))
    s.accept()
    assert desk.records == [("m/c", "accepted", [])]


def test_without_a_proposal_what_was_drawn_is_corrected_and_nothing_drawn_is_not_accepted():
    s = session(desk := Desk(keys=("m/new",)))
    s.accept()
    assert (desk.records, s.notice.kind) == ([], "refused")
    s.command("add", "cat")
    s.accept()
    assert desk.records == [("m/new", "corrected", ["cat"])]


def test_nothing_here_is_a_decision_without_annotations():
    s = session(desk := Desk())
    s.nothing_here()
    assert desk.records == [("m/a", "corrected", [])]


def test_rejecting_carries_no_annotations_and_needs_a_proposal():
    s = session(desk := Desk(keys=("m/a", "m/new")))
    look_and(s, "reject", "reject")
    assert desk.records == [("m/a", "rejected", None)]
    assert (key(s), s.notice.kind) == ("m/new", "refused")


def test_a_flag_carries_its_note():
    s = session(desk := Desk())
    s.flag(" blurred ")
    assert desk.records == [("m/a", "flagged", None)] and desk.extras["note"] == "blurred"


def test_a_comment_goes_with_the_decision():
    s = session(desk := Desk())
    s.comment("bent")
    s.accept()
    assert desk.extras["note"] == "bent"


def test_skipping_writes_nothing_and_the_item_comes_round_again():
    s = session(desk := Desk())
    look_and(s, "skip", "accept", "accept")
    assert [r[0] for r in desk.records] == ["m/b", "m/c"] and key(s) == "m/a"


def test_when_all_is_decided_there_is_no_item_and_deciding_does_nothing():
    s = session(desk := Desk())
    look_and(s, "accept", "accept", "accept", "accept", "reject", "skip", "nothing_here")
    assert (s.sitting, len(desk.records)) == (None, 3)


def test_an_empty_queue_is_no_error():
    s = session(Desk(keys=()))
    look_and(s, "accept", "undo", "redo", "skip")
    s.go(1)
    s.go(-1)
    s.jump("x")
    assert s.sitting is None


def test_what_arrives_in_the_queue_meanwhile_is_reached():
    s = session(desk := Desk(keys=("m/a",)))
    desk.keys = ("m/a", "m/b")
    s.accept()
    assert key(s) == "m/b"


def test_a_rejected_item_is_not_shown_again_at_once():
    s = session(Desk(keys=("m/a",)))
    s.reject()
    assert s.sitting is None


def test_a_required_attribute_holds_a_decision_back():
    attributes = (
        Attribute(name="weather", type="text", of="item", required=True),
        Attribute(name="wet", type="flag", labels=("cat",), required=True),
    )
    s = session(desk := Desk(task=msgspec.structs.replace(TASK, attributes=attributes)))
    s.accept()
    assert "weather" in s.notice.text
    s.set_item_attribute("weather", "rain")
    s.accept()
    assert "wet of cat" in s.notice.text and not desk.records
    s.set_attribute("wet", False)
    s.accept()
    assert desk.extras["attributes"] == {"weather": "rain"} and desk.records[0][1] == "corrected"


# -- looking before deciding ---------------------------------------------------------------------------------


def test_a_key_that_arrives_before_its_item_was_painted_decides_nothing():
    s = session(desk := Desk())
    s.accept()
    s.accept()
    assert (len(desk.records), key(s), s.notice.kind) == (1, "m/b", "refused")


def test_a_key_within_the_least_look_decides_nothing_and_later_it_does():
    s = session(desk := Desk(), min_look=0.15, clock=(clock := Clock()))
    clock.now = 0.1
    for decide in (s.accept, s.reject, s.nothing_here, s.flag):
        decide()
    assert not desk.records and "too quick" in s.notice.text
    clock.now = 0.2
    s.accept()
    assert len(desk.records) == 1


def test_painting_again_does_not_start_the_look_again():
    s = session(desk := Desk(), min_look=0.15, clock=(clock := Clock()))
    clock.now = 0.2
    s.shown()
    s.accept()
    assert len(desk.records) == 1


def test_time_on_the_item_leaves_pauses_out():
    s = session(desk := Desk(), clock=(clock := Clock()))
    clock.now = 5.0
    s.command("add", "eel")
    clock.now = 5000.0
    s.accept()
    assert desk.extras["seconds"] == 65.0


# -- trouble -------------------------------------------------------------------------------------------------


def test_a_decision_that_cannot_be_written_moves_nothing():
    s = session(desk := Desk(broken=True))
    s.command("add", "eel")
    s.accept()
    assert (key(s), s.notice.kind, s.undo_depth, s.decided) == ("m/a", "error", 1, 0)
    assert "no space left" in s.notice.text and "free some space" in s.notice.text
    desk.broken = False
    s.accept()
    assert desk.records == [("m/a", "corrected", ["cat", "eel"])]


def test_an_item_that_cannot_be_shown_can_be_flagged_or_skipped_only():
    s = session(desk := Desk(keys=("m/broken", "m/a")))
    assert "cut short" in s.sitting.error
    look_and(s, "accept", "reject", "nothing_here")
    assert not desk.records
    s.flag("damaged")
    assert desk.records == [("m/broken", "flagged", None)]


# -- undo ----------------------------------------------------------------------------------------------------


def test_undo_takes_back_edits_first_and_then_the_last_decision():
    s = session(desk := Desk())
    s.accept()
    s.shown()
    s.command("add", "eel")
    s.undo()
    assert (key(s), [a.label for a in s.sitting.annotations]) == ("m/b", ["dog"])
    s.undo()
    assert (key(s), desk.live) == ("m/a", {})
    s.undo()
    assert s.notice.text == "nothing to undo"


def test_undoing_a_correction_gives_its_edits_back():
    s = session(desk := Desk())
    s.command("add", "eel")
    s.accept()
    s.undo()
    assert [a.label for a in s.sitting.annotations] == ["cat", "eel"]
    s.undo()
    look_and(s, "accept")
    assert desk.records[-1] == ("m/a", "accepted", ["cat"])


def test_redo_decides_the_same_again_as_a_new_record():
    s = session(desk := Desk())
    s.command("add", "eel")
    s.accept()
    s.undo()
    s.redo()
    assert desk.records[0] == desk.records[1] and len(desk.live) == 1
    assert key(s) == "m/b"


def test_a_new_edit_forgets_what_could_be_redone():
    s = session(desk := Desk())
    s.accept()
    s.undo()
    s.command("add", "eel")
    s.redo()
    assert (s.notice.text, desk.live) == ("nothing to redo", {})


def test_comments_and_attributes_of_the_item_are_undone_like_edits():
    s = session()
    s.comment("one")
    s.set_item_attribute("weather", "rain")
    s.undo()
    s.undo()
    assert (s.sitting.aside.note, dict(s.sitting.aside.attributes)) == (None, {})
    s.redo()
    assert s.sitting.aside.note == "one"


def test_a_withdrawal_that_cannot_be_written_moves_nothing():
    desk = Desk()

    def refuse(item, record):
        raise TrainsetError("read-only")

    s = session(desk)
    s.accept()
    desk.withdraw = refuse
    s.undo()
    assert (key(s), s.notice.kind, s.decided) == ("m/b", "error", 1)


def test_edits_come_back_even_where_the_item_was_long_closed():
    keys = tuple(f"m/{i}" for i in range(KEPT_SITTINGS + 4))
    s = session(desk := Desk(keys=keys, proposals=dict.fromkeys(keys, ("cat",))))
    s.command("add", "eel")
    look_and(s, *["accept"] * (KEPT_SITTINGS + 3))
    look_and(s, *["undo"] * (KEPT_SITTINGS + 3))
    assert (key(s), [a.label for a in s.sitting.annotations]) == ("m/0", ["cat", "eel"])
    s.accept()
    assert desk.records[-1] == ("m/0", "corrected", ["cat", "eel"])


STEPS = ("accept", "nothing_here", "reject", "flag", "skip", "undo", "redo", "add", "delete", "next", "previous")


@given(st.lists(st.sampled_from(STEPS), max_size=40))
@settings(max_examples=150)
def test_undoing_everything_withdraws_every_decision(steps):
    desk = Desk(keys=("m/a", "m/b", "m/c", "m/d", "m/broken"))
    s = session(desk)
    for step in steps:
        s.shown()
        if step in ("add", "delete"):
            s.command(step, "eel")
        elif step in ("next", "previous"):
            s.go(1 if step == "next" else -1)
        else:
            getattr(s, step)()
        assert len(desk.live) == s.decided
    for _ in range(2 * len(steps)):
        s.undo()
    assert (desk.live, s.decided) == ({}, 0)
    assert len(s._sittings) <= KEPT_SITTINGS + 1


# -- moving --------------------------------------------------------------------------------------------------


def test_going_back_shows_the_decision_and_deciding_again_records_anew():
    s = session(desk := Desk())
    s.accept()
    s.go(-1)
    assert (key(s), s.verdict) == ("m/a", "accepted")
    s.shown()
    s.nothing_here()
    assert [r[1] for r in desk.records] == ["accepted", "corrected"] and key(s) == "m/b"


def test_moving_stops_at_both_ends_and_says_so():
    s = session()
    s.go(-10)
    assert (key(s), s.notice.text) == ("m/a", "this is the start of the queue")
    s.go(10)
    assert key(s) == "m/c"
    s.go(1)
    assert (key(s), s.notice.text) == ("m/c", "this is the end of the queue")


def test_edits_wait_while_one_looks_elsewhere():
    s = session()
    s.command("add", "eel")
    s.go(1)
    s.go(-1)
    assert [a.label for a in s.sitting.annotations] == ["cat", "eel"]


def test_jumping_finds_keys_by_a_part_and_goes_round():
    s = session(Desk(keys=("m/one", "m/Two", "m/three"), proposals={}))
    s.jump("two")
    assert key(s) == "m/Two"
    s.jump("ONE")
    assert key(s) == "m/one"
    s.jump("nowhere")
    assert (key(s), s.notice.kind) == ("m/one", "refused")


def test_jumping_to_an_item_outside_the_queue_and_undoing_returns_to_the_right_items():
    s = session()
    look_and(s, "accept")
    s.jump("m/elsewhere")
    assert key(s) == "m/elsewhere"
    s.shown()
    s.command("add", "cat")
    look_and(s, "accept", "accept")
    assert key(s) == "m/b"
    look_and(s, "undo")
    assert key(s) == "m/c"
    look_and(s, "undo")
    assert key(s) == "m/elsewhere"


# -- labels and keys -----------------------------------------------------------------------------------------


def test_labels_come_by_the_models_favour_then_lately_used_then_as_declared():
    s = session(Desk(keys=("m/a",), proposals={"m/a": ("fox", "unknown")}))
    s.label("ibis")
    assert [label.id for label in s.labels()] == ["fox", "ibis", "cat", "dog", "eel", "gnu", "hen"]


def test_effects_are_the_screens_and_their_message_is_shown():
    s = session()
    assert s.command("look") == Effect(message="looked") and s.notice.text == "looked"


def test_the_cores_keys_are_reserved_and_claimed_once():
    names = [k.key for k in CORE_KEYS]
    assert len(names) == len(set(names)) and set(names) <= RESERVED_KEYS


@pytest.mark.parametrize("taken", ["a", "N", "5", "tab", "ctrl+m", "question_mark"])
def test_a_view_may_not_take_a_reserved_key(taken):
    assert len(key_collisions([Key(taken, "x", "x"), Key("h", "y", "y")])) == 1


def test_a_view_may_not_claim_a_key_twice():
    assert key_collisions([Key("h", "x", "x"), Key("h", "y", "y")]) == ["h (y) is claimed twice"]
