"""Rotated boxes: rectangles at an angle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import field
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.plugins import Rect
from trainset_vision.annotations.overlap import bounds, iou, polygons


class RotatedBox(Annotation, kw_only=True, frozen=True, tag="rotated-box"):
    """A rectangle `(cx, cy, width, height, degrees)` in the pixels of the upright image.

    It is the axis-parallel rectangle about its centre, turned by `degrees` clockwise as one sees it (y goes down), so
    that its first side points to (cos, sin) of the angle. Any angle may stand there: equal rectangles are alike.
    """

    rotated_box: tuple[float, float, float, float, float] = field(name="rotated-box")


class RotatedBoxOps:
    """How rotated boxes are compared."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union, exact; boxes of no area are 1 where they are identical, else 0."""
        left, right = ([x.rotated_box if isinstance(x, RotatedBox) else None for x in some] for some in (a, b))
        return iou(_shapes(left), _shapes(right), left, right)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The smallest axis-parallel box about it."""
        return bounds(corners(annotation.rotated_box)) if isinstance(annotation, RotatedBox) else None


def corners(box: Sequence[float]) -> NDArray[np.float64]:
    """`(4, 2)`: the corners x, y of `(cx, cy, w, h, degrees)`, clockwise from what is top left at 0 degrees."""
    cx, cy, w, h, degrees = box
    angle = math.radians(degrees % 360) if math.isfinite(degrees) else math.nan
    along, down = (
        np.array([math.cos(angle), math.sin(angle)]) * w / 2,
        np.array([-math.sin(angle), math.cos(angle)]) * h / 2,
    )
    found: NDArray[np.float64] = np.array([cx, cy]) + np.array(
        [-along - down, along - down, along + down, down - along]
    )
    return found


def _shapes(boxes: Sequence[tuple[float, ...] | None]) -> NDArray[np.object_]:
    return polygons([() if box is None else (corners(box).ravel().tolist(),) for box in boxes])
