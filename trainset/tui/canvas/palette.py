"""The colours of the canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Color = tuple[int, int, int]

OKABE_ITO: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)
"""Distinguishable under every common colour blindness (Okabe & Ito 2008, Color Universal Design), without black."""

BACKGROUND: Color = (17, 19, 22)
FOREGROUND: Color = (222, 224, 228)
MUTED: Color = (140, 146, 156)
BRIGHT: Color = (255, 255, 255)
INK: Color = (10, 10, 12)


def palette(index: int) -> Color:
    """The colour of a scene's palette index; the palette repeats."""
    return OKABE_ITO[index % len(OKABE_ITO)]


def hexadecimal(color: Color) -> str:
    """A colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def luminance(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of `(…, 3)` RGB by ITU-R BT.601, in 0..255."""
    weighted = rgb[..., 0] * np.uint32(299) + rgb[..., 1] * np.uint32(587) + rgb[..., 2] * np.uint32(114)
    return np.asarray(weighted // 1000, np.uint8)
