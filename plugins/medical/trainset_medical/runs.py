"""Masks as text: run lengths over the voxels in Fortran order, in the characters of COCO's compressed masks.

A mask of any number of dimensions is read with its first index running fastest; the lengths of its runs, of zeros first,
are written as the difference to the length two runs before (but for the first three), in groups of five bits from the
lowest on, each with a bit that says whether more follow and 48 added, so that they are ASCII. For two dimensions this is
what COCO's tools read and write.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.errors import RecordError


def encode(mask: NDArray[np.bool_]) -> str:
    """The runs of a mask, as text."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    lengths = np.diff(bounds).tolist()
    return _text([0, *lengths] if flat.size and flat[0] else lengths)


def decode(counts: str, size: Sequence[int]) -> NDArray[np.bool_]:
    """`size` bool, in Fortran order. RecordError where the runs do not fill it exactly."""
    lengths = _lengths(counts)
    total = int(np.prod(size, dtype=np.int64))
    if any(not 0 <= length <= total for length in lengths) or sum(lengths) != total:
        raise RecordError(f"the runs of a mask do not fill a volume of {'×'.join(map(str, size))} voxels")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(tuple(size), order="F")


def _text(lengths: Sequence[int]) -> str:
    out = bytearray()
    for n, length in enumerate(lengths):
        value = length - lengths[n - 2] if n > 2 else length
        while True:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            out.append(48 + group + 32 * more)
            if not more:
                break
    return out.decode("ascii")


def _lengths(counts: str) -> list[int]:
    lengths: list[int] = []
    value = shift = 0
    for char in counts:
        group = ord(char) - 48
        if not 0 <= group < 64 or shift > 60:
            raise RecordError(f"the runs of a mask hold {char!r}, which is no part of a number")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    if shift:
        raise RecordError("the runs of a mask end in the middle of a number")
    return lengths
