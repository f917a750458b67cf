"""Instance masks: pixels of each object, from prototypes that its coefficients weigh (YOLACT, arXiv:1904.02689)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation
from trainset_vision.annotations import Mask, Polygon, Rle, rle
from trainset_vision.prelabel.candidates import Candidates
from trainset_vision.prelabel.preprocess import Placement
from trainset_vision.prelabel.shapes import Boxes

ROWS = 512
"""Rows of a mask that are computed at a time: a mask may be as large as the image, and the image very large."""

Part = tuple[int, int, int, int]


@dataclass(frozen=True)
class Crop:
    """The mask of one object: bits, packed along rows, of the part (left, top, right, bottom) of the image."""

    part: Part
    bits: NDArray[np.uint8]

    @staticmethod
    def of(part: Part, pixels: NDArray[np.bool_]) -> Crop:
        """Pack `(h, w)` pixels."""
        return Crop(part, np.packbits(pixels, axis=1))

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """`(h, w)`."""
        return np.unpackbits(self.bits, axis=1, count=self.part[2] - self.part[0]).astype(bool)

    def trimmed(self) -> Crop | None:
        """The same without empty rows and columns around it, None where it is empty."""
        pixels = self.pixels
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        if not len(rows):
            return None
        left, top, *_ = self.part
        x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        return Crop.of((left + x0, top + y0, left + x1, top + y1), pixels[y0:y1, x0:x1])


class Masks(Boxes):
    """Masks as annotations of type `polygon` or `mask`.

    Before they are placed, `Candidates.extra` `(n, m)` are coefficients of the m prototypes in the output number `which`,
    `(m, h, w)`, which cover the tensor of (width, height) `size`; afterwards a `Crop` each. They become polygons that are
    simplified by at most `tolerance` pixels, or masks where that is None.
    """

    def __init__(self, size: tuple[float, float], which: int, tolerance: float | None) -> None:
        self.size, self.which, self.tolerance = size, which, tolerance

    def placed(self, kept: Candidates, arrays: Sequence[NDArray[Any]], placement: Placement) -> Candidates:
        """See `Boxes.placed`. A pixel belongs to an object where the weighed sum, interpolated bilinearly at the pixel's
        centre, is positive (a sigmoid above 0.5) and the centre lies in the object's box."""
        boxes = super().placed(kept, arrays, placement)
        shown = placement.window or (0, 0, *placement.image)
        prototypes = arrays[self.which].astype(np.float32, copy=False)
        crops = np.empty(len(boxes), object)
        for n, (corners, coefficients) in enumerate(zip(boxes.corners, np.asarray(kept.extra), strict=True)):
            left, top, right, bottom = np.ceil(corners - 0.5).astype(int).tolist()
            columns, rows = (
                _taps(
                    (low, high),
                    (shown[axis], shown[axis + 2]),
                    placement.scale[axis] * prototypes.shape[2 - axis] / self.size[axis],
                    placement.offset[axis] * prototypes.shape[2 - axis] / self.size[axis],
                    prototypes.shape[2 - axis],
                )
                for axis, (low, high) in enumerate(((left, right), (top, bottom)))
            )
            crops[n] = Crop.of((left, top, right, bottom), _positive(prototypes, coefficients, columns, rows))
        return replace(boxes, extra=crops)

    def united(self, parts: Candidates) -> Candidates:
        """See `Boxes.united`: pixels of any part."""
        crops: list[Crop] = list(np.asarray(parts.extra))
        ends = np.array([crop.part for crop in crops])
        left, top, right, bottom = (int(v) for v in (*ends[:, :2].min(axis=0), *ends[:, 2:].max(axis=0)))
        pixels: NDArray[np.bool_] = np.zeros((bottom - top, right - left), np.bool_)
        for crop in crops:
            x0, y0, x1, y1 = crop.part
            pixels[y0 - top : y1 - top, x0 - left : x1 - left] |= crop.pixels
        whole = np.empty(1, object)
        whole[0] = Crop.of((left, top, right, bottom), pixels)
        return replace(super().united(parts), extra=whole)

    def annotation(
        self, corners: tuple[float, float, float, float], extra: Any, image: tuple[int, int], common: dict[str, Any]
    ) -> Annotation | None:
        """None where the mask is empty."""
        crop: Crop | None = extra.trimmed()
        if crop is None:
            return None
        if self.tolerance is None:
            return Mask(mask=Rle(image[::-1], rle.compress(_runs(crop, image))), **common)
        from trainset_vision.conversions import mask_to_polygon, simplified

        pixels = crop.pixels
        rings = simplified(mask_to_polygon(Rle(pixels.shape, rle.encode(pixels))), self.tolerance)
        shift = np.array(crop.part[:2], np.float64)
        moved = tuple(tuple((np.reshape(ring, (-1, 2)) + shift).round(2).ravel().tolist()) for ring in rings)
        return Polygon(polygon=moved, **common) if moved else None


@dataclass(frozen=True)
class _Taps:
    """Bilinear sampling along one axis: each pixel's first and second source of those from `start` on, and the weight of
    the second `(n,)`."""

    start: int
    stop: int
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    weight: NDArray[np.float32]


def _taps(pixels: tuple[int, int], shown: tuple[int, int], scale: float, offset: float, count: int) -> _Taps:
    """How these pixels of the image lie on `count` cells, of which the image's `shown` pixels take a part: what lies
    beside them is padding, and is not mixed in."""
    at = (np.arange(*pixels) + 0.5) * scale + offset - 0.5
    low, high = sorted(end * scale + offset for end in shown)
    at = at.clip(low, max(low, high - 1)).clip(0, count - 1)
    first = np.floor(at).astype(np.intp)
    second = np.minimum(first + 1, count - 1)
    start, stop = (int(first.min()), int(second.max()) + 1) if len(at) else (0, 0)
    return _Taps(start, stop, first - start, second - start, (at - first).astype(np.float32))


def _positive(
    prototypes: NDArray[np.float32], coefficients: NDArray[Any], columns: _Taps, rows: _Taps
) -> NDArray[np.bool_]:
    """`(len(rows), len(columns))`: where the prototypes, weighed and interpolated, are above 0."""
    near = prototypes[:, rows.start : rows.stop, columns.start : columns.stop]
    sums = np.tensordot(coefficients.astype(np.float32), near, axes=1)
    wide = sums[:, columns.first] * (1 - columns.weight) + sums[:, columns.second] * columns.weight
    out = np.empty((len(rows.first), len(columns.first)), bool)
    for at in range(0, len(out), ROWS):
        part = slice(at, at + ROWS)
        weight = rows.weight[part, None]
        out[part] = wide[rows.first[part]] * (1 - weight) + wide[rows.second[part]] * weight > 0
    return out


def _runs(crop: Crop, image: tuple[int, int]) -> NDArray[np.int64]:
    """COCO's run lengths of a mask on an image of (width, height), without an array as large as that."""
    left, top, *_ = crop.part
    column, row = np.nonzero(np.diff(crop.pixels.T, axis=1, prepend=False, append=False))
    edges = (column.astype(np.int64) + left) * image[1] + row + top
    again = np.flatnonzero(edges[1:] == edges[:-1])  # one column ends at the bottom, the next begins at the top
    return rle.between(np.delete(edges, np.concatenate([again, again + 1])), image[0] * image[1])
