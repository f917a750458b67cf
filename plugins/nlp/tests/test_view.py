"""A text under review."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainset_nlp.view import TextView, cells, wrapped

from trainset.core.model import Class, Item, Label, Task
from trainset.plugins import Effect, Rect, Size, Viewport
from trainset.testing import MemoryContext

ITEM = Item(key="media/a.csv#1")
LABELS = (Label(id="good", index=0, name="Good"), Label(id="bad", index=1), Label(id="old", index=2, retired=True))
TEXT = "A text of several words.\nIts second line is a little longer than the first."
WINDOW = Viewport(Size(20, 10))


def opened(*first, text=TEXT, many=False):
    view = TextView()
    task = Task(name="t", type="classify", labels=LABELS, many=many)
    context = MemoryContext(task, loaded={ITEM.key: text})
    view.open(ITEM, {"model": first}, context)
    view.scene(WINDOW)
    return view


def shown(view, viewport=WINDOW):
    return ["".join(run.text for run in row) for row in view.scene(viewport).rows]


def test_the_class_stands_above_the_text():
    assert shown(opened(Class(id="p1", label="good", score=0.871)))[:3] == [" Good .87  ", "", "A text of several "]
    assert shown(opened())[0] == "no class yet"


def test_a_digit_gives_a_class_and_undo_takes_it_back():
    view = opened(Class(id="p1", label="good", score=0.5))
    change = view.do("label", argument="bad")
    assert view.annotations() == (Class(id="p1", label="bad"),)
    view.undo(change)
    assert view.annotations() == (Class(id="p1", label="good", score=0.5),)
    view.redo(change)
    assert [line.text for line in view.lines()] == ["1 bad"]


def test_scrolling_shows_the_next_lines_and_stops_at_the_end():
    view = opened(text="\n".join(map(str, range(50))))
    assert view.do("scroll", argument=1) == Effect(region=Rect(0, 10, 1, 1))
    view.scene(Viewport(Size(20, 10), Rect(0, 42, 20, 10)))
    assert view.do("scroll", argument=1).region.y == 51
    view.scene(WINDOW)
    assert view.do("scroll", argument=-1).region.y == 0


def test_the_view_fits_the_window_it_is_shown_in():
    view = opened()
    assert max(map(len, shown(view))) <= 20
    assert max(map(len, shown(view, Viewport(Size(60, 10))))) > 40


def test_a_thumbnail_is_the_beginning():
    context = MemoryContext(Task(name="t", type="classify"), loaded={ITEM.key: TEXT})
    rows = TextView().thumbnail(ITEM, None, Size(10, 2), context).rows
    assert [row[0].text for row in rows] == ["A text of ", "several "]


@given(st.text(max_size=80), st.integers(2, 30))
def test_wrapping_keeps_every_character_and_the_width(text, width):
    lines = list(wrapped(text, width))
    assert "".join(lines) == "".join(text.splitlines())
    assert all(cells(line) <= width for line in lines)


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("東京", 4), ("e\u0301", 1)])
def test_a_wide_character_takes_two_cells(text, wide):
    assert cells(text) == wide
