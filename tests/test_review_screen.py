"""The review screen, driven by keys and the pointer as a reviewer would."""

import asyncio
import re
from dataclasses import dataclass, field
from html import unescape
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from trainset.core.model import Annotation, Attribute, Item, Label, Task
from trainset.core.protocols import Change, Effect, Key
from trainset.core.queue import Entry
from trainset.core.scene import Line, Picture, Point, Rect, Run, Scene, Shape
from trainset.errors import MediaError, TrainsetError, UsageError
from trainset.tui import run_review
from trainset.tui.app import ReviewApp
from trainset.tui.canvas import strip
from trainset.tui.canvas.cells import cluster_text
from trainset.tui.widgets.canvas import Canvas

from .kit import Listed

NASTY = "[bold red]x[/] \x1b[31m\u202e"


TASK = Task(
    name="parts",
    type="box",
    labels=tuple(Label(id=name, index=i) for i, name in enumerate(["cat", "dog", "[/eel]", "fox"])),
    attributes=(
        Attribute(name="occluded", type="flag"),
        Attribute(name="size", type="number"),
        Attribute(name="weather", type="choice", choices=("dry", "wet"), of="item"),
    ),
    guidelines=f"# Parts\nBox [b]all[/b] of it. {NASTY}",
)


class Box(Annotation, kw_only=True, frozen=True, tag="test.box"):
    box: tuple[float, float, float, float]


class ImageView:
    """Boxes on a picture: moved by `move`, drawn with the pointer."""

    keys = (
        Key("h", "move", "move left", -1),
        Key("l", "move", "move right", 1),
        Key("z", "zoom", "zoom to the object"),
        Key("b", "ask", "new box"),
    )

    def open(self, item, versions, context):
        if item.key.endswith("broken.png"):
            raise MediaError(f"{item.key}: cut short", hint="copy it again")
        self.pixels = context.media.load(item)
        self.boxes = tuple(next(iter(versions.values()), ()))
        self.at, self.pressed = 0, None

    def scene(self, viewport):
        height, width = self.pixels.shape[:2]
        rect = Rect(0, 0, width, height)
        shapes = [
            Shape("box", (Point(b.box[0], b.box[1]), Point(b.box[2], b.box[3])), b.label or "", i, i == self.at)
            for i, b in enumerate(self.boxes)
        ]
        return Scene(rect, [Picture(self.pixels, rect)], shapes=shapes)

    def lines(self):
        return [Line(b.id, f"{b.label} {NASTY}", i, i == self.at) for i, b in enumerate(self.boxes)]

    def do(self, command, at=None, argument=None):
        if command in ("next", "previous") and self.boxes:
            self.at = (self.at + (1 if command == "next" else -1)) % len(self.boxes)
            return Effect()
        if command == "zoom":
            x0, y0, x1, y1 = self.boxes[self.at].box
            return Effect(region=Rect(x0, y0, x1 - x0, y1 - y0))
        if command == "ask":
            return Effect(label="add")
        if command == "add":
            return self._put((*self.boxes, Box(id="new", label=argument, box=(1, 1, 5, 5))))
        if command == "press":
            self.pressed = at
        elif command == "release":
            drawn = Box(id="drawn", label="cat", box=(self.pressed.x, self.pressed.y, at.x, at.y))
            return self._put((*self.boxes, drawn))
        elif command in ("move", "label", "attribute", "delete") and self.boxes:
            old = self.boxes[self.at]
            changed = {
                "move": lambda: {"box": tuple(v + argument for v in old.box)},
                "label": lambda: {"label": argument},
                "attribute": lambda: {"attributes": {**old.attributes, argument[0]: argument[1]}},
                "delete": lambda: None,
            }[command]()
            new = () if changed is None else (msgspec.structs.replace(old, **changed),)
            return self._put((*self.boxes[: self.at], *new, *self.boxes[self.at + 1 :]))
        return None

    def _put(self, boxes):
        change = Change("edited", (self.boxes, boxes))
        self.boxes = boxes
        self.at = min(self.at, max(0, len(boxes) - 1))
        return change

    def undo(self, change):
        self.boxes = change.data[0]

    def redo(self, change):
        self.boxes = change.data[1]

    def annotations(self):
        return self.boxes


class TextView(ImageView):
    """Fifty rows of text, some of it wide, some of it hostile."""

    keys = (Key("j", "down", "down"),)

    def scene(self, viewport):
        rows = [[Run(f"line {i} 東京 ", style="bold" if i == self.at else "plain"), Run(NASTY)] for i in range(50)]
        return Scene(Rect(0, 0, 60, 50), rows=rows)

    def do(self, command, at=None, argument=None):
        if command == "down":
            self.at += 40
            return Effect(region=Rect(0, self.at, 1, 1))
        return None


