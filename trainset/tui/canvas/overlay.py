"""Shapes and masks over pictures, finer than a cell: boxes as eighth-of-a-cell lines, other outlines as braille dots.

What is selected is bright, with corners or doubled dots and a filled label; what is weak is dashed; so no sign
hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainset.core.scene import Point, Shape, Tint
from trainset.tui.canvas.blocks import covered
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import BOLD, REVERSE, SPACE, Cells
from trainset.tui.canvas.graphemes import fitted, width
from trainset.tui.canvas.palette import BRIGHT, INK, Color, luminance, palette

_ACROSS = [0x2594, *range(0x1FB76, 0x1FB7C), 0x2581]  # lines across a cell, from its top eighth down
_DOWN = [0x258F, *range(0x1FB70, 0x1FB76), 0x2595]  # lines down a cell, from its left eighth on
_CORNERS = "▛▜▙▟"
_BRAILLE = 0x2800
_BITS = [7, 6, 5, 3, 1, 4, 2, 0]
"""The dots of a cell, numbered row by row, in the order of their bits in braille's code from the highest on."""

_DOTS_A_CELL = (2, 4)
_EDGE = 1 / 8
_THICK = {"top": ("▆", REVERSE), "bottom": ("▂", 0), "left": ("▎", 0), "right": ("▊", REVERSE)}
"""Quarter-of-a-cell lines from block elements that every font has; two of them are what is left of the cell."""
_CONTRAST = 70
_SHADE = 0.6
"""Where a line is less than `_CONTRAST` brighter or darker than the picture, this much of the picture is kept."""


@lru_cache(64)
def _light(color: Color) -> int:
    return int(luminance(np.array(color, np.uint8)))


def _color(of: Shape | Tint) -> Color:
    return BRIGHT if of.selected else palette(of.color)


def _corners(tint: Tint) -> tuple[Point, Point]:
    return Point(tint.place.x, tint.place.y), Point(tint.place.right, tint.place.bottom)


class Placed(NamedTuple):
    """A shape, its points in cells `(n, 2)`, and the least and greatest of them `(2, 2)`."""

    shape: Shape
    points: NDArray[np.float64]
    extent: NDArray[np.float64]


