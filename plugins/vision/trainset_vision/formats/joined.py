"""Several rings as one, joined by lines there and back: what formats of one outline an object can hold of parts and holes.

The lines enclose nothing, so that the region is the same by the even-odd rule, and by the nonzero rule as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainset_vision.annotations.overlap import levels, polygons
from trainset_vision.conversions import Ring

Points = NDArray[np.float64]


def joined(rings: Sequence[Ring]) -> tuple[Ring, int, int]:
    """One ring that bounds the region of several, which must not cross; how many of them are parts, and how many holes.

    Each is joined to what there is at the nearest pair of points, the outermost and largest first.
    """
    if len(rings) == 1:
        return rings[0], 1, 0
    depths = levels(polygons([(ring,) for ring in rings]).tolist())
    laid = [
        _laid(np.array(ring, np.float64).reshape(-1, 2), depth % 2 == 1)
        for ring, depth in zip(rings, depths, strict=True)
    ]
    order = sorted(range(len(rings)), key=lambda n: (depths[n], -len(laid[n])))
    whole = laid[order[0]]
    for n in order[1:]:
        whole = _spliced(whole, laid[n])
    holes = sum(depth % 2 for depth in depths)
    return tuple(whole.ravel().tolist()), len(rings) - holes, holes


def _laid(points: Points, hole: bool) -> Points:
    """A ring's points clockwise as one sees them, those of a hole the other way round."""
    x, y = points.T
    clockwise = float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) > 0
    return points if clockwise != hole else points[::-1]


def _spliced(whole: Points, ring: Points) -> Points:
    """`whole` with a way to the nearest point of `ring`, round it, and back."""
    nearest = [((whole - point) ** 2).sum(axis=1).argmin() for point in ring]
    b = int(((whole[nearest] - ring) ** 2).sum(axis=1).argmin())
    a = int(nearest[b])
    return np.concatenate((whole[: a + 1], ring[b:], ring[: b + 1], whole[a:]))
