"""Detectors that return objects: planted ones come out within a pixel, in any order and form of outputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from trainset_vision.prelabel.ingraph import Ingraph, IngraphSettings

from trainset.errors import ModelError

from .layouts_kit import NAMES, Pictures, adapter, boxes, proposals, recognise, returning, task

CORNERS = np.array([[100, 50, 300, 150], [400, 200, 600, 380], [10, 20, 60, 90]], np.float32)
"""Left, top, right, bottom on an input of 640×400, as large as the image."""
SCORES = np.array([0.9, 0.7, 0.1], np.float32)
CLASSES = np.array([2, 1, 0])
EXPECTED = [("2", 0.9, (100, 50, 200, 100)), ("1", 0.7, (400, 200, 200, 180))]
SHARES = CORNERS / np.array([640, 400, 640, 400], np.float32)
INPUT = ("float32", [1, 3, 400, 640])


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path)


@pytest.fixture
def grey(pictures):
    return pictures.grey(640, 400)


def near(found, wanted=EXPECTED):
    assert [(label, score) for label, score, _ in found] == [(label, score) for label, score, _ in wanted]
    for (_, _, got), (_, _, box) in zip(found, wanted, strict=True):
        assert np.abs(np.subtract(got, box)).max() <= 1


def made_by_hand(path, **settings):
    """The adapter with these settings alone."""
    return Ingraph(IngraphSettings(path=str(path), **settings), task())


def made(folder, outputs, inputs=None, **more):
    return returning(folder / "m.onnx", outputs, inputs or {"images": INPUT}, **more)


@pytest.mark.parametrize("shape", [[1, 3, 400, 640], [3, 400, 640]])
def test_torchvisions_lists_without_batch_axis(tmp_path, pictures, grey, shape):
    outputs = {"boxes": CORNERS, "labels": CLASSES + 1, "scores": SCORES}
    path = made(tmp_path, outputs, {"input": ("float32", shape)})
    found = recognise("ingraph", path, task())
    assert (found.settings["first-class"], found.class_count) == (1, None)
    near(boxes(adapter("ingraph", path, task()), pictures, grey))


def test_one_picture_is_fed_where_there_is_no_batch_axis(tmp_path, pictures, grey, monkeypatch):
    outputs = {"boxes": CORNERS, "labels": CLASSES + 1, "scores": SCORES}
    model = adapter("ingraph", made(tmp_path, outputs, {"input": ("float32", [400, 640, 3])}), task())
    fed, feeds = [], model.feeds
    monkeypatch.setattr(model, "feeds", lambda stacked: fed.append(len(stacked)) or feeds(stacked))
    model.infer([model.prepare(grey, pictures)])
    assert fed == [1]


def test_what_settings_leave_out_of_the_outputs_is_found(tmp_path, pictures, grey):
    path = made(tmp_path, {"boxes": CORNERS, "labels": CLASSES, "scores": SCORES})
    near(boxes(made_by_hand(path, outputs={"labels": "labels"}), pictures, grey))


def test_no_object_at_all_is_no_error(tmp_path, pictures, grey):
    outputs = {"boxes": CORNERS[:0], "labels": CLASSES[:0], "scores": SCORES[:0]}
    assert boxes(adapter("ingraph", made(tmp_path, outputs), task()), pictures, grey) == []


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")])
def test_the_order_and_names_of_outputs_do_not_matter(tmp_path, pictures, grey, order):
    outputs = {"a": CORNERS[None], "b": CLASSES[None], "c": SCORES[None]}
    path = made(tmp_path, {name: outputs[name] for name in order})
    near(boxes(adapter("ingraph", path, task()), pictures, grey))


def tensorflow(**more):
    out = {
        "detection_boxes": SHARES[None][..., [1, 0, 3, 2]],
        "detection_classes": (CLASSES + 1).astype(np.float32)[None],
        "detection_scores": SCORES[None],
        "num_detections": np.array([3], np.float32),
        **more,
    }
    return {name: np.pad(a, [(0, 0), (0, 4), *[(0, 0)] * (a.ndim - 2)]) if a.ndim > 1 else a for name, a in out.items()}


def test_tensorflows_shares_top_first_and_labels_from_one(tmp_path, pictures, grey):
    raw = np.zeros((1, 1917, 4), np.float32)
    outputs = tensorflow(raw_detection_boxes=raw, detection_anchor_indices=SCORES[None])
    path = made(tmp_path, outputs, {"input_tensor": ("uint8", [1, "h", "w", 3])}, producer="tf2onnx")
    model = adapter("ingraph", path, task())
    assert (model.preprocess.dtype, model.preprocess.layout, model.settings.corners) == ("uint8", "NHWC", "yxyx")
    near(boxes(model, pictures, grey))


def test_the_count_ends_the_lists(tmp_path, pictures, grey):
    outputs = tensorflow(num_detections=np.array([1], np.float32))
    path = made(tmp_path, outputs, {"input_tensor": ("uint8", [1, "h", "w", 3])})
    near(boxes(adapter("ingraph", path, task()), pictures, grey), EXPECTED[:1])


def test_efficient_nms(tmp_path, pictures, grey):
    outputs = {"num_dets": np.array([[3]], np.int32), "det_boxes": CORNERS[None], "det_scores": SCORES[None],
               "det_classes": CLASSES.astype(np.int32)[None]}  # fmt: skip
    near(boxes(adapter("ingraph", made(tmp_path, outputs), task()), pictures, grey))


def test_scores_beside_the_corners_as_mmdeploy_has_them(tmp_path, pictures, grey):
    outputs = {"dets": np.concatenate([CORNERS, SCORES[:, None]], axis=1)[None], "labels": CLASSES[None]}
    near(boxes(adapter("ingraph", made(tmp_path, outputs), task()), pictures, grey))


def test_rt_detr_is_told_the_size_of_its_input(tmp_path, pictures):
    """The graph multiplies shares by what it was told: boxes come in pixels of the input, whatever the image's size."""
    from onnx import TensorProto, helper, numpy_helper

    made_of = {"shares": np.concatenate([SHARES, SHARES * 0])[None], "twice": np.array([1, 2]),
               "l": np.zeros((1, 6), np.int64), "s": np.zeros((1, 6), np.float32)}  # fmt: skip
    made_of["l"][0, :3], made_of["s"][0, :3] = CLASSES, SCORES
    nodes = [
        helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("Tile", ["size", "twice"], ["sides"]),
        helper.make_node("Mul", ["shares", "sides"], ["boxes"]),
        helper.make_node("Identity", ["l"], ["labels"]),
        helper.make_node("Identity", ["s"], ["scores"]),
    ]
    value = helper.make_tensor_value_info
    inputs = [
        value("images", TensorProto.FLOAT, ["N", 3, 640, 320]),
        value("orig_target_sizes", TensorProto.INT64, ["N", 2]),
    ]
    outputs = [value("labels", TensorProto.INT64, ["N", 6]), value("boxes", TensorProto.FLOAT, ["N", 6, 4]),
               value("scores", TensorProto.FLOAT, ["N", 6])]  # fmt: skip
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(a, n) for n, a in made_of.items()])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    model = adapter("ingraph", path, task())
    assert model.settings.first_class == 0
    near(boxes(model, pictures, pictures.grey(1280, 800)), [
        (label, score, tuple(2 * v for v in box)) for label, score, box in EXPECTED
    ])  # fmt: skip


