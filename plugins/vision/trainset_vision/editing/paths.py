"""Polygons and polylines: points with edges between them, which can be bent, and whose points come and go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Literal, TypeVar, cast

import numpy as np

from trainset.core.model import Annotation, Task
from trainset.plugins import Point, Shape, Tint
from trainset_vision.annotations import Polygon, Polyline
from trainset_vision.editing.kept import Kept
from trainset_vision.editing.kind import REACH, Grip, Look, with_fields
from trainset_vision.editing.points import Points, flat, inside, nearest_edge, points_of
from trainset_vision.editing.vertices import VertexKind
from trainset_vision.geometry import Frame

A = TypeVar("A", bound=Annotation)

_ROOMY = 3.0
"""The points of a selected outline are marked where they stand so many cells apart."""


class PathKind(VertexKind[A]):
    """Points in one or several paths, closed or not."""

    closed: bool

    def __init__(self, frame: Frame, task: Task) -> None:
        super().__init__(frame, task)
        self.paths = Kept(lambda a: self.split(cast("A", a)))

    @property
    def fewest(self) -> int:
        """How few points a path may have."""
        return 3 if self.closed else 2

    def split(self, annotation: A) -> Sequence[Points]:
        """Its paths, `(n, 2)` each. `paths` remembers them."""
        raise NotImplementedError

    def of_paths(self, annotation: A, paths: Sequence[Points]) -> A:
        """It with other paths."""
        raise NotImplementedError

    def drawn(self, points: Points, label: str | None) -> A:
        """A new one of one path."""
        raise NotImplementedError

    def array(self, annotation: A) -> Points:
        """The points of all paths, one after another."""
        return np.concatenate([np.zeros((0, 2)), *self.paths(annotation)])

    def rebuilt(self, annotation: A, points: Points) -> A:
        """It with its points elsewhere."""
        return self.of_paths(annotation, np.split(points, self._ends(annotation)[:-1]))

    def draw(self, annotation: A, look: Look) -> Iterable[Shape | Tint]:
        """Its paths; when it is selected its points, where there is room for them, and the one that is selected."""
        points = self.points(annotation)
        kind: Literal["polygon", "line"] = "polygon" if self.closed else "line"
        if not len(points):
            return
        parts = tuple(map(len, self.paths(annotation)))
        yield Shape(kind, points, look.text, look.color, look.selected, look.weak, parts if len(parts) > 1 else ())
        if look.selected:
            starts, ends = self._edges(annotation)
            length = np.hypot(*(ends - starts).T).sum()
            if look.point is not None or length >= _ROOMY * look.seen.unit * len(points):
                yield Shape("points", points, color=look.color)
        if look.point is not None:
            yield Shape("points", points[look.point : look.point + 1], color=look.color, selected=True)

    def hit(self, annotation: A, at: Point, reach: float) -> bool:
        """Whether an edge passes by a place, or it lies inside."""
        if not super().hit(annotation, at, reach):
            return False
        near = nearest_edge(*self._edges(annotation), at)[1] <= reach
        return near or (self.closed and inside(self.paths(annotation), at))

    def grip(self, annotation: A, at: Point, cell: float) -> Grip | None:
        """A point, an edge, or the inside."""
        held = super().grip(annotation, at, cell)
        if held is not None and held.what == "point":
            return held
        edge, away = nearest_edge(*self._edges(annotation), at)
        return Grip("edge", index=edge) if away <= REACH * cell else held

    def pulled(self, annotation: A, grip: Grip, start: Point, at: Point) -> A:
        """A point moved, an edge bent by a new point, or all of it moved."""
        if grip.what == "edge":
            held = self.frame.held(at)
            return self._inserted(annotation, grip.index, np.array([held.x, held.y]))
        return super().pulled(annotation, grip, start, at)

    def with_point_added(self, annotation: A, index: int | None) -> tuple[A, int] | None:
        """A point in the middle of the edge after this point; after the last of a line, before it."""
        starts, ends = self._edges(annotation)
        if not len(starts):
            return None
        edge = int(np.hypot(*(ends - starts).T).argmax()) if index is None else min(index, len(starts) - 1)
        return self._inserted(annotation, edge, (starts[edge] + ends[edge]) / 2), edge + 1

    def without_point(self, annotation: A, index: int) -> A | None:
        """It without a point, or without the whole path where too few would be left of it."""
        paths = list(self.paths(annotation))
        at, within = self._path_of(annotation, index)
        if len(paths[at]) > self.fewest:
            paths[at] = np.delete(paths[at], within, axis=0)
        elif len(paths) > 1:
            del paths[at]
        else:
            return None
        return self.of_paths(annotation, paths)

    # -- edges ----------------------------------------------------------------------------------------------

    def _edges(self, annotation: A) -> tuple[Points, Points]:
        """`(n, 2)` twice: where each edge starts and ends. The nth starts at the nth point."""
        points = self.points(annotation)
        if not self.closed:
            return points[:-1], points[1:]
        return points, np.concatenate(
            [np.zeros((0, 2)), *(np.roll(path, -1, axis=0) for path in self.paths(annotation))]
        )

    def _ends(self, annotation: A) -> list[int]:
        """For each path the number of the point after its last."""
        return list(accumulate(len(path) for path in self.paths(annotation)))

    def _path_of(self, annotation: A, index: int) -> tuple[int, int]:
        """The path that a point belongs to, and its number in it."""
        ends = self._ends(annotation)
        at = int(np.searchsorted(ends, index, side="right"))
        return at, index - (ends[at - 1] if at else 0)

    def _inserted(self, annotation: A, edge: int, point: Points) -> A:
        """It with a point on an edge."""
        paths = list(self.paths(annotation))
        at, within = self._path_of(annotation, edge)
        paths[at] = np.insert(paths[at], within + 1, point, axis=0)
        return self.of_paths(annotation, paths)


class PolygonKind(PathKind[Polygon]):
    """Regions of rings."""

    struct, called, closed = Polygon, "polygon", True

    def size(self, annotation: Polygon) -> str:
        """Points, and rings where there are several."""
        rings = len(annotation.polygon)
        return f"{self.count(annotation)} points" + (f" in {rings} rings" if rings > 1 else "")

    def split(self, annotation: Polygon) -> Sequence[Points]:
        """Its rings."""
        return [points_of(ring) for ring in annotation.polygon]

    def of_paths(self, annotation: Polygon, paths: Sequence[Points]) -> Polygon:
        """It with other rings."""
        return with_fields(annotation, polygon=tuple(map(flat, paths)))

    def drawn(self, points: Points, label: str | None) -> Polygon:
        """A polygon of one ring."""
        return Polygon(label=label, polygon=(flat(points),))


class PolylineKind(PathKind[Polyline]):
    """Open lines."""

    struct, called, closed = Polyline, "line", False

    def size(self, annotation: Polyline) -> str:
        """Points, and the length in pixels."""
        starts, ends = self._edges(annotation)
        return f"{self.count(annotation)} points, {np.hypot(*(ends - starts).T).sum():.0f} px"

    def split(self, annotation: Polyline) -> Sequence[Points]:
        """The line."""
        return [points_of(annotation.polyline)]

    def of_paths(self, annotation: Polyline, paths: Sequence[Points]) -> Polyline:
        """Another line."""
        return with_fields(annotation, polyline=flat(paths[0]))

    def drawn(self, points: Points, label: str | None) -> Polyline:
        """A line."""
        return Polyline(label=label, polyline=flat(points))
