"""What this terminal shows: how many colours, which glyphs, and how many bytes it bears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainset.tui.canvas.ansi import Depth
from trainset.tui.canvas.blocks import Renderer

_DRAWS_FINE_LINES = ("KITTY_WINDOW_ID", "WEZTERM_PANE", "GHOSTTY_RESOURCES_DIR", "FOOT_PID")
_VTE_WITH_FINE_LINES = 6400
_BEHIND = ("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY")


@dataclass(frozen=True)
class Terminal:
    """`tolerance` is by how much neighbouring colours may differ and still be sent as one; `fine` whether the
    terminal draws the eighth-of-a-cell lines of Unicode 13 itself."""

    renderer: Renderer = "half"
    depth: Depth = "24bit"
    tolerance: int = 0
    fine: bool = False

    @property
    def title(self) -> str:
        """How the status line names it."""
        depths = {"24bit": "24-bit", "256": "256 colours", "mono": "no colour"}
        return f"{self.renderer}/{depths[self.depth]}"


def detect(
    environ: Mapping[str, str], color_system: str | None, renderer: Renderer | None, depth: Depth | None
) -> Terminal:
    """The terminal as the environment describes it; `renderer` and `depth` overrule it where they are given.

    `color_system` is Rich's name of what the terminal has. NO_COLOR means no colour at all, and pictures as a ramp of
    characters.
    """
    if depth is None:
        depth = "mono" if "NO_COLOR" in environ else "24bit" if color_system == "truecolor" else "256"
    vte = environ.get("VTE_VERSION", "")
    return Terminal(
        renderer or ("ascii" if depth == "mono" else "half"),
        depth,
        tolerance=8 if any(name in environ for name in _BEHIND) else 0,
        fine=any(name in environ for name in _DRAWS_FINE_LINES)
        or (vte.isdecimal() and int(vte) >= _VTE_WITH_FINE_LINES),
    )
