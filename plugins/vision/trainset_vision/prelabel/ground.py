"""The background that objects stand out of: what it looks like at each place, and from which distance on a pixel is none of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Polarity = Literal["any", "bright", "dark"]
Method = Literal["even", "otsu", "adaptive", "background"]

_GRID = 64
"""The longer side of the grid on which an even background is fitted."""

_NEAR = 8.0
"""CIELAB distance up to which a colour may belong to the background: a shade of it, not another colour."""

_ROUNDS = 6
_BINS = (6.0, 4.0, 4.0)
_SIGNS: dict[Polarity, int] = {"any": 0, "bright": 1, "dark": -1}


@dataclass(frozen=True)
class Ground:
    """The background of an image as `(h, w, c)` CIELAB, or with c = 1 its lightness alone.

    A pixel stands out whose distance from it is above `level`; `noise` is what distances in the background reach. With a
    `sign` of 1 only brighter pixels do, with -1 only darker ones.
    """

    surface: NDArray[np.float32]
    sign: int = 0
    level: float = 0.0
    noise: float = 0.0

    def distance(self, lab: NDArray[np.float32], surface: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """`(h, w)`: how far the pixels `(h, w, 3)` are from the background, which `surface` is in a part of the image."""
        ground = self.surface if surface is None else surface
        distance = np.linalg.norm(lab[..., : ground.shape[2]] - ground, axis=2)
        if self.sign:
            distance[(lab[..., 0] - ground[..., 0]) * self.sign < 0] = 0
        return np.asarray(distance, np.float32)

    def levelled(self, distance: NDArray[np.float32], level: float | None = None) -> Ground:
        """With the level that splits these distances in two (N. Otsu, 1979), or the one given, but above their noise."""
        if level is None:
            level = cv2.threshold(np.clip(distance * 2, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0] / 2
        ground = distance[distance <= level]
        middle = np.median(ground) if ground.size else 0.0
        noise = middle + 4.5 * np.median(np.abs(ground - middle)) + 1e-6 if ground.size else 1e-6  # 3 σ, by the MAD
        return replace(self, level=float(max(level, noise)), noise=float(noise))


def cielab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(h, w, 3)` RGB, smoothed a little, in CIELAB."""
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.2).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.float32)


def even(lab: NDArray[np.float32], polarity: Polarity) -> Ground:
    """The commonest colour, and what varies slowly around it."""
    ground = Ground(background(lab), _SIGNS[polarity])
    return ground.levelled(ground.distance(lab))


def otsu(lab: NDArray[np.float32], polarity: Polarity) -> Ground:
    """Of the two classes of lightness that Otsu's threshold splits, the one that `polarity` leaves for the background;
    with "any", the one that fills most of the image's border."""
    light = np.clip(lab[..., 0] * 2.55, 0, 255).astype(np.uint8)
    threshold = cv2.threshold(light, 0, 255, cv2.THRESH_OTSU)[0]
    bright = light > threshold
    sign = _SIGNS[polarity]
    if not sign:
        border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
        sign = -1 if border.mean() > 0.5 else 1
    rest = lab[..., 0][bright == (sign < 0)]
    colour = float(np.median(rest if rest.size else lab[..., 0]))
    ground = Ground(np.full((*light.shape, 1), colour, np.float32), sign)
    return ground.levelled(ground.distance(lab), abs((threshold + 0.5) / 2.55 - colour))


def adaptive(lab: NDArray[np.float32], polarity: Polarity, block: float) -> Ground:
    """The mean colour of what is no object within a square about each pixel, `block` of the longer side wide."""
    side = max(3, round(block * max(lab.shape[:2])) | 1)
    rest: NDArray[np.float32] = np.ones(lab.shape[:2], np.float32)
    for _ in range(_ROUNDS):
        whole = lab[rest > 0].mean(axis=0) if rest.any() else lab.mean(axis=(0, 1))
        sums = cv2.boxFilter(lab * rest[..., None], -1, (side, side), borderType=cv2.BORDER_REPLICATE)
        share = cv2.boxFilter(rest, -1, (side, side), borderType=cv2.BORDER_REPLICATE)[..., None]
        ground = Ground(np.asarray((sums + 1e-3 * whole) / (share + 1e-3), np.float32), _SIGNS[polarity])
        distance = ground.distance(lab)
        ground = ground.levelled(distance)
        objects = cv2.dilate((distance > ground.level).astype(np.float32), np.ones((5, 5), np.uint8))
        rest = np.asarray(1 - objects, np.float32)
    return ground


def pictured(lab: NDArray[np.float32], polarity: Polarity, reference: NDArray[np.float32]) -> Ground:
    """What a reference picture `(h, w, 3)` shows, made lighter or darker as a whole as this image is."""
    ground = Ground(reference + np.median(lab - reference, axis=(0, 1)), _SIGNS[polarity])
    return ground.levelled(ground.distance(lab))


def background(lab: NDArray[Any]) -> NDArray[np.float32]:
    """`(h, w, 3)` CIELAB of the background alone, under the objects too.

    From the commonest colour outwards, a quadratic surface per channel is fitted by least squares to the pixels that
    are near it, several times, so that lighting that falls off to a side is followed and objects are left out.
    """
    height, width = lab.shape[:2]
    shrink = min(1.0, _GRID / max(height, width))
    rows, columns = max(1, round(height * shrink)), max(1, round(width * shrink))
    colors = cv2.resize(lab, (columns, rows), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64)
    y, x = (axis.ravel() for axis in np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j])
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    fitted = np.broadcast_to(_commonest(colors), colors.shape)
    for _ in range(_ROUNDS):
        off = np.linalg.norm(colors - fitted, axis=1)
        near = off <= max(_NEAR, 2.5 * _middle(off[off <= 2 * _NEAR]))
        if near.sum() < 10 * terms.shape[1]:
            break
        fitted = terms @ np.linalg.lstsq(terms[near], colors[near], rcond=None)[0]
        fitted = fitted.clip(colors.min(axis=0), colors.max(axis=0))
    surface = fitted.reshape(rows, columns, 3).astype(np.float32)
    return np.asarray(cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _commonest(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the most crowded place in colour space: a bin of a histogram with its neighbours."""
    bins = np.floor(colors / _BINS).astype(np.int64)
    places, counts = np.unique(bins, axis=0, return_counts=True)
    beside = np.abs(places[:, None] - places[None]).max(axis=2) <= 1
    most = places[np.argmax(beside @ counts)]
    middle: NDArray[np.float64] = np.median(colors[np.abs(bins - most).max(axis=1) <= 1], axis=0)
    return middle


def _middle(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if values.size else 0.0