@dataclass
class Desk:
    """A desk over made-up pictures that keeps its records in a list."""

    keys: tuple[str, ...] = tuple(f"media/cam1/{i:04}.png" for i in range(40))
    task: Task = TASK
    reviewer: str = "ana"
    records: list = field(default_factory=list)
    withdrawn: list = field(default_factory=list)
    broken: bool = False

    def queue(self):
        return Listed(lambda: [Entry(key, 0.5, f"score .41 {NASTY}") for key in self.keys])

    def item(self, key):
        return Item(key=key)

    def state(self, item):
        return "predicted"

    def versions(self, item):
        boxes = (("a1", "cat", (4.0, 4.0, 20.0, 20.0)), ("a2", "dog", (30.0, 10.0, 60.0, 40.0)))
        return {"yolo": tuple(Box(id=i, label=x, box=b) for i, x, b in boxes)}

    def item_attributes(self, item):
        return {}

    def why(self, item):
        return [f"low score {NASTY}"]

    def history(self, item):
        return [f"predicted {NASTY}"]

    def record(self, item, verdict, annotations=None, *, attributes=None, note=None, seconds=None):
        if self.broken:
            raise TrainsetError("no space left on device")
        self.records.append(SimpleNamespace(item=item.key, verdict=verdict, annotations=annotations, note=note))
        self.records[-1].attributes = attributes
        return str(len(self.records))

    def withdraw(self, item, record):
        self.withdrawn.append(record)
        return "w"

    def waiting(self):
        return len(self.keys) - len(self.records)

    def uncommitted(self):
        return len(self.records)

    def path(self, item, part=""):
        raise AssertionError("the screen needs no path")

    def ahead(self, item):
        self.load(item)

    def load(self, item):
        ramp = np.linspace(0, 255, 64).astype(np.uint8)
        return np.ascontiguousarray(np.stack(np.broadcast_arrays(ramp[:48, None], ramp[None], np.uint8(90)), -1))


def drive(script, desk=None, view=ImageView, size=(100, 30), min_look=0.0, **options):
    """Run `script(app, pilot)` on a review of the desk; returns the desk."""
    desk = desk or Desk()
    context = SimpleNamespace(task=desk.task, settings={}, media=desk, counts=dict, proposals=lambda item: {})

    async def run():
        app = ReviewApp(desk, view, context, min_look=min_look, **options)
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.05)
            await script(app, pilot)

    asyncio.run(run())
    return desk


def press(*keys):
    async def script(app, pilot):
        for key in keys:
            await pilot.press(key)
            await pilot.pause()

    return script


