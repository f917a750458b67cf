"""Masks: which pixels of an image belong to an object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.errors import RecordError
from trainset.plugins import Rect
from trainset_vision.annotations import rle
from trainset_vision.annotations.overlap import with_identical


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
    """How masks are compared."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union in pixels; masks of different sizes, or that cannot be read, are 1 where identical, else 0."""
        from pycocotools import mask as coco

        table = np.zeros((len(a), len(b)))
        left, right = _readable(a), _readable(b)
        for size in {size for size, _ in left.values()} & {size for size, _ in right.values()}:
            rows, columns = ([n for n, (own, _) in some.items() if own == size] for some in (left, right))
            one, other = ([{"size": list(size), "counts": some[n][1]} for n in chosen]
                          for some, chosen in ((left, rows), (right, columns)))  # fmt: skip
            table[np.ix_(rows, columns)] = coco.iou(one, other, [0] * len(other))
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


def _readable(annotations: Sequence[Annotation]) -> dict[int, tuple[tuple[int, int], bytes]]:
    """Size and compressed runs of the masks that can be read, by their place in the list."""
    found = {}
    for n, x in enumerate(annotations):
        if isinstance(x, Mask) and rle.problem(x.mask.counts, x.mask.size) is None:
            found[n] = (x.mask.size, x.mask.counts.encode("ascii"))
    return found
