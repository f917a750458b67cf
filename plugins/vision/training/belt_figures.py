"""Measure the demo's detector, and what review rules make of it, on belts that it was not trained on.

    python plugins/vision/training/belt_figures.py [--model model.onnx] [--seeds 24]

An item is right if every part has one box of its label with an IoU of at least 0.5, and there is no other box. It is
accepted if it has boxes, each scores at least the threshold, and no two overlap as doubled boxes do; a person sees
the rest. The demo's settings, and the figures cited beside them, are read from this table.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy.optimize import linear_sum_assignment
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.demo.belt import MODEL, Belt
from trainset_vision.prelabel.yolo import Yolo, YoloSettings

from trainset.core.model import Item, Task

ITEM = Item(key="media/belt.jpg")
"""The overlap of boxes does not depend on the item."""


@dataclass(frozen=True)
class Seen:
    """An item: its true parts, and the boxes that the model proposes."""

    truth: Sequence[Box]
    boxes: Sequence[Box]

    def matches(self) -> int:
        """How many parts have a box of their label to themselves."""
        fits = BoxOps().similarity(self.boxes, self.truth, ITEM) >= 0.5
        fits &= np.array([[b.label == t.label for t in self.truth] for b in self.boxes], bool).reshape(fits.shape)
        rows, columns = linear_sum_assignment(fits, maximize=True)
        return int(fits[rows, columns].sum())

    def right(self) -> bool:
        """Whether a person would have nothing to correct."""
        return self.matches() == len(self.truth) == len(self.boxes)

    def accepted(self, score: float, overlap: float) -> bool:
        """Whether the rules let it pass: no box is unsure, no two may be one part, and there is a box at all."""
        doubled = (np.triu(BoxOps().similarity(self.boxes, self.boxes, ITEM), 1) >= overlap).any()
        return bool(self.boxes) and min(b.score or 0.0 for b in self.boxes) >= score and not doubled


def look(model: Yolo, seed: int) -> list[Seen]:
    """The items of the demo's belt with this seed, as the plugin's own adapter sees the files."""
    belt, seen = Belt(), []
    with tempfile.TemporaryDirectory() as folder:
        belt.make(Path(folder), seed)
        context = SimpleNamespace(media=SimpleNamespace(path=lambda item: Path(folder, item.key)))
        for file in sorted(Path(folder, "media").iterdir()):
            item = Item(key=f"media/{file.name}")
            [output] = model.infer([model.prepare(item, context)])
            seen.append(Seen(belt.truth(item.key), model.decode(output, item)))
    return seen


def main() -> None:
    """Print objects, items, and the outcome of each acceptance threshold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--score", type=float, default=0.25, help="below it, the model's boxes are not proposed")
    parser.add_argument("--overlap", type=float, default=0.4, help="IoU from which two boxes may be one part")
    arguments = parser.parse_args()
    model = Yolo(YoloSettings(path=str(arguments.model), score=arguments.score), Task(name="parts", type="box"))
    items = [item for seed in range(arguments.seeds) for item in look(model, seed)]
    right = [item.right() for item in items]
    parts, boxes = sum(len(item.truth) for item in items), sum(len(item.boxes) for item in items)
    matched = sum(item.matches() for item in items)
    print(f"{len(items)} items, {parts} parts; at score {arguments.score}: precision {matched / max(boxes, 1):.3f},")
    print(f"recall {matched / parts:.3f}, items right {np.mean(right):.1%}")
    empty = [r for r, item in zip(right, items, strict=True) if not item.boxes]
    print(f"nothing proposed: {len(empty)} items, {empty.count(False)} of them wrong")
    print("accept above  accepted  wrong among them  wrong items left to a person")
    for score in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99):
        passed = [r for r, item in zip(right, items, strict=True) if item.accepted(score, arguments.overlap)]
        wrong = passed.count(False)
        left = 1 - wrong / max(right.count(False), 1)
        share = f"{wrong} = {wrong / max(len(passed), 1):.2%}"
        print(f"{score:>12}  {len(passed) / len(items):>8.1%}  {share:>16}  {left:>28.1%}")


if __name__ == "__main__":
    main()
