"""Shapes of other tools as answers to a task: made and checked here, taken where they fit its type, counted where not."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from trainset.core.model import Annotation, AttributeValue, Class, Task
from trainset.errors import RecordError
from trainset.plugins import Problem
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, Rle, RotatedBox, rle, skeleton_of
from trainset_vision.conversions import box_of
from trainset_vision.formats.reading import LIMIT, Left, Tally, wrong_box

Size = tuple[int, int]
"""Height and width of an image."""

_TAKES: Mapping[str, tuple[type[Annotation], ...]] = {
    "rotated-box": (RotatedBox,),
    "polygon": (Polygon, Mask),
    "mask": (Mask, Polygon),
    "polyline": (Polyline,),
    "keypoints": (Keypoints,),
    "classify": (Class,),
}
_EXACT = 1 << 53


# -- numbers and shapes --------------------------------------------------------------------------------------


def number(value: Any) -> float:
    """A finite number that can lie in an image; Left for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LIMIT < value < LIMIT:
        raise Left(f"{_said(value)} is no number that could lie in an image", many=False)
    return float(value)


def numbers(values: Any, count: int | None = None) -> list[float]:
    """A list of such numbers, of this `count`."""
    if not isinstance(values, list | tuple) or (count is not None and len(values) != count):
        raise Left(f"{_said(values)} are not {count or 'a list of'} numbers", many=False)
    return [number(value) for value in values]


def points(values: Any) -> list[float]:
    """A list of pairs as one flat list."""
    if not isinstance(values, list | tuple):
        raise Left(f"{_said(values)} is no list of points", many=False)
    return [value for point in values for value in numbers(point, 2)]


def box(x: float, y: float, w: float, h: float, **about: Any) -> Box:
    """A box; Left for one without area."""
    if wrong := wrong_box(x, y, w, h):
        raise Left(wrong, many=False)
    return Box(box=(x, y, w, h), **about)


def rotated(cx: float, cy: float, w: float, h: float, degrees: float, **about: Any) -> Annotation:
    """A box turned clockwise about its centre, or a plain one where it is not turned."""
    plain = box(cx - w / 2, cy - h / 2, w, h, **about)
    return RotatedBox(rotated_box=(cx, cy, w, h, degrees), **about) if degrees % 360 else plain


def polygon(rings: Sequence[Sequence[float]], **about: Any) -> Polygon:
    """A polygon; Left where a ring has fewer than three points."""
    if not rings or any(len(ring) < 6 or len(ring) % 2 for ring in rings):
        raise Left("a polygon has fewer than three points, or half a point", many=False)
    return Polygon(polygon=tuple(map(tuple, rings)), **about)


def polyline(line: Sequence[float], **about: Any) -> Polyline:
    """A line; Left where it has fewer than two points."""
    if len(line) < 4 or len(line) % 2:
        raise Left("a line has fewer than two points, or half a point", many=False)
    return Polyline(polyline=tuple(line), **about)


def mask(found: Rle, size: Size | None, **about: Any) -> Mask:
    """A mask; Left where it is not sound, or not as large as its image."""
    if size is not None and found.size != size:
        raise Left("masks have another size than their image")
    if wrong := rle.problem(found.counts, found.size):
        raise Left(wrong, many=False)
    return Mask(mask=found, **about)


def keypoints(
    found: Sequence[tuple[float, float, int]], around: tuple[float, ...] | None = None, **about: Any
) -> Keypoints:
    """Keypoints, with the box of the object where it has one with an area."""
    frame: Any = UNSET if around is None or wrong_box(*around) else around
    box: tuple[float, float, float, float] | UnsetType = frame
    return Keypoints(keypoints=tuple(found), box=box, **about)


def points_of(task: Task) -> Sequence[str]:
    """The names of the points of a task's skeleton."""
    return skeleton_of(task).points


def in_order(found: Mapping[str, tuple[float, float, int]], names: Sequence[str]) -> list[tuple[float, float, int]]:
    """Named points in the order of `names`, those that are missing as not labelled; as they come without names."""
    if not names:
        return list(found.values())
    if strange := [name for name in found if name not in names]:
        raise Left(f"objects have points that the task has not: {', '.join(strange)}")
    return [found.get(name, (0.0, 0.0, 0)) for name in names]


# -- attributes ----------------------------------------------------------------------------------------------


def typed(text: str, kind: str) -> AttributeValue:
    """What an attribute's text says, by its kind: a "flag", a "number", else a text. Text that is neither stays one."""
    if kind == "flag" and text.strip().lower() in ("true", "false"):
        return text.strip().lower() == "true"
    if kind == "number":
        try:
            value = float(text)
        except ValueError:
            return text
        return value if math.isfinite(value) else text
    return text


def kinds_of(task: Task) -> dict[str, str]:
    """The kinds of the attributes that a task declares of its objects, by name."""
    return {attribute.name: attribute.type for attribute in task.attributes_of("object")}


