"""Boxes in records, and how alike two boxes are."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainset_vision.annotations import Box, BoxOps

from trainset.core.model import Item
from trainset.plugins import Rect

ITEM = Item(key="media/x")
whole = st.integers(0, 40)
boxes = st.builds(lambda x, y, w, h: Box(label="a", box=(x, y, w, h)), whole, whole, whole, whole)
floats = st.floats(0, 1e5, allow_nan=False)
float_boxes = st.builds(lambda x, y, w, h: Box(label="a", box=(x, y, w, h)), floats, floats, floats, floats)


def counted(a: Box, b: Box) -> float:
    """IoU by counting the unit squares that two boxes with whole coordinates cover."""
    grids = np.zeros((2, 82, 82), bool)
    for grid, box in zip(grids, (a, b), strict=True):
        x, y, w, h = map(int, box.box)
        grid[y : y + h, x : x + w] = True
    union = (grids[0] | grids[1]).sum()
    return float((grids[0] & grids[1]).sum() / union) if union else float(a.box == b.box)


def test_a_box_is_stored_with_its_tag_first_and_its_geometry_under_its_own_name():
    box = Box(id="a1", label="screw", box=(12.0, 40.5, 80.0, 33.0))
    assert msgspec.json.encode(box) == b'{"type":"box","id":"a1","label":"screw","box":[12.0,40.5,80.0,33.0]}'
    assert msgspec.json.decode(msgspec.json.encode(box), type=Box) == box


@given(float_boxes)
def test_a_box_survives_a_record_to_the_last_digit(box):
    assert msgspec.json.decode(msgspec.json.encode(box), type=Box) == box


@given(st.lists(boxes, max_size=5), st.lists(boxes, max_size=5))
def test_similarity_is_intersection_over_union(a, b):
    matrix = BoxOps().similarity(a, b, ITEM)
    assert matrix.shape == (len(a), len(b))
    assert matrix == pytest.approx(np.array([[counted(x, y) for y in b] for x in a]).reshape(len(a), len(b)))


@given(float_boxes, float_boxes)
def test_similarity_is_symmetric_within_0_and_1_and_1_for_itself(a, b):
    ops = BoxOps()
    forth, back = ops.similarity([a], [b], ITEM)[0, 0], ops.similarity([b], [a], ITEM)[0, 0]
    assert forth == back
    assert 0 <= forth <= 1
    assert ops.similarity([a], [a], ITEM)[0, 0] == 1


def test_boxes_without_area_are_alike_only_where_they_are_identical():
    line, other = Box(box=(5, 5, 0, 9)), Box(box=(5, 5, 0, 8))
    assert BoxOps().similarity([line], [line, other], ITEM).tolist() == [[1, 0]]


def test_the_extent_is_the_box():
    assert BoxOps().extent(Box(box=(1, 2, 3, 4)), ITEM) == Rect(1, 2, 3, 4)
