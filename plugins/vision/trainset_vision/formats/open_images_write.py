"""Open Images' tables from an export: `annotations/<split>-annotations-….csv`, `masks`, and the names of classes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from trainset.core.model import Annotation, Class, Label
from trainset.errors import RecordError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Mask, Polygon, rle
from trainset_vision.formats import painting
from trainset_vision.formats.label_image import write_bits
from trainset_vision.formats.open_images_tables import FLAGS
from trainset_vision.formats.painting import drawn
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, pick, size_of, split_folder

_KINDS: Mapping[str, type[Annotation] | tuple[type[Annotation], ...]] = {
    "polygon": (Polygon, Mask), "mask": (Polygon, Mask), "classify": Class
}  # fmt: skip
_SOURCE = "trainset"


class OpenImagesExporter:
    """Writes a table for each split, `train` for items without one, and `<split>-images-with-rotation.csv`, which lists the
    images with nothing on them too. A class's LabelName is its name."""

    losses = pick(
        LOSSES | painting.LOSSES,
        ("outlines", "finer", "types", "unusable", "item-attributes", "geo", "tracks", "notes", "states", "renamed"),
    ) | {
        "attributes": "attributes other than the flags occluded, truncated, is_group_of, is_depiction and is_inside are left "
        "out, and those of masks and classes",
        "scores": "scores of masks are left out, and one of 1 means none; one of 0 would mean that the class is not there",
        "size": "objects of images whose width and height are not known are left out",
        "outside": "what lies outside of the image is cut off",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        labels, stems = Labels(context.task), Stems()
        kinds = _KINDS.get(context.task.type, Box)
        keep = dict.fromkeys(FLAGS.values(), bool) if kinds is Box else {}
        shapes: Filter[Annotation] = Filter(kinds, labels, self.losses, keep)
        with ExitStack() as stack:
            tables = _Tables(dest, stack)
            for row in rows:
                objects, lost = shapes.take(row)
                yield from (loss for loss in lost if loss.what != "scores")
                split = split_folder(row.split, "train")
                name, lost = stems.name(row)
                yield from lost
                image = Path(name).with_suffix("").as_posix()
                tables.add(split, "images-with-rotation", {"ImageID": image, "Subset": split})
                size = size_of(row.item, context)
                for number, (label, shape) in enumerate(objects):
                    lost_of_object = tables.describe(split, image, number, label, shape, size)
                    yield from (Loss(what, row.item.key, label.title) for what in lost_of_object)
                context.place(row.item, dest / "images" / split / name)
            for label in labels.listed():
                tables.add("", "class-descriptions", {"LabelName": label.title, "DisplayName": label.title})


class _Tables:
    """The tables of an export, each begun when its first row comes, and the masks that one of them names."""

    def __init__(self, dest: Path, stack: ExitStack) -> None:
        self._dest, self._stack = dest, stack
        self._open: dict[str, Any] = {}

    def add(self, split: str, kind: str, row: Mapping[str, Any]) -> None:
        """A row of a table, whose header is that of its first."""
        name = f"{split}-{kind}.csv" if split else f"{kind}.csv"
        if name not in self._open:
            path = self._dest / "annotations" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = self._stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            self._open[name] = csv.DictWriter(stream, list(row), lineterminator="\n")
            self._open[name].writeheader()
        self._open[name].writerow(row)

    def describe(
        self, split: str, image: str, number: int, label: Label, shape: Annotation, size: tuple[int, int] | None
    ) -> list[str]:
        """Write an object, and say what is lost."""
        if isinstance(shape, Polygon | Mask):
            return ["size"] if size is None else self._mask(split, image, number, label, shape, size)
        unsaid = shape.score in (None, 0.0)
        row = {
            "ImageID": image,
            "Source": _SOURCE,
            "LabelName": label.title,
            "Confidence": 1 if unsaid else shape.score,
        }
        lost = ["scores"] if shape.score in (0.0, 1.0) else []
        if not isinstance(shape, Box):
            self.add(split, "annotations-human-imagelabels", row)
            return lost
        if size is None:
            return ["size"]
        fractions, cut = _fractions(shape.box, size)
        if fractions:
            flags = {column: int(shape.attributes.get(name) is True) for column, name in FLAGS.items()}
            self.add(split, "annotations-bbox", row | fractions | flags)
        return lost + ["outside"] * cut

    def _mask(
        self, split: str, image: str, number: int, label: Label, shape: Polygon | Mask, size: tuple[int, int]
    ) -> list[str]:
        try:
            mask = drawn(shape, size)
        except RecordError:
            return ["finer" if isinstance(shape, Polygon) else "unusable"]
        flat = image.replace("%", "%25").replace("/", "%2F")  # readers take a path for an error
        name = f"{flat}_{label.index}_{number}.png"
        write_bits(self._dest / "masks" / name, rle.decode(mask.counts, mask.size))
        place = rle.extent(rle.runs(mask.counts, mask.size), mask.size)
        fractions, _ = _fractions((place.x, place.y, place.width, place.height) if place else (0, 0, 0, 0), size)
        row = {"MaskPath": name, "ImageID": image, "LabelName": label.title, "BoxID": f"{number:08x}"}
        row |= {f"Box{column}": str(value) for column, value in fractions.items()}
        self.add(split, "annotations-object-segmentation", row | {"PredictedIoU": "", "Clicks": ""})
        return ["scores"] * (shape.score is not None) + ["outlines"] * isinstance(shape, Polygon)


def _fractions(box: Sequence[float], size: tuple[int, int]) -> tuple[dict[str, float], bool]:
    """A box as fractions, and whether something of it was cut off; empty if nothing is left."""
    x, y, w, h = box
    inside = max(x, 0.0), min(x + w, float(size[0])), max(y, 0.0), min(y + h, float(size[1]))
    left, right, top, bottom = inside[0] / size[0], inside[1] / size[0], inside[2] / size[1], inside[3] / size[1]
    cut = inside != (x, x + w, y, y + h)
    if left >= right or top >= bottom:
        return {}, cut
    return {"XMin": left, "XMax": right, "YMin": top, "YMax": bottom}, cut
