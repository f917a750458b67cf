"""An `<object>` of a VOC file as an annotation of a task's type: of its box, rotated box, polygon or mask, what fits best."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from xml.etree.ElementTree import Element

from trainset.core.model import Annotation, AttributeValue, Task
from trainset.errors import MediaError, RecordError
from trainset.plugins import Problem
from trainset_vision.conversions import XYWH, Ring
from trainset_vision.formats.fitting import typed
from trainset_vision.formats.labelme_xml import is_rectangle, pixels_of, text
from trainset_vision.formats.reading import LIMIT, Below, Tally
from trainset_vision.formats.shapes import Rotated, Shaper, Unfit

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_TURNED = ("cx", "cy", "w", "h", "angle")
_FLAGS = ("difficult", "truncated", "occluded")
_NOT_READ = ("segmentation", "part")
_NO_POSE = ("", "unspecified", "0")
_ORDER: Mapping[str, Sequence[str]] = {
    "rotated-box": ("robndbox", "polygon", "segm", "bndbox"), "polygon": ("polygon", "segm", "robndbox"),
    "mask": ("segm", "polygon", "robndbox"),
}  # fmt: skip


class Objects:
    """Reads the objects of one task; `masks` are the images below the folder, where objects may name theirs."""

    def __init__(self, task: Task, tally: Tally, masks: Below | None = None) -> None:
        self.tally, self._masks = tally, masks
        self._regions = task.type in ("polygon", "mask")
        self._shaper = Shaper(task, tally)
        self._order = _ORDER.get(task.type, ("bndbox", "robndbox", "polygon", "segm"))

    def read(
        self, one: Element, size: tuple[int, int] | None, where: str
    ) -> Generator[Problem, None, Annotation | None]:
        """The annotation of an object, None where it has none: a Problem, or a count in the tally, says why."""
        name = text(one, "name")
        for shape in _NOT_READ:
            if one.find(shape) is not None:
                self.tally.add(f"elements <{shape}> are not read", where)
        tag = next((tag for tag in self._order if one.find(tag) is not None), None)
        if not name:
            yield Problem(where, "it has no name")
            return None
        rectangle = tag == "polygon" and is_rectangle(one)
        if (tag is None and one.find("bndbox") is not None) or (rectangle and self._regions):
            self.tally.add("objects have a box only, no outline, and are left out", where)
            return None
        about = {"label": name, "attributes": attributes(one)}
        try:
            if tag == "polygon":
                ring = _polygon(one)
                if ring is None:
                    yield Problem(where, "its <polygon> is no list of three points or more")
                    return None
                if rectangle:
                    return self._shaper.box(_about(ring), size, where, **about)
                return self._shaper.outline((ring,), size, where, **about)
            if tag == "segm":
                return self._shaper.mask(pixels_of(one, size, self._masks), where, **about)
            if tag == "robndbox":
                turned = _turned(one)
                if turned is None:
                    yield Problem(where, "its <robndbox> is no cx, cy, w, h and angle of a box with an area")
                    return None
                return self._shaper.rotated(turned, size, where, **about)
            box = yield from self._box(one, where, name)
            return None if box is None else self._shaper.box(box, size, where, **about)
        except Unfit as error:
            self.tally.add(f"{error}, and are left out", where)
        except (RecordError, MediaError) as error:
            yield Problem(where, error.message)
        return None

    def _box(self, one: Element, where: str, name: str) -> Generator[Problem, None, XYWH | None]:
        corners = _numbers(one, "bndbox", _CORNERS)
        if corners is None:
            yield Problem(where, "it has no box of four finite numbers")
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
        return xmin - 1, ymin - 1, w, h


def attributes(one: Element) -> dict[str, AttributeValue]:
    """Flags that are set, the pose where it says something, and what stands in `attributes`."""
    found: dict[str, AttributeValue] = {
        flag: True for flag in _FLAGS if text(one, flag).lower() in ("1", "true", "yes")
    }
    pose = text(one, "pose")
    if pose.lower() not in _NO_POSE:
        found["pose"] = pose
    for name, value in _others(one):
        said = typed(value, "flag" if value.lower() in ("true", "false") else "number")
        if name and not (name in _FLAGS and said is False):
            found.setdefault(name, said)
    return found


def _others(one: Element) -> list[tuple[str, str]]:
    """Names and values, of elements as CVAT and Datumaro write them to VOC, or of LabelMe's `name=value, flag`."""
    named = [(text(each, "name"), text(each, "value")) for each in one.iterfind("attributes/attribute")]
    plain = [part.partition("=") for part in text(one, "attributes").split(",") if part.strip()]
    return named or [(name.strip(), value.strip() if equals else "true") for name, equals, value in plain]


def box_of(one: Element) -> XYWH | None:
    """An object's box in pixels from 0, None where it has no sound one."""
    corners = _numbers(one, "bndbox", _CORNERS)
    if corners is None or corners[2] + 1 <= corners[0] or corners[3] + 1 <= corners[1]:
        return None
    return corners[0] - 1, corners[1] - 1, corners[2] - corners[0] + 1, corners[3] - corners[1] + 1


def _about(ring: Ring) -> XYWH:
    left, top = min(ring[::2]), min(ring[1::2])
    return left, top, max(ring[::2]) - left, max(ring[1::2]) - top


def _turned(one: Element) -> Rotated | None:
    """The rotated box of labelImg2 and roLabelImg: pixels from 0, the angle in radians, clockwise."""
    numbers = _numbers(one, "robndbox", _TURNED)
    if numbers is None or min(numbers[2:4]) <= 0:
        return None
    cx, cy, w, h, angle = numbers
    return cx, cy, w, h, math.degrees(angle)


def _polygon(one: Element) -> Ring | None:
    """A polygon of `<x1> <y1> <x2> …`, as Roboflow writes it, or of points `<pt><x/><y/></pt>`, as LabelMe's first version;
    pixels from 0."""
    element = one.find("polygon")
    if element is None:
        return None
    points = [(text(pt, "x"), text(pt, "y")) for pt in element.findall("pt")]
    while not element.findall("pt") and element.find(f"x{len(points) + 1}") is not None:
        points.append((text(element, f"x{len(points) + 1}"), text(element, f"y{len(points) + 1}")))
    flat = _floats([value for point in points for value in point])
    return None if flat is None or len(flat) < 6 else tuple(flat)


def _numbers(one: Element, tag: str, names: Sequence[str]) -> list[float] | None:
    return _floats([text(one, f"{tag}/{name}") for name in names])


def _floats(texts: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(value) for value in texts]
    except ValueError:
        return None
    return numbers if all(math.isfinite(value) and abs(value) < LIMIT for value in numbers) else None


def _said(corners: Sequence[float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in zip(_CORNERS, corners, strict=True))
