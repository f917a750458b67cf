"""YuNet: faces and their landmarks are found on real pictures, and planted ones in both of its layouts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Skeleton
from trainset_vision.prelabel.faces import LANDMARKS, PRIORS

from trainset.core.model import Item
from trainset.errors import ModelError

from .layouts_kit import Pictures, adapter, boxes, proposals, recognise, returning, task

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "/nonexistent")) / "models" / "yunet_n_640_640.onnx"
FACE = (181, 54, 92, 124)
ASTRONAUT = {
    "right-eye": (205, 97), "left-eye": (247, 103), "nose": (222, 127), "right-mouth": (201, 141), "left-mouth": (239, 146)
}  # fmt: skip
"""Where they are in scikit-image's picture, to a few pixels; right is the astronaut's own right."""


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path)


@pytest.fixture
def astronaut(pictures):
    from skimage import data

    if not REAL.is_file():
        pytest.skip("real models are not at hand")
    Image.fromarray(data.astronaut()).save(pictures.folder / "astronaut.png")
    return Item(key="media/astronaut.png", meta={"width": 512, "height": 512})


def points(*names):
    return task("keypoints", ["face"], Skeleton(points=names))


def test_the_face_of_the_astronaut(pictures, astronaut):
    found = recognise("faces", REAL, task(labels=["face"]))
    assert (found.classes, found.class_count, found.confidence) == (("face",), 1, 1.0)
    ((label, score, box),) = boxes(adapter("faces", REAL, task(labels=["face"])), pictures, astronaut)
    assert (label, score > 0.9) == ("face", True)
    assert np.abs(np.subtract(box, FACE)).max() <= 4


def test_its_landmarks(pictures, astronaut):
    (face,) = proposals(adapter("faces", REAL, points(*LANDMARKS)), pictures, astronaut)
    for (x, y, seen), name in zip(face.keypoints, LANDMARKS, strict=True):
        assert seen == 2 and np.hypot(*np.subtract((x, y), ASTRONAUT[name])) <= 4
    assert np.abs(np.subtract(face.box, FACE)).max() <= 4


def test_landmarks_come_in_the_order_of_the_tasks_points(pictures, astronaut):
    asked = points("nose_tip", "left eye", "right eye", "mouth left", "mouth_right")
    with_other_names = adapter("faces", REAL, points("a", "b", "c", "d", "e"))
    assert with_other_names._order == [0, 1, 2, 3, 4]
    asked = points("nose", "left eye", "right_eye", "mouth-left", "mouth-right")
    (face,) = proposals(adapter("faces", REAL, asked), pictures, astronaut)
    for (x, y, _), name in zip(
        face.keypoints, ("nose", "left-eye", "right-eye", "left-mouth", "right-mouth"), strict=True
    ):
        assert np.hypot(*np.subtract((x, y), ASTRONAUT[name])) <= 4


def test_a_skeleton_of_other_points_is_an_error(astronaut):
    with pytest.raises(ModelError, match="finds the points right-eye"):
        recognise("faces", REAL, points("head", "tail", "fin"))


LEFT, TOP, RIGHT, BOTTOM = 100.0, 60.0, 180.0, 160.0
MARKS = np.array([[120, 90], [160, 92], [141, 115], [124, 140], [157, 138]], np.float32)


def in_cells(size=(320, 256)):
    """Twelve outputs, with a face in a cell of stride 16."""
    out = {}
    for stride in (8, 16, 32):
        wide, high = size[0] // stride, size[1] // stride
        cells = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
        arrays = {name: np.zeros((wide * high, count), np.float32) for name, count in cells.items()}
        if stride == 16:
            cell = np.array([8, 6])
            at = cell[1] * wide + cell[0]
            arrays["cls"][at], arrays["obj"][at] = 0.81, 1.0
            centre = np.array([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2]) / stride - cell
            arrays["bbox"][at] = [*centre, *np.log(np.array([RIGHT - LEFT, BOTTOM - TOP]) / stride)]
            arrays["kps"][at] = (MARKS / stride - cell).ravel()
        out |= {f"{name}_{stride}": array[None] for name, array in arrays.items()}
    return dict(sorted(out.items(), key=lambda entry: ("cls", "obj", "bbox", "kps").index(entry[0].split("_")[0])))


def on_priors(size=(320, 256)):
    """Three outputs for prior boxes, with a face at the second prior of a cell of stride 16."""
    counts = {stride: (size[0] // stride) * (size[1] // stride) * len(sides) for stride, sides in PRIORS.items()}
    many = sum(counts.values())
    loc, conf, iou = (np.zeros((many, n), np.float32) for n in (14, 2, 1))
    conf[:, 0] = 1
    at = counts[8] + (6 * (size[0] // 16) + 8) * 2 + 1
    centre, side = np.array([8.5, 6.5]) * 16, 48
    middle = np.array([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2])
    loc[at, :2] = (middle - centre) / side / 0.1
    loc[at, 2:4] = np.log(np.array([RIGHT - LEFT, BOTTOM - TOP]) / side) / 0.2
    loc[at, 4:] = ((MARKS - centre) / side / 0.1).ravel()
    conf[at], iou[at] = (0.19, 0.81), 1.0
    return {"loc": loc, "conf": conf, "iou": iou}


@pytest.mark.parametrize("outputs", [in_cells, on_priors])
def test_planted_faces_come_out_where_they_are(tmp_path, pictures, outputs):
    path = returning(tmp_path / "m.onnx", outputs(), {"input": ("float32", [1, 3, 256, 320])})
    (face,) = proposals(adapter("faces", path, points(*LANDMARKS)), pictures, pictures.grey(640, 512))
    assert face.score == 0.9
    assert np.abs(np.subtract(face.box, (200, 120, 160, 200))).max() <= 1
    assert np.abs(np.array(face.keypoints)[:, :2] - MARKS * 2).max() <= 1


def test_broken_outputs_are_errors(tmp_path):
    path = returning(tmp_path / "m.onnx", in_cells(), {"input": ("float32", [1, 3, 256, 320])})
    model = adapter("faces", path, task(labels=["face"]))
    arrays = [array[0] for array in in_cells().values()]
    with pytest.raises(ModelError, match="NaN"):
        model.candidates([arrays[0] * np.nan, *arrays[1:]])
    with pytest.raises(ModelError, match="not YuNet's"):
        model.candidates([arrays[0][:-1], *arrays[1:]])
