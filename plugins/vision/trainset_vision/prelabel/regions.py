"""Regions of one class in maps of classes: where a class is ahead of all others, whole or by connected parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Values = Literal["logits", "probabilities", "classes"]
Quad = tuple[float, float, float, float]


@dataclass(frozen=True)
class Region:
    """Where class `which` wins. `margin` `(h, w)` is by how much it is ahead of the others, in the part `at` of the tensor
    (left, top, right, bottom); `corners` is the region's box in the tensor's pixels, `score` the mean probability in it."""

    which: int
    score: float
    corners: Quad
    margin: NDArray[np.float32]
    at: Quad


def regions(planes: NDArray[Any], values: Values, size: tuple[int, int], *, apart: bool) -> Iterator[Region]:
    """The regions in `planes` `(c, h, w)` that cover a tensor of (width, height): of each class one, or each connected part.

    One plane of logits or probabilities is that of class 0 against none; one of `classes` holds their numbers.
    """
    best, sure, rivals = _best(planes, values)
    second, top = (best, best) if rivals is None else np.partition(rivals, -2, axis=0)[-2:]
    for which in np.unique(best[best >= 0]).tolist():
        won = best == which
        margin = np.where(won, 1, -1) if rivals is None else np.where(won, top - second, rivals[which] - top)
        inside = won.astype(np.uint8)
        count, parts = cv2.connectedComponents(inside, connectivity=8) if apart else (2, inside.astype(np.int32))
        for part, box in enumerate(_boxes(parts, count), 1):
            yield _region(which, margin.astype(np.float32), parts == part, sure, box, size)


def _best(
    planes: NDArray[Any], values: Values
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32] | None]:
    """Each pixel's class (-1 for none) and how probable that is `(h, w)`, and all planes as they compete."""
    if values == "classes":
        best = np.rint(planes[0]).astype(np.int64)
        return best, np.ones(best.shape, np.float32), None
    floats = planes.astype(np.float32)
    if len(floats) == 1:
        middle = 0.5 if values == "probabilities" else 0.0
        best = np.where(floats[0] > middle, 0, -1)
        sure = floats[0] if values == "probabilities" else 1 / (1 + np.exp(-floats[0].clip(-60, 60)))
        return best, sure, np.stack([floats[0], np.full(best.shape, middle, np.float32)])
    best, top = floats.argmax(axis=0), floats.max(axis=0)
    sure = top if values == "probabilities" else 1 / np.exp(floats - top).sum(axis=0)
    return best, sure, floats


def _boxes(parts: NDArray[np.int32], count: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom, in cells, of the parts 1 to `count` - 1."""
    from scipy.ndimage import find_objects

    return [(x.start, y.start, x.stop, y.stop) for y, x in find_objects(parts, count - 1)]


def _region(
    which: int,
    margin: NDArray[np.float32],
    inside: NDArray[np.bool_],
    sure: NDArray[np.float32],
    box: tuple[int, int, int, int],
    size: tuple[int, int],
) -> Region:
    """A part with one cell around it, where other parts of its class count as other classes."""
    high, wide = margin.shape
    left, top, right, bottom = max(0, box[0] - 1), max(0, box[1] - 1), min(wide, box[2] + 1), min(high, box[3] + 1)
    cut = (slice(top, bottom), slice(left, right))
    own = np.where(inside[cut], margin[cut], -np.abs(margin[cut]))
    x, y = size[0] / wide, size[1] / high
    score = float(sure[cut][inside[cut]].mean())
    corners = ((box[0] - 0.5) * x, (box[1] - 0.5) * y, (box[2] + 0.5) * x, (box[3] + 0.5) * y)
    return Region(which, min(1.0, score), corners, own, (left * x, top * y, right * x, bottom * y))
