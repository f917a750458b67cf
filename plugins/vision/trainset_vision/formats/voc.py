"""Pascal VOC: an XML file an image, and images of numbers for the pixels of objects.

One rule both ways: pixels count from 1 and the last one is inside, so `x = xmin - 1` and `width = xmax - xmin + 1`. A box
with `xmin = xmax` is one pixel wide. Numbers with decimals follow the same rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from trainset.core.model import Annotation
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.formats.labelme_xml import objects_of, text, united
from trainset_vision.formats.reading import (
    LIMIT,
    Below,
    Tally,
    match,
    read_text,
    size_in_meta,
    size_of_file,
    split_name,
    with_suffixes,
)
from trainset_vision.formats.voc_masks import Segmentation, legend_of
from trainset_vision.formats.voc_object import Objects
from trainset_vision.formats.voc_write import VocExporter
from trainset_vision.formats.voc_xml import Refused, read_xml

__all__ = ["VocExporter", "VocImporter"]

_REGIONS = ("polygon", "mask")


class VocImporter:
    """Reads an XML file, a folder of them, or a VOC root (`Annotations`, `JPEGImages`, `ImageSets`, `SegmentationObject`)."""

    def sniff(self, src: Path) -> Recognition | None:
        """An XML file whose root is `annotation`, or a folder of masks beside a `labelmap.txt`."""
        if not src.is_dir() and src.suffix.lower() != ".xml":
            return None
        try:
            first = next(iter(_files(src)), None)
            if first is not None and read_xml(first).tag == "annotation":
                return Recognition(evidence=[f"{first.name} has the root element <annotation>"])
        except (Refused, TrainsetError):
            return None
        folder = src.is_dir() and next(
            (p for p in sorted(src.iterdir()) if p.name.lower() == "segmentationobject" and any(p.rglob("*.png"))), None
        )
        return (
            Recognition(evidence=[f"{folder.name} numbers the pixels of objects"], confidence=0.9) if folder else None
        )

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The names that objects have, in the order of the files: VOC declares none. Where there are only masks, those of
        `labelmap.txt`, or the challenge's."""
        found: dict[str, None] = {}
        files = _files(src)
        for path in files:
            try:
                found.update(dict.fromkeys(text(one, "name") for one in objects_of(read_xml(path))))
            except Refused:
                continue
        if not files and src.is_dir():
            found.update((entry.name, None) for entry in legend_of(src).entries if not entry.background)
        found.pop("", None)
        return [(None, name) for name in found]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each file. A file that cannot be read is a Problem and stops nothing.

        A task of polygons or masks takes the pixels of objects where a folder has them; images without are left out then.
        """
        files = _files(src)
        root = _annotations(src) if src.is_dir() else src.parent
        tally = Tally()
        base = (
            src
            if src.is_dir() and any(p.name.lower().startswith("segmentation") for p in src.iterdir())
            else root.parent
        )
        segmentation = Segmentation(base, context.task, tally) if context.task.type in _REGIONS else None
        stems = segmentation.stems() if segmentation else {}
        if not files and not stems:
            raise TrainsetError(f"{src}: no XML file is here", hint="name the folder Annotations or the one above it")
        splits = _splits(base / "ImageSets" / "Main") | (_splits(base / "ImageSets" / "Segmentation") if stems else {})
        places = [base / "JPEGImages", base / "images", root, root / "images"]
        reader = _Reader(context, places, src, tally, segmentation if stems else None, frozenset(stems))
        for path in files:
            below = path.relative_to(root).with_suffix("").as_posix()
            try:
                document = read_xml(path)
            except Refused as error:
                yield Problem(str(path), str(error))
                continue
            if document.tag != "annotation":
                yield Problem(str(path), f"the root element is <{document.tag}>, not <annotation>")
                continue
            yield from reader.item(document, path, below, splits.pop(below, None) or _split_folder(below))
            stems.pop(below, None)
        for below in stems:
            yield from reader.item(Element("annotation"), Path(f"{below}.png"), below, splits.pop(below, None))
        for below in splits:
            tally.add("images are listed in ImageSets alone, and are left out", below)
        yield from tally.problems(str(src))


def _annotations(folder: Path) -> Path:
    named = (path for path in sorted(folder.iterdir()) if path.name.lower() == "annotations" and path.is_dir())
    return next(named, folder)


def _files(src: Path) -> list[Path]:
    if not src.is_dir():
        return [src]
    return sorted(path for path in _annotations(src).rglob("*.xml") if path.is_file())


def _splits(folder: Path) -> dict[str, str]:
    """The split of each file stem, as `train.txt`, `val.txt` and so on list them; `cat_train.txt` is of a class."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.txt")):
        if not path.stem.endswith(("_train", "_val", "_test", "trainval")):
            for line in read_text(path).splitlines():
                found.setdefault(line.strip(), split_name(path.stem) or path.stem)
    return found


