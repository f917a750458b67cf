"""The terminal review. Only this package knows Textual, and it loads it when a review starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainset.core.protocols import Context, View
    from trainset.core.session import Desk
    from trainset.tui.canvas.ansi import Depth
    from trainset.tui.canvas.blocks import Renderer


def run_review(
    desk: Desk,
    make_view: Callable[[], View],
    context: Context,
    *,
    min_look: float = 0.15,
    renderer: Renderer | None = None,
    depth: Depth | None = None,
) -> int:
    """Review the desk's queue in this terminal, and return the exit code.

    `make_view` gives a fresh view for each item. A decision counts `min_look` seconds after its item was painted, not
    sooner. `renderer` and `depth` are chosen by the terminal where they are not given. UsageError without a terminal.
    """
    from trainset.errors import UsageError

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("review needs a terminal", hint="scripts decide with `trainset decide`")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from trainset.tui.app import ReviewApp

    app = ReviewApp(desk, make_view, context, min_look=min_look, renderer=renderer, depth=depth)
    app.run()
    return app.return_code or 0


_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # arrays of a screen's size lose more to thread hand-over than they gain
    "OPENBLAS_NUM_THREADS": "1",
    "TEXTUAL_FPS": "120",
    "TEXTUAL_ANIMATIONS": "none",
}
