"""Boxes and classes under review: what is shown, and what each command does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.geometry import Frame, handle_at
from trainset_vision.media.pyramid import Pyramid
from trainset_vision.view import ImageView

from trainset.core.model import Annotation, Attribute, Item, Label, Opaque, Task
from trainset.plugins import Change, Effect, Point, Rect, Size, Viewport
from trainset.testing import MemoryContext

WIDTH, HEIGHT = 640, 480
ITEM = Item(key="media/a.png", meta={"width": WIDTH, "height": HEIGHT})
PIXELS = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
LABELS = (
    Label(id="screw", index=0, name="Screw"),
    Label(id="nut", index=1),
    Label(id="bolt", index=2, retired=True),
)
BOXES = (
    Box(id="a1", label="screw", score=0.874, box=(10, 20, 100, 50)),
    Box(id="a2", label="nut", score=1.0, box=(30, 30, 20, 20)),
    Box(id="b7", label="nut", box=(300, 200, 40, 40)),
)
FIT = Viewport(Size(120, 40), Rect(0, 0, WIDTH, HEIGHT), unit=2.0)


def task(kind: str = "box", **changes: Any) -> Task:
    return Task(name="parts", type=kind, labels=LABELS, **changes)


def opened(*first: Annotation, kind: str = "box", others: dict[str, Any] | None = None, **changes: Any) -> ImageView:
    view = ImageView()
    context = MemoryContext(task(kind, **changes), loaded={ITEM.key: PIXELS}, ops={Box: BoxOps()})
    view.open(ITEM, {"proposal": first, **(others or {})}, context)
    view.scene(FIT)
    return view


def selected(view: ImageView) -> str | None:
    return next((line.id for line in view.lines() if line.selected), None)


def drag(view: ImageView, start: tuple[float, float], end: tuple[float, float]) -> Change | Effect | None:
    view.do("press", Point(*start))
    view.do("drag", Point(*end))
    return view.do("release", Point(*end))


def box(view: ImageView, name: str) -> tuple[float, ...]:
    return next(a.box for a in view.annotations() if a.id == name)


# -- what is shown -----------------------------------------------------------------------------------------------


def test_the_scene_has_the_picture_and_an_outline_for_each_box_with_its_labels_colour():
    view = opened(*BOXES)
    view.do("select", None, "a1")
    scene = view.scene(FIT)
    assert scene.extent == Rect(0, 0, WIDTH, HEIGHT)
    assert [(s.kind, s.text, s.color, s.selected, s.weak) for s in scene.shapes] == [
        ("box", "2 nut 1.00", 1, False, False),
        ("box", "3 nut", 1, False, False),
        ("box", "1 Screw .87", 0, True, False),
    ]
    assert scene.shapes[-1].points == (Point(10, 20), Point(110, 70))


@pytest.mark.parametrize(
    ("columns", "rows", "shape"), [(320, 120, (480, 640)), (100, 40, (240, 320)), (20, 8, (30, 40))]
)
def test_the_picture_is_as_fine_as_the_cells_can_show(columns, rows, shape):
    (picture,) = opened().scene(Viewport(Size(columns, rows))).pictures
    assert picture.pixels.shape == (*shape, 3)
    assert picture.place == Rect(0, 0, WIDTH, HEIGHT)


def test_a_close_look_gets_full_pixels_and_the_same_array_each_time():
    view = opened()
    close = Viewport(Size(100, 40), Rect(100, 100, 64, 48))
    assert view.scene(close).pictures[0].pixels is view.scene(close).pictures[0].pixels
    assert np.array_equal(view.scene(close).pictures[0].pixels, PIXELS)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5))
def test_pixels_of_a_coarser_level_cover_whole_numbers_of_finer_ones(width, height, level):
    grey = np.full((height, width, 3), 77, np.uint8)
    picture = Pyramid(grey).picture(Rect(0, 0, 2**level * 2, 1), Size(1, 1))
    pixel = picture.place.width / picture.pixels.shape[1]
    assert pixel == picture.place.height / picture.pixels.shape[0] == 2 ** round(np.log2(pixel))
    assert picture.place.width >= width and picture.place.height >= height
    assert (picture.pixels == 77).all()


def test_annotations_that_are_no_boxes_are_listed_and_kept_but_not_drawn():
    strange = Opaque(id="x1", label="nut", kind="acme.blob", raw=b"{}")
    view = opened(BOXES[0], strange)
    assert len(view.scene(FIT).shapes) == 1
    assert view.annotations() == (BOXES[0], strange)


# -- selecting -----------------------------------------------------------------------------------------------------


def test_selecting_what_is_out_of_sight_brings_it_into_view_at_the_same_scale():
    view = opened(*BOXES)
    view.scene(Viewport(Size(100, 40), Rect(0, 0, 128, 96)))
    assert view.do("select", None, "a1").region is None
    assert view.do("select", None, "b7").region == Rect(256, 172, 128, 96)


def test_zoom_shows_the_object_with_a_margin_within_the_image():
    view = opened(*BOXES)
    assert view.do("zoom-object").message
    view.do("select", None, "a1")
    assert view.do("zoom-object").region == Rect(0, 0, 200, 150)


# -- editing -------------------------------------------------------------------------------------------------------


def test_moving_keeps_the_id_drops_the_score_and_steps_by_the_viewports_unit():
    view = opened(*BOXES)
    view.do("select", None, "a1")
    assert isinstance(view.do("move", None, (1, -1)), Change)
    assert view.annotations()[0] == Box(id="a1", label="screw", box=(12, 18, 100, 50))


def test_a_box_stops_at_the_edges_of_the_image_and_keeps_its_size():
    view = opened(Box(id="a1", box=(1, 1, 100, 50)))
    view.do("next")
    view.do("move", None, (-1, -1))
    assert box(view, "a1") == (0, 0, 100, 50)
    assert view.do("move", None, (-1, 0)) is None


def test_resizing_moves_the_right_and_bottom_edges_and_never_below_a_pixel():
    view = opened(Box(id="a1", box=(10, 10, 4, 4)))
    view.do("next")
    view.do("resize", None, (1, 0))
    view.do("resize", None, (0, 1))
    assert box(view, "a1") == (10, 10, 6, 6)
    for _ in range(5):
        view.do("resize", None, (-1, 0))
    assert box(view, "a1") == (10, 10, 1, 6)


def test_a_new_box_lies_in_the_middle_of_what_is_seen_with_the_last_label_and_a_new_id():
    view = opened(*BOXES)
    view.do("select", None, "a1")
    view.do("label", None, "nut")
    view.scene(Viewport(Size(100, 40), Rect(100, 100, 80, 40)))
    view.do("add")
    assert view.annotations()[-1] == Box(id="a3", label="nut", box=(130, 115, 20, 10))
    assert selected(view) == "a3"


def test_new_boxes_take_the_label_that_was_last_given_on_another_item():
    view = opened()
    view.do("recent", None, "nut")
    view.do("add")
    assert view.annotations()[-1].label == "nut"


# -- the pointer -----------------------------------------------------------------------------------------------------


def test_a_press_selects_the_smallest_box_under_it_and_a_drag_moves_it():
    view = opened(*BOXES)
    assert isinstance(drag(view, (40, 40), (50, 45)), Change)
    assert selected(view) == "a2"
    assert box(view, "a2") == (40, 35, 20, 20)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((110, 70), (120, 80), (10, 20, 110, 60)),
        ((10, 20), (0, 0), (0, 0, 110, 70)),
        ((60, 20), (60, 10), (10, 10, 100, 60)),
        ((110, 45), (90, 45), (10, 20, 80, 50)),
        ((110, 70), (0, 0), (10, 20, 1, 1)),
        ((110, 70), (9999, 9999), (10, 20, 630, 460)),
    ],
)
def test_a_selected_box_is_resized_by_its_corners_and_edges(start, end, expected):
    view = opened(BOXES[0])
    view.do("select", None, "a1")
    drag(view, start, end)
    assert box(view, "a1") == expected


def test_a_drag_on_empty_ground_draws_a_box_clipped_to_the_image():
    view = opened(*BOXES)
    assert isinstance(drag(view, (600, 400), (700, 470)), Change)
    assert view.annotations()[-1] == Box(id="a3", label="screw", box=(600, 400, 40, 70))


def test_a_click_on_empty_ground_only_lets_go_of_the_selection():
    view = opened(*BOXES)
    view.do("next")
    view.do("press", Point(600, 400))
    view.do("release", Point(600, 400))
    assert selected(view) is None and view.annotations() == BOXES


def test_a_click_on_a_box_only_selects_it():
    view = opened(*BOXES)
    view.do("press", Point(310, 210))
    assert view.do("release", Point(310, 210)) is None
    assert selected(view) == "b7" and view.annotations() == BOXES


def test_in_draw_mode_a_drag_inside_a_box_draws_another():
    view = opened(BOXES[0])
    view.do("draw")
    drag(view, (20, 30), (60, 60))
    assert [a.box for a in view.annotations()] == [BOXES[0].box, (20, 30, 40, 30)]


def test_a_drag_shows_before_it_counts_and_another_command_drops_it():
    view = opened(BOXES[0])
    view.do("press", Point(50, 50))
    view.do("drag", Point(60, 60))
    assert view.scene(FIT).shapes[-1].points[0] == Point(20, 30)
    assert view.annotations() == (BOXES[0],)
    view.do("next")
    assert view.do("release", Point(60, 60)) is None
    assert view.annotations() == (BOXES[0],)


# -- candidates ------------------------------------------------------------------------------------------------------


def test_other_runs_boxes_that_match_nothing_are_candidates_that_space_shows_and_an_edit_takes():
    others = {
        "run2": [Box(id="a1", label="screw", score=0.4, box=(11, 21, 100, 50)), Box(id="a2", label="nut", score=0.3, box=(500, 300, 30, 30))],
        "run3": [Box(id="a9", label="nut", score=0.2, box=(501, 300, 30, 30))],
    }  # fmt: skip
    view = opened(*BOXES, others=others)
    assert [(line.text, line.weak) for line in view.lines()][3:] == [("? nut .30 · 30×30", True)]
    assert view.scene(FIT).shapes[0].weak
    view.do("cycle", Point(1, 1))  # nothing is there: whatever is in sight
    assert "last candidate" in view.do("cycle", Point(1, 1)).message
    view.do("cycle", Point(510, 310))
    candidate = selected(view)
    assert view.annotations() == BOXES
    view.do("move", None, (1, 0))
    assert view.annotations()[-1] == Box(id="a3", label="nut", box=(502, 300, 30, 30))
    assert selected(view) == "a3" != candidate
    assert len(view.lines()) == 4


# -- classes ---------------------------------------------------------------------------------------------------------


def test_a_class_needs_no_keys():
    assert opened(kind="classify").keys == ()
    view = opened(kind="classify")
    for key in ImageView().keys:
        assert not isinstance(view.do(key.command, None, key.argument), Change)


# -- whatever is done --------------------------------------------------------------------------------------------------

places = st.builds(Point, st.floats(-50, 700), st.floats(-50, 550))
steps = st.tuples(st.integers(-1, 1), st.integers(-1, 1))
commands = st.one_of(
    st.tuples(st.sampled_from(["next", "previous", "delete", "add", "draw", "take", "zoom-object"]), st.none(), st.none()),
    st.tuples(st.just("cycle"), st.none() | places, st.none()),
    st.tuples(st.just("select"), st.none(), st.sampled_from(["a1", "a2", "b7", "a3", "nobody", None])),
    st.tuples(st.just("label"), st.none(), st.sampled_from(["screw", "nut", "bolt", "cat"])),
    st.tuples(st.sampled_from(["move", "resize"]), st.none(), steps),
    st.tuples(st.sampled_from(["press", "drag", "release"]), places, st.none()),
    st.tuples(st.just("attribute"), st.none(), st.tuples(st.just("bent"), st.sampled_from([True, None]))),
)  # fmt: skip


@given(st.lists(commands, max_size=30))
def test_whatever_is_done_boxes_stay_in_the_image(sequence):
    others = {"run2": [Box(id="a1", label="nut", score=0.3, box=(500, 300, 30, 30))]}
    view = opened(*BOXES, others=others, attributes=(Attribute(name="bent", type="flag"),))
    for command in sequence:
        view.do(*command)
        view.scene(FIT)
    for a in view.annotations():
        x, y, w, h = a.box
        assert x >= 0 and y >= 0 and w >= 1 and h >= 1 and x + w <= WIDTH + 1e-9 and y + h <= HEIGHT + 1e-9


@given(st.tuples(*[st.floats(-1e4, 1e4)] * 4), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_whatever_is_done_to_whatever_box_it_ends_inside_the_image(start, dx, dy):
    frame = Frame(WIDTH, HEIGHT)
    results = [frame.clipped(start), frame.moved(start, dx, dy), frame.spanning(Point(*start[:2]), Point(dx, dy))]
    results += [frame.stretched(start, (i, j), dx, dy) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for x, y, w, h in results:
        assert x >= 0 and y >= 0 and w >= 1 - 1e-9 and h >= 1 - 1e-9
        assert x + w <= WIDTH + 1e-9 and y + h <= HEIGHT + 1e-9


def test_the_middle_of_a_tiny_box_can_still_be_held():
    assert handle_at((10, 10, 3, 3), Point(11.5, 11.5), 8) == (0, 0)
    assert handle_at((10, 10, 3, 3), Point(5, 5), 8) == (-1, -1)
    assert handle_at((10, 10, 3, 3), Point(0, 5), 8) is None


# -- thumbnails ------------------------------------------------------------------------------------------------------


def thumbnail(path: Path, focus: Annotation | None, size: Size, meta: dict[str, Any]) -> Any:
    context = MemoryContext(task(), folder=path.parent)
    return ImageView().thumbnail(Item(key=f"media/{path.name}", meta=meta), focus, size, context)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_thumbnail_of_an_object_is_a_close_up_with_its_outline(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PIXELS).save(path)
    scene = thumbnail(path, BOXES[2], Size(20, 8), {"width": WIDTH, "height": HEIGHT})
    assert scene.extent == Rect(280, 180, 80, 80)
    assert [(s.points, s.color) for s in scene.shapes] == [((Point(300, 200), Point(340, 240)), 1)]
    (picture,) = scene.pictures
    assert picture.pixels.shape[1] * 80 / picture.place.width >= 20
    assert picture.place.right >= scene.extent.right and picture.place.bottom >= scene.extent.bottom


@pytest.mark.parametrize("meta", [{}, {"width": 801, "height": 601}])
def test_a_thumbnail_of_an_image_is_small(tmp_path, meta):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (801, 601), "red").save(path)
    scene = thumbnail(path, None, Size(24, 10), meta)
    assert scene.extent == Rect(0, 0, 801, 601)
    assert scene.pictures[0].pixels.shape == (38, 51, 3)
    assert scene.pictures[0].place.width == 816
