"""Objects with keypoints: points that a model places for each box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation
from trainset_vision.annotations import Keypoints, Skeleton
from trainset_vision.prelabel.candidates import Candidates
from trainset_vision.prelabel.preprocess import Placement
from trainset_vision.prelabel.shapes import Boxes

SEEN = 0.5
"""The confidence from which a point is proposed."""


class Points(Boxes):
    """Keypoints with their box. `Candidates.extra` `(n, k, 3)`: x, y, confidence of each point.

    Points change places in a mirrored tensor as `skeleton.flip` says.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        at = {name: i for i, name in enumerate(skeleton.points)}
        self._opposite = {at[a]: at[b] for pair in skeleton.flip for a, b in (pair, pair[::-1])}

    def placed(self, kept: Candidates, arrays: Sequence[NDArray[Any]], placement: Placement) -> Candidates:
        """See `Boxes.placed`: points outside the image have no confidence left."""
        if kept.extra is None:
            raise ValueError("candidates without keypoints")
        points = kept.extra.astype(np.float64)
        points[..., :2] = placement.points(points[..., :2])
        outside = (points[..., :2] < 0) | (points[..., :2] > placement.image)
        points[outside.any(axis=-1), 2] = 0
        if placement.scale[0] < 0:
            points = points[:, [self._opposite.get(i, i) for i in range(points.shape[1])]]
        return replace(super().placed(kept, arrays, placement), extra=points)

    def united(self, parts: Candidates) -> Candidates:
        """See `Boxes.united`: of each point the one that is surest."""
        points = np.asarray(parts.extra)
        surest = points[points[..., 2].argmax(axis=0), np.arange(points.shape[1])]
        return replace(super().united(parts), extra=surest[None])

    def annotation(
        self, corners: tuple[float, float, float, float], extra: Any, image: tuple[int, int], common: dict[str, Any]
    ) -> Annotation | None:
        """Points that the model saw are visible, others not labelled: models tell no hidden ones from those."""
        left, top, right, bottom = corners
        return Keypoints(
            keypoints=tuple(
                (round(x, 2), round(y, 2), 2) if seen >= SEEN else (0.0, 0.0, 0) for x, y, seen in extra.tolist()
            ),
            box=(left, top, round(right - left, 2), round(bottom - top, 2)),
            **common,
        )
