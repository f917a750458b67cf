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
        left, right = _corners(a)[:, None], _corners(b)[None]
        overlap = np.minimum(left[..., 2:], right[..., 2:]) - np.maximum(left[..., :2], right[..., :2])
        inside = overlap.clip(min=0).prod(axis=-1)
        union = _area(left) + _area(right) - inside
        same: NDArray[np.float64] = (left == right).all(axis=-1).astype(np.float64)
        np.divide(inside, union, out=same, where=union > 0)
        return same

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The box itself."""
        return Rect(*annotation.box) if isinstance(annotation, Box) else None


def _corners(boxes: Sequence[Annotation]) -> NDArray[np.float64]:
    """`(n, 4)`: left, top, right, bottom; NaN, which is like nothing, for what is no box."""
    corners = np.array([b.box if isinstance(b, Box) else (np.nan,) * 4 for b in boxes], np.float64).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    return corners


def _area(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = (corners[..., 2:] - corners[..., :2]).prod(axis=-1)
    return area
