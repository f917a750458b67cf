"""COCO: instances, keypoints, captions beside them, and results files.

A category's id is its label's export index plus one, both ways. A box is written and read digit by digit.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec import Raw, Struct

from trainset.core.model import Annotation, AttributeValue, Columns, Task, Undecoded
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition, chunks
from trainset_vision.formats import coco_json as coco
from trainset_vision.formats.coco_images import ByImage
from trainset_vision.formats.coco_places import Places, known_as
from trainset_vision.formats.coco_shapes import (
    Maker,
    Size,
    edges_of,
    maker,
    plain_boxes,
    plain_outlines,
    points_of,
    stored,
)
from trainset_vision.formats.coco_write import CAPTION, CocoExporter
from trainset_vision.formats.reading import LIMIT, Left, Tally, match, split_name, with_suffixes
from trainset_vision.media import geo

__all__ = ["CocoExporter", "CocoImporter"]

_EXACT = 1 << 53
_NUMBERING = 9999
_UNREAD = "images are left out, since annotations of theirs cannot be read"
_DOUBTFUL = "images without annotations are left out, since annotations that cannot be read may be of any image"
_IDS = [f"a{n}" for n in range(1, 1025)]
_TOGETHER = 100
"""Of how many images the plain objects are read in one go: their bytes fit into the processor's cache."""


class CocoImporter:
    """Reads an instances or keypoints file, a folder of them, or a results file."""

    def __init__(self) -> None:
        self._at_hand: tuple[Path, coco.Read] | None = None

    def sniff(self, src: Path) -> Recognition | None:
        """JSON that lists images and annotations, or results."""
        files = [src] if src.is_file() else _instances_in(src)
        kinds = [kind for path in files if (kind := coco.looks_like(path))]
        return Recognition(evidence=[f"{files[0].name} has the fields of a COCO {kinds[0]} file"]) if kinds else None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The categories in the file's order. The index is the id minus one, or the id where one is 0.

        There is none where ids are negative, or so large that they are no numbering. In a folder the categories of its
        keypoints files follow, without an index where another one has it.
        """
        files = [path for path, _ in _files(src)]
        others = [path for path, _ in _files(src, keypoints=True) if path not in files]
        more = [category for path in others for category in coco.read_names(path).categories]
        found: dict[int, str] = {}
        for category in [*(category for path in files for category in self._categories(path)), *more]:
            found.setdefault(category.id, category.name)
        first = min(found, default=1)
        numbered = first >= 0 and max(found, default=0) <= _NUMBERING
        names: dict[str, int | None] = {}
        for number, name in found.items():
            names.setdefault(name, number - min(first, 1) if numbered else None)
        for category in more:
            names.setdefault(category.name, None)
        return [(index, name) for name, index in names.items()]

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """For a task of keypoints the `points` and `edges` of the first category that names its points."""
        if task.type != "keypoints":
            return {}
        for path, _ in _files(src, keypoints=True):
            for category in self._categories(path):
                if names := points_of(category):
                    edges = [[names[a - 1], names[b - 1]] for a, b in edges_of(category, len(names))]
                    return {"points": list(names), "edges": edges}
        return {}

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each listed image (for each image with results); those without annotations have nothing on them."""
        places = Places(src)
        for path, split in _files(src, keypoints=context.task.type == "keypoints"):
            if coco.looks_like(path) == "results":
                yield from _read_results(path, context)
            else:
                yield from _read_instances(path, self._instances(path), split, places, context)

    def _categories(self, path: Path) -> Sequence[coco.Category]:
        """The categories of an instances file, or of the one beside a results file; none where there is none."""
        if coco.looks_like(path) != "results":
            if self._at_hand is None or self._at_hand[0] != path:
                self._at_hand = (path, coco.read_instances(path))
            return self._at_hand[1].listing.categories
        beside = _beside(path, {result.image_id for result in coco.read_results(path).listing.annotations})
        return beside.categories if beside is not None else ()

    def _instances(self, path: Path) -> coco.Read:
        """The file's content, which is let go with this: that of the file whose classes were asked for last is kept, since
        most files are one, and its labels are settled first."""
        kept, self._at_hand = self._at_hand, None
        return kept[1] if kept is not None and kept[0] == path else coco.read_instances(path)


def _instances_in(folder: Path, *, keypoints: bool = False) -> list[Path]:
    """The instances files in a folder (for `keypoints` its keypoints files), or else what there is: in data sets of COCO's
    own both list the same persons, and captions files the same images."""
    found = [
        path
        for pattern in ("*.json", "annotations/*.json", "*/_annotations.coco.json")
        for path in sorted(folder.glob(pattern))
        if coco.looks_like(path) == "instances" and not path.name.startswith("captions_")
    ]
    wanted: dict[Path, str] = {}
    for kind in ("person_keypoints", "instances") if keypoints else ("instances",):
        for path in found:
            if path.name.startswith(kind):
                wanted.setdefault(path.parent, kind)
    return [path for path in found if path.name.startswith(wanted.get(path.parent, ""))]


