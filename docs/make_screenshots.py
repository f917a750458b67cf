"""Draws docs/images: the screens on the demo's frames, at three sizes. `python docs/make_screenshots.py` makes them anew."""

from __future__ import annotations

import asyncio
import base64
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image
from rich.segment import Segment
from trainset_vision.demo import Belt

from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.grid_desk import ReviewGridDesk
from trainset.plugins.registry import load
from trainset.plugins.specs import ViewSpec
from trainset.tui.app import AdjudicateApp, GridApp, ReviewApp, SessionApp
from trainset.tui.canvas.palette import BACKGROUND, FOREGROUND
from trainset.workspace import Workspace

IMAGES = Path(__file__).parent / "images"
ITEM = "media/belt-0148.jpg"
SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 50)
CELL = (8, 17)
"""Pixels of a cell."""


@dataclass(frozen=True)
class Shot:
    """A picture: which desk and application, how many cells, the keys that are pressed."""

    name: str
    app: type[SessionApp]
    desk: Callable[..., object]
    size: tuple[int, int] = MIDDLE
    keys: tuple[str, ...] = ()


SHOTS = [
    Shot("why", ReviewApp, ReviewDesk, MIDDLE, ("e",)),
    *(Shot(f"review{end}", ReviewApp, ReviewDesk, size, ("shift+tab",))
      for end, size in (("-small", SMALL), ("", MIDDLE), ("-large", LARGE))),
    *(Shot(f"grid{end}", GridApp, ReviewGridDesk, size, ("s", "d", "2"))
      for end, size in (("-small", SMALL), ("", MIDDLE), ("-large", LARGE))),
    *(Shot(f"adjudicate{end}", AdjudicateApp, AdjudicationDesk, size, ("left", "tab"))
      for end, size in (("-small", SMALL), ("", MIDDLE), ("-large", LARGE))),
]  # fmt: skip

RULES = """
[tasks.parts.rules]
accept-above = { score = 0.98 }
min-score = { below = 0.98 }
overlapping-duplicates = { above = 0.4 }
random-audit = { share = 0.05 }
"""


def make_dataset(root: Path) -> None:
    """The demo's frames in a data set, proposed and routed, with nothing decided by a person."""
    trainset(root.parent, "init", root.name, "--modality", "vision", "--task", *Belt.tasks)
    Belt().make(root, seed=0)
    settings = root / "trainset.toml"
    settings.write_text(re.sub(r"\n\[tasks\.parts\.rules\]\n.*", RULES, settings.read_text(), flags=re.DOTALL))
    (root / "guidelines" / "parts.md").write_text("# parts\n\nA box holds the whole part, its shadow left out.\n")
    trainset(root, "add", "media")
    trainset(root, "model", "add", "model.onnx", "--name", "belt")
    for who in ("ana", "ben"):
        trainset(root, "reviewer", "add", who)
    trainset(root, "prelabel")


def disagree(root: Path) -> None:
    """Two reviewers answer the item, neither having seen the other's answer."""
    elsewhere = root.parent / "elsewhere"
    shutil.copytree(root, elsewhere)
    (task,) = json.loads(trainset(root, "show", ITEM, "--json"))["tasks"].values()
    proposed = task["proposal"]
    first, second, *others = proposed
    x, y, width, height = second["box"]
    moved = {**second, "box": [x + width / 3, y, width, height]}
    mine = [{**first, "label": "nut"}, moved, *others[1:]]
    trainset(root, "decide", ITEM, "--verdict", "accepted", "--reviewer", "ana")
    trainset(
        elsewhere, "decide", ITEM, "--verdict", "corrected", "--annotations", json.dumps(mine), "--reviewer", "ben"
    )
    shutil.copytree(elsewhere / "labels", root / "labels", dirs_exist_ok=True)


