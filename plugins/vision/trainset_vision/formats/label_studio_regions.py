"""What one person or model of Label Studio said of an image: regions, in percent of the image, and answers about it.

A region is every result with its id: its geometry, its label, and answers about it. A box is turned clockwise about its top
left corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainset.core.model import Annotation, AttributeValue, Class, Task
from trainset_vision.formats import fitting
from trainset_vision.formats.fitting import Gathering, Size
from trainset_vision.formats.label_studio_brush import decode
from trainset_vision.formats.labelme_masks import pixels_of
from trainset_vision.formats.reading import LIMIT, Left
from trainset_vision.formats.row_masks import placed

Result = Mapping[str, Any]

_ANSWERS = ("choices", "taxonomy", "text", "number", "rating", "datetime")
_GEOMETRY = ("rle", "imageDataURL", "points", "vertices", "radiusX", "x")


def said_size(results: Sequence[Result]) -> Size | None:
    """The height and width of the image that the results were made on, where they tell."""
    for result in results:
        width, height = result.get("original_width"), result.get("original_height")
        if isinstance(width, int) and isinstance(height, int) and 0 < width < LIMIT and 0 < height < LIMIT:
            return height, width
    return None


def labels_in(results: Sequence[Result]) -> Iterator[str]:
    """The labels of regions and the choices about the image, as they come; what the points of an object are called is none."""
    points = {id(region[0]) for region in _points(results)}
    for region in regions(results):
        if id(region[0]) in points:
            continue
        if any(map(shown, region)):
            yield from (label for label in (_label(region),) if label is not None)
        else:
            yield from _choices(region)


def points_in(results: Sequence[Result]) -> Iterator[str]:
    """What the points of objects are called."""
    return (label for region in _points(results) if (label := _label(region)) is not None)


def _points(results: Sequence[Result]) -> list[list[Result]]:
    """The regions of points whose parent is a region of another kind: the object."""
    placed = [(region, _drawn(region)) for region in regions(results) if any(map(shown, region))]
    owners = {str(first.get("id")) for _, first in placed if not _is_point(first["value"])}
    return [region for region, first in placed if _is_point(first["value"]) and str(first.get("parentID")) in owners]


def regions(results: Sequence[Result]) -> list[list[Result]]:
    """The results of each region; relations are none."""
    found: dict[Any, list[Result]] = {}
    for number, result in enumerate(results):
        if isinstance(result.get("value"), Mapping):
            name = result.get("id")
            found.setdefault(name if isinstance(name, str | int) else f"result {number}", []).append(result)
    return list(found.values())


class Regions:
    """Takes the regions of images, or of a classify task the choices about them: where a control is `named` as the task is,
    those of that one alone."""

    def __init__(self, task: Task, found: Gathering) -> None:
        self.named = False
        self._task, self._found = task, found
        self._points = fitting.points_of(task)
        self._kinds = fitting.kinds_of(task)

    def take(self, results: Sequence[Result], size: Size | None) -> None:
        """Take what one annotation says of an image of `size`."""
        found = regions(results)
        for result in results:
            if result.get("type") == "relation":
                self._found.tally.add("relations between regions are left out")
        placed = [region for region in found if any(map(shown, region))]
        others = [region for region in found if not any(map(shown, region))]
        if self._task.type == "classify":
            self._classes(others)
            placed = [] if others else placed
        if self._task.type == "keypoints":
            self._figures(placed, size)
            return
        for region in placed:
            with self._found.one(f"region {region[0].get('id', '')}"):
                self._region(region, size)

    def answers(self, results: Sequence[Result]) -> dict[str, AttributeValue]:
        """What was answered about the image as a whole, by the names of the controls."""
        return self._answers([r for region in regions(results) if not any(map(shown, region)) for r in region])

    def _classes(self, others: Sequence[Sequence[Result]]) -> None:
        """Choices about the image: of the control that is called as the task is, where there is one."""
        for region in others:
            own = [result for result in region if not self.named or result.get("from_name") == self._task.name]
            for label in _choices(own):
                with self._found.one(f"choice {label}"):
                    self._found.take(Class(label=label, score=self._found.score(own[0].get("score"))))

    def _region(self, region: Sequence[Result], size: Size | None) -> None:
        first = _drawn(region)
        size = _checked(first, size)
        about: dict[str, Any] = {
            "label": _label(region),
            "score": self._found.score(first.get("score")),
            "attributes": self._answers(region),
        }
        value = first["value"]
        if "radiusX" in value:
            w, h = _percent(size)
            cx, cy, rx, ry = (fitting.number(value.get(name)) for name in ("x", "y", "radiusX", "radiusY"))
            self._found.ellipse(cx * w, cy * h, rx * w, ry * h, fitting.number(value.get("rotation") or 0), **about)
        else:
            self._found.take(_shape(value, size, about))

    def _answers(self, results: Sequence[Result]) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {}
        for result in results:
            name, value = result.get("from_name"), result["value"]
            kind = next((kind for kind in _ANSWERS if kind in value), None)
            if isinstance(name, str) and kind is not None:
                said = _said(value[kind])
                is_flag = kind == "choices" and self._kinds.get(name, "flag") == "flag"
                found[name] = fitting.typed(said, "flag") if is_flag and isinstance(said, str) else said
        return self._found.attributes(found)

    def _figures(self, placed: Sequence[Sequence[Result]], size: Size | None) -> None:
        """Objects of keypoints: points whose parent is one region are one object, with its label and box. Points without a
        parent are one object, where the task has one label."""
        owners: dict[Any, Sequence[Result]] = {}
        groups: dict[Any, list[Sequence[Result]]] = {}
        for region in placed:
            first = _drawn(region)
            if _is_point(first["value"]):
                parent = first.get("parentID")
                groups.setdefault(parent if isinstance(parent, str | int) else None, []).append(region)
            elif isinstance(first.get("id"), str | int):
                owners[first["id"]] = region
        labels = self._task.active
        for parent, group in groups.items():
            with self._found.one(f"the points of region {parent}" if parent is not None else "its points"):
                owner = owners.pop(parent, None)
                if owner is None and (len(labels) != 1 or size is None):
                    raise Left("keypoints belong to no region that names their object")
                found: dict[str, tuple[float, float, int]] = {}
                for region in group:
                    name, x, y = self._point(region, size, len(found))
                    if name in found:
                        raise Left(f"the point {name!r} stands twice in one object", many=False)
                    found[name] = (x, y, 2)
                points = fitting.in_order(found, self._points)
                self._found.take(self._figure(points, owner, size))
        for name in owners:
            with self._found.one(f"region {name}"):
                raise Left("objects have no keypoints")

    def _point(self, region: Sequence[Result], size: Size | None, number: int) -> tuple[str, float, float]:
        first = _drawn(region)
        value, (w, h) = first["value"], _percent(_checked(first, size))
        name = _label(region) if self._points else str(number + 1)
        return name or "", fitting.number(value.get("x")) * w, fitting.number(value.get("y")) * h

    def _figure(self, points: Any, owner: Sequence[Result] | None, size: Size | None) -> Annotation:
        if owner is None:
            return fitting.keypoints(points, label=self._task.active[0].title)
        first = _drawn(owner)
        value, (w, h) = first["value"], _percent(size or (0, 0))
        around = None
        if {"x", "y", "width", "height"} <= value.keys() and not value.get("rotation"):
            x, y, wide, high = (fitting.number(value[name]) for name in ("x", "y", "width", "height"))
            around = (x * w, y * h, wide * w, high * h)
        attributes = self._answers(owner)
        score = self._found.score(first.get("score"))
        return fitting.keypoints(points, around, label=_label(owner), score=score, attributes=attributes)


def shown(result: Result) -> bool:
    """Whether a result has a place in the image."""
    value = result["value"]
    return any(name in value for name in _GEOMETRY)


def is_choice(result: Result) -> bool:
    """Whether a result is a choice about the image as a whole."""
    value = result.get("value")
    return isinstance(value, Mapping) and ("choices" in value or "taxonomy" in value) and not shown(result)


def _drawn(region: Sequence[Result]) -> Result:
    """The result that has a region's place: answers about the region repeat it."""
    placed = [result for result in region if shown(result)]
    return next((result for result in placed if not any(kind in result["value"] for kind in _ANSWERS)), placed[0])


