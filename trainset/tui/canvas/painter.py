"""A scene through a camera as cells: pictures, tints, outlines and labels, or rows of text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.core.scene import Picture, Rect, Run, Scene, Size, Tint
from trainset.tui.canvas.blocks import SUBCELLS, Renderer, covered, resample, to_cells
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import BOLD, CONTINUED, DIM, REVERSE, SPACE, UNDERLINE, Cells
from trainset.tui.canvas.graphemes import width
from trainset.tui.canvas.overlay import Overlay
from trainset.tui.canvas.palette import BACKGROUND, FOREGROUND, palette

_STYLES = {"plain": 0, "bold": BOLD, "dim": DIM, "reverse": REVERSE, "underline": UNDERLINE}
_ALPHA, _ALPHA_SELECTED = 0.42, 0.62
_UNDER_CONTOUR = 0.5
_KEPT = 24


class Painter:
    """Paints scenes, keeping the last rasters of pictures: moving a box resamples nothing.

    Pictures are told apart by where their pixels lie in memory, so a view must not write into pixels that it has shown.
    """

    def __init__(self, renderer: Renderer = "half", fine: bool = False) -> None:
        self.renderer, self.fine = renderer, fine
        self._rasters: OrderedDict[tuple[object, ...], tuple[Sequence[Picture], NDArray[np.uint8]]] = OrderedDict()

    def paint(self, scene: Scene, camera: Camera, size: Size, overlays: bool = True) -> Cells:
        """The scene as `size` cells. Without `overlays`, pictures alone (rows of text always show)."""
        if scene.pictures or not scene.rows:
            raster = self._raster(scene.pictures, camera, size)
            if overlays and scene.tints:
                raster = raster.copy()
                for tint in scene.tints:
                    if tint.filled:
                        self._tint(raster, tint, camera)
            cells = to_cells(raster, self.renderer)
            if overlays and self.renderer == "ascii":
                for tint in scene.tints:
                    if tint.filled:
                        self._mark(cells, tint, camera)
        else:
            cells = Cells.blank(size.rows, size.columns)
            self._text(cells, scene.rows, scene.extent, camera)
        if overlays and (scene.shapes or scene.tints):
            before = cells.code.copy() if scene.rows else None
            Overlay(cells, camera, self.fine).paint(scene.shapes, scene.tints)
            if before is not None:
                _mend_wide(cells, before)
        return cells

    def _raster(self, pictures: Sequence[Picture], camera: Camera, size: Size) -> NDArray[np.uint8]:
        key = (tuple(map(_identity, pictures)), camera, size, self.renderer)
        if key in self._rasters:
            self._rasters.move_to_end(key)
            return self._rasters[key][1]
        down, across = SUBCELLS[self.renderer]
        raster = np.full((size.rows * down, size.columns * across, 3), BACKGROUND, np.uint8)
        for picture in pictures:
            part = resample(picture.pixels, picture.place, camera, raster.shape[:2], (down, across))
            if part is not None:
                raster[part[0]] = part[1]
        self._rasters[key] = (pictures, raster)  # holding the pictures keeps their memory from being used again
        if len(self._rasters) > _KEPT:
            self._rasters.popitem(last=False)
        return raster

    def _tint(self, raster: NDArray[np.uint8], tint: Tint, camera: Camera) -> None:
        part = covered(tint.mask, tint.place, camera, raster.shape[:2], SUBCELLS[self.renderer])
        if part is not None:
            at, touched = part
            share = (_ALPHA_SELECTED if tint.selected else _ALPHA) * (_UNDER_CONTOUR if tint.contour else 1)
            alpha = touched[..., None] * np.float32(share)
            raster[at] = raster[at] * (1 - alpha) + np.array(palette(tint.color), np.float32) * alpha

    def _mark(self, cells: Cells, tint: Tint, camera: Camera) -> None:
        """A tint without colour: reversed where it is selected, else underlined."""
        part = covered(tint.mask, tint.place, camera, cells.code.shape, (1, 1))
        if part is not None:
            at, touched = part
            cells.style[at] |= np.where(touched, REVERSE if tint.selected else UNDERLINE, 0).astype(np.uint8)

    def _text(self, cells: Cells, rows: Sequence[Sequence[Run]], extent: Rect, camera: Camera) -> None:
        first = int(camera.y - extent.y)
        for row in range(cells.rows):
            if 0 <= first + row < len(rows):
                column = int(extent.x - camera.x)
                for run in rows[first + row]:
                    color = FOREGROUND if run.color is None else palette(run.color)
                    column = cells.put(row, column, run.text, color, style=_STYLES[run.style])


def _identity(picture: Picture) -> tuple[object, ...]:
    """The same for two views of one array."""
    return (picture.pixels.__array_interface__["data"], picture.pixels.shape, picture.pixels.strides, picture.place)


def _mend_wide(cells: Cells, before: NDArray[np.uint32]) -> None:
    """Where half of a wide cluster was painted over, the other half becomes a space."""
    left, right = cells.code[:, :-1], cells.code[:, 1:]
    wide = before[:, 1:] == CONTINUED
    left_gone, right_gone = left != before[:, :-1], right != CONTINUED
    left[wide & right_gone & ~left_gone] = SPACE
    right[wide & left_gone & ~right_gone] = SPACE


def message(lines: Sequence[tuple[str, bool]], size: Size) -> Cells:
    """Lines of text in the middle of the cells; those marked are bold, the others dim."""
    cells = Cells.blank(size.rows, size.columns)
    top = max(0, (size.rows - len(lines)) // 2)
    for number, (text, strong) in enumerate(lines):
        left = max(0, (size.columns - width(text)) // 2)
        cells.put(top + number, left, text, FOREGROUND, style=BOLD if strong else DIM)
    return cells