@pytest.mark.parametrize("beside", [("scale_factor",), ("im_shape", "scale_factor")])
def test_paddles_rows_with_their_count(tmp_path, pictures, grey, beside):
    rows = np.concatenate([CLASSES[:, None], SCORES[:, None], CORNERS], axis=1).astype(np.float32)
    rows = np.concatenate([rows, np.full((2, 6), -1, np.float32)])
    inputs = {"image": ("float32", [1, 3, 400, 640]), **{name: ("float32", [1, 2]) for name in beside}}
    outputs = {"multiclass_nms3_0.tmp_0": rows, "multiclass_nms3_0.tmp_2": np.array([3], np.int32)}
    outputs = {"concat_0": outputs["multiclass_nms3_0.tmp_0"], "bbox_num": outputs["multiclass_nms3_0.tmp_2"]}
    near(boxes(adapter("ingraph", made(tmp_path, outputs, inputs), task()), pictures, grey))


def test_paddles_boxes_and_scores_without_suppression(tmp_path, pictures, grey):
    many = np.concatenate([CORNERS, CORNERS + 2, np.zeros((2119, 4), np.float32)])
    scores = np.full((3, len(many)), 0.001, np.float32)
    scores[CLASSES, range(3)] = SCORES
    scores[CLASSES, range(3, 6)] = SCORES - 0.05
    inputs = {"image": ("float32", [1, 3, 400, 640]), "scale_factor": ("float32", [1, 2])}
    path = made(tmp_path, {"boxes": many[None], "scores": scores[None]}, inputs)
    found = recognise("ingraph", path, task())
    assert found.class_count == 3
    near(boxes(adapter("ingraph", path, task()), pictures, grey))


def test_scores_that_sum_to_one_begin_with_background(tmp_path, pictures, grey):
    shares = np.concatenate([SHARES, SHARES + 0.001, np.zeros((1494, 4), np.float32)])
    scores = np.zeros((len(shares), 4), np.float32)
    scores[range(6), np.tile(CLASSES + 1, 2)] = np.tile(SCORES, 2)
    scores[3:6] *= 0.9
    scores[:, 0] = 1 - scores[:, 1:].sum(axis=1)
    path = made(tmp_path, {"scores": scores[None], "boxes": shares[None]})
    found = recognise("ingraph", path, task())
    assert (found.class_count, found.settings["first-class"]) == (3, 1)
    near(boxes(adapter("ingraph", path, task()), pictures, grey))