def screen_text(app):
    """What the screen shows, as lines of text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def shown(*keys, **options):
    """The text of the screen after some keys."""
    seen = []

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        await pilot.pause(0.05)
        seen.append(screen_text(app))

    drive(script, **options)
    return seen[0]


# -- what is shown -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (60, 16)])
def test_the_key_the_reason_the_objects_and_the_help_key_are_there_at_every_size(size):
    text = shown(size=size)
    for wanted in ("parts", "0000.png", "40 left", "OBJECTS", "▶", "undo 0", "a accept", "? help", "▀"):
        assert wanted in text
    assert {len(line) for line in text.splitlines()} == {size[0]}


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
def test_nothing_is_painted_before_the_size_is_final(monkeypatch, size):
    painted, put = [], Canvas.put
    monkeypatch.setattr(Canvas, "put", lambda self, cells: painted.append(cells.code.shape) or put(self, cells))
    drive(press(), size=size)
    assert len(set(painted)) == 1


def test_the_end_of_a_long_key_stays_in_sight():
    desk = Desk(keys=("media/" + "deep/" * 40 + "last.png",))
    assert "…" in (text := shown(desk=desk, size=(60, 16))) and "last.png" in text


def test_a_terminal_too_small_says_so_and_decides_nothing():
    seen = []

    async def script(app, pilot):
        await press("a", "a")(app, pilot)
        seen.append(screen_text(app))
        await pilot.resize_terminal(80, 24)
        await press("a")(app, pilot)

    desk = drive(script, size=(59, 20))
    assert "60 × 16" in seen[0] and "OBJECTS" not in seen[0]
    assert len(desk.records) <= 1


def test_text_from_data_is_neither_markup_nor_control():
    seen = {}

    async def script(app, pilot):
        for key in ("e", "g", "question_mark", "t", "A", "semicolon"):
            await press(key)(app, pilot)
            seen[key] = screen_text(app)
            await press("escape")(app, pilot)
        seen["item"] = screen_text(app)

    drive(script, size=(120, 40))
    assert not re.search(r"[\x1b\u202e]", "".join(seen.values()))
    assert "[bold red]x[/] ␛[31m" in seen["item"] and "[/eel]" in seen["t"]
    assert "Box [b]all[/b] of it." in seen["g"] and "[bold red]x[/] ␛[31m" in seen["e"]


def test_an_empty_queue_says_that_nothing_waits():
    text = shown("a", "u", "n", "t", "A", desk=Desk(keys=()))
    assert "Nothing waits for you in parts" in text


def test_when_all_is_decided_the_screen_says_so_and_undo_returns():
    desk = Desk(keys=("m/1.png", "m/2.png"))
    text = shown("a", "a", desk=desk)
    assert "Nothing waits for you in parts" in text and "2 decided in this session" in text
    assert "m/2.png" in shown("a", "a", "u", desk=Desk(keys=("m/1.png", "m/2.png")))


def test_an_item_that_cannot_be_shown_says_why():
    text = shown(desk=Desk(keys=("m/broken.png",)))
    assert "cannot be shown" in text and "cut short (copy it again)" in text


def test_rows_of_text_scroll_to_what_the_view_reveals():
    first, later = (shown(*keys, view=TextView, size=(100, 30)) for keys in ((), ("j",)))
    assert "line 0 東京" in first and "line 40 東京" not in first
    assert "line 40 東京" in later and "line 0 東京" not in later


def test_without_colour_the_screen_sends_no_colour(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    seen = []

    async def script(app, pilot):
        update = app.screen._compositor.render_full_update()
        seen.append(update.render_segments(app.console))

    drive(script)
    styles = set(re.findall(r"\x1b\[([0-9;]+)m", seen[0]))
    codes = {code for style in styles for code in style.split(";")}
    assert codes <= {"0", "1", "2", "4", "7", "39", "49"}
    assert re.search(r"[-+*#%@]{5}", seen[0])


def test_a_screenshot_shows_the_canvas():
    seen = []

    async def script(app, pilot):
        seen.append(unescape(app.export_screenshot()))

    drive(script)
    assert seen[0].count("▀") > 500 and "0000.png" in seen[0]


def test_ordinary_strips_show_the_same(monkeypatch):
    fast = shown("tab")
    monkeypatch.setattr(strip, "usable", lambda: False)
    assert shown("tab") == fast


# -- deciding ------------------------------------------------------------------------------------------------


def test_accept_correct_empty_reject_and_skip_are_recorded_in_order():
    desk = drive(press("a", "2", "enter", "N", "s", "x"))
    assert [(r.item[-8:-4], r.verdict) for r in desk.records] == [
        ("0000", "accepted"),
        ("0001", "corrected"),
        ("0002", "corrected"),
        ("0004", "rejected"),
    ]
    assert [a.label for a in desk.records[1].annotations] == ["dog", "dog"]
    assert desk.records[2].annotations == ()


def test_undo_withdraws_and_redo_decides_again():
    desk = drive(press("a", "u", "U"))
    assert [r.verdict for r in desk.records] == ["accepted", "accepted"] and desk.withdrawn == ["1"]


def test_a_flag_and_a_comment_take_their_text():
    desk = drive(press("f", "b", "a", "d", "enter", "semicolon", "o", "k", "enter", "a"))
    assert [(r.verdict, r.note) for r in desk.records] == [("flagged", "bad"), ("accepted", "ok")]


def test_escape_leaves_a_dialog_without_a_decision():
    assert drive(press("f", "x", "escape", "t", "escape", "slash", "escape", "A", "escape")).records == []


def test_a_key_within_the_least_look_is_dropped_and_said():
    seen = []

    async def script(app, pilot):
        await press("a", "a")(app, pilot)
        await pilot.pause()
        seen.append(screen_text(app))

    desk = drive(script, min_look=60.0)
    assert desk.records == [] and "too quick" in seen[0]


def test_a_held_key_accepts_no_item_that_was_not_painted():
    async def script(app, pilot):
        for _ in range(20):
            app.simulate_key("a")
        await pilot.pause(0.05)

    assert len(drive(script).records) == 1


def test_a_burst_of_keys_is_carried_out_whole_and_painted_few_times():
    painted = []

    async def script(app, pilot):
        canvas = app.screen.query_one(Canvas)
        rebuild = canvas.rebuild
        canvas.rebuild = lambda: painted.append(1) or rebuild()
        for _ in range(50):
            app.simulate_key("l")
        await pilot.pause(0.05)
        await press("a")(app, pilot)

    desk = drive(script)
    assert desk.records[0].annotations[0].box[0] == 54.0
    assert len(painted) < 10


def test_a_decision_that_cannot_be_written_is_shown_and_moves_nothing():
    text = shown("a", desk=Desk(broken=True))
    assert "✗ not saved: no space left on device" in text and "0000.png" in text


# -- the rest of the keys ------------------------------------------------------------------------------------


def test_moving_through_the_queue_and_jumping():
    assert "0011.png" in shown("pagedown", "n", "n", "p")
    assert "0023.png" in shown("slash", "0", "0", "2", "3", "enter")


def test_typing_finds_a_label_and_gives_it():
    desk = drive(press("t", "f", "o", "enter", "a"))
    assert desk.records[0].annotations[0].label == "fox"
    desk = drive(press("t", "down", "enter", "a"))
    assert desk.records[0].annotations[0].label == "dog"


def test_hundreds_of_labels_can_be_searched():
    labels = tuple(Label(id=f"kind-{i:03}", index=i) for i in range(600))
    desk = Desk(task=msgspec.structs.replace(TASK, labels=labels))
    drive(press("t", *"457", "enter", "a"), desk=desk)
    assert desk.records[0].annotations[0].label == "kind-457"


def test_a_view_may_ask_for_a_label():
    desk = drive(press("b", "f", "o", "x", "enter", "a"))
    assert [a.label for a in desk.records[0].annotations] == ["cat", "dog", "fox"]


def test_attributes_of_object_and_item_are_checked_and_recorded():
    seen = []

    async def script(app, pilot):
        await press("A", "tab", *"big", "enter")(app, pilot)
        seen.append(screen_text(app))
        await press(*["backspace"] * 3, *"7", "shift+tab", "enter", "down", "enter", "ctrl+s", "a")(app, pilot)

    desk = drive(script)
    assert "takes a number, not 'big'" in seen[0]
    assert desk.records[0].annotations[0].attributes == {"occluded": True, "size": 7.0}


def test_item_attributes_go_with_the_decision():
    async def script(app, pilot):
        await press("A", "tab", "tab", "enter", "down", "down", "enter", "ctrl+s", "a")(app, pilot)

    assert drive(script).records[0].attributes in ({"weather": "dry"}, {"weather": "wet"})


def planes(*keys):
    seen = []

    async def script(app, pilot):
        await press(*keys)(app, pilot)
        seen.append(app.screen.query_one(Canvas)._cells)

    drive(script, size=(100, 30))
    return seen[0]


def test_overlays_are_hidden_and_shown():
    hidden, back = planes("o"), planes("o", "o")
    assert "cat" not in "".join(map(cluster_text, hidden.code.ravel()))
    assert "cat" in "".join(map(cluster_text, back.code.ravel()))


def test_zoom_and_pan_change_what_is_seen_and_fit_shows_the_whole_again():
    whole = planes()
    assert not planes("plus", "shift+left", "z", "minus", "F").changed_rows(whole).size
    for key in ("plus", "z", "minus", "shift+down"):
        assert planes(key).changed_rows(whole).size


def test_the_renderer_can_be_changed():
    for number, name in enumerate(("half", "quad", "sextant", "ascii", "half")):
        assert f"{name}/" in shown(*["m"] * number)


def test_dragging_reaches_the_view_in_scene_coordinates():
    async def script(app, pilot):
        canvas = app.screen.query_one(Canvas)
        start, end = (canvas._camera.to_cells([Point(*at)])[0].astype(int) for at in ((40, 5), (60, 30)))
        await pilot.mouse_down(canvas, offset=tuple(start.tolist()))
        await pilot.hover(canvas, offset=tuple(end.tolist()))
        await pilot.mouse_up(canvas, offset=tuple(end.tolist()))
        await press("a")(app, pilot)

    drawn = drive(script).records[0].annotations[-1].box
    assert np.allclose(drawn, (40, 5, 60, 30), atol=1.5)


def test_q_leaves():
    async def script(app, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert app.return_code == 0

    drive(script)


def test_review_refuses_to_run_without_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(UsageError, match="needs a terminal"):
        run_review(Desk(), ImageView, SimpleNamespace())
