"""The grid screen, driven by keys and the pointer as a reviewer would."""

import asyncio
import re
from types import SimpleNamespace

import numpy as np
import pytest

from trainset.core.grid_keys import GRID_KEYS, HINTS
from trainset.core.scene import Picture, Rect, Run, Scene, Size
from trainset.errors import MediaError
from trainset.tui.app import GridApp
from trainset.tui.terminal import Terminal
from trainset.tui.thumbnails import Thumbnails
from trainset.tui.widgets.tiles import LEAST, arrange

from .grid_kit import GridDesk
from .test_review_screen import NASTY, screen_text
from .test_session import View as ClassView


class Thumb(ClassView):
    """A picture of noise for each item; `broken` in a key cannot be drawn, `odd` makes the view fail."""

    def thumbnail(self, item, focus, size, context):
        if "broken" in item.key:
            raise MediaError(f"{item.key}: cut short {NASTY}", hint="copy it again")
        if "odd" in item.key:
            raise ValueError("no such thing")
        pixels = np.random.default_rng(len(item.key)).integers(0, 255, (20, 20, 3)).astype(np.uint8)
        return Scene(rect := Rect(0, 0, 20, 20), [Picture(pixels, rect)])

    def scene(self, viewport):
        return Scene(Rect(0, 0, 40, 10), rows=[[Run(f"opened {self.now}")]])


class TextThumb(Thumb):
    def thumbnail(self, item, focus, size, context):
        return Scene(Rect(0, 0, 20, 2), rows=[[Run(f"text {item.key}")], [Run(NASTY)]])


CATS = {f"m/{n:02}.png": "cat" for n in range(40)}
OBJECTS = {("m/a.png", "p1"): "cat", ("m/a.png", "p2"): "cat", ("m/b.png", "p1"): "dog"}


def drive(script, desk=None, view=Thumb, size=(200, 50), min_look=0.0, **options):
    """Run `script(app, pilot)` on a grid of the desk; returns the desk."""
    desk = desk or GridDesk(dict(CATS))
    context = SimpleNamespace(task=desk.task, settings={}, media=SimpleNamespace(ahead=lambda item: None))

    async def run():
        app = GridApp(desk, view, context, min_look=min_look, **options)
        async with app.run_test(size=size) as pilot:
            await settled(app, pilot)
            await script(app, pilot)

    asyncio.run(run())
    return desk


async def settled(app, pilot):
    """Until every thumbnail of the page was painted, where there is room for any."""
    for _ in range(200):
        await pilot.pause(0.01)
        session, grid = app.session, app.screen.__class__.__name__ == "GridScreen"
        if not grid or app.screen.too_small or not session.page or session._shown_at is not None:
            break
    await pilot.pause()


def press(*keys):
    async def script(app, pilot):
        for key in keys:
            await pilot.press(key)
            await settled(app, pilot)

    return script


def after(*keys, **options):
    """The desk, and the text of the screen, after some keys."""
    seen = []

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        seen.append(screen_text(app))

    return drive(script, **options), seen[0]


# -- what is shown -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "tiles"), [((200, 50), 24), ((276, 70), 24), ((80, 24), 15), ((60, 16), 8)])
def test_tiles_have_letters_and_the_page_fills_the_screen(size, tiles):
    _, text = after(size=size)
    for wanted in ("kind", "cat", "40 left", "m/00.png", "▀", "? help", "1 cat"):
        assert wanted in text
    assert [c for c in HINTS if re.search(rf"[ ▶]{c} \.50 ", text)] == list(HINTS[:tiles])
    assert {len(line) for line in text.splitlines()} == {size[0]}


@pytest.mark.parametrize("room", [Size(60, 11), Size(80, 19), Size(200, 45), Size(276, 65), Size(15, 6), Size(8, 3)])
def test_tiles_lie_inside_the_room_and_are_as_large_as_they_must(room):
    found = arrange(room, 24)
    assert found.tile.columns * found.across <= room.columns and found.tile.rows * found.down <= room.rows
    assert found.count == 1 or (found.tile.columns >= LEAST.columns and found.tile.rows >= LEAST.rows)
    row, column = found.place(found.count - 1)
    assert found.at(column, row) == found.count - 1


