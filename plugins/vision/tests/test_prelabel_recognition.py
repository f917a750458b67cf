"""Every model is recognised by its own adapter, and by none more surely."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from trainset_vision.plugin import trainset_prelabelers
from trainset_vision.prelabel import inputs as inputs_module

from trainset.errors import ConfigError, ModelError
from trainset.plugins import PrelabelerSpec
from trainset.plugins.registry import convert, load

from . import layouts_kit as kit
from . import test_prelabel_faces as faces
from . import test_prelabel_ingraph as ingraph
from . import test_prelabel_semantic as semantic
from .test_prelabel_detr import PIXELS, queries
from .test_prelabel_distribution import INPUT, heads, whole

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "/nonexistent")) / "models"
SPECS: list[PrelabelerSpec] = [spec for spec in trainset_prelabelers() if spec.recognise]
RANDOM = np.random.default_rng(5)


def scattered(rows, columns, pixels=640):
    """Boxes in pixels beside scores."""
    out = RANDOM.uniform(size=(rows, columns)).astype(np.float32)
    out[:, :4] *= pixels
    out[:, 2:4] *= 0.2
    return out


def offsets(rows, columns):
    """YOLOX's boxes: offsets within cells, and logarithms."""
    out = scattered(rows, columns, 1)
    out[:, 2:4] = np.log(out[:, 2:4] + 0.1)
    return out


def by_stride(names, outputs):
    """One output for each name and stride."""
    return {name.format(n): array[None] for n, pair in outputs for name, array in zip(names, pair, strict=True)}


def split(names=("cls_pred_stride_{}", "dis_pred_stride_{}"), strides=(8, 16, 32)):
    return by_stride(names, zip(strides, heads(strides), strict=True))


def detr_outputs(columns=3):
    shares, logits = queries(columns=columns)
    return {"logits": logits, "pred_boxes": shares}


def rt_detr():
    shares, logits = queries(low=0.001, high=0.9)
    return {"output0": np.concatenate([shares, logits], axis=2)}


LISTS = {"boxes": ingraph.CORNERS, "labels": ingraph.CLASSES + 1, "scores": ingraph.SCORES}
IMAGE = {"images": ("float32", [1, 3, 640, 640])}
SMALL = {"images": ("float32", [1, 3, 400, 640])}
ULTRALYTICS = {"task": "detect", "names": str(dict(enumerate(kit.NAMES))), "stride": "32", "imgsz": "[640, 640]"}

FILES = {
    "yolov8": ("yolo", "box", {"output0": scattered(8400, 7).T[None]}, IMAGE, {}),
    "yolov8 by metadata": ("yolo", "box", {"output0": scattered(8400, 7).T[None]}, IMAGE, ULTRALYTICS),
    "yolov8 of 80 classes": ("yolo", "box", {"output0": scattered(8400, 84).T[None]}, IMAGE, {}),
    "yolov5": ("yolo", "box", {"output": scattered(25200, 85)[None]}, IMAGE, {}),
    "yolov6": ("yolo", "box", {"outputs": scattered(8400, 85)[None]}, IMAGE, {}),
    "yolov10": ("yolo", "box", {"output0": scattered(300, 6)[None]}, IMAGE, {}),
    "yolox": ("yolox", "box", {"output": offsets(8400, 85)[None]}, IMAGE, {}),
    "yolox of few classes": ("yolox", "box", {"output": offsets(8400, 8)[None]}, IMAGE, {}),
    "nanodet-plus": ("nanodet", "box", {"output": whole((8, 16, 32, 64), centre=0.0)[None]}, INPUT, {}),
    "nanodet-plus, logits": ("nanodet", "box", {"output": whole((8, 16, 32, 64), logits=True)[None]}, INPUT, {}),
    "nanodet in one": ("nanodet", "box", {"output": whole((8, 16, 32))[None]}, INPUT, {}),
    "nanodet by stride": ("nanodet", "box", split(), INPUT, {}),
    "picodet": ("nanodet", "box", split(("save_{}.tmp_0", "save_{}.tmp_1"), (8, 16, 32, 64)), INPUT, {}),
    "detr": ("detr", "box", detr_outputs(4), PIXELS, {}),
    "rt-detr": ("detr", "box", detr_outputs(), IMAGE, {}),
    "rt-detr of ultralytics": ("detr", "box", rt_detr(), IMAGE, ULTRALYTICS),
    "torchvision": ("ingraph", "box", LISTS, {"images": ("float32", [3, 400, 640])}, {}),
    "mask r-cnn": ("ingraph", "mask", {**LISTS, "masks": np.ones((3, 1, 400, 640), np.float32)}, SMALL, {}),
    "mask r-cnn for boxes": ("ingraph", "box", {**LISTS, "masks": np.ones((3, 1, 28, 28), np.float32)}, SMALL, {}),
    "tensorflow": ("ingraph", "box", ingraph.tensorflow(), {"input_tensor": ("uint8", [1, 400, 640, 3])}, {}),
    "yolov7 with nms": ("ingraph", "box", {"output": np.zeros((0, 7), np.float32)}, IMAGE, {}),
    "yunet": ("faces", "box", faces.in_cells(), {"input": ("float32", [1, 3, 256, 320])}, {}),
    "yunet for landmarks": ("faces", "keypoints", faces.in_cells(), {"input": ("float32", [1, 3, 256, 320])}, {}),
    "yunet before 2023": ("faces", "box", faces.on_priors(), {"input": ("float32", [1, 3, 256, 320])}, {}),
    "logits of pixels": ("semantic", "mask", {"out": semantic.logits()}, semantic.INPUT, {}),
    "classes of pixels": ("semantic", "polygon", {"out": semantic.classes()[None]}, semantic.INPUT, {}),
    "classifier": ("classify", "classify", {"out": RANDOM.normal(size=(1, 3)).astype(np.float32)}, IMAGE, {}),
}


