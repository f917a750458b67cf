"""What consists of points that can be moved one by one: shared by polygons, polylines and keypoints."""

from __future__ import annotations

import math
from typing import TypeVar, cast

import numpy as np

from trainset.core.model import Annotation, Task
from trainset.plugins import Point, Rect
from trainset_vision.editing.kept import Kept
from trainset_vision.editing.kind import REACH, Grip, Kind
from trainset_vision.editing.points import Points, nearest, stretched, turned
from trainset_vision.geometry import Frame

A = TypeVar("A", bound=Annotation)


class VertexKind(Kind[A]):
    """A type whose points stand in one array, however they are stored."""

    def __init__(self, frame: Frame, task: Task) -> None:
        super().__init__(frame, task)
        self.points = Kept(lambda a: self.array(cast("A", a)))

    def array(self, annotation: A) -> Points:
        """`(n, 2)`: all points, those that have no place as NaN. `points` remembers it."""
        raise NotImplementedError

    def rebuilt(self, annotation: A, points: Points) -> A:
        """It with its points elsewhere."""
        raise NotImplementedError

    def count(self, annotation: A) -> int:
        """All points."""
        return len(self.points(annotation))

    def point_place(self, annotation: A, index: int) -> Rect | None:
        """Where a point lies, as a rectangle of no size; None where it has no place."""
        x, y = self.points(annotation)[index].tolist()
        return None if math.isnan(x) else Rect(x, y, 0, 0)

    def grip(self, annotation: A, at: Point, cell: float) -> Grip | None:
        """A point near the pointer, else the inside."""
        index, away = nearest(np.nan_to_num(self.points(annotation), nan=np.inf), at)
        return Grip("point", index=index) if away <= REACH * cell else super().grip(annotation, at, cell)

    def pulled(self, annotation: A, grip: Grip, start: Point, at: Point) -> A:
        """A point, or all of it, moved."""
        dx, dy = at.x - start.x, at.y - start.y
        if grip.what == "point":
            return self.with_point_moved(annotation, grip.index, dx, dy)
        return self.moved(annotation, dx, dy)

    def moved(self, annotation: A, dx: float, dy: float) -> A:
        """Moved within the image."""
        place = self.extent(annotation)
        return (
            annotation
            if place is None
            else self.rebuilt(annotation, self.points(annotation) + self.frame.shift(place, dx, dy))
        )

    def resized(self, annotation: A, dx: float, dy: float) -> A:
        """Stretched to the right and downwards, every point in proportion."""
        place = self.extent(annotation)
        if place is None or not place.width or not place.height:
            return annotation
        before = (place.x, place.y, place.width, place.height)
        after = self.frame.stretched(before, (bool(dx), bool(dy)), dx, dy)
        return self.rebuilt(annotation, stretched(self.points(annotation), place, after))

    def turned(self, annotation: A, degrees: float) -> A | None:
        """Turned; not where it would stand out of the image by that."""
        place = self.extent(annotation)
        if place is None:
            return None
        about = Point(place.x + place.width / 2, place.y + place.height / 2)
        points = turned(self.points(annotation), degrees, about)
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        if (low < 0).any() or (high > (self.frame.width, self.frame.height)).any():
            return None
        return self.rebuilt(annotation, points)

    def with_point_moved(self, annotation: A, index: int, dx: float, dy: float) -> A:
        """One point moved, within the image."""
        points = self.points(annotation).copy()
        x, y = points[index].tolist()
        held = self.frame.held(Point(x + dx, y + dy))
        points[index] = held.x, held.y
        return self.rebuilt(annotation, points)
