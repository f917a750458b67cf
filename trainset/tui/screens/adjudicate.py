"""The adjudication screen: versions of an item in one shared viewport, and the differences between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from trainset.core.adjudicate_keys import ADJUDICATE_KEYS
from trainset.core.adjudicating import AdjudicationSession, MergeView
from trainset.core.comparing import side_in_words
from trainset.core.presets import Place
from trainset.core.protocols import View
from trainset.core.sitting import Notice
from trainset.tui.canvas.graphemes import fitted
from trainset.tui.prefetch import Prefetch
from trainset.tui.screens.review import ReviewScreen
from trainset.tui.terminal import Terminal
from trainset.tui.widgets.bars import Bar, spread
from trainset.tui.widgets.canvas import Canvas
from trainset.tui.widgets.colors import MUTED
from trainset.tui.widgets.side import Differences

Layout = Literal["beside", "stacked", "single"]
_TITLES = {"beside": "side by side", "stacked": "one above the other", "single": "one at a time: space shows the next"}
_SLOTS = 3
_NARROWEST, _LOWEST = 44, 12
"""Cells that a version needs beside others, and above them."""
_FIRST_KEYS = [
    ("take 0", "first"), ("take 1", "second"), ("next", "difference"), ("pick -1", "left"), ("pick 1", "right"),
    ("accept", "decide"), ("both", "both"), ("neither", "neither"), ("edit", "by hand"), ("flip", "flip"), ("undo", "undo"),
]  # fmt: skip


class AdjudicateScreen(ReviewScreen):
    """Shows an adjudication session."""

    core_keys = ADJUDICATE_KEYS
    first_keys = _FIRST_KEYS
    keys_of: Place = "adjudicate"

    def __init__(
        self,
        session: AdjudicationSession,
        terminal: Terminal,
        prefetch: Prefetch,
        edit: Callable[[], None],
        on_ready: Callable[[], None] = lambda: None,
        leave: Callable[[], None] | None = None,
        undo: Callable[[], None] | None = None,
    ) -> None:
        """`edit` opens the item editor; `undo` is what to do where the session itself has nothing to undo."""
        super().__init__(session, terminal, prefetch, on_ready, leave)
        self.adjudication = session
        self._undo_before = undo
        self._layout: Layout | None = None
        self._first = 0
        self._commands |= {
            "take": session.take,
            "edit": lambda _: edit(),
            "flip": lambda _: self._flip(),
            "layout": lambda _: self._next_layout(),
            "undo": lambda _: self._undo(),
        }

    def compose(self) -> ComposeResult:
        """As for one item, with a place for each of several versions."""
        yield Bar(id="where")
        with Horizontal(id="body"):
            with Container(id="panes"):
                for n in range(_SLOTS):
                    with Vertical(id=f"slot{n}", classes="later" if n else ""):
                        yield Bar(id=f"head{n}")
                        yield Canvas(self._terminal, id=f"canvas{n}")
            yield Differences(id="side")
        yield Bar(id="status")
        yield Bar(id="keys")
        yield self.too_small_note()

    @property
    def _canvases(self) -> list[Canvas]:
        return [self.query_one(f"#canvas{n}", Canvas) for n in range(_SLOTS)]

    # -- what comes in --------------------------------------------------------------------------------------

    def on_canvas_moved(self, event: Canvas.Moved) -> None:  # type: ignore[override]
        """Whichever version was moved, all are; Textual calls the base's handler too, which repaints."""
        if event.canvas.display:
            self._canvas = event.canvas

    def on_canvas_pointer(self, event: Canvas.Pointer) -> None:
        """A click takes the object that it falls on; Textual calls the base's handler too, which repaints."""
        shown = next((n for n, canvas in self._arrange() if canvas is event.canvas), None)
        if self.dialog is None and event.command == "release" and shown is not None:
            self.session.command("point", shown, event.at)

    def _undo(self) -> None:
        if self._undo_before is not None and not self.session.undo_depth:
            self._undo_before()
        else:
            self.session.undo()

    # -- painting -------------------------------------------------------------------------------------------

    @property
    def _comparison(self) -> MergeView | None:
        return self.adjudication.comparison

    @property
    def layout_now(self) -> Layout:
        """How the versions stand: as was asked for, else side by side or above each other where there is room."""
        if self._layout is not None:
            return self._layout
        count = min(_SLOTS, len(self._comparison.panes) if self._comparison else 1)
        room = self.query_one("#panes").size
        if room.width >= count * _NARROWEST:
            return "beside"
        return "stacked" if room.height >= count * _LOWEST else "single"

    def _present(self, view: View) -> None:
        self._first = 0
        self._canvas = self._canvases[0]
        self._canvas.fit()

    def _arrange(self) -> list[tuple[int, Canvas]]:
        """The versions that are to be seen, each with its canvas."""
        view = self._comparison
        count = len(view.panes) if view else 0
        layout = self.layout_now
        panes = self.query_one("#panes")
        panes.set_class(layout == "beside", "beside")
        panes.set_class(layout != "beside", "stacked")
        seen = 1 if layout == "single" else max(1, min(count, _SLOTS))
        for n in range(_SLOTS):
            self.query_one(f"#slot{n}").display = n < seen
        if not any(self._canvas is canvas for canvas in self._canvases[:seen]):
            first = self._canvases[0]
            first.look_as(self._canvas)
            self._canvas = first
        return [((self._first + n) % count, self._canvases[n]) for n in range(seen)] if count else []

    def _rebuild(self) -> bool:
        view = self._comparison
        shown = self._arrange()
        if view is None or not shown:
            return self._canvas.rebuild()
        lead = self._canvas
        for n, canvas in shown:
            if canvas is not lead:
                canvas.look_as(lead)
            canvas.show(view.panes[n])
        painted = [canvas.rebuild() for _, canvas in shown]
        for slot, (n, _) in enumerate(shown):
            self._head(slot, view, n)
        return all(painted)

    def _head(self, slot: int, view: MergeView, n: int) -> None:
        bar = self.query_one(f"#head{slot}", Bar)
        rival, current = view.merge.rivals[n], view.current
        pick = view.merge.picks[view.at] if current else None
        taken = pick is not None and n in pick
        left = [(f"{n + 1} ", "bold $accent"), (rival.who, "bold"), (f" {rival.when}", MUTED)]
        left += [(f" {rival.verdict}", MUTED)] if rival.verdict else []
        left += [(f" “{rival.note}”", MUTED)] if rival.note else []
        said = side_in_words(current, n, view.merge.rivals, self.session.task) if current else ""
        sign = "✓ " if taken else "✗ " if pick is not None else "· "
        style = "bold $success" if taken else MUTED if pick is not None else "bold"
        cells = max(1, bar.size.width - 2)
        right = [(fitted(f"{sign}{said}", cells // 2), style)] if current else []
        bar.say(spread(left, right, cells))

    def _tell_side(self, view: View | None, why: Sequence[str]) -> None:
        merge = self._comparison
        side = self.query_one(Differences)
        side.tell(merge.lines() if merge else (), merge.details() if merge else (), why)

    # -- commands -------------------------------------------------------------------------------------------

    def _flip(self) -> None:
        view = self._comparison
        if view is None or not view.panes:
            return
        if self.layout_now != "single":
            self._layout, self._first = "single", self._first - 1
        self._first = (self._first + 1) % len(view.panes)
        self.session.notice = Notice(f"version {self._first + 1}: {view.merge.rivals[self._first].title}")

    def _next_layout(self) -> None:
        ways = get_args(Layout)
        self._layout = ways[(ways.index(self.layout_now) + 1) % len(ways)]
        self._first = 0
        self.session.notice = Notice(_TITLES[self._layout])
