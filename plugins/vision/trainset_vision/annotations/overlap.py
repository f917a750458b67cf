"""Regions of the plane as a geometry library holds them, and how much of two sets of regions coincides."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainset.plugins import Rect

if TYPE_CHECKING:
    from shapely import Geometry

Rings = Sequence[Sequence[float]]


def iou(
    a: NDArray[np.object_], b: NDArray[np.object_], as_stored: Sequence[Hashable], b_as_stored: Sequence[Hashable]
) -> NDArray[np.float64]:
    """Intersection over union of two arrays of areas, `(len(a), len(b))`; what is stored alike (but None) is 1.

    Only areas whose bounding boxes meet are intersected, so that thousands of objects on one image take no long time.
    """
    import shapely

    table = np.zeros((len(a), len(b)))
    if not len(a) or not len(b):
        return table
    rows, columns = shapely.STRtree(b).query(a)
    inside = shapely.area(shapely.intersection(a[rows], b[columns]))
    union = shapely.area(a)[rows] + shapely.area(b)[columns] - inside
    found = np.zeros(len(rows))
    np.divide(inside, union, out=found, where=union > 0)
    table[rows, columns] = found.clip(0, 1)
    return with_identical(table, as_stored, b_as_stored)


def with_identical(table: NDArray[np.float64], a: Sequence[Hashable], b: Sequence[Hashable]) -> NDArray[np.float64]:
    """`table` with 1 where the geometries as they are stored are the same, None apart."""
    places: dict[Hashable, list[int]] = {}
    for column, stored in enumerate(b):
        places.setdefault(stored, []).append(column)
    for row, stored in enumerate(a):
        if stored is not None:
            table[row, places.get(stored, [])] = 1
    return table


def polygons(objects: Sequence[Rings]) -> NDArray[np.object_]:
    """One valid area per object given as rings, by the meaning of `Polygon`; empty where there is none.

    Rings of fewer than three points, or with coordinates that are not finite, bound nothing.
    """
    import shapely

    made = np.full(len(objects), shapely.Polygon(), object)
    sound = [[points for ring in rings if (points := _points(ring)) is not None] for rings in objects]
    simple = [n for n, rings in enumerate(sound) if len(rings) == 1]
    if simple:
        lengths = [len(sound[n][0]) for n in simple]
        owners = np.repeat(np.arange(len(simple)), lengths)
        made[simple] = shapely.polygons(
            shapely.linearrings(np.concatenate([sound[n][0] for n in simple]), indices=owners)
        )
    for n, rings in enumerate(sound):
        if len(rings) > 1:
            made[n] = nested([_valid(shapely.Polygon(points)) for points in rings])
    bent = np.flatnonzero(~shapely.is_valid(made))
    made[bent] = [_valid(area) for area in made[bent]]
    return made


def nested(rings: Sequence[Geometry]) -> Geometry:
    """The area that rings, each given as what it encloses, bound together.

    Those of even level are united with what there is, those of odd level cut out of it, from the outermost on.
    """
    import shapely

    depths = levels(rings)
    whole: Geometry = shapely.Polygon()
    for level in range(max(depths, default=-1) + 1):
        here = shapely.union_all([ring for depth, ring in zip(depths, rings, strict=True) if depth == level])
        whole = shapely.difference(whole, here) if level % 2 else shapely.union(whole, here)
    return whole


def levels(rings: Sequence[Geometry]) -> list[int]:
    """How many larger ones each of several rings, given as what it encloses, lies within: 0 for the outermost."""
    import shapely

    found = [0] * len(rings)
    if len(rings) > 1:
        areas = np.array(rings, object)
        inner, outer = shapely.STRtree(areas).query(areas, predicate="covered_by")
        sizes = shapely.area(areas)
        for n in inner[sizes[outer] > sizes[inner]]:
            found[n] += 1
    return found


def lines(objects: Sequence[Sequence[float]], radius: float) -> NDArray[np.object_]:
    """The area within `radius` of each line of points, its rounds drawn as 16 sides; empty where it has no sound point."""
    import shapely

    made = np.full(len(objects), shapely.Polygon(), object)
    for n, line in enumerate(objects):
        points = np.array(line[: len(line) // 2 * 2], np.float64).reshape(-1, 2)
        if len(points) and np.isfinite(points).all():
            core = shapely.LineString(points) if len(points) > 1 else shapely.Point(points[0])
            made[n] = shapely.buffer(core, radius, quad_segs=4)
    return made


def bounds(points: NDArray[np.float64]) -> Rect | None:
    """The smallest box about points `(n, 2)`; None where there is none, or one is not finite."""
    if not len(points) or not np.isfinite(points).all():
        return None
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return Rect(float(left), float(top), float(right - left), float(bottom - top))


def _points(ring: Sequence[float]) -> NDArray[np.float64] | None:
    if len(ring) < 6 or len(ring) % 2:
        return None
    points = np.array(ring, np.float64).reshape(-1, 2)
    return points if np.isfinite(points).all() else None


def _valid(area: Geometry) -> Geometry:
    """The area by the even-odd rule, without what of it has none (lines that a ring goes there and back)."""
    import shapely

    if shapely.is_valid(area):
        return area
    parts = shapely.get_parts(shapely.make_valid(area, method="linework"))
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
