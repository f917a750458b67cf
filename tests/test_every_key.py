"""Every key of the core's table and of the image view's, pressed in the review screen: what it changes, and nothing else.

A key that is new has no line here, and fails until it has.
"""

import asyncio

import msgspec
import numpy as np
import pytest
from trainset_vision.annotations import Box as VisionBox
from trainset_vision.annotations import Keypoints, Mask, Polygon, Rle, Skeleton, rle
from trainset_vision.editing import KEYS
from trainset_vision.view import ImageView

from trainset.core.keymap import name
from trainset.core.keys import CORE_KEYS
from trainset.core.model import Attribute, Label, Task
from trainset.core.scene import Viewport
from trainset.testing import MemoryContext
from trainset.tui.app import ReviewApp
from trainset.tui.widgets.canvas import Canvas
from trainset.workspace import Workspace

from .test_review_shapes import HEIGHT, WIDTH, ShapeDesk

KIT = Workspace().kit("vision")
ring = np.zeros((HEIGHT, WIDTH), bool)
ring[20:60, 20:60] = True
ring[30:35, 30:35] = False
ring[70:80, 100:120] = True
PROPOSED = {
    "box": [VisionBox(id="a1", label="l1", box=(20, 20, 40, 30)), VisionBox(id="a2", label="l2", box=(90, 40, 30, 30))],
    "polygon": [Polygon(id="a1", label="l1", polygon=((40, 30, 90, 30, 90, 70, 40, 70),))],
    "mask": [Mask(id="a1", label="l1", mask=Rle((HEIGHT, WIDTH), rle.encode(ring)))],
    "keypoints": [Keypoints(id="a1", label="l1", keypoints=((40, 20, 2), (60, 40, 2)), box=(30, 10, 80, 60))],
}
WEAKER = [VisionBox(id="w1", label="l3", score=0.2, box=(100, 5, 20, 20))]


class ManyDesk(ShapeDesk):
    """A desk with twenty images, and the weaker candidates of another model."""

    def __init__(self, task, proposed):
        super().__init__(task, proposed)
        self.keys = tuple(f"m/{n:02}.png" for n in range(20))

    def versions(self, item):
        return {"model": self.proposed, "other": WEAKER if self.task.type == "box" else ()}


def look(app, desk):
    """Everything that a key may change, by the word that the lines below have for it."""
    session, screen = app.session, app.screen
    canvas = screen.query(Canvas).first() if screen.query(Canvas) else None
    view = session.sitting.view if session.sitting else None
    dialog = getattr(screen, "dialog", None)
    return {
        "decisions": [record.verdict for record in desk.records],
        "withdrawn": list(desk.withdrawn),
        "item": session.sitting and session.sitting.item.key,
        "objects": msgspec.json.encode(view.annotations()) if view else b"",
        "selected": [line.id for line in view.lines() if line.selected] if view else [],
        "hand": repr(view.scene(Viewport(canvas.room, canvas.part, 1.0))) if view and canvas else "",
        "seen": canvas and canvas.part,
        "overlays": canvas and canvas.overlays,
        "glyphs": canvas and canvas.terminal.renderer,
        "dialog": type(dialog).__name__ if dialog else "",
        "screen": type(screen).__name__,
        "said": session.notice.text,
        "left": app._exit,
    }


def trial(kind, before, key):
    """What was to be seen before a key and after it, the first object being selected."""
    labels = tuple(Label(id=f"l{n}", index=n) for n in range(1, 11))
    attributes = (Attribute(name="bent", type="flag"),)
    options = {"options": Skeleton(points=("head", "hand"))} if kind == "keypoints" else {}
    task = Task(name="parts", type=kind, labels=labels, attributes=attributes, guidelines="# parts", **options)
    desk = ManyDesk(task, PROPOSED[kind])
    ops = {struct: KIT.ops(tag, task) for tag, struct in KIT.types().items()}
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[22:48, 23:57] = 255
    context = MemoryContext(task, loaded=dict.fromkeys(desk.keys, pixels), ops=ops)
    seen = []

    async def run():
        app = ReviewApp(desk, ImageView, context, min_look=0.0)
        async with app.run_test(size=(110, 32)) as pilot:
            await pilot.pause(0.02)
            for each in ("tab", *before, None, key):
                if each is None:
                    seen.append(look(app, desk))
                else:
                    await pilot.press(each)
                    await pilot.pause()
            seen.append(look(app, desk))

    asyncio.run(run())
    return seen


