"""Points of outlines, lines and skeletons: which one is near, and how they move together. Pure arithmetic on `(n, 2)`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.plugins import Point, Rect
from trainset_vision.geometry import Coordinates

Points = NDArray[np.float64]


def points_of(flat: Sequence[float]) -> Points:
    """`(n, 2)` of x1, y1, x2, y2, …"""
    return np.array(flat[: len(flat) // 2 * 2], np.float64).reshape(-1, 2)


def flat(points: Points) -> tuple[float, ...]:
    """x1, y1, x2, y2, … of `(n, 2)`."""
    return tuple(points.ravel().tolist())


def nearest(points: Points, at: Point) -> tuple[int, float]:
    """The point nearest to a place, and how far it is; infinitely far where there is none."""
    if not len(points):
        return -1, math.inf
    away = np.hypot(points[:, 0] - at.x, points[:, 1] - at.y)
    return int(away.argmin()), float(away.min())


def nearest_edge(starts: Points, ends: Points, at: Point) -> tuple[int, float]:
    """The edge nearest to a place, and how far it is."""
    if not len(starts):
        return -1, math.inf
    along, to = ends - starts, np.array([at.x, at.y]) - starts
    length = (along**2).sum(axis=1)
    part = np.divide((along * to).sum(axis=1), length, out=np.zeros(len(starts)), where=length > 0).clip(0, 1)
    return nearest(starts + along * part[:, None], at)


def inside(rings: Sequence[Points], at: Point) -> bool:
    """Whether a ray from a place crosses the rings an odd number of times."""
    crossings = 0
    for ring in rings:
        a, b = ring, np.roll(ring, -1, axis=0)
        spans = (a[:, 1] > at.y) != (b[:, 1] > at.y)
        (ax, ay), (bx, by) = a[spans].T, b[spans].T
        crossings += int((ax + (at.y - ay) / (by - ay) * (bx - ax) > at.x).sum())
    return crossings % 2 == 1


def turned(points: Points, degrees: float, about: Point) -> Points:
    """Turned clockwise as one sees it (y goes down)."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    middle = np.array([about.x, about.y])
    return np.asarray((points - middle) @ turn + middle, np.float64)


def stretched(points: Points, before: Rect, after: Coordinates) -> Points:
    """Moved as a rectangle is that is stretched from `before` to `after`; a side of no length only moves."""
    origin, size = np.array([before.x, before.y]), np.array([before.width, before.height])
    scale = np.divide(after[2:], size, out=np.ones(2), where=size > 0)
    return np.asarray((points - origin) * scale + after[:2], np.float64)
