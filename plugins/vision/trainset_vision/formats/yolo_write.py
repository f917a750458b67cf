"""A YOLO data set: `images/<split>`, `labels/<split>` and the `data.yaml` that Ultralytics trains from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from trainset.core.model import Label
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, size_of, split_folder
from trainset_vision.formats.yolo_layout import unused


class YoloExporter:
    """Writes a label file for every item, an empty one where there is nothing. Items without a split are in `train`.

    Class numbers are the labels' export indices; numbers that no label has (or a retired one that is not used) keep
    their place under the name `unused-<number>`, since Ultralytics wants all of them named.
    """

    losses = pick(
        LOSSES, ("types", "unusable", "attributes", "item-attributes", "scores", "tracks", "notes", "states", "renamed")
    ) | {
        "size": "items whose width and height are not known are left out",
        "outside": "what lies outside of the image is cut off, where Ultralytics would refuse the whole label file",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        labels, stems, texts = Labels(context.task), Stems(), Texts()
        boxes = Filter(Box, labels, self.losses)
        splits: set[str] = set()
        for row in rows:
            objects, lost = boxes.take(row)
            yield from lost
            size = size_of(row.item, context)
            if size is None:
                yield Loss("size", row.item.key)
                continue
            split = split_folder(row.split, "train")
            splits.add(split)
            name, lost = stems.name(row, split)
            yield from lost
            lines = []
            for label, box in objects:
                fractions, cut = _fractions(box.box, size)
                if cut:
                    yield Loss("outside", row.item.key, label.title)
                if fractions is not None:
                    lines.append(f"{label.index} {' '.join(map(repr, fractions))}\n")
            path = (dest / "labels" / split / name).with_suffix(".txt")
            texts.write(path, "".join(lines))
            context.place(row.item, dest / "images" / split / name)
        dest.mkdir(parents=True, exist_ok=True)
        (dest / "data.yaml").write_text(_config(splits, labels.listed()), encoding="utf-8")


def _fractions(box: Sequence[float], size: tuple[int, int]) -> tuple[tuple[float, ...] | None, bool]:
    """Centre, width and height as fractions, and whether they had to be cut to lie in 0..1; None if nothing is left."""
    x, y, w, h = box
    width, height = size
    fractions = ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)
    if all(0 <= value <= 1 for value in fractions):
        return fractions, False
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    if left >= right or top >= bottom:
        return None, True
    centre = (left + right) / 2 / width, (top + bottom) / 2 / height
    return (*centre, (right - left) / width, (bottom - top) / height), True


def _config(splits: set[str], labels: Sequence[Label]) -> str:
    titles = {label.index: label.title for label in labels}
    names = {index: titles.get(index, unused(index)) for index in range(max(titles, default=-1) + 1)}
    ordered = [s for s in ("train", "val", "test") if s in splits] + sorted(splits - {"train", "val", "test"})
    table: dict[str, Any] = {split: f"images/{split}" for split in ordered}
    text: str = yaml.safe_dump(table | {"names": names}, allow_unicode=True, sort_keys=False, width=1000)
    missing = [split for split in ("train", "val") if split not in splits]
    return f"# Ultralytics also wants: {', '.join(missing)}\n{text}" if missing else text
