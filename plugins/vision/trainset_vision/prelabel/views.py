"""How a detector looks at an image: as a whole or through overlapping windows, as it is or mirrored too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset_vision.media.raster import FACTORS, LARGE, Raster
from trainset_vision.prelabel.preprocess import Placement, Preprocess, load_tensor, needed

Part = tuple[int, int, int, int]
"""Left, top, right, bottom of a part of an image."""

one_large = Lock()
"""Held while an image of many pixels is in memory as a whole: one at a time."""


@dataclass(frozen=True)
class Views:
    """An image that is yet to be read: `windows` of it, in rows from the top, each `mirrored` too or not.

    Each window is read at 1/`factor` of its size, which is enough for the model.
    """

    path: Path
    item: Item
    size: tuple[int, int]
    windows: tuple[Part, ...]
    factor: int = 1
    mirrored: bool = False

    def heavy(self, raster: Raster) -> bool:
        """Whether reading a window keeps many pixels beside it in memory."""
        return not raster.windowed and self.size[0] * self.size[1] > LARGE * self.factor**2

    def tensors(self, raster: Raster, pre: Preprocess) -> Iterator[tuple[Part, list[tuple[NDArray[Any], Placement]]]]:
        """Each window, and its tensors with where they lie in the image; one window at a time is in memory."""
        for window in self.windows:
            tensor, placement = self._tensor(raster, pre, window)
            views = [(tensor, placement)]
            if self.mirrored:
                axis = 2 if pre.layout == "NCHW" else 1
                views.append((np.ascontiguousarray(np.flip(tensor, axis)), placement.mirrored(pre.size[0])))
            yield window, views

    def _tensor(self, raster: Raster, pre: Preprocess, window: Part) -> tuple[NDArray[Any], Placement]:
        left, top, right, bottom = window
        width, height = right - left, bottom - top
        least = (-(-width // self.factor), -(-height // self.factor))
        tensor, placement = load_tensor(pre, lambda _: raster.read((left, top, width, height), least), (width, height))
        return tensor, placement.within(window, self.size)


def through_windows(size: tuple[int, int], tile: int, overlap: float, pre: Preprocess) -> tuple[tuple[Part, ...], int]:
    """Windows of `tile` pixels or a few more that cover an image of (width, height), and at what fraction to read them.

    They are spread evenly, so that neighbours share at least `overlap` of their side. An image no larger is one window.
    """
    least = needed(pre, (tile, tile))
    factor = max(f for f in FACTORS if -(-tile // f) >= least[0] and -(-tile // f) >= least[1])
    columns, rows = (_spread(side, tile, overlap, factor) for side in size)
    return tuple((left, top, right, bottom) for top, bottom in rows for left, right in columns), factor


def _spread(side: int, tile: int, overlap: float, factor: int) -> list[tuple[int, int]]:
    """Starts and ends of windows along a side; all but the last begin and end on whole pixels at 1/`factor`."""
    tile = -(-tile // factor) * factor
    if side <= tile:
        return [(0, side)]
    step = max(1, int(tile * (1 - overlap)))
    count = 1 + -(-(side - tile) // step)
    starts = [round((side - tile) * n / (count - 1)) // factor * factor for n in range(count)]
    return [(start, min(start + tile, side)) for start in starts[:-1]] + [(starts[-1], side)]
