"""A row of cells as a Textual Strip that carries its ANSI, and makes Segments only for those who ask.

Textual builds a Segment and a Style for every change of colour, which for pictures costs ten times the drawing. This
uses fields of Strip and a method of Widget that Textual does not document; `usable` checks them, and without them
the canvas gives Textual ordinary strips.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from trainset.tui.canvas.ansi import Depth, encode
from trainset.tui.canvas.cells import BOLD, DIM, REVERSE, UNDERLINE, Cells, cluster_text

if TYPE_CHECKING:
    from textual.color import Color as TextualColor
    from textual.filter import LineFilter


class CellStrip(Strip):
    """One row of `cells`. `ansi` is its encoding if that is at hand."""

    def __init__(self, cells: Cells, depth: Depth, tolerance: int = 0, ansi: str | None = None) -> None:
        self._made: list[Segment] | None = None
        super().__init__((), cells.columns)
        self._cells, self._depth, self._tolerance = cells, depth, tolerance
        self._render_cache = ansi

    @property
    def _segments(self) -> list[Segment]:
        if self._made is None:
            self._made = segments(self._cells, self._depth)
        return self._made

    @_segments.setter
    def _segments(self, value: list[Segment]) -> None:
        """Strip's constructor sets this; the cells stand for it."""

    def render(self, console: Console) -> str:
        """The row as ANSI."""
        if self._render_cache is None:
            self._render_cache = encode(self._cells, self._depth, self._tolerance)[0]
        return self._render_cache

    def __bool__(self) -> bool:
        return self._cells.columns > 0

    def crop(self, start: int, end: int | None = None) -> Strip:
        """The columns from `start` to `end`."""
        start, end = max(0, start), self._cells.columns if end is None else min(end, self._cells.columns)
        if (start, end) == (0, self._cells.columns):
            return self
        return CellStrip(self._cells.crop(start, max(start, end)), self._depth, self._tolerance)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """The row cut at columns."""
        starts = [0, *(cut for cut in cuts if cut <= self._cells.columns)]
        return [self.crop(a, b) for a, b in pairwise(starts)]

    def apply_filter(self, filter: LineFilter, background: TextualColor) -> Strip:
        """The row itself: colour depth and NO_COLOR were seen to when it was encoded."""
        return self

    def apply_offsets(self, x: int, y: int) -> Strip:
        """The row itself: pictures are not text to select."""
        return self


def segments(cells: Cells, depth: Depth) -> list[Segment]:
    """The first row as Segments, one for each run of cells of one style."""
    fg, bg, style, code = (plane[0] for plane in (cells.fg, cells.bg, cells.style, cells.code))
    if not len(code):
        return []
    new = np.zeros(len(code), bool)
    new[1:] = (fg[1:] != fg[:-1]).any(1) | (bg[1:] != bg[:-1]).any(1) | (style[1:] != style[:-1])
    starts = [0, *np.flatnonzero(new).tolist()]
    return [
        Segment(
            "".join(map(cluster_text, code[a:b].tolist())),
            _style(tuple(fg[a].tolist()), tuple(bg[a].tolist()), int(style[a]), depth != "mono"),
        )
        for a, b in zip(starts, [*starts[1:], len(code)], strict=True)
    ]


def _style(fg: tuple[int, int, int], bg: tuple[int, int, int], bits: int, colored: bool) -> Style:
    return Style(
        color=Color.from_rgb(*fg) if colored else None,
        bgcolor=Color.from_rgb(*bg) if colored else None,
        bold=bool(bits & BOLD),
        dim=bool(bits & DIM),
        underline=bool(bits & UNDERLINE),
        reverse=bool(bits & REVERSE),
    )


def plain_strip(cells: Cells, depth: Depth) -> Strip:
    """One row of cells as an ordinary strip."""
    return Strip(segments(cells, depth), cells.columns)


def strips(cells: Cells, depth: Depth, tolerance: int = 0) -> Iterator[Strip]:
    """A strip for every row, encoded ahead where Textual lets strips carry their encoding."""
    rows = [cells[row : row + 1] for row in range(cells.rows)]
    if not usable():
        yield from (plain_strip(row, depth) for row in rows)
        return
    for row, ansi in zip(rows, encode(cells, depth, tolerance), strict=True):
        yield CellStrip(row, depth, tolerance, ansi)


@cache
def usable() -> bool:
    """Whether the installed Textual still has the private parts that CellStrip stands on."""
    from textual.widget import Widget

    try:
        fields = {"_segments", "_cell_length", "_render_cache"} <= set(Strip.__slots__)
        methods = [*inspect.signature(Widget.render_lines).parameters] == ["self", "crop"]
        methods &= [*inspect.signature(Strip.render).parameters] == ["self", "console"]
        if not (fields and methods):
            return False
        cells = Cells.blank(1, 3)
        cells.put(0, 0, "abc", (1, 2, 3))
        strip = CellStrip(cells, "24bit", ansi="row")
        parts = strip.divide([1, 3])
        joined = Strip.join([strip])
        rendered = strip.render(Console()), joined.render(Console())
        return rendered == ("row", "row") and [part.text for part in parts] == ["a", "bc"]
    except (AttributeError, TypeError, ValueError):
        return False
