"""Rotated boxes: how they overlap, and where they lie on the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation
from trainset_vision.annotations import RotatedBox
from trainset_vision.prelabel.candidates import Candidates
from trainset_vision.prelabel.preprocess import Placement
from trainset_vision.prelabel.shapes import Boxes


class Rotated(Boxes):
    """Rotated boxes. `Candidates.extra` `(n, 5)`: centre x and y, width, height, and the angle in degrees clockwise.

    `corners` are those of the smallest upright box about each, see `bounds`.
    """

    def survivors(self, found: Candidates, iou: float, agnostic: bool) -> NDArray[np.intp]:
        """Greedy suppression by the exact intersection over union of rotated boxes."""
        boxes, corners, sizes = np.asarray(found.extra, np.float64), found.corners, self.sizes(found)
        classes = np.zeros(len(boxes)) if agnostic else found.classes
        left, kept = np.arange(len(boxes)), []
        while len(left):
            best, left = left[0], left[1:]
            kept.append(best)
            sides = np.minimum(corners[left, 2:], corners[best, 2:]) - np.maximum(corners[left, :2], corners[best, :2])
            most = np.minimum(sides.clip(min=0).prod(axis=1), np.minimum(sizes[left], sizes[best]))
            near = (classes[left] == classes[best]) & (most > iou * (sizes[left] + sizes[best] - most))
            near[near] = [overlap(boxes[best], boxes[other]) > iou for other in left[near]]
            left = left[~near]
        return np.array(kept, np.intp)

    def sizes(self, found: Candidates) -> NDArray[np.float64]:
        """See `Boxes.sizes`."""
        sizes: NDArray[np.float64] = np.asarray(found.extra, np.float64)[:, 2:4].prod(axis=1)
        return sizes

    def intersections(
        self, found: Candidates, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """See `Boxes.intersections`; exact."""
        boxes = np.asarray(found.extra, np.float64)
        return np.array([intersection(boxes[i], boxes[j]) for i, j in zip(first, second, strict=True)], np.float64)

    def placed(self, kept: Candidates, arrays: Sequence[NDArray[Any]], placement: Placement) -> Candidates:
        """See `Boxes.placed`; rotated boxes are not cut at the image's edges. Where the image was stretched, they keep
        their centre and the length and direction of their first side."""
        boxes = np.asarray(kept.extra, np.float64)
        radians = np.deg2rad(boxes[:, 4])
        along = np.stack([np.cos(radians), np.sin(radians)], axis=1)
        down = np.stack([-along[:, 1], along[:, 0]], axis=1)
        first, second = along * boxes[:, 2:3] / placement.scale, down * boxes[:, 3:4] / placement.scale
        placed = np.concatenate(
            [
                placement.points(boxes[:, :2]),
                np.hypot(first[:, :1], first[:, 1:]),
                np.hypot(second[:, :1], second[:, 1:]),
                np.rad2deg(np.arctan2(first[:, 1:], first[:, :1])) % 180,
            ],
            axis=1,
        )
        return replace(super().placed(kept, arrays, placement), extra=placed)

    def united(self, parts: Candidates) -> Candidates:
        """See `Boxes.united`: the smallest rotated box about all parts."""
        points = np.concatenate([cv2.boxPoints(rectangle(box)) for box in np.asarray(parts.extra)])
        (x, y), (w, h), degrees = cv2.minAreaRect(points)
        return replace(super().united(parts), extra=np.array([[x, y, w, h, degrees]]))

    def annotation(
        self, corners: tuple[float, float, float, float], extra: Any, image: tuple[int, int], common: dict[str, Any]
    ) -> Annotation | None:
        """None where nothing of its area is left by rounding."""
        x, y, w, h, degrees = (round(float(v), 2) for v in extra)
        return RotatedBox(rotated_box=(x, y, w, h, degrees), **common) if w > 0 < h else None


class Bounds(Rotated):
    """Rotated boxes of which the upright box about each is wanted."""

    def annotation(
        self, corners: tuple[float, float, float, float], extra: Any, image: tuple[int, int], common: dict[str, Any]
    ) -> Annotation | None:
        """The upright box."""
        return Boxes.annotation(self, corners, extra, image, common)


def bounds(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """`(n, 4)` left, top, right, bottom of the smallest upright boxes about rotated ones `(n, 5)`."""
    radians = np.deg2rad(boxes[:, 4].astype(np.float64))
    cos, sin = np.abs(np.cos(radians)), np.abs(np.sin(radians))
    half = np.stack([boxes[:, 2] * cos + boxes[:, 3] * sin, boxes[:, 2] * sin + boxes[:, 3] * cos], axis=1) / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def rectangle(box: NDArray[Any]) -> tuple[tuple[float, float], tuple[float, float], float]:
    """A row of `(cx, cy, w, h, degrees)` as OpenCV has rotated rectangles."""
    x, y, w, h, degrees = box.tolist()
    return (x, y), (w, h), degrees


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The intersection over union of two rotated boxes."""
    inside = intersection(a, b)
    union = float(a[2] * a[3] + b[2] * b[3]) - inside
    return inside / union if union > 0 else 0.0


def intersection(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The area that two rotated boxes have in common, exact."""
    x, y = a[:2]  # near the origin, where 32-bit floats are fine enough
    _, points = cv2.rotatedRectangleIntersection(rectangle(a - (x, y, 0, 0, 0)), rectangle(b - (x, y, 0, 0, 0)))
    return 0.0 if points is None or len(points) < 3 else float(cv2.contourArea(cv2.convexHull(points)))
