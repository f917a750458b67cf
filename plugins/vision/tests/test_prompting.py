"""Prompting a model in review: keys and clicks in the view, the thread that answers, and the screen between them."""

from __future__ import annotations

import asyncio
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from textual import events
from trainset_vision.annotations import Box, BoxOps, Keypoints, KeypointsOps, Mask, MaskOps, Polygon, PolygonOps
from trainset_vision.view import ImageView

from trainset.core.model import Item
from trainset.core.prompting import KEPT, Answer, Assistant
from trainset.core.queue import Entry, Picked
from trainset.core.session import Session
from trainset.errors import ModelError
from trainset.plugins import Change, Effect, Point, Size, Viewport
from trainset.testing import MemoryContext
from trainset.tui.app import ReviewApp
from trainset.tui.widgets.canvas import Canvas

from .editing_kit import mask_of
from .test_promptable import decoder, encoder, extent, model, task

ITEM = Item(key="media/a.png", meta={"width": 300, "height": 200})
BOX = Box(id="b1", label="nut", score=0.5, attributes={"bent": True}, box=(60.0, 40.0, 90.0, 80.0))
OPS = {Box: BoxOps(), Mask: MaskOps(), Polygon: PolygonOps(), Keypoints: KeypointsOps()}
FIT = Viewport(Size(75, 25), None, 4.0)


def context_of(kind="mask", folder=None):
    pixels = np.zeros((200, 300, 3), np.uint8)
    if folder is not None:
        Image.fromarray(pixels).save(folder / "a.png")
    return MemoryContext(task(kind), folder=folder, loaded={ITEM.key: pixels}, ops=OPS)


def opened(*annotations, kind="box"):
    view = ImageView()
    view.open(ITEM, {"model": annotations}, context_of(kind))
    view.scene(FIT)
    return view


def asked(effect):
    """What an effect shows a model: boxes, and places with how they are meant."""
    assert isinstance(effect, Effect) and effect.prompt == "prompted"
    assert len({a.id for a in effect.prompts}) == 1
    boxes = [a.box for a in effect.prompts if isinstance(a, Box)]
    return boxes, [place for a in effect.prompts if isinstance(a, Keypoints) for place in a.keypoints]


# -- the view ----------------------------------------------------------------------------------------------------------


def test_the_selected_object_takes_the_shape_that_the_model_gives_for_its_box_in_one_step():
    view = opened(BOX)
    assert view.do("shape").message == "select an object first"
    view.do("select", None, "b1")
    assert asked(view.do("shape")) == ([BOX.box], [])
    change = view.do("prompted", None, (Box(id="shown", label="nut", score=0.9, box=(61, 41, 80, 70)),))
    assert isinstance(change, Change)
    assert view.annotations() == (Box(id="b1", label="nut", attributes={"bent": True}, box=(61, 41, 80, 70)),)
    view.undo(change)
    assert view.annotations() == (BOX,)


def test_places_on_and_beside_the_object_go_with_its_box():
    view = opened(BOX)
    view.do("select", None, "b1")
    assert asked(view.do("show", Point(70, 50), False)) == ([BOX.box], [(70, 50, 1)])
    assert asked(view.do("show", Point(200, 60), True)) == ([(60, 40, 140, 80)], [(70, 50, 1), (200, 60, 2)])


def test_clicks_on_empty_ground_make_a_new_object_and_each_is_one_step():
    view = opened()
    assert "click on it" in view.do("show", None, True).message
    view.do("press", Point(50, 50))
    assert asked(view.do("release", Point(50, 50))) == ([], [(50, 50, 2)])
    first = view.do("prompted", None, (Box(id="shown", box=(40, 40, 20, 20)),))
    assert view.annotations()[0].label == "screw"
    view.do("press", Point(90, 50), True)
    assert asked(view.do("release", Point(90, 50))) == ([], [(50, 50, 2), (90, 50, 1)])
    second = view.do("prompted", None, (Box(id="shown", box=(40, 40, 30, 20)),))
    assert len(view.annotations()) == 1
    view.undo(second)
    view.do("show", Point(55, 55), True)
    assert asked(view.do("show", Point(56, 56), True)) == ([], [(50, 50, 2), (55, 55, 2), (56, 56, 2)])
    view.do("prompted", None, ())
    view.undo(first)
    assert view.annotations() == ()


def test_a_place_beside_nothing_is_refused():
    view = opened()
    assert "first" in view.do("show", Point(50, 50), False).message


