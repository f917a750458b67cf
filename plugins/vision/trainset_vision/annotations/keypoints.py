"""Keypoints: named points of an object, in the order of a skeleton."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item, Task
from trainset.plugins import Rect
from trainset_vision.annotations.overlap import bounds, with_identical

NOT_LABELLED, HIDDEN, VISIBLE = 0, 1, 2

_SIGMA = 0.05
"""How far people place a point apart, as a share of the object's size, where nobody has measured it."""

_PERSON = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107,
    "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
"""What COCO measured for persons."""

_NOTHING = 1e-12
"""Likeness below this is none."""

_PORTION = 100_000
"""Pairs of objects compared at a time."""


class Keypoints(Annotation, kw_only=True, frozen=True, tag="keypoints"):
    """Points `(x, y, visibility)` in the pixels of the upright image, in the order of the task's skeleton.

    Visibility is COCO's: 0 not labelled (then x = y = 0), 1 labelled but hidden, 2 visible. `box` is the whole
    object's `(x, y, width, height)`, where that was labelled too.
    """

    keypoints: tuple[tuple[float, float, int], ...]
    box: tuple[float, float, float, float] | UnsetType = UNSET


class Skeleton(Struct, kw_only=True, frozen=True, rename="kebab"):
    """What a task of type `keypoints` says beside its labels: which points there are, and what belongs together.

    `edges` are pairs of points that lines join, `flip` pairs that change places in a mirrored image. `sigmas` are how
    exactly each point can be placed, as a share of the object's size (COCO's constants, half of its k); without them
    they are COCO's for points named as COCO names those of a person, else 0.05.
    """

    points: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    flip: tuple[tuple[str, str], ...] = ()
    sigmas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.points)) < len(self.points):
            raise ValueError("two points have one name")
        for pair in (*self.edges, *self.flip):
            for name in pair:
                if name not in self.points:
                    raise ValueError(f"{name!r} is none of the points: {', '.join(self.points) or 'there are none'}")
        if self.sigmas and (len(self.sigmas) != len(self.points) or not min(self.sigmas) > 0):
            raise ValueError(f"sigmas are {len(self.points)} positive numbers, one for each point")

    def problem(self, annotation: Annotation, item: Item) -> str | None:
        """What is wrong with the number of points; a task that names no points takes any."""
        if isinstance(annotation, Keypoints) and self.points and len(annotation.keypoints) != len(self.points):
            return f"its points are {len(annotation.keypoints)}, those of the task's skeleton {len(self.points)}"
        return None

    def spread(self, count: int) -> NDArray[np.float64]:
        """`(count,)`: the sigma of each of `count` points."""
        if len(self.sigmas) == count:
            return np.array(self.sigmas)
        names = [name.lower().replace("_", "-").replace(" ", "-") for name in self.points]
        known = [_PERSON.get(name.removeprefix("left-").removeprefix("right-")) for name in names]
        if len(known) == count and all(known):
            return np.array(known, np.float64)
        return np.full(count, _SIGMA)


def skeleton_of(task: Task) -> Skeleton:
    """The skeleton of a task; one without points where it has none."""
    return task.options if isinstance(task.options, Skeleton) else Skeleton()


class KeypointsOps:
    """How sets of keypoints are compared, by the skeleton of their task."""

    def __init__(self, skeleton: Skeleton | None = None) -> None:
        self.skeleton = skeleton or Skeleton()

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """Object keypoint similarity (see `oks`), made symmetric: the object's size is the mean of both, and a point that
        only one of the two labels counts as missed. Those without any labelled point are 1 where identical, else 0.
        """
        table = np.zeros((len(a), len(b)))
        stored = [[(x.keypoints, x.box) if isinstance(x, Keypoints) else None for x in some] for some in (a, b)]
        counts = [[len(x[0]) if x else 0 for x in some] for some in stored]
        for count in (set(counts[0]) & set(counts[1])) - {0}:
            rows, columns = ([n for n, own in enumerate(some) if own == count] for some in counts)
            left, right = (_Objects([some[n] for n in chosen]) for some, chosen in ((a, rows), (b, columns)))
            table[np.ix_(rows, columns)] = _likeness(left, right, self.skeleton.spread(count))
        return with_identical(table, *stored)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The object's box where there is one, else the smallest box about the labelled points."""
        if not isinstance(annotation, Keypoints):
            return None
        if annotation.box is not UNSET:
            return Rect(*annotation.box)
        return points_extent(annotation)


