"""LabelMe: a JSON file an image, with shapes in pixels of the upright image.

Old versions drew on images as they are stored, before their EXIF orientation: such files are told by their `imageWidth`
and `imageHeight`, and left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from msgspec import Struct

from trainset.core.model import Annotation, Class, Task
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition, walk
from trainset_vision.annotations import Polygon
from trainset_vision.formats import fitting
from trainset_vision.formats.fitting import Gathering, Size, grouped
from trainset_vision.formats.labelme_masks import pixels_of
from trainset_vision.formats.labelme_write import LabelmeExporter
from trainset_vision.formats.pictures import Pictures, relative
from trainset_vision.formats.reading import LIMIT, SIDECAR, Left, read_head, read_text, with_suffixes
from trainset_vision.formats.row_masks import placed
from trainset_vision.media import geo

__all__ = ["LabelmeExporter", "LabelmeImporter"]

_FEW = 50
_HIDDEN = ("occluded", "hidden", "difficult")
"""Flags of a point that say that it cannot be seen."""


class _Shape(Struct):
    label: Any = None
    points: Any = ()
    shape_type: Any = None
    group_id: Any = None
    flags: Any = None
    description: Any = None
    mask: Any = None
    score: Any = None
    difficult: Any = None


class _File(Struct, rename="camel"):
    shapes: list[_Shape]
    image_path: str | None = None
    image_width: Any = None
    image_height: Any = None
    flags: Any = None
    geo: Any = None


_decoder = msgspec.json.Decoder(_File)


class LabelmeImporter:
    """Reads a JSON file, or all of them below a folder."""

    def sniff(self, src: Path) -> Recognition | None:
        """A JSON file with shapes and the path of an image."""
        for path in islice(_files(src), _FEW):
            if '"shapes"' in read_head(path) and isinstance(_read(path), _File):
                return Recognition(evidence=[f"{path.name} has the fields of a LabelMe file"])
        return None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The labels of shapes and the flags of images, in the order of the files: LabelMe declares none. What the points
        of an object are called is none."""
        labels: dict[str, None] = {}
        flags: dict[str, None] = {}
        for path in _checked(src):
            if isinstance(found := _read(path), _File):
                points = {id(shape) for shape in _points(found.shapes)}
                labels.update(dict.fromkeys(filter(None, (_label(x) for x in found.shapes if id(x) not in points))))
                flags.update(dict.fromkeys(_flags(found.flags)))
        return [(None, name) for name in labels | flags]

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """For a task of keypoints the `points` that objects have, in the order of the files."""
        if task.type != "keypoints":
            return {}
        files = (found for path in _checked(src) if isinstance(found := _read(path), _File))
        names = dict.fromkeys(_label(point) for file in files for point in _points(file.shapes))
        return {"points": list(names)} if names else {}

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each file; one without shapes has nothing on it. Of a classify task, flags of the image are classes."""
        reader = _Reader(context, src)
        for path in _checked(src):
            yield from reader.item(path)
        yield from reader.found.tally.problems(str(src))


def _files(src: Path) -> Iterator[Path]:
    if not src.is_dir():
        return iter([src])
    return (path for path in walk(src) if path.suffix.lower() == ".json" and path.name != SIDECAR)


def _checked(src: Path) -> list[Path]:
    found = list(_files(src))
    if not found:
        raise TrainsetError(f"{src}: no JSON file is here", hint="name the folder that LabelMe saved to")
    if not src.is_dir() and isinstance(wrong := _read(src), str):
        raise TrainsetError(f"{src}: {wrong}", hint="name a JSON file of LabelMe, or a folder of them")
    return found


def _read(path: Path) -> _File | str:
    """The file's content, or why it is not read."""
    try:
        return _decoder.decode(read_text(path).encode())
    except TrainsetError as error:
        return error.message
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return f"it is no file of LabelMe: {error}"


def _label(shape: _Shape) -> str | None:
    label = shape.label
    return label if isinstance(label, str) else str(label) if isinstance(label, int) else None


def _flags(flags: Any) -> list[str]:
    """The flags of an image or a shape that are set."""
    return [str(name) for name, value in flags.items() if value is True] if isinstance(flags, Mapping) else []