def test_few_tiles_are_large():
    _, text = after(desk=GridDesk({"m/a.png": "cat", "m/b.png": "cat"}))
    assert re.search(r"▶a \.50 a\.png {80,} s \.50 b\.png", text)


def test_thumbnails_of_text_are_text_and_neither_markup_nor_control():
    _, text = after(view=TextThumb, desk=GridDesk({f"m/{NASTY}{n}": "cat" for n in range(3)}))
    assert "text m/" in text and not re.search(r"[\x1b\u202e]", text)


def test_what_cannot_be_drawn_says_why_and_is_not_accepted():
    desk, text = after(
        "enter", desk=GridDesk({"m/broken.png": "cat", "m/odd.png": "cat", "m/a.png": "cat"}), size=(200, 50)
    )
    assert desk.said() == [("m/a.png", "accepted", None)] and "2 left as they are" in text
    _, text = after(desk=GridDesk({"m/broken.png": "cat", "m/odd.png": "cat"}))
    assert text.count("cannot be shown: ") == 2 and "ValueError" in text and not re.search(r"[\x1b\u202e]", text)


def test_a_terminal_too_small_says_so_and_decides_nothing():
    desk, text = after("enter", "a", "enter", size=(59, 20))
    assert "60 × 16" in text and not desk.records


def test_without_colour_marks_are_told_by_words():
    _, text = after("s", depth="mono")
    assert "✗ outlier" in text


def test_when_nothing_is_left_the_screen_says_so():
    _, text = after("enter", desk=GridDesk({"m/a.png": "cat"}))
    assert "Nothing is left" in text and "1 decided in this session" in text


# -- keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(200, 50), (80, 24)])
def test_letters_mark_outliers_and_enter_accepts_the_rest(size):
    desk, text = after("s", "f", "enter", size=size)
    count = 24 if size == (200, 50) else 15
    assert len(desk.records) == count
    assert [said[0] for said in desk.said() if said[1] == "rejected"] == ["m/01.png", "m/03.png"]
    assert f"{count - 2} accepted, 2 rejected" in text and f"{40 - count} left" in text


@pytest.mark.parametrize("size", [(200, 50), (80, 24)])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("a", "a", "enter"), {"accepted": 3}),
        (("space", "enter"), {"rejected": 1, "accepted": 2}),
        (("right", "space", "left", "down", "up", "enter"), {"rejected": 1, "accepted": 2}),
        (("s", "2", "enter"), {"corrected": 1, "accepted": 2}),
        (("s", "1", "enter"), {"accepted": 3}),
        (("s", "9", "enter"), {"rejected": 1, "accepted": 2}),
        (("T", "e", "e", "l", "enter", "enter"), {"corrected": 1, "accepted": 2}),
        (("T", "escape", "enter"), {"accepted": 3}),
        (("enter", "u"), {}),
        (("enter", "u", "U"), {"accepted": 3}),
        (("u", "U"), {}),
        (("D", "enter"), {"accepted": 3}),
        (("S", "enter"), {"accepted": 3}),
        (("pagedown", "pageup", "tab", "shift+tab", "enter"), {"accepted": 3}),
        (("C", "enter"), {"accepted": 3}),
        (("slash", "escape", "E", "escape", "G", "q", "question_mark", "escape", "M", "enter"), {"accepted": 3}),
    ],
)
def test_keys(keys, said, size):
    desk, _ = after(*keys, desk=GridDesk({f"m/{n}.png": "cat" for n in range(3)}), size=size)
    counts = {}
    for _, verdict, _ in desk.said():
        counts[verdict] = counts.get(verdict, 0) + 1
    assert counts == said


def test_pages_are_turned_without_deciding():
    desk, text = after("pagedown")
    assert "m/24.png" in text and "page 2" in text and not desk.records


def test_labels_are_gone_through_and_searched():
    desk = GridDesk({"m/a.png": "cat", "m/b.png": "dog", "m/c.png": "eel"})
    assert "m/b.png" in after("tab", desk=desk)[1]
    assert "m/c.png" in after("shift+tab", desk=desk)[1]
    assert "m/c.png" in after("slash", "e", "e", "l", "enter", desk=desk)[1]