def _split_folder(below: str) -> str | None:
    """The split that the first folder of a path names."""
    first, _, rest = below.partition("/")
    return split_name(first) if rest else None


class _Reader:
    def __init__(
        self,
        context: ImportContext,
        images: Sequence[Path],
        src: Path,
        tally: Tally,
        segmentation: Segmentation | None,
        stems: Set[str],
    ) -> None:
        self._tally, self._context, self._segmentation, self._stems = tally, context, segmentation, stems
        self._src, self._below = src, Below(src) if src.is_dir() else None
        self._objects = Objects(context.task, tally, self._below)
        self._images = [folder for folder in images if folder.is_dir()]

    def item(self, document: Element, path: Path, below: str, split: str | None) -> Iterator[Imported | Problem]:
        """The item of an XML file, which is empty for an image that has masks only."""
        objects = objects_of(document)
        names = _names(text(document, "filename"), below)
        image = _find_image(names, self._images) or self._anywhere(names)
        name, item = match(self._context, names)
        if item is None and image is not None:
            name = image[0]
        meta = _size(document)
        size = size_in_meta(item.meta) if item is not None else None
        if size is None and image is not None and self._context.task.type in _REGIONS:
            size = size_of_file(image[1])
        size = size or size_in_meta(meta)
        found: list[Annotation] | None = []
        if self._segmentation and below in self._stems:
            found = yield from self._segmentation.read(below, size, objects)
        elif self._segmentation and not objects:
            found = None
        read: list[tuple[Element, Annotation]] = []
        for number, one in enumerate(objects, 1) if below not in self._stems else ():
            shape = yield from self._objects.read(one, size, f"{path}: object {number}")
            if found is not None and shape is not None:
                read.append((one, shape))
        if found is not None and read:
            found += united([one for one, _ in read], [shape for _, shape in read])
        if found is None or (objects and not found):
            self._tally.add("images are left out, since none of their objects can be read", str(path))
            return
        yield Imported(name=name, annotations=found, path=image[1] if image else None, meta=meta, split=split)

    def _anywhere(self, names: Sequence[str]) -> tuple[str, Path] | None:
        found = ((name, self._below.find(name)) for name in names if ".." not in name) if self._below else ()
        return next(((name, path) for name, path in found if path is not None and not _is_mask(path, self._src)), None)


def _is_mask(path: Path, src: Path) -> bool:
    """Whether an image below `src` lies where masks lie, which may be called like their images."""
    return any(part.lower().startswith("segmentation") for part in path.relative_to(src).parts[:-1])


def _size(document: Element) -> Mapping[str, int]:
    """Width and height, empty where the file has 0 or nothing."""
    width, height = text(document, "size/width"), text(document, "size/height")
    if width.isdecimal() and height.isdecimal() and 0 < int(width) < LIMIT and 0 < int(height) < LIMIT:
        return {"width": int(width), "height": int(height)}
    return {}


def _names(filename: str, below: str) -> list[str]:
    """What the image may be called: as the file says, in the folder of the XML file, or by the XML file's name."""
    filename = filename.replace("\\", "/").removeprefix("./")
    base = PurePosixPath(filename).name
    folder = PurePosixPath(below).parent
    names = [str(folder / base)] if base and folder.name else []
    names += [filename, base] if base else []
    return list(dict.fromkeys((*names, *with_suffixes(below), *with_suffixes(PurePosixPath(below).name))))


def _find_image(names: Sequence[str], folders: Sequence[Path]) -> tuple[str, Path] | None:
    """The name and the file of the image, from where VOC data sets keep them."""
    for name in names:
        if name.startswith("/") or ".." in name:
            continue
        for folder in folders:
            if (path := folder / name).is_file():
                return name, path
    return None
