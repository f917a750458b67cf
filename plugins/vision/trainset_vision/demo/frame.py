"""One camera frame of the belt, with the boxes of the parts in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainset_vision.demo.raster import MARGIN, Array, Patch, rasterise
from trainset_vision.demo.shapes import PARTS, SCRAP, Layers, Rng

WIDTH, HEIGHT = 320, 240

RAIL = 12
"""Height in pixels of the rails that hold the belt at the top and the bottom."""

MIN_VISIBLE = 0.25
"""A part with less than this share of its area in sight is not labelled."""

METALS = np.array([(204, 209, 214), (228, 230, 224), (232, 192, 96), (222, 142, 100), (138, 142, 152)], np.float32)
"""RGB of steel, zinc, brass, copper and black oxide: any part comes in any, so that shape alone tells its label."""

RUBBER = np.array([(42, 48, 54), (34, 56, 52), (40, 46, 68), (54, 48, 45)], np.float32)
"""RGB of belts."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """A part in sight: its label, and the box `[x, y, w, h]` of its visible pixels."""

    label: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Thing:
    """A part (or scrap, with no label) and the frame's pixel on which its patch's top-left corner lies."""

    label: str | None
    patch: Patch
    colour: Array
    x: int
    y: int

    def windows(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """The rows and columns that it takes in the frame, and the same ones in its patch."""
        height, width = self.patch.alpha.shape
        top, left = max(self.y, 0), max(self.x, 0)
        bottom, right = max(min(self.y + height, HEIGHT), top), max(min(self.x + width, WIDTH), left)
        here = (slice(top, bottom), slice(left, right))
        return here, (slice(top - self.y, bottom - self.y), slice(left - self.x, right - self.x))

    def mask(self) -> Mask:
        """The pixels that it covers, `(HEIGHT, WIDTH)`."""
        mask = np.zeros((HEIGHT, WIDTH), np.bool_)
        here, there = self.windows()
        mask[here] = self.patch.alpha[there] >= 0.5
        return mask


@dataclass(frozen=True)
class Conditions:
    """What makes a frame easy or hard: the light's heading in radians, blurs in pixels, noise in grey levels."""

    light: float
    exposure: float
    motion: int
    defocus: float
    noise: float

    @classmethod
    def draw(cls, rng: Rng) -> Conditions:
        """Mostly a well-lit belt and a sharp camera; one frame in five is taken in haste or in the dark."""
        hard = rng.random() < 0.2
        return cls(
            light=rng.uniform(-np.pi, np.pi),
            exposure=rng.uniform(0.6, 0.85) if hard else rng.uniform(0.95, 1.25),
            motion=int(rng.integers(5, 14)) if hard else int(rng.integers(1, 4)),
            defocus=rng.uniform(0.8, 1.7) if hard else rng.uniform(0.2, 0.7),
            noise=rng.uniform(7, 14) if hard else rng.uniform(2, 6),
        )


def frame(rng: Rng) -> tuple[NDArray[np.uint8], list[Truth]]:
    """An RGB image `(HEIGHT, WIDTH, 3)` and the parts in it, in the order in which they came to lie."""
    conditions = Conditions.draw(rng)
    image = _belt(rng)
    visible: list[tuple[Thing, Mask]] = []
    for thing in _things(rng, conditions.light):
        _paint(image, thing, conditions.light)
        mask = thing.mask()
        visible = [(below, seen & ~mask) for below, seen in visible] + [(thing, mask)]
    truth = [
        Truth(thing.label, _extent(seen))
        for thing, seen in visible
        if thing.label and seen.sum() >= MIN_VISIBLE * (thing.patch.alpha >= 0.5).sum()
    ]
    return _expose(image, conditions, rng), truth


def _extent(mask: Mask) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = float(columns[0]), float(rows[0])
    return left, top, float(columns[-1]) + 1 - left, float(rows[-1]) + 1 - top