def _checked(drawn: Result, size: Size | None) -> Size:
    """The size of the image that a region was drawn on; Left where that does not tell where the region lies."""
    if drawn.get("image_rotation"):
        raise Left("regions were drawn on an image that was turned in Label Studio and are left out")
    if size is None:
        raise Left("regions are in percent, and it is not known how large their images are")
    return size


def _is_point(value: Mapping[str, Any]) -> bool:
    return "x" in value and "height" not in value and "radiusX" not in value


def _label(region: Sequence[Result]) -> str | None:
    """A region's first label: `rectanglelabels` and their like, or `labels`."""
    for result in region:
        for name, value in result["value"].items():
            if name.endswith("labels") and isinstance(value, list) and value and isinstance(value[0], str):
                return value[0]
    return None


def _choices(region: Sequence[Result]) -> Iterator[str]:
    """Choices, and the paths of a taxonomy with slashes."""
    for result in region:
        value = result["value"]
        for choice in value.get("choices") or () if isinstance(value.get("choices"), list) else ():
            if isinstance(choice, str):
                yield choice
        for path in value.get("taxonomy") or () if isinstance(value.get("taxonomy"), list) else ():
            if isinstance(path, list) and path and all(isinstance(step, str) for step in path):
                yield "/".join(path)


def _said(value: Any) -> Any:
    """An answer as one value: a list of texts is one of several lines, a path of a taxonomy has slashes."""
    if isinstance(value, list):
        steps = ["/".join(map(str, one)) if isinstance(one, list) else one for one in value]
        return "\n".join(map(str, steps))
    return value