def declared(task: Task, found: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """Those of an item's attributes that the task asks for, where they have a value that it takes."""
    known = {attribute.name: attribute for attribute in task.attributes_of("item")}
    return {name: value for name, value in found.items() if name in known and known[name].problem(value) is None}


# -- gathering -----------------------------------------------------------------------------------------------


class Gathering:
    """The objects of one image after another: what fits the task is taken, the rest is counted, or named where it is wrong.

    `where` names the file for problems.
    """

    def __init__(self, task: Task, where: str = "") -> None:
        self.tally = Tally()
        self.where = where
        self._type = task.type
        self._takes = _TAKES.get(task.type, (Box,))
        self._image = ""
        self._taken: list[Annotation] = []
        self._wrong: list[Problem] = []
        self._met = 0

    def open(self, image: str) -> None:
        """Begin an image."""
        self._image, self._taken, self._wrong, self._met = image, [], [], 0

    @contextmanager
    def one(self, which: str) -> Iterator[None]:
        """An object of the image, or several that make one; `Left` raised within says why it is left out."""
        self._met += 1
        try:
            yield
        except Left as left:
            if left.many:
                self.tally.add(left.message, self._at())
            else:
                self._wrong.append(Problem(f"{self._at()}, {which}", left.message))
        except RecordError as error:
            self._wrong.append(Problem(f"{self._at()}, {which}", error.message))

    def take(self, shape: Annotation) -> None:
        """Take a shape where it fits the task, else raise Left. A box task takes the boxes about regions, and says so."""
        if shape.label is None:
            raise Left("objects have no label")
        self._taken.append(self._fitted(shape))

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0, **about: Any) -> None:
        """An ellipse has no outline of points: a box task takes the box about it, other tasks nothing."""
        if self._type != "box":
            raise Left("ellipses and circles have no outline of points and are left out")
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        w, h = 2 * math.hypot(rx * cos, ry * sin), 2 * math.hypot(rx * sin, ry * cos)
        self.take(box(cx - w / 2, cy - h / 2, w, h, **about))
        self._note("ellipses and circles")

    def done(self) -> Generator[Problem, None, list[Annotation] | None]:
        """The image's annotations, None where it has objects of which none could be taken; what was wrong is yielded."""
        yield from self._wrong
        if self._met and not self._taken:
            self.tally.add("images are left out, since none of their objects can be read", self._at())
            return None
        return self._taken

    def score(self, value: Any) -> float | None:
        """A score, None for what is none."""
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        self.tally.add("scores are no numbers in 0..1 and are left out", self._at())
        return None

    def attributes(self, found: Any) -> dict[str, AttributeValue]:
        """The texts, numbers and flags of a mapping."""
        plain: dict[str, AttributeValue] = {}
        for name, value in found.items() if isinstance(found, Mapping) else ():
            if isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) <= _EXACT):
                plain[str(name)] = value
            elif value is not None:
                self.tally.add("attributes are no plain text, number or flag and are left out", self._at())
        return plain

    def _fitted(self, shape: Annotation) -> Annotation:
        if isinstance(shape, self._takes):
            return shape
        about = {name: getattr(shape, name) for name in ("id", "label", "score", "attributes", "track")}
        if self._type == "rotated-box" and isinstance(shape, Box):
            x, y, w, h = shape.box
            return RotatedBox(rotated_box=(x + w / 2, y + h / 2, w, h, 0.0), **about)
        kind = str(shape.__struct_config__.tag)
        if self._type == "box" and isinstance(shape, RotatedBox | Polygon | Mask):
            around = box_of(shape)
            if around is None:
                raise Left("masks without a pixel have no box")
            self._note({"rotated-box": "rotated boxes"}.get(kind, f"{kind}s"))
            return box(*around, **about)
        named = {"box": "boxes", "rotated-box": "rotated boxes", "keypoints": "keypoints", "class": "classes of images"}
        raise Left(f"{named.get(kind, f'{kind}s')} do not fit a task of type {self._type!r} and are left out")

    def _note(self, kind: str) -> None:
        self.tally.add(f"{kind} are read as the boxes about them", self._at(), note=True)

    def _at(self) -> str:
        return f"{self.where}: {self._image}" if self.where else self._image


def grouped(shapes: Sequence[Polygon]) -> Polygon:
    """Polygons that are parts of one object, as one. Parts unite: rings within others add nothing."""
    from trainset_vision.formats.coco_masks import outlines

    if len(shapes) == 1:
        return shapes[0]
    rings = outlines(tuple(ring for shape in shapes for ring in shape.polygon))
    attributes = {name: value for shape in reversed(shapes) for name, value in shape.attributes.items()}
    return replace(shapes[0], polygon=rings, attributes=attributes)


def _said(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
