"""The Textual applications around review sessions."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Generic, TypeVar, Unpack, cast

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.theme import BUILTIN_THEMES, Theme

from trainset.core.adjudicating import AdjudicationSession
from trainset.core.breaks import Breaks
from trainset.core.grid import GridSession
from trainset.core.home import Home
from trainset.core.pace import Way
from trainset.core.parting import Parting
from trainset.core.preferences import DEFAULT, Preferences
from trainset.core.prompting import Assistant
from trainset.core.protocols import Context, View
from trainset.core.queue import Picked
from trainset.core.reviewing import Blinding, Desk, RivalDesk
from trainset.core.session import Session
from trainset.core.sitting import Notice
from trainset.core.tiles import GridDesk
from trainset.tui import Options
from trainset.tui.canvas.ansi import Depth
from trainset.tui.canvas.blocks import Renderer
from trainset.tui.canvas.palette import BACKGROUND, FOREGROUND, hexadecimal
from trainset.tui.dialogs.inspect import usable
from trainset.tui.prefetch import Prefetch
from trainset.tui.probe import SILENT, Answers
from trainset.tui.screens.adjudicate import AdjudicateScreen
from trainset.tui.screens.base import SessionScreen
from trainset.tui.screens.grid import GridScreen
from trainset.tui.screens.home import HomeScreen
from trainset.tui.screens.review import ReviewScreen
from trainset.tui.terminal import detect

Result = TypeVar("Result")
_ENDS = signal.SIGHUP, signal.SIGTERM

THEME = Theme(
    name="trainset",
    primary="#56b4e9",
    accent="#56b4e9",
    success="#2fbf93",
    warning="#f0e442",
    error="#ff7a45",
    foreground=hexadecimal(FOREGROUND),
    background=hexadecimal(BACKGROUND),
    surface="#1c1f24",
    panel="#262a31",
    dark=True,
)


def themes() -> list[str]:
    """The names of the themes there are."""
    return sorted({THEME.name, *BUILTIN_THEMES})


class TerminalApp(App[Result], Generic[Result]):
    """An application as this person wants it; `first` is its screen."""

    CSS_PATH = "review.tcss"
    TITLE = "trainset"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [Binding("ctrl+c", "quit", show=False)]
    parting: Parting | None = None

    def __init__(self, preferences: Preferences = DEFAULT, depth: Depth | None = None) -> None:
        display = preferences.display
        no_color = "NO_COLOR" in os.environ or depth == "mono" or display.colours == "mono"
        super().__init__(ansi_color=True if no_color else None)
        self.register_theme(THEME)
        self.theme = display.theme
        self.animation_level = "none"
        self.preferences = preferences
        self._breaks = Breaks(display.pause_after)

    def first(self) -> SessionScreen:
        """The screen to begin with."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Show the first screen; when the terminal goes away, or somebody ends the process, leave in order."""
        for number in _ENDS:
            with suppress(NotImplementedError, RuntimeError, ValueError):  # in no main thread
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        self.push_screen(self.first())

    async def on_event(self, event: events.Event) -> None:
        """As every application; a key or a press may be the one after which a pause is due."""
        if isinstance(event, events.Key | events.MouseDown) and self._breaks.due():
            minutes = self.preferences.display.pause_after
            self.notify(
                f"{minutes} minutes without a pause: rest your eyes and hands a while.", timeout=20, markup=False
            )
        await super().on_event(event)


class HomeApp(TerminalApp[tuple[str, Way | None]]):
    """The tasks of a dataset; gives the one that was chosen, with its mode. `trainset.tui.run_home` runs it."""

    def __init__(
        self,
        home: Home,
        chosen: str | None = None,
        where: str = "",
        preferences: Preferences = DEFAULT,
        said: str = "",
        parting: Parting | None = None,
    ) -> None:
        super().__init__(preferences)
        self.parting = parting
        self._first = HomeScreen(home, self.exit, chosen, where, said)

    def first(self) -> SessionScreen:
        """The tasks."""
        return self._first


