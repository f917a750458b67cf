"""Label Studio's brush masks: the RGBA pixels of an image, packed as runs of bits (`@thi.ng/rle-pack`).

Bits are read from the highest on: 32 for how many values follow, 5 for the width of a value less one, four times 4 for
the widths of a length less one. Then come stretches: a bit that says whether it is a run of one value, 2 bits for which
of the four widths its length has, the length less one, and that one value, or as many as it is long. A pixel is in the
mask where its fourth value, the opacity, is not 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.errors import RecordError
from trainset_vision.annotations import Rle, rle
from trainset_vision.formats.fitting import Size
from trainset_vision.formats.row_masks import from_runs, to_runs

_WIDTHS = (3, 4, 8, 16)
_CHANNELS = 4
MAX_PIXELS = 2**32 // _CHANNELS - 1
"""Their number must fit into 32 bits with all of their values."""


def decode(packed: Any, size: Size) -> Rle:
    """The mask of an image of `size`. RecordError for what is not packed so, or is of an image of another size."""
    if not isinstance(packed, list) or not all(isinstance(byte, int) and 0 <= byte < 256 for byte in packed):
        raise RecordError("the mask is no list of bytes")
    data = bytes(packed)
    starts, stops, values = _stretches(data, rle.total(size) * _CHANNELS)
    first, last = starts // _CHANNELS, stops // _CHANNELS  # the opacity of pixel n stands at 4 n + 3
    inside = (values > 0) & (first < last)
    edges = np.stack([first[inside], last[inside]], axis=1)
    apart = np.ones(len(edges), bool)
    apart[1:] = edges[1:, 0] != edges[:-1, 1]
    joined = np.stack([edges[apart, 0], edges[np.roll(apart, -1), 1]], axis=1).ravel()
    return from_runs(rle.between(joined, size[0] * size[1]).tolist(), size, 0, 0, size)


def _stretches(data: bytes, total: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where stretches of one value start and stop, and those values."""
    bits = _Bits(data)
    if bits.read(32) != total:
        raise RecordError("the mask is of an image of another size")
    width = bits.read(5) + 1
    widths = [bits.read(4) + 1 for _ in range(4)]
    starts: list[int] = []
    values: list[int] = []
    at = 0
    while at < total:
        run = bits.read(1)
        length = bits.read(widths[bits.read(2)]) + 1
        if at + length > total:
            raise RecordError("the mask has more pixels than its image")
        if run:
            starts.append(at)
            values.append(bits.read(width))
        else:
            bits.need(width * length)
            starts.extend(range(at, at + length))
            values.extend(bits.read(width) for _ in range(length))
        at += length
    return np.array(starts), np.array([*starts[1:], total]), np.array(values)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def need(self, count: int) -> None:
        """RecordError where fewer bits than that are left."""
        if self._at + count > len(self._data) * 8:
            raise RecordError("the mask ends too early")

    def read(self, count: int) -> int:
        self.need(count)
        first, last = self._at >> 3, (self._at + count + 7) >> 3
        value = int.from_bytes(self._data[first:last], "big") >> (last * 8 - self._at - count)
        self._at += count
        return value & ((1 << count) - 1)


def encode(mask: Rle) -> list[int]:
    """A mask packed so, opaque white where it is. RecordError for one that is not sound."""
    pixels = rle.decode(mask.counts, mask.size)
    text = [f"{pixels.size * _CHANNELS:032b}", "00111", *(f"{width - 1:04b}" for width in _WIDTHS)]
    for n, length in enumerate(to_runs(pixels)):
        text += _run(length * _CHANNELS, 255 * (n % 2))
    bits = "".join(text)
    return np.packbits(np.frombuffer(bits.encode("ascii"), np.uint8) - ord("0")).tolist()


def _run(length: int, value: int) -> Sequence[str]:
    parts = []
    while length:
        part = min(length, 1 << _WIDTHS[-1])
        index = next(n for n, width in enumerate(_WIDTHS) if part <= 1 << width)
        parts.append(f"1{index:02b}{part - 1:0{_WIDTHS[index]}b}{value:08b}")
        length -= part
    return parts
