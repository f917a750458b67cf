"""The widget of the grid: tiles with a head line and a thumbnail each, and the pointer as tile numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.message import Message

from trainset.core.scene import Size
from trainset.tui.canvas.cells import BOLD, DIM, REVERSE, Cells
from trainset.tui.canvas.graphemes import fitted, width
from trainset.tui.canvas.painter import message
from trainset.tui.canvas.palette import BACKGROUND, BRIGHT, FOREGROUND, INK, MUTED, OKABE_ITO, Color
from trainset.tui.terminal import Terminal
from trainset.tui.thumbnails import Drawn
from trainset.tui.widgets.board import Board

LEAST = Size(15, 6)
"""The smallest tile: a head line, and a thumbnail in which a class can be told."""

Look = Literal["plain", "out", "changed", "decided", "closed"]
_HEADS: dict[Look, Color] = {
    "plain": MUTED, "out": OKABE_ITO[4], "changed": OKABE_ITO[3], "decided": OKABE_ITO[2], "closed": MUTED,
}  # fmt: skip


@dataclass(frozen=True)
class Face:
    """A tile as it is painted: its letter, what its head says, and its thumbnail (or why there is none; None: it comes)."""

    hint: str
    head: str
    picture: Drawn | None
    look: Look = "plain"
    cursor: bool = False


@dataclass(frozen=True)
class Arrangement:
    """How many tiles stand beside and above each other, and the cells that each has, gaps included."""

    across: int
    down: int
    tile: Size

    @property
    def count(self) -> int:
        """How many tiles there is room for."""
        return self.across * self.down

    @property
    def picture(self) -> Size:
        """The cells of a thumbnail."""
        return Size(self.tile.columns - 1, self.tile.rows - 1)

    def place(self, number: int) -> tuple[int, int]:
        """The row and column of a tile's upper left corner."""
        return number // self.across * self.tile.rows, number % self.across * self.tile.columns

    def at(self, column: int, row: int) -> int | None:
        """The number of the tile in which a cell lies."""
        across, down = column // self.tile.columns, row // self.tile.rows
        return down * self.across + across if across < self.across and down < self.down else None


def arrange(room: Size, most: int) -> Arrangement:
    """As many tiles as there is room for, `most` at most, so that their thumbnails are as large and square as can be."""
    across = range(1, max(1, room.columns // LEAST.columns) + 1)
    down = range(1, max(1, room.rows // LEAST.rows) + 1)
    found = [Arrangement(a, d, Size(room.columns // a, room.rows // d)) for a in across for d in down]
    return max(found, key=lambda x: (min(most, x.count), min(x.picture.columns, 2 * x.picture.rows), -x.count))


class Tiles(Board):
    """Shows a page of tiles, or a message where there is none."""

    class Pressed(Message):
        """A tile was clicked, with this button: 1 is the left one, 3 the right one."""

        def __init__(self, number: int, button: int) -> None:
            super().__init__()
            self.number, self.button = number, button

    class Turned(Message):
        """The wheel was turned, down (1) or up (-1)."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Resized(Message):
        """The room changed."""

    def __init__(self, terminal: Terminal, id: str | None = None) -> None:
        super().__init__(terminal, id)
        self._arrangement: Arrangement | None = None

    def say(self, lines: Sequence[tuple[str, bool]]) -> None:
        """Show lines of text instead; those marked True are bold."""
        self._arrangement = None
        self.put(message(lines, self.room))

    def paint(self, faces: Sequence[Face], arrangement: Arrangement) -> None:
        """Show a page."""
        room = self.room
        cells = Cells.blank(room.rows, room.columns)
        self._arrangement = arrangement
        for number, face in enumerate(faces):
            row, column = arrangement.place(number)
            _head(cells, face, row, column, arrangement.picture.columns)
            _picture(cells, face, row + 1, column, arrangement.picture)
        self.put(cells)

    def on_resize(self) -> None:
        """Ask to be painted for the new size."""
        self.post_message(self.Resized())

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A tile under the pointer."""
        number = self._arrangement.at(event.x, event.y) if self._arrangement is not None else None
        if number is not None and event.button in (1, 3):
            self.post_message(self.Pressed(number, event.button))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel turns pages."""
        event.stop()
        self.post_message(self.Turned(1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel turns pages."""
        event.stop()
        self.post_message(self.Turned(-1))


def _head(cells: Cells, face: Face, row: int, column: int, columns: int) -> None:
    color = BRIGHT if face.cursor and face.look == "plain" else _HEADS[face.look]
    mark = "▶" if face.cursor else " "
    text = fitted(f"{mark}{face.hint} {face.head}", columns)
    style = (REVERSE if face.look in ("out", "changed") or face.cursor else 0) | BOLD
    cells.put(row, column, text + " " * (columns - width(text)), color, INK if style & REVERSE else None, style)


def _picture(cells: Cells, face: Face, row: int, column: int, room: Size) -> None:
    if isinstance(face.picture, Cells):
        cells.paste(face.picture, row, column)
        if face.look in ("out", "closed"):
            part = (slice(row, row + room.rows), slice(column, column + room.columns))
            cells.fg[part] //= 2
            cells.bg[part] //= 2
            cells.style[part] |= DIM
        return
    text = "…" if face.picture is None else f"cannot be shown: {face.picture}"
    lines = [text[at : at + room.columns] for at in range(0, len(text), room.columns)][: room.rows]
    for n, line in enumerate(lines):
        left = column + (room.columns - width(line)) // 2
        cells.put(row + (room.rows - len(lines)) // 2 + n, left, line, FOREGROUND, BACKGROUND, DIM)
