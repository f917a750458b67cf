"""Objects that several overlapping windows saw come out once, and whole.

Like the sliced inference of Akyon et al. (2022, arXiv:2202.06934) it counts the intersection over the smaller object
where one window saw only a piece. But there everything that matches is merged, small neighbours too; here only what a
window's edge cut is, since an object that some window saw whole needs no other's piece:

1. Of objects that no seam cuts, those of another window that overlap a better one are dropped.
2. A piece is dropped where at least half of it lies in a whole object of another window.
3. Pieces of two windows are one object where what both saw in the part that they share coincides (an object that both
   edges cut fills that part from side to side), or where half of the smaller lies in the larger. Such pieces are united.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset_vision.prelabel.candidates import Candidates, joined
from trainset_vision.prelabel.shapes import Boxes
from trainset_vision.prelabel.views import Part

EDGE = 0.01
"""How near, as a share of the window's side, a box must come to an edge to count as cut by it; at least 2 pixels."""

COINCIDES = 0.5
"""The share from which a piece belongs to an object, or to another piece."""

_TOUCHES = 0.1
"""How much of the smaller of two pieces, which may be a long way from the seam, they must share at least."""


def merged(
    seen: Sequence[tuple[Part, Candidates]], image: tuple[int, int], shapes: Boxes, iou: float, agnostic: bool
) -> Candidates:
    """The objects of an image of (width, height), best first, from those that each window saw, in the image's pixels."""
    seen = [(window, found) for window, found in seen if len(found)] or [*seen[:1]]
    windows = np.concatenate([np.repeat([window], len(found), axis=0) for window, found in seen])
    found = joined([found for _, found in seen])
    order = np.lexsort((-found.scores, _cut(found.corners, windows, image)))  # whole ones first, then by score
    found, windows = found.take(order), windows[order]
    whole = ~_cut(found.corners, windows, image)
    first, second = _pairs(found, windows, agnostic)
    both, sizes = shapes.intersections(found, first, second), shapes.sizes(found)
    smaller = np.minimum(sizes[first], sizes[second])
    alike = _coincide(found.corners, windows, first, second)
    same = whole[second] & (both > iou * (sizes[first] + sizes[second] - both))
    piece = whole[first] & ~whole[second] & (alike | (both >= COINCIDES * sizes[second]))
    dropped = _dropped(len(found), first[same | piece], second[same | piece])
    pieces = ~whole[first] & ~dropped[first] & ~dropped[second]
    pieces &= (both > _TOUCHES * smaller) & (alike | _within(found.corners, first, second))
    return _united(found, np.flatnonzero(~dropped), first[pieces], second[pieces], shapes).best_first()


def _cut(corners: NDArray[np.float64], windows: NDArray[np.int64], image: tuple[int, int]) -> NDArray[np.bool_]:
    """`(n,)`: which boxes reach an edge of their window that is no edge of the image."""
    near = np.maximum(2, EDGE * (windows[:, 2:] - windows[:, :2]))
    before = (windows[:, :2] > 0) & (corners[:, :2] - windows[:, :2] <= near)
    after = (windows[:, 2:] < image) & (windows[:, 2:] - corners[:, 2:] <= near)
    cut: NDArray[np.bool_] = (before | after).any(axis=1)
    return cut


def _pairs(found: Candidates, windows: NDArray[np.int64], agnostic: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows, the earlier first, whose boxes intersect: of different windows and, unless `agnostic`, of one class."""
    import shapely

    boxes = shapely.box(*found.corners.T)
    second, first = shapely.STRtree(boxes).query(boxes)
    kept = (first < second) & (windows[first] != windows[second]).any(axis=1)
    if not agnostic:
        kept &= found.classes[first] == found.classes[second]
    first, second = first[kept], second[kept]
    order = np.lexsort((second, first))
    return first[order], second[order]


def _coincide(
    corners: NDArray[np.float64], windows: NDArray[np.int64], first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which pairs of boxes are alike in the part of the image that both windows show: intersection over union there."""
    low = np.maximum(windows[first, :2], windows[second, :2])
    high = np.minimum(windows[first, 2:], windows[second, 2:])
    a, b = ((np.maximum(corners[rows, :2], low), np.minimum(corners[rows, 2:], high)) for rows in (first, second))
    areas = [(ends[1] - ends[0]).clip(min=0).prod(axis=1) for ends in (a, b)]
    both = (np.minimum(a[1], b[1]) - np.maximum(a[0], b[0])).clip(min=0).prod(axis=1)
    alike: NDArray[np.bool_] = (both > 0) & (both >= COINCIDES * (areas[0] + areas[1] - both))
    return alike


def _within(corners: NDArray[np.float64], first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which pairs of boxes lie with half of the smaller one, or more, in each other."""
    a, b = corners[first], corners[second]
    both = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).clip(min=0).prod(axis=1)
    smaller = np.minimum(*((ends[:, 2:] - ends[:, :2]).prod(axis=1) for ends in (a, b)))
    within: NDArray[np.bool_] = both >= COINCIDES * smaller
    return within


def _dropped(count: int, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Greedily: the second of each pair whose first stays; pairs come in the order of their first."""
    dropped = np.zeros(count, bool)
    for keeper, other in zip(first.tolist(), second.tolist(), strict=True):
        if not dropped[keeper]:
            dropped[other] = True
    return dropped


def _united(
    found: Candidates, rows: NDArray[np.intp], first: NDArray[np.intp], second: NDArray[np.intp], shapes: Boxes
) -> Candidates:
    """The rows, those that pairs connect as one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(found), len(found)))
    _, group = connected_components(graph, directed=False)
    group = group[rows]
    counts = np.bincount(group, minlength=1)
    alone = found.take(rows[counts[group] == 1])
    unions = [shapes.united(found.take(rows[group == n]).best_first()) for n in np.flatnonzero(counts > 1)]
    return joined([alone, *unions])
