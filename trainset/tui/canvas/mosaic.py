"""Cells of 2×2 or 2×3 sub-cells in two colours: the glyph and the colours with the least squared error.

A glyph splits the sub-cells of its cell into two sets, each drawn in one colour, and the best colour of a set is its
mean. With the cell's own mean taken away, the sums of the two sets are opposite, so that what a split explains of the
cell's variance is |sum|² · n / (k · (n − k)), k being the size of a set: one matrix product for all splits of all cells.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from trainset.tui.canvas.cells import Cells

_FIRST_SEXTANT = 0x1FB00
_WITHOUT_CODE = {0: " ", 0b010101: "▌", 0b101010: "▐", 0b111111: "█"}
"""The patterns of six that Unicode had before it had sextants."""

_LEAST = 2.0
"""Squared error, over all channels, that is worth a glyph: rounding makes as much."""

QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""By pattern: bit 0 top left, 1 top right, 2 bottom left, 3 bottom right."""


def _sextants() -> str:
    out, code = "", _FIRST_SEXTANT
    for pattern in range(64):
        known = _WITHOUT_CODE.get(pattern)
        out += known or chr(code)
        code += known is None
    return out


SEXTANTS = _sextants()
"""By pattern: bit 0 top left, 1 top right, and so on to 5 bottom right (Unicode 13, from U+1FB00 on)."""


@cache
def _splits(parts: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]:
    """For half of all patterns (the others are these with the colours exchanged): which parts are in front, how many,
    and the glyph."""
    count = 1 << (parts - 1)
    front = (np.arange(count)[:, None] >> np.arange(parts) & 1).astype(np.float32)
    glyphs = QUADRANTS if parts == 4 else SEXTANTS
    return front, front.sum(1), np.array([ord(c) for c in glyphs[:count]], np.uint32)


def fit(raster: NDArray[np.uint8], down: int) -> Cells:
    """A raster of sub-cells, `(rows·down, columns·2, 3)`, as cells; `down` is 2 or 3."""
    rows, columns, parts = raster.shape[0] // down, raster.shape[1] // 2, down * 2
    front, chosen, glyphs = _splits(parts)
    # (parts, channels, cells), so that channels are added up along whole rows of memory
    each = raster.reshape(rows, down, columns, 2, 3).transpose(1, 3, 4, 0, 2).reshape(parts, 3, -1).astype(np.float32)
    mean = each.mean(0)
    each -= mean
    weight = np.sqrt(parts / np.maximum(chosen * (parts - chosen), 1))
    sums = ((front * weight[:, None]) @ each.reshape(parts, -1)).reshape(len(front), 3, -1)
    np.square(sums, out=sums)
    explained = sums[:, 0] + sums[:, 1] + sums[:, 2]
    best = explained.argmax(0)
    cells = np.arange(rows * columns)
    best[explained[best, cells] < _LEAST] = 0
    inside = (front.T[:, None, best] * each).sum(0)
    fg = mean + inside / np.maximum(chosen[best], 1)
    bg = mean - inside / (parts - chosen[best])
    shape = (rows, columns)
    return Cells(
        glyphs[best].reshape(shape),
        np.rint(fg).astype(np.uint8).T.reshape(*shape, 3),
        np.rint(bg).astype(np.uint8).T.reshape(*shape, 3),
        np.zeros(shape, np.uint8),
    )
