"""What this terminal shows: how many colours, which glyphs and graphics, and how many bytes it bears."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trainset.core.preferences import DEFAULT, Display
from trainset.tui.canvas.ansi import Depth
from trainset.tui.canvas.blocks import Renderer
from trainset.tui.probe import SILENT, Answers

Graphics = Literal["kitty", "sixel"]

# The first version of each terminal that draws such glyphs itself, whatever its font has; () is every version.
_SEXTANTS = {"kitty": (0, 21), "foot": (1, 7), "wezterm": (), "ghostty": (), "vte": (6400,), "contour": (0, 3)}
_QUADRANTS = {"alacritty": (), "konsole": (), "iterm2": ()}
_FINE_LINES = {"kitty": (), "foot": (1, 7), "wezterm": (), "ghostty": (), "vte": (6400,)}
_PLACEHOLDERS = {"kitty": (0, 28), "ghostty": ()}
"""Terminals whose pictures stand in cells of their own, as textual-image sends them by kitty's protocol."""

_BY_VARIABLE = {"KITTY_WINDOW_ID": "kitty", "WEZTERM_PANE": "wezterm", "GHOSTTY_RESOURCES_DIR": "ghostty",
                "FOOT_PID": "foot", "ALACRITTY_WINDOW_ID": "alacritty", "KONSOLE_VERSION": "konsole"}  # fmt: skip
_BY_TERM = ("kitty", "foot", "wezterm", "ghostty", "alacritty", "contour")
_IN_24_BIT = {*_BY_TERM, "vte", "konsole", "iterm2"}
_BYTES_IN_TMUX, _BYTES_OVER_SSH = 8, 12
_DEPTHS = {"24bit": "24-bit", "256": "256 colours", "mono": "no colour"}


@dataclass(frozen=True)
class Terminal:
    """`budget` is what a cell may cost in bytes on average (0: any), `fine` whether the terminal draws the
    eighth-of-a-cell lines of Unicode 13 itself, `graphics` how it shows pictures of pixels, `cell` the size of a cell in
    pixels, and `why` the reasons for each choice, by its name."""

    renderer: Renderer = "half"
    depth: Depth = "24bit"
    budget: int = 0
    fine: bool = False
    graphics: Graphics | None = None
    cell: tuple[int, int] | None = None
    why: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """How the status line names it."""
        return f"{self.renderer}/{_DEPTHS[self.depth]}"


@dataclass(frozen=True)
class Emulator:
    """The program that draws: its name in lower case ("" where it is not known) and its version, () where that is not."""

    name: str = ""
    version: tuple[int, ...] = ()

    def among(self, known: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether it is one of these, and no older than it says there; one that hides its age is taken for recent."""
        return self.name in known and (not self.version or self.version >= known[self.name])


def emulator(environ: Mapping[str, str], answers: Answers) -> Emulator:
    """Who draws, by the terminal's own answer, or else by what it left in the environment."""
    said = re.match(r"(\w[\w -]*?)[ (]+v?([\d.]+)", answers.version)
    if said:
        return Emulator(said[1].lower(), tuple(int(n) for n in said[2].split(".") if n))
    if answers.version:
        return Emulator(answers.version.split("(")[0].split(" ")[0].lower())
    if (vte := environ.get("VTE_VERSION", "")).isdecimal():
        return Emulator("vte", (int(vte),))
    if environ.get("TERM_PROGRAM") == "iTerm.app" or environ.get("LC_TERMINAL") == "iTerm2":
        return Emulator("iterm2")
    by_term = (name for name in _BY_TERM if name in environ.get("TERM", "").split("-"))
    by_variable = (name for variable, name in _BY_VARIABLE.items() if variable in environ)
    return Emulator(next(by_term, next(by_variable, "")))


def detect(
    environ: Mapping[str, str],
    color_system: str | None,
    renderer: Renderer | None = None,
    depth: Depth | None = None,
    display: Display = DEFAULT.display,
    answers: Answers = SILENT,
) -> Terminal:
    """The terminal as it describes itself and as the environment does; `renderer` and `depth` overrule everything, what
    `display` chooses overrules what is found.

    `color_system` is Rich's name of what the terminal has. NO_COLOR means no colour at all, and pictures as a ramp of
    characters. Inside of tmux or screen, whatever is outside may change with the next attachment: half-blocks.
    """
    who, inside = emulator(environ, answers), multiplexer(environ)
    over_ssh = "SSH_CONNECTION" in environ or "SSH_TTY" in environ
    known = " ".join((who.name, *(".".join(map(str, v)) for v in [who.version] if v))) or "a terminal that is not known"
    chosen = "you chose it"
    why: dict[str, str] = {}
    if depth is None and display.colours != "auto":
        depth = display.colours
    if depth is not None:
        why["colours"] = chosen
    elif "NO_COLOR" in environ:
        depth, why["colours"] = "mono", "NO_COLOR is set"
    elif color_system == "truecolor":
        depth, why["colours"] = "24bit", "COLORTERM says so"
    elif not inside and who.name in _IN_24_BIT:
        depth, why["colours"] = "24bit", f"this is {known}"
    else:
        depth, why["colours"] = "256", "COLORTERM does not say 24 bits"
    if renderer is None and display.glyphs != "auto":
        renderer = display.glyphs
    if renderer is not None:
        why["glyphs"] = chosen
    elif depth == "mono":
        renderer, why["glyphs"] = "ascii", "blocks need colours"
    elif inside:
        renderer, why["glyphs"] = "half", f"inside of {inside} nothing is known of the terminal around it"
    else:
        renderer = "sextant" if who.among(_SEXTANTS) else "quad" if who.among(_QUADRANTS) else "half"
        why["glyphs"] = f"this is {known}"
    budget, why["bytes"] = (
        (display.bytes, chosen)
        if display.bytes != "auto"
        else (_BYTES_IN_TMUX, f"{inside} throws more away")
        if inside
        else (_BYTES_OVER_SSH, "the line is what takes time over SSH")
        if over_ssh
        else (0, "the terminal is on this machine")
    )
    graphics, why["graphics"] = _graphics(who, known, inside, display, answers)
    fine = not inside and who.among(_FINE_LINES)
    return Terminal(renderer, depth, budget, fine, graphics, answers.cell, tuple(why.items()))


def multiplexer(environ: Mapping[str, str]) -> str:
    """The program between this and the terminal, "" where there is none."""
    return "tmux" if "TMUX" in environ else "screen" if "STY" in environ else "zellij" if "ZELLIJ" in environ else ""


def _graphics(
    who: Emulator, known: str, inside: str, display: Display, answers: Answers
) -> tuple[Graphics | None, str]:
    if display.graphics == "none":
        return None, "you chose it"
    if display.graphics != "auto":
        return display.graphics, "you chose it"
    if inside:
        return None, f"{inside} hands no pictures on unless it was told to: see docs/review.md"
    if who.among(_PLACEHOLDERS):
        return "kitty", f"this is {known}"
    if answers.sixel:
        return "sixel", "the terminal said that it draws sixels"
    said = "the terminal did not say that it draws sixels" if answers.answered else "the terminal did not answer"
    return None, f"{said}, and it is not known to draw kitty's graphics"
