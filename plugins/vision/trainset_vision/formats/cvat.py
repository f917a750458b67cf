"""CVAT's own XML ("CVAT for images 1.1"): images with boxes, polygons, lines, points, masks, skeletons and tags.

Coordinates are pixels of the upright image. A box may be turned, clockwise about its centre.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from trainset.core.model import Annotation, AttributeValue, Class, Task
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.formats import fitting
from trainset_vision.formats.cvat_labels import Labels, labels_in
from trainset_vision.formats.cvat_write import CvatExporter
from trainset_vision.formats.fitting import Gathering, Size
from trainset_vision.formats.pictures import Pictures
from trainset_vision.formats.reading import LIMIT, Left, read_head, split_name
from trainset_vision.formats.row_masks import from_runs
from trainset_vision.formats.voc_xml import Refused
from trainset_vision.formats.xml_stream import children

__all__ = ["CvatExporter", "CvatImporter"]

_ROOT = "annotations"
_PARTS = ("version", "meta", "image", "track")


class CvatImporter:
    """Reads an `annotations.xml`, or a folder with such files."""

    def sniff(self, src: Path) -> Recognition | None:
        """An XML file whose root is `annotations`, with a version, a meta block, images or tracks in it."""
        found = next((path for path in _files(src) if _looks_like(path)), None)
        return Recognition(evidence=[f"{found.name} has the root element <annotations> of CVAT"]) if found else None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The labels that the files declare, and those that they use besides. CVAT does not number them."""
        found: dict[str, None] = {}
        for path in _checked(src):
            try:
                for element in children(path, _ROOT):
                    if element.tag == "meta":
                        found.update(dict.fromkeys(labels_in(element).names))
                    elif element.tag == "image":
                        found.update(dict.fromkeys(label for one in element if (label := one.get("label"))))
            except Refused:
                continue
        return [(None, name) for name in found]

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """For a task of keypoints the `points` and `edges` of the first skeleton."""
        if task.type != "keypoints":
            return {}
        for path in _checked(src):
            try:
                for element in children(path, _ROOT):
                    if element.tag == "meta" and (skeletons := labels_in(element).skeletons):
                        points, edges = next(iter(skeletons.values()))
                        return {"points": list(points), "edges": [list(edge) for edge in edges]}
            except Refused:
                continue
        return {}

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each image of the files; those without objects have nothing on them."""
        for path in _checked(src):
            yield from _Reader(context, src, path).items()


def _files(src: Path) -> list[Path]:
    if not src.is_dir():
        return [src]
    return sorted({*src.glob("*.xml"), *src.glob("*/annotations.xml")})


def _checked(src: Path) -> list[Path]:
    found = [path for path in _files(src) if _looks_like(path)]
    if not found:
        raise TrainsetError(f"{src}: no XML file of CVAT is here", hint="name the annotations.xml of an export")
    return found


def _looks_like(path: Path) -> bool:
    if f"<{_ROOT}" not in read_head(path):
        return False
    try:
        return next(iter(children(path, _ROOT))).tag in _PARTS
    except StopIteration:
        return True
    except Refused as error:
        return "root element" not in str(error)


class _Reader:
    def __init__(self, context: ImportContext, src: Path, path: Path) -> None:
        self._context, self._path = context, path
        self._found = Gathering(context.task, path.name)
        self._places = [path.parent / "images", path.parent]
        self._pictures = Pictures(context, src, self._places)
        self._labels = Labels()
        self._kinds = fitting.kinds_of(context.task)
        self._split = split_name(path.stem)

    def items(self) -> Iterator[Imported | Problem]:
        """What the file holds, up to where it is damaged."""
        try:
            for element in children(self._path, _ROOT):
                if element.tag == "meta":
                    self._labels = labels_in(element)
                elif element.tag == "image":
                    yield from self._image(element)
                elif element.tag == "track":
                    message = (
                        "tracks of a video are left out (export the task as 'CVAT for images', which has every frame)"
                    )
                    self._found.tally.add(message, f"track {element.get('id', '')}")
        except Refused as error:
            yield Problem(str(self._path), str(error))
        yield from self._found.tally.problems(str(self._path))

    def _image(self, element: Element) -> Iterator[Imported | Problem]:
        name = element.get("name", "")
        if not name:
            self._found.tally.add("images have no name and are left out", f"image {element.get('id', '')}")
            return
        subset = element.get("subset", "")
        folders = [self._path.parent / "images" / subset] if subset and "/" not in subset and ".." not in subset else []
        picture = self._pictures.find([name], folders)
        said = _size(element)
        if not picture.agrees(said, self._found.tally):
            return
        self._found.open(name)
        for number, one in enumerate(element, 1):
            with self._found.one(f"object {number}"):
                self._object(one, said or picture.size)
        taken = yield from self._found.done()
        if taken is not None:
            yield Imported(
                name=picture.name,
                annotations=taken,
                path=picture.path,
                meta={"width": said[1], "height": said[0]} if said else {},
                split=self._split_of(subset),
            )

    def _split_of(self, subset: str) -> str | None:
        """The split of an image: its subset, else what the file is called, as Datumaro writes a file for each."""
        return split_name(subset) or (subset if subset not in ("", "default", "Default") else self._split)

    def _object(self, one: Element, size: Size | None) -> None:
        if one.get("outside") == "1":
            raise Left("objects are marked as outside of their image and are left out")
        label = one.get("label")
        about: dict[str, Any] = {
            "label": label,
            "score": self._found.score(_number(one, "score") if "score" in one.attrib else None),
            "attributes": self._attributes(one, label or ""),
        }
        if one.tag == "ellipse":
            cx, cy, rx, ry = (_number(one, name) for name in ("cx", "cy", "rx", "ry"))
            self._found.ellipse(cx, cy, rx, ry, _angle(one), **about)
        else:
            self._found.take(self._shape(one, size, about))

    def _shape(self, one: Element, size: Size | None, about: dict[str, Any]) -> Annotation:
        match one.tag:
            case "box":
                left, top, right, bottom = (_number(one, name) for name in ("xtl", "ytl", "xbr", "ybr"))
                if not _angle(one) % 360:
                    return fitting.box(left, top, right - left, bottom - top, **about)
                middle = (left + right) / 2, (top + bottom) / 2
                return fitting.rotated(*middle, right - left, bottom - top, _angle(one), **about)
            case "polygon":
                return fitting.polygon([_points(one)], **about)
            case "polyline":
                return fitting.polyline(_points(one), **about)
            case "points":
                return self._points(one, about)
            case "skeleton":
                return self._skeleton(one, about)
            case "mask":
                return _mask(one, size, about)
            case "tag":
                return Class(**about)
        raise Left(f"elements <{one.tag}> are not read")

    def _attributes(self, one: Element, label: str) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {"occluded": True} if one.get("occluded") == "1" else {}
        for name in ("z_order", "group_id"):
            value = fitting.typed(one.get(name, "0"), "number")
            if isinstance(value, float) and value and abs(value) < LIMIT:
                found[name] = value
        for attribute in one.iterfind("attribute"):
            name = attribute.get("name", "")
            kind = self._kinds.get(name) or self._labels.kinds.get((label, name), "text")
            if name:
                found[name] = fitting.typed(attribute.text or "", kind)
        return found

    def _points(self, one: Element, about: dict[str, Any]) -> Annotation:
        flat = _points(one)
        visible = 1 if one.get("occluded") == "1" else 2
        found = [(flat[n], flat[n + 1], visible) for n in range(0, len(flat), 2)]
        about["attributes"].pop("occluded", None)
        return fitting.keypoints(found, **about)

    def _skeleton(self, one: Element, about: dict[str, Any]) -> Annotation:
        found: dict[str, tuple[float, float, int]] = {}
        for point in one.iterfind("points"):
            x, y = fitting.numbers(_points(point), 2)
            visible = 0 if point.get("outside") == "1" else 1 if point.get("occluded") == "1" else 2
            found[point.get("label", "")] = (x, y, visible)
        return fitting.keypoints(fitting.in_order(found, fitting.points_of(self._context.task)), **about)


def _mask(one: Element, size: Size | None, about: dict[str, Any]) -> Annotation:
    if size is None:
        raise Left("masks cannot be read: it is not known how large their images are")
    left, top, width, height = (int(_number(one, name)) for name in ("left", "top", "width", "height"))
    try:
        lengths = [int(length) for length in one.get("rle", "").split(",")]
    except ValueError as error:
        raise Left("the runs of the mask are no whole numbers", many=False) from error
    return fitting.mask(from_runs(lengths, (height, width), left, top, size), size, **about)


def _number(one: Element, name: str) -> float:
    try:
        return fitting.number(float(one.get(name, "")))
    except ValueError as error:
        raise Left(f"its {name} is no number", many=False) from error


def _angle(one: Element) -> float:
    return _number(one, "rotation") if "rotation" in one.attrib else 0.0


def _points(one: Element) -> list[float]:
    try:
        pairs = [[float(value) for value in point.split(",")] for point in one.get("points", "").split(";")]
    except ValueError as error:
        raise Left("its points are no pairs of numbers", many=False) from error
    return fitting.points(pairs)


def _size(image: Element) -> Size | None:
    width, height = image.get("width", ""), image.get("height", "")
    if width.isdecimal() and height.isdecimal() and 0 < int(width[:10]) < LIMIT and 0 < int(height[:10]) < LIMIT:
        return int(height), int(width)
    return None
