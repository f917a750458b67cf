"""COCO boxes: instances and results files.

A category's id is its label's export index plus one, both ways. A box is written and read digit by digit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Raw

from trainset.core.model import AttributeValue
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.annotations import Box
from trainset_vision.formats import coco_json as coco
from trainset_vision.formats.coco_write import CocoExporter
from trainset_vision.formats.reading import LIMIT, Tally, match, split_name, with_suffixes, wrong_box

__all__ = ["CocoExporter", "CocoImporter"]

_EMPTY = (b"", b"[]", b"[[]]", b"null")
_EXACT = 1 << 53
_NUMBERING = 9999


class CocoImporter:
    """Reads an instances file, a folder of them, or a results file."""

    def sniff(self, src: Path) -> Recognition | None:
        """JSON that lists images and annotations, or results."""
        files = [src] if src.is_file() else _instances_in(src)
        kinds = [kind for path in files if (kind := coco.looks_like(path))]
        return Recognition(evidence=[f"{files[0].name} has the fields of a COCO {kinds[0]} file"]) if kinds else None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The categories in the file's order. The index is the id minus one, or the id where one is 0.

        There is none where ids are negative, or so large that they are no numbering.
        """
        found: dict[int, str] = {}
        for path, _ in _files(src):
            for category in _categories(path):
                found.setdefault(category.id, category.name)
        first = min(found, default=1)
        numbered = first >= 0 and max(found, default=0) <= _NUMBERING
        return [(number - min(first, 1) if numbered else None, name) for number, name in found.items()]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each listed image (for each image with results); those without annotations have nothing on them."""
        for path, split in _files(src):
            if coco.looks_like(path) == "results":
                yield from _read_results(path, context)
            else:
                yield from _read_instances(path, split)


def _categories(path: Path) -> list[coco.Category]:
    """The categories of an instances file, or of the one beside a results file; none where there is none."""
    if coco.looks_like(path) != "results":
        return coco.read_categories(path)
    beside = _beside(path, {result.image_id for result in coco.read_results(path)[0]})
    return beside.categories if beside is not None else []


def _instances_in(folder: Path) -> list[Path]:
    found = [
        path
        for pattern in ("*.json", "annotations/*.json", "*/_annotations.coco.json")
        for path in sorted(folder.glob(pattern))
        if coco.looks_like(path) == "instances"
    ]
    boxed = {path.parent for path in found if path.name.startswith("instances")}  # beside: the same images' captions
    return [path for path in found if path.name.startswith("instances") or path.parent not in boxed]


def _files(src: Path) -> list[tuple[Path, str | None]]:
    """The files to read and the splits that their names tell."""
    if not src.is_dir():
        return [(src, _split(src))]
    found = _instances_in(src)
    if not found:
        raise TrainsetError(f"{src}: no COCO instances file is in this folder", hint="name the JSON file itself")
    return [(path, _split(path)) for path in found]


def _split(path: Path) -> str | None:
    if path.name == "_annotations.coco.json":
        return split_name(path.parent.name)
    if named := re.fullmatch(r"instances_(.+?)(?:20\d\d)?", path.stem):
        return split_name(named[1]) or (None if named[1] == "default" else named[1])
    return split_name(path.stem.rstrip("0123456789"))


def _read_instances(path: Path, split: str | None) -> Iterator[Imported | Problem]:
    listing, problems = coco.read_instances(path)
    yield from problems
    names: dict[int, str] = {}
    for category in listing.categories:
        if names.setdefault(category.id, category.name) != category.name:
            yield Problem(path.name, f"category {category.id} is both {names[category.id]!r} and {category.name!r}")
    reader = _Reader(path.name, names)
    groups = reader.group(listing.annotations)
    listing.annotations.clear()
    locate = _locator(path)
    ids: set[coco.Id] = set()
    files: set[str] = set()
    for image in listing.images:
        if image.id in ids or image.file_name in files:
            yield Problem(path.name, f"image {image.id} ({image.file_name}) is listed twice: the first one counts")
            continue
        ids.add(image.id)
        files.add(image.file_name)
        objects = groups.pop(image.id, ())
        boxes = yield from reader.boxes(objects, image.file_name)
        if boxes or not objects:
            yield Imported(
                name=image.file_name, annotations=boxes, path=locate(image.file_name), meta=_size(image), split=split
            )
    for unknown, objects in groups.items():
        reader.tally.add("annotations are of images that the file does not list", f"image {unknown}", len(objects))
    yield from reader.tally.problems(path.name)


def _read_results(path: Path, context: ImportContext) -> Iterator[Imported | Problem]:
    """Results name images by id. The names are those of an instances file beside it that lists all of these images;
    else an item is found by the result's `file_name`, or by a file name that is the id, with or without leading zeros.
    """
    results, problems = coco.read_results(path)
    yield from problems
    beside = _beside(path, {result.image_id for result in results})
    if beside is None:
        reader = _Reader(path.name, {label.index + 1: label.title for label in context.task.labels})
        files: dict[coco.Id, str] = {}
    else:
        reader = _Reader(path.name, {category.id: category.name for category in beside.categories})
        files = {image.id: image.file_name for image in beside.images}
    for image_id, objects in reader.group(results).items():
        name, item = files.get(image_id), None
        if name is None:
            name, item = match(context, _names_of(image_id, objects[0].file_name))
            if item is None:
                reader.tally.add("results are of images that no item is found for", f"image {image_id}", len(objects))
                continue
        if boxes := (yield from reader.boxes(objects, name)):
            yield Imported(name=name, annotations=boxes)
    yield from reader.tally.problems(path.name)


def _beside(path: Path, ids: set[coco.Id]) -> coco.Listing | None:
    for other in sorted(path.parent.glob("*.json")):
        if other != path and coco.looks_like(other) == "instances":
            listing = coco.read_names(other)
            if ids <= {image.id for image in listing.images}:
                return listing
    return None


def _names_of(image_id: coco.Id, file_name: str | None) -> Iterator[str]:
    if file_name is not None:
        yield file_name
    if isinstance(image_id, int):
        yield from with_suffixes(f"{image_id:012d}")
    else:
        yield image_id
    yield from with_suffixes(str(image_id))


class _Reader:
    """Makes boxes of annotations, and counts what is not read."""

    def __init__(self, where: str, names: Mapping[int, str]) -> None:
        self.tally = Tally()
        self._where, self._names = where, names

    def group(self, objects: Iterable[coco.Object]) -> dict[coco.Id, list[coco.Object]]:
        """Annotations by image. The undecoded bytes are let go, and with them the file's buffer."""
        groups: dict[coco.Id, list[coco.Object]] = {}
        segmented = keyed = 0
        for one in objects:
            if one.segmentation is not coco.NOTHING:
                segmented += _holds(one.segmentation)
                one.segmentation = coco.NOTHING
            if one.keypoints is not coco.NOTHING:
                keyed += _holds(one.keypoints)
                one.keypoints = coco.NOTHING
            known = groups.get(one.image_id)
            if known is None:
                groups[one.image_id] = [one]
            else:
                known.append(one)
        if segmented:
            self.tally.add("segmentations are not read yet, only their boxes", count=segmented)
        if keyed:
            self.tally.add("sets of keypoints are not read yet, only their boxes", count=keyed)
        return groups

    def boxes(self, objects: Sequence[coco.Object], image: str) -> Generator[Problem, None, list[Box]]:
        """The boxes of one image; returned when the Problems are through."""
        boxes: list[Box] = []
        for one in objects:
            label = self._names.get(one.category_id)  # type: ignore[arg-type]
            if label is None:
                self.tally.add(f"annotations name the category {one.category_id}, which is not listed", image)
            elif one.bbox is None or len(one.bbox) != 4:
                self.tally.add("annotations have no box [x, y, width, height]", image)
            elif wrong := wrong_box(*one.bbox):
                yield Problem(f"{self._where}: {image}, annotation {one.id}", wrong)
            else:
                boxes.append(
                    Box(
                        id=f"a{len(boxes) + 1}",
                        label=label,
                        score=one.score if one.score is None else self._score(one.score, image),
                        attributes=self._attributes(one, image) if one.iscrowd or one.attributes else {},
                        box=one.bbox,
                    )
                )
        if objects and not boxes:
            self.tally.add("images are left out, since none of their annotations can be read", image)
        return boxes

    def _score(self, score: float, image: str) -> float | None:
        if 0 <= score <= 1:
            return score
        self.tally.add("scores are not in 0..1 and are left out", image)
        return None

    def _attributes(self, one: coco.Object, image: str) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {"iscrowd": True} if one.iscrowd else {}
        for name, value in (one.attributes or {}).items():
            if isinstance(value, str | bool | float | None) or (isinstance(value, int) and abs(value) <= _EXACT):
                found[name] = value
            else:
                self.tally.add("attributes are no plain text, number or flag and are left out", image)
        return found


def _holds(raw: Raw) -> bool:
    return len(raw) > 4 or bytes(raw) not in _EMPTY


def _size(image: coco.Image) -> dict[str, int]:
    width, height = image.width or 0, image.height or 0
    return {"width": int(width), "height": int(height)} if 1 <= width < LIMIT and 1 <= height < LIMIT else {}


def _locator(path: Path) -> Callable[[str], Path | None]:
    """Where images lie that a COCO file names: beside it, or in the folders that such data sets have."""
    subset = path.stem.partition("_")[2]
    parent, root = path.parent, path.parent.parent
    folders = [
        parent,
        parent / "images",
        root / "images",
        *((root / subset, root / "images" / subset) if subset else ()),
    ]
    places = [str(folder) for folder in folders if folder.is_dir()]

    def locate(name: str) -> Path | None:
        if name.startswith(("/", "\\")) or ".." in name:
            return None
        return next((Path(f"{place}/{name}") for place in places if os.path.isfile(f"{place}/{name}")), None)  # noqa: PTH113

    return locate
