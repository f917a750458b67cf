"""Objects that touch, told apart by their shape: where a region has a neck, it is two."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_NECK = 0.8
"""A neck that parts two objects is at most this share of the thinner one's width."""

_LEVELS = 128
_APART = 1.5
"""How much thicker than its neck, in pixels, half an object's width is at least."""


def apart(mask: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The number of the object, from 1 on, that each pixel of a mask `(h, w)` belongs to; 0 outside.

    Regions are worn off from their edges. Where one falls into parts that are thick enough beside the neck between them,
    these are objects' cores; from there they are flooded until they meet, by the watershed of F. Meyer (1992) on
    `pixels` `(h, w, 3)`, whose edges hold the floods up.
    """
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    cores = _cores(np.asarray(inside, np.float32))
    count = int(cores.max())
    if count == cv2.connectedComponents(mask, connectivity=8)[0] - 1:
        return cores
    markers = cv2.copyMakeBorder(np.where(mask > 0, cores, count + 1), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    picture = cv2.GaussianBlur(cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_REPLICATE), (0, 0), 2.0)
    flooded = cv2.watershed(picture, markers)[1:-1, 1:-1]
    kept = np.where((flooded > 0) & (flooded <= count) & (mask > 0), flooded, 0)
    return np.where(mask > 0, nearest(kept)[0], 0)


def nearest(numbers: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """For each pixel of `(h, w)` the number that is not 0 and nearest to it, and how far away that is; 0 where there is none."""
    far, pixel = cv2.distanceTransformWithLabels(
        (numbers == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.zeros(pixel.max() + 1, np.int32)
    known[pixel[numbers > 0]] = numbers[numbers > 0]
    return known[pixel], np.asarray(far, np.float32)


def _cores(distance: NDArray[np.float32]) -> NDArray[np.int32]:
    """The numbers of the objects, in what surely belongs to each, from how far inside each pixel is."""
    _, cores = cv2.connectedComponents((distance > 0).astype(np.uint8), connectivity=8)
    for level in np.linspace(0, float(distance.max(initial=0)), _LEVELS, endpoint=False)[1:]:
        count, parts = cv2.connectedComponents((distance > level).astype(np.uint8), connectivity=8)
        seen = np.flatnonzero(parts)
        summits, inside = np.zeros(count, np.float32), np.zeros(count, np.int32)
        np.maximum.at(summits, parts.flat[seen], distance.flat[seen])
        inside[parts.flat[seen]] = cores.flat[seen]
        thick = np.flatnonzero((summits * _NECK >= level) & (summits - level >= _APART) & (inside > 0))
        owners, numbers = np.unique(inside[thick], return_counts=True)
        for owner in owners[numbers > 1].tolist():
            cores[cores == owner] = 0
            for n, part in enumerate(thick[inside[thick] == owner].tolist()):
                cores[parts == part] = owner if n == 0 else cores.max() + 1
    return np.asarray(cores, np.int32)