def test_objects_that_are_not_there_and_the_word_that_none_is_missing():
    desk, text = after("s", "D", "enter", desk=GridDesk(dict(OBJECTS)))
    assert desk.said() == [(("m/a.png", "p1"), "accepted", None), (("m/a.png", "p2"), "removed", None)]
    assert "1 finished but for C" in text
    desk, text = after("enter", "C", "enter", desk=GridDesk(dict(OBJECTS)))
    assert desk.said()[-1] == ("m/a.png", "complete", None) and "finished but for C" not in text


def test_finished_items_are_shown_with_their_objects():
    _, text = after("enter", "C", desk=GridDesk(dict(OBJECTS)))
    assert "opened" in text and "is anything missing?" in text


def test_the_item_is_opened_decided_and_the_grid_is_back():
    desk, text = after("s", "O", "N", "u", desk=GridDesk({"m/a.png": "cat", "m/b.png": "cat"}))
    assert not desk.live and [r.verdict for r in desk.records] == ["corrected"]
    assert "page 1" in text and "withdrawn: m/b.png corrected" in text


def test_leaving_the_opened_item_comes_back_to_the_page():
    desk, text = after("O", "q", "enter", desk=GridDesk({"m/a.png": "cat", "m/b.png": "cat"}))
    assert len(desk.records) == 2 and "2 accepted" in text


def test_every_key_of_the_grid_does_something_or_says_why():
    async def script(app, pilot):
        assert {key.command for key in GRID_KEYS} == set(app.screen._commands)

    drive(script)


def test_q_leaves():
    async def script(app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert app._exit

    drive(script)


def test_a_page_that_was_not_looked_at_long_enough_is_not_decided():
    desk, text = after("enter", "enter", min_look=60.0)
    assert not desk.records and "too quick" in text


def test_a_write_error_stops_the_flow():
    _, text = after("enter", desk=GridDesk(dict(CATS), broken=True))
    assert "not saved: labels: no space left" in text and "m/00.png" in text


# -- the pointer, and changes of size ------------------------------------------------------------------------


def test_a_click_marks_and_the_wheel_turns_pages():
    async def script(app, pilot):
        await pilot.click("#body", offset=(30, 5))
        assert [n for n, shown in enumerate(app.session.page) if app.session.mark_of(shown)] == [1]
        await pilot.click("#body", offset=(30, 5))
        assert not any(map(app.session.mark_of, app.session.page))
        app.screen._tiles.post_message(app.screen._tiles.Turned(1))
        await settled(app, pilot)
        assert app.session.number == 2

    drive(script)


def test_the_right_button_opens_the_item():
    async def script(app, pilot):
        await pilot.click("#body", offset=(30, 5), button=3)
        await settled(app, pilot)
        assert app.screen.__class__.__name__ == "ReviewScreen" and app.screen.session.sitting.item.key == "m/01.png"

    drive(script)


def test_another_size_shows_another_number_of_tiles_and_keeps_the_marks():
    async def script(app, pilot):
        await press("s")(app, pilot)
        await pilot.resize_terminal(80, 24)
        await settled(app, pilot)
        assert len(app.session.page) == 15 and "✗ outlier" in screen_text(app)

    drive(script)


# -- thumbnails ----------------------------------------------------------------------------------------------


def test_thumbnails_are_kept_as_far_as_there_is_room():
    desk = GridDesk(dict(CATS))
    group = desk.groups()[0]
    shown = desk.show(group, desk.sheet(group, "low").upto(40))
    made = []

    class Counting(Thumb):
        def thumbnail(self, item, focus, size, context):
            made.append(item.key)
            return super().thumbnail(item, focus, size, context)

    def all_of(thumbnails, some):
        while None in thumbnails.want([(one, Size(10, 5)) for one in some], Terminal()):
            pass

    small = Thumbnails(Counting, SimpleNamespace(), room=10 * 10 * 5 * 11)
    all_of(small, shown[:5])
    all_of(small, shown[:5])
    assert len(made) == 5
    for n in range(5, 40, 5):
        all_of(small, shown[n : n + 5])
    all_of(small, shown[:5])
    assert len(made) == 45
    small.close()
