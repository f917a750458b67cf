"""Regions of a small picture that stand out of its background, as objects: with their place, and how much they stand out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainset_vision.prelabel.ground import Ground
from trainset_vision.prelabel.touching import apart

_FRAME = 0.8
"""What spans this share of a side of the image along its edge is part of the scene (a rail, a border), no object."""

_MARGIN = 3


@dataclass(frozen=True)
class Region:
    """An object of `area` pixels in the box `(x, y, w, h)`; `score` is its contrast, 0 to 1, and `edge` the distance from the
    background that its edge is at: half of what three quarters of it have.

    `inside` `(h, w)` uint8 is 1 on it, with up to 3 pixels around the box, and begins at `origin` (x, y).
    """

    box: tuple[int, int, int, int]
    area: float
    score: float
    edge: float
    inside: NDArray[np.uint8]
    origin: tuple[int, int]


def standing_out(
    pixels: NDArray[np.uint8], lab: NDArray[np.float32], ground: Ground, split: bool, least: float
) -> Iterator[Region]:
    """The regions of `(h, w, 3)` RGB, whose smoothed CIELAB is `lab`, that are no background; with `split`, those that
    touch told apart by their shape without holes below `least` pixels.

    The score is how much further from the background an object is than its immediate surround, as a share of its own
    distance and the background's noise.
    """
    height, width = pixels.shape[:2]
    distance = ground.distance(lab)
    mask = cleaned((distance > ground.level).astype(np.uint8))
    numbers = apart(filled(mask, least), pixels) if split else None
    for contour in _contours(mask, numbers):
        x, y, w, h = cv2.boundingRect(contour)
        if (w > _FRAME * width and (y == 0 or y + h == height)) or (h > _FRAME * height and (x == 0 or x + w == width)):
            continue
        left, top = max(0, x - _MARGIN), max(0, y - _MARGIN)
        part = (slice(top, y + h + _MARGIN), slice(left, x + w + _MARGIN))
        near = distance[part]
        inside = np.zeros(near.shape, np.uint8)
        cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
        around = (cv2.dilate(inside, np.ones((7, 7), np.uint8)) - inside) > 0
        if numbers is not None:
            around &= numbers[part] == 0
        stands = float(near[inside > 0].mean())
        surround = float(near[around].mean()) if around.any() else 0.0
        score = min(max((stands - surround) / (stands + ground.noise), 0.0), 1.0)
        core = cv2.erode(inside, np.ones((3, 3), np.uint8)) > 0
        edge = float(np.percentile(near[core if core.any() else inside > 0], 25)) / 2
        yield Region((x, y, w, h), float(inside.sum()), score, edge, inside, (left, top))


def cleaned(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask without specks and fissures."""
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    return np.asarray(
        cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))), np.uint8
    )


def filled(mask: NDArray[np.uint8], least: float) -> NDArray[np.uint8]:
    """A mask without holes of less than `least` pixels."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    x, y, w, h = (stats[:, column] for column in range(4))
    inner = (x > 0) & (y > 0) & (x + w < mask.shape[1]) & (y + h < mask.shape[0])
    small = inner & (stats[:, cv2.CC_STAT_AREA] < least)
    return np.asarray(mask | small[numbers], np.uint8)


def _contours(mask: NDArray[np.uint8], numbers: NDArray[np.int32] | None) -> Sequence[Any]:
    """The outer contours of what is connected in a mask or, where objects have numbers, the longest of each."""
    if numbers is None:
        return cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    from scipy.ndimage import find_objects

    found = []
    for number, (rows, columns) in enumerate(find_objects(numbers), 1):
        own = (numbers[rows, columns] == number).astype(np.uint8)
        at = (columns.start, rows.start)
        contours = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=at)[0]
        found.append(max(contours, key=cv2.contourArea))
    return found
