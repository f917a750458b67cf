"""The contract of scenes: numbers that can be drawn."""

from __future__ import annotations

import math

import numpy as np

from trainset.core.scene import Scene
from trainset.testing.contract import require, sound

_LEAST = {"box": (2, 2), "line": (2, math.inf), "polygon": (3, math.inf), "points": (1, math.inf)}


def check_scene(scene: Scene, who: str) -> None:
    """Check what `who` shows."""
    require(isinstance(scene, Scene), f"{who} is {scene!r}", "a view shows a Scene")
    require(
        sound(scene.extent, empty=False),
        f"{who} has the extent {scene.extent!r}",
        "an extent is a Rect of finite numbers with an area",
    )
    for picture in scene.pictures:
        pixels = picture.pixels
        require(
            pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8 and pixels.size > 0,
            f"{who} has a picture of {pixels.dtype} {pixels.shape}",
            "pixels are (height, width, 3) uint8 RGB",
        )
        require(
            sound(picture.place, empty=False),
            f"{who} has a picture at {picture.place!r}",
            "a picture fills a Rect of finite numbers with an area",
        )
    for tint in scene.tints:
        require(
            tint.mask.ndim == 2 and tint.mask.dtype == np.bool_,
            f"{who} has a tint of {tint.mask.dtype} {tint.mask.shape}",
            "a mask is (height, width) bool",
        )
        require(
            sound(tint.place, empty=False),
            f"{who} has a tint at {tint.place!r}",
            "a tint fills a Rect of finite numbers with an area",
        )
    for shape in scene.shapes:
        least, most = _LEAST.get(shape.kind, (1, 0))
        require(
            least <= len(shape.points) <= most,
            f"{who} has a {shape.kind} of {len(shape.points)} points",
            "two corners of a box, the vertices of a line or polygon, the places of points",
        )
        require(
            all(math.isfinite(point.x) and math.isfinite(point.y) for point in shape.points),
            f"{who} has a {shape.kind} at {shape.points!r}",
            "scene coordinates are finite",
        )
    for run in (run for row in scene.rows for run in row):
        require(isinstance(run.text, str), f"{who} has a run of {run.text!r}", "rows are runs of text")