def _points(shapes: Sequence[_Shape]) -> list[_Shape]:
    """The named points of objects: those in a group with another shape, which is the object's."""
    owned = {_group(shape) for shape in shapes if shape.shape_type != "point"} - {None}
    return [x for x in shapes if x.shape_type == "point" and _label(x) and _group(x) in owned]


def _group(shape: _Shape) -> int | None:
    return shape.group_id if isinstance(shape.group_id, int) and not isinstance(shape.group_id, bool) else None


class _Reader:
    def __init__(self, context: ImportContext, src: Path) -> None:
        self.found = Gathering(context.task)
        self._context, self._root = context, src if src.is_dir() else src.parent
        self._pictures = Pictures(context, src)
        self._points = fitting.points_of(context.task)

    def item(self, path: Path) -> Iterator[Imported | Problem]:
        """What one file says."""
        file = _read(path)
        if isinstance(file, str):
            yield Problem(str(path), file)
            return
        beside, images = path.parent, self._root / "images"
        bases = [images, self._root] if path.is_relative_to(images) else [self._root]
        called = [_names(file.image_path or "", PurePosixPath(beside.relative_to(base)), path.stem) for base in bases]
        if len(bases) > 1 and any((self._root / name).is_file() for name in called[0]):
            bases, called = (
                bases[1:],
                called[1:],
            )  # a picture beside `images` has that name: the folder is a part of this one's
        names = [name for some in called for name in some]
        picture = self._pictures.find(names, [*bases, beside, beside / "images", beside.parent])
        said = _size(file)
        if not picture.agrees(said, self.found.tally):
            return
        size = said or picture.size
        self.found.open(path.name)
        if self._context.task.type == "classify":
            for name in _flags(file.flags):
                with self.found.one("its flags"):
                    self.found.take(Class(label=name))
        elif self._points:
            self._figures(file.shapes)
        else:
            self._shapes(file.shapes, size)
        taken = yield from self.found.done()
        if taken is None or (self._context.task.type == "classify" and not taken and file.shapes):
            return
        yield Imported(
            name=picture.name,
            annotations=taken,
            path=picture.path,
            meta=({"width": size[1], "height": size[0]} if size else {}) | geo.told({"geo": file.geo}),
            attributes=fitting.declared(self._context.task, dict.fromkeys(_flags(file.flags), True)),
        )

    def _shapes(self, shapes: Sequence[_Shape], size: Size | None) -> None:
        """Shapes one by one, but for polygons of one label and group, which are parts of one object."""
        parts: dict[tuple[str | None, int], list[tuple[int, _Shape]]] = {}
        for number, shape in enumerate(shapes, 1):
            group = _group(shape)
            if group is not None and (shape.shape_type or "polygon") == "polygon":
                parts.setdefault((_label(shape), group), []).append((number, shape))
        done: set[tuple[str | None, int]] = set()
        for number, shape in enumerate(shapes, 1):
            key = (_label(shape), _group(shape) or 0)
            if (shape.shape_type or "polygon") != "polygon" or _group(shape) is None:
                with self.found.one(f"shape {number}"):
                    self._take(shape, size)
            elif key not in done:
                done.add(key)
                with self.found.one(f"shape {', '.join(str(n) for n, _ in parts[key])}"):
                    polygons = [self._shape(one, size) for _, one in parts[key]]
                    self.found.take(grouped([one for one in polygons if isinstance(one, Polygon)]))

    def _about(self, shape: _Shape) -> dict[str, Any]:
        attributes: dict[str, Any] = dict.fromkeys(_flags(shape.flags), True)
        if isinstance(shape.description, str) and shape.description:
            attributes["description"] = shape.description
        if shape.difficult is True:
            attributes["difficult"] = True
        return {"label": _label(shape), "score": self.found.score(shape.score), "attributes": attributes}

    def _take(self, shape: _Shape, size: Size | None) -> None:
        if shape.shape_type == "circle":
            x, y, on_x, on_y = fitting.numbers(fitting.points(shape.points), 4)
            radius = math.hypot(on_x - x, on_y - y)
            self.found.ellipse(x, y, radius, radius, **self._about(shape))
        else:
            self.found.take(self._shape(shape, size))

    def _shape(self, shape: _Shape, size: Size | None) -> Annotation:
        about, flat = self._about(shape), fitting.points(shape.points)
        match shape.shape_type:
            case None | "polygon":
                return fitting.polygon([flat], **about)
            case "rectangle":
                return fitting.box(*_bounds(flat), **about)
            case "oriented_rectangle" | "rotation":
                return _oriented(flat, about)
            case "line" | "linestrip":
                return fitting.polyline(flat, **about)
            case "point" | "points":
                hidden = any(about["attributes"].pop(name, False) for name in _HIDDEN)
                seen = [(flat[n], flat[n + 1], 1 if hidden else 2) for n in range(0, len(flat), 2)]
                return fitting.keypoints(seen, **about)
            case "mask":
                return _mask(shape.mask, flat, size, about)
        raise Left(f"shapes of type {str(shape.shape_type)[:40]!r} are not read")

    def _figures(self, shapes: Sequence[_Shape]) -> None:
        """Objects of named keypoints: each point is a shape labelled by the point's name; those of one group are one object,
        whose label and box are those of the group's rectangle."""
        groups: dict[int | None, list[_Shape]] = {}
        for shape in shapes:
            groups.setdefault(_group(shape), []).append(shape)
        labels = self._context.task.active
        for group, some in groups.items():
            with self.found.one("its points" if group is None else f"group {group}"):
                found: dict[str, tuple[float, float, int]] = {}
                label = labels[0].title if len(labels) == 1 else None
                around: tuple[float, ...] | None = None
                about: dict[str, Any] = {}
                for shape in some:
                    name = _label(shape) or ""
                    flat = fitting.points(shape.points)
                    if shape.shape_type == "point" and name in self._points:
                        if name in found:
                            raise Left(f"the point {name!r} stands twice in one group", many=False)
                        hidden = shape.difficult is True or any(flag in _HIDDEN for flag in _flags(shape.flags))
                        x, y = fitting.numbers(flat, 2)
                        found[name] = (x, y, 1 if hidden else 2)
                    elif about:
                        raise Left("groups of points have more than one object")
                    else:
                        label, about = name, self._about(shape)
                        around = _bounds(flat) if shape.shape_type == "rectangle" else None
                if not found:
                    raise Left("objects have no keypoints")
                points = fitting.in_order(found, self._points)
                self.found.take(fitting.keypoints(points, around, **(about | {"label": label})))


