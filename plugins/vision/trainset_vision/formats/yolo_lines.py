"""A line of a YOLO label file for an annotation: fractions of the image that Ultralytics takes, and what they lose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import UNSET

from trainset.core.model import Annotation, Task
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, RotatedBox, skeleton_of
from trainset_vision.annotations.keypoints import NOT_LABELLED, points_extent
from trainset_vision.annotations.overlap import polygons
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.conversions import Ring, mask_to_polygon, rings_of
from trainset_vision.formats.joined import joined

Size = tuple[int, int]


class Lines:
    """Writes the lines of one task. `points` is how many keypoints each object has: the task's, or the first one's."""

    def __init__(self, task: Task) -> None:
        self._type = task.type
        self.points = len(skeleton_of(task).points)

    def line(self, number: int, shape: Annotation, size: Size) -> tuple[str, list[str]]:
        """The line of an annotation of class `number`, empty where nothing of it can be written, and what is lost.

        RecordError for a mask that cannot be read.
        """
        match shape:
            case Box():
                fractions, lost = _box(shape.box, size)
            case RotatedBox():
                fractions, lost = _corners(shape, size)
            case Polygon() | Mask():
                fractions, lost = self._outline(shape, size)
            case Keypoints():
                fractions, lost = self._pose(shape, size)
            case _:
                fractions, lost = [], ["types"]
        return f"{number} {' '.join(map(repr, fractions))}\n" if fractions else "", lost

    def _outline(self, shape: Polygon | Mask, size: Size) -> tuple[list[float], list[str]]:
        rings = shape.polygon if isinstance(shape, Polygon) else mask_to_polygon(shape.mask)
        lost = ["pixels"] if isinstance(shape, Mask) and self._type == "polygon" else []
        if outside := not all(_inside(ring, size) for ring in rings):
            lost.append("outside")
        if outside or (len(rings) > 1 and isinstance(shape, Polygon)):
            rings = _within(rings, size)
        if not any(len(ring) >= 6 for ring in rings):
            return [], lost or ["unusable"]
        ring, parts, holes = joined(rings)
        lost += ["parts"] * (parts > 1) + ["holes"] * (holes > 0)
        return [value / size[n % 2] for n, value in enumerate(ring)], lost

    def _pose(self, shape: Keypoints, size: Size) -> tuple[list[float], list[str]]:
        self.points = self.points or len(shape.keypoints)
        if len(shape.keypoints) != self.points:
            return [], ["points"]
        box, lost = shape.box, []
        if box is UNSET:
            place = points_extent(shape)
            if place is None:
                return [], ["unusable"]
            lost.append("boxes")
            w, h = max(place.width, 1.0), max(place.height, 1.0)
            box = (place.x + (place.width - w) / 2, place.y + (place.height - h) / 2, w, h)
        fractions, cut = _box(box, size)
        outside = [n for n, (x, y, v) in enumerate(shape.keypoints) if v and not _inside((x, y), size)]
        if not fractions:
            return [], [*lost, *cut]
        for n, (x, y, v) in enumerate(shape.keypoints):
            gone = v == NOT_LABELLED or n in outside
            fractions += [0.0, 0.0, 0] if gone else [x / size[0], y / size[1], v]
        return fractions, [*lost, *(cut or ["outside"] * bool(outside))]


def _box(box: Sequence[float], size: Size) -> tuple[list[float], list[str]]:
    """Centre, width and height as fractions, cut to lie in 0..1; empty if nothing is left."""
    x, y, w, h = box
    width, height = size
    fractions = [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
    if all(0 <= value <= 1 for value in fractions):
        return fractions, []
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    if left >= right or top >= bottom:
        return [], ["outside"]
    centre = [(left + right) / 2 / width, (top + bottom) / 2 / height]
    return [*centre, (right - left) / width, (bottom - top) / height], ["outside"]


def _corners(shape: RotatedBox, size: Size) -> tuple[list[float], list[str]]:
    """The four corners as fractions, from the one that is top left at 0 degrees on, clockwise."""
    placed = corners(shape.rotated_box) / size
    inside = placed.clip(0, 1)
    if (inside == placed).all():
        return placed.ravel().tolist(), []
    if not polygons([(tuple(inside.ravel().tolist()),)])[0].area:
        return [], ["outside"]
    return inside.ravel().tolist(), ["outside"]


def _inside(ring: Sequence[float], size: Size) -> bool:
    return min(ring) >= 0 and max(ring[::2]) <= size[0] and max(ring[1::2]) <= size[1]


def _within(rings: Sequence[Ring], size: Size) -> tuple[Ring, ...]:
    """A region as rings that do not cross, cut at the image's edges."""
    import shapely

    region = polygons([rings])[0]
    if not all(_inside(ring, size) for ring in rings):
        region = np.asarray(shapely.intersection(region, shapely.box(0, 0, *size))).item()
    return rings_of(region)
