"""From a detector's candidates to boxes: threshold, non-maximum suppression, and the way back to the image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainset.errors import ModelError
from trainset_vision.annotations import Box
from trainset_vision.prelabel.adapter import ImageModel, ModelSettings
from trainset_vision.prelabel.preprocess import Placement

CANDIDATES = 30_000
"""How many candidates suppression looks at, the best first: it takes quadratic time where a model fires everywhere."""

GRIDS = ((8, 16, 32), (8, 16, 32, 64))
"""The strides of the grids that YOLO detectors have."""


class DetectorSettings(ModelSettings, kw_only=True, frozen=True):
    """Settings of every detector: the `score` from which objects are proposed, the overlap (`iou`) above which the
    lower-scored of two boxes of one class is dropped, and how many objects an image may have."""

    score: float = 0.25
    iou: float = 0.5
    max_detections: int = 300


class Detector(ImageModel):
    """An image model whose answers are boxes."""

    settings: DetectorSettings

    def boxes(
        self,
        corners: NDArray[Any],
        scores: NDArray[Any],
        classes: NDArray[Any],
        placement: Placement,
        *,
        suppress: bool = True,
    ) -> list[Box]:
        """Annotations of candidates, best first, ids `p1`, `p2`, …

        `corners` `(n, 4)` are left, top, right, bottom in the tensor's pixels, `scores` and `classes` `(n,)`. Boxes are
        cut at the image's edges, and those without area there are dropped. Coordinates are rounded to 1/100 pixel.
        """
        if len(scores) and scores.max() > 1.01:
            raise ModelError(
                f"{self.info.path.name}: scores up to {scores.max():.3g} are no probabilities",
                hint="export the model with its sigmoid, or choose another adapter with `model add --prelabeler`",
            )
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= self.settings.score][:CANDIDATES]
        if suppress:
            order = order[_survivors(corners[order], scores[order], classes[order], self.settings.iou)]
        rounded = placement.to_image(corners[order]).round(2) + 0.0  # turns -0.0 into 0.0
        found: list[Box] = []
        for (left, top, right, bottom), score, index in zip(
            rounded.tolist(), scores[order].tolist(), classes[order].tolist(), strict=True
        ):
            if right > left and bottom > top and len(found) < self.settings.max_detections:
                found.append(
                    Box(
                        id=f"p{len(found) + 1}",
                        label=self.label(int(index)),
                        score=round(min(1.0, score), 4),
                        box=(left, top, round(right - left, 2), round(bottom - top, 2)),
                    )
                )
        return found


def from_centers(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """`(n, 4)` centre x, centre y, width, height as left, top, right, bottom."""
    center, half = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64) / 2
    return np.concatenate([center - half, center + half], axis=1)


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """How many grid cells a detector with these strides has on an input of (width, height)."""
    return sum((size[0] // s) * (size[1] // s) for s in strides)


def in_pixels(output: NDArray[Any], size: tuple[int, int]) -> bool:
    """Whether the centres in `(batch, n, 4 or more)` are pixels of an input of this size: offsets within grid cells stay
    within a few units."""
    return bool(np.abs(output[..., :2]).max() > min(size) / 4)


def _survivors(corners: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any], iou: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression within each class: the indices that stay, best first."""
    if not len(corners):
        return np.empty(0, np.intp)
    sizes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).astype(np.float64)
    keep = cv2.dnn.NMSBoxesBatched(sizes.tolist(), scores.tolist(), classes.astype(int).tolist(), -1.0, iou)
    return np.sort(np.asarray(keep, np.intp).reshape(-1))
