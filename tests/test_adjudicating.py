"""Adjudication without a terminal: what versions differ in, what a merge of picks says, and what is recorded."""

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.adjudicate_keys import ADJUDICATE_KEYS
from trainset.core.adjudicating import AdjudicationSession
from trainset.core.comparing import Rival, differences, headline, mark, sides_in_words
from trainset.core.contrast import Pane
from trainset.core.merging import Merge
from trainset.core.model import Annotation, Attribute, Class, Item, Label, Task
from trainset.core.protocols import Change, Effect, Key
from trainset.core.queue import Entry, Picked
from trainset.core.scene import Line, Picture, Point, Rect, Run, Scene, Shape, Size, Tint, Viewport
from trainset.core.session import Session
from trainset.errors import TrainsetError

from .test_session import Clock

ITEM = Item(key="m/a")
BOXES = Task(
    name="parts",
    type="box",
    labels=tuple(Label(id=name, index=i) for i, name in enumerate(("cat", "dog", "eel"))),
    attributes=(
        Attribute(name="bent", type="flag"),
        Attribute(name="weather", type="choice", choices=("dry", "wet"), of="item"),
    ),
)
KIND = Task(name="kind", type="classify", labels=BOXES.labels)


class Span(Annotation, kw_only=True, frozen=True, tag="test.span"):
    """From one place on a line to another."""

    span: tuple[float, float]


def span(id, start, end, label="cat", **attributes):
    return Span(id=id, label=label, span=(start, end), attributes=attributes)


