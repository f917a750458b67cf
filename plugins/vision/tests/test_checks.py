"""What is wrong with annotations of every type on their image."""

from __future__ import annotations

import math

import pytest
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, Rle, RotatedBox, rle
from trainset_vision.modality import Vision

from trainset.core.model import Item

ITEM = Item(key="media/x", meta={"width": 48, "height": 32})
NAN = math.nan


def box(*numbers):
    return RotatedBox(id="a", rotated_box=numbers)


def polygon(*rings):
    return Polygon(id="a", polygon=rings)


def line(*numbers):
    return Polyline(id="a", polyline=numbers)


def mask(counts, *size):
    return Mask(id="a", mask=Rle(size, counts))


def keypoints(*points, **more):
    return Keypoints(id="a", keypoints=points, **more)


@pytest.mark.parametrize(
    "annotation",
    [
        box(20, 16, 10, 4, 30),
        box(20, 16, 10, 4, -4000),
        polygon((0, 0, 48, 0, 48, 32)),
        polygon((0, 0, 4, 4, 4, 0, 0, 4)),
        polygon((0, 0, 9, 0, 9, 9), (20, 20, 21, 20, 21, 21)),
        line(0, 0, 48, 32),
        line(5, 5, 5, 9),
        mask(rle.compress([5, 31, 1500]), 32, 48),
        keypoints((1, 2, 2), (0, 0, 0)),
        keypoints((0, 0, 0), box=(1, 2, 3, 4)),
    ],
)
def test_what_is_sound_has_no_problem(annotation):
    assert list(Vision().check(ITEM, [annotation])) == []
    assert list(Vision().check(Item(key="media/y"), [annotation])) == []


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (box(20, 16, 10, NAN, 30), "finite"),
        (box(20, 16, 10, 4, math.inf), "finite"),
        (box(20, 16, 0, 4, 30), "no area"),
        (box(200, 16, 10, 4, 30), "beside the image"),
        (polygon(), "no points"),
        (polygon((0, 0, 9, 0)), "takes three"),
        (polygon((0, 0, 9, 0, 9, 9), ()), "takes three"),
        (polygon((0, 0, 9, 0, 9, 9, 3)), "not pairs"),
        (polygon((0, 0, 9, NAN, 9, 9)), "finite"),
        (polygon((0, 0, 9, 9, 18, 18)), "no area"),
        (polygon((60, 0, 70, 0, 70, 9)), "beside the image"),
        (line(1, 1), "takes two"),
        (line(1, 1, 2), "not pairs"),
        (line(1, 1, 1, 1), "no length"),
        (line(1, NAN, 1, 1), "finite"),
        (line(60, 0, 70, 0), "beside the image"),
        (mask("6", 2, 3), "the mask is 3×2 large, the image 48×32"),
        (mask("nonsense", 32, 48), "runs of the mask"),
        (mask("no ASCII: é", 32, 48), "runs of the mask"),
        (mask(rle.compress([32 * 48]), 32, 48), "no pixels"),
        (keypoints((1, NAN, 2)), "finite"),
        (keypoints((1, 2, 3)), "visibility"),
        (keypoints((0, 0, 0)), "none of the keypoints"),
        (keypoints((1, 2, 2), box=(1, 1, 0, 4)), "box of the keypoints has no area"),
    ],
)
def test_what_makes_no_sense_is_a_problem(annotation, message):
    (problem,) = Vision().check(ITEM, [annotation])
    assert message in problem.message
    assert problem.where == "a" and not problem.note


@pytest.mark.parametrize(
    "annotation",
    [box(46, 16, 10, 4, 30), polygon((-3, 0, 9, 0, 9, 9)), line(0, 0, 0, 40), keypoints((1, 2, 2), (50, 2, 1))],
)
def test_what_stands_out_of_the_image_is_a_note(annotation):
    (problem,) = Vision().check(ITEM, [annotation, Box(id="b", box=(1, 1, 2, 2))])
    assert problem.note and problem.where == "a"
    assert "stands out of the image" in problem.message or "beside the image" in problem.message
