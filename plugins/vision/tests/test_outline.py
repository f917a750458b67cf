"""Boxes without a model: what stands out of an even ground is found, and what does not is left alone."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.modality import Vision, VisionSettings
from trainset_vision.prelabel.outline import Found, Objects, Outline, OutlineSettings

from trainset.core.model import Item, Label, Task
from trainset.errors import ConfigError, MediaError
from trainset.testing import MemoryContext

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "/nowhere")) / "vision"
TASK = Task(name="parts", type="box", labels=(Label(id="old", index=0, retired=True), Label(id="part", index=1)))


def propose(path: Path, item: Item | None = None, task: Task = TASK, **options: object) -> list[Box]:
    model = Outline(OutlineSettings(**options), task)
    if item is None:
        (draft,) = Vision().scan(path, VisionSettings())
        item = Item(key=f"media/{path.name}", meta=dict(draft.meta))
    context = MemoryContext(task, folder=path.parent)
    (output,) = model.infer([model.prepare(item, context)])
    return model.decode(output, item)


def scene(width: int, height: int, ground: tuple[int, int, int] = (70, 75, 72), light: float = 0.0) -> np.ndarray:
    """A noisy ground that gets lighter to the right."""
    rng = np.random.default_rng(3)
    lit = np.linspace(1 - light, 1 + light, width)[None, :, None]
    return (np.array(ground) * lit + rng.normal(0, 3, (height, width, 3))).clip(0, 255).astype(np.uint8)


def best_match(found: list[Box], truth: list[tuple[float, ...]]) -> np.ndarray:
    table = BoxOps().similarity([Box(box=t) for t in truth], found, Item(key="media/x"))
    return table.max(axis=1, initial=0)


DISCS = [((100, 80), 30), ((300, 120), 20), ((520, 300), 55), ((200, 380), 40)]
TRUTH = [(x - r, y - r, 2 * r + 1, 2 * r + 1) for (x, y), r in DISCS]


def discs(color: tuple[int, int, int] = (200, 60, 50), scale: int = 1, light: float = 0.0) -> np.ndarray:
    pixels = scene(640, 480, light=light)
    for center, radius in DISCS:
        cv2.circle(pixels, center, radius, color, cv2.FILLED)
    return np.repeat(np.repeat(pixels, scale, 0), scale, 1)


@pytest.mark.parametrize("light", [0.0, 0.35])
def test_objects_on_an_even_or_unevenly_lit_ground_get_one_tight_box_each(tmp_path, light):
    path = tmp_path / "a.png"
    Image.fromarray(discs(light=light)).save(path)
    found = propose(path)
    assert len(found) == len(TRUTH)
    assert best_match(found, TRUTH).min() > 0.85
    assert all(b.label == "part" and 0 < b.score <= 1 for b in found)
    assert len({b.id for b in found}) == len(found)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_boxes_of_a_large_image_are_in_its_own_pixels(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(discs(scale=4)[:-1, :-3]).save(path)
    found = propose(path)
    assert best_match(found, [tuple(4 * v for v in t) for t in TRUTH]).min() > 0.85
    assert list(Vision().check(Item(key="media/a", meta={"width": 2557, "height": 1919}), found)) == []


def test_an_item_whose_size_is_not_known_is_read_all_the_same(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(discs(scale=2)).save(path)
    assert best_match(propose(path, Item(key="media/a.jpg")), [tuple(2 * v for v in t) for t in TRUTH]).min() > 0.85


def test_what_stands_out_more_scores_higher(tmp_path):
    pixels = scene(320, 240)
    cv2.circle(pixels, (80, 120), 30, (230, 230, 60), cv2.FILLED)
    cv2.circle(pixels, (240, 120), 30, (175, 175, 160), cv2.FILLED)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    strong, weak = propose(path)
    assert strong.box[0] < 160 < weak.box[0]
    assert strong.score > weak.score


def test_a_rail_along_an_edge_is_no_object_and_an_empty_ground_has_none(tmp_path):
    pixels = scene(320, 240)
    pixels[:12] = 220
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    assert propose(path) == []


def test_area_and_number_of_objects_are_limited(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(discs()).save(path)
    assert len(propose(path, limit=2)) == 2
    assert len(propose(path, min_area=0.01)) == 2
    assert len(propose(path, max_area=0.01)) == 2


def test_the_label_is_the_one_set_or_the_first_that_may_be_given():
    two = Task(name="t", type="box", labels=(*TASK.labels, Label(id="scrap", index=2, name="Scrap")))
    for options, expected in (({}, "part"), ({"label": "Scrap"}, "scrap")):
        model = Outline(OutlineSettings(**options), two)
        assert model.decode(Objects((9, 9), [Found((0, 0, 1, 1), 0.5)]), Item(key="media/x"))[0].label == expected
    for label in ("old", "nothing"):
        with pytest.raises(ConfigError, match=label):
            Outline(OutlineSettings(label=label), two)
    with pytest.raises(ConfigError, match="no label"):
        Outline(OutlineSettings(), Task(name="t", type="box"))


def test_a_damaged_image_is_named(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(MediaError, match=r"a\.png"):
        propose(path, Item(key="media/a.png", meta={"width": 5, "height": 5}))


def test_every_coin_gets_its_own_box(tmp_path):
    from skimage import data

    path = tmp_path / "coins.png"
    Image.fromarray(data.coins()).save(path)
    found = propose(path)
    assert len(found) == 24
    assert min(min(b.box[2:]) for b in found) > 25


@pytest.mark.skipif(not REAL.is_dir(), reason="TRAINSET_REAL_DATA is not set")
def test_most_white_blood_cells_of_real_smears_are_found():
    hits = total = 0
    for path in sorted((REAL / "bccd/images").iterdir())[:20]:
        cells = []
        for cell in ET.parse(REAL / "bccd/annotations" / f"{path.stem}.xml").iter("object"):
            x0, y0, x1, y1 = (float(cell.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            if cell.findtext("name") == "WBC":
                cells.append((x0, y0, x1 - x0, y1 - y0))
        hits += int((best_match(propose(path), cells) >= 0.5).sum())
        total += len(cells)
    assert hits / total > 0.7