def _percent(size: Size) -> tuple[float, float]:
    """How many pixels a percent of the width and of the height is."""
    return size[1] / 100, size[0] / 100


def _shape(value: Mapping[str, Any], size: Size, about: dict[str, Any]) -> Annotation:
    w, h = _percent(size)
    if "rle" in value:
        return fitting.mask(decode(value["rle"], size), size, **about)
    if "imageDataURL" in value:
        return fitting.mask(placed(pixels_of(value["imageDataURL"], size), 0, 0, size), size, **about)
    if "points" in value or "vertices" in value:
        flat = fitting.points(value["points"] if "points" in value else _vertices(value["vertices"]))
        pixels = [at * (h if n % 2 else w) for n, at in enumerate(flat)]
        closed = value.get("closed", "points" in value)
        return fitting.polygon([pixels], **about) if closed else fitting.polyline(pixels, **about)
    x, y = fitting.number(value.get("x")) * w, fitting.number(value.get("y")) * h
    if "height" not in value:
        return fitting.keypoints([(x, y, 2)], **about)
    wide, high = fitting.number(value.get("width")) * w, fitting.number(value["height"]) * h
    degrees = fitting.number(value.get("rotation") or 0)
    if not degrees % 360:
        return fitting.box(x, y, wide, high, **about)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cx, cy = x + (wide * cos - high * sin) / 2, y + (wide * sin + high * cos) / 2
    return fitting.rotated(cx, cy, wide, high, degrees, **about)


def _vertices(vertices: Any) -> list[list[Any]]:
    if not isinstance(vertices, list) or not all(isinstance(vertex, Mapping) for vertex in vertices):
        raise Left("the vertices of a line are no list of points", many=False)
    if any(vertex.get("isBezier") for vertex in vertices):
        raise Left("curves are not read")
    return [[vertex.get("x"), vertex.get("y")] for vertex in vertices]
