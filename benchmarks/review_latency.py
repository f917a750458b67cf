"""How long a reviewer waits: from the byte of a key to what it painted, in a data set of a million items.

    python benchmarks/review_latency.py [--images /data/vision] [--keep FOLDER] [--items 1000000] [--keys 160] [--tmux]

The command itself, `trainset review`, runs in a pseudo terminal of 196×50 cells and 24-bit colours that marks frames
(mode 2026). A key has been painted when its last byte of output was read: 120 ms of silence tell that no more comes, and
do not count. What came must hold the sign that the key had to change: another item's name, one more step to undo. So
nothing of the program is changed or slowed for being measured, and a second frame counts where there is one. "First
painted" is the end of the first frame with the item's name and picture in it, from the start of the process.

`--images` (else TRAINSET_REAL_DATA and `vision` in it) has the folders `coco48` and `bccd`: their pictures, with their own
boxes, come first in the queue, and around them stand items drawn from a seed, which have no pictures. With `--keep` the
data set is made once in a folder, and used again: what is decided in it is undone. `--tmux` runs the same in tmux, which
marks no frames and names no item whole, so there any output counts; CPU is that of its client.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from measure import median, run, table
from PIL import Image
from pseudo import Painted, PseudoTerminal, Silent
from synthetic import LABELS, commit, make, write_run

TRAINSET = [sys.executable, "-m", "trainset"]
SEEN = "seen"
"""The label of the boxes on pictures: the first, so that a grid begins with it."""
UNSURE = 0.5
"""Their score: what is least sure comes first."""
NAME = r"(\w+\.jpg)"
STEP = r"undo \d"
BURST, PAGES, STARTS = 100, 10, 3
HELD = 30
"""Keys a second that a keyboard sends while one is held."""
MOVES, RELABELS, PAGE_DOWN = (b"l", b"j", b"h", b"k"), (b"2", b"3"), b"\x1b[6~"
HUGE = (4000, 3000)

Boxes = Iterator[tuple[str, list[dict[str, object]]]]


# -- the data -------------------------------------------------------------------------------------------------


def boxes_of(folder: Path, name: str) -> Boxes:
    """Pictures by key, with the boxes that came with them."""
    for path in sorted((folder / "images").glob("*.jpg")):
        found = _voc(path) if (folder / "annotations").is_dir() else _yolo(path)
        yield (
            f"{name}/{path.name}",
            [
                {
                    "type": "box",
                    "id": f"p{n + 1}",
                    "label": SEEN,
                    "score": UNSURE,
                    "box": [float(round(v, 1)) for v in box],
                }
                for n, box in enumerate(found)
            ],
        )


def _voc(path: Path) -> Iterable[tuple[float, ...]]:
    tree = ElementTree.parse(path.parents[1] / "annotations" / f"{path.stem}.xml")
    for box in tree.iterfind("object/bndbox"):
        x0, y0, x1, y1 = (float(box.findtext(side, "0")) for side in ("xmin", "ymin", "xmax", "ymax"))
        if x1 > x0 and y1 > y0:
            yield x0, y0, x1 - x0, y1 - y0


def _yolo(path: Path) -> Iterable[tuple[float, ...]]:
    width, height = Image.open(path).size
    file = path.parents[1] / "labels" / f"{path.stem}.txt"
    for line in file.read_text().splitlines() if file.exists() else ():
        x, y, w, h = (float(v) for v in line.split()[1:5])
        yield (x - w / 2) * width, (y - h / 2) * height, w * width, h * height


def build(root: Path, count: int, images: Path) -> None:
    """A data set of `count` items, the pictures among them, routed and with a warm index."""
    names = ("bccd", "coco48")
    pictures = sum(len(list((images / name / "images").glob("*.jpg"))) for name in names)
    make(root, count - pictures, labels=(SEEN, *LABELS))
    for name in names:
        run([*TRAINSET, "add", str(images / name / "images"), "--source", name], cwd=root)
    write_run(root, "parts", (found for name in names for found in boxes_of(images / name, name)))
    ready(root)


def build_huge(root: Path, images: Path) -> None:
    """One picture of twelve megapixels with a mask over a tenth of it."""
    from trainset_vision.annotations.rle import encode

    run([*TRAINSET, "init", str(root), "--modality", "vision", "--task", f"areas:mask:{SEEN}"])
    first = next((images / "bccd" / "images").glob("*.jpg"))
    Image.open(first).resize(HUGE).save(root / "media" / "huge.jpg", quality=90)
    run([*TRAINSET, "add", "media"], cwd=root)
    y, x = np.ogrid[: HUGE[1], : HUGE[0]]
    inside = ((x - 2000) / 800) ** 2 + ((y - 1500) / 480) ** 2 < 1
    mask = {"size": HUGE[::-1], "counts": encode(inside)}
    write_run(
        root,
        "areas",
        [("media/huge.jpg", [{"type": "mask", "id": "p1", "label": SEEN, "score": UNSURE, "mask": mask}])],
    )
    ready(root)


def ready(root: Path) -> None:
    """A reviewer, no least time to look, no blind split; routed, committed, and the index warm."""
    settings = root / "trainset.toml"
    text = re.sub(r"(?m)^min-look = .*$", "min-look = 0", settings.read_text())
    settings.write_text(re.sub(r"(?m)^blind = .*$", "blind = []", text))
    run([*TRAINSET, "reviewer", "add", "ana"], cwd=root)
    run([*TRAINSET, "route", "--yes"], cwd=root)
    commit(root)
    run([*TRAINSET, "status"], cwd=root)


# -- the measure ----------------------------------------------------------------------------------------------


class Measured:
    """What one kind of key took: ms of wall clock and of CPU for each, and how many frames and bytes it painted."""

    def __init__(self, name: str, budget: int | None = None) -> None:
        self.name, self.budget = name, budget
        self.ms: list[float] = []
        self.cpu: list[float] = []
        self.frames: list[int] = []
        self.size: list[int] = []

    def add(self, seconds: float, cpu: float, painted: Painted) -> None:
        """One more."""
        self.ms.append(1000 * seconds)
        self.cpu.append(1000 * cpu)
        self.frames.append(painted.frames)
        self.size.append(painted.size)

    def row(self) -> tuple[object, ...]:
        """A row of the table."""
        p95, mid = sorted(self.ms)[int(len(self.ms) * 0.95)], median(self.ms)
        frames, size = sum(self.frames) / len(self.frames), median(self.size) / 1000
        figures = (
            f"{mid:.0f}",
            f"{p95:.0f}",
            f"{max(self.ms):.0f}",
            f"{median(self.cpu):.0f}",
            f"{frames:.1f}",
            f"{size:.0f}",
        )
        return (self.name, len(self.ms), *figures, self.budget or "")


class Bench:
    """Runs reviews of data sets, and keeps what they took."""

    def __init__(self, tmux: bool) -> None:
        self.measured: dict[str, Measured] = {}
        self.tmux = ["tmux", "-L", f"latency{os.getpid()}"] if tmux else []

    def review(self, root: Path, *words: str) -> PseudoTerminal:
        """A review in a terminal."""
        command = [*TRAINSET, "review", "--reviewer", "ana", *words]
        if self.tmux:
            session = ["-f", "/dev/null", "-u", "-T", "RGB", "new-session", *command, ";", "set", "status", "off"]
            command = [*self.tmux, *session]
        return PseudoTerminal(command, root, {"XDG_CONFIG_HOME": str(root)}, framed=not self.tmux)

    def of(self, name: str, budget: int | None = None) -> Measured:
        """What is kept under this name."""
        return self.measured.setdefault(name, Measured(name, budget))

    def key(self, terminal: PseudoTerminal, key: bytes, into: Measured, has: str, within: float = 10) -> Painted:
        """Press a key and wait for what it paints."""
        cpu = terminal.cpu
        at, painted = terminal.press(key, has="" if self.tmux else has, within=within)
        into.add(painted.last - at, terminal.cpu - cpu, painted)
        return painted

    def start(self, root: Path, into: Measured, has: str, *words: str, whole: bool = False) -> PseudoTerminal:
        """Begin a review and wait for what it first shows; for the `whole` of it, or the first frame that has this."""
        terminal = self.review(root, *words)
        painted = terminal.read(0.5, 60, has)
        into.add((painted.last if whole else painted.first) - terminal.started, terminal.cpu, painted)
        return terminal


def measure(bench: Bench, root: Path, keys: int) -> None:
    """Items one by one: walking, deciding, editing, and keys that come faster than they can be painted."""
    opening = bench.of("first item, from process start", 1000)
    with bench.start(root, opening, NAME) as terminal:
        walked = [_named(bench.key(terminal, b"n", bench.of("next item", 30), NAME)) for _ in range(max(keys, BURST))]
    with bench.start(root, opening, NAME) as terminal:
        for _ in range(keys):
            bench.key(terminal, b"a", bench.of("accept and next", 50), NAME)
        for _ in range(keys):
            bench.key(terminal, b"u", bench.of("undo a decision"), NAME)
    with bench.start(root, opening, NAME) as terminal:
        for n in range(keys):
            if n % len(MOVES) == 0:
                terminal.press(b"u" * 2 * len(MOVES) + b"n")  # an edit that is left would be offered the next time
            bench.key(terminal, b"\t", bench.of("next box", 30), "")
            with suppress(Silent):  # a box at the edge does not move outwards
                bench.key(terminal, MOVES[n % len(MOVES)], bench.of("move a box", 30), STEP, within=2)
            bench.key(terminal, RELABELS[n % len(RELABELS)], bench.of("relabel", 30), STEP)
        terminal.press(b"u" * 2 * len(MOVES))
    for name, rate in (
        (f"the last of {BURST} × next at once", 0),
        (f"the last of {BURST} × next at {HELD} a second", HELD),
    ):
        for _ in range(STARTS):
            with bench.start(root, opening, NAME) as terminal:
                terminal.hold(b"n", BURST - 1, rate)
                last = _named(bench.key(terminal, b"n", bench.of(name, 150), NAME))
                if last != walked[BURST - 1] and not bench.tmux:
                    raise SystemExit(f"{BURST} keys did not lead to {walked[BURST - 1]}")


def _named(painted: Painted) -> str:
    """The item that was named last; "" where tmux sent but what changed of its name."""
    return ["", *re.findall(NAME, painted.text)][-1]


def measure_grid(bench: Bench, root: Path) -> None:
    """Pages of objects, with all their pictures."""
    opening, turning = bench.of("grid: first page, from process start", 1000), bench.of("grid: next page")
    for _ in range(STARTS):
        with bench.start(root, opening, NAME, "--mode", "grid", whole=True) as terminal:
            for _ in range(PAGES):
                bench.key(terminal, PAGE_DOWN, turning, NAME)


def measure_huge(bench: Bench, root: Path, keys: int) -> None:
    """A mask that is moved as a whole."""
    with bench.start(root, bench.of("first item of 12 megapixels, from process start"), NAME) as terminal:
        terminal.press(b"\t")
        for n in range(keys):
            bench.key(terminal, MOVES[n % len(MOVES)], bench.of("move a mask of 12 megapixels", 30), STEP)
        terminal.press(b"u" * keys)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path(os.environ.get("TRAINSET_REAL_DATA", ".")) / "vision")
    parser.add_argument("--keep", type=Path, help="a folder for the data sets, made where they are not there")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=160, help="of each kind")
    parser.add_argument("--tmux", action="store_true", help="in tmux")
    options = parser.parse_args()
    images = options.images.resolve()
    if not (images / "bccd" / "images").is_dir():
        parser.error(f"{images} has no pictures: --images or TRAINSET_REAL_DATA names a folder with bccd and coco48")
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        bench = Bench(options.tmux)
        for name, make_it in ((f"items-{options.items}", partial(build, count=options.items)), ("huge", build_huge)):
            if not (folder / name).exists():
                (folder / "new").mkdir(parents=True)
                make_it(folder / "new" / name, images=images)
                (folder / "new" / name).rename(folder / name)
                (folder / "new").rmdir()
        root = folder / f"items-{options.items}"
        run([*TRAINSET, "route", "--yes"], cwd=root)  # a kept index may be another version's
        for words in ((), ("--mode", "grid")):  # what a first start ever compiles and reads
            bench.start(root, Measured(""), NAME, *words).close()
        try:
            measure(bench, root, options.keys)
            measure_grid(bench, root)
            measure_huge(bench, folder / "huge", options.keys)
        finally:
            if bench.tmux:
                subprocess.run([*bench.tmux, "kill-server"], check=False, capture_output=True)
            report(bench, options.items)


def report(bench: Bench, items: int) -> None:
    """Print what was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("textual", "numpy", "pillow"))
    where = "tmux in a pseudo terminal" if bench.tmux else "a pseudo terminal"
    table(
        f"Waiting in a review of {items:,} items, {where} of 196×50, {versions}",
        ("what", "times", "median ms", "p95 ms", "most ms", "CPU ms", "frames", "kB", "budget ms"),
        [measured.row() for measured in bench.measured.values() if measured.ms],
    )


if __name__ == "__main__":
    main()
