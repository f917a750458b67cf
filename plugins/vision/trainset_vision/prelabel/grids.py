"""Outputs of heads on several grids, cut into the rows of each grid's cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIDES = (8, 16, 32, 64, 128)
"""How many pixels of the input a cell of each grid is wide and high."""

Grid = tuple[int, int]


@dataclass(frozen=True)
class Cells:
    """What all outputs say of one grid's cells, row by row: `grid` is its (columns, rows), `parts` are the outputs' names
    and rows `(columns * rows, numbers)`, in the model's order."""

    stride: int
    grid: Grid
    parts: tuple[tuple[str, NDArray[Any]], ...]

    def points(self, centre: float) -> NDArray[np.float64]:
        """`(n, 2)`: x and y, in cells, of the point that lies `centre` of a cell from its top left corner."""
        at = np.arange(self.grid[0] * self.grid[1])
        return np.stack([at % self.grid[0], at // self.grid[0]], axis=1).astype(np.float64) + centre


def by_stride(arrays: Sequence[NDArray[Any]], names: Sequence[str], size: tuple[int, int]) -> list[Cells] | None:
    """Outputs without batch axis, for an input of (width, height), by grid, finest first; None where one fits no grids.

    An output covers one grid or those of a whole head: as rows, as columns, or one grid as a map.
    """
    found: dict[int, tuple[Grid, list[tuple[str, NDArray[Any]]]]] = {}
    for name, array in zip(names, arrays, strict=True):
        fit = _fit(array, size)
        if fit is None:
            return None
        grids, rows = fit
        start = 0
        for stride, (wide, high) in grids.items():
            grid, parts = found.setdefault(stride, ((wide, high), []))
            if grid != (wide, high):
                return None
            parts.append((name, rows[start : start + wide * high]))
            start += wide * high
    return [Cells(stride, grid, tuple(parts)) for stride, (grid, parts) in sorted(found.items())]


def _fit(array: NDArray[Any], size: tuple[int, int]) -> tuple[dict[int, Grid], NDArray[Any]] | None:
    """The grids by stride that an output covers, and their cells as rows."""
    if not array.size:
        return None
    if array.ndim == 3:
        for maps in (array, array.transpose(1, 2, 0)):
            for grids in _choices(size):
                if list(grids.values()) == [(maps.shape[1], maps.shape[0])]:
                    return grids, maps.reshape(-1, maps.shape[2])
    if array.ndim == 2:
        for rows in (array, array.T):
            for grids in _choices(size):
                if sum(wide * high for wide, high in grids.values()) == len(rows):
                    return grids, rows
    return None


def _choices(size: tuple[int, int]) -> Iterator[dict[int, Grid]]:
    """Usual heads' grids, and each by itself. Strides that do not divide the size round up, as padded convolutions do, or
    down."""
    for up in (1, 0):
        every = {s: ((size[0] + up * (s - 1)) // s, (size[1] + up * (s - 1)) // s) for s in STRIDES}
        for strides in (STRIDES[:4], STRIDES[:3], STRIDES, *((s,) for s in STRIDES)):
            yield {s: every[s] for s in strides}
