"""The pixels of objects at an image's full resolution, which is read about one object at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainset_vision.media.raster import Raster
from trainset_vision.prelabel.ground import Ground, cielab
from trainset_vision.prelabel.masks import Crop
from trainset_vision.prelabel.standing import Region, cleaned
from trainset_vision.prelabel.touching import nearest

_TILE = 2048
"""Pixels along a side of what is compared at once."""

_HALO = 8
"""Pixels around a tile that smoothing looks at."""

_REACH = 2
"""Pixels of the small copy by which an object's edge may be elsewhere at full resolution."""

Part = tuple[int, int, int, int]


class Closer:
    """Draws objects that were found in a small copy of (height, width) `copy` anew, at the resolution of `raster`.

    A pixel belongs to an object where it is further from the background than the object's edge, near where the object was, and nearer to it than to any other of `regions`. Holes below `least`, a share of the image, are filled. `reference` is the picture
    of the background, where the ground is one.
    """

    def __init__(
        self,
        raster: Raster,
        ground: Ground,
        regions: Sequence[Region],
        copy: tuple[int, int],
        least: float,
        reference: NDArray[np.uint8] | None,
    ) -> None:
        self._raster, self._ground, self._reference = raster, ground, reference
        self._least = least * raster.size[0] * raster.size[1]
        self._numbers = {id(region): n for n, region in enumerate(regions, 1)}
        drawn = np.zeros(copy, np.int32)
        for n, region in enumerate(regions, 1):
            (x, y), (h, w) = region.origin, region.inside.shape
            drawn[y : y + h, x : x + w][region.inside > 0] = n
        number, far = nearest(drawn)
        self._owners = np.where(far <= _REACH, number, 0)
        self._shift = None if reference is None else _shift(ground, reference)

    def look(self, region: Region) -> Crop:
        """The pixels of an object; those of the small copy where nothing stands out at full resolution."""
        number = self._numbers[id(region)]
        part = self._part(region)
        left, top, right, bottom = part
        near = self._owned(part, number)
        mask = np.zeros((near.shape[0] + 2 * _HALO, near.shape[1] + 2 * _HALO), np.uint8)  # room for closing fissures
        inner = mask[_HALO:-_HALO, _HALO:-_HALO]
        for y in range(top, bottom, _TILE):
            for x in range(left, right, _TILE):
                tile = (x, y, min(right, x + _TILE), min(bottom, y + _TILE))
                at = (slice(y - top, tile[3] - top), slice(x - left, tile[2] - left))
                inner[at] = self._stands_out(tile, max(self._ground.level, region.edge)) & near[at]
        whole = self._one(cleaned(mask))[_HALO:-_HALO, _HALO:-_HALO]
        crop = Crop.of(part, whole > 0).trimmed()
        return crop or Crop.of(part, near)

    def _part(self, region: Region) -> Part:
        """Where an object may be in the image: left, top, right, bottom."""
        (x, y, w, h), (width, height) = region.box, self._raster.size
        px, py = width / self._owners.shape[1], height / self._owners.shape[0]
        return (
            max(0, int((x - _REACH) * px)),
            max(0, int((y - _REACH) * py)),
            min(width, int(np.ceil((x + w + _REACH) * px))),
            min(height, int(np.ceil((y + h + _REACH) * py))),
        )

    def _owned(self, part: Part, number: int) -> NDArray[np.bool_]:
        """Where in a part of the image the nearest object is this one."""
        (width, height), (rows, columns) = self._raster.size, self._owners.shape
        ys = (np.arange(part[1], part[3]) * rows // height).clip(0, rows - 1)
        xs = (np.arange(part[0], part[2]) * columns // width).clip(0, columns - 1)
        return np.asarray(self._owners[ys[:, None], xs[None]] == number)

    def _stands_out(self, tile: Part, level: float) -> NDArray[np.bool_]:
        width, height = self._raster.size
        left, top = max(0, tile[0] - _HALO), max(0, tile[1] - _HALO)
        right, bottom = min(width, tile[2] + _HALO), min(height, tile[3] + _HALO)
        around = (left, top, right, bottom)
        lab = cielab(self._raster.read((left, top, right - left, bottom - top)))
        if self._reference is None or self._shift is None:
            surface = self._sampled(self._ground.surface, around)
        else:
            surface = cielab(self._sampled(self._reference, around)) + self._shift
        far: NDArray[np.bool_] = self._ground.distance(lab, surface) > level
        return far[tile[1] - top : tile[3] - top, tile[0] - left : tile[2] - left]

    def _sampled(self, layer: NDArray[Any], part: Part) -> NDArray[Any]:
        """A layer `(h, w, c)` that covers the whole image, interpolated at the pixels of a part of it."""
        (width, height), (rows, columns) = self._raster.size, layer.shape[:2]
        left, top, right, bottom = part
        if (columns, rows) == (width, height):
            return layer[top:bottom, left:right]
        kx, ky = columns / width, rows / height
        x0, y0 = max(0, int(left * kx) - 2), max(0, int(top * ky) - 2)
        cut = layer[y0 : int(bottom * ky) + 3, x0 : int(right * kx) + 3]
        way = np.array([[kx, 0, (left + 0.5) * kx - 0.5 - x0], [0, ky, (top + 0.5) * ky - 0.5 - y0]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (right - left, bottom - top)
        found = np.asarray(cv2.warpAffine(cut, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))
        return found.reshape(*found.shape[:2], layer.shape[2])

    def _one(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The largest connected part of a mask, with its small holes filled."""
        contours, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        outer = [n for n in range(len(contours)) if tree[0][n][3] < 0]
        if not outer:
            return mask
        largest = max(outer, key=lambda n: cv2.contourArea(contours[n]))
        one = np.zeros_like(mask)
        cv2.drawContours(one, contours, largest, 1, cv2.FILLED)
        for n, contour in enumerate(contours):
            if tree[0][n][3] == largest and cv2.contourArea(contour) >= self._least:
                hole = np.zeros_like(mask)
                cv2.drawContours(hole, contours, n, 1, cv2.FILLED)
                one[(hole > 0) & (mask == 0)] = 0
        return one


def _shift(ground: Ground, reference: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much lighter or darker than the picture the ground is, as a whole."""
    rows, columns = ground.surface.shape[:2]
    small = cielab(np.asarray(cv2.resize(reference, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8))
    return np.asarray(np.median(ground.surface - small, axis=(0, 1)), np.float32)
