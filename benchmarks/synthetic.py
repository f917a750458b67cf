"""A data set of any size, without media: what the store is measured on.

    python benchmarks/synthetic.py FOLDER --items 1000000 --decisions 500

Items, one run with its predictions and one session of decisions are written as label files, straight through the
record chain, and committed; the index is left to be built.
"""

from __future__ import annotations

import argparse
import random
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from trainset.core.files import digest
from trainset.core.journal import ROTATE, ulid
from trainset.core.layout import add_task, write_layout, write_settings
from trainset.core.model import Header, ModelHeader
from trainset.core.records import SCHEMA, Chain, header_line

LABELS = ("screw", "nut", "washer")
TASK = "parts"
REVIEWER = "ana"
SPLITS = ("train",) * 8 + ("val", "test")
_STARTED = "2026-01-01T00:00:00Z"


def make(root: Path, items: int, boxes: int = 3, decisions: int = 500, seed: int = 0) -> str:
    """Write a data set of so many items to the new folder `root`, each with so many proposed boxes; the run's id.

    `decisions` items, spread evenly, are decided by a reviewer. Everything is committed. The same seed draws the same
    boxes; ids of files are new each time.
    """
    root.mkdir(parents=True)
    subprocess.run(["git", "-C", str(root), "init", "-q", "-b", "main"], check=True)
    write_settings(root, root.name, "vision")
    write_layout(root)
    add_task(root, TASK, "box", [(None, label) for label in LABELS])
    with (root / "trainset.toml").open("a") as stream:
        stream.write(f'\n[reviewers.{REVIEWER}]\nname = "Ana Ruiz"\n')
    run = ulid()
    chance = random.Random(seed)
    labels = root / "labels"
    _write(labels / "items", Header(trainset=SCHEMA, kind="items", started=_STARTED), map(_item, range(items)))
    model = ModelHeader(name="synthetic", digest=digest(b"synthetic"), prelabeler="synthetic")
    header = Header(trainset=SCHEMA, kind="runs", task=TASK, run=run, model=model, started=_STARTED)
    step = max(1, items // max(1, decisions))
    decided: list[bytes] = []

    def outcomes() -> Iterator[bytes]:
        with _Parts(root / "predictions" / TASK / run) as parts:
            for number in range(items):
                answer = _boxes(chance, boxes)
                parts.write(b'{"item":"%b","annotations":%b}\n' % (_key(number), answer))
                said = digest(answer).encode()
                if number % step == 0 and len(decided) < decisions:
                    decided.append(b'{"item":"%b","verdict":"accepted","from":{"run":"%b","digest":"%b"},"annotations":%b}'
                                   % (_key(number), run.encode(), said, answer))  # fmt: skip
                yield b'{"item":"%b","digest":"%b","count":%d}' % (_key(number), said, boxes)

    _write(labels / "runs" / TASK, header, outcomes())
    header = Header(trainset=SCHEMA, kind="decisions", task=TASK, reviewer=REVIEWER, started=_STARTED)
    _write(labels / "decisions" / TASK / REVIEWER / _STARTED[:7], header, decided)
    for command in (
        ("add", "-A"),
        ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "commit", "-qm", "synthetic"),
    ):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    return run


def _key(number: int) -> bytes:
    return b"media/%03d/%07d.jpg" % (number // 10_000, number)


def _item(number: int) -> bytes:
    split = SPLITS[number * 7 % 10].encode()
    return (b'{"change":"added","item":{"key":"%b","split":"%b","size":%d,"meta":{"width":640,"height":480}}}'
            % (_key(number), split, 50_000 + number % 1000))  # fmt: skip


def _boxes(chance: random.Random, count: int) -> bytes:
    found = []
    for n in range(count):
        x, y, w, h = (round(chance.random() * most, 1) for most in (500, 380, 100, 80))
        found.append({"type": "box", "id": f"p{n + 1}", "label": LABELS[int(chance.random() * len(LABELS))],
                      "score": round(chance.random(), 4), "box": [x, y, w + 1, h + 1]})  # fmt: skip
    return msgspec.json.encode(found)


def _write(folder: Path, header: Header, bodies: Iterable[bytes]) -> None:
    """Sealed label files with these records, as many as their size makes necessary."""
    first = header_line(header)
    chain = Chain.start(first)
    with _Parts(folder, first + b"\n") as parts:
        for body in bodies:
            if parts.full:
                parts.write(chain.end() + b"\n")
                parts.close()
                chain = Chain.start(first)
            parts.write(chain.append(body)[0] + b"\n")
        parts.write(chain.end() + b"\n")


class _Parts:
    """Files in a folder, the next one begun where one is full; `first` begins each."""

    def __init__(self, folder: Path, first: bytes = b"") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._first, self._size = folder, first, 0
        self._stream = None

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def full(self) -> bool:
        return self._size > ROTATE

    def write(self, data: bytes) -> None:
        if self.full and not self._first:
            self.close()
        if self._stream is None:
            self._stream = (self._folder / f"{ulid()}.jsonl").open("wb", buffering=1 << 20)
            self._size = self._stream.write(self._first)
        self._size += self._stream.write(data)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._size = None, 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a data set without media.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--boxes", type=int, default=3)
    parser.add_argument("--decisions", type=int, default=500)
    arguments = parser.parse_args()
    make(arguments.folder, arguments.items, arguments.boxes, arguments.decisions)
