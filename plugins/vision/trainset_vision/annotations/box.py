"""Boxes: axis-parallel rectangles in the pixels of an upright image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.plugins import Rect


class Box(Annotation, kw_only=True, frozen=True, tag="box"):
    """An object's rectangle `(x, y, width, height)` in pixels after EXIF orientation.

    The origin is the top-left corner of the top-left pixel, x goes right and y down; pixel (0, 0) covers
    [0, 1) × [0, 1).
    """

    box: tuple[float, float, float, float]


class BoxOps:
    """How boxes are compared."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union, `(len(a), len(b))`. Boxes of no area are 1 where they are identical, else 0."""
        low, high = (x[:, :, None] for x in _corners(a))
        other_low, other_high = (x[:, None] for x in _corners(b))
        across, down = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0)
        inside = across * down
        union = _area(low, high) + _area(other_low, other_high) - inside
        sound = union > 0
        found: NDArray[np.float64] = np.divide(inside, union, out=np.zeros_like(inside), where=sound)
        if not sound.all():
            found[~sound & (low == other_low).all(axis=0) & (high == other_high).all(axis=0)] = 1
        return found

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The box itself."""
        return Rect(*annotation.box) if isinstance(annotation, Box) else None


def _corners(boxes: Sequence[Annotation]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`(2, n)` each: left and top, right and bottom; NaN, which is like nothing, for what is no box."""
    sides = np.array([b.box if isinstance(b, Box) else (np.nan,) * 4 for b in boxes], np.float64).reshape(-1, 4).T
    return sides[:2], sides[:2] + sides[2:]


def _area(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    width, height = high - low
    area: NDArray[np.float64] = width * height
    return area
