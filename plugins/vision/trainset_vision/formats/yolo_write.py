"""A YOLO data set: `images/<split>`, `labels/<split>` and the `data.yaml` that Ultralytics trains from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from trainset.core.model import Annotation, Label, Task
from trainset.errors import RecordError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, RotatedBox, Skeleton, skeleton_of
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, size_of, split_folder
from trainset_vision.formats.yolo_layout import label_place, unused
from trainset_vision.formats.yolo_lines import Lines

_KINDS: Mapping[str, type[Annotation] | tuple[type[Annotation], ...]] = {
    "polygon": (Polygon, Mask), "mask": (Polygon, Mask), "rotated-box": RotatedBox, "keypoints": Keypoints
}  # fmt: skip


class YoloExporter:
    """Writes a label file for every item, an empty one where there is nothing. Items without a split are in `train`.

    The task's type says what rows are: boxes, outlines (`segment`), corners (`obb`), or boxes with keypoints (`pose`).
    Class numbers are the labels' export indices; numbers that no label has (or a retired one that is not used) keep
    their place under the name `unused-<number>`, since Ultralytics wants all of them named. It wants `train` and `val`, too:
    where there is no `val`, that is the images of `train`; any other that is missing is empty.
    """

    losses = pick(
        LOSSES,
        ("types", "unusable", "attributes", "item-attributes", "geo", "scores", "tracks", "notes", "states", "renamed"),
    ) | {
        "size": "items whose width and height are not known are left out",
        "outside": "what lies outside of the image is cut off (keypoints there are not labelled, corners of rotated boxes "
        "move to the edge), where Ultralytics would refuse the whole label file",
        "parts": "the parts of an object become one outline, joined by lines there and back: the region is the same",
        "holes": "holes are joined to the outline by a line there and back: the region is the same",
        "pixels": "a mask becomes the outline of its pixels, in a task of polygons",
        "points": "objects with another number of keypoints than the first are left out, in a task that names none",
        "boxes": "keypoints without a box get the smallest one about them, of a pixel at least",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        labels, stems, texts = Labels(context.task), Stems(), Texts()
        shapes: Filter[Annotation] = Filter(_KINDS.get(context.task.type, Box), labels, self.losses)
        lines = Lines(context.task)
        splits: set[str] = set()
        for row in rows:
            objects, lost = shapes.take(row)
            yield from lost
            size = size_of(row.item, context)
            if size is None:
                yield Loss("size", row.item.key)
                continue
            split = split_folder(row.split, "train")
            splits.add(split)
            name, lost = stems.name(row, split)
            yield from lost
            text = []
            for label, shape in objects:
                try:
                    line, changed = lines.line(label.index, shape, size)
                except RecordError:
                    line, changed = "", ["unusable"]
                text.append(line)
                yield from (Loss(what, row.item.key, label.title) for what in changed)
            image = dest / "images" / split / name
            texts.write(label_place(image), "".join(text))
            context.place(row.item, image)
        dest.mkdir(parents=True, exist_ok=True)
        pose = _pose(context.task, lines.points, labels.listed()) if context.task.type == "keypoints" else {}
        (dest / "data.yaml").write_text(_config(splits, labels.listed(), pose), encoding="utf-8")


def _config(splits: set[str], labels: Sequence[Label], pose: dict[str, Any]) -> str:
    titles = {label.index: label.title for label in labels}
    names = {index: titles.get(index, unused(index)) for index in range(max(titles, default=-1) + 1)}
    ordered = [s for s in ("train", "val", "test") if s in splits] + sorted(splits - {"train", "val", "test"})
    table: dict[str, Any] = {split: f"images/{split}" for split in ordered}
    missing = {split: "" for split in ("train", "val") if split not in splits}
    if "val" in missing and "train" in splits:
        missing["val"] = table["train"]
    text: str = yaml.safe_dump(
        table | missing | pose | {"names": names}, allow_unicode=True, sort_keys=False, width=1000
    )
    return (
        f"# Ultralytics wants train and val; there are no images of: {', '.join(missing)}\n{text}" if missing else text
    )


def _pose(task: Task, points: int, labels: Sequence[Label]) -> dict[str, Any]:
    """The keypoints as `data.yaml` describes them. Without `flip_idx`, Ultralytics does not mirror images in training."""
    skeleton: Skeleton = skeleton_of(task)
    table: dict[str, Any] = {"kpt_shape": [points or 1, 3]}
    if skeleton.flip:
        mirrored = dict(skeleton.flip) | {b: a for a, b in skeleton.flip}
        table["flip_idx"] = [skeleton.points.index(mirrored.get(name, name)) for name in skeleton.points]
    if skeleton.points:
        table["kpt_names"] = {label.index: list(skeleton.points) for label in labels}
    return table
