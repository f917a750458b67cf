"""Shapes over pictures, finer than a cell: boxes as eighth-of-a-cell lines, other outlines as braille dots.

What is selected is bright, with corners or doubled dots and a filled label; what is weak is dashed; so no sign
hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.core.scene import Shape
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import BOLD, REVERSE, SPACE, Cells
from trainset.tui.canvas.graphemes import fitted, width
from trainset.tui.canvas.palette import BRIGHT, INK, Color, luminance, palette

_ACROSS = [0x2594, *range(0x1FB76, 0x1FB7C), 0x2581]  # lines across a cell, from its top eighth down
_DOWN = [0x258F, *range(0x1FB70, 0x1FB76), 0x2595]  # lines down a cell, from its left eighth on
_CORNERS = "▛▜▙▟"
_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)  # bits of 4 rows × 2 columns
_EDGE = 1 / 8
_THICK = {"top": ("▆", REVERSE), "bottom": ("▂", 0), "left": ("▎", 0), "right": ("▊", REVERSE)}
"""Quarter-of-a-cell lines from block elements that every font has; two of them are what is left of the cell."""
_CONTRAST = 70
_SHADE = 0.6
"""Where a line is less than `_CONTRAST` brighter or darker than the picture, this much of the picture is kept."""


class Overlay:
    """Paints shapes over cells. With `fine`, box edges use all eight positions in a cell, which some fonts lack."""

    def __init__(self, cells: Cells, camera: Camera, fine: bool) -> None:
        self.cells, self.camera, self.fine = cells, camera, fine
        plain = (cells.code == SPACE)[..., None]
        mean = (cells.fg.astype(np.uint16) + cells.bg) // 2
        self._behind = np.where(plain, cells.bg, mean).astype(np.uint8)
        self._light = luminance(self._behind).astype(np.int16)
        self._labels: list[tuple[int, int, int]] = []

    def paint(self, shapes: Sequence[Shape]) -> None:
        """Paint outlines, then labels, the selected ones last and therefore on top."""
        ordered = sorted(shapes, key=lambda shape: shape.selected)
        placed = [(shape, self.camera.to_cells(shape.points)) for shape in ordered if shape.points]
        for shape, points in placed:
            if np.isfinite(points).all():
                self._outline(shape, points)
        for shape, points in reversed(placed):
            if shape.text and np.isfinite(points).all():
                self._label(shape, points)

    def _outline(self, shape: Shape, points: NDArray[np.float64]) -> None:
        color = BRIGHT if shape.selected else palette(shape.color)
        if shape.kind == "box" and len(points) >= 2:
            self._box(shape, points, color)
        elif shape.kind == "points":
            mark = "○" if shape.weak else "◆" if shape.selected else "●"
            for column, row in np.floor(points).astype(int).tolist():
                self._glyphs(slice(row, row + 1), slice(column, column + 1), ord(mark), color, shape)
        else:
            closed = shape.kind == "polygon" and len(points) > 2
            self._dotted(shape, np.vstack([points, points[:1]]) if closed else points, color)

    # -- boxes ----------------------------------------------------------------------------------------------

    def _box(self, shape: Shape, points: NDArray[np.float64], color: Color) -> None:
        x0, y0 = points.min(0)
        x1, y1 = np.maximum(points.max(0) - _EDGE, (x0, y0))  # the far edges lie inside the box
        (left, at_left), (right, at_right) = self._eighth(x0), self._eighth(x1)
        (top, at_top), (bottom, at_bottom) = self._eighth(y0), self._eighth(y1)
        across, down = slice(left, right + 1), slice(top, bottom + 1)
        for row, eighth in ((top, at_top), (bottom, at_bottom)):
            code, style = self._line(_ACROSS, eighth, "top", "bottom", shape.selected)
            self._glyphs(slice(row, row + 1), across, code, color, shape, style)
        for column, eighth in ((left, at_left), (right, at_right)):
            code, style = self._line(_DOWN, eighth, "left", "right", shape.selected)
            self._glyphs(down, slice(column, column + 1), code, color, shape, style)
        if shape.selected and right > left and bottom > top:
            places = ((top, left), (top, right), (bottom, left), (bottom, right))
            for (row, column), corner in zip(places, _CORNERS, strict=True):
                self._glyphs(slice(row, row + 1), slice(column, column + 1), ord(corner), color, shape)

    def _eighth(self, value: float) -> tuple[int, int]:
        cell = int(np.floor(value))
        eighth = int((value - cell) * 8)
        return cell, eighth if self.fine else 7 * (eighth >= 4)

    def _line(self, glyphs: list[int], eighth: int, first: str, last: str, selected: bool) -> tuple[int, int]:
        """The glyph and style of a line at an eighth of a cell; thick where it is selected and only edges are drawn."""
        if self.fine or not selected:
            return glyphs[eighth], 0
        glyph, style = _THICK[last if eighth else first]
        return ord(glyph), style

    def _glyphs(self, rows: slice, columns: slice, code: int, color: Color, shape: Shape, style: int = 0) -> None:
        """One glyph over a block of cells, clipped; of a weak line every third cell is left out."""
        r0, r1 = max(rows.start, 0), min(rows.stop, self.cells.rows)
        c0, c1 = max(columns.start, 0), min(columns.stop, self.cells.columns)
        if r0 >= r1 or c0 >= c1:
            return
        drawn = np.ones((r1 - r0, c1 - c0), bool)
        if shape.weak and drawn.size > 1:
            step = np.add.outer(np.arange(r0, r1) - rows.start, np.arange(c0, c1) - columns.start)
            drawn = step % 3 != 2
        at = np.s_[r0:r1, c0:c1]
        self._mark(at, drawn, np.uint32(code), color, BOLD | style if shape.selected else 0)

    def _mark(
        self,
        at: tuple[slice, slice],
        drawn: NDArray[np.bool_],
        code: np.uint32 | NDArray[np.uint32],
        color: Color,
        style: int,
    ) -> None:
        cells, light = self.cells, int(luminance(np.array(color, np.uint8)))
        faint = np.abs(self._light[at] - light) < _CONTRAST
        behind = np.where(faint[..., None], self._behind[at] * _SHADE, self._behind[at]).astype(np.uint8)
        cells.code[at] = np.where(drawn, code, cells.code[at])
        cells.fg[at] = np.where(drawn[..., None], np.array(color, np.uint8), cells.fg[at])
        cells.bg[at] = np.where(drawn[..., None], behind, cells.bg[at])
        cells.style[at] = np.where(drawn, np.uint8(style), cells.style[at])

    # -- outlines of dots -----------------------------------------------------------------------------------

    def _dotted(self, shape: Shape, path: NDArray[np.float64], color: Color) -> None:
        x, y, step = trace(path * (2, 4), self.cells.columns * 2, self.cells.rows * 4)
        if shape.weak:
            x, y = x[step // 3 % 2 == 0], y[step // 3 % 2 == 0]
        if shape.selected:
            x, y = np.concatenate([x, x + 1]), np.concatenate([y, y])
        inside = (x >= 0) & (y >= 0) & (x < self.cells.columns * 2) & (y < self.cells.rows * 4)
        x, y = x[inside], y[inside]
        dots = np.zeros((self.cells.rows, self.cells.columns), np.uint8)
        np.bitwise_or.at(dots, (y // 4, x // 2), _DOTS[y % 4, x % 2])
        code = self.cells.code
        before = np.where((code >= _BRAILLE) & (code < _BRAILLE + 256), code - _BRAILLE, 0).astype(np.uint8)
        self._mark(np.s_[:, :], dots > 0, np.uint32(_BRAILLE) + (dots | before), color, BOLD if shape.selected else 0)

    # -- labels ---------------------------------------------------------------------------------------------

    def _label(self, shape: Shape, points: NDArray[np.float64]) -> None:
        """The label above the shape, or else inside its top, or below it; left out where all of that is taken."""
        (left, top), (right, bottom) = np.floor(points.min(0)), np.floor(points.max(0) - _EDGE)
        if right < 0 or bottom < 0 or left >= self.cells.columns or top >= self.cells.rows:
            return
        text = fitted(f"▶{shape.text} " if shape.selected else f" {shape.text} ", self.cells.columns)
        length = width(text)
        column = int(min(max(left, 0), self.cells.columns - length))
        for row in (int(top) - 1, max(int(top) + 1, 0), int(bottom) + 1):
            if 0 <= row < self.cells.rows and not self._taken(row, column, length):
                self._labels.append((row, column, column + length))
                color = palette(shape.color)
                if shape.selected:
                    self.cells.put(row, column, text, BRIGHT, INK, BOLD | REVERSE)
                else:
                    self.cells.put(row, column, text, color, INK)
                return

    def _taken(self, row: int, column: int, length: int) -> bool:
        return any(r == row and column < end and start < column + length for r, start, end in self._labels)


def trace(path: NDArray[np.float64], columns: int, rows: int) -> tuple[NDArray[np.intp], ...]:
    """The dots on a path of `(n, 2)` vertices in dot units: x, y, and each dot's number along the path.

    Segments that lie wholly to one side of the `columns` × `rows` dots are passed over; the rest are cut to a
    little more than the dots, so that cost does not grow with the zoom.
    """
    a, b = path[:-1], path[1:]
    if not len(a):
        a = b = path[:1]
    size = np.array([columns, rows], np.float64)
    near = ~((np.maximum(a, b) < -1).any(1) | (np.minimum(a, b) > size + 1).any(1))
    a, b = a[near], b[near]
    if not len(a):
        empty = np.zeros(0, np.intp)
        return empty, empty, empty
    delta = b - a
    with np.errstate(all="ignore"):
        t = np.stack([(-1 - a) / delta, (size + 1 - a) / delta])
    still = delta == 0
    enter = np.where(still, 0.0, t.min(0)).max(1).clip(0, 1)
    leave = np.where(still, 1.0, t.max(0)).min(1).clip(0, 1)
    leave = np.maximum(enter, leave)
    a, delta = a + delta * enter[:, None], delta * (leave - enter)[:, None]
    steps = np.ceil(np.abs(delta).max(1)).astype(np.intp) + 1
    which = np.repeat(np.arange(len(a)), steps)
    number = np.arange(steps.sum())
    part = (number - np.repeat(np.cumsum(steps) - steps, steps)) / np.maximum(steps[which] - 1, 1)
    dots = np.floor(a[which] + delta[which] * part[:, None] + 1e-9).astype(np.intp)  # rounding must leave no hole
    return dots[:, 0], dots[:, 1], number
