"""An image at halved sizes, so that showing it costs what the screen shows and not what the image has."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trainset.plugins import Picture, Rect, Size

Pixels = NDArray[np.uint8]

_SUB_CELLS = (2, 4)
"""The finest that blocks can show: square sub-cells across and down a cell."""


class Pyramid:
    """Levels of `(h, w, 3)` uint8 pixels, each a 2×2 mean of the one before, made when first shown and kept."""

    def __init__(self, pixels: Pixels, pixel: float = 1.0) -> None:
        self._levels = [pixels]
        self._pixel = pixel

    def picture(self, region: Rect, size: Size) -> Picture:
        """The whole image at the coarsest level that still gives every sub-cell of `size` a pixel of its own.

        `region` is the part that is looked at. The same level is the same array every time. `pixel`, given at the
        start, is the width in scene units that one pixel of the finest level has.
        """
        finest = max(
            region.width / max(1, size.columns * _SUB_CELLS[0]), region.height / max(1, size.rows * _SUB_CELLS[1])
        )
        level = max(0, math.floor(math.log2(max(finest / self._pixel, 1.0))))
        while len(self._levels) <= level and min(self._levels[-1].shape[:2]) > 1:
            self._levels.append(_halved(self._levels[-1]))
        level = min(level, len(self._levels) - 1)
        pixels, pixel = self._levels[level], self._pixel * 2**level
        return Picture(pixels, Rect(0, 0, pixels.shape[1] * pixel, pixels.shape[0] * pixel))


def _halved(pixels: Pixels) -> Pixels:
    """Half as wide and high; an odd last row or column is doubled first, so that pixels stay exactly twice as large."""
    import cv2

    height, width = pixels.shape[:2]
    if height & 1 or width & 1:
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, height & 1, 0, width & 1, cv2.BORDER_REPLICATE), np.uint8)
    half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
    return np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
