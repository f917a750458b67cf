"""Review rules over the shapes of objects."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from trainset_vision import plugin
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Rle, RotatedBox, Skeleton, rle

from trainset.core.model import Item, Label, Task
from trainset.plugins import Case
from trainset.plugins.registry import convert, load
from trainset.testing import MemoryContext

from .shapes_kit import ops

ITEM = Item(key="media/x", meta={"width": 64, "height": 48})
SPECS = {spec.name: spec for spec in plugin.trainset_rules()}


def square(x, y, side):
    return (x, y, x + side, y, x + side, y + side, x, y + side)


def polygon(*rings):
    return Polygon(id="a", label="sky", polygon=rings)


def mask(*spots):
    pixels = np.zeros((48, 64), bool)
    for x, y, side in spots:
        pixels[y : y + side, x : x + side] = True
    return Mask(id="a", label="sky", mask=Rle(pixels.shape, rle.encode(pixels)))


def found(name, *annotations, options=None, **settings):
    spec = SPECS[name]
    task = Task(name="t", type="polygon", labels=(Label(id="sky", index=0),), options=options or {})
    context = MemoryContext(task, [ITEM], settings=convert(spec.settings, settings, "the rule"), ops=ops(Skeleton()))
    cases = [Case(ITEM, "predicted", annotations, "run"), Case(ITEM, "unlabelled")]
    return [SimpleNamespace(object=f.object, reason=f.reason) for f in load(spec.factory)().findings(cases, context)]


@pytest.mark.parametrize("name", SPECS)
def test_no_rule_minds_what_is_sound_or_not_its_own(name):
    sound = [
        polygon(square(5, 5, 20), square(8, 8, 10)),
        mask((5, 5, 20)),
        Box(id="b", box=(1, 1, 9, 9)),
        RotatedBox(id="c", rotated_box=(9, 9, 4, 4, 45)),
        Keypoints(id="d", keypoints=((4, 4, 2),)),
        Mask(id="e", mask=Rle((48, 64), "damaged")),
        polygon(),
    ]
    assert found(name, *sound) == []


@pytest.mark.parametrize("rings", [((0, 0, 9, 9, 9, 0, 0, 9),), (square(20, 20, 5), (0, 0, 9, 9, 9, 0, 0, 9))])
def test_an_outline_that_crosses_itself_is_found_with_the_place(rings):
    (finding,) = found("polygon-self-intersects", polygon(*rings))
    assert finding.object == "a" and "at 4.5, 4.5" in finding.reason


@pytest.mark.parametrize("make", [lambda *s: polygon(*(square(*x) for x in s)), mask])
def test_specks_beside_an_object_are_counted(make):
    (finding,) = found("tiny-part", make((5, 5, 20), (40, 5, 2), (50, 30, 3)))
    assert "2 part(s) under 16 px, one at 40, 5" in finding.reason
    assert found("tiny-part", make((5, 5, 20), (40, 5, 4))) == []
    assert found("tiny-part", make((40, 5, 2))) == []
    assert len(found("tiny-part", make((5, 5, 20), (40, 5, 4)), below=17)) == 1


def test_pixels_that_touch_at_a_corner_are_of_one_part():
    assert found("tiny-part", mask((5, 5, 20), (25, 25, 1))) == []


@pytest.mark.parametrize("make", [lambda *s: polygon(*(square(*x) for x in s)), mask])
def test_a_part_far_from_the_rest_makes_the_box_another(make):
    (finding,) = found("mask-box-mismatch", make((5, 5, 10), (50, 40, 4)))
    assert "IoU 0.05" in finding.reason
    assert found("mask-box-mismatch", make((5, 5, 10), (16, 5, 2))) == []


def test_an_object_too_long_for_its_kind_is_found():
    long, turned = Box(id="a", label="sky", box=(0, 0, 60, 2)), RotatedBox(id="b", rotated_box=(30, 30, 60, 2, 45))
    assert [f.object for f in found("aspect-out-of-range", long, turned)] == ["a", "b"]
    assert found("aspect-out-of-range", long, labels={"sky": [1, 40]}) == []
    assert len(found("aspect-out-of-range", long, labels={"sky": [31, 40]})) == 1
    assert found("aspect-out-of-range", Box(id="a", box=(0, 0, 60, 0))) == []


def test_points_outside_the_box_of_their_object_are_named():
    person = Keypoints(id="a", label="sky", keypoints=((1, 1, 2), (30, 5, 1), (0, 0, 0), (11, 5, 2)), box=(1, 1, 9, 9))
    (finding,) = found("keypoint-outside-box", person, options=Skeleton(points=("nose", "tail", "ear", "paw")))
    assert finding.reason == "tail of sky outside its box"
    (finding,) = found("keypoint-outside-box", person, margin=0)
    assert finding.reason == "point 2, point 4 of sky outside its box"