class SessionApp(TerminalApp[None]):
    """An application over one session in this terminal. `home` is told when the reviewer leaves for the home screen."""

    def __init__(
        self,
        make_view: Callable[[], View],
        context: Context,
        *,
        min_look: float = 0.15,
        renderer: Renderer | None = None,
        depth: Depth | None = None,
        preferences: Preferences = DEFAULT,
        answers: Answers = SILENT,
        home: Callable[[], None] | None = None,
        assistant: Assistant | None = None,
        parting: Parting | None = None,
    ) -> None:
        super().__init__(preferences, depth)
        self.parting = parting
        display = preferences.display
        self.home, self.assistant = home, assistant
        self.make_view, self.view_context, self.min_look = make_view, context, min_look
        self.terminal = usable(detect(os.environ, self.console.color_system, renderer, depth, display, answers))
        self.prefetch = Prefetch(context.media)
        self._frozen = False

    def on_unmount(self) -> None:
        """Let go of the workers."""
        self.prefetch.close()
        if self.assistant is not None:
            self.assistant.close()

    def first_painted(self) -> None:
        """Something was painted: what start-up made lives to the end, so no later collection need look at it."""
        if not self._frozen:
            self._frozen = True
            gc.collect()
            gc.freeze()


class ReviewApp(SessionApp):
    """A review item by item; `trainset.tui.run_review` runs it."""

    def __init__(self, desk: Desk, make_view: Callable[[], View], context: Context, **options: Unpack[Options]) -> None:
        super().__init__(make_view, context, **options)
        self.session = Session(desk, make_view, context, min_look=self.min_look)

    def first(self) -> SessionScreen:
        """The first item."""
        return ReviewScreen(self.session, self.terminal, self.prefetch, self.first_painted, reveal=self._reveal)

    def _reveal(self) -> None:
        """Beside a decision that was taken blind, show what was hidden."""
        outer, screen = self.session, self.screen
        assert outer.sitting is not None and isinstance(outer.desk, Blinding)
        inner = AdjudicationSession(
            outer.desk,
            self.make_view,
            self.view_context,
            min_look=self.min_look,
            queue=Picked((outer.sitting.entry,)),
            stands=True,
        )
        inner.notice = Notice(f"{outer.notice.text} · Enter lets it stand, 2 takes the other, e mends it", "saved")

        def back(then: Callable[[], None]) -> None:
            if self.screen is not screen:
                self.pop_screen()
                then()
                cast(ReviewScreen, screen).ask_repaint()

        def leave() -> None:
            back(lambda: outer.corrected(inner) if inner.standing else outer.keep())

        self.push_screen(
            AdjudicateScreen(
                inner,
                self.terminal,
                self.prefetch,
                edit=lambda: back(lambda: None),
                leave=leave,
                undo=lambda: back(outer.undo),
            )
        )


class AdjudicateApp(SessionApp):
    """A review of what is in dispute; `trainset.tui.run_adjudicate` runs it."""

    def __init__(
        self, desk: RivalDesk, make_view: Callable[[], View], context: Context, **options: Unpack[Options]
    ) -> None:
        super().__init__(make_view, context, **options)
        self.session = AdjudicationSession(desk, make_view, context, min_look=self.min_look)

    def first(self) -> SessionScreen:
        """The first item in dispute."""
        return AdjudicateScreen(self.session, self.terminal, self.prefetch, self._edit, self.first_painted)

    def _edit(self) -> None:
        """The item in the item editor, beginning with what is picked."""
        session, screen = self.session, self.screen
        if session.sitting is None or session.sitting.view is None:
            return
        entry = session.sitting.entry
        editor = Session(
            session.desk, self.make_view, self.view_context, min_look=self.min_look, queue=Picked((entry,))
        )
        editor.begin_with(*session.draft())

        def leave() -> None:
            if self.screen is not screen:
                self.pop_screen()
                session.returned(editor)
                cast(AdjudicateScreen, screen).ask_repaint()

        self.push_screen(ReviewScreen(editor, self.terminal, self.prefetch, leave=leave))


class GridApp(SessionApp):
    """A review page by page; `trainset.tui.run_grid` runs it."""

    def __init__(
        self, desk: GridDesk, make_view: Callable[[], View], context: Context, **options: Unpack[Options]
    ) -> None:
        super().__init__(make_view, context, **options)
        self.session = GridSession(desk, min_look=self.min_look)

    def first(self) -> SessionScreen:
        """The first page."""
        return GridScreen(
            self.session,
            self.make_view,
            self.view_context,
            self.terminal,
            self.prefetch,
            self.first_painted,
            self.min_look,
        )
