"""NanoDet, NanoDet-Plus and PicoDet: planted objects come out within a pixel, from every way that they are exported."""

from __future__ import annotations

import numpy as np
import pytest
from trainset_vision.prelabel.distribution import expected

from trainset.errors import ModelError

from .layouts_kit import Pictures, adapter, boxes, recognise, returning, task

SIZE = (416, 320)
"""A width and a height of which 64 divides neither as it divides the other: 416 = 6.5 × 64."""


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path)


def heads(strides, classes=3, bins=8, centre=0.5, logits=False, size=SIZE):
    """Scores and distributions of each stride: a gear at (80, 64)–(160, 144) and a nut at (256, 96)–(400, 272)."""
    rng = np.random.default_rng(3)
    low = -9.0 if logits else 0.001
    found = []
    for stride in strides:
        wide, high = -(-size[0] // stride), -(-size[1] // stride)
        scores = np.full((high, wide, classes), low, np.float32)
        sides = rng.normal(size=(high, wide, 4, bins)).astype(np.float32)
        for at, label, corners in ((8, 2, (80, 64, 160, 144)), (32, 1, (256, 96, 400, 272))):
            if stride != at:
                continue
            x, y = (corners[0] + corners[2]) // 2 // stride, (corners[1] + corners[3]) // 2 // stride
            scores[y, x, label] = 2.0 if logits else 0.9
            point = np.array([x, y, x, y]) + centre
            away = np.abs(np.array(corners) / stride - point)
            sides[y, x] = -20
            for side, distance in enumerate(away):
                whole = int(distance)
                share = distance - whole
                sides[y, x, side, whole] = np.log(max(1 - share, 1e-9))
                sides[y, x, side, min(whole + 1, bins - 1)] = np.log(max(share, 1e-9))
        found.append((scores.reshape(-1, classes), sides.reshape(-1, 4 * bins)))
    return found


PLANTED = [("2", (80, 64, 80, 80)), ("1", (256, 96, 144, 176))]
INPUT = {"data": ("float32", [1, 3, SIZE[1], SIZE[0]])}


def near(found, wanted=PLANTED):
    """Whether labels are these, and boxes to a pixel."""
    assert sorted(label for label, _, _ in found) == sorted(label for label, _ in wanted)
    for label, box in wanted:
        got = next(b for name, _, b in found if name == label)
        assert np.abs(np.subtract(got, box)).max() <= 1


def whole(strides, **more):
    return np.concatenate([np.concatenate(pair, axis=1) for pair in heads(strides, **more)])


def test_nanodet_plus_in_one_output(tmp_path, pictures):
    output = whole((8, 16, 32, 64), centre=0.0)
    path = returning(tmp_path / "m.onnx", {"output": output[None]}, INPUT)
    model = adapter("nanodet", path, task())
    assert (model.family, model.preprocess.channels, model.preprocess.fit) == ("nanodet-plus", "BGR", "stretch")
    near(boxes(model, pictures, pictures.grey(*SIZE)))


def test_scores_before_the_sigmoid_are_seen_as_such(tmp_path, pictures):
    output = whole((8, 16, 32, 64), centre=0.0, logits=True)
    path = returning(tmp_path / "m.onnx", {"output": output[None]}, INPUT)
    assert recognise("nanodet", path, task()).settings["class-scores"] == "logits"
    found = boxes(adapter("nanodet", path, task()), pictures, pictures.grey(*SIZE))
    near(found)
    assert found[0][1] == 0.88


@pytest.mark.parametrize("batch", [True, False])
def test_nanodet_with_an_output_for_each_stride(tmp_path, pictures, batch):
    named = {}
    for stride, (scores, sides) in zip((8, 16, 32), heads((8, 16, 32)), strict=True):
        named[f"cls_pred_stride_{stride}"] = scores[None] if batch else scores
        named[f"dis_pred_stride_{stride}"] = sides[None] if batch else sides
    path = returning(tmp_path / "m.onnx", dict(sorted(named.items())), INPUT)
    model = adapter("nanodet", path, task())
    assert (model.family, model.preprocess.fit) == ("nanodet", "letterbox-center")
    near(boxes(model, pictures, pictures.grey(*SIZE)))


@pytest.mark.parametrize("batch", [True, False])
def test_picodet_with_scores_first_and_then_distances(tmp_path, pictures, batch):
    pairs = heads((8, 16, 32, 64))
    named = {f"transpose_{2 * i}.tmp_0": scores for i, (scores, _) in enumerate(pairs)}
    named |= {f"transpose_{2 * i + 1}.tmp_0": sides for i, (_, sides) in enumerate(pairs)}
    path = returning(tmp_path / "m.onnx", {n: a[None] if batch else a for n, a in named.items()}, INPUT, producer="")
    model = adapter("nanodet", path, task())
    assert (model.family, model.preprocess.channels) == ("picodet", "RGB")
    near(boxes(model, pictures, pictures.grey(*SIZE)))


def test_as_many_classes_as_numbers_of_a_distribution_are_told_by_their_order(tmp_path, pictures):
    named = {}
    for i, (scores, sides) in enumerate(heads((8, 16, 32, 64), classes=32)):
        named |= {f"a{i}": scores[None], f"b{i}": sides[None]}
    path = returning(tmp_path / "m.onnx", named, INPUT, producer="PaddlePaddle")
    near(boxes(adapter("nanodet", path, task()), pictures, pictures.grey(*SIZE)))


def test_maps_and_columns_are_read_like_rows(tmp_path, pictures):
    named = {}
    for stride, (scores, sides) in zip((8, 16, 32), heads((8, 16, 32)), strict=True):
        wide, high = -(-SIZE[0] // stride), -(-SIZE[1] // stride)
        named[f"cls_pred_stride_{stride}"] = scores.T.reshape(1, -1, high, wide)
        named[f"dis_pred_stride_{stride}"] = np.ascontiguousarray(sides.T)[None]
    path = returning(tmp_path / "m.onnx", named, INPUT)
    near(boxes(adapter("nanodet", path, task()), pictures, pictures.grey(*SIZE)))


def test_what_shapes_do_not_tell_is_asked(tmp_path, pictures):
    path = returning(tmp_path / "three.onnx", {"output": whole((8, 16, 32))[None]}, INPUT)
    (question,) = recognise("nanodet", path, task()).questions
    assert (question.setting, set(question.choices)) == ("family", {"nanodet", "nanodet-plus"})
    near(boxes(adapter("nanodet", path, task(), family="nanodet"), pictures, pictures.grey(*SIZE)))
    named = {}
    for i, (scores, sides) in enumerate(heads((8, 16, 32, 64))):
        named |= {f"{i}a": scores[None], f"{i}b": sides[None]}
    path = returning(tmp_path / "four.onnx", named, INPUT)
    (question,) = recognise("nanodet", path, task()).questions
    assert set(question.choices) == {"picodet", "nanodet-plus"}
    near(boxes(adapter("nanodet", path, task(), family="picodet"), pictures, pictures.grey(*SIZE)))


def test_boxes_come_back_to_the_image(tmp_path, pictures):
    output = whole((8, 16, 32, 64), centre=0.0)
    path = returning(tmp_path / "m.onnx", {"output": output[None]}, INPUT)
    found = boxes(adapter("nanodet", path, task()), pictures, pictures.grey(SIZE[0] * 2, SIZE[1] * 3))
    near(found, [("2", (160, 192, 160, 240)), ("1", (512, 288, 288, 528))])


def test_an_expected_distance_is_the_mean_of_its_bins():
    even = np.zeros((1, 32))
    assert expected(even).tolist() == [[3.5] * 4]
    assert expected(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist() == [[1, 2, 3, 4]]


def test_other_detectors_are_none_of_these(tmp_path):
    yolox = np.random.default_rng(0).uniform(size=(2184, 85)).astype(np.float32)
    yolox[:, :4] *= 300
    assert recognise("nanodet", returning(tmp_path / "x.onnx", {"o": yolox[None]}, INPUT), task()) is None


def test_broken_outputs_are_errors(tmp_path, pictures):
    output = whole((8, 16, 32, 64), centre=0.0)
    path = returning(tmp_path / "m.onnx", {"output": output[None]}, INPUT)
    model = adapter("nanodet", path, task())
    with pytest.raises(ModelError, match="NaN"):
        model.candidates([np.full_like(output, np.nan)])
    with pytest.raises(ModelError, match="bins"):
        model.candidates([output[:-1]])
