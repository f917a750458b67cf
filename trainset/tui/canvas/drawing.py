"""A scene as a picture of pixels, for terminals that show such: what the cells show, at the screen's own resolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainset.core.files import visible
from trainset.core.scene import Point, Scene, Shape
from trainset.tui.canvas.blocks import covered, resample
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.palette import BACKGROUND, INK, Color, palette

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_FONT = 16
_DASH, _GAP = 9.0, 6.0
_ALPHA, _ALPHA_SELECTED = 0.35, 0.5


def draw(scene: Scene, camera: Camera, width: int, height: int, overlays: bool = True) -> Image.Image:
    """The scene as RGB pixels; `camera` has pixels for cells, and an aspect of 1."""
    from PIL import Image, ImageDraw

    raster = np.full((height, width, 3), BACKGROUND, np.uint8)
    for picture in scene.pictures:
        part = resample(picture.pixels, picture.place, camera, (height, width), (1, 1))
        if part is not None:
            raster[part[0]] = part[1]
    if not overlays:
        return Image.fromarray(raster)
    for tint in scene.tints:
        found = covered(tint.mask, tint.place, camera, (height, width), (1, 1))
        if found is not None:
            at, inside = found
            edge = inside & ~_eroded(inside)
            share = (_ALPHA_SELECTED if tint.selected else _ALPHA) * tint.filled * inside
            alpha = np.maximum(share, edge)[..., None].astype(np.float32)
            raster[at] = raster[at] * (1 - alpha) + np.array(palette(tint.color), np.float32) * alpha
    image = Image.fromarray(raster)
    brush = ImageDraw.Draw(image)
    shapes = sorted(scene.shapes, key=lambda shape: shape.selected)
    for shape in shapes:
        _outline(brush, shape, camera)
    for tint in scene.tints:
        _label(brush, tint.text, camera.to_cells([Point(tint.place.x, tint.place.y)])[0], palette(tint.color))
    for shape in shapes:
        if len(shape.points) and shape.text:
            text = f"> {shape.text}" if shape.selected else shape.text
            _label(brush, text, camera.to_cells(shape.points).min(0), palette(shape.color))
    return image


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the pixels that touch one outside; the edge of the picture is no outline."""
    padded = np.pad(mask, 1, mode="edge")
    return padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _outline(brush: ImageDraw.ImageDraw, shape: Shape, camera: Camera) -> None:
    color, size = palette(shape.color), 3 if shape.selected else 2
    points = camera.to_cells(shape.points)
    if len(points) < (2 if shape.kind == "box" else 1) or not np.isfinite(points).all():
        return
    if shape.kind == "points":
        for x, y in points.tolist():
            radius = 2 + size
            brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color, outline=INK)
        return
    for path in _paths(shape, points):
        lines = list(_dashes(path)) if shape.weak else [path]
        for line in lines:  # a dark rim, so that a line is seen on its own colour too
            brush.line([(x, y) for x, y in line.tolist()], fill=INK, width=size + 2, joint="curve")
        for line in lines:
            brush.line([(x, y) for x, y in line.tolist()], fill=color, width=size, joint="curve")


def _paths(shape: Shape, points: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """The lines of a shape, closed where they are."""
    if shape.kind == "box":
        (x0, y0), (x1, y1) = points[:2].tolist()
        yield np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
        return
    for part in np.split(points, np.cumsum(shape.parts)[:-1] if shape.parts else []):
        yield np.concatenate([part, part[:1]]) if shape.kind == "polygon" else part


def _dashes(path: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    for start, end in pairwise(path):
        length = float(np.hypot(*(end - start)))
        for at in np.arange(0.0, min(length, 1e4), _DASH + _GAP).tolist():
            yield np.array([start + (end - start) * t / length for t in (at, min(at + _DASH, length))])


def _label(brush: ImageDraw.ImageDraw, text: str, at: Sequence[float] | NDArray[np.float64], color: Color) -> None:
    from PIL import ImageFont

    x, y = float(at[0]), float(at[1])
    if not text or not np.isfinite((x, y)).all():
        return
    font = ImageFont.load_default(_FONT)
    x, y = max(x, 0.0), y - _FONT - 6 if y > _FONT + 6 else max(y, 0.0) + 2
    left, top, right, bottom = brush.textbbox((x + 4, y + 1), visible(text), font=font)
    brush.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=color)
    brush.text((x + 4, y + 1), visible(text), fill=INK, font=font)
