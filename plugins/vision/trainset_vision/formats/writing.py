"""What the exporters share: names of labels, losses, names of files, and sizes of images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from trainset.core.model import Annotation, Item, Label, Task
from trainset.errors import TrainsetError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.formats.reading import size_in_meta, size_of_file

A = TypeVar("A", bound=Annotation)

LOSSES = {
    "types": "annotations of other types are left out",
    "unusable": "objects without a label of the task, or with numbers that are not finite, are left out",
    "attributes": "attributes of objects are left out",
    "item-attributes": "attributes of the item as a whole are left out",
    "geo": "where on Earth an image lies is left out: its own file tells",
    "scores": "scores are left out",
    "tracks": "track ids are left out",
    "notes": "notes are left out",
    "renamed": "of images whose names differ in the suffix alone, all but the first are renamed",
    "states": "an item without an answer is written like one with nothing on it: only `trainset.json` tells",
}
"""What most formats cannot hold. An exporter declares those that are true of it."""

ANSWERED = ("reviewed", "auto-accepted")
"""States of items that somebody, or a rule, has decided."""


class Labels:
    """The labels of a task as an export names them. It remembers which were used."""

    def __init__(self, task: Task) -> None:
        self._labels = {label.id: label for label in task.labels}
        self._used: set[str] = set()

    def get(self, annotation: Annotation) -> Label | None:
        """The label of an annotation, None if it has none that the task knows."""
        label = self._labels.get(annotation.label or "")
        if label is not None:
            self._used.add(label.id)
        return label

    def listed(self) -> list[Label]:
        """The labels that an export declares, by index: those in force, and retired ones that it uses."""
        found = (x for x in self._labels.values() if not x.retired or x.id in self._used)
        return sorted(found, key=lambda label: label.index)


class Filter(Generic[A]):
    """Takes the annotations that a format holds out of rows, and says what of each row it drops.

    `keep` are names of attributes that the format holds. Only losses that the exporter declares are reported.
    """

    def __init__(
        self,
        kind: type[A] | tuple[type[A], ...],
        labels: Labels,
        losses: Mapping[str, str],
        keep: Mapping[str, type] | None = None,
    ) -> None:
        self._kind, self._labels, self._losses, self._keep = kind, labels, losses, keep or {}

    def take(self, row: Labelled) -> tuple[list[tuple[Label, A]], list[Loss]]:
        """The annotations to write, each with its label, and what is lost."""
        taken: list[tuple[Label, A]] = []
        lost = list(self._of_row(row))
        for annotation in row.annotations:
            if not isinstance(annotation, self._kind):
                kind = getattr(annotation, "kind", None) or annotation.__struct_config__.tag
                lost.append(Loss("types", row.item.key, str(kind)))
                continue
            label = self._labels.get(annotation)
            if label is None or not _finite(annotation):
                lost.append(Loss("unusable", row.item.key, annotation.label or annotation.id))
                continue
            taken.append((label, annotation))
            lost.extend(self._of_annotation(annotation, row.item.key))
        return taken, [loss for loss in lost if loss.what in self._losses]

    def _of_row(self, row: Labelled) -> Iterator[Loss]:
        if row.note:
            yield Loss("notes", row.item.key, row.note)
        if row.attributes:
            yield Loss("item-attributes", row.item.key, ", ".join(row.attributes))
        if "geo" in row.item.meta:
            yield Loss("geo", row.item.key)
        if row.state not in ANSWERED and not row.annotations:
            yield Loss("states", row.item.key, row.state)

    def _of_annotation(self, annotation: A, key: str) -> Iterator[Loss]:
        dropped = [
            name
            for name, value in annotation.attributes.items()
            if value is not None and not isinstance(value, self._keep.get(name, ()))
        ]
        if dropped:
            yield Loss("attributes", key, ", ".join(dropped))
        if annotation.score is not None:
            yield Loss("scores", key, f"{annotation.score:g}")
        if annotation.track is not None:
            yield Loss("tracks", key, annotation.track)


def _finite(annotation: Annotation) -> bool:
    """Whether all of an annotation's coordinates are finite numbers, as far as this module knows where they are."""
    for name in ("box", "rotated_box", "polyline"):
        numbers = getattr(annotation, name, None)
        if isinstance(numbers, tuple) and not all(map(math.isfinite, numbers)):
            return False
    for name in ("polygon", "keypoints"):
        rows = getattr(annotation, name, None)
        if isinstance(rows, tuple) and not all(math.isfinite(number) for row in rows for number in row):
            return False
    return True


def size_of(item: Item, context: ExportContext) -> tuple[int, int] | None:
    """Upright width and height of an item's image, None if neither `meta` nor the file's header tells."""
    size = size_in_meta(item.meta)
    if size is None:
        try:
            size = size_of_file(context.media.path(item))
        except TrainsetError:
            return None
    return size


class Stems:
    """File names for formats that know a medium by its name without suffix, where `a.jpg` and `a.png` would clash."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, row: Labelled, folder: str = "") -> tuple[str, list[Loss]]:
        """A name for the row's image whose stem no other in `folder` has, and the loss if it is not its own."""
        path, name, number = Path(row.name), row.name, 1
        while (stem := f"{folder}/{Path(name).with_suffix('')}".casefold()) in self._taken:
            name = str(path.with_name(f"{path.stem}-{path.suffix[1:]}{number if number > 1 else ''}{path.suffix}"))
            number += 1
        self._taken.add(stem)
        return name, [] if name == row.name else [Loss("renamed", row.item.key, name)]


class Texts:
    """Writes text files, many to a folder, and makes each folder once."""

    def __init__(self) -> None:
        self._folders: set[Path] = set()

    def write(self, path: Path, text: str) -> None:
        """A new file in UTF-8."""
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        path.write_text(text, encoding="utf-8")


def split_folder(split: str | None, fallback: str) -> str:
    """A split's name, checked to be usable as one folder; `fallback` where there is none."""
    name = split or fallback
    if name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise TrainsetError(f"the split {name!r} cannot be the name of a folder", hint="rename the split")
    return name


def pick(losses: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Some entries of a table of losses."""
    return {name: losses[name] for name in names}
