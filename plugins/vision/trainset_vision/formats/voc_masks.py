"""VOC's segmentation: `SegmentationObject` numbers the pixels of objects, `SegmentationClass` those of classes.

Numbers stand in palettes of 256, or, where tools write them so, as the colours that they have in VOC's palette.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from trainset.core.model import Annotation, Item, Task
from trainset.plugins import Problem
from trainset_vision.annotations import Box, BoxOps, rle
from trainset_vision.conversions import XYWH
from trainset_vision.formats.label_image import (
    VOID,
    LabelImage,
    masks_of,
    number_of,
    palette,
    unpacked,
)
from trainset_vision.formats.labelme_xml import text
from trainset_vision.formats.legend import Entry, Legend, find_legend
from trainset_vision.formats.meaning import Meaning
from trainset_vision.formats.painting import read_mask
from trainset_vision.formats.reading import Tally
from trainset_vision.formats.shapes import Shaper, Unfit
from trainset_vision.formats.voc_object import attributes, box_of

NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
    "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The challenge's classes in the order of their numbers, which count from 1."""

_SAME = 0.5
"""From this IoU on an object's box is the box about its pixels."""


class Segmentation:
    """The masks of a data set whose folders lie in `root`."""

    def __init__(self, root: Path, task: Task, tally: Tally) -> None:
        self._tally, self._shaper = tally, Shaper(task, tally)
        self._classes, self._objects = (_folder(root, name) for name in ("segmentationclass", "segmentationobject"))
        self._meaning = Meaning(legend_of(root))

    def stems(self) -> dict[str, None]:
        """The images that have a mask of classes or of objects, by their path without suffix."""
        return {
            path.relative_to(folder).with_suffix("").as_posix(): None
            for folder in (self._classes, self._objects)
            if folder is not None
            for path in sorted(folder.rglob("*.png"))
        }

    def read(
        self, stem: str, size: tuple[int, int] | None, objects: Sequence[Element]
    ) -> Generator[Problem, None, list[Annotation] | None]:
        """The objects of an image, or a mask for each class where objects are not numbered; None where nothing is readable.

        `objects` are those of its XML file: their attributes go to the pixels that they are about.
        """
        of_objects = yield from self._image(self._objects, stem, size)
        of_classes = yield from self._image(self._classes, stem, size)
        where = f"{stem}.png"
        if of_objects is not None:
            return self._instances(of_objects, of_classes, where, objects)
        if of_classes is None:
            return None
        found = self._meaning.read(of_classes, where)
        self._say(found.void, sum(count for count, _ in found.strange.values()), where)
        self._tally.add("images have masks of classes only: an annotation is all of a class", where, note=True)
        made = [self._shaper.mask(mask, where, label=name) for name, mask in found.classes.items()]
        return made if made or not found.strange else None

    def _image(
        self, folder: Path | None, stem: str, size: tuple[int, int] | None
    ) -> Generator[Problem, None, LabelImage | None]:
        path = folder / f"{stem}.png" if folder else None
        if path is None or not path.is_file():
            return None
        return (yield from read_mask(path, size))

    def _instances(
        self, image: LabelImage, classes: LabelImage | None, where: str, objects: Sequence[Element]
    ) -> list[Annotation] | None:
        masks = masks_of(image.values)
        names = self._names(image, classes, where) if classes is not None else {}
        free = _Free(objects)
        made: list[Annotation] = []
        void = 0
        numbers = {value: number_of(unpacked(value)) if image.kind == "colours" else value for value in masks}
        for value, number in sorted(numbers.items(), key=lambda entry: entry[1]):
            mask = masks[value]
            if number == 0:
                continue
            if number == VOID and (classes is None or value not in names):
                void = rle.area(rle.runs(mask.counts, mask.size))
                continue
            name = names.get(value) or ("" if classes or number > len(objects) else text(objects[number - 1], "name"))
            if not name:
                self._tally.add("objects have pixels without a class, and are left out", where)
                continue
            place = rle.extent(rle.runs(mask.counts, mask.size), mask.size)
            own = free.take((place.x, place.y, place.width, place.height), name, number - 1) if place else None
            about = {} if own is None else attributes(own)
            try:
                made.append(self._shaper.mask(mask, where, label=name, attributes=about))
            except Unfit as error:
                self._tally.add(f"{error}, and are left out", where)
        if free.left:
            self._tally.add("objects have a box but no pixels of their own, and are left out", where, len(free.left))
        self._say(void, 0, where)
        return made if made or not (set(masks) - {0, VOID}) else None

    def _names(self, image: LabelImage, classes: LabelImage, where: str) -> dict[int, str]:
        """The class of each object: the one that most of its pixels have."""
        pairs, counts = np.unique(image.values.astype(np.uint64) << np.uint64(32) | classes.values, return_counts=True)
        entries = self._meaning.entries(classes, set((pairs & np.uint64(0xFFFFFFFF)).tolist()), where)
        votes: dict[int, Counter[str]] = {}
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            entry = entries.get(pair & 0xFFFFFFFF)
            if entry is not None and not entry.background:
                votes.setdefault(pair >> 32, Counter())[entry.name] += count
        return {value: found.most_common(1)[0][0] for value, found in votes.items()}

    def _say(self, void: int, strange: int, where: str) -> None:
        if void:
            self._tally.add(
                "pixels are void: they belong to no object, and are not background either", where, void, note=True
            )
        if strange:
            self._tally.add("pixels are left out, whose values are no class", where, strange)


class _Free:
    """The objects of an XML file that no pixels are known to be of yet."""

    def __init__(self, objects: Sequence[Element]) -> None:
        self._objects = [(text(one, "name"), box_of(one), one) for one in objects]
        self.left = set(range(len(objects)))

    def take(self, box: XYWH, name: str, number: int) -> Element | None:
        """The object whose box is about some pixels: the one of their number, as VOC counts them, else the likest one of
        the class."""
        if number not in self.left or self._alike([number], box, name) is None:
            number = -1
        found = number if number >= 0 else self._alike(sorted(self.left), box, name)
        if found is None:
            return None
        self.left.discard(found)
        return self._objects[found][2]

    def _alike(self, numbers: Sequence[int], box: XYWH, name: str) -> int | None:
        known = [(n, found) for n in numbers for own, found, _ in (self._objects[n],) if own == name and found]
        if not known:
            return None
        ious = BoxOps().similarity([Box(box=box)], [Box(box=found) for _, found in known], Item(key=""))[0]
        return known[int(ious.argmax())][0] if ious.max() >= _SAME else None


def legend_of(root: Path) -> Legend:
    """The data set's `labelmap.txt`, or the challenge's own classes."""
    found = find_legend((root,))
    if found.path is not None:
        return found
    colours = palette(len(NAMES) + 1).tolist()
    return Legend([Entry(name, n, (*colours[n],)) for n, name in enumerate(NAMES, 1)])


def _folder(root: Path, name: str) -> Path | None:
    """A folder of this name, whatever its case."""
    return next((path for path in sorted(root.iterdir()) if path.name.lower() == name and path.is_dir()), None)
