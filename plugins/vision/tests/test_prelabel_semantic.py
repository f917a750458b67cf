"""Semantic segmentation: planted regions come out within a pixel, as masks or polygons, from every form of output."""

from __future__ import annotations

import numpy as np
import pytest

from trainset.errors import ModelError

from .layouts_kit import NAMES, Pictures, adapter, proposals, recognise, returning, task

INPUT = {"image": ("float32", [1, 3, 256, 320])}
SHAPES = {1: [(40, 40, 120, 80), (200, 40, 240, 80)], 3: [(80, 120, 240, 200)]}
"""Left, top, right, bottom by class, on an input of 320×256; class 1 has two parts."""


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path)


@pytest.fixture
def grey(pictures):
    """Twice as large as the input."""
    return pictures.grey(640, 512)


def classes(step=1):
    """The class of each pixel of a map that is smaller by `step`."""
    out = np.zeros((256 // step, 320 // step), np.int64)
    for which, rectangles in SHAPES.items():
        for left, top, right, bottom in rectangles:
            out[top // step : bottom // step, left // step : right // step] = which
    return out


def logits(step=4, count=4, high=5.0):
    return ((classes(step) == np.arange(count)[:, None, None]) * high * 2 - high).astype(np.float32)[None]


def extent(annotation):
    if hasattr(annotation, "mask"):
        rows, columns = np.nonzero(annotation.pixels)
        return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    points = np.concatenate([np.reshape(ring, (-1, 2)) for ring in annotation.polygon])
    return (*points.min(axis=0), *points.max(axis=0))


def near(annotation, corners):
    return np.abs(np.subtract(extent(annotation), np.multiply(2, corners))).max() <= 1


def by_label(found):
    assert len({a.label for a in found}) == len(found)
    return {a.label: a for a in found}


@pytest.mark.parametrize("kind", ["mask", "polygon"])
@pytest.mark.parametrize("step", [1, 4, 8])
def test_logits_for_each_class_with_background_first(tmp_path, pictures, grey, kind, step):
    path = returning(tmp_path / "m.onnx", {"out": logits(step), "aux": logits(step)}, INPUT)
    found = recognise("semantic", path, task(kind))
    assert (found.class_count, found.settings["background"], found.settings["values"]) == (3, True, "logits")
    regions = by_label(proposals(adapter("semantic", path, task(kind)), pictures, grey))
    assert set(regions) == {"0", "2"}
    assert near(regions["2"], SHAPES[3][0]) and near(regions["0"], (40, 40, 240, 80))
    assert regions["2"].score > 0.99


def test_masks_agree_with_the_map_but_for_round_corners(tmp_path, pictures, grey):
    path = returning(tmp_path / "m.onnx", {"out": logits(4)}, INPUT)
    regions = by_label(proposals(adapter("semantic", path, task("mask")), pictures, grey))
    wanted = np.kron(classes() == 3, np.ones((2, 2), bool))
    assert (regions["2"].pixels ^ wanted).sum() <= 4 * 6
    wanted = np.kron(classes() == 1, np.ones((2, 2), bool))
    assert (regions["0"].pixels ^ wanted).sum() <= 8 * 6


@pytest.mark.parametrize("kind", ["mask", "polygon"])
def test_each_connected_part_may_be_an_object(tmp_path, pictures, grey, kind):
    path = returning(tmp_path / "m.onnx", {"out": logits(4)}, INPUT)
    found = proposals(adapter("semantic", path, task(kind), instances=True), pictures, grey)
    assert sorted(a.label for a in found) == ["0", "0", "2"]
    for corners in SHAPES[1]:
        assert any(near(a, corners) for a in found if a.label == "0")


@pytest.mark.parametrize("shape", ["bhw", "b1hw", "bhw1"])
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "float32"])
def test_the_number_of_the_class_for_each_pixel(tmp_path, pictures, grey, shape, kind):
    values = classes().astype(kind)[None]
    values = values if shape == "bhw" else values[:, None] if shape == "b1hw" else values[..., None]
    path = returning(tmp_path / "m.onnx", {"out": values}, INPUT)
    found = recognise("semantic", path, task("mask"))
    assert (found.settings["values"], found.class_count) == ("classes", None)
    regions = by_label(proposals(adapter("semantic", path, task("mask")), pictures, grey))
    assert set(regions) == {"0", "2"} and near(regions["2"], SHAPES[3][0])
    assert regions["2"].score is None


def test_names_that_begin_with_background(tmp_path, pictures, grey):
    names = ("background", *NAMES)
    path = returning(tmp_path / "m.onnx", {"out": classes()[None]}, INPUT, metadata={"names": str(list(names))})
    assert recognise("semantic", path, task("mask")).classes == NAMES
    assert set(by_label(proposals(adapter("semantic", path, task("mask")), pictures, grey))) == {"screw", "gear"}


@pytest.mark.parametrize("values", ["logits", "probabilities"])
def test_one_map_for_one_class(tmp_path, pictures, grey, values):
    plane = (classes(4) == 3).astype(np.float32)[None, None]
    path = returning(tmp_path / "m.onnx", {"out": plane if values == "probabilities" else plane * 8 - 4}, INPUT)
    found = recognise("semantic", path, task("mask", ["part"]))
    assert (found.settings["values"], found.class_count) == (values, 1)
    (region,) = proposals(adapter("semantic", path, task("mask", ["part"])), pictures, grey)
    assert (region.label, near(region, SHAPES[3][0])) == ("0", True)


def test_as_many_classes_as_labels_have_no_background(tmp_path, pictures, grey):
    asked = task("mask", ["floor", *NAMES])
    path = returning(tmp_path / "m.onnx", {"out": logits(4)}, INPUT)
    assert set(by_label(proposals(adapter("semantic", path, asked), pictures, grey))) == {"0", "1", "3"}


def test_channels_may_come_last(tmp_path, pictures, grey):
    maps = np.ascontiguousarray(logits(4).transpose(0, 2, 3, 1))
    path = returning(tmp_path / "m.onnx", {"out": maps}, {"image": ("float32", [1, 256, 320, 3])})
    regions = by_label(proposals(adapter("semantic", path, task("mask")), pictures, grey))
    assert near(regions["2"], SHAPES[3][0])


def test_tiles_are_put_together(tmp_path, pictures):
    """Each tile of 320×256 shows the same map, so class 3 comes once in each of four."""
    path = returning(tmp_path / "m.onnx", {"out": logits(4)}, {"image": ("float32", [1, 3, 256, 320])})
    model = adapter("semantic", path, task("mask"), tile=256, overlap=0.0)
    assert {a.label for a in proposals(model, pictures, pictures.grey(512, 512))} == {"0", "2"}


def test_nothing_but_background_is_no_object(tmp_path, pictures, grey):
    path = returning(tmp_path / "m.onnx", {"out": np.zeros((1, 256, 320), np.int64)}, INPUT)
    assert proposals(adapter("semantic", path, task("mask")), pictures, grey) == []


def test_other_models_are_not_recognised(tmp_path):
    embedding = returning(tmp_path / "a.onnx", {"image_embeddings": np.zeros((1, 256, 64, 80), np.float32)}, INPUT)
    assert recognise("semantic", embedding, task("mask")) is None
    larger = returning(tmp_path / "b.onnx", {"out": np.zeros((1, 3, 512, 640), np.float32)}, INPUT)
    assert recognise("semantic", larger, task("mask")) is None
    assert recognise("semantic", returning(tmp_path / "c.onnx", {"out": logits()}, INPUT), task("box")) is None


def test_broken_outputs_are_errors(tmp_path):
    model = adapter("semantic", returning(tmp_path / "m.onnx", {"out": logits()}, INPUT), task("mask"))
    with pytest.raises(ModelError, match="NaN"):
        model.candidates([logits()[0] * np.nan])
    with pytest.raises(ModelError, match="no map of classes"):
        model.candidates([np.zeros((4, 9, 9), np.float32)])
