"""The queue as a list, driven by keys as a reviewer would, and what it lists."""

import re

import pytest
from textual.geometry import Offset

from trainset.core.backlog import Backlog
from trainset.core.blind import BlindDesk
from trainset.core.desk import ReviewDesk
from trainset.core.listing import Glance, Listing
from trainset.core.queue import Entry, Picked
from trainset.core.rankers import InOrder
from trainset.errors import UsageError
from trainset.tui.screens.queue import QueueScreen
from trainset.tui.widgets.rows import Rows

from . import kit
from .test_review_screen import NASTY, Desk, drive, press, screen_text, shown

# -- what is listed ------------------------------------------------------------------------------------------

LABELS = {f"media/{n:02}.txt": ("ab"[n % 2], n / 20) for n in range(20)}


@pytest.fixture
def dataset(dataset):
    """As the kit knows no order of its own."""
    dataset.kit.ranker = lambda name, where: InOrder()
    return dataset


@pytest.fixture
def listing(dataset):
    kit.add(dataset, *LABELS)
    kit.propose(dataset, LABELS)
    desk = ReviewDesk(dataset, kit.task(dataset), "ana")
    return Listing(desk, desk.queue())


def keys(listing):
    return [listed.entry.key for listed in listing.rows(0, len(listing))]


def only(listing, text):
    listing.narrow(text, listing.places(text))
    return keys(listing)


def test_all_of_the_queue_is_listed_in_its_order(listing, dataset):
    queue = Backlog(dataset, kit.task(dataset))
    assert keys(listing) == [entry.key for entry in queue] and len(listing) == listing.whole == 20


def test_a_row_says_how_its_item_stands_now(listing, dataset):
    first = listing.rows(0, 1)[0]
    assert first.glance.state == "predicted" and first.glance.score == LABELS[first.entry.key][1]
    kit.decide(dataset, first.entry.key, "a")
    again = listing.rows(0, 1)[0]
    assert again.entry.key == first.entry.key and again.glance.state == "reviewed" and not again.glance.open


def test_a_filter_or_a_part_of_a_key_leaves_what_it_names_in_its_order(listing):
    everything = keys(listing)
    assert only(listing, "score < 0.2") == [key for key in everything if LABELS[key][1] < 0.2]
    assert only(listing, "MEDIA/1") == [key for key in everything if key.startswith("media/1")]
    assert [row.place for row in listing.rows(0, 3)] == [everything.index(key) for key in keys(listing)[:3]]
    listing.narrow("", None)
    assert keys(listing) == everything


def test_what_looks_like_a_filter_may_be_a_part_of_a_key(dataset):
    kit.add(dataset, "media/a=b.txt", "media/c.txt")
    queue = Backlog(dataset, kit.task(dataset))
    assert [queue[n].key for n in queue.places("a=b")] == ["media/a=b.txt"]
    with pytest.raises(UsageError, match="there is no field 'colour'"):
        queue.places("colour = red")


def test_a_row_is_found_by_its_key(listing):
    some = only(listing, "label = b")
    assert [listing.row(key) for key in some] == list(range(len(some)))
    assert listing.row("media/00.txt") is None and listing.row("media/none.txt") is None


def test_an_item_that_is_decided_blind_shows_nothing(dataset):
    kit.add(dataset, *LABELS)
    kit.propose(dataset, LABELS)
    desk = BlindDesk(dataset, kit.task(dataset), "ana", audit=True)
    assert set(desk.glances(["media/01.txt"]).values()) == {Glance("blind", None, ("audit",), open=False)}


def test_what_is_gone_is_said_to_be_gone(dataset):
    kit.add(dataset, "media/a.txt")
    desk = ReviewDesk(dataset, kit.task(dataset), "ana")
    listing = Listing(desk, Picked((Entry("media/gone.txt", 0.0, ""), Entry("media/a.txt", 0.0, ""))))
    assert [row.glance and row.glance.state for row in listing.rows(0, 2)] == [None, "unlabelled"]


