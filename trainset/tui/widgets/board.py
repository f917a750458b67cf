"""A widget that shows cells, and sends only the rows that changed."""

from __future__ import annotations

import numpy as np
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from trainset.core.scene import Size
from trainset.tui.canvas import budget, strip
from trainset.tui.canvas.cells import Cells
from trainset.tui.terminal import Terminal


class Board(Widget):
    """Shows what was last `put`."""

    DEFAULT_CSS = "Board { width: 1fr; height: 1fr; }"

    def __init__(self, terminal: Terminal, id: str | None = None) -> None:
        super().__init__(id=id)
        self.terminal = terminal
        self._cells: Cells | None = None
        self._strips: list[Strip] = []

    @property
    def room(self) -> Size:
        """How many cells there are to fill."""
        return Size(self.size.width, self.size.height)

    def put(self, cells: Cells) -> None:
        """Show these, and have Textual refresh the rows that changed."""
        changed = cells.changed_rows(self._cells)
        if len(self._strips) != cells.rows:
            self._strips = [Strip.blank(cells.columns)] * cells.rows
        self._cells = cells
        if len(changed):
            part, depth = cells[changed], self.terminal.depth
            made = strip.strips(part, depth, budget.tolerance(part, depth, self.terminal.budget))
            for row, new in zip(changed.tolist(), made, strict=True):
                self._strips[row] = new
            blocks = np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1)
            self.refresh(*(Region(0, int(b[0]), cells.columns, len(b)) for b in blocks))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows in `crop`, past Textual's cache, which would take every row apart into Segments."""
        if not strip.usable():
            return super().render_lines(crop)
        return [self.render_line(y).crop(crop.x, crop.right) for y in crop.line_range]

    def render_line(self, y: int) -> Strip:
        """One row as it was last built."""
        row = self._strips[y] if y < len(self._strips) else None
        return row if row is not None and row.cell_length == self.size.width else Strip.blank(self.size.width)
