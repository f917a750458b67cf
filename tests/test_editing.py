"""The editor that views of every modality build on: selecting, labelling, attributes, candidates, undo."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from trainset.core.editing import SEEN, UNSELECTED, ClassEditor, Editor, EditorView
from trainset.core.model import Annotation, Attribute, Class, Item, Label, Opaque, Task
from trainset.core.protocols import Change, Effect

LABELS = (
    Label(id="nut", index=1),
    Label(id="screw", index=0, name="Screw"),
    Label(id="bolt", index=2, retired=True),
)


class Mark(Annotation, kw_only=True, frozen=True, tag="test.mark"):
    at: float = 0.0


MARKS = (
    Mark(id="a1", label="screw", score=0.874, at=1),
    Mark(id="a2", label="nut", score=1.0, at=2),
    Mark(id="b7", at=3),
)


def near(a, b, item):
    """1 for the same place, 0 from a distance of 1 on."""
    places = [np.array([getattr(x, "at", np.nan) for x in some]) for some in (a, b)]
    return np.nan_to_num(1 - np.abs(places[0][:, None] - places[1])).clip(min=0)


def editor(*first: Annotation, kind: type[Editor] = Editor, others: Any = None, similarity: Any = near, **task: Any):
    versions = {"proposal": first, **(others or {})}
    arguments = () if kind is ClassEditor else (similarity,)
    return kind(Item(key="media/a"), Task(name="t", type="marks", labels=LABELS, **task), versions, *arguments)


def message(done: Change | Effect | None) -> str:
    assert isinstance(done, Effect)
    return done.message


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_objects_are_numbered_with_title_score_and_their_labels_colour():
    lines = editor(*MARKS).lines()
    assert [(line.text, line.color) for line in lines] == [("1 Screw .87", 0), ("2 nut 1.00", 1), ("3 no label", 0)]


def test_objects_without_an_id_of_their_own_get_one():
    names = [a.id for a in editor(Mark(), Mark(id="a1"), Mark(id="a1")).objects]
    assert names[1] == "a1" and len(set(names)) == 3 and all(names)


# -- selecting -------------------------------------------------------------------------------------------------------


def test_next_and_previous_go_round():
    it, names = editor(*MARKS), []
    for command in ("next", "next", "next", "next", "previous", "previous"):
        assert it.do(command) == SEEN
        names.append(it.selected)
    assert names == ["a1", "a2", "b7", "a1", "b7", "a2"]


def test_previous_starts_with_the_last_and_nothing_can_be_selected_where_nothing_is():
    it = editor(*MARKS)
    it.do("previous")
    assert it.selected == "b7"
    assert editor().do("next") is None


def test_selecting_what_is_not_there_lets_go():
    it = editor(*MARKS)
    assert it.do("select", None, "a2") == SEEN
    assert it.do("select", None, "a2") is None
    assert it.do("select", None, "a9") == SEEN
    assert it.selected is None


# -- editing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "argument"), [("label", "nut"), ("delete", None), ("attribute", ("bent", True))])
def test_an_edit_without_a_selection_says_so(command, argument):
    assert editor(*MARKS).do(command, None, argument) == UNSELECTED


def test_relabelling_keeps_the_id_drops_the_score_and_refuses_what_may_not_be_given():
    it = editor(*MARKS)
    it.do("select", None, "a1")
    assert message(it.do("label", None, "bolt")) == "bolt is retired"
    assert message(it.do("label", None, "cat")) == "cat is not a label of this task"
    assert isinstance(it.do("label", None, "nut"), Change)
    assert it.objects[0] == Mark(id="a1", label="nut", at=1)
    assert it.do("label", None, "nut") is None


def test_the_only_object_need_not_be_selected_to_be_labelled():
    it = editor(Mark(id="a1", label="nut"))
    assert it.do("label", None, "nut") == SEEN
    it.do("select")
    assert isinstance(it.do("label", None, "screw"), Change)
    assert (it.selected, it.objects) == ("a1", (Mark(id="a1", label="screw"),))


def test_deleting_selects_the_one_that_follows():
    it = editor(*MARKS)
    it.do("select", None, "a2")
    it.do("delete")
    assert ([a.id for a in it.objects], it.selected) == (["a1", "b7"], "b7")
    it.do("delete")
    assert it.selected == "a1"


def test_an_id_is_never_given_to_another_object():
    it = editor(*MARKS[:2], others={"run2": [Mark(id="a3")]})
    it.do("select", None, "a2")
    it.do("delete")
    it.add("new", Mark())
    it.add("new", Mark())
    assert [a.id for a in it.objects] == ["a1", "a4", "a5"]


def test_a_new_object_is_selected_and_of_the_label_last_given():
    it = editor(*MARKS)
    assert it.new_label == "screw"
    it.do("select", None, "a1")
    it.do("label", None, "nut")
    it.add("new", Mark(label=it.new_label, at=5))
    assert (it.objects[-1], it.selected) == (Mark(id="a3", label="nut", at=5), "a3")


@pytest.mark.parametrize(
    ("recent", "expected"), [("nut", "nut"), ("Screw", "screw"), ("bolt", "screw"), ("x", "screw")]
)
def test_the_label_last_given_on_another_item_is_taken_if_it_may_be_given(recent, expected):
    it = editor()
    assert it.do("recent", None, recent) is None
    assert it.new_label == expected


def test_attributes_are_checked_against_what_the_task_declares():
    it = editor(*MARKS, attributes=(Attribute(name="bent", type="flag", labels=("screw",)),))
    it.do("select", None, "a1")
    assert isinstance(it.do("attribute", None, ("bent", True)), Change)
    assert it.objects[0].attributes == {"bent": True}
    assert "takes a flag" in message(it.do("attribute", None, ("bent", "very")))
    it.do("attribute", None, ("bent", None))
    assert it.objects[0].attributes == {}
    it.do("select", None, "a2")
    assert "no attribute" in message(it.do("attribute", None, ("bent", True)))


def test_what_no_plugin_knows_is_deleted_or_kept_as_it_is():
    strange = Opaque(id="x1", label="nut", kind="acme.blob", raw=Raw(b"{}"))
    it = editor(strange)
    assert "acme.blob" in message(it.do("label", None, "screw"))
    assert it.objects == (strange,)
    assert isinstance(it.do("delete"), Change)


def test_a_command_of_the_views_own_is_none_of_the_editors():
    assert editor(*MARKS).do("zoom") is None


# -- candidates ------------------------------------------------------------------------------------------------------

OTHERS = {
    "run2": [Mark(id="a1", label="screw", score=0.4, at=1.1), Mark(id="a2", label="nut", score=0.3, at=7)],
    "run3": [Mark(id="a9", label="nut", score=0.2, at=7.1), Mark(id="a8", label="screw", score=0.9, at=7)],
}


def test_candidates_are_like_no_object_of_their_label_nor_each_other_and_the_surest_comes_first():
    it = editor(*MARKS, others=OTHERS)
    assert [(line.text, line.weak) for line in it.lines()][3:] == [("? Screw .90", True), ("? nut .30", True)]
    it.do("next")
    it.do("delete")
    assert [line.text for line in it.lines()][2:] == ["? Screw .90", "? Screw .40", "? nut .30"]


def test_candidates_take_turns_and_one_is_taken_as_it_is():
    it = editor(others=OTHERS)
    assert "select one first" in message(it.do("take"))
    names = []
    for _ in range(4):
        it.do("cycle")
        names.append(it.selected)
    assert names == ["run3/1", "run2/0", "run2/1", None]
    it.do("cycle")
    change = it.do("take")
    assert isinstance(change, Change)
    assert (it.objects, it.selected) == ((Mark(id="a3", label="screw", score=0.9, at=7),), "a3")
    it.undo(change)
    assert (it.objects, it.selected) == ((), "run3/1")


def test_an_edit_takes_a_candidate():
    it = editor(*MARKS, others=OTHERS)
    it.do("cycle")
    it.do("label", None, "nut")
    assert it.objects == (*MARKS, Mark(id="a3", label="nut", at=7))


def test_a_candidate_cannot_be_deleted_from_the_answer():
    it = editor(others=OTHERS)
    it.do("cycle")
    assert it.do("delete") == UNSELECTED


def test_without_a_similarity_there_are_no_candidates():
    it = editor(others=OTHERS, similarity=None)
    assert it.current() == ()
    assert message(it.do("cycle")) == "no model has another candidate here"


def test_only_what_is_new_is_compared_with_the_candidates():
    asked = []

    def watched(a, b, item):
        asked.append([x.id for x in b])
        return near(a, b, item)

    it = editor(*MARKS, others=OTHERS, similarity=watched)
    it.lines()
    it.do("next")
    it.do("label", None, "nut")
    it.lines()
    assert asked == [["a1", "a2", "b7", "run3/1", "run2/0", "run2/1", "run3/0"], ["a1"]]


# -- one object becomes several --------------------------------------------------------------------------------------


def test_an_object_becomes_others_the_first_under_its_id_and_in_its_place():
    it = editor(*MARKS)
    it.do("select", None, "a2")
    change = it.become("divided", Mark(at=7), Mark(label="nut", at=8))
    assert it.objects == (MARKS[0], Mark(id="a2", at=7), Mark(id="a3", label="nut", at=8), MARKS[2])
    it.undo(change)
    assert it.objects == MARKS and it.selected == "a2"


def test_a_candidate_that_becomes_others_is_taken():
    it = editor(*MARKS, others=OTHERS)
    it.do("cycle")
    it.become("divided", Mark(at=7))
    assert it.objects == (*MARKS, Mark(id="a3", at=7)) and it.selected == "a3"


def test_an_editor_says_how_large_an_object_is():
    class Measuring(Editor):
        def measure(self, annotation):
            return f"{annotation.at:g} m"

    assert next(line.text for line in editor(*MARKS, kind=Measuring).lines()) == "1 Screw .87 · 1 m"


# -- classes ---------------------------------------------------------------------------------------------------------


def classes(*first: Annotation, many: bool = False) -> Editor:
    return editor(*first, kind=ClassEditor, many=many)


def test_one_class_is_replaced_and_keeps_its_id():
    it = classes(Class(id="c1", label="nut", score=0.6))
    it.do("label", None, "screw")
    assert it.objects == (Class(id="c1", label="screw"),)
    assert it.do("label", None, "screw") is None


def test_giving_the_proposed_class_makes_it_a_persons():
    it = classes(Class(id="c1", label="nut", score=0.6))
    assert isinstance(it.do("label", None, "nut"), Change)
    assert it.objects == (Class(id="c1", label="nut"),)


def test_a_retired_class_is_refused():
    it = classes()
    assert it.do("label", None, "bolt") == Effect(message="bolt is retired")
    assert it.objects == ()


def test_many_classes_are_toggled():
    it = classes(many=True)
    texts = [it.do("label", None, name).text for name in ("nut", "screw", "nut")]
    assert texts == ["nut", "Screw", "no longer nut"]
    assert [(a.id, a.label) for a in it.objects] == [("a2", "screw")]


# -- undo and redo ---------------------------------------------------------------------------------------------------

commands = st.one_of(
    st.tuples(st.sampled_from(["next", "previous", "delete", "cycle", "take"]), st.none()),
    st.tuples(st.just("select"), st.sampled_from(["a1", "a2", "a3", "run2/1", "nobody", None])),
    st.tuples(st.just("label"), st.sampled_from(["screw", "nut", "bolt", "cat"])),
    st.tuples(st.just("attribute"), st.tuples(st.just("bent"), st.sampled_from([True, None]))),
)


@given(st.lists(commands, max_size=30), st.sampled_from([Editor, ClassEditor]), st.booleans())
def test_undo_and_redo_are_exact_through_a_view(sequence, kind, many):
    view = EditorView()
    first = () if kind is ClassEditor else MARKS
    attributes = (Attribute(name="bent", type="flag"),)
    view.editor = editor(*first, kind=kind, others=OTHERS, many=many, attributes=attributes)
    states, changes = [view.annotations()], []
    for command, argument in sequence:
        done = view.do(command, None, argument)
        if isinstance(done, Change):
            changes.append((done, view.lines()))
            states.append(view.annotations())
        assert view.annotations() == states[-1]
    assert all(after != before for before, after in pairwise(states))
    names = [a.id for a in view.annotations()]
    assert len(set(names)) == len(names)
    for (change, _), then in zip(reversed(changes), reversed(states[:-1]), strict=True):
        view.undo(change)
        assert view.annotations() == then
    for (change, lines), then in zip(changes, states[1:], strict=True):
        view.redo(change)
        assert (view.annotations(), view.lines()) == (then, lines)
