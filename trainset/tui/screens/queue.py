"""The queue as a list: where everything stands in it, and a way to any of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal

from trainset.core.list_keys import QUEUE_KEYS
from trainset.core.listing import Listed, Listing
from trainset.core.queue import Entry
from trainset.core.sitting import Notice, in_words
from trainset.errors import TrainsetError
from trainset.tui.canvas.graphemes import fitted, fitted_end, width
from trainset.tui.dialogs.asking import AskText
from trainset.tui.dialogs.reading import Reading, key_table
from trainset.tui.screens.base import SessionScreen
from trainset.tui.widgets.bars import GAP, Bar, hints, key_line, spread, status_line
from trainset.tui.widgets.colors import MUTED
from trainset.tui.widgets.rows import Row, Rows

_FIRST_KEYS = [("open", "review it"), ("narrow", "filter"), ("quit", "back")]
_STATE, _SCORE = 13, 4
_ROOM_FOR_REASONS = 84


class QueueScreen(SessionScreen):
    """Shows a listing; `go` is called with the entry that was chosen, and `key` is that of the item to begin at."""

    def __init__(self, task: str, listing: Listing, key: str | None, go: Callable[[Entry], None]) -> None:
        super().__init__()
        self._of, self._listing, self._key, self._go = task, listing, key, go
        self._notice = Notice()
        self._commands: dict[str, Callable[[Any], None]] = {
            "move": self._move,
            "page": lambda by: self._rows.move(by * self._rows.room),
            "end": lambda by: self._rows.move(by * self._rows.count),
            "open": lambda _: self._open(),
            "narrow": lambda _: self._ask(),
            "widen": lambda _: self._narrowed("", None),
            "help": lambda _: self.ask(Reading("Keys", key_table([("The queue", QUEUE_KEYS)]), "question_mark"), lambda _: None),
            "quit": lambda _: self._quit(),
        }  # fmt: skip

    def compose(self) -> ComposeResult:
        """What is listed; the rows; the marked one in full; the keys."""
        yield Bar(id="where")
        with Horizontal(id="body"):
            yield Rows(self._read, id="rows")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield self.too_small_note()

    def on_mount(self) -> None:
        """The row of the present item."""
        self._rows = self.query_one(Rows)
        self._show()

    def _move(self, by: int) -> None:
        self._rows.move(by)

    def _show(self) -> None:
        self._rows.show(len(self._listing), (self._listing.row(self._key) or 0) if self._key else 0)
        self.ask_repaint()

    # -- rows -----------------------------------------------------------------------------------------------

    def _read(self, start: int, stop: int) -> Sequence[Row]:
        digits = len(f"{self._listing.whole:,}")
        cells = self._rows.scrollable_content_region.width - 2
        reasons = (cells - 30) // 2 if cells >= _ROOM_FOR_REASONS else 0
        room = cells - digits - _STATE - _SCORE - 6 - (reasons + 2 if reasons else 0)
        return [self._row(listed, digits, max(1, room), reasons) for listed in self._listing.rows(start, stop)]

    def _row(self, listed: Listed, digits: int, room: int, reasons: int) -> Row:
        glance = listed.glance
        key = fitted_end(listed.entry.key, room)
        score = "" if glance is None or glance.score is None else f"{glance.score:.2f}"
        parts = [
            (f"{listed.place + 1:>{digits},}  ", "muted"),
            (key + " " * (room - width(key)) + "  ", ""),
            (f"{glance.state if glance else 'gone':<{_STATE}}", "state"),
            (f"  {score:>{_SCORE}}", ""),
        ]
        return [*parts, ("  " + fitted(_why(listed), reasons), "muted")] if reasons else parts

    # -- what comes in --------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key of the list's."""
        if self.dialog is not None:
            return
        key = next((key for key in QUEUE_KEYS if key.key == event.key), None)
        if key is not None and (not self.too_small or key.command == "quit"):
            event.stop()
            event.prevent_default()
            self._notice = Notice()
            self._commands[key.command](key.argument)
            self.ask_repaint()

    def on_rows_moved(self) -> None:
        """Another row is marked."""
        self.ask_repaint()

    def on_rows_chosen(self) -> None:
        """The marked row was clicked."""
        self._open()

    def _open(self) -> None:
        if self._rows.count:
            self.dismiss()
            self._go(self._listing.rows(self._rows.cursor, self._rows.cursor + 1)[0].entry)

    def _quit(self) -> None:
        if self._listing.text:
            self._narrowed("", None)
        else:
            self.dismiss()

    def _ask(self) -> None:
        def narrow(text: str | None) -> None:
            if text is not None and text.strip():
                self._notice = Notice("looking …")
                self._find(text.strip())
            elif text is not None:
                self._narrowed("", None)

        self.ask(
            AskText("Show what a filter names (score < 0.5), or what has this in its key", self._listing.text), narrow
        )

    @work(thread=True, exclusive=True)
    def _find(self, text: str) -> None:
        try:
            found = self._listing.places(text)
        except TrainsetError as error:
            self.app.call_from_thread(self._refused, Notice(in_words(error), "refused"))
        else:
            self.app.call_from_thread(self._narrowed, text, found)

    def _refused(self, notice: Notice) -> None:
        self._notice = notice
        self.ask_repaint()

    def _narrowed(self, text: str, places: NDArray[np.int64] | None) -> None:
        if places is not None and not len(places):
            self._refused(Notice(f"nothing in the queue is named by {text!r}", "refused"))
            return
        if self._rows.count:
            self._key = self._listing.rows(self._rows.cursor, self._rows.cursor + 1)[0].entry.key
        self._listing.narrow(text, places)
        self._notice = Notice()
        self._show()

    # -- painting -------------------------------------------------------------------------------------------

    def repaint(self) -> None:
        """What is listed, and the marked row in full."""
        cells = self.size.width - 2
        listing, count = self._listing, len(self._listing)
        left = [(f"{self._of}{GAP}", MUTED), ("queue", "bold")]
        if listing.text:
            left.append((f"{GAP}only: {listing.text}", "$accent"))
        many = f"{count:,} of {listing.whole:,}" if listing.text else f"{count:,}"
        self.query_one("#where", Bar).say(spread(left, [(many, "bold")], cells))
        notice = self._notice
        if not notice.text:
            notice = Notice(
                _told(listing.rows(self._rows.cursor, self._rows.cursor + 1)) if count else "the queue is empty"
            )
        self.query_one("#status", Bar).say(status_line(notice, 0, [], cells))
        self.query_one("#keys", Bar).say(key_line(hints(QUEUE_KEYS, _FIRST_KEYS), cells))


def _why(listed: Listed) -> str:
    if (glance := listed.glance) is None:
        return ""
    return ", ".join(dict.fromkeys(filter(None, (*glance.reasons, listed.entry.reason * glance.open))))


def _told(rows: Sequence[Listed]) -> str:
    return f"{rows[0].entry.key} · {_why(rows[0])}" if rows else ""
