"""The outlines of what lies on the demo's belt: parts, and scrap that resembles them.

A thing is a stack of layers: polygons that raise its surface, lower it, or cut a hole. Lengths are image pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""A polygon or polyline: `(n, 2)`, `x` right and `y` down."""


@dataclass(frozen=True)
class Layer:
    """Polygons that change the surface's height by `rise`; None cuts holes through everything below."""

    polygons: tuple[Points, ...]
    rise: float | None = 1.0


Layers = list[Layer]
Rng = np.random.Generator


def circle(radius: float, corners: int = 48) -> Points:
    """A regular polygon around the origin."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def stroke(line: Points, width: float) -> Points:
    """The outline of a stroke of this width along a polyline."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = along[:, ::-1] * [-1, 1] * width / 2
    return np.concatenate([line + side, (line - side)[::-1]])


def path(length: float, heading: Points) -> Points:
    """A polyline of this length from the origin that turns as `heading` (radians, one a step) says."""
    steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * (length / len(heading))
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def _fastener(rng: Rng, bend: float) -> Layers:
    length, width = rng.uniform(46, 74), rng.uniform(8, 11.5)
    head, depth = width * rng.uniform(1.8, 2.2), width * rng.uniform(0.7, 1.0)
    reach = np.linspace(0, length, 60)
    line = path(length, bend / (1 + np.exp(-(reach - length * rng.uniform(0.42, 0.6)) / 2.5)))
    half = np.array([[-depth, -0.3 * head], [-0.4 * depth, -0.5 * head], [1.0, -0.5 * head]])
    cap = np.concatenate([half, half[::-1] * [1, -1]])
    tip = line[-1] + (line[-1] - line[-2]) / (length / 60) * np.array([[0.0], [width * 0.45]])
    threads = tuple(stroke(line[i : i + 3], width) for i in range(10, 57, 5))
    return [
        Layer((stroke(line, width), stroke(tip, width * 0.6))),
        Layer((stroke(line, width * 0.45),), 0.4),
        Layer(threads, -0.5),
        Layer((cap,), 1.0),
    ]


def screw(rng: Rng) -> Layers:
    """A straight screw with a pan head."""
    return _fastener(rng, bend=0.0)


def bent_screw(rng: Rng) -> Layers:
    """A screw whose shaft is bent by 23 to 70 degrees near its middle."""
    return _fastener(rng, bend=rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.22))


def nut(rng: Rng) -> Layers:
    """A hexagonal nut with a round chamfer."""
    radius = rng.uniform(17, 25)
    return [
        Layer((circle(radius, 6),)),
        Layer((circle(radius * 0.8),), 0.35),
        Layer((circle(radius * rng.uniform(0.34, 0.44)),), None),
    ]


def washer(rng: Rng) -> Layers:
    """A flat ring."""
    radius = rng.uniform(14, 23)
    return [Layer((circle(radius),)), Layer((circle(radius * rng.uniform(0.44, 0.58)),), None)]


def gear(rng: Rng) -> Layers:
    """A spur gear of 9 to 14 teeth with a hub and a bore."""
    radius, teeth = rng.uniform(19, 31), int(rng.integers(9, 15))
    root = radius * rng.uniform(0.76, 0.84)
    tooth = 2 * np.pi / teeth
    turn = (np.arange(teeth)[:, None] + np.array([-0.32, -0.16, 0.16, 0.32])).ravel() * tooth
    reach = np.tile([root, radius, radius, root], teeth)
    rim = np.stack([np.cos(turn), np.sin(turn)], axis=1) * reach[:, None]
    return [
        Layer((rim,)),
        Layer((circle(root * 0.82),), -0.6),
        Layer((circle(root * 0.48),), 0.9),
        Layer((circle(root * rng.uniform(0.2, 0.3)),), None),
    ]


def o_ring(rng: Rng) -> Layers:
    """A thin seal: a washer's outline, but no washer."""
    radius = rng.uniform(11, 19)
    return [Layer((circle(radius),)), Layer((circle(radius - rng.uniform(2.5, 4)),), None)]


def pin(rng: Rng) -> Layers:
    """A plain dowel: a shaft without a head or a thread."""
    length, width = rng.uniform(26, 46), rng.uniform(6, 9)
    line = path(length, np.zeros(12))
    return [Layer((stroke(line, width),)), Layer((stroke(line, width * 0.4),), 0.5)]


def swarf(rng: Rng) -> Layers:
    """A thin curl that a lathe left."""
    turns = np.linspace(0, rng.uniform(2, 7), 40) * rng.choice([-1.0, 1.0])
    return [Layer((stroke(path(rng.uniform(25, 60), turns + rng.normal(0, 0.1, 40)), rng.uniform(1.6, 3)),))]


def chip(rng: Rng) -> Layers:
    """A ragged flake of sheet."""
    corners = int(rng.integers(4, 8))
    return [Layer((circle(rng.uniform(4, 11), corners) * rng.uniform(0.5, 1.2, (corners, 1)),))]


PARTS: dict[str, Callable[[Rng], Layers]] = {
    "screw": screw,
    "bent-screw": bent_screw,
    "nut": nut,
    "washer": washer,
    "gear": gear,
}
"""What the demo asks for, in class order. A bent screw is the defect that the line looks for."""

SCRAP: tuple[Callable[[Rng], Layers], ...] = (o_ring, pin, swarf, chip)
"""What lies about and is not a part."""
