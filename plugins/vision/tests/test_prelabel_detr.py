"""DETR and its kin: queries with planted boxes come out within a pixel, whichever way their classes are scored."""

from __future__ import annotations

import numpy as np
import pytest

from trainset.errors import ModelError

from .layouts_kit import NAMES, Pictures, adapter, boxes, recognise, returning, task

PLANTED = {5: (2, (100, 50, 300, 150)), 77: (1, (400, 200, 600, 380))}
"""Query: class and corners in an image of 640×400."""
EXPECTED = [("2", (100, 50, 200, 100)), ("1", (400, 200, 200, 180))]
PIXELS = {"pixel_values": ("float32", ["batch_size", "num_channels", "height", "width"])}


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path)


@pytest.fixture
def grey(pictures):
    return pictures.grey(640, 400)


def queries(count=300, columns=3, low=-6.0, high=3.0):
    """Boxes by centre and size in shares, and a number for each class."""
    rng = np.random.default_rng(1)
    shares = rng.uniform(0.05, 0.4, (count, 4)).astype(np.float32)
    shares[:, :2] += 0.4
    scores = np.full((count, columns), low, np.float32)
    for query, (label, (left, top, right, bottom)) in PLANTED.items():
        shares[query] = [(left + right) / 1280, (top + bottom) / 800, (right - left) / 640, (bottom - top) / 400]
        scores[query, label] = high
    return shares[None], scores[None]


def near(found):
    assert [label for label, _, _ in found] == [label for label, _ in EXPECTED]
    for (_, _, got), (_, wanted) in zip(found, EXPECTED, strict=True):
        assert np.abs(np.subtract(got, wanted)).max() <= 1


def test_a_sigmoid_each_as_in_rt_detr(tmp_path, pictures, grey):
    shares, logits = queries()
    path = returning(tmp_path / "m.onnx", {"logits": logits, "pred_boxes": shares}, PIXELS,
                     shapes={"logits": ["batch_size", "q", 3], "pred_boxes": ["batch_size", "q", 4]})  # fmt: skip
    found = recognise("detr", path, task())
    assert (found.class_count, found.settings["class-scores"], found.questions) == (3, "sigmoid", ())
    model = adapter("detr", path, task())
    assert (model.preprocess.size, model.preprocess.fit, model.preprocess.mean) == ((640, 640), "stretch", (0.0,))
    near(boxes(model, pictures, grey))


@pytest.mark.parametrize("mask", [["batch_size", 64, 64], ["batch_size", "height", "width"]])
def test_a_softmax_with_no_object_last_and_a_pixel_mask_as_in_detr(tmp_path, pictures, grey, mask):
    shares, logits = queries(100, 4, low=0.0, high=12.0)
    logits[..., 3] = 6
    inputs = {**PIXELS, "pixel_mask": ("int64", mask)}
    path = returning(tmp_path / "m.onnx", {"logits": logits, "pred_boxes": shares}, inputs)
    found = recognise("detr", path, task())
    assert (found.class_count, found.settings["class-scores"]) == (3, "softmax")
    assert any("pixel_mask" in sentence for sentence in found.evidence)
    model = adapter("detr", path, task())
    assert model.preprocess.mean == (0.485, 0.456, 0.406)
    near(boxes(model, pictures, grey))


def test_ultralytics_rt_detr_has_boxes_and_probabilities_in_one_output(tmp_path, pictures, grey):
    shares, scores = queries(low=0.001, high=0.9)
    metadata = {"task": "detect", "names": str(dict(enumerate(NAMES))), "stride": "32", "imgsz": "[640, 640]"}
    path = returning(tmp_path / "m.onnx", {"output0": np.concatenate([shares, scores], axis=2)}, metadata=metadata)
    found = recognise("detr", path, task())
    assert (found.classes, found.settings["class-scores"]) == (NAMES, "probabilities")
    near([(str(NAMES.index(label)), s, b) for label, s, b in boxes(adapter("detr", path, task()), pictures, grey)])


def test_probabilities_of_a_softmax_end_in_no_object(tmp_path, pictures, grey):
    shares, scores = queries(100, 4, low=0.0, high=0.9)
    scores[..., 3] = 1 - scores[..., :3].sum(axis=-1)
    path = returning(tmp_path / "m.onnx", {"pred_logits": scores, "pred_boxes": shares})
    found = recognise("detr", path, task())
    assert (found.class_count, found.settings["no-object"]) == (3, True)
    near(boxes(adapter("detr", path, task()), pictures, grey))


def test_the_order_and_names_of_outputs_do_not_matter(tmp_path, pictures, grey):
    shares, logits = queries()
    path = returning(tmp_path / "a.onnx", {"x": shares, "y": logits})
    near(boxes(adapter("detr", path, task()), pictures, grey))
    shares, logits = queries(columns=4)
    path = returning(tmp_path / "b.onnx", {"labels": logits, "dets": shares})
    near(boxes(adapter("detr", path, task(labels=(*NAMES, "bolt"))), pictures, grey))


def test_scores_that_nothing_tells_apart_are_asked_about(tmp_path, pictures, grey):
    shares, logits = queries(columns=9, low=0.5, high=8)
    path = returning(tmp_path / "m.onnx", {"logits": logits, "pred_boxes": shares})
    (question,) = recognise("detr", path, task()).questions
    assert (question.setting, set(question.choices)) == ("class-scores", {"softmax", "sigmoid"})
    model = adapter("detr", path, task(), **{"class-scores": "softmax"})
    near(boxes(model, pictures, grey))


def test_nothing_is_suppressed(tmp_path, pictures, grey):
    shares, logits = queries()
    shares[0, 9], logits[0, 9, 2] = shares[0, 5], 2
    path = returning(tmp_path / "m.onnx", {"logits": logits, "pred_boxes": shares})
    assert len(boxes(adapter("detr", path, task()), pictures, grey)) == 3


def test_what_has_no_boxes_in_shares_is_not_one(tmp_path):
    shares, logits = queries()
    assert recognise("detr", returning(tmp_path / "a.onnx", {"b": shares * 640, "l": logits}), task()) is None
    assert recognise("detr", returning(tmp_path / "b.onnx", {"l": logits[:, :, :2]}), task()) is None


def test_broken_outputs_are_errors(tmp_path):
    shares, logits = queries()
    path = returning(tmp_path / "m.onnx", {"logits": logits, "pred_boxes": shares})
    model = adapter("detr", path, task())
    with pytest.raises(ModelError, match="NaN"):
        model.candidates([np.full_like(logits[0], np.nan), shares[0]])
    with pytest.raises(ModelError, match="no boxes"):
        model.candidates([logits[0], shares[0, :9]])