def _things(rng: Rng, light: float) -> Iterator[Thing]:
    """What lies on the belt, from the bottom up. A few belts are empty, some hold one part, some a heap."""
    parts = int(rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8], p=[0.07, 0.09, 0.13, 0.17, 0.18, 0.15, 0.11, 0.06, 0.04]))
    overlap = 0.3 if rng.random() < 0.15 else 0.0
    labels = rng.choice(list(PARTS), parts, p=[0.24, 0.1, 0.22, 0.22, 0.22])
    kinds: list[tuple[str | None, Callable[[Rng], Layers]]] = [(str(label), PARTS[label]) for label in labels]
    kinds += [(None, SCRAP[i]) for i in rng.integers(0, len(SCRAP), rng.poisson(1.2))]
    rng.shuffle(kinds)
    taken = np.zeros((HEIGHT, WIDTH), np.bool_)
    for label, layers in kinds:
        angle = rng.uniform(-np.pi, np.pi)
        patch = rasterise(layers(rng), angle, light, gloss=rng.uniform(0.3, 1.0), rng=rng)
        colour = METALS[rng.integers(len(METALS))] * rng.uniform(0.9, 1.05)
        if label is None:
            colour = colour * rng.uniform(0.3, 0.9)
        thing = _laid(label, patch, colour, taken, overlap, rng)
        if thing:
            taken |= cv2.dilate(thing.mask().astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            yield thing


def _laid(label: str | None, patch: Patch, colour: Array, taken: Mask, overlap: float, rng: Rng) -> Thing | None:
    """The thing where at most a share `overlap` of it lies on what is `taken`; None if there is no room."""
    height, width = patch.alpha.shape
    for _ in range(12):
        # A bent screw lies wholly in sight: cut off at the bend, nobody could tell it from a straight one.
        hidden = MARGIN if label == "bent-screw" else width // 2
        x = int(rng.integers(-hidden, WIDTH - width + hidden))
        y = int(rng.integers(RAIL - MARGIN, HEIGHT - RAIL - height + MARGIN))
        thing = Thing(label, patch, colour, x, y)
        mask = thing.mask()
        if taken[mask].sum() <= overlap * mask.sum():
            return thing
    return None


def _paint(image: Array, thing: Thing, light: float) -> None:
    here, there = thing.windows()
    alpha = thing.patch.alpha
    shift = np.array([[1, 0, 3 * np.cos(light)], [0, 1, 3 * np.sin(light)]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, alpha.shape[::-1]), (0, 0), 1.8)
    image[here] *= 1 - 0.6 * shadow[there][..., None]
    cover = alpha[there][..., None]
    image[here] += cover * (thing.colour * thing.patch.shade[there][..., None] - image[here])


def _belt(rng: Rng) -> Array:
    """The empty belt: ribbed rubber with stains between two bolted rails, float32 RGB."""
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    image[:] = RUBBER[rng.integers(len(RUBBER))] * rng.uniform(0.85, 1.25)
    ribs = np.cos((np.arange(WIDTH) + rng.uniform(0, 20)) * 2 * np.pi / rng.choice([8, 16, 40])) ** 8
    stains = cv2.resize(rng.normal(0, 1, (6, 8)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image *= 1 + 0.12 * np.tanh(stains)[..., None] - 0.16 * ribs[:, None].astype(np.float32)
    profile = np.interp(np.arange(RAIL), [0, 3, RAIL - 3, RAIL - 2, RAIL], [90, 150, 120, 60, 30])[:, None, None]
    image[:RAIL], image[-RAIL:] = profile, profile[::-1]
    for x in np.arange(rng.integers(0, 64), WIDTH, 64):
        for y in (5, HEIGHT - 6):
            cv2.circle(image, (int(x), y), 3, (200.0, 200.0, 196.0), -1, cv2.LINE_AA)
            cv2.circle(image, (int(x), y), 3, (50.0, 50.0, 52.0), 1, cv2.LINE_AA)
    return image


def _expose(image: Array, conditions: Conditions, rng: Rng) -> NDArray[np.uint8]:
    """What the camera makes of the scene: uneven light, blur along the belt's motion, defocus, noise."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    away = x * np.cos(conditions.light) + y * np.sin(conditions.light)
    lamp = 1.1 - rng.uniform(0.06, 0.3) * away - 0.15 * (x**2 + y**2)
    image = image * (conditions.exposure * lamp)[..., None]
    blurred = cv2.GaussianBlur(cv2.blur(image, (conditions.motion, 1)), (0, 0), conditions.defocus)
    grain = rng.normal(0, conditions.noise, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return np.asarray(np.clip(blurred + grain, 0, 255), np.uint8)
