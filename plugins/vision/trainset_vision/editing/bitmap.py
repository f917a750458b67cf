"""A mask that is edited: bits in tiles, so that an edit makes new only the tiles that it changes.

What was before an edit is the bitmap from before it, which shares all other tiles: going back costs nothing, and what is
remembered of a stroke is the bits of the changed window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from trainset_vision.annotations import Rle, rle
from trainset_vision.media.raster import Window

TILE = 256
_EMPTY, _FULL = bytes(TILE * TILE // 8), b"\xff" * (TILE * TILE // 8)

Bits = NDArray[np.bool_]
Place = tuple[int, int]
"""Row and column of a tile."""


@dataclass(frozen=True)
class Bitmap:
    """`height` × `width` bits. `tiles` are those that have any set, `TILE` bits square, packed row by row."""

    height: int
    width: int
    tiles: Mapping[Place, bytes]

    @classmethod
    def of(cls, mask: Rle) -> Bitmap:
        """The pixels of a mask, which is never unpacked as a whole. RecordError where its runs cannot be read."""
        height, width = mask.size
        lengths = rle.runs(mask.counts, mask.size)
        ends = np.cumsum(lengths)
        odd = np.arange(len(lengths)) % 2 == 1
        made: dict[Place, bytes] = {}
        for left in range(0, width, TILE):
            start, end = left * height, min(left + TILE, width) * height
            first, last = np.searchsorted(ends, [start, end - 1], side="right")
            if first == last and not odd[first]:
                continue
            within = slice(first, last + 1)
            strip = np.repeat(odd[within], np.diff(ends[within].clip(start, end), prepend=start))
            made.update(_tiles(strip.reshape((height, -1), order="F"), left))
        return cls(height, width, made)

    def window(self, window: Window) -> Bits:
        """`(h, w)`: the bits in `(left, top, w, h)`; what lies outside the mask is not set."""
        left, top, width, height = window
        pixels = np.zeros((height, width), bool)
        for (row, column), tile in self._within(window):
            into, part = _overlap(row * TILE, top, height), _overlap(column * TILE, left, width)
            pixels[into[0], part[0]] = _unpacked(tile)[into[1], part[1]]
        return pixels

    def replaced(self, left: int, top: int, pixels: Bits) -> Bitmap:
        """With these bits in the window that begins at `left`, `top`, cut to the mask; tiles that stay are shared."""
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + pixels.shape[1], self.width), min(top + pixels.shape[0], self.height)
        part = pixels[y0 - top : max(y1 - top, 0), x0 - left : max(x1 - left, 0)]
        tiles = dict(self.tiles)
        for row, column in _places(x0, y0, x1, y1):
            old = tiles.get((row, column), _EMPTY)
            new = _unpacked(old).copy()
            down, across = _overlap(row * TILE, y0, y1 - y0), _overlap(column * TILE, x0, x1 - x0)
            new[down[1], across[1]] = part[down[0], across[0]]
            packed = _packed(new)
            if packed != old:
                tiles[row, column] = packed
                if packed == _EMPTY:
                    del tiles[row, column]
        return self if tiles == self.tiles else Bitmap(self.height, self.width, tiles)

    @cached_property
    def extent(self) -> Window | None:
        """The smallest window about the bits that are set, None where there are none."""
        if not self.tiles:
            return None
        ends = np.array([(r, c, r, c) for r, c in self.tiles]) * TILE + [_ends(tile) for tile in self.tiles.values()]
        (top, left), (bottom, right) = ends[:, :2].min(0).tolist(), ends[:, 2:].max(0).tolist()
        return left, top, right - left, bottom - top

    @cached_property
    def area(self) -> int:
        """How many bits are set."""
        return sum(map(_count, self.tiles.values()))

    @cached_property
    def rle(self) -> Rle:
        """The mask as it is stored, encoded one column of tiles after another."""
        edges: list[NDArray[np.int64]] = []
        before = False
        for left in range(0, self.width, TILE):
            across = min(TILE, self.width - left)
            if any((row, left // TILE) in self.tiles for row in range(-(-self.height // TILE))):
                flat = self.window((left, 0, across, self.height)).ravel(order="F")
                edges.append(np.flatnonzero(np.diff(flat, prepend=before)) + left * self.height)
                before = bool(flat[-1])
            elif before:
                edges.append(np.array([left * self.height], np.int64))
                before = False
        changes = np.concatenate(edges) if edges else np.zeros(0, np.int64)
        return Rle((self.height, self.width), rle.compress(rle.between(changes, self.height * self.width)))

    def seen(self, region: Window, factor: int) -> tuple[Bits, Window] | None:
        """What of the mask lies in a region, a bit for each `factor` × `factor` pixels of which any is set.

        `factor` is a power of two that divides `TILE`. The window is what the bits fill, as near about them as it can
        be; None where none is set.
        """
        extent = self.extent
        if extent is None:
            return None
        left, top = (max(a, b) // factor for a, b in zip(extent[:2], region[:2], strict=True))
        right, bottom = (-(-min(extent[i] + extent[i + 2], region[i] + region[i + 2]) // factor) for i in (0, 1))
        if left >= right or top >= bottom:
            return None
        pixels, side = np.zeros((bottom - top, right - left), bool), TILE // factor
        inside = (left * factor, top * factor, (right - left) * factor, (bottom - top) * factor)
        for (row, column), tile in self._within(inside):
            down, across = (
                _overlap(row * side, top, bottom - top, side),
                _overlap(column * side, left, right - left, side),
            )
            pixels[down[0], across[0]] = _shrunk(tile, factor)[down[1], across[1]]
        return pixels, inside

    def _within(self, window: Window) -> Iterator[tuple[Place, bytes]]:
        left, top, width, height = window
        places = _places(max(left, 0), max(top, 0), min(left + width, self.width), min(top + height, self.height))
        for place in places:
            tile = self.tiles.get(place)
            if tile is not None:
                yield place, tile


def _tiles(pixels: Bits, left: int) -> Iterator[tuple[Place, bytes]]:
    """The tiles of a column of them."""
    for top in range(0, pixels.shape[0], TILE):
        part = pixels[top : top + TILE]
        if part.any():
            square = np.zeros((TILE, TILE), bool)
            square[: part.shape[0], : part.shape[1]] = part
            yield (top // TILE, left // TILE), _packed(square)


def _places(x0: int, y0: int, x1: int, y1: int) -> list[Place]:
    if x0 >= x1 or y0 >= y1:
        return []
    return [(r, c) for r in range(y0 // TILE, -(-y1 // TILE)) for c in range(x0 // TILE, -(-x1 // TILE))]


def _overlap(tile: int, start: int, length: int, side: int = TILE) -> tuple[slice, slice]:
    """Along one axis, where a tile goes in a window, and which part of it."""
    low, high = max(tile, start), min(tile + side, start + length)
    return slice(low - start, high - start), slice(low - tile, high - tile)


def _packed(pixels: Bits) -> bytes:
    packed = np.packbits(pixels).tobytes()
    return _FULL if packed == _FULL else packed


def _unpacked(tile: bytes) -> Bits:
    return np.unpackbits(np.frombuffer(tile, np.uint8)).reshape(TILE, TILE).view(bool)


@lru_cache(maxsize=2048)
def _shrunk(tile: bytes, factor: int) -> Bits:
    side = TILE // factor
    return np.asarray(_unpacked(tile).reshape(side, factor, side, factor).any(axis=(1, 3)))


@lru_cache(maxsize=8192)
def _ends(tile: bytes) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the bits that are set."""
    pixels = _unpacked(tile)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@lru_cache(maxsize=8192)
def _count(tile: bytes) -> int:
    return int.from_bytes(tile, "little").bit_count()
