"""Open Images' tables: boxes, masks and classes of images, a row for each.

Coordinates are fractions of the image. Which table a file is, its header says; the task's type says which are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation, AttributeValue, Class, State
from trainset.errors import MediaError, RecordError, TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.annotations import rle
from trainset_vision.formats.label_image import read_label_image
from trainset_vision.formats.open_images_tables import FLAGS, descriptions, find_tables, rows_by_image
from trainset_vision.formats.open_images_write import OpenImagesExporter
from trainset_vision.formats.pictures import Picture, Pictures, relative
from trainset_vision.formats.reading import Below, Tally, with_suffixes
from trainset_vision.formats.row_masks import placed
from trainset_vision.formats.shapes import Shaper, Unfit

__all__ = ["OpenImagesExporter", "OpenImagesImporter"]

_SLACK = 0.01
_WANTED: Mapping[str, str] = {"mask": "masks", "polygon": "masks", "classify": "classes"}


class OpenImagesImporter:
    """Reads a CSV file, or a folder with such files, with the names of classes in `class-descriptions.csv`."""

    def sniff(self, src: Path) -> Recognition | None:
        """A CSV file with the columns of one of the tables."""
        found = find_tables(src)
        if not found:
            return None
        return Recognition(evidence=[f"{found[0].path.name} is Open Images' table of {found[0].kind}"])

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The classes that the tables use, by the names that `class-descriptions.csv` gives them, in its order."""
        names = descriptions(src)
        used = {row["LabelName"] for table in find_tables(src) if table.kind != "images" for row in table.rows()}
        ordered = [*(names[one] for one in names if one in used), *sorted(one for one in used if one not in names)]
        return [(None, name) for name in dict.fromkeys(ordered) if name]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each image that a table speaks of."""
        wanted = _WANTED.get(context.task.type, "boxes")
        tables = find_tables(src)
        chosen = [table for table in tables if table.kind == wanted]
        if not chosen:
            others = ", ".join(table.kind for table in tables) or "none that is known"
            raise TrainsetError(
                f"{src}: no table of {wanted} is here, only of: {others}", hint="name the folder of the CSV files"
            )
        reader = _Reader(src, wanted, context)
        listed = [table for table in tables if table.kind == "images"]
        for image, split, machine, rows in rows_by_image(chosen, listed):
            yield from reader.item(image, split, machine, rows)
        yield from reader.tally.problems(str(src))


_FOLDERS: Mapping[str, Sequence[str]] = {"val": ("validation", "val")}
"""What the folder of a split's images is called."""


@dataclass(frozen=True)
class _Row:
    """A row, with where it stands, and the image that it is of."""

    fields: Mapping[str, str]
    where: str
    label: str


