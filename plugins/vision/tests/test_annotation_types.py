"""Rotated boxes, polygons, polylines, masks and keypoints: how they are stored, and how alike two of them are."""

from __future__ import annotations

import math

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from pycocotools import mask as coco
from pycocotools.cocoeval import COCOeval, Params
from trainset_vision.annotations import (
    Keypoints,
    KeypointsOps,
    Mask,
    MaskOps,
    Polygon,
    PolygonOps,
    Polyline,
    PolylineOps,
    Rle,
    RotatedBox,
    RotatedBoxOps,
    Skeleton,
    oks,
    rle,
    skeleton_of,
)
from trainset_vision.conversions import polygon_to_mask

from trainset.core.matching import equivalent, likeness
from trainset.core.model import Item, Task
from trainset.errors import RecordError
from trainset.plugins import Rect
from trainset.testing import check_annotations

ITEM = Item(key="media/x", meta={"width": 64, "height": 48})
SQUARE = (0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 9.0)
OPS = {"mask": MaskOps(), "polygon": PolygonOps()}
HOLE = (2.0, 2.0, 4.0, 2.0, 4.0, 4.0, 2.0, 4.0)
BOW_TIE = (0.0, 0.0, 4.0, 4.0, 4.0, 0.0, 0.0, 4.0)
POINTS = ((1.0, 2.0, 2), (5.0, 9.0, 1), (0.0, 0.0, 0))
PERSON = tuple(
    f"{side}_{part}" if part != "nose" else part
    for part in ("nose", "eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in (("left", "right") if part != "nose" else ("",))
)
masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda size: st.lists(st.booleans(), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda flat: np.array(flat).reshape(size)
    )
)


def square(x, y, side):
    return (x, y, x + side, y, x + side, y + side, x, y + side)


def mask(pixels):
    return Mask(label="a", mask=Rle(pixels.shape, rle.encode(pixels)))


def table(ops, *annotations):
    return ops.similarity(annotations, annotations, ITEM)


