"""A list of any length with a cursor: rows are asked for a page at a time, when they come into sight."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trainset.tui.canvas.graphemes import fitted, width

Row = Sequence[tuple[str, str]]
"""Pieces of text, each with the name of its look: one of `Rows.LOOKS`, or "" for the plain one."""

_PAGE, _PAGES = 64, 16


class Rows(ScrollView, can_focus=False, inherit_bindings=False):
    """Shows the `count` rows that `read(start, stop)` gives. `cursor` is the row that is marked."""

    LOOKS: ClassVar = ("muted", "bold", "state", "warning")
    COMPONENT_CLASSES: ClassVar = {f"rows--{look}" for look in (*LOOKS, "cursor")}
    DEFAULT_CSS = """
    Rows { width: 1fr; height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; scrollbar-background: $panel; }
    Rows .rows--muted { color: $text-muted; }
    Rows .rows--bold { text-style: bold; }
    Rows .rows--state { color: $accent; }
    Rows .rows--warning { color: $warning; }
    Rows .rows--cursor { background: $primary 30%; text-style: bold; }
    """

    class Chosen(Message):
        """The row under the cursor was clicked."""

    class Moved(Message):
        """The cursor is on another row."""

    def __init__(self, read: Callable[[int, int], Sequence[Row]], id: str | None = None) -> None:
        super().__init__(id=id)
        self._read = read
        self._pages: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self.count = self.cursor = 0

    def show(self, count: int, cursor: int | None = None) -> None:
        """Show so many rows, read anew."""
        self._pages.clear()
        self.count = count
        self.virtual_size = Size(0, count)
        self.move(0 if cursor is None else cursor - self.cursor)
        self.refresh()

    def move(self, by: int) -> None:
        """Move the cursor by rows, as far as there are any, and have it in sight."""
        before, self.cursor = self.cursor, max(0, min(self.cursor + by, self.count - 1))
        for row in {before, self.cursor}:
            self.refresh_line(row)
        top, room = self.scroll_offset.y, self.room
        if not top <= self.cursor < top + room:
            near = self.cursor if abs(by) == 1 and self.cursor < top else self.cursor - room + 1
            self.scroll_to(y=near if abs(by) == 1 else self.cursor - room // 2, animate=False)
        self.post_message(self.Moved())

    @property
    def room(self) -> int:
        """How many rows are in sight."""
        return max(1, self.scrollable_content_region.height)

    def on_resize(self) -> None:
        """Rows are as wide as there is room."""
        self._pages.clear()
        self.move(0)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Mark the row under the pointer; a marked one is chosen."""
        row = event.y + self.scroll_offset.y
        if row == self.cursor < self.count:
            self.post_message(self.Chosen())
        elif row < self.count:
            self.move(row - self.cursor)

    def render_line(self, y: int) -> Strip:
        """One row, the cursor's marked by a sign and a ground of its own."""
        row, cells = y + self.scroll_offset.y, self.scrollable_content_region.width
        if row >= self.count:
            return Strip.blank(cells, self.rich_style)
        here = row == self.cursor
        ground = (
            self.rich_style + self.get_component_rich_style("rows--cursor", partial=True) if here else self.rich_style
        )
        out, room = [Segment("▶ " if here else "  ", ground)], cells - 2
        for text, look in self._row(row):
            shown = fitted(text, room)
            room -= width(shown)
            style = self.get_component_rich_style(f"rows--{look}", partial=True) if look else None
            out.append(Segment(shown, ground + style if style else ground))
        out.append(Segment(" " * room, ground))
        return Strip(out, cells)

    def _row(self, row: int) -> Row:
        page, place = divmod(row, _PAGE)
        if page not in self._pages:
            self._pages[page] = self._read(page * _PAGE, min((page + 1) * _PAGE, self.count))
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        self._pages.move_to_end(page)
        found = self._pages[page]
        return found[place] if place < len(found) else ()
