"""Outlines and pixels as COCO understands them: an object is the union of its rings, drawn by COCO's own tools."""

from __future__ import annotations

from itertools import combinations

from trainset_vision.annotations import Rle, rle
from trainset_vision.annotations.overlap import levels, polygons
from trainset_vision.conversions import polygon_to_mask

Rings = tuple[tuple[float, ...], ...]

_FEW = 16
"""For more rings a tree finds pairs sooner than comparing each with each."""


def outlines(rings: Rings) -> Rings:
    """The rings that are not inside another one."""
    if len(rings) <= _FEW and _apart(rings):
        return rings
    depths = levels(polygons([(ring,) for ring in rings]).tolist())
    return tuple(ring for ring, depth in zip(rings, depths, strict=True) if depth == 0) if any(depths) else rings


def _apart(rings: Rings) -> bool:
    """Whether the boxes about a few rings do not meet: then none is inside another."""
    boxes = [(min(r[::2]), min(r[1::2]), max(r[::2]), max(r[1::2])) for r in rings]
    return not any(a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3] for a, b in combinations(boxes, 2))


def drawn(rings: Rings, size: tuple[int, int]) -> Rle:
    """The pixels of the union of rings in an image of `size` (height, width), as COCO's tools draw them. RecordError for
    rings that cannot be drawn."""
    from pycocotools import mask as coco

    layers = [polygon_to_mask((ring,), size).counts.encode("ascii") for ring in rings]
    union = coco.merge([{"size": list(size), "counts": layer} for layer in layers])
    return Rle(size, union["counts"].decode("ascii"))


def measured(mask: Rle) -> tuple[int, tuple[float, ...]]:
    """A mask's area in pixels and the box about them, as `pycocotools` gives them. RecordError for one that is not sound."""
    runs = rle.runs(mask.counts, mask.size)
    place = rle.extent(runs, mask.size)
    return rle.area(runs), (0.0,) * 4 if place is None else (place.x, place.y, place.width, place.height)