def _files(src: Path, *, keypoints: bool = False) -> list[tuple[Path, str | None]]:
    """The files to read and the splits that their names tell."""
    if not src.is_dir():
        return [(src, _split(src))]
    found = _instances_in(src, keypoints=keypoints)
    if not found:
        raise TrainsetError(f"{src}: no COCO instances file is in this folder", hint="name the JSON file itself")
    return [(path, _split(path)) for path in found]


def _split(path: Path) -> str | None:
    if path.name == "_annotations.coco.json":
        return split_name(path.parent.name)
    if named := re.fullmatch(r"(?:instances|person_keypoints)_(.+?)(?:20\d\d)?", path.stem):
        return split_name(named[1]) or (None if named[1] == "default" else named[1])
    return split_name(path.stem.rstrip("0123456789"))


def _read_instances(
    path: Path, found: coco.Read, split: str | None, places: Places, context: ImportContext
) -> Iterator[Imported | Problem]:
    listing, task = found.listing, context.task
    yield from found.problems
    names: dict[int, str] = {}
    for category in listing.categories:
        if names.setdefault(category.id, category.name) != category.name:
            yield Problem(path.name, f"category {category.id} is both {names[category.id]!r} and {category.name!r}")
    images: dict[coco.Id, _Image] = {}
    files: set[str] = set()
    locate = places.of(path)
    for image in listing.images:
        name, place = known_as(image.file_name, locate, context)
        if image.id in images or name in files:
            yield Problem(path.name, f"image {image.id} ({image.file_name}) is listed twice: the first one counts")
            continue
        files.add(name)
        size = _size(image)
        meta: dict[str, Any] = {"width": size[1], "height": size[0]} if size else {}
        images[image.id] = _Image(name, size, place, meta if image.geo is None else meta | geo.told({"geo": image.geo}))
    reader = _Reader(path.name, listing.categories, listing.annotations, task, maker(task, listing.categories))
    objects = ByImage(listing.annotations)
    reader.count_strangers(objects, images)
    captions = _captions_beside(path) if _takes_captions(task) else {}
    for image_id, its, shapes in reader.read(images, objects, found.unread):
        one = images[image_id]
        yield from reader.wrong()
        if not its and None in found.unread:
            reader.tally.add(_DOUBTFUL, one.name)
        elif shapes or not its:
            told = captions.get(image_id)
            yield Imported(
                name=one.name,
                annotations=shapes,
                path=one.path,
                meta=one.meta,
                split=split,
                attributes={CAPTION: "\n".join(told)} if told else {},
            )
    yield from reader.tally.problems(path.name)


def _read_results(path: Path, context: ImportContext) -> Iterator[Imported | Problem]:
    """Results name images by id. The names are those of an instances file beside it that lists all of these images;
    else an item is found by the result's `file_name`, or by a file name that is the id, with or without leading zeros.
    """
    found = coco.read_results(path)
    results = found.listing.annotations
    yield from found.problems
    beside = _beside(path, {result.image_id for result in results})
    if beside is None:
        categories: Sequence[coco.Category] = [coco.Category(x.index + 1, x.title) for x in context.task.labels]
        listed: dict[coco.Id, coco.Image] = {}
    else:
        categories = beside.categories
        listed = {image.id: image for image in beside.images}
    images: dict[coco.Id, _Image] = {}
    for image_id, named in {result.image_id: result.file_name for result in reversed(results)}.items():
        if (image := listed.get(image_id)) is not None:
            name, _ = known_as(image.file_name, lambda _: None, context)
            images[image_id] = _Image(name, _size(image))
            continue
        name, item = match(context, _names_of(image_id, named))
        if item is not None:
            images[image_id] = _Image(name, None)
    reader = _Reader(path.name, categories, results, context.task, maker(context.task, categories, results=True))
    objects = ByImage(results)
    reader.count_strangers(objects, images)
    there = {result.image_id: images[result.image_id] for result in results if result.image_id in images}
    for image_id, _, shapes in reader.read(there, objects, found.unread):
        yield from reader.wrong()
        if shapes:
            yield Imported(name=images[image_id].name, annotations=shapes)
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


def _takes_captions(task: Task) -> bool:
    return any(a.name == CAPTION and a.type == "text" for a in task.attributes_of("item"))


def _captions_beside(path: Path) -> dict[coco.Id, list[str]]:
    """The captions of each image, where `instances_x.json` has a `captions_x.json` beside it."""
    other = path.with_name(re.sub(r"^(instances|person_keypoints)_", "captions_", path.name))
    found: dict[coco.Id, list[str]] = defaultdict(list)
    if other != path and other.is_file():
        for one in coco.read_captions(other):
            found[one.image_id].append(" ".join(one.caption.split()))
    return found


