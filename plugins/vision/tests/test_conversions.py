"""From one kind of place to another: what is exact, and what is lost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, PolygonOps, Polyline, Rle, RotatedBox, rle
from trainset_vision.conversions import (
    box_of,
    box_to_polygon,
    differing_area,
    fitted_rotated_box,
    mask_area,
    mask_to_polygon,
    polygon_area,
    polygon_to_mask,
    region_of,
    rotated_to_box,
    rotated_to_polygon,
    simplified,
)

from trainset.core.model import Class, Item
from trainset.errors import RecordError

ITEM = Item(key="media/x")
sizes = st.tuples(st.integers(1, 14), st.integers(1, 14))
masks = sizes.flatmap(
    lambda size: st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda flat: np.array(flat).reshape(size)
    )
)
coordinates = st.floats(-20, 60, allow_nan=False)
rings = st.lists(coordinates, min_size=6, max_size=16).filter(lambda ring: len(ring) % 2 == 0)


def packed(pixels):
    return Rle(pixels.shape, rle.encode(pixels))


def pixels_of(mask):
    return rle.decode(mask.counts, mask.size)


@given(masks)
def test_a_mask_survives_as_a_polygon_to_the_pixel(pixels):
    mask = packed(pixels)
    outline = mask_to_polygon(mask)
    assert polygon_to_mask(outline, mask.size) == mask
    assert polygon_area(outline) == pixels.sum() == mask_area(mask)
    corners = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in outline]
    assert all(len(set(points)) == len(points) >= 4 for points in corners)


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (["#"], 1),
        (["#.", ".#"], 2),
        (["###", "#.#", "###"], 2),
        (["####", "#..#", "#.##", "####"], 2),
        (["#####", "#...#", "#.#.#", "#...#", "#####"], 3),
        (["..."], 0),
    ],
)
def test_a_mask_has_a_ring_for_each_part_and_each_hole(rows, count):
    assert len(mask_to_polygon(packed(np.array([[c == "#" for c in row] for row in rows])))) == count


def test_a_mask_in_a_far_corner_of_a_large_image_is_traced_there():
    lengths = [6000 * 4000 - 4000 - 2, 2, 3998, 2]
    outline = mask_to_polygon(Rle((4000, 6000), rle.compress(lengths)))
    assert outline == ((5998.0, 3998.0, 5998.0, 4000.0, 6000.0, 4000.0, 6000.0, 3998.0),)


@given(rings)
def test_a_polygon_s_pixels_are_those_that_coco_s_tools_draw(ring):
    theirs = coco.merge(coco.frPyObjects([ring], 40, 50))
    drawn = polygon_to_mask((ring,), (40, 50))
    assert drawn.counts == theirs["counts"].decode()
    assert mask_area(drawn) == coco.area(theirs)


def test_parts_are_united_and_holes_are_left_out():
    outer, hole, island, far = ((x, x, x + s, x, x + s, x + s, x, x + s) for x, s in ((0, 20), (4, 9), (6, 3), (25, 5)))
    pixels = pixels_of(polygon_to_mask((island, far, hole, outer), (30, 30)))
    assert pixels.sum() == 400 - 81 + 9 + 25
    assert not pixels[5, 5] and pixels[7, 7] and pixels[26, 26]


@pytest.mark.parametrize(
    "ring",
    [(-1e15, -1e15, 1e15, -1e15, 1e15, 1e15, -1e15, 1e15), (-1e4, -1e4, 1e4, -1e4, 1e4, 1e4, -1e4, 1e4)],
)
def test_what_leads_far_out_of_the_image_is_cut_off(ring):
    assert pixels_of(polygon_to_mask((ring,), (30, 40))).all()


def test_an_outline_of_absurd_length_is_refused():
    with pytest.raises(RecordError, match="too long"):
        polygon_to_mask(((0, 0, 9000, 9000, 9000, 1) * 1000,), (9000, 9000))


@pytest.mark.parametrize("far", [1e120, 1e300, 1e308])
@pytest.mark.parametrize("signs", [(0, 0, 1, 1, 1, 0, 0, 1), (0, 0, 1, 0, -1, 1)])
def test_an_outline_that_leads_absurdly_far_is_refused(far, signs):
    with pytest.raises(RecordError, match="too far"):
        polygon_to_mask((tuple(sign * far for sign in signs),), (20, 30))


def test_rings_that_bound_nothing_have_no_pixels():
    assert mask_area(polygon_to_mask(((1, 1, 2, 2), (float("nan"),) * 6), (5, 5))) == 0


def test_boxes_about_anything():
    assert box_of(Box(box=(1, 2, 3, 4))) == (1, 2, 3, 4)
    assert box_of(RotatedBox(rotated_box=(10, 10, 4, 2, 90))) == pytest.approx((9, 8, 2, 4))
    assert box_of(Polygon(polygon=((0, 1, 5, 1, 5, 9),))) == (0, 1, 5, 8)
    assert box_of(Polyline(polyline=(0, 1, 5, 9))) == (0, 1, 5, 8)
    assert box_of(Mask(mask=packed(np.eye(4, dtype=bool)))) == (0, 0, 4, 4)
    assert box_of(Keypoints(keypoints=((3, 4, 2), (0, 0, 0), (5, 5, 1)))) == (3, 4, 2, 1)
    assert box_of(Class(label="a")) is None


def test_a_rotated_box_is_its_four_corners():
    box = (20.0, 30.0, 10.0, 4.0, 25.0)
    outline = rotated_to_polygon(box)
    theirs = cv2.boxPoints(((20, 30), (10, 4), 25))
    assert sorted(np.reshape(outline[0], (4, 2)).tolist()) == pytest.approx(np.array(sorted(theirs.tolist())), abs=1e-4)
    assert polygon_area(outline) == pytest.approx(40)
    assert rotated_to_box(box) == pytest.approx((*theirs.min(axis=0), *np.ptp(theirs, axis=0)))


@given(st.floats(1, 50), st.floats(1, 50), st.floats(-180, 360))
def test_the_rotated_box_about_a_rotated_box_is_itself(width, height, degrees):
    outline = rotated_to_polygon((70.0, 80.0, width, height, degrees))
    fitted = fitted_rotated_box(outline)
    assert 0 <= fitted[4] <= 90
    left, right = Polygon(polygon=outline), Polygon(polygon=rotated_to_polygon(fitted))
    assert PolygonOps().similarity([left], [right], ITEM)[0, 0] == pytest.approx(1, abs=1e-6)


@given(masks.filter(np.any))
def test_the_rotated_box_about_a_mask_is_no_larger_than_opencv_s(pixels):
    outline = mask_to_polygon(packed(pixels))
    _, _, width, height, _ = fitted_rotated_box(packed(pixels))
    points = np.concatenate([np.reshape(ring, (-1, 2)) for ring in outline]).astype(np.float32)
    (_, (w, h), _) = cv2.minAreaRect(points)
    assert width * height <= w * h * 1.0001 + 1e-3


def test_the_rotated_box_about_a_line_a_point_or_nothing():
    assert fitted_rotated_box(((1, 1, 5, 1, 9, 1),)) == (5, 1, 8, 0, 0)
    assert fitted_rotated_box(((2, 3, 2, 3, 2, 3),))[:4] == (2, 3, 0, 0)
    assert fitted_rotated_box(()) is None


def test_simplifying_moves_no_outline_further_than_asked_and_what_it_lost_can_be_told():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = tuple((np.stack([np.cos(angle), np.sin(angle)], axis=1) * 100 + 200).ravel().tolist())
    rough = simplified((circle,), 1.0)
    points = np.reshape(rough[0], (-1, 2))
    assert 8 < len(points) < 40
    middles = (points + np.roll(points, 1, axis=0)) / 2
    assert (100 - np.hypot(*(middles - 200).T) <= 1.0).all()
    assert differing_area((circle,), rough) == pytest.approx(polygon_area((circle,)) - polygon_area(rough))
    assert differing_area((circle,), simplified((circle,), 0.0)) == 0


def test_regions_of_what_has_an_area():
    assert region_of(Box(box=(1, 2, 3, 4))) == box_to_polygon((1, 2, 3, 4)) == ((1, 2, 4, 2, 4, 6, 1, 6),)
    assert polygon_area(region_of(RotatedBox(rotated_box=(9, 9, 4, 2, 33)))) == pytest.approx(8)
    assert polygon_area(region_of(Mask(mask=packed(np.eye(4, dtype=bool))))) == 4
    assert region_of(Polyline(polyline=(0, 1, 5, 9))) == ()
