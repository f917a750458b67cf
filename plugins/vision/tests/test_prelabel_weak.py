"""Beside its proposals a detector keeps weaker objects and other classes, which change nothing of what it proposes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.prelabel.candidates import Candidates
from trainset_vision.prelabel.detections import WEAK
from trainset_vision.prelabel.yolo import Yolo, YoloSettings

from trainset.core.model import Task
from trainset.testing import MemoryContext, check_prelabeler

from .test_prelabel_detectors import Images, fixed

NAMES = ("screw", "nut", "gear")
ROWS = [  # centre x, centre y, width, height, and a score for each class
    (100, 300, 60, 60, 0.9, 0.3, 0.02),
    (102, 300, 60, 60, 0.1, 0.2, 0.0),  # of another class, on the first one
    (300, 300, 60, 60, 0.1, 0.24, 0.005),
    (303, 300, 60, 60, 0.2, 0.0, 0.0),  # of another class, on the better one before
    (500, 300, 60, 60, 0.06, 0.0, 0.0),
    (500, 400, 60, 60, 0.04, 0.0, 0.0),
]


@pytest.fixture
def seen(tmp_path):
    """`seen(rows, **settings)`: what a YOLO says of a picture of 640×640 with these rows in its output."""
    images = Images(tmp_path)
    item = images.add("a.png", np.full((640, 640, 3), 90, np.uint8))

    def decoded(rows=ROWS, **settings):
        output = np.zeros((4 + len(NAMES), 40), np.float32)
        output[:, : len(rows)] = np.array(rows, np.float32).T
        path = fixed(tmp_path / "m.onnx", output, metadata={"task": "detect", "names": str(dict(enumerate(NAMES)))})
        model = Yolo(YoloSettings(path=str(path), **settings), Task(name="parts", type="box"))
        (out,) = model.infer([model.prepare(item, images)])
        return model.decode_all(out, item)

    return decoded


def test_weaker_objects_overlap_no_better_one_whatever_its_class(seen):
    found = seen()
    assert [(a.id, a.label, a.score) for a in found.annotations] == [("p1", "screw", 0.9)]
    assert [(a.id, a.label, a.score) for a in found.weak] == [("w1", "nut", 0.24), ("w2", "screw", 0.06)]
    assert found.weak[0].box == (270.0, 270.0, 60.0, 60.0)


def test_other_classes_come_best_first_and_the_faintest_are_left_out(seen):
    assert seen().likely == {"p1": [("nut", 0.3), ("gear", 0.02)], "w1": [("screw", 0.1)]}


def test_zero_keeps_neither_and_another_threshold_keeps_others(seen):
    nothing = seen(keep_below=0)
    assert (nothing.weak, nothing.likely) == ([], {})
    assert [a.score for a in seen(keep_below=0.04).weak] == [0.24, 0.06, 0.04]
    assert [a.score for a in seen(score=0.05).weak] == []


def test_proposals_are_the_same_with_and_without_also_where_classes_have_their_own_scores(seen):
    for settings in (
        {},
        {"agnostic": True},
        {"scores": {"screw": 0.95}},
        {"agnostic": True, "scores": {"screw": 0.95}},
    ):
        for tile in (False, 320):
            with_, without = (seen(keep_below=k, tile=tile, **settings) for k in (0.05, 0))
            assert with_.annotations == without.annotations
    assert [a.label for a in seen(scores={"screw": 0.95}).weak] == ["screw", "nut", "screw"]


def test_through_windows_a_weaker_object_comes_out_once(seen):
    found = seen(flips=True)
    assert len(found.annotations) == len({a.id for a in found.annotations})
    assert 0 < len(found.weak) <= WEAK and not {a.id for a in found.weak} & {a.id for a in found.annotations}


def test_an_image_has_so_many_at_most(seen):
    rows = [(20 + 40 * (n % 15), 20 + 40 * (n // 15), 30, 30, 0.2, 0.1, 0.0) for n in range(36)]
    assert len(seen(rows).weak) == WEAK


def test_rows_keep_their_table():
    table = np.array([[0.1, 0.2], [0.3, 0.4]])
    found = Candidates(np.zeros((2, 4)), np.array([0.2, 0.4]), np.array([1, 1]), table=table).best_first()
    assert found.table is not None and found.table.tolist() == table[::-1].tolist()


def test_the_contract(tmp_path):
    from .test_prelabel_detectors import finder

    images = Images(tmp_path)
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[40:90, 60:120] = 255
    items = [images.add("a.png", pixels), images.add("b.png", pixels[::-1].copy())]
    model = Yolo(msgspec.convert({"path": str(finder(tmp_path / "m.onnx"))}, YoloSettings), Task(name="p", type="box"))
    check_prelabeler(model, items, MemoryContext(images.task, folder=tmp_path, ops={Box: BoxOps()}), ("a", "b"))
