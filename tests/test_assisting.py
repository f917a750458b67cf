"""What models know beside what they propose: weaker candidates in the editor, other labels, and where both are kept."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from trainset.core.assisting import Hint, likeliest
from trainset.core.blind import BlindDesk
from trainset.core.desk import ReviewDesk
from trainset.core.editing import Editor, EditorView
from trainset.core.engine import Engine, Job
from trainset.core.model import Class, Item, Prediction, Task
from trainset.core.protocols import Decoded
from trainset.core.queue import Entry, Picked
from trainset.core.session import Session

from .kit import states, task
from .test_editing import LABELS, MARKS, Mark, editor, message, near
from .test_engine import Reader, notes
from .test_session import Desk as Plain

WEAK = {
    "run": [
        Mark(id="w1", label="screw", score=0.2, at=7),
        Mark(id="w2", label="nut", score=0.19, at=7.2),
        Mark(id="w3", label="nut", score=0.15, at=2.1),
        Mark(id="w4", label="nut", score=0.1, at=9),
    ]
}


def weakened(*first: Mark, **more):
    it = editor(*first, **more)
    it.do("weak", None, WEAK)
    return it


def cycled(it: Editor) -> list[str | None]:
    names = []
    while it.do("cycle") and it.selected is not None:
        names.append(it.selected)
    return names


# -- weaker candidates in the editor -----------------------------------------------------------------------------------


def test_a_weaker_candidate_is_shown_with_its_score_when_it_is_asked_for_and_not_before():
    it = weakened(*MARKS)
    assert len(it.lines()) == 3
    assert "Screw .20" in message(it.do("cycle"))
    assert [(line.text, line.weak, line.selected) for line in it.lines()][3:] == [("? Screw .20", True, True)]
    it.do("next")
    assert len(it.lines()) == 3


def test_they_come_best_first_like_no_object_whatever_its_label_and_end():
    assert cycled(weakened(*MARKS)) == ["w1", "w4"]


def test_what_was_deleted_is_found_again_among_them():
    it = weakened(*MARKS)
    it.do("select", None, "a2")
    it.do("delete")
    assert cycled(it) == ["a2", "w1", "w4"]


def test_one_that_is_taken_keeps_its_id_and_score_and_is_taken_back_exactly():
    it = weakened(*MARKS)
    it.do("cycle")
    change = it.do("take")
    assert it.objects[-1] == WEAK["run"][0] and it.selected == "w1"
    it.undo(change)
    assert it.objects == MARKS and it.selected == "w1"


def test_an_edit_takes_one_and_makes_it_a_persons():
    it = weakened(*MARKS)
    it.do("cycle")
    it.do("label", None, "nut")
    assert it.objects[-1] == Mark(id="w1", label="nut", at=7)


def test_other_runs_candidates_come_first_and_hide_what_is_like_them():
    others = {"run2": [Mark(id="x", label="nut", score=0.9, at=7.1)]}
    assert cycled(weakened(*MARKS, others=others)) == ["run2/0", "w4"]


# -- other labels ------------------------------------------------------------------------------------------------------

HINTS = {
    "one": Hint(MARKS[:2], [WEAK["run"][3]], {"a1": (("nut", 0.3), ("bolt", 0.2)), "w4": (("screw", 0.05),)}),
    "two": Hint([Mark(id="a1", label="nut", score=0.5, at=1.2)]),
}
TASK = Task(name="t", type="marks", labels=LABELS)


@pytest.mark.parametrize(
    ("object_", "expected"),
    [
        (MARKS[0], {"screw": 0.874, "nut": 0.5}),
        (Mark(id="drawn", label="nut", at=0.9), {"screw": 0.874, "nut": 0.5}),
        (MARKS[1], {"nut": 1.0}),
        (WEAK["run"][3], {"nut": 0.1, "screw": 0.05}),
        (Mark(id="drawn", at=50), {}),
    ],
)
def test_the_likeliest_labels_are_those_of_what_models_see_there(object_, expected):
    assert likeliest(object_, HINTS, Item(key="a"), TASK, near) == expected


class View(EditorView):
    keys = ()

    def open(self, item, versions, context):
        self.editor = Editor(item, context.task, versions, context.similarity)


class Desk(Plain):
    """Of each item models know more than they propose."""

    def versions(self, item):
        return {"one": MARKS[:2]}

    def hints(self, item, taken):
        assert taken == {"a1", "a2"}
        return HINTS


def session():
    desk = Desk(task=TASK)
    context = SimpleNamespace(task=TASK, similarity=near, objects=lambda item: ())
    return Session(desk, View, context, min_look=0, queue=Picked((Entry("m/a", 0.0, ""),)))


def test_a_session_hands_weaker_candidates_on_and_ranks_labels_for_the_selected_object():
    s = session()
    s.command("select", "a1")
    assert [label.id for label in s.labels()] == ["screw", "nut"] and s.likely == {"screw": 0.874, "nut": 0.5}
    s.command("select", "a2")
    assert [label.id for label in s.labels()] == ["nut", "screw"]
    s.command("cycle")
    assert s.likely == {"nut": 0.1, "screw": 0.05}
    s.command("take")
    assert [a.id for a in s.sitting.annotations] == ["a1", "a2", "w4"]


# -- what a run keeps --------------------------------------------------------------------------------------------------


class Doubter(Reader):
    """Proposes `a`, and knows of what else a note might be."""

    def decode_all(self, output, item):
        weak = [Class(id="x", label=label, score=0.1) for label in ("zebra", "b")[: 1 + (output != "none")]]
        likely = {"p1": [("zebra", 0.3), ("c", 0.2)], "x": [("a", 0.05)], "gone": [("a", 0.5)]}
        return Decoded([Class(id="p1", label="a", score=0.4)], weak, likely)


@pytest.fixture
def doubted(dataset):
    notes(dataset, "a", "none")
    job = Job(task=task(dataset), model="m", prelabeler="doubter", labeller=Doubter(), settings={}, digest="d")
    assert Engine(dataset, job).run().proposed == 2
    return dataset


def stored(dataset, key):
    row = dataset.row(key, task(dataset))
    return dataset.stored(task(dataset), row, row.run)


def test_a_run_keeps_weaker_objects_and_other_labels_beside_its_proposal(doubted):
    found = stored(doubted, "media/0.txt")
    assert msgspec.json.decode(found.weak) == [{"type": "class", "id": "w1", "label": "b", "score": 0.1}]
    assert msgspec.json.decode(found.likely) == {"p1": [["c", 0.2]], "w1": [["a", 0.05]]}
    assert msgspec.json.decode(msgspec.json.encode(stored(doubted, "media/1.txt"))).keys() == {
        "item",
        "annotations",
        "likely",
    }


def test_they_never_count(doubted):
    assert set(states(doubted).values()) == {"predicted"}
    assert doubted.label_counts(task(doubted)) == {"a": 2, "b": 0, "c": 0}
    row = doubted.row("media/0.txt", task(doubted))
    assert [a.id for a in doubted.proposal(task(doubted), row)] == ["p1"]
    assert row.said == stored_digest(doubted, row)


def stored_digest(dataset, row):
    from trainset.core.files import digest

    return digest(dataset.stored(task(dataset), row, row.run).annotations)


def test_a_desk_gives_them_with_ids_that_nothing_else_has_and_hides_them_where_it_is_blind(doubted):
    desk = ReviewDesk(doubted, task(doubted), "ana")
    (hint,) = desk.hints(desk.item("media/0.txt"), ()).values()
    assert [a.id for a in hint.weak] == ["w1"] and hint.likely["w1"] == (("a", 0.05),)
    (hint,) = desk.hints(desk.item("media/0.txt"), {"w1"}).values()
    (name,) = (a.id for a in hint.weak)
    assert name.endswith(".w1") and hint.likely[name] == (("a", 0.05),)
    blind = BlindDesk(doubted, task(doubted), "ana", splits={"train"})
    blind.versions(blind.item("media/0.txt"))
    assert blind.hints(blind.item("media/0.txt"), ()) == {}


def test_predictions_from_before_have_neither():
    old = msgspec.json.decode(b'{"item":"a","annotations":[]}', type=Prediction)
    assert msgspec.json.encode(old) == b'{"item":"a","annotations":[]}'