def test_a_drag_shows_a_new_object_by_its_box_and_finishing_begins_another():
    view = opened(BOX)
    view.do("select", None, "b1")
    view.do("show", None, True)
    view.do("press", Point(200, 100))
    assert asked(view.do("release", Point(250, 150))) == ([(200, 100, 50, 50)], [])
    view.do("prompted", None, (Box(id="shown", box=(200, 100, 40, 40)),))
    assert len(view.annotations()) == 2
    view.do("finish")
    assert asked(view.do("show", Point(20, 20), True)) == ([], [(20, 20, 2)])


def test_the_cursor_counts_where_keys_moved_it_since_the_pointer_moved():
    view, at = opened(), Point(100, 100)
    view.do("show", at, True)
    view.do("prompted", None, ())
    view.do("move", at, (1, 0))
    assert asked(view.do("show", at, True)) == ([], [(104, 100, 2)])
    view.do("prompted", None, ())
    assert asked(view.do("show", Point(8, 8), True)) == ([], [(8, 8, 2)])


def test_an_answer_for_what_is_no_longer_selected_changes_nothing():
    view = opened(BOX)
    view.do("select", None, "b1")
    view.do("shape")
    view.do("select")
    assert "nothing was done" in view.do("prompted", None, (Box(id="shown", box=(1, 1, 5, 5)),)).message
    assert "finds nothing" in view.do("prompted", None, ()).message
    assert view.annotations() == (BOX,)


def test_a_mask_is_prompted_by_the_box_about_it():
    view = opened(Mask(id="m", label="nut", mask=mask_of((0, 0, 1, 1)).__class__((200, 300), "0P_j1")), kind="mask")
    assert isinstance(view.do("shape"), Effect)


# -- the thread --------------------------------------------------------------------------------------------------------


class Slow:
    """A `Promptable` that counts what it encodes, and waits where it is told to."""

    def __init__(self):
        self.encoded, self.go = [], Event()
        self.go.set()

    def prepare(self, item, context):
        if item.key == "media/broken":
            raise ModelError("the picture is broken", hint="mend it")
        return item.key

    def encode(self, prepared):
        self.go.wait(10)
        self.encoded.append(prepared)
        return prepared

    def prompt(self, encoded, prompts):
        if not prompts:
            raise ZeroDivisionError("oh")
        return [Box(id=p.id, label=p.label, box=(1, 1, 5, 5)) for p in prompts]


def answer(assistant, key, prompts=(BOX,)):
    done, got = Event(), []
    said = assistant.ask(Item(key=key), prompts, lambda found: (got.append(found), done.set()))
    assert done.wait(10)
    return said, got[0]


@pytest.fixture
def slow():
    labeller = Slow()
    labeller.assistant = Assistant(lambda: ("sam", labeller), context_of())
    yield labeller
    labeller.go.set()
    labeller.assistant.close()


def test_an_item_is_encoded_once_while_it_is_kept_and_what_goes_on_is_said(slow):
    said = [answer(slow.assistant, "media/a")[0] for _ in range(2)]
    assert "loaded" in said[0] and said[1] == "sam answers …"
    for n in range(KEPT):
        assert "looks at" in answer(slow.assistant, f"media/{n}")[0]
    answer(slow.assistant, "media/a")
    assert slow.encoded == ["media/a", *(f"media/{n}" for n in range(KEPT)), "media/a"]


def test_failures_are_answers_in_words(slow):
    assert answer(slow.assistant, "media/broken")[1] == Answer(error="the picture is broken (mend it)")
    assert "ZeroDivisionError: oh" in answer(slow.assistant, "media/a", ())[1].error
    none = Assistant(lambda: None, context_of())
    assert "no model that takes prompts" in answer(none, "media/a")[1].error
    none.close()


# -- the screen --------------------------------------------------------------------------------------------------------


class Desk:
    """Two items of the same picture; what was decided is in `records`."""

    reviewer = "ana"

    def __init__(self, kind, blind=""):
        self.task, self.records, self._blind = task(kind), [], blind

    def queue(self):
        return Picked(tuple(Entry(f"media/{n}.png", 0.0, "") for n in "ab"))

    def item(self, key):
        return Item(key=key, meta=ITEM.meta)

    def versions(self, item):
        return {"model": (BOX,) if self.task.type == "box" else ()}

    def item_attributes(self, item):
        return {}

    def state(self, item):
        return "predicted"

    def why(self, item):
        return ["a test"]

    def record(self, item, verdict, annotations=None, **more):
        self.records.append(annotations)
        return "r"

    def waiting(self):
        return 2

    uncommitted = waiting


