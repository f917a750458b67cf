"""Images and annotations of every type, for tests of editing them."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Raw
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, Rle, RotatedBox, Skeleton, rle

from trainset.core.model import Annotation, Attribute, Item, Label, Opaque, Task
from trainset.testing import MemoryContext

from .shapes_kit import ops

WIDTH, HEIGHT = 120, 80
ITEM = Item(key="media/a.png", meta={"width": WIDTH, "height": HEIGHT})
PIXELS = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
SKELETON = Skeleton(points=("nose", "left", "right"), edges=(("nose", "left"), ("nose", "right")))


def mask_of(*windows: tuple[int, int, int, int]) -> Rle:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for x, y, w, h in windows:
        pixels[y : y + h, x : x + w] ^= True
    return Rle((HEIGHT, WIDTH), rle.encode(pixels))


RING, HOLE, PART = (10.0, 10, 50, 10, 50, 40, 10, 40), (20.0, 20, 30, 20, 30, 30), (70.0, 50, 90, 50, 80, 70)
REGIONS = (
    Polygon(id="a1", label="nut", score=0.8, polygon=(RING, HOLE, PART)),
    Mask(id="a2", label="screw", mask=mask_of((60, 5, 30, 20), (65, 10, 5, 5), (100, 60, 10, 10))),
    Opaque(id="x1", label="nut", kind="acme.blob", raw=Raw(b'{"type":"acme.blob","id":"x1","label":"nut"}')),
    Mask(id="a3", label="nut", mask=mask_of((0, 70, 1, 1))),
)
OTHERS = (
    Polygon(id="c1", label="screw", score=0.3, polygon=(PART,)),
    Mask(id="c2", label="nut", score=0.2, mask=mask_of((90, 60, 20, 15))),
)
CASES: dict[str, tuple[tuple[Annotation, ...], tuple[Annotation, ...]]] = {
    "box": ((Box(id="a1", label="nut", box=(10, 20, 30, 20)),), (Box(id="c", label="nut", score=0.1, box=(70, 10, 20, 20)),)),
    "rotated-box": (
        (
            RotatedBox(id="a1", label="nut", score=0.5, rotated_box=(40, 30, 30, 10, 30)),
            RotatedBox(id="a2", label="screw", rotated_box=(5, 75, 20, 8, -200)),
        ),
        (RotatedBox(id="c", label="nut", score=0.1, rotated_box=(90, 40, 30, 10, 75)),),
    ),
    "polygon": (REGIONS, OTHERS),
    "mask": (REGIONS, OTHERS),
    "polyline": (
        (Polyline(id="a1", label="nut", polyline=(5, 5, 60, 40, 100, 10)), Polyline(id="a2", polyline=(0, 70, 120, 70))),
        (Polyline(id="c", label="nut", score=0.1, polyline=(5, 75, 60, 78)),),
    ),
    "keypoints": (
        (
            Keypoints(id="a1", label="nut", score=0.9, keypoints=((30, 20, 2), (20, 40, 1), (0, 0, 0)), box=(10, 10, 40, 40)),
            Keypoints(id="a2", label="screw", keypoints=((90, 20, 2), (80, 40, 2), (100, 40, 2))),
        ),
        (Keypoints(id="c", label="nut", score=0.1, keypoints=((70, 70, 2), (60, 75, 2), (80, 75, 2))),),
    ),
}  # fmt: skip


def context(kind: str, **changes: Any) -> MemoryContext:
    labels = tuple(Label(id=name, index=n) for n, name in enumerate(("screw", "nut")))
    attributes = (Attribute(name="bent", type="flag"),)
    options = {"options": SKELETON} if kind == "keypoints" else {}
    task = Task(name="parts", type=kind, labels=labels, attributes=attributes, **options, **changes)
    return MemoryContext(task, loaded={ITEM.key: PIXELS}, ops=ops(SKELETON))