# -- the screen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (60, 16)])
def test_position_key_and_state_are_there_at_every_size(size):
    text = shown("Q", size=size)
    assert "parts   queue" in text and "0000.png" in text and "predicted" in text and "Esc back" in text
    assert re.search(r"▶ +1 +media/cam1/0000.png", text)
    assert {len(line) for line in text.splitlines()} == {size[0]}


def test_the_list_begins_at_the_present_item():
    assert re.search(r"▶ +13 +media/cam1/0012.png", shown("pagedown", "n", "n", "Q"))


def test_enter_goes_to_the_marked_item_and_the_review_goes_on_from_there():
    desk = drive(press("Q", "end", "up", "enter", "a", "a"))
    assert [record.item[-8:] for record in desk.records] == ["0038.png", "0039.png"]


def test_escape_comes_back_to_the_item_as_it_was():
    desk = drive(press("l", "Q", "down", "down", "escape", "a"))
    assert desk.records[0].item.endswith("0000.png") and desk.records[0].verdict == "corrected"


def test_a_filter_narrows_the_list_and_escape_widens_it():
    seen = []

    async def script(app, pilot):
        await press("Q", "slash", *"003", "enter")(app, pilot)
        await app.workers.wait_for_complete()
        await pilot.pause()
        seen.append(screen_text(app))
        await press("escape")(app, pilot)
        seen.append(screen_text(app))

    drive(script)
    assert "only: 003" in seen[0] and "11 of 40" in seen[0] and "0029.png" not in seen[0]
    assert "only" not in seen[1] and "0029.png" in shown("Q", "end")


def test_a_filter_that_names_nothing_says_so_and_leaves_the_list():
    seen = []

    async def script(app, pilot):
        await press("Q", "slash", *"zebra", "enter")(app, pilot)
        await app.workers.wait_for_complete()
        await pilot.pause()
        seen.append(screen_text(app))

    drive(script)
    assert "nothing in the queue is named by 'zebra'" in seen[0] and "0000.png" in seen[0]


def test_hostile_keys_are_shown_and_neither_markup_nor_control():
    names = tuple(f"media/{i}{NASTY}東京👍🏽.png" for i in range(30))
    for size in ((120, 30), (60, 16)):
        text = shown("Q", "down", desk=Desk(keys=names), size=size)
        assert not re.search(r"[\x1b\u202e]", text) and "東京" in text
    assert "[bold red]x[/] ␛[31m‹U+202E›" in shown("Q", desk=Desk(keys=names), size=(160, 30))


def test_an_empty_queue_is_an_empty_list():
    assert "the queue is empty" in shown("Q", "enter", "down", desk=Desk(keys=()))


def test_a_smaller_terminal_keeps_the_mark_in_sight():
    seen = []

    async def script(app, pilot):
        await press("Q", "end")(app, pilot)
        for size in ((80, 24), (60, 16), (50, 10), (100, 30)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.05)
            seen.append(screen_text(app))

    drive(script, size=(160, 48))
    assert all(re.search(r"▶ +40 ", text) for text in (*seen[:2], seen[3])) and "60 × 16" in seen[2]


def test_rows_are_marked_and_opened_by_the_pointer():
    seen = []

    async def script(app, pilot):
        await press("Q")(app, pilot)
        for _ in range(2):
            await pilot.click(Rows, offset=Offset(10, 4))
            await pilot.pause()
            seen.append((type(app.screen), app.session.sitting.item.key[-8:]))

    drive(script)
    assert seen[0] == (QueueScreen, "0000.png") and seen[1][1] == "0004.png"


def test_only_what_is_in_sight_is_asked_for():
    class Counting(Desk):
        asked = 0

        def glances(self, keys):
            type(self).asked += len(keys)
            return {key: Glance("predicted") for key in keys}

    desk = Counting(keys=tuple(f"media/{i:05}.png" for i in range(5000)))
    shown("Q", "end", desk=desk)
    assert Counting.asked < 400
