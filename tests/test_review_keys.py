"""Keys of one's own, the command palette, themes, the close look and bytes, on the screens as a reviewer has them."""

import re
import sys

import numpy as np
import pytest

from trainset.core.keys import CORE_KEYS
from trainset.core.preferences import Display, Keys, Preferences
from trainset.tui.app import themes
from trainset.tui.canvas.cells import cluster_text
from trainset.tui.dialogs.inspect import Inspect
from trainset.tui.widgets.board import Board
from trainset.tui.widgets.canvas import Canvas

from . import test_grid_screen as grid
from .test_review_screen import ImageView, TextView, drive, press, screen_text, shown


def wanting(**item):
    return Preferences(keys=Keys(item=item))


# -- keys -----------------------------------------------------------------------------------------------------


def test_a_command_is_done_by_the_key_that_one_wants_and_no_longer_by_its_own():
    desk = drive(press("a", "y"), preferences=wanting(accept="y"))
    assert [record.verdict for record in desk.records] == ["accepted"]


def test_the_keys_of_a_view_are_changed_too():
    wanted = wanting(**{"move 1": ("right",), "move -1": ()})
    desk = drive(press("l", "h", "right", "right", "a"), preferences=wanted)
    assert desk.records[0].annotations[0].box[0] == 6.0


def test_the_screen_names_the_keys_that_work():
    wanted = wanting(**{"accept": "y", "reject": (), "help": "f1", "relabel 0": "Q", "why": "W", "move 1": "right"})
    text = shown(preferences=wanted, size=(160, 48))
    last = text.splitlines()[-1]
    assert "y accept" in last and "reject" not in last and "f1 help" in last and "Q label" in last
    assert "W tells more" in text
    read = shown("f1", preferences=wanted, size=(160, 60))
    assert re.search(r"y\s+accept, or save", read) and re.search(r"→\s+move right", read)


def test_the_key_that_opened_something_closes_it():
    assert "Guidelines for parts" in shown("K", preferences=wanting(guidelines="K"))
    assert "Guidelines for parts" not in shown("K", "K", preferences=wanting(guidelines="K"))


def test_the_grid_has_keys_of_its_own():
    wanted = Preferences(keys=Keys(grid={"mark 0": "1", "relabel 0": (), "accept": "B"}))

    async def script(app, pilot):
        await grid.press("1", "B")(app, pilot)

    desk = grid.drive(script, preferences=wanted)
    assert [record.verdict for record in desk.records].count("rejected") == 1 and len(desk.records) > 1


def test_a_letter_of_another_layout_does_nothing_and_says_so():
    assert "this layout sends ф: switch the layout" in shown("ф", size=(140, 30))
    assert "this layout sends λ: switch the layout" in grid.after("λ")[1]
    desk = drive(press("ф"), preferences=wanting(accept="ф"))
    assert [record.verdict for record in desk.records] == ["accepted"]


# -- the palette ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
def test_the_palette_finds_what_the_core_and_the_view_do(key):
    text = shown(key, *"next ob", size=(120, 40))
    assert "next object" in text and "Tab" in text
    assert "new box" in shown(key, *"new box", size=(120, 40))


def test_what_the_palette_finds_is_done_also_where_it_has_no_key():
    wanted = wanting(reject=())
    desk = drive(press("colon", *"reject the", "enter", "x"), preferences=wanted)
    assert [record.verdict for record in desk.records] == ["rejected"]
    desk = drive(press("colon", *"move right", "enter", "a"))
    assert desk.records[0].annotations[0].box[0] == 5.0


def test_the_palette_lists_every_command():
    seen = []

    async def script(app, pilot):
        await press("colon")(app, pilot)
        seen.extend(label.id for label in app.screen.dialog._labels)

    drive(script)
    assert {key.command for key in CORE_KEYS} <= {name.split()[0] for name in seen}
    assert {f"theme {theme}" for theme in themes()} <= set(seen)


def test_a_theme_is_chosen_in_the_palette_or_in_the_file():
    seen = []

    async def script(app, pilot):
        seen.append(app.theme)
        await press("colon", *"theme gruvbox", "enter")(app, pilot)
        seen.append(app.theme)

    drive(script, preferences=Preferences(display=Display(theme="nord")))
    assert seen == ["nord", "gruvbox"]


# -- the close look -------------------------------------------------------------------------------------------


def test_without_graphics_the_close_look_is_in_blocks_and_says_so(monkeypatch):
    monkeypatch.setenv("TMUX", "x")
    seen = []

    async def script(app, pilot):
        await press("i")(app, pilot)
        await pilot.pause(0.1)
        seen.append(screen_text(app))
        seen.append(app.screen.query_one(Inspect).query_one(Board)._cells)
        await press("escape", "a")(app, pilot)

    desk = drive(script)
    assert "in blocks, not pixels" in seen[0] and "tmux" in seen[0] and "▀" in seen[0]
    assert seen[1].columns == 100 and "cat" in "".join(map(cluster_text, seen[1].code.ravel()))
    assert len(desk.records) == 1


@pytest.mark.parametrize("graphics", ["kitty", "sixel"])
def test_with_graphics_the_close_look_shows_pixels(graphics):
    seen = []

    async def script(app, pilot):
        await press("i")(app, pilot)
        for _ in range(100):
            await pilot.pause(0.02)
            if app.screen.query(".pixels"):
                break
        seen.append(app.screen.query_one(".pixels").image)
        seen.append(screen_text(app))
        await press("i", "a")(app, pilot)

    desk = drive(script, preferences=Preferences(display=Display(graphics=graphics)))
    assert seen[0].size == (1000, 580) and f"{graphics} graphics" in seen[1]
    assert len(desk.records) == 1


def test_without_its_package_the_close_look_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "textual_image.widget", None)
    seen = []

    async def script(app, pilot):
        await press("i")(app, pilot)
        await pilot.pause(0.1)
        seen.append(screen_text(app))

    drive(script, preferences=Preferences(display=Display(graphics="sixel")))
    assert "pip install 'trainset[graphics]'" in seen[0]


def test_text_has_no_picture_to_look_at():
    assert "there is no picture" in shown("i", view=TextView, size=(140, 30))


# -- bytes ----------------------------------------------------------------------------------------------------


class Noisy(ImageView):
    """A picture in which no pixel is like its neighbour."""

    def open(self, item, versions, context):
        super().open(item, versions, context)
        random = np.random.default_rng(len(item.key))
        self.pixels = np.clip(random.normal(128, 9, (300, 400, 3)), 0, 255).astype(np.uint8)


def sent(monkeypatch, **environ):
    """The bytes of a painted canvas, for each of its cells."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    seen = []

    async def script(app, pilot):
        canvas = app.screen.query_one(Canvas)
        rows = canvas.render_lines(canvas.size.region)
        seen.append(sum(len(row.render(app.console).encode()) for row in rows) / canvas.size.area)

    drive(script, view=Noisy, depth="24bit", size=(160, 48))
    return seen[0]


def test_over_ssh_and_in_tmux_a_screenful_takes_fewer_bytes(monkeypatch):
    here = sent(monkeypatch)
    far = sent(monkeypatch, SSH_TTY="/dev/pts/1")
    inside = sent(monkeypatch, TMUX="/tmp/tmux")
    assert inside <= 1.2 * 8 and inside <= far <= 1.2 * 12 < here
