"""Pictures as block characters: resampled to sub-cells, then two colours and a glyph for each cell."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainset.core.scene import Rect
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import SPACE, Cells
from trainset.tui.canvas.mosaic import fit
from trainset.tui.canvas.palette import BACKGROUND, luminance

Renderer = Literal["half", "quad", "sextant", "ascii"]

SUBCELLS: dict[Renderer, tuple[int, int]] = {"half": (2, 1), "quad": (2, 2), "sextant": (3, 2), "ascii": (2, 1)}
"""Sub-cells down and across a cell."""

_UPPER_HALF = ord("▀")
_RAMP = np.array([ord(c) for c in " .:-=+*#%@"], np.uint32)


Place = tuple[slice, slice]
"""Rows and columns of a raster of sub-cells."""


def resample(
    pixels: NDArray[np.uint8], place: Rect, camera: Camera, shape: tuple[int, int], sub: tuple[int, int]
) -> tuple[Place, NDArray[np.uint8]] | None:
    """`pixels`, `(h, w, 3)` filling `place`, averaged over the sub-cells of `shape` that they cover.

    Returns where in the raster of sub-cells they go, and the resampled pixels; None where they are out of sight.
    """
    from PIL import Image

    found = _window(place, pixels.shape[:2], camera, shape, sub)
    if found is None:
        return None
    (rows, columns), (left, top, right, bottom) = found
    x0, y0 = int(left), int(top)
    part = np.ascontiguousarray(pixels[y0 : int(np.ceil(bottom)), x0 : int(np.ceil(right))])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    each = (right - left) / size[0]  # pixels per sub-cell
    how = Image.Resampling.BOX if each >= 1 or each < 1 / 6 else Image.Resampling.BILINEAR
    box = (left - x0, top - y0, right - x0, bottom - y0)
    return (rows, columns), np.asarray(Image.fromarray(part).resize(size, how, box, reducing_gap=2.0))


def covered(
    mask: NDArray[np.bool_], place: Rect, camera: Camera, shape: tuple[int, int], sub: tuple[int, int]
) -> tuple[Place, NDArray[np.bool_]] | None:
    """The sub-cells of `shape` that `mask`, filling `place`, touches at all: however small, it is seen."""
    found = _window(place, mask.shape, camera, shape, sub)
    if found is None:
        return None
    (rows, columns), (left, top, right, bottom) = found
    ys = np.linspace(top, bottom, rows.stop - rows.start, endpoint=False).astype(np.intp)
    xs = np.linspace(left, right, columns.stop - columns.start, endpoint=False).astype(np.intp)
    part = mask[: int(np.ceil(bottom)), : int(np.ceil(right))]
    return (rows, columns), np.logical_or.reduceat(np.logical_or.reduceat(part, ys, axis=0), xs, axis=1)


def _window(
    place: Rect, size: tuple[int, ...], camera: Camera, shape: tuple[int, int], sub: tuple[int, int]
) -> tuple[Place, tuple[float, float, float, float]] | None:
    """Where an array of `size` that fills `place` falls on the raster, and the part of it (x0, y0, x1, y1) in sight."""
    fx, fy = sub[1] / camera.scale, sub[0] / (camera.scale * camera.aspect)
    left, top = (place.x - camera.x) * fx, (place.y - camera.y) * fy
    x0, x1 = max(0, round(left)), min(shape[1], round(left + place.width * fx))
    y0, y1 = max(0, round(top)), min(shape[0], round(top + place.height * fy))
    if x0 >= x1 or y0 >= y1 or not all(size):
        return None
    kx, ky = size[1] / (place.width * fx), size[0] / (place.height * fy)
    box = (
        max((x0 - left) * kx, 0.0),
        max((y0 - top) * ky, 0.0),
        min((x1 - left) * kx, float(size[1])),
        min((y1 - top) * ky, float(size[0])),
    )
    return ((slice(y0, y1), slice(x0, x1)), box) if box[2] > box[0] and box[3] > box[1] else None


def to_cells(raster: NDArray[np.uint8], renderer: Renderer) -> Cells:
    """A raster of sub-cells, `(rows·down, columns·across, 3)`, as cells."""
    if renderer == "half":
        return _halves(raster)
    return _ascii(raster) if renderer == "ascii" else fit(raster, SUBCELLS[renderer][0])


def _halves(raster: NDArray[np.uint8]) -> Cells:
    fg, bg = raster[0::2].copy(), raster[1::2].copy()
    code = np.where((fg == bg).all(-1), np.uint32(SPACE), np.uint32(_UPPER_HALF))
    return Cells(code, fg, bg, np.zeros(code.shape, np.uint8))


def _ascii(raster: NDArray[np.uint8]) -> Cells:
    mean = ((raster[0::2].astype(np.uint16) + raster[1::2]) // 2).astype(np.uint8)
    code = _RAMP[luminance(mean).astype(np.uint16) * len(_RAMP) // 256]
    bg = np.broadcast_to(np.array(BACKGROUND, np.uint8), mean.shape).copy()
    return Cells(code, mean, bg, np.zeros(code.shape, np.uint8))