def known(path, asked):
    """The adapters that recognise a file, by falling confidence."""
    found = [(s.name, r) for s in SPECS if (r := load(s.recognise)(path, asked)) is not None]
    return sorted(((r.confidence, name) for name, r in found), reverse=True)


@pytest.mark.parametrize("name", FILES)
def test_files_are_recognised_by_their_own_adapter(tmp_path, name):
    adapter, kind, outputs, inputs, metadata = FILES[name]
    path = kit.returning(tmp_path / "m.onnx", outputs, inputs, metadata=metadata)
    best, *others = known(path, kit.task(kind))
    assert best[1] == adapter, (best, others)
    assert all(confidence < best[0] for confidence, _ in others)


@pytest.mark.parametrize("name", FILES)
def test_no_adapter_takes_a_file_for_another_type_of_task_in_vain(tmp_path, name):
    """What is recognised for a task can be constructed for it, and what is known to serve another task says so."""
    _, _, outputs, inputs, metadata = FILES[name]
    path = kit.returning(tmp_path / "m.onnx", outputs, inputs, metadata=metadata)
    for kind in ("box", "mask", "polygon", "classify"):
        for spec in SPECS:
            try:
                found = load(spec.recognise)(path, kit.task(kind))
            except ModelError:
                continue
            if found is not None and not found.questions:
                kit.adapter(spec.name, path, kit.task(kind))


@pytest.mark.skipif(not REAL.is_dir(), reason="real models are not at hand")
@pytest.mark.parametrize(
    ("file", "kind", "adapter"),
    [
        ("yolox_nano.onnx", "box", "yolox"),
        ("yunet_n_640_640.onnx", "box", "faces"),
        ("mnist.onnx", "classify", "classify"),
    ],
)
def test_real_files_are_recognised_by_their_own_adapter(file, kind, adapter):
    assert [name for _, name in known(REAL / file, kit.task(kind, ["face"]))] == [adapter]


def test_a_file_is_loaded_once_for_all_trial_runs(tmp_path, monkeypatch):
    _, kind, outputs, inputs, _ = FILES["yolox"]
    path = kit.returning(tmp_path / "m.onnx", outputs, inputs)
    loaded = []
    made = inputs_module.Session
    monkeypatch.setattr(inputs_module, "Session", lambda path: loaded.append(path) or made(path))
    known(path, kit.task(kind))
    assert loaded == [path]


@pytest.mark.parametrize(
    ("adapter", "settings"),
    [
        ("yolo", {"score": 1.5}),
        ("yolo", {"scores": {"nut": -0.1}}),
        ("yolo", {"iou": -0.5}),
        ("yolo", {"max-detections": 0}),
        ("yolo", {"max-detections": -1}),
        ("yolo", {"tile": 8}),
        ("yolo", {"overlap": 1.0}),
        ("yolo", {"keypoints": [17, 0]}),
        ("yolo", {"keypoints": [0, 3]}),
        ("yolo", {"tolerance": -1}),
        ("nanodet", {"bins": 0}),
        ("ingraph", {"first-class": -1}),
        ("classify", {"score": 2}),
    ],
)
def test_settings_have_ranges(adapter, settings):
    spec = next(spec for spec in SPECS if spec.name == adapter)
    with pytest.raises(ConfigError, match=next(iter(settings))):
        convert(spec.settings, {"path": "m.onnx", **settings}, "model 'm'")
