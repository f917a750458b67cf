"""A data set of any size, drawn from a seed: items without media, one run with boxes, and its predictions.

    python benchmarks/synthetic.py DIR [--items 200000]

Record files are written through the chain itself, as the tool would have written them, and committed.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from trainset.core import history, layout
from trainset.core.files import chunks, digest
from trainset.core.journal import ROTATE, now, ulid
from trainset.core.model import Header, Item, ItemRecord, ModelHeader, Outcome, Prediction
from trainset.core.records import SCHEMA, Chain, header_line
from trainset.core.splits import split_of

SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}
LABELS = ("screw", "nut", "washer", "gear")


def make(root: Path, count: int, boxes: int = 3, seed: int = 0, labels: Sequence[str] = LABELS) -> None:
    """A data set of `count` items with a prediction each in a new Git repository at `root`, all committed.

    The task `parts` has these `labels`, of which the last are those that are drawn.
    """
    root.mkdir(parents=True)
    history.init(root, own=True)
    layout.write_settings(root, "synthetic", "vision")
    layout.write_layout(root)
    layout.add_task(root, "parts", "box", [(None, label) for label in labels])
    keys = [f"media/{n // 1000:04}/{n:07}.jpg" for n in range(count)]
    items = (Item(key=k, split=split_of(k, SPLITS), size=100_000, meta={"width": 640, "height": 480}) for k in keys)
    write(
        root,
        Header(trainset=SCHEMA, kind="items"),
        (msgspec.json.encode(ItemRecord(change="added", item=i)) for i in items),
    )
    write_run(root, "parts", drawn(keys, boxes, random.Random(seed)))
    commit(root)


def commit(root: Path) -> None:
    """Put all that changed into the history."""
    repository = history.Repository(root)
    repository.commit([path for _, path in repository.changed(["."])], "Draw a data set")


def drawn(keys: list[str], boxes: int, chance: random.Random) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Keys with so many boxes by chance."""
    for key in keys:
        yield key, [
            {"type": "box", "id": f"p{n + 1}", "label": chance.choice(LABELS), "score": round(chance.betavariate(5, 2), 3),
             "box": [round(chance.uniform(0, 500), 1), round(chance.uniform(0, 350), 1), 80.5, 60.5]}
            for n in range(boxes)
        ]  # fmt: skip


def write_run(root: Path, task: str, found: Iterable[tuple[str, list[dict[str, object]]]]) -> None:
    """A run with these annotations, as JSON has them, of items by key."""
    run, outcomes = ulid(), list[bytes]()

    def lines() -> Iterator[bytes]:
        for key, objects in found:
            raw = msgspec.Raw(msgspec.json.encode(objects))
            outcome = Outcome(item=key, media=digest(key.encode()), digest=digest(raw), count=len(objects))
            outcomes.append(msgspec.json.encode(outcome))
            yield msgspec.json.encode(Prediction(item=key, annotations=raw)) + b"\n"

    write_predictions(root / "predictions" / task / run, lines())
    model = ModelHeader(name="drawn", digest=digest(b"drawn"), prelabeler="drawn")
    write(root, Header(trainset=SCHEMA, kind="runs", task=task, run=run, model=model), iter(outcomes))


def write(root: Path, header: Header, bodies: Iterator[bytes]) -> None:
    """Records in sealed label files, none larger than the tool's own."""
    folder = root / "labels" / header.kind / (header.task or "")
    folder.mkdir(parents=True, exist_ok=True)
    for some in chunks(bodies, ROTATE // 250):
        line = header_line(msgspec.structs.replace(header, started=now(), session=ulid()))
        chain = Chain.start(line)
        rows = [line, *(chain.append(body)[0] for body in some)]
        (folder / f"{ulid()}.jsonl").write_bytes(b"\n".join([*rows, chain.end()]) + b"\n")


def write_predictions(folder: Path, lines: Iterator[bytes]) -> None:
    """Predictions in parts."""
    folder.mkdir(parents=True)
    for some in chunks(lines, ROTATE // 250):
        (folder / f"{ulid()}.jsonl").write_bytes(b"".join(some))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=200_000)
    arguments = parser.parse_args()
    make(arguments.folder, arguments.items)
