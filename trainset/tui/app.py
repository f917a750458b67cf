"""The Textual application around a review session."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import ClassVar

from textual.app import App
from textual.binding import Binding
from textual.theme import Theme

from trainset.core.protocols import Context, View
from trainset.core.session import Desk, Session
from trainset.tui.canvas.ansi import Depth
from trainset.tui.canvas.blocks import Renderer
from trainset.tui.canvas.palette import BACKGROUND, FOREGROUND, hexadecimal
from trainset.tui.prefetch import Prefetch
from trainset.tui.screens.review import ReviewScreen
from trainset.tui.terminal import detect

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


class ReviewApp(App[None]):
    """A review in this terminal; `trainset.tui.run_review` runs it."""

    CSS_PATH = "review.tcss"
    TITLE = "trainset"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar = [Binding("ctrl+c", "quit", show=False)]

    def __init__(
        self,
        desk: Desk,
        make_view: Callable[[], View],
        context: Context,
        *,
        min_look: float = 0.15,
        renderer: Renderer | None = None,
        depth: Depth | None = None,
    ) -> None:
        no_color = "NO_COLOR" in os.environ or depth == "mono"
        super().__init__(ansi_color=True if no_color else None)
        self.register_theme(THEME)
        self.theme = THEME.name
        self.animation_level = "none"
        self.terminal = detect(os.environ, self.console.color_system, renderer, depth)
        self.session = Session(desk, make_view, context, min_look=min_look)
        self._prefetch = Prefetch(context.media)
        self._frozen = False

    def on_mount(self) -> None:
        """Show the review."""
        self.push_screen(ReviewScreen(self.session, self.terminal, self._prefetch, self._first_painted))

    def on_unmount(self) -> None:
        """Let go of the worker."""
        self._prefetch.close()

    def _first_painted(self) -> None:
        if not self._frozen:
            self._frozen = True
            gc.collect()
            gc.freeze()  # what start-up made lives to the end, so no later collection need look at it
