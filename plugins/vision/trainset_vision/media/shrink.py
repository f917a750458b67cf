"""Images at whole fractions of their size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

FACTORS = (1, 2, 4, 8, 16, 32, 64)
"""By how much an image may come smaller than it is: one of its pixels covers that many across and down."""

LARGE = 1 << 25
"""Pixels from which reading an image smaller than it is saves memory that matters: 96 MiB of RGB."""


def shrunk(pixels: Pixels, factor: int) -> Pixels:
    """`(h, w, 3)` as `(ceil(h/f), ceil(w/f), 3)`: means of factor × factor pixels, the last ones of what is there."""
    import cv2

    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    down, across = -height % factor, -width % factor
    if down or across:
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, down, 0, across, cv2.BORDER_REPLICATE), np.uint8)
    size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