@pytest.mark.parametrize(
    "columns", ["batch-box-class-score", "batch-class-box-score", "batch-class-score-box", "box-class-score"]
)
def test_the_columns_of_rows_show_in_their_numbers(tmp_path, pictures, grey, columns):
    parts = {"batch": np.zeros((3, 1)), "box": CORNERS + 0.25, "class": CLASSES[:, None], "score": SCORES[:, None]}
    rows = np.concatenate([parts[word] for word in columns.split("-")], axis=1).astype(np.float32)
    path = made(tmp_path, {"output": rows})
    assert recognise("ingraph", path, task()).settings["columns"] == columns
    near(boxes(adapter("ingraph", path, task()), pictures, grey))


def test_rows_that_say_nothing_are_asked_about(tmp_path, pictures, grey):
    path = made(tmp_path, {"output": np.zeros((0, 6), np.float32)}, shapes={"output": ["n", 6]})
    (question,) = recognise("ingraph", path, task()).questions
    assert question.setting == "columns" and "class-score-box" in question.choices
    assert boxes(adapter("ingraph", path, task(), columns="class-score-box"), pictures, grey) == []


def test_rows_with_a_batch_that_say_nothing_are_yolov7s(tmp_path):
    path = made(tmp_path, {"output": np.zeros((0, 7), np.float32)}, shapes={"output": ["n", 7]})
    assert recognise("ingraph", path, task()).settings["columns"] == "batch-box-class-score"


def test_two_lists_of_floats_that_say_nothing_are_asked_about(tmp_path, pictures, grey):
    outputs = {"a": CORNERS[None], "b": np.zeros((1, 3), np.float32), "c": np.zeros((1, 3), np.float32)}
    path = made(tmp_path, outputs)
    (question,) = recognise("ingraph", path, task()).questions
    assert (question.setting, question.choices) == ("outputs.scores", ("b", "c"))
    model = adapter("ingraph", path, task(), outputs={"scores": "c"})
    model_outputs = [CORNERS[None], CLASSES[None].astype(np.float32), SCORES[None]]
    assert [c.score for c in model.decode((model_outputs, model.prepare(grey, pictures)[1]), grey)] == [0.9, 0.7]


def test_a_label_that_a_trial_shows_moves_the_first_class(tmp_path):
    outputs = {"boxes": CORNERS, "labels": CLASSES, "scores": SCORES}
    assert recognise("ingraph", made(tmp_path, outputs), task()).settings["first-class"] == 0
    outputs = {"boxes": CORNERS[None], "labels": CLASSES[None] + 1, "scores": SCORES[None]}
    assert recognise("ingraph", made(tmp_path, outputs), task()).settings["first-class"] == 1


def test_names_with_background_count_from_it(tmp_path, pictures, grey):
    outputs = {"boxes": CORNERS, "labels": CLASSES + 1, "scores": SCORES}
    path = made(tmp_path, outputs, metadata={"names": str(["__background__", *NAMES])})
    assert [b[0] for b in boxes(adapter("ingraph", path, task()), pictures, grey)] == ["gear", "nut"]


@pytest.mark.parametrize("kind", ["mask", "polygon"])
@pytest.mark.parametrize("size", [(400, 640), (28, 28)])
def test_masks_of_mask_r_cnn(tmp_path, pictures, grey, kind, size):
    """The first object is the left half of its box, on a picture of the input or of the box."""
    masks = np.zeros((3, 1, *size), np.float32)
    if size == (28, 28):
        masks[:, 0, :, :14] = 1
    else:
        masks[0, 0, 50:150, 100:200] = 1
        masks[1, 0, 200:380, 400:500] = 1
    outputs = {"boxes": CORNERS, "labels": CLASSES + 1, "scores": SCORES, "masks": masks}
    model = adapter("ingraph", made(tmp_path, outputs), task(kind))
    first, second = proposals(model, pictures, grey)
    assert (first.label, second.label) == ("2", "1")
    if kind == "mask":
        rows, columns = np.nonzero(first.pixels)
        extent = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    else:
        points = np.reshape(first.polygon[0], (-1, 2))
        extent = (*points.min(axis=0), *points.max(axis=0))
    assert np.abs(np.subtract(extent, (100, 50, 200, 150))).max() <= 1


def test_masks_are_needed_for_a_task_of_masks(tmp_path):
    outputs = {"boxes": CORNERS, "labels": CLASSES, "scores": SCORES}
    assert recognise("ingraph", made(tmp_path, outputs), task("mask")) is None


def test_outputs_that_do_not_belong_together_are_errors(tmp_path):
    outputs = {"boxes": CORNERS, "labels": CLASSES, "scores": SCORES}
    model = adapter("ingraph", made(tmp_path, outputs), task())
    with pytest.raises(ModelError, match="3 boxes, 2 scores"):
        model.candidates([CORNERS, CLASSES, SCORES[:2]])
    with pytest.raises(ModelError, match="NaN"):
        model.candidates([CORNERS * np.nan, CLASSES, SCORES])
    with pytest.raises(ModelError, match="no output 'x'"):
        adapter("ingraph", tmp_path / "m.onnx", task(), outputs={"scores": "x"})
