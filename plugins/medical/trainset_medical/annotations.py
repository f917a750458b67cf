"""Masks of voxels, and how two are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from trainset.core.model import Annotation, AttributeValue, Item
from trainset.errors import RecordError
from trainset.plugins import Rect
from trainset_medical import runs


class Runs(Struct, frozen=True):
    """`size` is the shape of the stored array, `counts` its run lengths (see `trainset_medical.runs`)."""

    size: tuple[int, int, int]
    counts: str


class VolumeMask(Annotation, kw_only=True, frozen=True, tag="volume-mask"):
    """The voxels of one object or tissue, by their indices (i, j, k) in the array as it is stored.

    It belongs to volumes of its own shape alone; the item records shape and affine. Storage is never re-oriented.
    """

    mask: Runs = field(name="volume-mask")

    @property
    def voxels(self) -> NDArray[np.bool_]:
        """`size` bool, read-only. RecordError where the runs do not fill it."""
        return _voxels(self.mask)


def volume_mask(
    voxels: NDArray[np.bool_],
    label: str | None = None,
    *,
    id: str = "",
    score: float | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> VolumeMask:
    """The annotation of a bool array `(i, j, k)`."""
    return VolumeMask(id=id, label=label, score=score, attributes=dict(attributes or {}), mask=packed(voxels))


def packed(voxels: NDArray[np.bool_]) -> Runs:
    """A bool array `(i, j, k)` as runs."""
    i, j, k = voxels.shape
    return Runs((i, j, k), runs.encode(voxels))


@lru_cache(maxsize=8)
def _voxels(mask: Runs) -> NDArray[np.bool_]:
    voxels = runs.decode(mask.counts, mask.size)
    voxels.flags.writeable = False
    return voxels


class VolumeMaskOps:
    """How masks are compared."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Intersection over union in voxels; two empty masks are 1, and masks of different shapes 0."""
        out = np.zeros((len(a), len(b)))
        for row, left in enumerate(a):
            for column, right in enumerate(b):
                out[row, column] = _overlap(left, right)
        return out

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The bounding rectangle over i and j; None for an empty mask."""
        if not isinstance(annotation, VolumeMask):
            return None
        i, j, _ = np.nonzero(annotation.voxels)
        if not len(i):
            return None
        return Rect(float(i.min()), float(j.min()), float(np.ptp(i) + 1), float(np.ptp(j) + 1))


def _overlap(a: Annotation, b: Annotation) -> float:
    if not (isinstance(a, VolumeMask) and isinstance(b, VolumeMask)) or a.mask.size != b.mask.size:
        return 0.0
    if a.mask == b.mask:
        return 1.0
    try:
        left, right = a.voxels, b.voxels
    except RecordError:
        return 0.0
    union = np.count_nonzero(left | right)
    return np.count_nonzero(left & right) / union if union else 1.0