def changed(before, after):
    return {aspect for aspect in before if before[aspect] != after[aspect]}


EFFECTS = {
    "accept": "decisions item",
    "reject": "decisions item",
    "nothing": "decisions item",
    "flag": "dialog",
    "skip": "item",
    "undo": "item withdrawn after a",
    "redo": "decisions item after a u",
    "go 1": "item",
    "go -1": "item after n",
    "go 10": "item",
    "go -10": "item after pagedown",
    "next": "selected",
    "previous": "selected",
    "relabel 0": "objects after tab",
    **{f"relabel {n}": "objects" for n in range(1, 10)},
    "find-label": "dialog",
    "delete": "objects",
    "attributes": "dialog",
    "comment": "dialog",
    "why": "dialog",
    "guidelines": "dialog",
    "inspect": "dialog",
    "jump": "dialog",
    "queue": "screen",
    "home": "said",
    "overlays": "overlays",
    "renderer": "glyphs",
    "fit": "seen after plus",
    "zoom 0.8": "seen",
    "zoom 1.25": "seen after plus plus",
    "pan -1 0": "seen after plus plus plus",
    "pan 1 0": "seen after plus plus plus",
    "pan 0 -1": "seen after plus plus plus",
    "pan 0 1": "seen after plus plus plus",
    "help": "dialog",
    "palette": "dialog",
    "quit": "left",
}
"""What each command of the core changes in a task of boxes, by its name in settings, after which keys."""

EDITS = {
    "move -1 0": "objects",
    "move 1 0": "objects",
    "move 0 -1": "objects",
    "move 0 1": "objects",
    "resize -1 0": "objects",
    "resize 1 0": "objects",
    "resize 0 -1": "objects",
    "resize 0 1": "objects",
    "fine": "said",
    "add": "objects",
    "draw": "said",
    "snap": "objects",
    "shape": "said",
    "show True": "hand",
    "show False": "hand",
    "zoom-object": "seen",
    "cycle": "hand",
    "take": "objects after space",
    "turn 1": "objects of polygon",
    "turn -1": "objects of polygon",
    "point 1": "hand of polygon",
    "point -1": "hand of polygon",
    "put": "objects of polygon after v",
    "back": "objects of polygon after v",
    "finish": "hand of mask after B",
    "let-go": "hand of polygon after v",
    "ring": "hand of polygon",
    "convert": "objects of polygon",
    "erase": "hand of mask",
    "brush-size -1": "said of mask after B",
    "brush-size 1": "said of mask after B",
    "grow -1": "objects of mask",
    "grow 1": "objects of mask",
    "fill": "objects of mask",
    "split": "objects of mask",
    "shade": "hand of mask",
    "find-point": "dialog of keypoints",
    "visibility": "objects of keypoints after v",
}
"""The same of the image view's; of boxes, where no type of task is named."""

QUIET = {"hand", "selected", "said"}
"""What changes along with the rest."""
KEY_TABLES = {"core": (CORE_KEYS, EFFECTS), "image": (dict.fromkeys(k for keys in KEYS.values() for k in keys), EDITS)}
CASES = [
    pytest.param(key, effects, id=f"{table} {key.key}") for table, (keys, effects) in KEY_TABLES.items() for key in keys
]


@pytest.mark.parametrize(("key", "effects"), CASES)
def test_a_key_changes(key, effects):
    effect, _, before = effects[name(key)].partition(" after ")
    effect, _, kind = effect.partition(" of ")
    wanted = set(effect.split())
    found = changed(*trial(kind or "box", before.split(), key.key))
    assert wanted <= found and found - QUIET <= wanted | (
        {"glyphs", "overlays", "seen"} if "screen" in wanted else set()
    )


@pytest.mark.parametrize("table", KEY_TABLES)
def test_no_line_here_is_of_a_key_that_is_gone(table):
    keys, effects = KEY_TABLES[table]
    assert set(effects) == {name(key) for key in keys}