class _Image(Struct, gc=False):
    """An image as its objects need to know it."""

    name: str
    size: Size | None
    path: Path | None = None
    meta: dict[str, Any] = {}


class _Reader:
    """Makes annotations of a file's objects, and counts what is not read."""

    def __init__(
        self, where: str, categories: Sequence[coco.Category], objects: Sequence[coco.Object], task: Task, make: Maker
    ) -> None:
        self.tally = Tally()
        self._wrong: list[Problem] = []
        self._where, self._objects, self._make, self._type = where, objects, make, task.type
        names: dict[int | None, str] = {}
        for category in categories:
            names.setdefault(category.id, category.name)
        # What most objects are made of, in lists: image by image, the objects themselves lie all over the memory.
        self._labels = [names.get(one.category_id) for one in objects]
        self._places = [one.segmentation if task.type == "polygon" else one.bbox for one in objects]
        self._special = {
            number
            for number, (one, label) in enumerate(zip(objects, self._labels, strict=True))
            if label is None or one.iscrowd or one.attributes or one.score is not None
        }

    def count_strangers(self, objects: ByImage, known: Iterable[coco.Id]) -> None:
        """Count the objects of images that are not known."""
        for image_id, count in objects.others(known):
            self.tally.add("annotations are of images that are not known", f"image {image_id}", count)

    def read(
        self, images: Mapping[coco.Id, _Image], objects: ByImage, unread: AbstractSet[coco.Id | None]
    ) -> Iterator[tuple[coco.Id, Sequence[int], Sequence[Annotation | Undecoded]]]:
        """For each image where its objects are, and what can be read of them; what cannot is counted, or `wrong`."""
        for some in chunks(images.items(), _TOGETHER):
            its = [objects.of(image_id) for image_id, _ in some]
            numbers = [*chain.from_iterable(its)]
            places, labels = [self._places[n] for n in numbers], [self._labels[n] for n in numbers]
            fields = self._fields(places, [image.size for _, image in some], list(map(len, its)))
            stop = 0
            for (image_id, image), own in zip(some, its, strict=True):
                start, stop = stop, stop + len(own)
                if image_id in unread:
                    self.tally.add(_UNREAD, image.name)
                    continue
                found = fields[start:stop]
                plain = [one for one in found if one is not None]
                if len(plain) < len(own) or not self._special.isdisjoint(own):
                    yield image_id, own, self._one_by_one(own, found, image)
                else:
                    meta = image.meta if self._type == "box" else None
                    yield image_id, own, Columns(self._type, _ids(len(own)), labels[start:stop], plain, meta)

    def wrong(self) -> Sequence[Problem]:
        """What is wrong with objects of the image that was read last; they are told once."""
        wrong, self._wrong = self._wrong, []
        return wrong

    def _fields(
        self, places: Sequence[Raw], sizes: Sequence[Size | None], counts: Sequence[int]
    ) -> Sequence[bytes | None]:
        """The geometry of objects as it is stored, image by image; None for what needs a second look."""
        if self._type == "polygon":
            return plain_outlines(places)
        return plain_boxes(places, sizes, counts) if self._type == "box" else [None] * len(places)

    def _one_by_one(
        self, numbers: Sequence[int], fields: Sequence[bytes | None], image: _Image
    ) -> Sequence[Annotation | Undecoded]:
        make, size, ids = self._make, image.size, _ids(len(numbers))
        outlines = fields if self._type == "polygon" else [None] * len(numbers)
        shapes: list[Annotation | Undecoded] = []
        for number, outline in zip(numbers, outlines, strict=True):
            one, label = self._objects[number], self._labels[number]
            if label is None:
                self.tally.add(f"annotations name the category {one.category_id}, which is not listed", image.name)
                continue
            name = ids[len(shapes)]
            score = one.score if one.score is None else self._score(one.score, image.name)
            attributes = self._attributes(one, image.name) if one.iscrowd or one.attributes else {}
            try:
                if outline is None:
                    shapes.append(make(one, size, name, label, score, attributes))
                else:
                    shapes.append(stored(name, label, score, attributes, outline))
            except Left as left:
                if left.many:
                    self.tally.add(left.message, image.name)
                else:
                    self._wrong.append(Problem(f"{self._where}: {image.name}, annotation {one.id}", left.message))
        if numbers and not shapes:
            self.tally.add("images are left out, since none of their annotations can be read", image.name)
        return shapes

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


def _ids(count: int) -> Sequence[str]:
    return _IDS[:count] if count <= len(_IDS) else [f"a{n}" for n in range(1, count + 1)]


def _size(image: coco.Image) -> Size | None:
    width, height = image.width or 0, image.height or 0
    return (int(height), int(width)) if 1 <= width < LIMIT and 1 <= height < LIMIT else None
