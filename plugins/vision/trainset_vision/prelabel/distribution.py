"""Heads that give each edge's distance as a distribution over whole strides (arXiv:2006.04388)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset_vision.prelabel.grids import Cells, by_stride

SIDES = ("dis", "reg", "bbox", "box", "loc")
"""One of these is in the name of an output with distances."""


@dataclass(frozen=True)
class Level:
    """One grid of a head: `scores` `(n, classes)` and `sides` `(n, 4 * bins)` for the left, top, right and bottom edge, or
    `(n, 4)` distances in strides."""

    cells: Cells
    scores: NDArray[Any]
    sides: NDArray[Any]

    def corners(self, keep: NDArray[np.intp], centre: float) -> NDArray[np.float64]:
        """Left, top, right, bottom `(len(keep), 4)` of the kept cells in the input's pixels; distances start from a point
        that lies `centre` of a cell from its top left corner."""
        points, away = self.cells.points(centre)[keep], expected(self.sides[keep])
        return np.concatenate([points - away[:, :2], points + away[:, 2:]], axis=1) * self.cells.stride


def expected(sides: NDArray[Any]) -> NDArray[np.float64]:
    """`(n, 4)`: each edge's expected distance, from `(n, 4 * bins)` logits; `(n, 4)` are distances themselves."""
    bins = sides.shape[1] // 4
    logits = sides.reshape(len(sides), 4, bins).astype(np.float64)
    if bins == 1:
        return logits[..., 0]
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: NDArray[np.float64] = (weights @ np.arange(bins)) / weights.sum(axis=-1)
    return found


def levels(
    arrays: Sequence[NDArray[Any]], names: Sequence[str], size: tuple[int, int], bins: int
) -> list[Level] | None:
    """The levels that outputs without batch axis hold for an input of (width, height), finest first; None if they don't.

    Scores and distances may stand side by side or in two outputs, for all grids at once or for each.
    """
    grids = by_stride(arrays, names, size)
    if grids is None or len(grids) < 2 or len({len(cells.parts) for cells in grids}) != 1:
        return None
    found = [Level(cells, *parts) for cells in grids if (parts := _apart(cells, bins)) is not None]
    alike = {(level.scores.shape[1], level.sides.shape[1]) for level in found}
    return found if len(found) == len(grids) and len(alike) == 1 else None


def _apart(cells: Cells, bins: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Scores and distances of one grid. Of two outputs as wide as distances are, the name tells, or else the order."""
    if len(cells.parts) == 1:
        rows = cells.parts[0][1]
        return (rows[:, : -4 * bins], rows[:, -4 * bins :]) if rows.shape[1] > 4 * bins else None
    if len(cells.parts) != 2:
        return None
    wide = [rows.shape[1] for _, rows in cells.parts]
    named = [any(word in name.lower() for word in SIDES) for name, _ in cells.parts]
    at = max((0, 1), key=lambda i: (wide[i] == 4 * bins, named[i], i))
    if wide[at] != 4 * bins and not (wide[at] == 4 and named[at]):
        return None
    return cells.parts[1 - at][1], cells.parts[at][1]
