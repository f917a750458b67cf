"""What a detector's output says before anything is decided on it: candidates, and which of them overlap a better one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

GRIDS = ((8, 16, 32), (8, 16, 32, 64))
"""The strides of the grids that YOLO detectors have."""

OTHERS, FAINT = 4, 0.01
"""How many other classes are kept for an object at most, and from which score on."""

Likely = Sequence[tuple[str, float]]
"""Other classes that an object may be of, with scores, best first."""


@dataclass(frozen=True)
class Candidates:
    """Objects that a model may have seen, a row each.

    `corners` `(n, 4)` are left, top, right, bottom in the tensor's pixels (after `Boxes.placed`: in the image's),
    `scores` `(n,)` probabilities, `classes` `(n,)` whole numbers. `extra` holds what a shape is made of beside its box,
    a row for each candidate: mask coefficients, keypoints `(n, k, 3)`, angles; None for plain boxes. `suppressed` says
    that the model's graph dropped doubles itself. `table` `(n, c)` are the scores of all classes, where the model tells them.
    """

    corners: NDArray[Any]
    scores: NDArray[Any]
    classes: NDArray[Any]
    extra: NDArray[Any] | None = None
    suppressed: bool = False
    table: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, order: NDArray[Any]) -> Candidates:
        """These rows, in this order: indices, or a row of booleans."""
        extra, table = (None if rows is None else rows[order] for rows in (self.extra, self.table))
        return Candidates(self.corners[order], self.scores[order], self.classes[order], extra, self.suppressed, table)

    def first(self, count: int) -> Candidates:
        """So many of the first rows at most."""
        return self if len(self) <= count else self.take(np.arange(count))

    def best(self, chosen: NDArray[np.bool_], most: int) -> Candidates:
        """The rows that are chosen, by falling score, so many at most."""
        rows = np.flatnonzero(chosen)
        return self.take(rows[np.argsort(-self.scores[rows], kind="stable")][:most])

    def best_first(self) -> Candidates:
        """The same rows by falling score."""
        return self.take(np.argsort(-self.scores, kind="stable"))


def joined(parts: Sequence[Candidates]) -> Candidates:
    """The rows of several candidates, one or more of the same kind, one after the other."""
    extras = [part.extra for part in parts if part.extra is not None]
    tables = [part.table for part in parts if part.table is not None]
    return Candidates(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate(extras) if extras else None,
        table=np.concatenate(tables) if tables else None,
    )


def survivors(
    corners: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any], iou: float, *, agnostic: bool = False
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression within each class, or among all: the indices that stay, in their order.

    Of two boxes whose intersection over union exceeds `iou` the lower-scored goes.
    """
    if not len(corners):
        return np.empty(0, np.intp)
    sizes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).astype(np.float64)
    groups = np.zeros(len(classes), int) if agnostic else classes.astype(int)
    keep = cv2.dnn.NMSBoxesBatched(sizes.tolist(), scores.tolist(), groups.tolist(), -1.0, iou)
    return np.sort(np.asarray(keep, np.intp).reshape(-1))


def from_centers(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """`(n, 4)` centre x, centre y, width, height as left, top, right, bottom."""
    center, half = boxes[:, :2].astype(np.float64), boxes[:, 2:4].astype(np.float64) / 2
    return np.concatenate([center - half, center + half], axis=1)


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """How many grid cells a detector with these strides has on an input of (width, height)."""
    return sum((size[0] // s) * (size[1] // s) for s in strides)


def in_pixels(output: NDArray[Any], size: tuple[int, int]) -> bool:
    """Whether the centres in `(batch, n, 4 or more)` are pixels of an input of this size: offsets within grid cells stay
    within a few units."""
    return bool(np.abs(output[..., :2]).max() > min(size) / 4)
