"""The colours of text around the canvas that Textual's theme has no name for."""

from __future__ import annotations

from trainset.tui.canvas import palette

MUTED = palette.hexadecimal(palette.MUTED)
TITLE = f"bold {MUTED}"
