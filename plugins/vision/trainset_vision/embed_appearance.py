"""Vectors of how a picture looks, without a model: coarse brightness and colour, and where edges run which way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset.plugins import Limits, Media
from trainset_vision.media.items import read_item

_SIDE = 64
_CELLS, _WAYS = 4, 8
_EDGES = 0.35
"""What edges weigh beside brightness: enough to tell scenes of one lighting apart, little enough to outlast compression."""
_FLAT = 0.02
"""What a picture with nothing in it has: a direction, which is that of other such pictures."""


class AppearanceSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """How many waves along each side describe brightness: more tell more apart, and forgive less."""

    detail: Annotated[int, Meta(ge=4, le=16)] = 8


class Appearance:
    """Pictures that look alike have vectors that point the same way: copies in other sizes, qualities and brightness do.

    The lowest coefficients of the cosine transform of brightness, without its mean, as for a perceptual hash (Zauner 2010),
    and of the two colour differences, as MPEG-7's colour layout has them; then, for each of 4 × 4 parts, how strong edges
    of 8 directions are (after Dalal and Triggs 2005), less their mean.
    """

    def __init__(self, settings: AppearanceSettings) -> None:
        self.detail = settings.detail

    @property
    def limits(self) -> Limits:
        """One picture at a time, in every core: nearly all of the time is its decoding."""
        return Limits(batch=8, concurrency=os.cpu_count() or 1)

    def providers(self) -> Sequence[str]:
        """None: there is no model."""
        return ()

    def prepare(self, item: Item, media: Media) -> NDArray[np.float32]:
        """The item's vector. Thread-safe; MediaError names the file."""
        pixels = read_item(media.path(item), item, (_SIDE, _SIDE))
        small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        light, red, blue = cv2.split(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32) / 255)
        waves = _waves(light, self.detail)
        colours = np.concatenate([_waves(plane - 0.5, 3) for plane in (red, blue)])
        form = np.concatenate([waves[1:], colours])
        edges = _edges(light) * _EDGES * np.linalg.norm(form)
        return np.concatenate([form, edges, np.array([_FLAT], np.float32)])

    def infer(self, batch: Sequence[Any]) -> NDArray[np.float32]:
        """`(n, d)` float32."""
        return np.stack(batch)


def _waves(plane: NDArray[Any], count: int) -> NDArray[np.float32]:
    """The `count` × `count` lowest coefficients of a plane's cosine transform, the mean first."""
    found: NDArray[np.float32] = (cv2.dct(plane)[:count, :count] / _SIDE).ravel().astype(np.float32)
    return found


def _edges(light: NDArray[Any]) -> NDArray[np.float32]:
    """`(128,)` of length 1: how strong edges of each direction are in each part, less the mean; zeros where all is flat."""
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    strength, angle = np.hypot(across, down), np.arctan2(down, across) % np.pi
    way = np.minimum((angle * (_WAYS / np.pi)).astype(int), _WAYS - 1)
    row, column = np.divmod(np.arange(_SIDE * _SIDE).reshape(_SIDE, _SIDE), _SIDE)
    part = (row * _CELLS // _SIDE) * _CELLS + column * _CELLS // _SIDE
    sums = np.bincount((part * _WAYS + way).ravel(), strength.ravel(), _CELLS * _CELLS * _WAYS)
    found = np.sqrt(sums) - np.sqrt(sums).mean()
    length = float(np.linalg.norm(found))
    return np.asarray(found / length if length > 1e-6 else np.zeros_like(found), np.float32)
