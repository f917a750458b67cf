"""Pictures that tests of media share."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def smooth(width: int = 48, height: int = 32) -> np.ndarray:
    """Pixels in which every corner differs and which lossy codecs hardly change."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 200 // (width + height)], 2).astype(
        "u1"
    )


def encode(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.quantize(64) if kind == "GIF" else image).save(stream, kind, **options)
    return stream.getvalue()


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 12) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b.astype(int)).mean()) < tolerance


def as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera would write for an upright picture under this EXIF orientation, by the standard's own words:
    which side of the picture the stored row 0 and the stored column 0 are."""
    row0, column0 = {
        1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
        5: "left top", 6: "right top", 7: "right bottom", 8: "left bottom",
    }[orientation].split()  # fmt: skip
    stored = upright
    if "right" in (row0, column0):
        stored = stored[:, ::-1]
    if "bottom" in (row0, column0):
        stored = stored[::-1]
    return np.ascontiguousarray(stored.transpose(1, 0, 2) if row0 in ("left", "right") else stored)
