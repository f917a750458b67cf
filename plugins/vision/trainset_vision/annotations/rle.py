"""COCO's run-length encoding of masks, read and written with arrays, and checked before a C library sees it.

The pixels are read column by column; `runs` are the lengths of stretches of equal pixels, the first of them (which may be
0) outside the mask. The compressed text has a number for each run: its length, less that of the run two before it from the
fourth on, in groups of five bits from the lowest on, each in a character from "0" on whose sixth bit says that more follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.errors import RecordError
from trainset.plugins import Rect

MAX_PIXELS = 2**32 - 1
"""Run lengths are 32-bit numbers to COCO's tools."""

_GROUPS = 7
"""Characters that a number below 2**33 takes, with its sign."""


def runs(counts: str, size: Sequence[int]) -> NDArray[np.int64]:
    """The run lengths that `counts` holds. RecordError where it is not COCO's text, or does not fill `size` (height, width)."""
    pixels = total(size)
    codes = np.frombuffer(counts.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if ((codes < 0) | (codes >= 64)).any():
        raise RecordError("the runs of the mask hold a character that is no part of a number")
    last = np.flatnonzero((codes & 32) == 0)
    if not len(codes) or not len(last) or last[-1] != len(codes) - 1:
        raise RecordError(
            "the runs of the mask end in the middle of a number" if len(codes) else "the mask has no runs"
        )
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    if lengths.max() > _GROUPS:
        raise RecordError("the runs of the mask hold a number that is too large")
    places = np.arange(len(codes)) - np.repeat(first, lengths)
    values = np.add.reduceat((codes & 31) << (5 * places), first)
    values -= ((codes[last] & 16) > 0) * (np.int64(1) << (5 * lengths))
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if (values < 0).any() or (values > pixels).any() or values.sum() != pixels:
        raise RecordError(f"the runs of the mask do not fill {size[1]}×{size[0]} pixels")
    return values


def problem(counts: str, size: Sequence[int]) -> str | None:
    """Why the text cannot be read as a mask of this size, None where it can."""
    try:
        runs(counts, size)
    except RecordError as error:
        return error.message
    return None


def compress(lengths: Sequence[int] | NDArray[np.int64]) -> str:
    """Run lengths as COCO's text."""
    values = np.array(lengths, np.int64)
    values[3:] -= np.array(lengths, np.int64)[1:-2]
    groups = np.array([_group(values, n) for n in range(_GROUPS)])
    needed = 1 + np.array([_more(values, n) for n in range(_GROUPS - 1)]).cumprod(axis=0).sum(axis=0)
    places = np.arange(_GROUPS)[:, None]
    codes = groups + 32 * (places < needed - 1) + 48
    text: bytes = codes.T[(places < needed).T].astype(np.uint8).tobytes()
    return text.decode("ascii")


def encode(pixels: NDArray[np.bool_]) -> str:
    """A mask `(height, width)` as COCO's text."""
    flat = np.asarray(pixels, bool).ravel(order="F")
    return compress(between(np.flatnonzero(np.diff(flat, prepend=False)), flat.size))


def decode(counts: str, size: Sequence[int]) -> NDArray[np.bool_]:
    """`size` bool. RecordError as `runs` raises it."""
    lengths = runs(counts, size)
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(tuple(size), order="F")


def between(edges: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Run lengths from the pixels' numbers at which the mask begins and ends in turn."""
    bounds = [0, *edges.tolist(), *([total] if not len(edges) or edges[-1] < total else [])]
    return np.array(bounds[1:], np.int64) - np.array(bounds[:-1], np.int64)


def area(lengths: NDArray[np.int64]) -> int:
    """How many pixels are in the mask."""
    return int(lengths[1::2].sum())


def extent(lengths: NDArray[np.int64], size: Sequence[int]) -> Rect | None:
    """The smallest box about the mask's pixels, None if there are none."""
    ends = np.cumsum(lengths)
    inside = np.flatnonzero(lengths[1::2]) * 2 + 1
    if not len(inside):
        return None
    height = size[0]
    first, last = ends[inside - 1], ends[inside] - 1
    left, right = int(first[0] // height), int(last[-1] // height)
    over = first // height != last // height
    top, bottom = (0, height - 1) if over.any() else (int((first % height).min()), int((last % height).max()))
    return Rect(left, top, right - left + 1, bottom - top + 1)


def window(lengths: NDArray[np.int64], size: Sequence[int]) -> tuple[NDArray[np.bool_], int, int]:
    """The part of a mask that its pixels take, bool, with its left and top; `(0, 0)` large for an empty mask."""
    place = extent(lengths, size)
    if place is None:
        return np.zeros((0, 0), bool), 0, 0
    height, left, top = size[0], int(place.x), int(place.y)
    ends = np.cumsum(lengths).clip(left * height, int(place.right) * height)
    part = np.repeat(np.arange(len(lengths)) % 2 == 1, np.diff(ends, prepend=left * height))
    columns = part.reshape((height, -1), order="F")
    return columns[top : int(place.bottom)], left, top


def total(size: Sequence[int]) -> int:
    """How many pixels an image of `size` (height, width) has. RecordError where COCO's tools cannot count them."""
    height, width = size
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise RecordError(f"a mask cannot be {width}×{height} pixels large")
    return height * width


def _group(values: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return (values >> (5 * n)) & 31


def _more(values: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Whether a group follows the nth: what is left is not only copies of its sign bit."""
    rest = values >> (5 * (n + 1))
    more: NDArray[np.bool_] = rest != np.where(_group(values, n) & 16, -1, 0)
    return more
