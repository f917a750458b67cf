"""Keypoints: named points that a skeleton joins, some of them hidden, some not labelled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import UNSET

from trainset.core.model import Annotation, Task
from trainset.plugins import Point, Rect, Shape, Tint
from trainset_vision.annotations import Keypoints, skeleton_of
from trainset_vision.annotations.keypoints import HIDDEN, NOT_LABELLED, VISIBLE
from trainset_vision.editing.kind import Look, with_fields
from trainset_vision.editing.points import Points, stretched
from trainset_vision.editing.vertices import VertexKind
from trainset_vision.geometry import Coordinates, Frame

_SEEN = {NOT_LABELLED: "not labelled", HIDDEN: "hidden", VISIBLE: "visible"}


class KeypointsKind(VertexKind[Keypoints]):
    """The points of one object each, in the order of the task's skeleton."""

    struct, called = Keypoints, "skeleton"

    def __init__(self, frame: Frame, task: Task) -> None:
        super().__init__(frame, task)
        self.skeleton = skeleton_of(task)
        order = {name: n for n, name in enumerate(self.skeleton.points)}
        self._joined = np.array([(order[a], order[b]) for a, b in self.skeleton.edges], np.intp).reshape(-1, 2)

    def size(self, annotation: Keypoints) -> str:
        """How many points are labelled."""
        labelled = sum(v != NOT_LABELLED for _, _, v in annotation.keypoints)
        return f"{labelled} of {len(annotation.keypoints)} points"

    def name(self, index: int) -> str:
        """What a point is called."""
        names = self.skeleton.points
        return names[index] if index < len(names) else f"point {index + 1}"

    def missing(self, annotation: Keypoints) -> int | None:
        """The first point that is not labelled."""
        return next((n for n, (_, _, v) in enumerate(annotation.keypoints) if v == NOT_LABELLED), None)

    # -- what is shown --------------------------------------------------------------------------------------

    def draw(self, annotation: Keypoints, look: Look) -> Iterable[Shape | Tint]:
        """The skeleton, then visible and hidden points, the box of a selected one, and the name of a selected point."""
        points = self.points(annotation)
        if look.selected and annotation.box is not UNSET:
            x, y, w, h = annotation.box
            yield Shape("box", (Point(x, y), Point(x + w, y + h)), color=look.color, weak=True)
        joined = self._joined[(self._joined < len(points)).all(axis=1)]
        joined = joined[np.isfinite(points[joined]).all(axis=(1, 2))]
        label = look.text
        if len(joined):
            ends, parts = points[joined].reshape(-1, 2), (2,) * len(joined)
            yield Shape("line", ends, label, look.color, look.selected, look.weak, parts)
            label = ""
        for seen, weak in ((VISIBLE, look.weak), (HIDDEN, True)):
            some = points[[v == seen for _, _, v in annotation.keypoints]]
            if len(some):
                yield Shape("points", some, label, look.color, False, weak)
                label = ""
        place = self.extent(annotation)
        if label and place is not None:
            yield Shape("points", (Point(place.x, place.y),), label, look.color, look.selected, True)
        if look.point is not None and np.isfinite(points[look.point]).all():
            text = f"{self.name(look.point)}, {_SEEN[annotation.keypoints[look.point][2]]}"
            yield Shape("points", points[look.point : look.point + 1], text, look.color, True)

    def hit(self, annotation: Keypoints, at: Point, reach: float) -> bool:
        """Whether a place lies within the object's box or the extent of its points."""
        return super().hit(annotation, at, max(reach, 1.0))

    # -- how it is stored -----------------------------------------------------------------------------------

    def array(self, annotation: Keypoints) -> Points:
        """The points, NaN where one is not labelled."""
        points = np.array(annotation.keypoints, np.float64).reshape(-1, 3)
        return np.where(points[:, 2:] > 0, points[:, :2], np.nan)

    def rebuilt(self, annotation: Keypoints, points: Points) -> Keypoints:
        """With its points elsewhere; those not labelled stay so."""
        seen = (v for _, _, v in annotation.keypoints)
        return with_fields(annotation, keypoints=tuple(map(_stored, points.tolist(), seen)))

    # -- edits ----------------------------------------------------------------------------------------------

    def moved(self, annotation: Keypoints, dx: float, dy: float) -> Keypoints:
        """Points and box moved, as far as the image lets all of them."""
        place = self._whole(annotation)
        if place is None:
            return annotation
        by = self.frame.shift(place, dx, dy)
        moved = self.rebuilt(annotation, self.points(annotation) + by)
        if moved.box is UNSET:
            return moved
        x, y, w, h = moved.box
        return with_fields(moved, box=(x + by[0], y + by[1], w, h))

    def resized(self, annotation: Keypoints, dx: float, dy: float) -> Keypoints:
        """Points and box stretched in proportion."""
        if annotation.box is UNSET:
            return super().resized(annotation, dx, dy)
        before = Rect(*annotation.box)
        after = self.frame.stretched(annotation.box, (bool(dx), bool(dy)), dx, dy)
        points = stretched(self.points(annotation), before, after)
        held = np.clip(points, 0, (self.frame.width, self.frame.height))
        return with_fields(self.rebuilt(annotation, held), box=after)

    def turned(self, annotation: Keypoints, degrees: float) -> Keypoints | None:
        """Not: its box stands upright."""
        return (
            None if annotation.box is not UNSET or not self.count(annotation) else super().turned(annotation, degrees)
        )

    def with_point_moved(self, annotation: Keypoints, index: int, dx: float, dy: float) -> Keypoints:
        """One point moved; one that is not labelled has no place to be moved from."""
        if annotation.keypoints[index][2] == NOT_LABELLED:
            return annotation
        return super().with_point_moved(annotation, index, dx, dy)

    def without_point(self, annotation: Keypoints, index: int) -> Keypoints:
        """The point is no longer labelled."""
        return self.with_point(annotation, index, None)

    def with_point(self, annotation: Keypoints, index: int, at: Point | None, seen: int = VISIBLE) -> Keypoints:
        """With a point at a place, or (None) not labelled."""
        held = None if at is None else self.frame.held(at)
        point = (0.0, 0.0, NOT_LABELLED) if held is None else (held.x, held.y, seen)
        points = annotation.keypoints
        return with_fields(annotation, keypoints=(*points[:index], point, *points[index + 1 :]))

    def with_visibility(self, annotation: Keypoints, index: int) -> Keypoints:
        """A visible point becomes hidden, a hidden one not labelled, and that one visible, in the middle of the object."""
        x, y, seen = annotation.keypoints[index]
        if seen != NOT_LABELLED:
            return self.with_point(annotation, index, Point(x, y) if seen == VISIBLE else None, HIDDEN)
        place = self._whole(annotation)
        middle = Point(self.frame.width / 2, self.frame.height / 2)
        if place is not None:
            middle = Point(place.x + place.width / 2, place.y + place.height / 2)
        return self.with_point(annotation, index, middle)

    def spanning(self, box: Coordinates, label: str | None, like: Sequence[Annotation]) -> Keypoints:
        """An object that takes a box, its points laid out as those of the others on the image, else in rows."""
        others = [a for a in like if isinstance(a, Keypoints)]
        count = len(self.skeleton.points) or max((len(a.keypoints) for a in others), default=1)
        laid = self._layout([a for a in others if len(a.keypoints) == count], count) * box[2:] + box[:2]
        points = tuple((x, y, VISIBLE) for x, y in laid.tolist())
        return Keypoints(label=label, keypoints=points, box=box)

    def _layout(self, others: Sequence[Keypoints], count: int) -> Points:
        """`(count, 2)` in 0..1: where each point lies in its object, on the average."""
        across = math.ceil(math.sqrt(count))
        down = math.ceil(count / across)
        rows = np.array([((n % across + 0.5) / across, (n // across + 0.5) / down) for n in range(count)])
        shares = []
        for other in others:
            place = self._whole(other)
            if place is not None and place.width and place.height:
                shares.append((self.points(other) - (place.x, place.y)) / (place.width, place.height))
        if not shares:
            return rows
        known = np.isfinite(shares)
        mean = np.where(known, shares, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return np.where(known.any(axis=0), mean, rows).clip(0, 1)

    def _whole(self, annotation: Keypoints) -> Rect | None:
        """What takes in the box and all points."""
        points = self.points(annotation)
        if annotation.box is not UNSET:
            x, y, w, h = annotation.box
            points = np.concatenate([points, [(x, y), (x + w, y + h)]])
        points = points[np.isfinite(points).all(axis=1)]
        if not len(points):
            return None
        (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return Rect(x0, y0, x1 - x0, y1 - y0)


def _stored(point: list[float], seen: int) -> tuple[float, float, int]:
    return (0.0, 0.0, NOT_LABELLED) if seen == NOT_LABELLED else (point[0], point[1], seen)