def points_extent(annotation: Keypoints) -> Rect | None:
    """The smallest box about the labelled points, None where there are none."""
    points = np.array([(x, y) for x, y, v in annotation.keypoints if v > 0], np.float64).reshape(-1, 2)
    return bounds(points)


def oks(truth: Keypoints, found: Sequence[Keypoints], sigmas: NDArray[np.float64], area: float) -> NDArray[np.float64]:
    """`(len(found),)`: COCO's object keypoint similarity of findings to a labelled object of `area` pixels.

    The mean over the points that `truth` labels, whatever `found` says of their visibility, of
    exp(−d² / (2 · area · (2σ)²)) at distance d (Lin et al. 2014, as COCO's evaluation computes it). Where `truth` labels
    none it is 0.
    """
    points = _stacked([truth])[0]
    labelled = points[:, 2] > 0
    near = _closeness(points, _stacked(found), np.full(len(found), area), sigmas)[:, labelled]
    mean: NDArray[np.float64] = near.sum(axis=-1) / max(1, int(labelled.sum()))
    return mean


class _Objects:
    """Annotations with k points each, as arrays: `points` (n, k, 3), and `areas` (n,) in square pixels."""

    def __init__(self, annotations: Sequence[Annotation]) -> None:
        self.points = _stacked(annotations)
        self.areas = np.array([_area(x) for x in annotations])

    def around(self, reach: float) -> NDArray[np.object_]:
        """Boxes about the labelled points, `reach` times the object's size away from them; empty without any."""
        places = np.where(self.points[..., 2:] > 0, self.points[..., :2], np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            low, high = np.nanmin(places, axis=1), np.nanmax(places, axis=1)
        margin = reach * np.sqrt(self.areas) + 1e-3
        import shapely

        boxes: NDArray[np.object_] = shapely.box(
            low[:, 0] - margin, low[:, 1] - margin, high[:, 0] + margin, high[:, 1] + margin
        )
        return boxes


def _likeness(a: _Objects, b: _Objects, sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(n, m)`: the mean over the points that either labels. Only pairs near enough for it to be above 1e-12 are looked at."""
    import shapely

    table = np.zeros((len(a.points), len(b.points)))
    reach = math.sqrt(-2 * math.log(_NOTHING)) * 2 * float(sigmas.max())
    near, other = shapely.STRtree(b.around(reach)).query(a.around(reach))
    for start in range(0, len(near), _PORTION):
        rows, columns = near[start : start + _PORTION], other[start : start + _PORTION]
        left, right = a.points[rows], b.points[columns]
        likeness = _closeness(left, right, (a.areas[rows] + b.areas[columns]) / 2, sigmas)
        both = (left[..., 2] > 0) & (right[..., 2] > 0)
        either = (left[..., 2] > 0) | (right[..., 2] > 0)
        table[rows, columns] = (likeness * both).sum(axis=-1) / either.sum(axis=-1)
    return table


def _closeness(
    points: NDArray[np.float64], others: NDArray[np.float64], areas: NDArray[np.float64], sigmas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`(n, k)` in 0..1: how near each of k points is to its like, in n pairs of objects."""
    apart = ((others[..., :2] - points[..., :2]) ** 2).sum(axis=-1)
    scale = 2 * (areas[:, None] + np.spacing(1)) * (2 * sigmas) ** 2
    near: NDArray[np.float64] = np.exp(-apart / scale)
    return near


def _stacked(annotations: Sequence[Annotation]) -> NDArray[np.float64]:
    """`(n, k, 3)` of annotations with k points each."""
    return np.array([x.keypoints for x in annotations if isinstance(x, Keypoints)], np.float64).reshape(
        len(annotations), -1, 3
    )


def _area(annotation: Annotation) -> float:
    """An object's size in square pixels: its box's, else that of the extent of its points."""
    if not isinstance(annotation, Keypoints):
        return 0.0
    if annotation.box is not UNSET:
        return max(0.0, annotation.box[2] * annotation.box[3])
    place = points_extent(annotation)
    return place.width * place.height if place else 0.0
