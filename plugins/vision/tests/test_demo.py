"""The demo's belt: what it draws, what it says is true, and the detector that comes with it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.demo import Belt
from trainset_vision.demo.belt import ITEMS, MODEL
from trainset_vision.demo.frame import HEIGHT, WIDTH, frame
from trainset_vision.demo.raster import MARGIN, rasterise
from trainset_vision.demo.shapes import PARTS, SCRAP

from trainset.core.model import Item
from trainset.plugins.builtin import trainset_rules


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    dest = tmp_path_factory.mktemp("demo")
    belt = Belt()
    belt.make(dest, 7)
    return belt, dest


def keys(dest: Path) -> list[str]:
    return [f"media/{file.name}" for file in sorted((dest / "media").iterdir())]


def test_it_draws_jpeg_frames_and_brings_its_detector(made):
    _, dest = made
    files = sorted((dest / "media").iterdir())
    assert len(files) == ITEMS
    for file in files:
        with Image.open(file) as image:
            assert (image.format, image.size) == ("JPEG", (WIDTH, HEIGHT))
    assert (dest / "model.onnx").read_bytes() == MODEL.read_bytes()


def test_one_seed_draws_the_same_frame_and_another_seed_another():
    first, second, other = (frame(np.random.default_rng([seed, 5])) for seed in (3, 3, 4))
    assert np.array_equal(first[0], second[0])
    assert first[1] == second[1]
    assert not np.array_equal(first[0], other[0])


def test_true_boxes_lie_in_the_frame_and_carry_the_tasks_labels(made):
    belt, dest = made
    name, kind, labels = belt.tasks[0].split(":")
    assert (name, kind) == ("parts", "box")
    for key in keys(dest):
        for part in belt.truth(key):
            x, y, w, h = part.box
            assert 0 <= x < x + w <= WIDTH
            assert 0 <= y < y + h <= HEIGHT
            assert part.label in labels.split(",")
            assert part.score is None


def test_truth_has_every_label_empty_frames_and_unique_ids(made):
    belt, dest = made
    truths = [belt.truth(key) for key in keys(dest)]
    assert {part.label for truth in truths for part in truth} == set(PARTS)
    assert any(not truth for truth in truths)
    assert all(len({part.id for part in truth}) == len(truth) for truth in truths)


def test_parts_are_found_by_name_under_any_source_and_nothing_else_is(made):
    belt, _ = made
    assert belt.truth("media/belt-0001.jpg") == belt.truth("line/4/belt-0001.jpg")
    with pytest.raises(KeyError):
        belt.truth("media/elsewhere.jpg")


def test_a_new_make_forgets_the_last_one(tmp_path, monkeypatch):
    monkeypatch.setattr("trainset_vision.demo.belt.ITEMS", 2)
    belt = Belt()
    belt.make(tmp_path, -1)
    monkeypatch.setattr("trainset_vision.demo.belt.ITEMS", 1)
    belt.make(tmp_path, -2)
    with pytest.raises(KeyError):
        belt.truth("media/belt-0001.jpg")


@settings(max_examples=40)
@given(kind=st.sampled_from([*PARTS.values(), *SCRAP]), seed=st.integers(0, 2**32), angle=st.floats(-4, 4))
def test_a_thing_fills_its_patch_up_to_the_margin(kind, seed, angle):
    rng = np.random.default_rng(seed)
    patch = rasterise(kind(rng), angle, light=0.5, gloss=0.5, rng=rng)
    rows, columns = np.nonzero(patch.alpha > 0.02)
    height, width = patch.alpha.shape
    assert patch.alpha.min() >= 0
    assert patch.alpha.max() <= 1.001
    for low, high, size in ((rows.min(), rows.max(), height), (columns.min(), columns.max(), width)):
        assert MARGIN - 1 <= low <= MARGIN + 1
        assert size - MARGIN - 2 <= high <= size - MARGIN


def test_light_that_travels_to_the_right_brightens_the_left_flank():
    rng = np.random.default_rng(0)
    patch = rasterise(PARTS["washer"](rng), 0.0, light=0.0, gloss=0.0, rng=rng)
    row = patch.shade[patch.shade.shape[0] // 2]
    assert row[MARGIN + 1] > row[-MARGIN - 2]


def test_the_rules_it_configures_exist_and_take_its_settings():
    rules = {spec.name: spec for spec in trainset_rules()}
    for name, table in Belt().configure()["rules"].items():
        module, _, struct = rules[name].settings.partition(":")
        fields = {field.name for field in msgspec.structs.fields(getattr(import_module(module), struct))}
        assert set(table) <= fields


def test_the_configured_model_exists_before_and_after_make(made):
    belt, dest = made
    assert Path(Belt().configure()["model"]["path"]) == MODEL
    assert Path(belt.configure()["model"]["path"]) == dest / "model.onnx"


@pytest.fixture(scope="module")
def detector():
    import onnxruntime

    return onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])


def detect(detector, images):
    pixels = np.stack(images).astype(np.float32).transpose(0, 3, 1, 2) / 255
    return detector.run(None, {"images": pixels})[0]


def test_the_detector_is_small_and_says_what_it_is(detector):
    meta = detector.get_modelmeta().custom_metadata_map
    assert MODEL.stat().st_size <= 1_000_000
    assert meta["names"] == str(dict(enumerate(PARTS)))
    assert (meta["task"], meta["imgsz"], meta["batch"]) == ("detect", f"[{HEIGHT}, {WIDTH}]", "1")
    assert "demo" in meta["description"]


def test_the_detector_takes_batches_and_scores_from_0_to_1(detector):
    output = detect(detector, [frame(np.random.default_rng([1, n]))[0] for n in range(3)])
    assert output.shape == (3, 4 + len(PARTS), HEIGHT * WIDTH // 64)
    assert output[:, 4:].min() >= 0
    assert output[:, 4:].max() <= 1


def test_the_detector_finds_most_parts_but_not_all(detector):
    found = []
    for number in range(60):
        image, truth = frame(np.random.default_rng([11, number]))
        cells = detect(detector, [image])[0].T.astype(float)
        cells = cells[cells[:, 4:].max(axis=1) >= 0.4]
        for part in truth:
            alike = cells[cells[:, 4:].argmax(axis=1) == list(PARTS).index(part.label)]
            boxes = [Box(box=(x - w / 2, y - h / 2, w, h)) for x, y, w, h in alike[:, :4].tolist()]
            found.append(BoxOps().similarity([Box(box=part.box)], boxes, Item(key="media/x")).max(initial=0) >= 0.5)
    assert 0.9 < np.mean(found) < 1
