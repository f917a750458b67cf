"""The rows of YOLO label files: a class, then a box, an outline, or a box with keypoints, in fractions of the image.

Rows of several kinds may stand in one file. Which kind a row is, its length says, and for keypoints `kpt_shape`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from trainset.core.model import Annotation, Task
from trainset_vision.annotations import skeleton_of
from trainset_vision.annotations.keypoints import NOT_LABELLED, VISIBLE
from trainset_vision.conversions import XYWH
from trainset_vision.formats.reading import Tally
from trainset_vision.formats.shapes import Shaper

_SLACK = 0.01
"""Fractions of boxes may leave 0..1 by this much, as Ultralytics lets pass what rounding did."""

_BEYOND = 1.0
"""Corners may stand out by an image's width: tools write those of rotated boxes as they are. More is no fraction."""

Point = tuple[float, float, int]


class BadRow(Exception):
    """What is wrong with a row, in words."""


class Rows:
    """Makes annotations for a task of the numbers of rows. `names` are the classes; `points` how many keypoints an object
    has, with how many numbers each, where the data set says so."""

    def __init__(self, task: Task, names: Mapping[int, str], points: tuple[int, int] | None, tally: Tally) -> None:
        self._names, self._points, self._shaper = names, points, Shaper(task, tally)
        self._pose, self._skeleton = task.type == "keypoints", len(skeleton_of(task).points)

    def read(self, numbers: Sequence[float], size: tuple[int, int], where: str) -> Annotation:
        """The annotation of a row in an image of `size` (width, height). BadRow for what is none, Unfit for what the task
        cannot hold."""
        if len(numbers) < 5:
            raise BadRow(f"{len(numbers)} numbers, where a box has a class and four fractions")
        if not all(map(math.isfinite, numbers)):
            raise BadRow("a number that is not finite")
        if not numbers[0].is_integer() or int(numbers[0]) not in self._names:
            raise BadRow(f"class {numbers[0]:g} is not in the list of names")
        label, rest = self._names[int(numbers[0])], numbers[1:]
        if shape := self._shape_of(rest):
            count, each = shape
            score = _score(rest[4 + count * each :])
            found = [_point(rest[n : n + each], size) for n in range(4, 4 + count * each, each)]
            return self._shaper.keypoints(found, _box(rest[:4], size), size, where, label=label, score=score)
        if len(rest) <= 5:
            return self._shaper.box(_box(rest[:4], size), size, where, label=label, score=_score(rest[4:]))
        corners = rest[: len(rest) // 2 * 2]
        if not all(-_BEYOND <= value <= 1 + _BEYOND for value in corners):
            raise BadRow("the numbers are not fractions of the image's width and height")
        ring = tuple(value * size[n % 2] for n, value in enumerate(corners))
        return self._shaper.outline((ring,), size, where, label=label, score=_score(rest[len(corners) :]))

    def _shape_of(self, rest: Sequence[float]) -> tuple[int, int] | None:
        """How many keypoints follow a row's box, and of how many numbers each; None for a row without."""
        if self._points is not None:
            count, each = self._points
            return self._points if 4 + count * each <= len(rest) <= 5 + count * each else None
        if not self._pose or len(rest) <= 5:
            return None
        for each in (3, 2):
            count, over = divmod(len(rest) - 4, each)
            if over == 0 and count == (self._skeleton or count) and (each == 2 or _seen(rest[6::3])):
                return count, each
        raise BadRow(f"{len(rest) - 4} numbers after the box are not the {self._skeleton or ''} points of the task".replace("  ", " "))  # fmt: skip


def _seen(visibility: Sequence[float]) -> bool:
    return all(value in (0, 1, 2) for value in visibility)


def _score(rest: Sequence[float]) -> float | None:
    if not rest:
        return None
    if not 0 <= rest[0] <= 1:
        raise BadRow(f"{rest[0]:g} stands where a score from 0 to 1 may stand")
    return rest[0]


def _box(fractions: Sequence[float], size: tuple[int, int]) -> XYWH:
    if any(not -_SLACK <= value <= 1 + _SLACK for value in fractions):
        raise BadRow("the numbers are not fractions of the image's width and height")
    if min(fractions[2:]) <= 0:
        raise BadRow("the box has no area")
    cx, cy, w, h = (value * side for value, side in zip(fractions, size * 2, strict=True))
    return cx - w / 2, cy - h / 2, w, h


def _point(numbers: Sequence[float], size: tuple[int, int]) -> Point:
    """A keypoint. Two numbers that are both 0, or one of them negative, are a point that is not labelled; where models
    write how sure they are instead of a visibility, whatever is above 0 is seen."""
    x, y = numbers[:2]
    if len(numbers) == 2:
        visibility = NOT_LABELLED if x < 0 or y < 0 or x == y == 0 else VISIBLE
    elif numbers[2] in (0, 1, 2):
        visibility = int(numbers[2])
    elif 0 < numbers[2] < 1:
        visibility = VISIBLE
    else:
        raise BadRow(f"a keypoint's visibility is {numbers[2]:g}, not 0, 1 or 2")
    if visibility == NOT_LABELLED:
        return 0.0, 0.0, NOT_LABELLED
    if not all(-_BEYOND <= value <= 1 + _BEYOND for value in (x, y)):
        raise BadRow("a keypoint is not in fractions of the image's width and height")
    return x * size[0], y * size[1], visibility
