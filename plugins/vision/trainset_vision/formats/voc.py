"""Pascal VOC: an XML file an image.

One rule both ways: pixels count from 1 and the last one is inside, so `x = xmin - 1` and `width = xmax - xmin + 1`. A box
with `xmin = xmax` is one pixel wide. Numbers with decimals follow the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from trainset.core.model import AttributeValue
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.annotations import Box
from trainset_vision.formats.reading import LIMIT, Tally, match, read_text, split_name, with_suffixes
from trainset_vision.formats.voc_write import VocExporter
from trainset_vision.formats.voc_xml import Refused, read_xml

__all__ = ["VocExporter", "VocImporter"]

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = ("difficult", "truncated", "occluded")
_OTHER_SHAPES = ("polygon", "robndbox", "segmentation", "part")
_NO_POSE = ("", "unspecified", "0")


class VocImporter:
    """Reads an XML file, a folder of them, or a VOC root (`Annotations`, `JPEGImages`, `ImageSets/Main`)."""

    def sniff(self, src: Path) -> Recognition | None:
        """An XML file whose root is `annotation`."""
        if not src.is_dir() and src.suffix.lower() != ".xml":
            return None
        try:
            first = next(iter(_files(src)), None)
            if first is None or read_xml(first).tag != "annotation":
                return None
        except (Refused, TrainsetError):
            return None
        return Recognition(evidence=[f"{first.name} has the root element <annotation>"])

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The names that objects have, in the order of the files: VOC declares none."""
        found: dict[str, None] = {}
        for path in _files(src):
            try:
                found.update(dict.fromkeys(_text(one, "name") for one in read_xml(path).iterfind("object")))
            except Refused:
                continue
        found.pop("", None)
        return [(None, name) for name in found]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each file. A file that cannot be read is a Problem and stops nothing."""
        files = _files(src)
        if not files:
            raise TrainsetError(f"{src}: no XML file is here", hint="name the folder Annotations or the one above it")
        root = _annotations(src) if src.is_dir() else src.parent
        splits = _splits(root.parent / "ImageSets" / "Main")
        reader = _Reader(context, [root.parent / "JPEGImages", root.parent / "images", root])
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
            yield from reader.item(document, path, below, splits.get(below))
        yield from reader.tally.problems(str(src))


def _annotations(folder: Path) -> Path:
    return folder / "Annotations" if (folder / "Annotations").is_dir() else folder


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


class _Reader:
    def __init__(self, context: ImportContext, images: Sequence[Path]) -> None:
        self.tally = Tally()
        self._context = context
        self._images = [folder for folder in images if folder.is_dir()]

    def item(self, document: Element, path: Path, below: str, split: str | None) -> Iterator[Imported | Problem]:
        objects = document.findall("object")
        boxes: list[Box] = []
        for number, one in enumerate(objects, 1):
            box = yield from self._box(one, f"{path}: object {number}")
            if box is not None:
                boxes.append(box)
        if objects and not boxes:
            self.tally.add("images are left out, since none of their objects can be read", str(path))
            return
        names = _names(_text(document, "filename"), below)
        image = _find_image(names, self._images)
        name, item = match(self._context, names)
        if item is None and image is not None:
            name = image[0]
        yield Imported(
            name=name, annotations=boxes, path=image[1] if image else None, meta=_size(document), split=split
        )

    def _box(self, one: Element, where: str) -> Generator[Problem, None, Box | None]:
        name = _text(one, "name")
        for shape in _OTHER_SHAPES:
            if one.find(shape) is not None:
                self.tally.add(f"elements <{shape}> are not read yet, only boxes", where)
        corners = _corners(one)
        if not name or corners is None:
            yield Problem(where, "it has no name" if not name else "it has no box of four finite numbers")
            return None
        xmin, ymin, xmax, ymax = corners
        w, h = xmax - xmin + 1, ymax - ymin + 1
        if w <= 0 or h <= 0:
            yield Problem(f"{where} ({name})", f"xmax and ymax lie before xmin and ymin: {_said(corners)}")
            return None
        if xmax <= xmin or ymax <= ymin:
            message = f"a box of no area by its corners, {_said(corners)}: kept as {w:g}×{h:g} pixels"
            yield Problem(f"{where} ({name})", message, note=True)
        if xmin == 0 or ymin == 0:
            message = "boxes start at 0, while VOC counts from 1: they stand out of the image by a pixel"
            self.tally.add(message, where, note=True)
        return Box(label=name, attributes=_attributes(one), box=(xmin - 1, ymin - 1, w, h))


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _corners(one: Element) -> tuple[float, float, float, float] | None:
    try:
        xmin, ymin, xmax, ymax = (float(_text(one, f"bndbox/{corner}")) for corner in _CORNERS)
    except ValueError:
        return None
    corners = (xmin, ymin, xmax, ymax)
    return corners if all(math.isfinite(value) and abs(value) < LIMIT for value in corners) else None


def _said(corners: Sequence[float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in zip(_CORNERS, corners, strict=True))


def _attributes(one: Element) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {flag: True for flag in _FLAGS if _text(one, flag).lower() in ("1", "true")}
    pose = _text(one, "pose")
    if pose.lower() not in _NO_POSE:
        found["pose"] = pose
    return found


def _size(document: Element) -> Mapping[str, int]:
    """Width and height, empty where the file has 0 or nothing."""
    width, height = _text(document, "size/width"), _text(document, "size/height")
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
