"""The contract of scenes: numbers that can be drawn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trainset.core.scene import Scene, Shape
from trainset.testing.contract import require, sound

_LEAST = {"box": (2, 2), "line": (2, math.inf), "polygon": (3, math.inf), "points": (1, math.inf)}


def places(shape: Shape) -> NDArray[np.float64]:
    """`(n, 2)`: the points of a shape."""
    if isinstance(shape.points, np.ndarray):
        return np.asarray(shape.points, np.float64).reshape(-1, 2)
    return np.array([(point.x, point.y) for point in shape.points], np.float64).reshape(-1, 2)


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
        require(isinstance(tint.text, str), f"{who} has a tint called {tint.text!r}", "what stands on a tint is text")
    for shape in scene.shapes:
        least, most = _LEAST.get(shape.kind, (1, 0))
        require(
            least <= len(shape.points) <= most,
            f"{who} has a {shape.kind} of {len(shape.points)} points",
            "two corners of a box, the vertices of a line or polygon, the places of points",
        )
        require(
            bool(np.isfinite(places(shape)).all()),
            f"{who} has a {shape.kind} at {shape.points!r}",
            "scene coordinates are finite",
        )
        require(
            not shape.parts or (min(shape.parts) > 0 and sum(shape.parts) == len(shape.points)),
            f"{who} has a {shape.kind} of {len(shape.points)} points in parts of {shape.parts}",
            "parts are the numbers of points of each path, and together all of them",
        )
    for run in (run for row in scene.rows for run in row):
        require(isinstance(run.text, str), f"{who} has a run of {run.text!r}", "rows are runs of text")
