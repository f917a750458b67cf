"""The terminal review. Only this package knows Textual, and it loads it when a review starts."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict, Unpack

if TYPE_CHECKING:
    from trainset.core.home import Home
    from trainset.core.pace import Way
    from trainset.core.parting import Parting
    from trainset.core.preferences import Preferences
    from trainset.core.prompting import Assistant
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
    of itself. `assistant` answers what views prompt a model with. `home` is called when the reviewer leaves for the home screen; without it there is none.
    `parting` knows what to ask when the reviewer leaves.
    """

    min_look: float
    renderer: Renderer | None
    depth: Depth | None
    preferences: Preferences
    answers: Answers
    assistant: Assistant
    home: Callable[[], None] | None
    parting: Parting | None


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


def run_home(
    home: Home,
    chosen: str | None,
    where: str,
    preferences: Preferences,
    said: str = "",
    parting: Parting | None = None,
) -> tuple[str, Way | None] | None:
    """Show the tasks, with the one that is `chosen` marked, in this terminal; the task to review and its mode (None: the
    usual one), or None where the person leaves. `where` is what the review is narrowed to, `said` why the last one could
    not begin."""
    _prepare()
    from trainset.tui.app import HomeApp

    _check_theme(preferences)
    return HomeApp(home, chosen, where, preferences, said, parting).run()


def _run(app: SessionApp) -> int:
    app.run()
    gc.unfreeze()  # another one may follow it
    return app.return_code or 0


def _prepare() -> None:
    """Settings that Textual and numpy read when they are loaded; UsageError without a terminal."""
    from trainset.errors import UsageError

    if not (in_browser() or (sys.stdin.isatty() and sys.stderr.isatty())):
        raise UsageError("review needs a terminal", hint="scripts decide with `trainset decide`")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def _asked(options: Options) -> Options:
    """These with what the terminal says of itself where that can matter; ConfigError where there is no such theme."""
    from trainset.core.preferences import DEFAULT
    from trainset.tui.probe import SILENT, Answers, ask
    from trainset.tui.terminal import multiplexer

    _check_theme(options.get("preferences", DEFAULT))
    if in_browser():
        return {**options, "answers": Answers(version="browser")}
    unheard = multiplexer(os.environ) or "NO_COLOR" in os.environ
    return {**options, "answers": SILENT if unheard else ask()}


def _check_theme(preferences: Preferences) -> None:
    from trainset.errors import ConfigError
    from trainset.tui.app import themes

    if (theme := preferences.display.theme) not in (known := themes()):
        raise ConfigError(f"[display] theme: there is no theme {theme!r}", hint=", ".join(known))


def in_browser() -> bool:
    """Whether a browser is the terminal: textual-serve then names the driver that Textual is to use."""
    return "TEXTUAL_DRIVER" in os.environ


_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # arrays of a screen's size lose more to thread hand-over than they gain
    "OPENBLAS_NUM_THREADS": "1",
    "TEXTUAL_FPS": "120",
    "TEXTUAL_ANIMATIONS": "none",
}
