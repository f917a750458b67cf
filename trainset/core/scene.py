"""What a view shows, free of any terminal: pictures, shapes and styled text in the view's own coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Point:
    """A place in scene coordinates (for images: pixels, see the coordinate contract)."""

    x: float
    y: float


@dataclass(frozen=True)
class Size:
    """A size in terminal cells, or for a thumbnail the cells it may fill."""

    columns: int
    rows: int


@dataclass(frozen=True)
class Rect:
    """An axis-parallel rectangle in scene coordinates, `x, y` its top-left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the bottom edge."""
        return self.y + self.height


@dataclass(frozen=True)
class Viewport:
    """The window on a scene: its size in cells, and the part of the scene that it shows (None: all of it).

    `unit` is the size of one fine step in scene units: what `move` by one moves, at least one sub-cell.
    """

    size: Size
    region: Rect | None = None
    unit: float = 1.0


@dataclass(frozen=True)
class Picture:
    """Pixels, `(height, width, 3)` uint8 RGB, that fill `place` (scene coordinates)."""

    pixels: NDArray[np.uint8]
    place: Rect


@dataclass(frozen=True)
class Shape:
    """An outline over the pictures.

    `points` are scene coordinates: two corners of a `box`, the vertices of a `line` or closed `polygon`, the
    places of `points`; many of them come better as an array `(n, 2)`. With `parts`, the numbers of points of each, a
    line or polygon is several: the edges of a skeleton, the rings of a region with holes. `color` indexes the
    colour-blind-safe palette. `weak` draws it dashed (a candidate). `of` is the id of the annotation that it shows.
    """

    kind: Literal["box", "line", "polygon", "points"]
    points: tuple[Point, ...] | NDArray[np.float64]
    text: str = ""
    color: int = 0
    selected: bool = False
    weak: bool = False
    parts: tuple[int, ...] = ()
    of: str = ""

    @property
    def array(self) -> NDArray[np.float64]:
        """`(n, 2)`: the points."""
        if isinstance(self.points, np.ndarray):
            return self.points.reshape(-1, 2)
        return np.array([(p.x, p.y) for p in self.points], np.float64).reshape(-1, 2)


@dataclass(frozen=True)
class Tint:
    """A mask over the pictures: `(height, width)` bool that fills `place`.

    `filled` tints what it covers, `contour` draws its outline, finer than a cell; `weak` dashes that (a candidate).
    `text` stands above `place`. `of` is the id of the annotation that it shows.
    """

    mask: NDArray[np.bool_]
    place: Rect
    color: int = 0
    selected: bool = False
    text: str = ""
    weak: bool = False
    filled: bool = True
    contour: bool = False
    of: str = ""


@dataclass(frozen=True)
class Run:
    """A stretch of text in one style; `color` indexes the palette, None is the plain foreground. `of` is the id of the
    annotation that it shows."""

    text: str
    color: int | None = None
    style: Literal["plain", "bold", "dim", "reverse", "underline"] = "plain"
    of: str = ""


@dataclass(frozen=True)
class Scene:
    """Everything that a view shows: pictures below, tints, shapes, and rows of text where there is no picture.

    `extent` is what "fit" shows. Text comes as it stands in the data: the canvas makes control characters visible.
    """

    extent: Rect
    pictures: Sequence[Picture] = ()
    tints: Sequence[Tint] = ()
    shapes: Sequence[Shape] = ()
    rows: Sequence[Sequence[Run]] = ()


@dataclass(frozen=True)
class Line:
    """One object in the side panel: its annotation's id, what to say of it, and its shape's colour."""

    id: str
    text: str
    color: int = 0
    selected: bool = False
    weak: bool = False
