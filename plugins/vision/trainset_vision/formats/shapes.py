"""What a file describes as annotations of a task's type: boxes where it asks for boxes, pixels where it asks for masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import UNSET

from trainset.core.model import Annotation, Task
from trainset.errors import RecordError
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Rle, RotatedBox, rle
from trainset_vision.annotations.overlap import bounds, polygons
from trainset_vision.conversions import (
    XYWH,
    Ring,
    box_to_polygon,
    fitted_rotated_box,
    polygon_to_mask,
    rotated_to_box,
    rotated_to_polygon,
)
from trainset_vision.formats.reading import Tally

_TRUE = 0.02
"""Pixels by which corners may miss a rectangle that was written with few digits."""

Rotated = tuple[float, float, float, float, float]


class Unfit(Exception):
    """Why what a file describes cannot be an annotation of the task; reads on after a number where it is counted."""


class Shaper:
    """Makes annotations of one task. Where a file describes another kind of place, it is converted, and `tally` says how
    often. `about` are the annotation's other fields; `size` is the image's width and height.
    """

    def __init__(self, task: Task, tally: Tally) -> None:
        self._type, self._tally = task.type, tally

    def box(self, box: XYWH, size: tuple[int, int] | None, where: str, **about: Any) -> Annotation:
        """An axis-parallel box."""
        x, y, w, h = box
        match self._type:
            case "polygon" | "mask":
                self._note("boxes are read as rectangles", where)
                return self._region(box_to_polygon(box), size, about)
            case "rotated-box":
                self._note("boxes are read as rotated boxes of 0 degrees", where)
                return RotatedBox(rotated_box=(x + w / 2, y + h / 2, w, h, 0.0), **about)
            case "keypoints":
                raise Unfit("boxes have no keypoints")
        return Box(box=box, **about)

    def outline(self, rings: Sequence[Ring], size: tuple[int, int] | None, where: str, **about: Any) -> Annotation:
        """A region bounded by rings."""
        match self._type:
            case "polygon" | "mask":
                return self._region(rings, size, about)
            case "rotated-box":
                found, exact = rotated_box_of(rings)
                if not exact:
                    self._note("outlines are read as the smallest rotated boxes about them", where)
                return RotatedBox(rotated_box=found, **about)
            case "keypoints":
                raise Unfit("outlines have no keypoints")
        self._note("outlines are read as the boxes about them", where)
        return Box(box=_extent(rings), **about)

    def rotated(self, box: Rotated, size: tuple[int, int] | None, where: str, **about: Any) -> Annotation:
        """A rotated box."""
        match self._type:
            case "rotated-box":
                return RotatedBox(rotated_box=box, **about)
            case "polygon" | "mask":
                self._note("rotated boxes are read as rectangles", where)
                return self._region(rotated_to_polygon(box), size, about)
            case "keypoints":
                raise Unfit("rotated boxes have no keypoints")
        self._note("rotated boxes are read as the boxes about them", where)
        return Box(box=rotated_to_box(box), **about)

    def mask(self, mask: Rle, where: str, **about: Any) -> Annotation:
        """The pixels of an object."""
        match self._type:
            case "polygon" | "mask":
                return Mask(mask=mask, **about)
            case "rotated-box":
                fitted = fitted_rotated_box(mask)
                if fitted is None:
                    raise Unfit("masks have no pixels")
                self._note("masks are read as the smallest rotated boxes about them", where)
                return RotatedBox(rotated_box=fitted, **about)
            case "keypoints":
                raise Unfit("masks have no keypoints")
        place = rle.extent(rle.runs(mask.counts, mask.size), mask.size)
        if place is None:
            raise Unfit("masks have no pixels")
        self._note("masks are read as the boxes about them", where)
        return Box(box=(place.x, place.y, place.width, place.height), **about)

    def keypoints(
        self,
        points: Sequence[tuple[float, float, int]],
        box: XYWH | None,
        size: tuple[int, int] | None,
        where: str,
        **about: Any,
    ) -> Annotation:
        """An object's points, with the box of the whole where it is known."""
        if self._type == "keypoints":
            return Keypoints(keypoints=tuple(points), box=UNSET if box is None else box, **about)
        if box is None:
            raise Unfit("sets of keypoints have no box")
        self._note("keypoints are left out, and only their boxes read", where)
        return self.box(box, size, where, **about)

    def _region(self, rings: Sequence[Ring], size: tuple[int, int] | None, about: dict[str, Any]) -> Annotation:
        if self._type == "polygon":
            return Polygon(polygon=tuple(rings), **about)
        if size is None:
            raise Unfit("outlines cannot be drawn: nothing says how large their images are")
        try:
            drawn = polygon_to_mask(rings, (size[1], size[0]))
        except RecordError as error:
            raise Unfit("outlines are too long to be drawn") from error
        if not rle.area(rle.runs(drawn.counts, drawn.size)):
            raise Unfit("outlines are so thin, or so far outside, that no pixel belongs to them")
        return Mask(mask=drawn, **about)

    def _note(self, message: str, where: str) -> None:
        self._tally.add(message, where, note=True)


def _extent(rings: Sequence[Ring]) -> XYWH:
    place = bounds(np.concatenate([np.array(ring, np.float64).reshape(-1, 2) for ring in rings]))
    if place is None or not (place.width > 0 and place.height > 0):
        raise Unfit("outlines have no area")
    return place.x, place.y, place.width, place.height


def rotated_box_of(rings: Sequence[Ring]) -> tuple[Rotated, bool]:
    """The rotated box about a region, and whether it is the region.

    Of four corners the first two are its width's side, so that its angle, and with it where an object's front is, survives.
    Unfit for what has no area.
    """
    points = np.array(rings[0], np.float64).reshape(-1, 2) if len(rings) == 1 else np.zeros((0, 2))
    if len(points) == 5 and (points[0] == points[-1]).all():
        points = points[:4]
    heading = None
    if len(points) == 4:
        along, down = (points[1] - points[0] + points[2] - points[3]) / 2, (points[3] - points[0] + points[2] - points[1]) / 2  # fmt: skip
        w, h = math.hypot(*along), math.hypot(*down)
        heading = math.degrees(math.atan2(along[1], along[0]))
        askew = abs(along @ down) / max(w, h) if w and h else 0.0
        if w and h and max(askew, np.abs(points[0] + points[2] - points[1] - points[3]).max()) <= _TRUE:
            cx, cy = points.mean(axis=0).tolist()
            return (cx, cy, w, h, heading), True
    fitted = fitted_rotated_box(rings)
    if fitted is None or not min(fitted[2:4]) > 0 or not polygons([rings])[0].area:
        raise Unfit("outlines have no area")
    return (fitted if heading is None else _turned(fitted, heading)), False


def _turned(box: Rotated, heading: float) -> Rotated:
    """The same rectangle, its width along the side that is nearest to a direction in degrees."""
    cx, cy, w, h, degrees = box
    quarters = round((heading - degrees) / 90)
    return (cx, cy, *((h, w) if quarters % 2 else (w, h)), degrees + 90 * quarters)