# -- records -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "stored"),
    [
        (RotatedBox(rotated_box=(1.0, 2.0, 3.0, 4.0, 5.5)), b'"rotated-box","rotated-box":[1.0,2.0,3.0,4.0,5.5]}'),
        (Polygon(polygon=((1.5, 0.0, 2.0, 0.0, 2.0, 1.0),)), b'"polygon","polygon":[[1.5,0.0,2.0,0.0,2.0,1.0]]}'),
        (Polyline(polyline=(1.0, 2.0, 3.0, 4.0)), b'"polyline","polyline":[1.0,2.0,3.0,4.0]}'),
        (Mask(mask=Rle((2, 3), "15")), b'"mask","mask":{"size":[2,3],"counts":"15"}}'),
        (Keypoints(keypoints=((1.0, 2.0, 2),)), b'"keypoints","keypoints":[[1.0,2.0,2]]}'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_type_is_stored_under_its_own_name(annotation, stored):
    assert msgspec.json.encode(annotation) == b'{"type":' + stored
    assert msgspec.json.decode(msgspec.json.encode(annotation), type=type(annotation)) == annotation


def test_keypoints_carry_a_box_only_where_there_is_one():
    assert Keypoints(keypoints=POINTS).box is UNSET
    stored = msgspec.json.encode(Keypoints(keypoints=POINTS, box=(0, 0, 9, 9)))
    assert stored.endswith(b'"box":[0,0,9,9]}')


@pytest.mark.parametrize(
    ("struct", "ops", "examples"),
    [
        (
            RotatedBox,
            RotatedBoxOps,
            [(9.0, 9.0, 8.0, 4.0, 30.0), (9.0, 9.0, 8.0, 4.0, 75.0), (5.0, 5.0, 0.0, 3.0, 0.0)],
        ),
        (
            Polygon,
            PolygonOps,
            [(SQUARE, HOLE), (square(3.0, 3.0, 9.0),), (BOW_TIE,), ((0.0, 0.0, 1.0, 1.0, 2.0, 2.0),)],
        ),
        (Polyline, PolylineOps, [(0.0, 0.0, 30.0, 30.0), (0.0, 5.0, 30.0, 30.0, 40.0, 9.0), (3.0, 3.0, 3.0, 3.0)]),
        (Mask, MaskOps, [Rle((2, 3), "15"), Rle((2, 3), "24"), Rle((2, 3), "6"), Rle((3, 2), "15"), Rle((2, 3), "no")]),
        (Keypoints, KeypointsOps, [POINTS, ((1.0, 3.0, 2), *POINTS[1:]), ((0.0, 0.0, 0),) * 3, POINTS[:2]]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_each_type_keeps_the_contract(struct, ops, examples):
    name = next(f.name for f in msgspec.structs.fields(struct) if f.encode_name == struct.__struct_config__.tag)
    others = [Polygon(polygon=(square(0.0, 0.0, 2.0),)), Polygon(polygon=((0.0, 0.0),))] if struct is Mask else []
    check_annotations(struct, ops(), [struct(**{name: value}) for value in examples], ITEM, others)


# -- regions of two types ----------------------------------------------------------------------------------------


def drawn(rings, size=(48, 64)):
    return Mask(label="a", mask=polygon_to_mask(rings, size))


def test_a_polygon_and_a_mask_of_one_region_are_alike():
    rings = (SQUARE, HOLE)
    alike = likeness([drawn(rings), Polygon(polygon=(square(30, 30, 8),))], [Polygon(polygon=rings)], ITEM, OPS.get)
    assert alike.tolist() == [[1.0], [0.0]]
    assert likeness([Polygon(polygon=rings)], [drawn(rings)], ITEM, OPS.get).tolist() == [[1.0]]


def test_their_likeness_is_intersection_over_union_in_pixels():
    found = likeness([drawn((square(0, 0, 10),))], [Polygon(polygon=(square(5, 0, 10),))], ITEM, OPS.get)
    assert found[0, 0] == pytest.approx(1 / 3)


def test_a_polygon_is_drawn_at_the_size_of_each_mask():
    masks = [drawn((SQUARE,)), drawn((SQUARE,), (20, 30)), Mask(mask=Rle((2, 3), "no"))]
    assert likeness(masks, [Polygon(polygon=(SQUARE,))], ITEM, OPS.get).T.tolist() == [[1.0, 1.0, 0.0]]


def test_a_polygon_that_cannot_be_drawn_is_like_no_mask():
    assert not likeness([drawn((SQUARE,))], [Polygon(polygon=((0.0, 0.0, 1e300, 0.0, 0.0, 5.0),))], ITEM, OPS.get).any()


def test_answers_with_a_mask_and_with_a_polygon_of_one_region_mean_the_same():
    other = square(30.0, 30.0, 8.0)
    a = [drawn((SQUARE,)), Polygon(label="a", polygon=(other,))]
    b = [drawn((other,)), Polygon(label="a", polygon=(SQUARE,))]
    assert equivalent(a, b, ITEM, OPS.get, 0.5)
    assert not equivalent(a, [b[0], Polygon(label="b", polygon=(SQUARE,))], ITEM, OPS.get, 0.5)
    assert not equivalent(a, [b[0], Polygon(label="a", polygon=(square(9.0, 9.0, 5.0),))], ITEM, OPS.get, 0.5)


# -- regions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ((20, 20, 10, 10, 0), (25, 20, 10, 10, 0), 1 / 3),
        ((20, 20, 10, 4, 30), (20, 20, 4, 10, 120), 1),
        ((20, 20, 10, 10, 0), (20, 20, 10, 10, 45), math.sqrt(2) / 2),
        ((20, 20, 10, 4, 0), (20, 20, 10, 4, 90), 16 / 64),
        ((20, 20, 10, 4, 0), (40, 40, 10, 4, 0), 0),
    ],
)
def test_rotated_boxes_are_alike_by_the_area_they_share(one, other, alike):
    found = table(RotatedBoxOps(), RotatedBox(rotated_box=one), RotatedBox(rotated_box=other))
    assert found[0, 1] == pytest.approx(alike)


def test_rotated_boxes_turn_clockwise_as_opencv_s_do():
    box = (20.0, 30.0, 10.0, 4.0, 25.0)
    theirs = cv2.boxPoints(((20, 30), (10, 4), 25))
    place = RotatedBoxOps().extent(RotatedBox(rotated_box=box), ITEM)
    assert (place.x, place.y, place.right, place.bottom) == pytest.approx((*theirs.min(axis=0), *theirs.max(axis=0)))


@pytest.mark.parametrize(
    ("rings", "area"),
    [
        ((SQUARE,), 81),
        ((SQUARE, HOLE), 77),
        ((HOLE, SQUARE), 77),
        ((SQUARE, HOLE[6:] + HOLE[:6], square(2.5, 2.5, 1.0)), 78),
        ((SQUARE, square(20.0, 0.0, 3.0)), 90),
        ((SQUARE, square(5.0, 5.0, 9.0)), 146),
        ((SQUARE, SQUARE), 81),
        ((BOW_TIE,), 8),
        ((SQUARE, (1.0, 1.0, 2.0, 2.0), (math.nan,) * 6), 81),
        ((), 0),
    ],
)
def test_a_polygon_is_its_parts_without_the_holes_in_them(rings, area):
    frame = Polygon(polygon=(square(-100.0, -100.0, 1000.0),))
    assert table(PolygonOps(), frame, Polygon(polygon=rings))[0, 1] == pytest.approx(area / 1e6)


def test_an_image_of_5000_polygons_is_compared_with_itself():
    some = [Polygon(polygon=(square(x * 20.0, y * 20.0, 15.0),)) for x in range(100) for y in range(50)]
    found = PolygonOps().similarity(some, some, ITEM)
    assert found.trace() == len(some) == found.sum()


@given(masks, st.data())
def test_masks_are_alike_by_the_pixels_they_share(left, data):
    right = np.array(data.draw(st.lists(st.booleans(), min_size=left.size, max_size=left.size))).reshape(left.shape)
    union = (left | right).sum()
    expected = (left & right).sum() / union if union else 1.0
    assert table(MaskOps(), mask(left), mask(right))[0, 1] == pytest.approx(expected)


def test_lines_are_alike_by_how_near_they_run_whichever_way_they_go():
    line, back, near, far = (
        Polyline(polyline=points)
        for points in ((0, 0, 60, 0), (60, 0, 0, 0), (0, 0.5, 60, 0.5), (0, 40, 60, 40))
    )  # fmt: skip
    found = table(PolylineOps(), line, back, near, far)[0]
    assert found[1] == pytest.approx(1)
    assert 0.3 < found[2] < 0.8
    assert found[3] == 0


@pytest.mark.parametrize(
    ("ops", "annotation", "place"),
    [
        (PolygonOps, Polygon(polygon=(SQUARE, HOLE)), Rect(0, 0, 9, 9)),
        (PolygonOps, Polygon(polygon=()), None),
        (PolylineOps, Polyline(polyline=(3, 4, 1, 9)), Rect(1, 4, 2, 5)),
        (MaskOps, mask(np.eye(3, dtype=bool)), Rect(0, 0, 3, 3)),
        (MaskOps, mask(np.zeros((3, 3), bool)), None),
        (MaskOps, Mask(mask=Rle((3, 3), "broken")), None),
        (KeypointsOps, Keypoints(keypoints=POINTS), Rect(1, 2, 4, 7)),
        (KeypointsOps, Keypoints(keypoints=POINTS, box=(0, 1, 9, 9)), Rect(0, 1, 9, 9)),
        (KeypointsOps, Keypoints(keypoints=((0, 0, 0),)), None),
    ],
)
def test_the_extent_is_the_smallest_box_about_it(ops, annotation, place):
    assert ops().extent(annotation, ITEM) == place


# -- run lengths -------------------------------------------------------------------------------------------------


@given(masks)
def test_run_lengths_are_those_of_coco_s_tools(pixels):
    theirs = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    counts = rle.encode(pixels)
    assert counts == theirs["counts"].decode()
    lengths = rle.runs(counts, pixels.shape)
    assert (rle.decode(counts, pixels.shape) == pixels).all()
    assert rle.compress(lengths) == counts
    assert rle.area(lengths) == coco.area(theirs)
    place = rle.extent(lengths, pixels.shape)
    assert (
        (place.x, place.y, place.width, place.height) == tuple(coco.toBbox(theirs)) if pixels.any() else place is None
    )
    window, left, top = rle.window(lengths, pixels.shape)
    assert (window == pixels[top : top + window.shape[0], left : left + window.shape[1]]).all()
    assert window.sum() == pixels.sum()


@pytest.mark.parametrize(
    ("counts", "size", "message"),
    [
        ("", (2, 3), "no runs"),
        ("6", (2, 4), "do not fill"),
        ("7", (2, 3), "do not fill"),
        ("O8", (2, 3), "do not fill"),
        ("P", (2, 3), "middle of a number"),
        ("1é5", (2, 3), "no part of a number"),
        ("oooooooooooo0", (2, 3), "too large"),
        ("6", (0, 3), "cannot be"),
        ("6", (10**6, 10**6), "cannot be"),
        ("6", (-2, -3), "cannot be"),
    ],
)
def test_runs_that_do_not_fill_their_mask_are_refused(counts, size, message):
    with pytest.raises(RecordError, match=message):
        rle.runs(counts, size)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=130), max_size=40))