def overlap(a, b, item):
    """Intersection over union of spans; classes always coincide."""
    table = np.zeros((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            if type(x) is not type(y):
                continue
            if isinstance(x, Class):
                table[i, j] = 1
                continue
            shared = min(x.span[1], y.span[1]) - max(x.span[0], y.span[0])
            union = max(x.span[1], y.span[1]) - min(x.span[0], y.span[0])
            table[i, j] = max(0.0, shared) / union
    return table


def rivals(*versions, **more):
    return [Rival(who, "2026-11-24 10:00", "corrected", tuple(v), **more) for who, v in zip(("ana", "ben", "cy"), versions, strict=False)]  # fmt: skip


def compared(*versions, task=BOXES):
    return differences(rivals(*versions), task, ITEM, overlap)


def merged(*versions, task=BOXES):
    return Merge.of(rivals(*versions), task, ITEM, overlap)


# -- differences ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "facets", "words"),
    [
        (span("a1", 0, 10), span("b1", 0, 9), (), "= cat"),
        (span("a1", 0, 10), span("b1", 0, 9, "dog"), ("label",), "≠ cat / dog"),
        (span("a1", 0, 10), span("b1", 6, 16), ("place",), "↔ moved: cat"),
        (span("a1", 0, 10), span("b1", 0, 10, bent=True), ("attributes",), "* attributes: cat"),
    ],
)
def test_an_object_of_two_versions_agrees_or_differs_in_label_place_or_attributes(left, right, facets, words):
    (found,) = compared([left], [right])
    assert (found.sides, found.facets) == ((left, right), facets)
    assert f"{mark(found)} {headline(found, rivals([left], [right]), BOXES)}" == words


def test_what_only_one_has_is_said_so():
    found = compared([span("a1", 0, 10)], [span("b1", 50, 60, "dog")])
    assert [d.facets for d in found] == [("only",), ("only",)]
    assert headline(found[1], rivals([], []), BOXES) == "only ben: dog"
    assert sides_in_words(found[1], rivals([], []), BOXES) == ["1 ana: not there", "2 ben: dog"]


def test_of_objects_that_overlap_each_goes_with_the_likest_of_its_label():
    left = [span("a1", 0, 10), span("a2", 1, 11, "dog")]
    right = [span("b1", 0, 10, "dog"), span("b2", 1, 11)]
    assert all(a.label == b.label for a, b in (d.sides for d in compared(left, right)))


def test_an_id_that_both_kept_from_one_proposal_is_one_object_however_far_it_was_moved():
    kept = {"origin": "d1", "kept": frozenset({"o1"})}
    pair = rivals([span("o1", 0, 10)], [span("o1", 90, 99)], **kept)
    (found,) = differences(pair, BOXES, ITEM, overlap)
    assert found.facets == ("place",) and found.alike == 0
    assert len(compared([span("o1", 0, 10)], [span("o1", 90, 99)])) == 2


def test_a_class_differs_in_its_label_and_of_several_classes_each_is_one():
    one, other = [Class(id="a1", label="cat")], [Class(id="b1", label="dog")]
    assert [d.facets for d in compared(one, other, task=KIND)] == [("label",)]
    many = msgspec.structs.replace(KIND, many=True)
    assert [d.facets for d in compared(one, other, task=many)] == [("only",), ("only",)]


def test_of_three_versions_one_object_has_three_sides():
    versions = [[span("a1", 0, 10)], [span("b1", 0, 10)], [span("c1", 0, 10, "dog")]]
    (found,) = compared(*versions)
    assert [s.id for s in found.sides] == ["a1", "b1", "c1"] and found.facets == ("label",)


def test_attributes_of_the_item_differ_too_and_a_version_without_annotations_takes_no_part():
    pair = [
        Rival("ana", annotations=(), attributes={"weather": "dry"}),
        Rival("ben", annotations=(), attributes={"weather": "wet"}),
        Rival("cy", verdict="excluded"),
    ]
    (found,) = differences(pair, BOXES, ITEM, overlap)
    assert found.attribute == "weather"
    assert sides_in_words(found, pair, BOXES) == ["1 ana: dry", "2 ben: wet", "3 cy: excluded"]
    assert Merge.of(pair, BOXES, ITEM, overlap).pick(0, frozenset({1})).attributes == {"weather": "wet"}


spans = st.lists(
    st.builds(
        lambda start, length, label: (start, start + length, label),
        st.integers(0, 40),
        st.integers(1, 20),
        st.sampled_from(["cat", "dog"]),
    ),
    max_size=6,
).map(lambda some: [span(f"a{n}", *each) for n, each in enumerate(some)])


@given(st.lists(spans, min_size=1, max_size=3))
def test_every_object_of_every_version_is_in_the_list_once(versions):
    found = compared(*versions)
    for n, version in enumerate(versions):
        assert sorted(d.sides[n].id for d in found if d.sides[n]) == sorted(a.id for a in version)


@given(st.lists(spans, min_size=2, max_size=3), st.data())
def test_a_merge_holds_every_object_that_is_picked_once_under_an_id_of_its_own(versions, data):
    merge = merged(*versions)
    wanted, agreed = [], 0
    for n, difference in enumerate(merge.differences):
        if not difference.facets:
            agreed += 1
            continue
        pick = frozenset(data.draw(st.sets(st.sampled_from(range(len(versions))))))
        merge = merge.pick(n, pick)
        wanted += [difference.sides[v] for v in pick if difference.sides[v]]
    assert not merge.open
    count = Counter((a.span, a.label) for a in merge.annotations)
    assert count.total() == len(wanted) + agreed
    assert Counter((a.span, a.label) for a in wanted) <= count
    ids = [a.id for a in merge.annotations]
    assert len(set(ids)) == len(ids) and "" not in ids


@given(st.lists(spans, min_size=2, max_size=3), st.data())
def test_a_merge_of_one_versions_word_on_everything_is_that_version(versions, data):
    number = data.draw(st.integers(0, len(versions) - 1))
    merge = merged(*versions).whole(number)
    assert merge.annotations == tuple(versions[number])
    same = merge.same_as
    assert same is not None and sorted(versions[same], key=lambda a: a.id) == sorted(versions[number], key=lambda a: a.id)  # fmt: skip


# -- what is marked in a scene -------------------------------------------------------------------------------


class Looking:
    """A view that shows what it is told to, and notes commands."""

    def __init__(self, *shapes, tints=(), rows=()):
        self.shown = Scene(Rect(0, 0, 100, 100), tints=tints, shapes=shapes, rows=rows)
        self.done = []

    def scene(self, viewport):
        return self.shown

    def do(self, command, at=None, argument=None):
        self.done.append((command, argument))


def shape(of, text="cat", x=0.0, **more):
    return Shape("box", (Point(x, 0), Point(x + 10, 10)), text, of=of, **more)


def test_what_differs_gets_sign_and_colour_what_agrees_is_dashed_and_other_shapes_stay():
    view = Looking(shape("a1", "1 cat"), shape("a2"), shape("", "slice 3"), shape("a3", selected=True))
    found = Pane(view, {"a1": ("≠", 5)}).scene(Viewport(Size(80, 24))).shapes
    assert [(s.text, s.color, s.weak) for s in found] == [
        ("≠ 1 cat", 5, False), ("", 0, True), ("slice 3", 0, False), ("cat", 0, False)
    ]  # fmt: skip


def test_masks_and_runs_of_text_are_marked_as_well():
    mask = np.zeros((10, 10), bool)
    mask[2:4, 5:9] = True
    tint = Tint(mask, Rect(0, 0, 100, 100), of="a1")
    view = Looking(tints=[tint], rows=[[Run("a "), Run("word", 1, of="a1"), Run("now", 1, "reverse", of="a1")]])
    pane = Pane(view, {"a1": ("+", 4)})
    scene = pane.scene(Viewport(Size(80, 24)))
    assert (scene.tints[0].text, scene.tints[0].color) == ("+", 4)
    assert [(r.color, r.style) for r in scene.rows[0]] == [(None, "plain"), (4, "underline"), (1, "reverse")]
    assert pane.place("a1") == Rect(50, 20, 40, 20) and pane.place("a9") is None


def test_a_pane_selects_its_own_object_and_goes_to_where_another_version_has_it():
    view = Looking()
    pane, there = Pane(view, {}), span("b1", 0, 1)
    pane.look_at(span("a1", 0, 1), there)
    pane.look_at(None, there)
    assert view.done == [("select", "a1"), ("select", None), ("reveal", there)]


# -- a session -----------------------------------------------------------------------------------------------


class SpanView:
    """Spans as boxes on a picture; `shift` edits, `slice` looks elsewhere."""

    keys = (Key("j", "slice", "next slice"), Key("y", "shift", "edit"), Key("w", "ask", "asks"))

    def open(self, item, versions, context):
        self.now, self.chosen, self.sliced = tuple(next(iter(versions.values()), ())), None, 0

    def scene(self, viewport):
        shapes = [
            Shape("box", (Point(a.span[0], 5), Point(a.span[1], 30)), a.label or "", 0, a.id == self.chosen, of=a.id)
            for a in self.now
            if isinstance(a, Span)
        ]
        rect = Rect(0, 0, 120, 40)
        return Scene(rect, [Picture(np.full((40, 120, 3), 60, np.uint8), rect)], shapes=shapes)

    def lines(self):
        return [Line(a.id, a.label or "?", selected=a.id == self.chosen) for a in self.now]

    def do(self, command, at=None, argument=None):
        if command == "select":
            self.chosen = argument
        elif command == "press":
            self.chosen = next((a.id for a in self.now if a.span[0] <= at.x < a.span[1]), None)
        elif command == "slice":
            self.sliced += 1
            return Effect(message=f"slice {self.sliced}")
        elif command == "ask":
            return Effect(label="shift")
        elif command == "shift":
            before, self.now = self.now, self.now[:-1]
            return Change("shifted", (before, self.now))
        return None

    def undo(self, change):
        self.now = change.data[0]

    def redo(self, change):
        self.now = change.data[1]

    def annotations(self):
        return self.now


ANA = (span("a1", 0, 20), span("a2", 40, 60), span("a3", 80, 100))
BEN = (span("b1", 0, 20), span("b2", 40, 60, "dog"))


@dataclass
class Disputed:
    """A desk of two items in dispute."""

    keys: tuple = ("m/a", "m/b")
    task: Task = BOXES
    sides: list = field(default_factory=lambda: rivals(ANA, BEN))
    model: Rival | None = None
    records: list = field(default_factory=list)
    withdrawn: list = field(default_factory=list)
    broken: bool = False
    reviewer = "cy"

    def queue(self):
        return Picked(Entry(key, 1.0, "disputed") for key in self.keys)

    def item(self, key):
        return Item(key=key)

    def state(self, item):
        return "disputed"

    def versions(self, item):
        return {r.title: r.annotations or () for r in self.sides}

    def rivals(self, item, *, model=False):
        return [*self.sides, *([self.model] if model and self.model else [])]

    def item_attributes(self, item):
        return {}

    def why(self, item):
        return ["disputed"]

    def history(self, item):
        return ["ana corrected", "ben corrected"]

    def record(self, item, verdict, annotations=None, *, attributes=None, note=None, seconds=None):
        if self.broken:
            raise TrainsetError("no space left on device")
        self.records.append(SimpleNamespace(item=item.key, verdict=verdict, annotations=annotations, note=note))
        self.records[-1].attributes = attributes
        return f"r{len(self.records)}"

    def withdraw(self, item, record):
        self.withdrawn.append(record)
        return "w"

    def waiting(self):
        return len(self.keys)

    def uncommitted(self):
        return len(self.records)


def context_of(desk):
    media = SimpleNamespace(ahead=lambda item: None)
    return SimpleNamespace(task=desk.task, similarity=overlap, media=media, objects=lambda item: ())


def adjudicate(desk, **more):
    session = AdjudicationSession(desk, SpanView, context_of(desk), min_look=0.0, clock=Clock(), **more)
    session.shown()
    return session


def said(desk):
    return [(r.item, r.verdict, r.annotations and tuple(a.id for a in r.annotations)) for r in desk.records]


def test_taking_a_version_whole_accepts_it_and_goes_on():
    s = adjudicate(desk := Disputed())
    s.take(1)
    assert said(desk) == [("m/a", "accepted", ("b1", "b2"))]
    assert desk.records[0].annotations == BEN and s.sitting.item.key == "m/b"


def test_a_merge_is_recorded_once_every_difference_is_settled():
    s = adjudicate(desk := Disputed())
    s.command("pick", 1)
    s.accept()
    assert not desk.records and s.notice.kind == "refused" and s.notice.text.startswith("1 left to settle")
    assert s.comparison.at == 1
    s.command("neither")
    s.accept()
    assert said(desk) == [("m/a", "accepted", ("b1", "b2"))]


def test_a_merge_that_no_version_says_is_a_correction():
    s = adjudicate(desk := Disputed())
    s.command("pick", 1)
    s.command("next")
    s.command("pick", -1)
    s.accept()
    assert said(desk) == [("m/a", "corrected", ("a1", "a3", "b2"))]


def test_both_takes_two_objects_where_that_makes_sense():
    s = adjudicate(desk := Disputed(sides=rivals([span("a1", 0, 20)], [span("a1", 0, 20, "dog")])))
    s.command("both")
    s.accept()
    assert [(a.label, a.id) for a in desk.records[0].annotations] == [("cat", "a1"), ("dog", "a2")]
    one = Disputed(task=KIND, sides=rivals([Class(id="a1", label="cat")], [Class(id="b1", label="dog")]))
    s = adjudicate(one)
    s.command("both")
    assert s.notice.text == "only one of them can be right here" and s.comparison.merge.open == (0,)


def test_picks_are_undone_and_done_again_and_then_the_decision():
    s = adjudicate(desk := Disputed())
    s.command("pick", 1)
    s.command("next")
    s.command("neither")
    s.undo()
    assert s.comparison.merge.open == (1,)
    s.redo()
    assert s.comparison.merge.open == ()
    s.accept()
    s.undo()
    assert desk.withdrawn == ["r1"] and s.sitting.item.key == "m/a" and not s.comparison.merge.open
    s.redo()
    assert len(desk.records) == 2 and s.sitting.item.key == "m/b"


def test_a_version_is_taken_at_its_word_on_the_object_that_is_pointed_at():
    s = adjudicate(desk := Disputed())
    s.command("point", 0, Point(90, 10))
    s.command("point", 1, Point(50, 10))
    s.command("point", 0, Point(70, 10))
    assert s.comparison.merge.picks == (frozenset({1}), frozenset({0}), frozenset({0})) and s.comparison.at == 0
    s.command("point", 0, Point(90, 10))
    assert s.comparison.merge.open == (1,)
    s.undo()
    s.accept()
    assert said(desk) == [("m/a", "corrected", ("a1", "a3", "b2"))]


def test_left_and_right_move_the_pick_through_three_versions():
    desk = Disputed(sides=rivals([span("a", 0, 20)], [span("b", 0, 20, "dog")], [span("c", 0, 20, "eel")]))
    s = adjudicate(desk)
    picks = []
    for by in (1, -1, -1, -1, 1):
        s.command("pick", by)
        picks.append(*s.comparison.merge.picks[0])
    assert picks == [2, 1, 0, 0, 1]
    s.command("unpick")
    assert s.comparison.merge.open == (0,)


def test_a_version_that_is_no_answer_can_be_taken():
    s = adjudicate(desk := Disputed(sides=[*rivals(ANA), Rival("ben", verdict="excluded", note="blurred")]))
    s.take(1)
    assert said(desk) == [("m/a", "excluded", None)]
    s.shown()
    s.take(7)
    assert s.notice.text == "there are 2 versions"


def test_what_the_model_proposed_can_be_shown_too():
    desk = Disputed(model=Rival("yolo (model)", annotations=(span("p1", 0, 20),)))
    s = adjudicate(desk)
    s.command("pick", 1)
    s.command("model")
    assert [r.who for r in s.comparison.merge.rivals] == ["ana", "ben", "yolo (model)"]
    s.command("model")
    assert len(s.comparison.panes) == 2


def test_after_undo_the_model_is_shown_and_hidden_as_before():
    s = adjudicate(Disputed(model=Rival("yolo (model)", annotations=(span("p1", 0, 20),))))
    s.command("pick", 1)
    s.command("model")
    s.undo()
    assert len(s.comparison.panes) == 2
    s.command("model")
    assert len(s.comparison.panes) == 3
    desk = Disputed()
    s = adjudicate(desk)
    s.command("model")
    desk.model = Rival("yolo (model)", annotations=(span("p1", 0, 20),))
    s.command("model")
    assert len(s.comparison.panes) == 3


def test_the_views_own_keys_look_and_never_edit():
    s = adjudicate(Disputed())
    s.command("slice")
    assert [pane.view.sliced for pane in s.comparison.panes] == [1, 1] and s.notice.text == "slice 1"
    s.command("shift")
    assert "e mends by hand" in s.notice.text and s.comparison.panes[0].view.annotations() == ANA
    assert s.command("ask").label is None and s.undo_depth == 0


def test_item_attributes_are_merged_and_recorded():
    sides = [
        Rival("ana", annotations=(), attributes={"weather": "dry"}),
        Rival("ben", annotations=(), attributes={"weather": "wet"}),
    ]
    s = adjudicate(desk := Disputed(sides=sides))
    s.command("pick", 1)
    s.accept()
    assert desk.records[0].attributes == {"weather": "wet"} and desk.records[0].verdict == "accepted"


def test_a_record_that_cannot_be_written_stops_the_flow():
    s = adjudicate(Disputed(broken=True))
    s.take(0)
    assert s.notice.kind == "error" and s.sitting.item.key == "m/a"


def test_what_was_only_edited_by_hand_is_the_merge_and_what_was_decided_there_counts():
    s = adjudicate(desk := Disputed())
    s.command("pick", 1)

    def editor():
        opened = Session(desk, SpanView, context_of(desk), min_look=0.0, queue=Picked((s.sitting.entry,)))
        opened.begin_with(*s.draft())
        opened.shown()
        return opened

    first = editor()
    assert [a.id for a in first.sitting.annotations] == ["a1", "b2"]
    first.command("shift")
    s.returned(first)
    assert [a.id for a in s.comparison.annotations()] == ["a1"] and not s.comparison.merge.open
    s.undo()
    assert s.comparison.merge.open == (1,)
    second = editor()
    second.command("shift")
    second.accept()
    s.returned(second)
    assert said(desk) == [("m/a", "corrected", ("a1",))] and s.sitting.item.key == "m/b" and s.decided == 1
    s.undo()
    assert desk.withdrawn == ["r1"] and s.sitting.item.key == "m/a"


def test_a_decision_of_ones_own_stands_unless_something_else_is_picked():
    for script in (lambda s: s.accept(), lambda s: s.take(0)):
        s = adjudicate(desk := Disputed(), stands=True, queue=Picked((Entry("m/a", 0, ""),)))
        script(s)
        assert not desk.records and s.sitting is None
    s = adjudicate(desk := Disputed(), stands=True, queue=Picked((Entry("m/a", 0, ""),)))
    s.take(1)
    assert said(desk) == [("m/a", "accepted", ("b1", "b2"))] and s.sitting is None


def test_no_key_means_two_things():
    assert len({key.key for key in ADJUDICATE_KEYS}) == len(ADJUDICATE_KEYS)
    assert all(key.help for key in ADJUDICATE_KEYS)
