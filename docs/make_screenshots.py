"""Draws docs/images: the review screen on the demo's frames. `python docs/make_screenshots.py` makes them anew."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from trainset_vision.demo import Belt

from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.plugins.registry import load
from trainset.plugins.specs import ViewSpec
from trainset.tui.app import ReviewApp
from trainset.workspace import Workspace

IMAGES = Path(__file__).parent / "images"
SIZE = (100, 30)
SHOTS = {
    "review": ("media/belt-0148.jpg", ["shift+tab"]),
    "why": ("media/belt-0148.jpg", ["e"]),
}
"""Which item to show, and the keys to press on it, by the picture's name."""

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
    trainset(root, "reviewer", "add", "ana", "--name", "Ana Ruiz")
    trainset(root, "prelabel")


def trainset(folder: Path, *words: str) -> None:
    """Run a command in a folder."""
    subprocess.run([sys.executable, "-m", "trainset", *words], cwd=folder, check=True, capture_output=True)


async def shoot(app: ReviewApp, key: str, keys: list[str]) -> str:
    """The screen as SVG, on an item, after some keys."""
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.3)
        app.session.jump(key)
        await pilot.pause(0.3)
        await pilot.press(*keys)
        await pilot.pause(0.3)
        return app.export_screenshot(title="trainset review")


def plain(svg: str) -> str:
    """The picture without what a viewer would fetch, and with ids that are the same whenever it is made."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    svg = svg.replace("Fira Code, monospace", "'Fira Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> None:
    """Make every picture."""
    os.environ.update({"COLORTERM": "truecolor", "TERM": "xterm-256color"})
    IMAGES.mkdir(exist_ok=True)
    plugins = Workspace()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "parts"
        make_dataset(root)
        with plugins.open(root) as dataset:
            task = dataset.config.task(None)
            view = load(next(s for s in plugins.registry.all(ViewSpec, "vision") if task.type in s.tasks).factory)
            for name, (key, keys) in SHOTS.items():
                desk = ReviewDesk(dataset, task, "ana")
                app = ReviewApp(desk, view, TaskContext(dataset, task), min_look=0.0, depth="24bit")
                (IMAGES / f"{name}.svg").write_text(plain(asyncio.run(shoot(app, key, keys))), encoding="utf-8")
                desk.close()


if __name__ == "__main__":
    main()
