"""Masks by rows, as other tools than COCO's keep them: runs or pixels of a part of the image, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.errors import RecordError
from trainset_vision.annotations import Rle, rle
from trainset_vision.formats.fitting import Size


def placed(pixels: NDArray[np.bool_], left: int, top: int, size: Size) -> Rle:
    """A part `(height, width)` of a mask at `left`, `top` as the mask of an image of `size`; what is outside is cut off."""
    height, width = size
    total = rle.total(size)
    part = pixels[max(0, -top) : max(0, height - top), max(0, -left) : max(0, width - left)]
    left, top = max(0, left), max(0, top)
    columns = np.zeros((part.shape[1], part.shape[0] + 2), np.int8)
    columns[:, 1:-1] = part.T
    change = np.diff(columns, axis=1)
    begins, ends = (np.flatnonzero(change == edge) for edge in (1, -1))
    rows = change.shape[1]
    starts, stops = ((left + at // rows) * height + top + at % rows for at in (begins, ends))
    apart = np.ones(len(starts), bool)
    apart[1:] = starts[1:] != stops[:-1]
    edges = np.stack([starts[apart], stops[np.roll(apart, -1)]], axis=1).ravel()
    return Rle(size, rle.compress(rle.between(edges, total)))


def from_runs(lengths: Sequence[int], window: Size, left: int, top: int, size: Size) -> Rle:
    """Run lengths by rows of a `window` (height, width), the first of them outside the mask. RecordError where they do not
    fill it, or it is larger than the image."""
    pixels = window[0] * window[1]
    if min(window) < 1 or pixels > rle.total(size):
        raise RecordError(f"a mask of {window[1]}×{window[0]} pixels does not fit its image")
    if any(not 0 <= length <= pixels for length in lengths) or sum(lengths) != pixels:
        raise RecordError(f"the runs of the mask do not fill {window[1]}×{window[0]} pixels")
    part = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(window)
    return placed(part, left, top, size)


def to_runs(pixels: NDArray[np.bool_]) -> list[int]:
    """The run lengths by rows of a mask's part, the first of them (which may be 0) outside the mask."""
    flat = pixels.ravel()
    found: list[int] = rle.between(np.flatnonzero(np.diff(flat, prepend=False)), flat.size).tolist()
    return found


def window(mask: Rle) -> tuple[NDArray[np.bool_], int, int]:
    """The part of a mask that its pixels take, with its left and top. RecordError where it is not sound, or empty."""
    part, left, top = rle.window(rle.runs(mask.counts, mask.size), mask.size)
    if not part.size:
        raise RecordError("the mask has no pixels")
    return part, left, top