class _Reader:
    def __init__(self, src: Path, wanted: str, context: ImportContext) -> None:
        self.tally = Tally()
        root = src if src.is_dir() else src.parent
        self._wanted, self._context, self._names = wanted, context, descriptions(src)
        above = root.parent if root.name == "annotations" else root
        self._root = above / "images"
        folders = [self._root / split for split in ("", "train", "val", "validation", "test")]
        self._pictures = Pictures(context, above, folders)
        self._masks = Below(above)
        self._shaper = Shaper(context.task, self.tally)

    def item(
        self, image: str, split: str | None, machine: bool, rows: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[Imported | Problem]:
        """An image's item. Classes that a machine found are no decision."""
        folders = [self._root / name for name in _FOLDERS.get(split, [split])] if split else []
        picture = self._pictures.find([image, *with_suffixes(image)], folders)
        if picture.path is None and self._context.find(picture.name) is None:
            self.tally.add("images are not there", image)
            return
        found: list[Annotation] = []
        read = 0
        for where, fields in rows:
            one = _Row(fields, where, self._names.get(fields["LabelName"], fields["LabelName"]))
            try:
                if not one.label:
                    raise RecordError("it has no LabelName")
                made = self._made(one, picture)
            except (RecordError, MediaError) as error:
                yield Problem(where, error.message)
            except Unfit as error:
                self.tally.add(f"{error}, and are left out", where)
            else:
                read += 1
                found += [made] if made is not None else []
        if (rows and not read) or (rows and not found):
            reason = "none of their rows can be read" if not read else "they are only said not to be of some classes"
            self.tally.add(f"images are left out, since {reason}", image)
            return
        meta = {"width": picture.size[1], "height": picture.size[0]} if picture.size else {}
        state: State | None = "predicted" if machine else None
        yield Imported(name=picture.name, annotations=found, path=picture.path, meta=meta, split=split, state=state)

    def _made(self, row: _Row, picture: Picture) -> Annotation | None:
        if self._wanted == "classes":
            return self._class(row)
        if picture.size is None:
            raise Unfit("objects cannot be placed, since the size of their images is not known")
        size = picture.size[1], picture.size[0]
        if self._wanted == "masks":
            return self._mask(row, picture.size)
        left, right, top, bottom = (_fraction(row.fields, name) for name in ("XMin", "XMax", "YMin", "YMax"))
        if left >= right or top >= bottom:
            raise RecordError(f"the box has no area: XMin {left:g}, XMax {right:g}, YMin {top:g}, YMax {bottom:g}")
        box = left * size[0], top * size[1], (right - left) * size[0], (bottom - top) * size[1]
        return self._shaper.box(
            box, size, row.where, label=row.label, score=_confidence(row.fields), attributes=_flags(row.fields)
        )

    def _class(self, row: _Row) -> Annotation | None:
        confidence = _number(row.fields.get("Confidence") or "1", "Confidence")
        if confidence == 0:
            self.tally.add("classes are verified not to be there: they are passed over", row.where, note=True)
            return None
        return Class(label=row.label, score=_confidence(row.fields))

    def _mask(self, row: _Row, size: tuple[int, int]) -> Annotation:
        name = row.fields["MaskPath"]
        path = self._masks.find(relative(name))
        if path is None:
            raise RecordError(f"the mask {name} is not there, or there are several")
        pixels: NDArray[np.bool_] = read_label_image(path).values > 0
        if pixels.shape != size:
            pixels = _scaled(pixels, size, name)
            self.tally.add("masks have another size than their image, and are scaled to it", row.where, note=True)
        mask = placed(pixels, 0, 0, size)
        if not rle.area(rle.runs(mask.counts, mask.size)):
            raise RecordError(f"the mask {name} has no pixels")
        return self._shaper.mask(mask, row.where, label=row.label)


def _scaled(pixels: NDArray[np.bool_], size: tuple[int, int], name: str) -> NDArray[np.bool_]:
    """A mask in the size (height, width) of its image, which has the same proportions but for a pixel."""
    import cv2

    height, width = pixels.shape
    scale = max(size) / max(height, width)
    if abs(height * scale - size[0]) > max(1.0, scale) or abs(width * scale - size[1]) > max(1.0, scale):
        raise RecordError(f"the mask {name} is {width}×{height} large, the image {size[1]}×{size[0]}")
    return np.asarray(cv2.resize(pixels.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)) > 0


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RecordError(f"{name} is {text[:40]!r}, which is no number")
    return value


def _fraction(fields: Mapping[str, str], name: str) -> float:
    value = _number(fields[name], name)
    if not -_SLACK <= value <= 1 + _SLACK:
        raise RecordError(f"{name} is {value:g}, which is no fraction of the image")
    return value


def _confidence(fields: Mapping[str, str]) -> float | None:
    """The score, which 1 is not: it is what all boxes and classes have that people drew or verified."""
    value = _number(fields.get("Confidence") or "1", "Confidence")
    return value if 0 < value < 1 else None


def _flags(fields: Mapping[str, str]) -> dict[str, AttributeValue]:
    """The flags that are set; 0 is none, and -1 not known."""
    return {name: True for column, name in FLAGS.items() if (fields.get(column) or "").strip() == "1"}
