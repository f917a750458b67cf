"""Each type of annotation edited by keys and by pointer: what becomes of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, RotatedBox
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.editing.mask import Painted
from trainset_vision.editing.points import inside, nearest_edge, points_of, turned
from trainset_vision.view import ImageView

from trainset.core.model import Annotation
from trainset.plugins import Change, Effect, Point, Rect, Size, Viewport

from .editing_kit import HEIGHT, ITEM, REGIONS, WIDTH, context, mask_of

FIT = Viewport(Size(120, 40), Rect(0, 0, WIDTH, HEIGHT), unit=1.0)
SQUARE = (10.0, 10, 30, 10, 30, 30, 10, 30)


def opened(kind: str, *first: Annotation, others: Any = (), pixels: Any = None) -> ImageView:
    view, about = ImageView(), context(kind)
    if pixels is not None:
        about.loaded = {ITEM.key: pixels}
    view.open(ITEM, {"proposal": first, "other": others}, about)
    view.scene(FIT)
    if first:
        view.do("select", None, first[0].id)
    return view


def drag(view: ImageView, *places: tuple[float, float]) -> Change | Effect | None:
    view.do("press", Point(*places[0]))
    for place in places[1:]:
        view.do("drag", Point(*place))
        view.scene(FIT)
    return view.do("release", Point(*places[-1]))


def click(view: ImageView, *places: tuple[float, float]) -> None:
    for place in places:
        drag(view, place)


def said(result: Any) -> str:
    assert isinstance(result, Effect), result
    return result.message


# -- rotated boxes -------------------------------------------------------------------------------------------------

ROTATED = RotatedBox(id="a1", label="nut", score=0.5, rotated_box=(60, 40, 30, 10, 30))


def rotated(view: ImageView) -> tuple[float, ...]:
    return view.annotations()[0].rotated_box


def test_a_rotated_box_turns_by_15_degrees_or_finely_by_one():
    view = opened("rotated-box", ROTATED)
    view.do("turn", None, 1)
    assert rotated(view) == (60, 40, 30, 10, 45)
    view.do("fine")
    view.do("turn", None, -1)
    assert rotated(view) == (60, 40, 30, 10, 44)


def test_a_rotated_box_is_resized_along_its_own_axes_its_far_sides_stay():
    view = opened("rotated-box", ROTATED)
    before = corners(rotated(view))
    for _ in range(6):
        view.do("resize", None, (1, 0))
        view.do("resize", None, (0, 1))
    after = corners(rotated(view))
    assert rotated(view)[2:] == (36, 16, 30) and np.allclose(before[0], after[0])


def test_a_rotated_box_is_pulled_by_a_side_and_turned_by_its_knob():
    view = opened("rotated-box", RotatedBox(id="a1", rotated_box=(60, 40, 30, 10, 90)))
    drag(view, (60, 55), (70, 65))  # the right side of a box at 90 degrees is the lower one
    assert np.allclose(rotated(view), (60, 45, 40, 10, 90))
    knob = next(s.points[0] for s in view.scene(FIT).shapes if s.kind == "points")
    assert (knob.x, knob.y) == pytest.approx((70, 45))
    drag(view, (knob.x, knob.y), (60, 35))
    assert np.allclose(rotated(view), (60, 45, 40, 10, 0))


def test_a_drag_on_empty_ground_draws_a_box_that_is_not_turned_yet():
    view = opened("rotated-box")
    drag(view, (10, 20), (50, 30))
    assert rotated(view) == (30, 25, 40, 10, 0)


# -- polygons ------------------------------------------------------------------------------------------------------

POLYGON = Polygon(id="a1", label="nut", score=0.5, polygon=(SQUARE,))


def ring(view: ImageView, at: int = 0) -> tuple[float, ...]:
    return view.annotations()[0].polygon[at]


def test_a_point_is_selected_by_key_moved_and_no_other_with_it():
    view = opened("polygon", POLYGON)
    view.do("point", None, 1)
    view.do("point", None, 1)
    view.do("move", None, (1, -1))
    assert ring(view) == (10, 10, 31, 9, 30, 30, 10, 30)
    view.do("let-go")
    view.do("move", None, (1, 0))
    assert ring(view) == (11, 10, 32, 9, 31, 30, 11, 30)


def test_fine_steps_are_a_pixel_and_coarse_ones_a_cell():
    view = opened("polygon", POLYGON)
    view.scene(Viewport(Size(30, 10), Rect(0, 0, WIDTH, HEIGHT), unit=4.0))
    view.do("move", None, (1, 0))
    assert ring(view)[0] == 14
    view.do("fine")
    view.do("move", None, (1, 0))
    assert ring(view)[0] == 15


def test_the_pointer_takes_the_nearest_point_and_bends_an_edge():
    view = opened("polygon", POLYGON)
    drag(view, (30.5, 10.5), (40.5, 5.5))
    assert ring(view) == (10, 10, 40, 5, 30, 30, 10, 30)
    drag(view, (10, 20), (5, 20))
    assert ring(view) == (10, 10, 40, 5, 30, 30, 10, 30, 5, 20)


def test_points_are_put_after_the_selected_one_and_taken_away():
    view = opened("polygon", POLYGON)
    view.do("point", None, 1)
    view.do("put")
    assert ring(view) == (10, 10, 20, 10, 30, 10, 30, 30, 10, 30)
    view.do("back")
    assert ring(view) == SQUARE
    view.do("back")
    assert "cannot be left with fewer points" in said(view.do("back"))


def test_a_ring_left_with_too_few_points_goes():
    view = opened("polygon", REGIONS[0])
    for _ in range(5):
        view.do("point", None, 1)
    view.do("back")
    assert len(view.annotations()[0].polygon) == 2


def test_a_polygon_is_drawn_by_clicks_and_closed_at_its_first_point():
    view = opened("polygon")
    view.do("add")
    click(view, (10, 10), (30, 10), (30, 30))
    assert view.annotations() == ()
    click(view, (10.5, 11))
    assert view.annotations() == (Polygon(id="a1", label="screw", polygon=((10, 10, 30, 10, 30, 30),)),)


def test_a_polygon_is_drawn_with_the_cursor_and_finished_by_key():
    view = opened("polygon")
    view.do("add")
    for by in ((0, 0), (9, 0), (0, 9)):
        view.do("move", None, by)
        view.do("put")
    assert "takes 3 points: there are 2" in said((view.do("back"), view.do("finish"))[1])
    view.do("put")
    assert isinstance(view.do("finish"), Change)
    assert ring(view) == (60, 40, 69, 40, 69, 49)


def test_a_further_ring_is_a_hole_and_one_step_to_undo():
    view = opened("polygon", POLYGON)
    view.do("ring")
    click(view, (15, 15), (25, 15), (20, 25))
    change = view.do("finish")
    assert ring(view, 1) == (15, 15, 25, 15, 20, 25)
    view.undo(change)
    assert view.annotations() == (POLYGON,)


def test_what_would_have_no_area_is_refused():
    view = opened("polygon", Polygon(id="a1", polygon=((10, 10, 20, 10, 15, 12),)))
    view.do("point", None, -1)
    view.do("move", None, (0, -1))
    assert "no area" in said(view.do("move", None, (0, -1)))


def test_a_polygon_stops_at_the_edges_of_the_image_whole():
    view = opened("polygon", POLYGON)
    for _ in range(20):
        view.do("move", None, (-1, 0))
    assert ring(view) == (0, 10, 20, 10, 20, 30, 0, 30)


def test_polygons_become_masks_and_masks_polygons_under_the_same_id():
    view = opened("polygon", POLYGON)
    view.do("convert")
    assert isinstance(view.annotations()[0], Mask) and view.annotations()[0].id == "a1"
    change = view.do("convert")
    assert "moved by more than 1 px" in change.text and points_of(ring(view)).min() == 10
    assert view.annotations()[0].label == "nut"


def test_a_polygon_that_cannot_be_drawn_stays_one_and_says_why():
    view = opened("polygon", Polygon(id="a1", polygon=((0, 0, 1e300, 0, 0, 1e300),)))
    assert "too far" in said(view.do("convert"))
    assert isinstance(view.annotations()[0], Polygon)


# -- lines ---------------------------------------------------------------------------------------------------------


def test_a_line_is_drawn_lengthened_and_moved_by_its_points():
    view = opened("polyline")
    view.do("draw")
    click(view, (10, 10), (50, 10))
    view.do("finish")
    drag(view, (30, 10), (30, 20))
    assert view.annotations()[0].polyline == (10, 10, 30, 20, 50, 10)
    assert view.lines()[0].text == "1 screw · 3 points, 45 px"


# -- keypoints -----------------------------------------------------------------------------------------------------

PERSON = Keypoints(id="a1", label="nut", keypoints=((30, 20, 2), (20, 40, 1), (0, 0, 0)), box=(10, 10, 40, 40))


def points(view: ImageView) -> tuple[tuple[float, float, int], ...]:
    return view.annotations()[0].keypoints


def test_keypoints_are_found_by_name_moved_hidden_and_taken_away():
    view = opened("keypoints", PERSON)
    asked = view.do("find-point")
    assert asked.label == "point" and [name for _, name in asked.choices] == ["1 nose", "2 left", "3 right"]
    assert said(view.do(asked.label, None, asked.choices[0][0])) == "nose"
    view.do("move", None, (1, 1))
    view.do("visibility")
    assert points(view)[0] == (31, 21, 1)
    view.do("back")
    assert points(view)[0] == (0, 0, 0)


def test_the_pointer_sets_the_missing_points_in_their_order():
    view = opened("keypoints", Keypoints(id="a1", keypoints=((0, 0, 0), (20, 40, 1), (0, 0, 0)), box=(10, 10, 40, 40)))
    assert said(view.do("draw")).startswith("set nose")
    click(view, (30, 15), (45, 30))
    assert points(view) == ((30, 15, 2), (20, 40, 1), (45, 30, 2))
    assert said(view.do("draw")) == "no point is missing" and view.editor.hand is None


def test_a_new_skeleton_lies_in_its_box_as_the_others_do():
    view = opened(
        "keypoints", Keypoints(id="a1", keypoints=((15, 10, 2), (10, 30, 2), (20, 30, 2)), box=(10, 10, 10, 20))
    )
    view.do("select", None, None)
    drag(view, (60, 20), (80, 60))
    assert view.annotations()[1].keypoints == ((70, 20, 2), (60, 60, 2), (80, 60, 2))
    assert view.annotations()[1].box == (60, 20, 20, 40)


def test_the_skeleton_is_drawn_and_the_selected_point_is_named():
    view = opened("keypoints", PERSON)
    view.do("point", None, 1)
    shapes = view.scene(FIT).shapes
    assert [s.text for s in shapes if s.kind == "points" and s.selected] == ["nose, visible"]
    (edges,) = [s for s in shapes if s.kind == "line"]
    assert edges.parts == (2,) and edges.points.tolist() == [[30, 20], [20, 40]]


def test_moving_takes_the_box_along_and_a_point_of_no_place_stays_without():
    view = opened("keypoints", PERSON)
    view.do("move", None, (1, 0))
    assert points(view) == ((31, 20, 2), (21, 40, 1), (0, 0, 0)) and view.annotations()[0].box == (11, 10, 40, 40)


def test_the_last_labelled_point_of_an_object_without_a_box_is_kept():
    view = opened("keypoints", Keypoints(id="a1", keypoints=((30, 20, 2), (0, 0, 0), (0, 0, 0))))
    view.do("point", None, 1)
    assert "none of the keypoints is labelled" in said(view.do("back"))
    assert view.annotations()[0].box is UNSET


# -- masks ---------------------------------------------------------------------------------------------------------


def test_a_stroke_is_one_change_and_is_taken_back_exactly():
    mask = Mask(id="a1", label="nut", score=0.3, mask=mask_of((20, 20, 30, 30)))
    view = opened("mask", mask)
    view.do("draw")
    change = drag(view, (60, 30), (70, 30), (80, 30))
    assert isinstance(change, Change) and view.annotations()[0].pixels[30, 60:80].all()
    assert view.annotations()[0].score is None
    view.undo(change)
    assert view.annotations() == (mask,)
    view.redo(change)
    assert view.annotations()[0].pixels[30, 75]


def test_masks_are_encoded_only_for_the_answer():
    view = opened("mask", Mask(id="a1", mask=mask_of((20, 20, 30, 30))))
    view.do("erase")
    drag(view, (20, 20), (40, 20))
    (painted,) = view.editor.objects
    assert isinstance(painted, Painted) and "rle" not in vars(painted.bits)
    assert type(view.annotations()[0]) is Mask and "rle" in vars(painted.bits)


def test_a_new_mask_is_painted_at_the_cursor_and_the_brush_has_sizes():
    view = opened("mask")
    view.do("add")
    sizes = [said(view.do("brush-size", None, by)) for by in (1, -1, -1, -1)]
    assert sizes == ["brush of 5 px", "brush of 3 px", "brush of 1 px", "brush of 1 px"]
    view.do("put")
    assert [a.pixels.sum() for a in view.annotations()] == [1] and view.annotations()[0].label == "screw"


def test_erasing_the_last_pixel_is_refused():
    view = opened("mask", Mask(id="a1", mask=mask_of((20, 20, 2, 2))))
    view.do("erase")
    assert "d deletes it" in said(drag(view, (20, 20), (23, 23)))
    assert view.annotations()[0].pixels.sum() == 4


def test_a_mask_grows_shrinks_is_filled_and_divided():
    view = opened("mask", Mask(id="a1", label="nut", mask=mask_of((10, 10, 10, 10), (12, 12, 2, 2), (50, 50, 5, 5))))
    view.do("fill")
    assert view.annotations()[0].pixels.sum() == 125
    view.do("grow", None, 1)
    view.do("grow", None, -1)
    assert view.annotations()[0].pixels.sum() == 125
    view.do("split")
    assert [(a.id, a.label, int(a.pixels.sum())) for a in view.annotations()] == [("a1", "nut", 100), ("a2", "nut", 25)]


def test_a_mask_that_cannot_be_read_is_kept_and_not_painted():
    broken = Mask(id="a1", mask=mask_of((1, 1, 5, 5)).__class__((9, 9), "zz"))
    view = opened("mask", broken)
    assert view.lines()[0].text == "1 no label · cannot be read"
    view.do("draw")
    assert "no mask that can be painted" in said(view.do("press", Point(5, 5)))
    assert view.annotations() == (broken,)


def test_a_candidate_of_any_type_is_cycled_and_taken():
    candidate = Mask(id="z", label="nut", score=0.2, mask=mask_of((90, 60, 20, 15)))
    view = opened("mask", others=[candidate])
    assert view.scene(FIT).tints[0].weak
    view.do("cycle", Point(100, 70))
    assert isinstance(view.do("take"), Change)
    assert [(a.label, a.mask) for a in view.annotations()] == [("nut", candidate.mask)]


# -- snapping ------------------------------------------------------------------------------------------------------


def test_a_box_snaps_to_the_edges_under_it():
    pixels = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    pixels[20:50, 30:80] = 200
    view = opened("box", Box(id="a1", box=(26.3, 23, 60, 24)), pixels=pixels)
    view.do("snap")
    assert view.annotations()[0].box == (30, 20, 50, 30)


def test_a_rotated_box_snaps_and_keeps_its_angle():
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    u, v = (turned(np.stack([x.ravel(), y.ravel()], 1), -20, Point(60, 40)) - (60, 40)).T
    pixels = np.where((abs(u) < 25) & (abs(v) < 12), 220, 50).astype(np.uint8).reshape(HEIGHT, WIDTH, 1).repeat(3, 2)
    view = opened("rotated-box", RotatedBox(id="a1", rotated_box=(62, 41, 44, 30, 20)), pixels=pixels)
    view.do("snap")
    assert np.allclose(view.annotations()[0].rotated_box, (60, 40, 50, 24, 20), atol=1.5)


def test_where_there_is_no_edge_a_box_stays():
    view = opened("box", Box(id="a1", box=(20, 20, 30, 30)), pixels=np.full((HEIGHT, WIDTH, 3), 60, np.uint8))
    assert view.do("snap") is None


def test_a_box_snaps_to_the_mask_under_it():
    mask = Mask(id="m1", mask=mask_of((20, 20, 30, 30)))
    view = opened("box", Box(id="a1", label="nut", box=(18, 22, 30, 30)), mask)
    view.do("snap")
    assert view.annotations()[0] == Box(id="a1", label="nut", box=(20, 20, 30, 30))


# -- arithmetic ----------------------------------------------------------------------------------------------------


def test_a_place_in_a_hole_is_outside():
    rings = [points_of(SQUARE), points_of((15, 15, 25, 15, 25, 25, 15, 25))]
    assert inside(rings, Point(12, 12)) and not inside(rings, Point(20, 20)) and not inside(rings, Point(40, 20))


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_the_nearest_edge_is_as_far_as_the_nearest_of_many_points_on_it(x, y):
    square = points_of(SQUARE)
    ends = np.roll(square, -1, axis=0)
    many = (square[:, None] + (ends - square)[:, None] * np.linspace(0, 1, 200)[:, None]).reshape(-1, 2)
    away = nearest_edge(square, ends, Point(x, y))[1]
    assert math.isclose(away, np.hypot(*(many - (x, y)).T).min(), abs_tol=0.1)