def _bounds(flat: Sequence[float]) -> tuple[float, float, float, float]:
    """The box about two opposite corners, or about all four."""
    if len(flat) < 4:
        raise Left("a rectangle has fewer than two corners", many=False)
    left, top = min(flat[::2]), min(flat[1::2])
    return left, top, max(flat[::2]) - left, max(flat[1::2]) - top


def _oriented(flat: Sequence[float], about: dict[str, Any]) -> Annotation:
    """A rectangle of four corners, of which the first side gives the angle."""
    ax, ay, bx, by, cx, cy, dx, dy = fitting.numbers(flat, 8)
    degrees = math.degrees(math.atan2(by - ay, bx - ax))
    w, h = math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by)
    return fitting.rotated((ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4, w, h, degrees, **about)


def _mask(png: Any, flat: Sequence[float], size: Size | None, about: dict[str, Any]) -> Annotation:
    """The pixels of a PNG, placed at the first corner of their box."""
    if size is None:
        raise Left("masks cannot be read: it is not known how large their images are")
    left, top, _, _ = _bounds(flat)
    return fitting.mask(placed(pixels_of(png, size), math.floor(left), math.floor(top), size), size, **about)


def _names(image: str, below: PurePosixPath, stem: str) -> list[str]:
    """What the image may be called: as the file says, below the file's own folder, or as the file itself is."""
    named, base = relative(image), relative(image).rpartition("/")[2]
    folder = "" if str(below) == "." else f"{below}/"
    up = PurePosixPath(folder, image.replace("\\", "/").removeprefix("./"))
    parts: list[str] = []
    for part in up.parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
    beside = [] if up.is_absolute() or ":" in image else ["/".join(parts)]
    return [*beside, named, base] if base else [*with_suffixes(f"{folder}{stem}"), *with_suffixes(stem)]


def _size(file: _File) -> Size | None:
    width, height = file.image_width, file.image_height
    if isinstance(width, int) and isinstance(height, int) and 0 < width < LIMIT and 0 < height < LIMIT:
        return height, width
    return None
