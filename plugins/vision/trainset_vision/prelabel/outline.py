"""Boxes around what stands out of an even background, found by classical image processing: no model is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item, Task
from trainset.errors import ConfigError
from trainset.plugins import Context, Limits
from trainset_vision.annotations import Box
from trainset_vision.geometry import Coordinates, Frame
from trainset_vision.media.pixels import pixel_size
from trainset_vision.modality import pixel_limit, read_rgb

SIDE = 512
"""The longer side, in pixels, of the copy that is looked at: objects are found at any resolution alike."""

_GRID = 64
"""The longer side of the grid on which the background is fitted."""

_NEAR = 8.0
"""CIELAB distance up to which a colour may belong to the background: a shade of it, not another colour."""

_ROUNDS = 6
_BINS = (6.0, 4.0, 4.0)
_FRAME = 0.8
"""What spans this share of a side of the image along its edge is part of the scene (a rail, a border), no object."""


class OutlineSettings(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    """`label` is given to every object (None: the task's first label). `min_area` and `max_area` are shares of the
    image that an object may cover. At most `limit` objects are proposed, those that stand out most."""

    label: str | None = None
    min_area: float = 0.0005
    max_area: float = 0.5
    limit: int = 200


@dataclass(frozen=True)
class Prepared:
    """A small copy of an image, `(h, w, 3)` uint8 RGB, the original pixels that one of its pixels covers each way,
    and the original size."""

    pixels: NDArray[np.uint8]
    pixel: tuple[float, float]
    frame: Frame


class Outline:
    """A `Prelabeler` for things on a plain ground: parts, coins, cells, seeds.

    The background is the commonest colour and what varies slowly around it; each pixel's distance from it in CIELAB
    is split in two by Otsu's threshold (N. Otsu, 1979); connected regions become boxes. An object's score is its
    contrast: how much further from the background it is than its immediate surround, as a share of its own distance
    and the background's noise. Objects that touch become one box.
    """

    def __init__(self, settings: OutlineSettings, task: Task) -> None:
        self._settings = settings
        self._label = _label(settings, task)

    @property
    def limits(self) -> Limits:
        """One image at a time on each core."""
        return Limits(batch=1, concurrency=os.cpu_count() or 1, bytes_per_item=32 * SIDE * SIDE)

    def prepare(self, item: Item, context: Context) -> Prepared:
        """Read a small copy of the image; MediaError names the file."""
        path, limit = context.media.path(item), pixel_limit(item)
        width, height = item.meta.get("width"), item.meta.get("height")
        shrink = min(1.0, SIDE / max(width, height)) if width and height else 1.0
        least = (max(1, round(width * shrink)), max(1, round(height * shrink))) if width and height else None
        read = read_rgb(path, least, max_pixels=limit)
        across, down = read.shape[1::-1]
        pixel = pixel_size(width, across) if width else 1
        shrink = min(1.0, SIDE / max(across, down))
        size = max(1, round(across * shrink)), max(1, round(down * shrink))
        small = np.asarray(cv2.resize(read, size, interpolation=cv2.INTER_AREA), np.uint8)
        frame = Frame(width or across, height or down)
        return Prepared(small, (across * pixel / size[0], down * pixel / size[1]), frame)

    def infer(self, batch: Sequence[Prepared]) -> list[list[tuple[Coordinates, float]]]:
        """Boxes in original pixels with scores, best first, for each image."""
        return [self._objects(prepared) for prepared in batch]

    def decode(self, output: Sequence[tuple[Coordinates, float]], item: Item) -> list[Box]:
        """The objects as annotations."""
        return [
            Box(id=f"o{n}", label=self._label, score=round(score, 4), box=box)
            for n, (box, score) in enumerate(output, 1)
        ]

    def providers(self) -> Sequence[str]:
        """None: nothing to choose from."""
        return ()

    def _objects(self, prepared: Prepared) -> list[tuple[Coordinates, float]]:
        px, py = prepared.pixel
        area = prepared.pixels.shape[0] * prepared.pixels.shape[1]
        smallest, largest = self._settings.min_area * area, self._settings.max_area * area
        found = [
            (prepared.frame.clipped((x * px, y * py, w * px, h * py)), score)
            for (x, y, w, h), covered, score in standing_out(prepared.pixels)
            if smallest <= covered <= largest
        ]
        return sorted(found, key=lambda each: -each[1])[: self._settings.limit]


def _label(settings: OutlineSettings, task: Task) -> str:
    if settings.label is not None:
        known = task.label(settings.label)
        if known is None or known.retired:
            raise ConfigError(
                f"outline is to give the label {settings.label!r}, which task {task.name} does not have",
                hint=f"set `label` to one of: {', '.join(x.id for x in task.active) or 'none yet'}",
            )
        return known.id
    if not task.active:
        raise ConfigError(f"task {task.name} has no label to give", hint="add a label to the task in trainset.toml")
    return task.active[0].id


def standing_out(pixels: NDArray[np.uint8]) -> Iterator[tuple[tuple[int, int, int, int], float, float]]:
    """Box `(x, y, w, h)`, covered area and score (0 to 1) of each region of `(h, w, 3)` RGB that is no background."""
    height, width = pixels.shape[:2]
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.2).astype(np.float32) / 255
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)
    distance = np.linalg.norm(lab - background(lab), axis=2)
    level = cv2.threshold(np.clip(distance * 2, 0, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)[0] / 2
    ground = distance[distance <= level]
    noise = np.median(ground) + 4.5 * np.median(np.abs(ground - np.median(ground))) + 1e-6  # 3 σ above, by the MAD
    mask = (distance > max(level, noise)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    for contour in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        x, y, w, h = cv2.boundingRect(contour)
        if (w > _FRAME * width and (y == 0 or y + h == height)) or (h > _FRAME * height and (x == 0 or x + w == width)):
            continue
        left, top = max(0, x - 3), max(0, y - 3)
        near = distance[top : y + h + 3, left : x + w + 3]
        inside = np.zeros(near.shape, np.uint8)
        cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
        around = cv2.dilate(inside, np.ones((7, 7), np.uint8)) - inside
        stands = float(near[inside > 0].mean())
        surround = float(near[around > 0].mean()) if around.any() else 0.0
        yield (x, y, w, h), float(inside.sum()), min(max((stands - surround) / (stands + float(noise)), 0.0), 1.0)


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
