"""Polylines: open lines of straight pieces (lanes, cracks, wires)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.plugins import Rect
from trainset_vision.annotations.overlap import bounds, iou, lines

_WIDTH = 30 / math.hypot(1640, 590)
"""How wide lines are drawn to be compared, as a share of the image's diagonal: CULane's 30 pixels on its images."""

_PLAIN_WIDTH = 30.0
"""The same in pixels, where the image's size is not known."""


class Polyline(Annotation, kw_only=True, frozen=True, tag="polyline"):
    """An open line `(x1, y1, x2, y2, …)` of at least two points, in the pixels of the upright image."""

    polyline: tuple[float, ...]


class PolylineOps:
    """How polylines are compared."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union of the lines drawn 1/58 of the image's diagonal wide, with round ends.

        It is the measure of the CULane benchmark of lanes (Pan et al. 2018), whose width on its images of 1640 × 590 is
        30 pixels, made to fit images of any size. Which end a line starts at says nothing.
        """
        width, height = item.meta.get("width"), item.meta.get("height")
        radius = (_PLAIN_WIDTH if width is None or height is None else _WIDTH * math.hypot(width, height)) / 2
        left, right = ([x.polyline if isinstance(x, Polyline) else None for x in some] for some in (a, b))
        return iou(lines([x or () for x in left], radius), lines([x or () for x in right], radius), left, right)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The smallest box about its points."""
        if not isinstance(annotation, Polyline):
            return None
        points = annotation.polyline
        return bounds(np.array(points[: len(points) // 2 * 2], np.float64).reshape(-1, 2))
