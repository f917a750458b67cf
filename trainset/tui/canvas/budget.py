"""How much neighbouring colours may differ to be sent as one, so that a screenful costs about what the line bears.

Behind tmux and over SSH bytes are the limit: tmux throws output away past a number of bytes for each cell, and paints
again on a timer. Most bytes are changes of colour, so what a tolerance saves is seen from the differences of neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainset.tui.canvas.ansi import Depth
from trainset.tui.canvas.cells import Cells

_PER_CHANGE = {"24bit": 17.0, "256": 6.0, "mono": 0.0}
"""Bytes for a colour that differs from the one before; fewer in 256 colours, where many that differ become equal."""

_PER_GLYPH = 3.0
_MOST = 32
"""A larger tolerance would save less than it spoils."""

_SHARES = np.minimum(1.0, (np.arange(256) / np.arange(1, _MOST + 2)[:, None]) ** 2)
"""What part of a change of colour a difference costs, by tolerance and difference: one above the tolerance costs a whole
one, and smaller ones may add up to one, as along a gradient. The square fits photographs, for which it promises no less
than comes out."""


def tolerance(cells: Cells, depth: Depth, budget: int) -> int:
    """The smallest tolerance with which these cells take about `budget` bytes each; 0 where there is none to keep."""
    if not budget or depth == "mono" or cells.columns < 2:
        return 0
    counts = np.bincount(np.concatenate([_differences(cells.fg), _differences(cells.bg)]), minlength=256)
    changes = _SHARES @ counts
    fits = np.flatnonzero(changes * _PER_CHANGE[depth] <= (budget - _PER_GLYPH) * cells.code.size)
    return int(fits[0]) if len(fits) else _MOST


def _differences(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    left, right = colors[:, :-1], colors[:, 1:]
    apart: NDArray[np.uint8] = (np.maximum(left, right) - np.minimum(left, right)).max(-1).ravel()
    return apart
