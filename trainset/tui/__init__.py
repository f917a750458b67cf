"""The terminal review. Only this package knows Textual, and it loads it when a review starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, Unpack

if TYPE_CHECKING:
    from trainset.core.preferences import Preferences
    from trainset.core.protocols import Context, View
    from trainset.core.reviewing import Desk, RivalDesk
    from trainset.core.tiles import GridDesk
    from trainset.tui.app import SessionApp
    from trainset.tui.canvas.ansi import Depth
    from trainset.tui.canvas.blocks import Renderer
    from trainset.tui.probe import Answers


class Options(TypedDict, total=False):
    """What every way to review may be told.

    A decision counts `min_look` seconds after its item was painted, not sooner. `renderer` and `depth` are chosen by
    `preferences` where they are not given, and by the terminal where these leave it to that. `answers` are what that said
    of itself.
    """

    min_look: float
    renderer: Renderer | None
    depth: Depth | None
    preferences: Preferences
    answers: Answers


def run_review(desk: Desk, make_view: Callable[[], View], context: Context, **options: Unpack[Options]) -> int:
    """Review the desk's queue in this terminal, and return the exit code.

    `make_view` gives a fresh view for each item. The terminal is asked for its `answers` here. UsageError without one.
    """
    _prepare()
    from trainset.tui.app import ReviewApp

    return _run(ReviewApp(desk, make_view, context, **_asked(options)))


def run_grid(desk: GridDesk, make_view: Callable[[], View], context: Context, **options: Unpack[Options]) -> int:
    """Review what the desk has page by page in this terminal, as `run_review` does item by item."""
    _prepare()
    from trainset.tui.app import GridApp

    return _run(GridApp(desk, make_view, context, **_asked(options)))


def run_adjudicate(desk: RivalDesk, make_view: Callable[[], View], context: Context, **options: Unpack[Options]) -> int:
    """Settle what is in dispute in this terminal, as `run_review` does item by item."""
    _prepare()
    from trainset.tui.app import AdjudicateApp

    return _run(AdjudicateApp(desk, make_view, context, **_asked(options)))


def _run(app: SessionApp) -> int:
    app.run()
    return app.return_code or 0


def _prepare() -> None:
    """Settings that Textual and numpy read when they are loaded; UsageError without a terminal."""
    from trainset.errors import UsageError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("review needs a terminal", hint="scripts decide with `trainset decide`")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _asked(options: Options) -> Options:
    """These with what the terminal says of itself where that can matter; ConfigError where there is no such theme."""
    from trainset.core.preferences import DEFAULT
    from trainset.errors import ConfigError
    from trainset.tui.app import themes
    from trainset.tui.probe import SILENT, ask
    from trainset.tui.terminal import multiplexer

    theme = options.get("preferences", DEFAULT).display.theme
    if theme not in (known := themes()):
        raise ConfigError(f"[display] theme: there is no theme {theme!r}", hint=", ".join(known))
    unheard = multiplexer(os.environ) or "NO_COLOR" in os.environ
    return {**options, "answers": SILENT if unheard else ask()}


_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # arrays of a screen's size lose more to thread hand-over than they gain
    "OPENBLAS_NUM_THREADS": "1",
    "TEXTUAL_FPS": "120",
    "TEXTUAL_ANIMATIONS": "none",
}
