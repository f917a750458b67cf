"""Masks: which pixels of an image belong to an object."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.errors import RecordError
from trainset.plugins import Rect
from trainset_vision.annotations import rle
from trainset_vision.annotations.overlap import with_identical
from trainset_vision.annotations.polygon import Polygon


class Rle(Struct, frozen=True):
    """Run lengths as COCO compresses them: `size` is (height, width), `counts` the text (see `annotations.rle`)."""

    size: tuple[int, int]
    counts: str


class Mask(Annotation, kw_only=True, frozen=True, tag="mask"):
    """The pixels of an object, in an array as large as the upright image."""

    mask: Rle

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """`(height, width)` bool. RecordError where the runs do not fill it."""
        return rle.decode(self.mask.counts, self.mask.size)


class MaskOps:
    """How masks are compared, also with polygons."""

    comparable = ("polygon",)

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union in pixels, of polygons by those that COCO's tools draw at the size of the mask.

        Masks of different sizes, or that cannot be read, are 1 where identical, else 0.
        """
        from pycocotools import mask as coco

        table = np.zeros((len(a), len(b)))
        for size in {x.mask.size for x in (*a, *b) if isinstance(x, Mask)}:
            left, right = _readable(a, size), _readable(b, size)
            left, right = left | (_drawn(a, size) if right else {}), right | (_drawn(b, size) if left else {})
            if left and right:
                table[np.ix_(list(left), list(right))] = coco.iou([*left.values()], [*right.values()], [0] * len(right))
        stored = ([x.mask if isinstance(x, Mask) else None for x in some] for some in (a, b))
        return with_identical(table, *stored)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The smallest box about its pixels; None for an empty mask, or one that cannot be read."""
        if not isinstance(annotation, Mask):
            return None
        try:
            return rle.extent(rle.runs(annotation.mask.counts, annotation.mask.size), annotation.mask.size)
        except RecordError:
            return None


def _readable(annotations: Sequence[Annotation], size: tuple[int, int]) -> dict[int, dict[str, Any]]:
    """The masks of one size that can be read as COCO has them, by their place in the list."""
    masks = ((n, x.mask) for n, x in enumerate(annotations) if isinstance(x, Mask) and x.mask.size == size)
    return {n: _coco(mask) for n, mask in masks if rle.problem(mask.counts, size) is None}


def _drawn(annotations: Sequence[Annotation], size: tuple[int, int]) -> dict[int, dict[str, Any]]:
    """The polygons that can be drawn, as masks."""
    from trainset_vision.conversions import polygon_to_mask

    found = {}
    for n, x in enumerate(annotations):
        if isinstance(x, Polygon):
            with suppress(RecordError):
                found[n] = _coco(polygon_to_mask(x.polygon, size))
    return found


def _coco(mask: Rle) -> dict[str, Any]:
    return {"size": list(mask.size), "counts": mask.counts.encode("ascii")}