def test_any_text_is_a_mask_or_refused(counts):
    try:
        assert rle.runs(counts, (9, 7)).sum() == 63
    except RecordError as error:
        assert error.message == rle.problem(counts, (9, 7))


# -- keypoints ---------------------------------------------------------------------------------------------------


def person(random, visible=1.0, shift=0.0):
    points = random.random((17, 2)) * 60 + shift
    seen = np.where(random.random(17) < visible, 2, 0)
    seen[0] = 2
    return tuple((float(x) * bool(v), float(y) * bool(v), int(v)) for (x, y), v in zip(points, seen, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_object_keypoint_similarity_is_coco_s(seed):
    random = np.random.default_rng(seed)
    truth, found = person(random, 0.6), [person(random) for _ in range(3)]
    found += [tuple((x + 1.5, y - 1, v) for x, y, v in truth)]
    evaluation = COCOeval(iouType="keypoints")
    evaluation.params.maxDets = [20]
    evaluation._gts = {(1, 1): [{"keypoints": np.ravel(truth).tolist(), "bbox": [0, 0, 60, 60], "area": 2000.0}]}
    evaluation._dts = {(1, 1): [{"keypoints": np.ravel(f).tolist(), "score": -n} for n, f in enumerate(found)]}
    theirs = evaluation.computeOks(1, 1)[:, 0]
    sigmas = Skeleton(points=PERSON).spread(17)
    ours = oks(Keypoints(keypoints=truth), [Keypoints(keypoints=f) for f in found], sigmas, 2000.0)
    assert ours == pytest.approx(theirs)


def test_the_points_of_a_person_have_coco_s_sigmas_and_others_their_own_or_a_twentieth():
    assert Skeleton(points=PERSON).spread(17) == pytest.approx(Params("keypoints").kpt_oks_sigmas)
    assert Skeleton(points=tuple(n.replace("_", "-") for n in PERSON)).spread(17)[0] == pytest.approx(0.026)
    assert Skeleton(points=("tip", "end")).spread(2).tolist() == [0.05, 0.05]
    assert Skeleton(points=("tip", "end"), sigmas=(0.1, 0.2)).spread(2).tolist() == [0.1, 0.2]


def test_a_point_that_only_one_of_two_labels_counts_as_missed():
    one = Keypoints(keypoints=((0, 0, 2), (10, 10, 2), (10, 0, 2)))
    other = Keypoints(keypoints=((0, 0, 2), (10, 10, 1), (0, 0, 0)))
    assert table(KeypointsOps(), one, other)[0, 1] == pytest.approx(2 / 3)


def test_far_away_objects_are_not_alike_and_looking_at_near_ones_only_changes_nothing():
    random = np.random.default_rng(1)
    some = [Keypoints(keypoints=person(random, 0.8, shift)) for shift in (0, 1, 30, 500, 501)]
    found = table(KeypointsOps(), *some)
    assert (found[:3, 3:] == 0).all()
    assert found[0, 2] > 0
    sigmas = np.full(17, 0.05)
    full = tuple((x, y, 2) for x, y, _ in some[0].keypoints)
    moved = tuple((x + 3, y, 2) for x, y, _ in full)
    one, other = Keypoints(keypoints=full), Keypoints(keypoints=moved)
    place = KeypointsOps().extent(one, ITEM)
    expected = oks(one, [other], sigmas, place.width * place.height)[0]
    assert table(KeypointsOps(), one, other)[0, 1] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"points": ["a", "a"]}, "one name"),
        ({"edges": [["a", "c"]]}, "'c' is none of the points: a, b"),
        ({"flip": [["a", "x"]]}, "'x' is none of"),
        ({"sigmas": [0.1]}, "2 positive numbers"),
        ({"sigmas": [0.1, 0.0]}, "2 positive numbers"),
    ],
)
def test_a_skeleton_that_contradicts_itself_is_refused(more, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({"points": ["a", "b"], **more}, Skeleton)


def test_a_task_s_skeleton_says_how_many_points_an_object_has():
    skeleton = Skeleton(points=("tip", "end"))
    assert "its points are 3, those of the task's skeleton 2" in skeleton.problem(Keypoints(keypoints=POINTS), ITEM)
    assert skeleton.problem(Keypoints(keypoints=POINTS[:2]), ITEM) is None
    assert Skeleton().problem(Keypoints(keypoints=POINTS), ITEM) is None
    assert skeleton_of(Task(name="t", type="keypoints", options=skeleton)) is skeleton
    assert skeleton_of(Task(name="t", type="box")) == Skeleton()