def trainset(folder: Path, *words: str) -> str:
    """Run a command in a folder; what it printed."""
    command = [sys.executable, "-m", "trainset", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


async def shoot(app: SessionApp, shot: Shot) -> str:
    """The screen as SVG, after the keys."""
    async with app.run_test(size=shot.size) as pilot:
        await pilot.pause(1.0)
        if shot.app is not GridApp:
            app.session.jump(ITEM)
            app.screen.ask_repaint()
        await pilot.pause(0.3)
        for key in shot.keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(0.5)
        return svg([list(cells(strip)) for strip in app.screen._compositor.render_strips()])


Cell = tuple[str, tuple[int, int, int], tuple[int, int, int], bool]
"""A character, its colour, that behind it, and whether it is bold."""


def cells(strip: Iterable[Segment]) -> Iterator[Cell]:
    """The cells of a row."""
    for text, style, _ in strip:
        fore = style.color.get_truecolor() if style and style.color else FOREGROUND
        back = style.bgcolor.get_truecolor() if style and style.bgcolor else BACKGROUND
        if style and style.reverse:
            fore, back = back, fore
        for character in text:
            yield character, tuple(fore), tuple(back), bool(style and style.bold)


BARS = {
    "▏": (0, 0, 1, 8), "▎": (0, 0, 2, 8), "▌": (0, 0, 4, 8), "▊": (0, 0, 6, 8), "▕": (7, 0, 1, 8), "▔": (0, 0, 8, 1),
    "▁": (0, 7, 8, 1), "▂": (0, 6, 8, 2), "▆": (0, 2, 8, 6), "▀": (0, 0, 8, 4), "▄": (0, 4, 8, 4), "█": (0, 0, 8, 8),
}  # fmt: skip
"""Block elements: left, top, width, height, in eighths of a cell. Fonts leave gaps between them."""
HALVES = {"▀": (1, 2), "▄": (2, 1), "█": (1, 1)}


def svg(rows: list[list[Cell]]) -> str:
    """Cells as a picture: half-blocks and backgrounds as its pixels, two a cell, lines as paths, and the rest as text."""
    pixels = [[cell[HALVES.get(cell[0], (2, 2))[half]] for cell in row] for row in rows for half in (0, 1)]
    image = Image.fromarray(np.array(pixels, np.uint8)).quantize(128, dither=Image.Dither.NONE)
    image.save(stored := io.BytesIO(), "PNG", optimize=True)
    (across, down), (columns, lines) = CELL, (len(rows[0]), len(rows))
    width, height = columns * across, lines * down
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<style>text{font:13px 'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}.b{font-weight:bold}</style>",
        f'<image width="{width}" height="{height}" preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{base64.b64encode(stored.getvalue()).decode()}"/>',
    ]
    paths: dict[str, str] = {}
    for line, row in enumerate(rows):
        for column, (glyph, fore, _, _) in enumerate(row):
            if glyph in BARS and glyph not in HALVES:
                x, y, w, h = (size * eighths / 8 for eighths, size in zip(BARS[glyph], CELL * 2, strict=True))
                shape = f"M{column * across + x:g} {line * down + y:g}h{w:g}v{h:g}h{-w:g}z"
                paths[bytes(fore).hex()] = paths.get(bytes(fore).hex(), "") + shape
    out += [f'<path fill="#{colour}" shape-rendering="crispEdges" d="{path}"/>' for colour, path in paths.items()]
    for line, row in enumerate(rows):
        for (fore, bold), start, text in runs(row):
            classes = ' class="b"' if bold else ""
            out.append(
                f'<text x="{start * across}" y="{line * down + 13}" textLength="{len(text) * across}" '
                f'lengthAdjust="spacingAndGlyphs" fill="#{bytes(fore).hex()}"{classes}>{html.escape(text)}</text>'
            )
    return "\n".join([*out, "</svg>"]) + "\n"


def runs(row: list[Cell]) -> Iterator[tuple[tuple[tuple[int, int, int], bool], int, str]]:
    """The characters of a row that are no blocks, together as far as they look alike: look, first column, text."""
    at = 0
    for look, group in groupby(row, lambda cell: None if cell[0] in BARS else (cell[1], cell[3])):
        text = "".join(cell[0] for cell in group)
        if look is not None:
            for found in re.finditer(r"\S+( \S+)*", text):
                yield look, at + found.start(), found[0]
        at += len(text)


def main() -> None:
    """Make every picture."""
    os.environ.update({"COLORTERM": "truecolor", "TERM": "xterm-256color"})
    shutil.rmtree(IMAGES, ignore_errors=True)
    IMAGES.mkdir()
    plugins = Workspace()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "parts"
        make_dataset(root)
        for shot in SHOTS:
            if shot.app is AdjudicateApp and not (root.parent / "elsewhere").exists():
                disagree(root)
            with plugins.open(root) as dataset:
                task = dataset.config.task(None)
                view = load(next(s for s in plugins.registry.all(ViewSpec, "vision") if task.type in s.tasks).factory)
                desk = shot.desk(dataset, task, "ana")
                app = shot.app(desk, view, TaskContext(dataset, task), min_look=0.0, depth="24bit")
                (IMAGES / f"{shot.name}.svg").write_text(asyncio.run(shoot(app, shot)), encoding="utf-8")
                desk.close()


if __name__ == "__main__":
    main()
