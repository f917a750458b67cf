"""Layers, lit and rasterised: the relief's slope shades every shape in the same way.

The shading is Lambert's cosine law with a Blinn highlight for a camera straight above.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trainset_vision.demo.shapes import Layers, Points

Array = NDArray[np.float32]

_SUPERSAMPLE = 3
_SUBPIXEL_BITS = 4
_BEVEL = 1.1
"""How far, in pixels, an edge's slope reaches inwards."""

MARGIN = 8
"""Pixels of nothing around a thing, where its shadow falls."""


@dataclass(frozen=True)
class Patch:
    """A thing seen from above: its coverage `alpha` in 0..1, and the `shade` that its colour is multiplied by.

    Both are `(h, w)`, with `MARGIN` pixels of nothing around the thing.
    """

    alpha: Array
    shade: Array


def rasterise(layers: Layers, angle: float, light: float, gloss: float, rng: np.random.Generator) -> Patch:
    """The thing turned by `angle`, in light that travels along the heading `light`; `gloss` is the highlight's strength.

    Angles are radians, from x towards y.
    """
    height, mask = _relief(_turned(layers, angle))
    slope = np.stack([cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)]) * 0.35
    facing = 1 / np.sqrt(1 + (slope**2).sum(axis=0))
    towards = (slope[0] * np.cos(light) + slope[1] * np.sin(light)) * facing
    diffuse = 0.62 * facing + 0.55 * towards
    highlight = gloss * np.clip(0.92 * facing + 0.4 * towards, 0, 1) ** 24
    grain = rng.normal(0, 0.05, (mask.shape[0], 1)).astype(np.float32)  # brushed along one direction
    alpha = _shrink(mask)
    shade = _shrink((diffuse + 0.35 * highlight + 0.18 + grain) * mask) / np.maximum(alpha, 1e-3)
    return Patch(alpha, np.clip(shade, 0.08, 1.6).astype(np.float32))


def _turned(layers: Layers, angle: float) -> list[tuple[list[Points], float | None]]:
    """The layers' polygons turned, and moved so that the margin is left around them."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = [([polygon @ turn for polygon in layer.polygons], layer.rise) for layer in layers]
    corner = np.min([polygon.min(axis=0) for polygons, _ in turned for polygon in polygons], axis=0) - MARGIN
    return [([polygon - corner for polygon in polygons], rise) for polygons, rise in turned]


def _relief(layers: list[tuple[list[Points], float | None]]) -> tuple[Array, Array]:
    """Height and coverage, both supersampled."""
    width, height = np.max([p.max(axis=0) for polygons, _ in layers for p in polygons], axis=0) + MARGIN
    shape = (int(np.ceil(height)) * _SUPERSAMPLE, int(np.ceil(width)) * _SUPERSAMPLE)
    relief, mask = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for polygons, rise in layers:
        drawn = np.zeros(shape, np.uint8)
        for polygon in polygons:
            corners = np.round((polygon * _SUPERSAMPLE - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
            cv2.fillPoly(drawn, [corners], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        layer = drawn.astype(np.float32) / 255
        if rise is None:
            mask *= 1 - layer
            relief *= 1 - layer
        elif rise < 0:
            relief += rise * layer * mask
        else:
            mask = np.maximum(mask, layer)
            relief += rise * layer
    blurred = np.asarray(cv2.GaussianBlur(relief, (0, 0), _BEVEL * _SUPERSAMPLE), np.float32)
    return blurred * (4 * _SUPERSAMPLE), mask


def _shrink(image: NDArray[np.floating]) -> Array:
    size = (image.shape[1] // _SUPERSAMPLE, image.shape[0] // _SUPERSAMPLE)
    return np.asarray(cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
