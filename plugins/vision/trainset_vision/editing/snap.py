"""Sides of a box put onto the edges in the picture beneath them.

Each side is moved, along its normal and within a band about it, to where the mean gradient across it is largest: the
active contour idea (Kass, Witkin & Terzopoulos 1988) for a contour that is a straight line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainset.plugins import Picture, Rect
from trainset_vision.editing.points import Points

Look = Callable[[Rect], Picture]
"""The pixels about a part of the image."""

_BAND = 0.25
"""How far a side may move, as a share of what lies between it and the opposite side."""

_LEAST, _MOST = 3.0, 200.0
"""But at least and at most so many pixels."""

_SAMPLES = 64
"""Along a side."""

_FAINT = 4.0
"""A mean difference of grey levels below this is no edge."""

_NEARER = 0.25
"""How much less an edge counts at the end of the band than right at the side."""


def offsets(corners: Points, look: Look) -> list[float | None]:
    """How far outwards each side of a rectangle must move to lie on an edge: top, right, bottom, left.

    `corners` `(4, 2)` go clockwise from the top left; None where there is no edge.
    """
    sides = [(corners[n], corners[(n + 1) % 4]) for n in range(4)]
    middle = corners.mean(axis=0)
    bands = []
    for start, end in sides:
        across = float(np.hypot(*((start + end) / 2 - middle))) * 2
        bands.append(min(max(_BAND * across, _LEAST), _MOST))
    margin = max(bands) + 2
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    picture = look(Rect(low[0], low[1], high[0] - low[0], high[1] - low[1]))
    return [_offset(start, end, middle, band, picture) for (start, end), band in zip(sides, bands, strict=True)]


def _offset(start: Points, end: Points, middle: Points, band: float, picture: Picture) -> float | None:
    along = end - start
    outwards = np.array([along[1], -along[0]]) / max(float(np.hypot(*along)), 1e-9)
    if (outwards * ((start + end) / 2 - middle)).sum() < 0:
        outwards = -outwards
    pixel = picture.place.width / picture.pixels.shape[1]
    reach = max(1, round(band / pixel))
    steps = np.arange(-reach, reach + 1) * pixel
    shares = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    on = start + along * shares[:, None]
    before, after = (_grey(picture, on + outwards * (steps[:, None, None] + by)) for by in (-pixel / 2, pixel / 2))
    change = after - before
    known = np.isfinite(change)
    strength = np.abs(np.where(known, change, 0).sum(axis=1)) / np.maximum(known.sum(axis=1), 1)
    weighed = strength * (1 - _NEARER * np.abs(steps) / (band + pixel))
    best = int(weighed.argmax())
    return float(steps[best]) if weighed[best] >= _FAINT else None


def _grey(picture: Picture, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grey levels at places `(…, 2)` of the image, those of the pixels that they lie in; NaN beside the picture."""
    height, width = picture.pixels.shape[:2]
    scale = np.array([width / picture.place.width, height / picture.place.height])
    at = np.floor((places - (picture.place.x, picture.place.y)) * scale + 1e-9).astype(np.intp)
    x, y = at[..., 0], at[..., 1]
    outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
    grey = picture.pixels[y.clip(0, height - 1), x.clip(0, width - 1)].astype(np.float64) @ (0.299, 0.587, 0.114)
    return np.where(outside, np.nan, grey)
