"""Polygons: regions that closed lines bound, with several parts and with holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.plugins import Rect
from trainset_vision.annotations.overlap import bounds, iou, polygons

Ring = tuple[float, ...]
"""A closed line `(x1, y1, x2, y2, …)` of at least three points; the last is joined to the first."""


class Polygon(Annotation, kw_only=True, frozen=True, tag="polygon"):
    """A region in the pixels of the upright image, as rings `(x1, y1, x2, y2, …)` of at least three points each.

    The region is the union of its parts. A ring inside another one is a hole of it, one inside a hole is a part again,
    and so on; rings that cross or coincide are united. Which way round a ring goes, and in what order they stand, says
    nothing. Where a ring crosses itself, what it goes round an even number of times is outside.
    """

    polygon: tuple[Ring, ...]


class PolygonOps:
    """How polygons are compared."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union of the regions, exact; those of no area are 1 where they are identical, else 0."""
        left, right = ([x.polygon if isinstance(x, Polygon) else None for x in some] for some in (a, b))
        return iou(polygons([x or () for x in left]), polygons([x or () for x in right]), left, right)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The smallest box about its points."""
        if not isinstance(annotation, Polygon):
            return None
        points = [np.array(ring[: len(ring) // 2 * 2], np.float64).reshape(-1, 2) for ring in annotation.polygon]
        return bounds(np.concatenate(points)) if points else None
