"""A grid session without a terminal: what is marked, what is recorded, and where it goes next."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.grid import MOST, GridSession
from trainset.core.grid_keys import GRID_KEYS, HINTS
from trainset.core.keys import CORE_KEYS, RESERVED_KEYS
from trainset.core.model import Attribute, Class
from trainset.core.queue import Entry, Picked
from trainset.core.session import Session
from trainset.core.tiles import Mark

from .grid_kit import TASK, GridDesk
from .test_session import Clock, View

CATS = {f"m/{n:02}": "cat" for n in range(24)}


def grid(desk, size=MOST, min_look=0.0, clock=None):
    session = GridSession(desk, min_look=min_look, clock=clock or Clock())
    session.resize(size)
    session.shown()
    return session


def accept(session):
    session.shown()
    session.accept()
    session.shown()


def keys(session):
    return [shown.item.key for shown in session.page]


# -- a page --------------------------------------------------------------------------------------------------


def test_a_page_of_24_with_two_outliers_takes_three_keys_and_makes_24_decisions():
    s = grid(desk := GridDesk(CATS))
    s.mark(3)
    s.mark(20)
    s.accept()
    assert [said for said in desk.said() if said[1] != "accepted"] == [
        ("m/03", "rejected", None),
        ("m/20", "rejected", None),
    ]
    assert len(desk.records) == 24
    assert s.notice.text.startswith("cat: 22 accepted, 2 rejected") and s.notice.kind == "saved"


def test_marking_twice_takes_the_mark_away():
    s = grid(desk := GridDesk({"m/a": "cat"}))
    s.mark(0)
    s.mark(0)
    s.accept()
    assert desk.said() == [("m/a", "accepted", None)]


def test_a_new_label_in_place_is_a_correction_without_the_models_score():
    s = grid(desk := GridDesk({"m/a": "cat", "m/b": "cat"}))
    s.mark(1)
    s.label("dog")
    s.accept()
    assert desk.said() == [("m/a", "accepted", None), ("m/b", "corrected", "dog")]
    assert desk.records[1].annotations == (Class(id="p1", label="dog"),)
    assert [label.id for label in s.labels()] == ["dog", "cat", "eel"]


def test_giving_the_label_that_is_predicted_takes_the_mark_away():
    s = grid(desk := GridDesk({"m/a": "cat"}))
    s.label("dog")
    s.label("cat")
    s.accept()
    assert desk.said() == [("m/a", "accepted", None)]


def test_objects_are_decided_by_themselves_and_may_be_said_not_to_be_there():
    s = grid(desk := GridDesk({("m/a", "p1"): "cat", ("m/a", "p2"): "cat", ("m/b", "p1"): "cat"}))
    s.move(1)
    s.remove()
    s.accept()
    assert desk.said() == [
        (("m/a", "p1"), "accepted", None),
        (("m/a", "p2"), "removed", None),
        (("m/b", "p1"), "accepted", None),
    ]


def test_an_item_cannot_be_said_not_to_be_there():
    s = grid(GridDesk({"m/a": "cat"}))
    s.remove()
    assert s.notice.kind == "refused" and s.mark_of(s.page[0]) is None


def test_a_page_that_was_not_on_the_screen_long_enough_is_not_decided():
    clock = Clock()
    s = GridSession(desk := GridDesk(CATS), min_look=0.15, clock=clock)
    s.accept()
    assert s.notice.kind == "refused" and not desk.records
    s.shown()
    clock.now = 0.1
    s.accept()
    assert not desk.records
    clock.now = 0.2
    s.accept()
    assert len(desk.records) == 24


def test_what_could_not_be_drawn_is_not_accepted():
    s = GridSession(desk := GridDesk({"m/a": "cat", "m/b": "cat"}), min_look=0, clock=Clock())
    s.shown([("m/b", None)])
    s.accept()
    assert desk.said() == [("m/a", "accepted", None)] and "1 left as they are" in s.notice.text


def test_what_others_decided_meanwhile_is_left_and_cannot_be_marked():
    s = grid(desk := GridDesk({"m/a": "cat", "m/b": "cat"}, taken={"m/b": "is reviewed by ben"}))
    s.mark(1)
    assert "reviewed by ben" in s.notice.text
    s.accept()
    assert desk.said() == [("m/a", "accepted", None)]


def test_a_required_attribute_keeps_a_tile_from_being_accepted_but_not_from_being_rejected():
    from msgspec.structs import replace

    task = replace(TASK, attributes=(Attribute(name="light", type="flag", of="item", required=True),))
    s = grid(desk := GridDesk({"m/a": "cat", "m/b": "cat"}, task=task))
    s.mark(0)
    s.accept()
    assert desk.said() == [("m/a", "rejected", None)]


def test_a_write_error_leaves_the_page_and_its_marks():
    s = grid(desk := GridDesk({"m/a": "cat", "m/b": "cat"}, broken=True))
    s.mark(0)
    s.accept()
    assert s.notice.kind == "error" and "no space left" in s.notice.text and keys(s) == ["m/a", "m/b"]
    desk.broken = False
    s.accept()
    assert desk.said() == [("m/a", "rejected", None), ("m/b", "accepted", None)]


def test_the_time_on_a_page_is_shared_by_its_decisions():
    clock = Clock()
    s = grid(desk := GridDesk({"m/a": "cat", "m/b": "cat"}), clock=clock)
    clock.now = 3.0
    s.accept()
    assert [r.seconds for r in desk.records] == [1.5, 1.5]


# -- going on ------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_and_then_the_next_label():
    s = grid(GridDesk({**{f"m/{n}": "cat" for n in range(5)}, "m/x": "dog"}), size=3)
    assert keys(s) == ["m/0", "m/1", "m/2"] and s.left == 5
    accept(s)
    assert keys(s) == ["m/3", "m/4"] and s.left == 2
    accept(s)
    assert keys(s) == ["m/x"] and "now dog" in s.notice.text
    accept(s)
    assert s.page == () and s.decided == 6


def test_pages_that_were_passed_over_come_round_again():
    s = grid(GridDesk({f"m/{n}": "cat" for n in range(4)}), size=2)
    s.go(1)
    accept(s)
    assert keys(s) == ["m/0", "m/1"]


def test_what_was_left_as_it_is_does_not_come_round_again():
    s = grid(GridDesk({"m/a": "cat"}, taken={"m/a": "is flagged by ben"}))
    accept(s)
    assert s.page == ()


def test_there_is_no_page_before_the_first_and_behind_the_last():
    s = grid(GridDesk({f"m/{n}": "cat" for n in range(4)}), size=2)
    s.go(-1)
    assert keys(s) == ["m/0", "m/1"] and "first page" in s.notice.text
    s.go(1)
    s.go(1)
    assert keys(s) == ["m/2", "m/3"] and "last page" in s.notice.text


def test_each_label_is_where_it_was_left():
    s = grid(GridDesk({**{f"m/{n}": "cat" for n in range(4)}, "m/x": "dog"}), size=2)
    s.go(1)
    s.turn(1)
    assert keys(s) == ["m/x"]
    s.turn(-1)
    assert keys(s) == ["m/2", "m/3"]


def test_another_order_begins_anew():
    s = grid(GridDesk({f"m/{n}": "cat" for n in range(4)}), size=2)
    s.sort()
    assert s.order == "high" and keys(s) == ["m/3", "m/2"]


def test_a_smaller_screen_shows_a_part_of_the_page_from_the_same_tile_on():
    s = grid(GridDesk({f"m/{n}": "cat" for n in range(9)}), size=3)
    accept(s)
    s.resize(2)
    assert keys(s) == ["m/3", "m/4"]
    s.resize(99)
    assert len(s.page) == 6


def test_the_next_page_can_be_had_ahead():
    s = grid(GridDesk({f"m/{n}": "cat" for n in range(5)}), size=3)
    assert [shown.item.key for shown in s.ahead()] == ["m/3", "m/4"]


def test_a_grid_of_nothing_says_so_and_does_nothing():
    s = grid(desk := GridDesk({}))
    for what in (
        s.accept,
        s.undo,
        s.redo,
        s.sort,
        s.remove,
        s.finish,
        lambda: s.go(1),
        lambda: s.turn(1),
        lambda: s.mark(0),
    ):
        what()
    assert not desk.records and s.page == ()


# -- undo ----------------------------------------------------------------------------------------------------


def test_undo_withdraws_the_whole_page_and_returns_to_it_with_its_marks():
    s = grid(desk := GridDesk({f"m/{n}": "cat" for n in range(4)}), size=2)
    s.mark(1)
    accept(s)
    s.undo()
    assert not desk.live and keys(s) == ["m/0", "m/1"]
    assert s.mark_of(s.page[1]) == Mark("rejected") and s.notice.kind == "saved"


def test_redo_decides_the_page_anew():
    s = grid(desk := GridDesk({f"m/{n}": "cat" for n in range(4)}), size=2)
    accept(s)
    s.undo()
    s.redo()
    assert len(desk.live) == 2 and len(desk.records) == 4 and keys(s) == ["m/2", "m/3"]


def test_undo_goes_back_over_labels_without_limit():
    s = grid(desk := GridDesk({f"m/{n:02}": "dog" if n % 2 else "cat" for n in range(30)}), size=2)
    while s.page:
        accept(s)
    for _ in range(16):
        s.undo()
    assert not desk.live and keys(s) == ["m/00", "m/02"] and s.undo_depth == 0
    s.undo()
    assert "nothing to undo" in s.notice.text


def test_a_withdrawal_that_cannot_be_written_changes_nothing():
    s = grid(desk := GridDesk({"m/a": "cat"}))
    accept(s)
    desk.broken = True
    s.undo()
    assert s.notice.kind == "error" and len(desk.live) == 1 and s.undo_depth == 1


def test_a_decided_page_that_is_marked_otherwise_records_only_what_changed():
    s = grid(desk := GridDesk({f"m/{n}": "cat" for n in range(4)}), size=2)
    accept(s)
    s.go(-1)
    s.mark(0)
    accept(s)
    assert [(r.item.key, r.verdict) for r in desk.records[2:]] == [("m/0", "rejected")]
    s.undo()
    assert s.standing_of(s.page[0]) == Mark("accepted")


PLACES = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["mark", "move"]), PLACES),
        st.tuples(st.just("label"), st.sampled_from(["cat", "dog", "eel"])),
        st.tuples(st.sampled_from(["accept", "undo", "redo", "sort", "remove"])),
        st.tuples(st.sampled_from(["go", "turn"]), st.sampled_from([-1, 1])),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 4))
def test_whatever_is_done_the_live_decisions_are_those_of_the_pages_that_were_not_undone(steps, size):
    predicted = {f"m/{n}": ("cat", "dog")[n % 2] for n in range(7)} | {("o/a", f"p{n}"): "eel" for n in range(5)}
    s = grid(desk := GridDesk(predicted), size=size)
    pages, undone = [], []
    for name, *arguments in steps:
        s.shown()
        before, depth = len(desk.records), s.undo_depth
        getattr(s, name)(*arguments)
        written = desk.records[before:]
        if name == "accept" and written:
            pages.append(written)
            undone.clear()
        elif name == "undo" and depth:
            undone.append(pages.pop())
        elif name == "redo" and undone:
            pages.append(undone.pop())
            assert written == list(pages[-1])
        else:
            assert not written
    standing = [r for page in pages for r in page]
    assert sorted(map(repr, desk.live.values())) == sorted(map(repr, standing))
    last = {(r.item.key, r.object): r.verdict for r in standing}
    assert s.decided == len(last) and s.undo_depth == len(pages)


# -- completeness ---------------------------------------------------------------------------------------------


def objects():
    return GridDesk({("m/a", "p1"): "cat", ("m/b", "p1"): "cat", ("m/b", "p2"): "dog"})


def test_deciding_all_objects_of_an_item_does_not_say_that_none_is_missing():
    s = grid(desk := objects())
    accept(s)
    assert {r.verdict for r in desk.records} == {"accepted"} and desk.finished() == 1


def test_items_with_all_objects_decided_are_shown_whole_and_one_key_says_that_nothing_is_missing():
    s = grid(desk := objects())
    accept(s)
    accept(s)
    s.finish()
    assert keys(s) == ["m/a", "m/b"] and all(shown.whole for shown in s.page)
    s.mark(1)
    accept(s)
    assert desk.said()[-1] == ("m/a", "complete", None) and desk.finished() == 1


def test_the_same_key_leads_back():
    s = grid(objects())
    accept(s)
    assert s.group.labels == ("dog",)
    s.finish()
    s.finish()
    assert s.group.labels == ("dog",)


def test_completeness_is_undone_as_a_page_is():
    s = grid(desk := objects())
    accept(s)
    s.finish()
    accept(s)
    s.undo()
    assert desk.finished() == 1 and s.group.subject == "completeness" and keys(s) == ["m/a"]


# -- an item opened from the grid ------------------------------------------------------------------------------


def opened(session, verdict="accept"):
    """What an item session over the tile under the cursor decides."""
    one = Session(session.desk, View, SimpleNamespace(task=TASK), min_look=0, clock=Clock(),
                  queue=Picked((Entry(session.under_cursor.item.key, 0.0, ""),)))  # fmt: skip
    one.shown()
    getattr(one, verdict)()
    return one


def test_what_was_decided_in_the_opened_item_is_undone_as_a_page_is():
    s = grid(desk := GridDesk({"m/a": "cat", "m/b": "cat"}))
    s.mark(1)
    one = opened(s, "nothing_here")
    desk.taken["m/b"] = "is reviewed by ana"
    s.returned(one)
    assert s.notice.text == "m/b corrected" and s.undo_depth == 1 and s.mark_of(s.page[1]) is None
    s.undo()
    assert not desk.live


def test_leaving_the_opened_item_without_a_decision_changes_nothing():
    s = grid(desk := GridDesk({"m/a": "cat"}))
    s.mark(0)
    s.returned(opened(s, "skip"))
    assert s.undo_depth == 0 and not desk.records and s.mark_of(s.page[0]) == Mark("rejected")


# -- keys -----------------------------------------------------------------------------------------------------


def test_no_two_keys_of_the_grid_collide_and_every_tile_has_a_letter():
    names = [key.key for key in GRID_KEYS]
    assert len(names) == len(set(names)) and len(HINTS) == MOST == len(set(HINTS))


@pytest.mark.parametrize("key", ["u", "U", "q", "enter", "question_mark", "pagedown", "pageup", "1", "0"])
def test_keys_that_both_screens_have_do_alike(key):
    from trainset.core.keys import CORE_KEYS

    alike = {k.key: k.command for k in CORE_KEYS}
    assert {k.key: k.command for k in GRID_KEYS}[key] == alike[key]


def test_keys_that_textual_or_a_terminal_takes_are_not_the_grids():
    taken = RESERVED_KEYS - {key.key for key in CORE_KEYS}
    assert "ctrl+c" in taken and not {key.key for key in GRID_KEYS} & taken
