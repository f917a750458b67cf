"""What `trainset doctor` shows of a terminal: what was found and why, and samples that a person judges by eye."""

from __future__ import annotations

import os
import sys
from importlib import metadata

import numpy as np

from trainset.core.preferences import Display
from trainset.tui.canvas import strip
from trainset.tui.canvas.ansi import Depth, encode
from trainset.tui.canvas.blocks import SUBCELLS, Renderer, to_cells
from trainset.tui.canvas.cells import Cells
from trainset.tui.canvas.mosaic import QUADRANTS, SEXTANTS
from trainset.tui.canvas.palette import FOREGROUND, OKABE_ITO
from trainset.tui.probe import Answers, ask
from trainset.tui.terminal import Terminal, detect

_ROWS, _COLUMNS = 8, 20


def here(display: Display) -> tuple[Terminal, Answers]:
    """The terminal that this runs in, and what it said when it was asked."""
    from rich.console import Console

    answers = ask(os.environ)
    return detect(os.environ, Console().color_system, display=display, answers=answers), answers


def versions() -> dict[str, str]:
    """The versions of what draws."""
    found = {}
    for name in ("textual", "textual-image", "rich"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def fast() -> bool:
    """Whether the installed Textual still has the private parts that make pictures quick."""
    return strip.usable()


def samples(depth: Depth) -> list[tuple[str, list[str]]]:
    """Titles and rows: every set of glyphs, colours in 24 bits and in 256, and one picture drawn in each way."""
    if "utf" not in (sys.stdout.encoding or "").lower():
        return []
    colours = [] if depth == "mono" else [("24-bit", _ramp("24bit")), ("256 colours", _ramp("256"))]
    pictures = [] if depth == "mono" else [("half, quad, sextant", _pictures(depth))]
    return [
        ("half", ["▀▄█▌▐"]),
        ("quad", [QUADRANTS[1:]]),
        ("sextant", [SEXTANTS[1:32], SEXTANTS[32:]]),
        ("fine lines", ["▔🭶🭷🭸🭹🭺🭻▁ ▏🭰🭱🭲🭳🭴🭵▕"]),
        ("box drawing", ["┌─┬─┐ ╭─╮ ▛▀▜", "└─┴─┘ ╰─╯ ▙▄▟"]),
        ("braille", ["⠁⠃⠇⡇⣇⣧⣷⣿"]),
        *colours,
        *pictures,
    ]


def _ramp(depth: Depth) -> list[str]:
    raster = np.empty((4, 64, 3), np.uint8)
    raster[:2] = np.linspace(0, 255, 64).astype(np.uint8)[None, :, None]
    raster[2:] = np.array(OKABE_ITO, np.uint8)[np.arange(64) * len(OKABE_ITO) // 64]
    return encode(to_cells(raster, "half"), depth)


def _pictures(depth: Depth) -> list[str]:
    out = Cells.blank(_ROWS, 3 * (_COLUMNS + 2), FOREGROUND)
    shown: tuple[Renderer, ...] = ("half", "quad", "sextant")
    for number, renderer in enumerate(shown):
        out.paste(_ring(renderer), 0, number * (_COLUMNS + 2))
    return encode(out, depth)


def _ring(renderer: Renderer) -> Cells:
    """A ring whose inner edge is blurred and whose outer edge is sharp."""
    down, across = SUBCELLS[renderer]
    y, x = np.mgrid[0 : _ROWS * down, 0 : _COLUMNS * across].astype(np.float32)
    far = np.hypot((y + 0.5) / down - _ROWS / 2, ((x + 0.5) / across - _COLUMNS / 2) / 2)
    shade = np.clip((far - 1.2) / 1.4, 0, 1) * (far < 3.8)
    raster = np.array(OKABE_ITO[1], np.float32) * shade[..., None] + 20 * (1 - shade[..., None])
    return to_cells(raster.astype(np.uint8), renderer)