def drive(script, folder, labeller, kind="mask"):
    context = context_of(kind, folder)
    context.loaded = {f"media/{n}.png": context.loaded[ITEM.key] for n in "ab"}
    desk = Desk(kind)
    made = labeller or SimpleNamespace(go=None)

    async def run():
        assistant = Assistant(lambda: ("sam", made), context)
        app = ReviewApp(desk, ImageView, context, min_look=0, assistant=assistant)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause(0.05)
            await script(app, pilot)

    asyncio.run(run())
    return desk


async def until(pilot, condition):
    for _ in range(400):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not happen")


async def keys(pilot, *names):
    for name in names:
        await pilot.press(name)
        await pilot.pause()


def test_a_box_drawn_on_the_screen_becomes_the_mask_of_a_sam_and_one_undo_takes_it_back(tmp_path):
    decoder(tmp_path / "d.onnx")
    made = model(encoder(tmp_path / "e.onnx"))

    async def script(app, pilot):
        await keys(pilot, "I")
        canvas, session = app.screen.query_one(Canvas), app.session
        canvas.post_message(Canvas.Pointer("press", Point(60, 40)))
        canvas.post_message(Canvas.Pointer("release", Point(150, 120)))
        await until(pilot, lambda: session.sitting.annotations)
        (found,) = session.sitting.annotations
        assert isinstance(found, Mask) and np.abs(np.subtract(extent(found), [60, 40, 150, 120])).max() <= 1
        assert "as the model sees it" in session.notice.text and not session.asking
        await keys(pilot, "u")
        assert session.sitting.annotations == ()
        await keys(pilot, "U", "a")

    desk = drive(script, tmp_path, made)
    assert [len(a) for a in desk.records] == [1]


def test_in_a_task_of_boxes_the_box_comes_from_the_mask(tmp_path):
    decoder(tmp_path / "d.onnx", masks=4)
    made = model(encoder(tmp_path / "e.onnx"), "box")

    async def script(app, pilot):
        await keys(pilot, "tab", "M")
        await until(pilot, lambda: app.session.undo_depth)
        (found,) = app.session.sitting.annotations
        x, y, w, h = found.box
        by = 2 * 16 * 300 / 1024  # the mask that the decoder is surest of is so much smaller
        assert np.abs(np.subtract([x, y, x + w, y + h], [60 + by, 40 + by, 150 - by, 120 - by])).max() <= 1
        assert (found.id, found.label, found.score) == ("b1", "nut", None)

    drive(script, tmp_path, made, "box")


def test_the_screen_goes_on_while_the_model_works_and_decides_nothing_before_it_has_answered(slow, tmp_path):
    slow.go.clear()

    async def script(app, pilot):
        session = app.session
        await keys(pilot, "tab", "M")
        assert session.asking and "the model is loaded" in session.notice.text
        await keys(pilot, "a")
        assert "not answered yet" in session.notice.text
        await keys(pilot, "u")
        assert not session.asking
        await keys(pilot, "M", "n")
        assert session.sitting.item.key == "media/b.png" and not session.asking
        slow.go.set()
        await until(pilot, lambda: slow.encoded)
        await pilot.pause(0.1)
        assert session.sitting.annotations == (BOX,) and session.undo_depth == 0
        await keys(pilot, "p")
        assert session.sitting.annotations == (BOX,) and not session.asking

    assert drive(script, tmp_path, slow, "box").records == []


def test_what_is_decided_blind_gets_no_help(tmp_path):
    session = Session(Desk("box"), ImageView, context_of("box", tmp_path), min_look=0)
    session.sitting.blind = "audit"
    session.command("next")
    session.ask(session.command("shape"), None, lambda question, answer: None)
    assert "decided blind" in session.notice.text and not session.asking


def test_a_key_of_the_view_means_the_place_under_the_pointer(tmp_path, slow):
    async def script(app, pilot):
        canvas = app.screen.query_one(Canvas)
        assert canvas.pointer is None
        await pilot.hover(Canvas, (30, 12))
        await until(pilot, lambda: canvas.pointer is not None)
        at = canvas.pointer
        asked = []
        app.session.ask = lambda effect, *_: asked.append(effect)
        await keys(pilot, "I")
        (shown,) = asked[0].prompts
        assert shown.keypoints == ((at.x, at.y, 2),)
        canvas.post_message(events.Leave(canvas))
        await until(pilot, lambda: canvas.pointer is None)

    drive(script, tmp_path, slow)