class Overlay:
    """Paints shapes over cells. With `fine`, box edges use all eight positions in a cell, which some fonts lack."""

    def __init__(self, cells: Cells, camera: Camera, fine: bool) -> None:
        self.cells, self.camera, self.fine = cells, camera, fine
        plain = (cells.code == SPACE)[..., None]
        mean = (cells.fg.astype(np.uint16) + cells.bg) // 2
        self._behind = np.where(plain, cells.bg, mean).astype(np.uint8)
        self._light = luminance(self._behind).astype(np.int16)
        self._labelled = np.zeros(cells.code.shape, bool)

    def paint(self, shapes: Sequence[Shape], tints: Sequence[Tint] = ()) -> None:
        """Paint the outlines of masks and of shapes, then labels, what is selected last and therefore on top.

        Dotted outlines of one look are traced together, so that hundreds of them cost little more than one.
        """
        self._contours([tint for tint in tints if tint.contour])
        placed = sorted(self._placed(shapes), key=lambda at: at.shape.selected)
        dotted: dict[tuple[bool, bool, Color], list[Placed]] = {}
        for at in placed:
            if at.shape.kind in ("line", "polygon"):
                dotted.setdefault((at.shape.selected, not at.shape.weak, _color(at.shape)), []).append(at)
        for (selected, solid, color), paths in sorted(dotted.items(), key=lambda pair: pair[0]):
            starts, ends = segments(
                np.concatenate([at.points for at in paths]),
                [n for at in paths for n in at.shape.parts or (len(at.points),)],
                [at.shape.kind == "polygon" for at in paths for _ in at.shape.parts or (0,)],
            )
            self._dotted(starts * _DOTS_A_CELL, ends * _DOTS_A_CELL, color, selected, weak=not solid)
        for at in placed:
            if at.shape.kind == "box" and len(at.points) >= 2:
                self._box(at.shape, at.points, _color(at.shape))
            elif at.shape.kind == "points":
                self._marks(at.shape, at.points)
        labelled: list[tuple[Shape | Tint, NDArray[np.float64]]] = [
            (tint, self.camera.to_cells(_corners(tint))) for tint in tints if tint.text
        ]
        labelled += [(at.shape, at.extent) for at in placed if at.shape.text]
        for each, extent in sorted(labelled, key=lambda pair: pair[0].selected)[::-1]:
            self._label(each, extent)

    def _placed(self, shapes: Sequence[Shape]) -> list[Placed]:
        """Where shapes lie on the cells, those without a finite place left out; all of them at once, for speed."""
        arrays = [(shape, shape.array) for shape in shapes if len(shape.points)]
        if not arrays:
            return []
        ends = np.cumsum([len(points) for _, points in arrays])
        points = self.camera.to_cells(np.concatenate([points for _, points in arrays]))
        starts = np.concatenate([[0], ends[:-1]])
        extents = np.stack([np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)], axis=1)
        finite = np.isfinite(extents).all(axis=(1, 2))
        return [
            Placed(shape, points[start:end], extent)
            for (shape, _), start, end, extent, sound in zip(arrays, starts, ends, extents, finite, strict=True)
            if sound
        ]

    def _marks(self, shape: Shape, points: NDArray[np.float64]) -> None:
        """A mark for each point, over whatever line runs there."""
        mark = "◆" if shape.selected else "○" if shape.weak else "●"
        cells = np.floor(points).astype(np.intp)
        seen = ((cells >= 0) & (cells < (self.cells.columns, self.cells.rows))).all(axis=1)
        if seen.any():
            (left, top), (right, bottom) = cells[seen].min(axis=0), cells[seen].max(axis=0) + 1
            drawn = np.zeros((bottom - top, right - left), bool)
            drawn[cells[seen, 1] - top, cells[seen, 0] - left] = True
            at = np.s_[top:bottom, left:right]
            self._mark(at, drawn, np.uint32(ord(mark)), _color(shape), BOLD if shape.selected else 0)

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
        cells = self.cells
        faint = np.abs(self._light[at] - _light(color)) < _CONTRAST
        behind = np.where(faint[..., None], self._behind[at] * _SHADE, self._behind[at]).astype(np.uint8)
        cells.code[at] = np.where(drawn, code, cells.code[at])
        cells.fg[at] = np.where(drawn[..., None], np.array(color, np.uint8), cells.fg[at])
        cells.bg[at] = np.where(drawn[..., None], behind, cells.bg[at])
        cells.style[at] = np.where(drawn, np.uint8(style), cells.style[at])

    # -- outlines of dots -----------------------------------------------------------------------------------

    def _dotted(
        self, starts: NDArray[np.float64], ends: NDArray[np.float64], color: Color, selected: bool, weak: bool
    ) -> None:
        """Lines between points in dots."""
        x, y, step = trace(starts, ends, self.cells.columns * 2, self.cells.rows * 4)
        if weak:
            x, y = x[step // 3 % 2 == 0], y[step // 3 % 2 == 0]
        if selected:
            x, y = np.concatenate([x, x + 1]), np.concatenate([y, y])
        self._dots(x, y, color, selected)

    def _contours(self, tints: Sequence[Tint]) -> None:
        """The outermost dots of masks."""
        rows, columns = self.cells.rows * 4, self.cells.columns * 2
        for tint in sorted(tints, key=lambda tint: tint.selected):
            part = covered(tint.mask, tint.place, self.camera, (rows, columns), (4, 2))
            if part is None:
                continue
            (down, across), dots = part
            around = np.pad(dots, 1)
            # At the edge of the screen a mask goes on, and has no outline.
            for side, at_edge in enumerate(
                (down.start == 0, down.stop == rows, across.start == 0, across.stop == columns)
            ):
                if at_edge:
                    line = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])[side]
                    around[line] = True
            inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
            y, x = np.nonzero(dots & ~inner)
            if tint.weak:
                kept = (x + y) // 3 % 2 == 0
                y, x = y[kept], x[kept]
            self._dots(x + across.start, y + down.start, _color(tint), tint.selected)

    def _dots(self, x: NDArray[np.intp], y: NDArray[np.intp], color: Color, selected: bool) -> None:
        """Dots of braille, added to those that are there."""
        inside = (x >= 0) & (y >= 0) & (x < self.cells.columns * 2) & (y < self.cells.rows * 4)
        x, y = x[inside], y[inside]
        if not len(x):
            return
        left, top = int(x.min()) // 2, int(y.min()) // 4
        shape = (int(y.max()) // 4 + 1 - top, int(x.max()) // 2 + 1 - left)
        plane = np.zeros((shape[0] * 4, shape[1] * 2), np.uint8)
        plane[y - top * 4, x - left * 2] = 1
        each = plane.reshape(shape[0], 4, shape[1], 2).transpose(0, 2, 1, 3).reshape(*shape, 8)
        dots = np.packbits(each[..., _BITS], axis=-1)[..., 0]
        at = np.s_[top : top + shape[0], left : left + shape[1]]
        code = self.cells.code[at]
        before = np.where((code >= _BRAILLE) & (code < _BRAILLE + 256), code - _BRAILLE, 0).astype(np.uint8)
        self._mark(at, dots > 0, np.uint32(_BRAILLE) + (dots | before), color, BOLD if selected else 0)

    # -- labels ---------------------------------------------------------------------------------------------

    def _label(self, shape: Shape | Tint, extent: NDArray[np.float64]) -> None:
        """The label above the shape, or else inside its top, or below it; left out where all of that is taken."""
        (left, top), (right, bottom) = np.floor(extent - ((0, 0), (_EDGE, _EDGE))).tolist()
        if right < 0 or bottom < 0 or left >= self.cells.columns or top >= self.cells.rows:
            return
        text = fitted(f"▶{shape.text} " if shape.selected else f" {shape.text} ", self.cells.columns)
        length = width(text)
        column = int(min(max(left, 0), self.cells.columns - length))
        for row in (int(top) - 1, max(int(top) + 1, 0), int(bottom) + 1):
            if 0 <= row < self.cells.rows and not self._labelled[row, column : column + length].any():
                self._labelled[row, column : column + length] = True
                color = palette(shape.color)
                if shape.selected:
                    self.cells.put(row, column, text, BRIGHT, INK, BOLD | REVERSE)
                else:
                    self.cells.put(row, column, text, color, INK)
                return


Segments = tuple[NDArray[np.float64], NDArray[np.float64]]


def segments(points: NDArray[np.float64], parts: Sequence[int], closed: Sequence[bool]) -> Segments:
    """`(n, 2)` twice: where the lines along paths start and end. `parts` are the paths' numbers of points.

    A path of one point is a line of no length; one of two is not closed.
    """
    lengths = np.array(parts)
    last = np.cumsum(lengths) - 1
    first = last - lengths + 1
    after = np.arange(len(points)) + 1
    after[last] = first
    drawn = np.ones(len(points), bool)
    drawn[last] = (lengths == 1) | (np.array(closed) & (lengths > 2))
    return points[drawn], points[after[drawn]]


def trace(
    a: NDArray[np.float64], b: NDArray[np.float64], columns: int, rows: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The dots on lines from `a` to `b`, `(n, 2)` in dot units: x, y, and each dot's number along the path they make.

    Lines that lie wholly to one side of the `columns` × `rows` dots are passed over; the rest are cut to a
    little more than the dots, so that cost does not grow with the zoom.
    """
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
