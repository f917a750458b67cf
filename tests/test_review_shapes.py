"""Objects of each type mended through the review screen, by keys and by the pointer, up to the decision."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest
from trainset_vision.annotations import Keypoints, Mask, Polygon, Polyline, Rle, RotatedBox, Skeleton, rle
from trainset_vision.view import ImageView

from trainset.core.model import Annotation, Item, Label, Task
from trainset.testing import MemoryContext
from trainset.tui.app import ReviewApp
from trainset.tui.widgets.canvas import Canvas
from trainset.workspace import Workspace

from .test_review_screen import Desk, screen_text

WIDTH, HEIGHT = 160, 96
SKELETON = Skeleton(points=("head", "hand"), edges=(("head", "hand"),))

Script = Callable[["Screen"], Awaitable[None]]


class ShapeDesk(Desk):
    """A desk with one image and what is proposed on it."""

    def __init__(self, task: Task, proposed: Sequence[Annotation]) -> None:
        super().__init__(keys=("m/1.png", "m/2.png"), task=task)
        self.proposed = tuple(proposed)

    def item(self, key: str) -> Item:
        return Item(key=key, meta={"width": WIDTH, "height": HEIGHT})

    def versions(self, item: Item) -> Any:
        return {"model": self.proposed}


class Screen:
    """The screen as a reviewer uses it, in the pixels of the image."""

    def __init__(self, app: ReviewApp, pilot: Any) -> None:
        self.app, self.pilot = app, pilot

    async def keys(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def drag(self, *places: tuple[float, float]) -> None:
        canvas = self.app.screen.query_one(Canvas)
        for n, place in enumerate((*places, places[-1])):
            command = "press" if n == 0 else "release" if n == len(places) else "drag"
            canvas.post_message(Canvas.Pointer(command, point(*place)))
            await self.pilot.pause()

    async def click(self, *places: tuple[float, float]) -> None:
        for place in places:
            await self.drag(place)


def point(x: float, y: float) -> Any:
    from trainset.core.scene import Point

    return Point(x, y)


def decided(kind: str, proposed: Sequence[Annotation], script: Script, **task: Any) -> tuple[Annotation, ...]:
    """What is recorded after `script` and an accept."""
    labels = (Label(id="nut", index=0), Label(id="screw", index=1))
    about = Task(name="parts", type=kind, labels=labels, **task)
    desk = ShapeDesk(about, proposed)
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    kit = Workspace().kit("vision")
    ops = {struct: kit.ops(tag, about) for tag, struct in kit.types().items()}
    context = MemoryContext(about, loaded=dict.fromkeys(desk.keys, pixels), ops=ops)

    async def run() -> None:
        app = ReviewApp(desk, ImageView, context, min_look=0.0)
        async with app.run_test(size=(110, 32)) as pilot:
            await pilot.pause(0.05)
            screen = Screen(app, pilot)
            await script(screen)
            await screen.keys("a")

    asyncio.run(run())
    (record,) = desk.records
    assert record.verdict == "corrected"
    return tuple(record.annotations)


def test_a_rotated_box_is_turned_moved_and_relabelled():
    async def script(screen: Screen) -> None:
        await screen.keys("tab", "comma", "r", "r", "l", "J", "2", "u")

    (box,) = decided("rotated-box", [RotatedBox(id="a1", label="nut", rotated_box=(60, 40, 30, 10, 30))], script)
    assert box.rotated_box[4] == 32 and box.rotated_box[3] == 11 and box.label == "nut"


def test_a_polygon_gets_a_point_moved_one_more_and_a_hole():
    async def script(screen: Screen) -> None:
        await screen.keys("tab", "comma", "v", "h", "y", "k", "escape", "W")
        await screen.click((50, 40), (70, 40), (60, 55))
        await screen.keys("w")

    (polygon,) = decided(
        "polygon", [Polygon(id="a1", label="nut", polygon=((40, 30, 90, 30, 90, 70, 40, 70),))], script
    )
    outer, hole = polygon.polygon
    assert outer == (39, 30, 64.5, 29, 90, 30, 90, 70, 40, 70) and hole == (50, 40, 70, 40, 60, 55)


def test_a_polygon_is_drawn_with_the_pointer_and_one_with_the_cursor():
    async def script(screen: Screen) -> None:
        await screen.keys("b")
        await screen.click((10, 10), (40, 10), (40, 40), (10, 10))
        await screen.keys("b", "comma", "y", "l", "y", "j", "y", "w")

    first, second = decided("polygon", [], script)
    assert first.polygon == ((10, 10, 40, 10, 40, 40),) and len(second.polygon[0]) == 6


def test_a_line_is_bent_by_the_pointer():
    async def script(screen: Screen) -> None:
        await screen.keys("tab")
        await screen.drag((80, 20), (80, 60))

    (line,) = decided("polyline", [Polyline(id="a1", label="nut", polyline=(20, 20, 140, 20))], script)
    assert line.polyline == (20, 20, 80, 60, 140, 20)


def test_a_mask_is_painted_erased_undone_and_filled():
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[20:60, 20:60] = True
    pixels[30:35, 30:35] = False

    async def script(screen: Screen) -> None:
        await screen.keys("tab", "B")
        await screen.drag((80, 40), (120, 40))
        await screen.keys("u", "E")
        await screen.drag((20, 20), (60, 20))
        await screen.keys("w", "O")

    (mask,) = decided("mask", [Mask(id="a1", label="nut", mask=Rle((HEIGHT, WIDTH), rle.encode(pixels)))], script)
    assert not mask.pixels[:, 61:].any() and not mask.pixels[20, 20:60].any() and mask.pixels[30:35, 30:35].all()


def test_keypoints_are_found_by_name_and_the_missing_one_is_set():
    seen = []

    async def script(screen: Screen) -> None:
        await screen.keys("tab", "P")
        seen.append(screen_text(screen.app))
        await screen.keys(*"head", "enter", "comma", "l", "T", "B")
        await screen.click((100, 60))

    proposed = [Keypoints(id="a1", label="nut", keypoints=((40, 20, 2), (0, 0, 0)), box=(30, 10, 80, 60))]
    (person,) = decided("keypoints", proposed, script, options=SKELETON)
    assert person.keypoints == ((41, 20, 1), (100, 60, 2))
    assert "1 head" in seen[0] and "2 hand" in seen[0]


@pytest.mark.parametrize(
    ("kind", "proposed", "words"),
    [
        ("mask", Mask(id="a1", label="nut", score=0.5, mask=Rle((HEIGHT, WIDTH), rle.encode(np.ones((HEIGHT, WIDTH), bool)))), "15,360 px"),
        ("polygon", Polygon(id="a1", label="nut", score=0.5, polygon=((1, 1, 9, 1, 9, 9),)), "3 points"),
        ("rotated-box", RotatedBox(id="a1", label="nut", score=0.5, rotated_box=(60, 40, 30, 10, 30)), "30×10 30°"),
    ],
)  # fmt: skip
def test_the_side_panel_tells_label_score_and_size(kind, proposed, words):
    seen = []

    async def script(screen: Screen) -> None:
        seen.append(screen_text(screen.app))
        await screen.keys("tab", "2")

    decided(kind, [proposed], script)
    assert f"1 nut .50 · {words}" in seen[0]
