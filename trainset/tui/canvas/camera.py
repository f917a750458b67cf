"""Which part of a scene the cells show, and the way between scene and cell coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainset.core.scene import Point, Rect, Size

FINEST = 1 / 32
"""Scene units per cell column at the closest zoom."""


@dataclass(frozen=True)
class Camera:
    """`x, y` is the scene point at the top-left corner of the cells, `scale` the scene units per cell column.

    `aspect` is a cell's height over its width in scene units: 2 for pictures (a terminal's cell is about twice as
    high as wide), 1 for rows of text, whose scene unit is a cell.
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    aspect: float = 2.0

    @classmethod
    def fitting(cls, rect: Rect, size: Size, aspect: float = 2.0) -> Camera:
        """The camera that shows all of `rect`, centred."""
        columns, rows = max(size.columns, 1), max(size.rows, 1)
        scale = max(rect.width / columns, rect.height / (rows * aspect), FINEST)
        x = rect.x + rect.width / 2 - columns * scale / 2
        y = rect.y + rect.height / 2 - rows * scale * aspect / 2
        return cls(x, y, scale, aspect)

    def to_cells(self, points: Sequence[Point] | NDArray[np.float64]) -> NDArray[np.float64]:
        """`(n, 2)` columns and rows, as fractions of cells, of points or an array of them."""
        if isinstance(points, np.ndarray):
            xy = points.reshape(-1, 2)
        else:
            xy = np.array([(p.x, p.y) for p in points], dtype=np.float64).reshape(-1, 2)
        return (xy - (self.x, self.y)) / (self.scale, self.scale * self.aspect)

    def to_scene(self, column: float, row: float) -> Point:
        """The scene point at a place in cells."""
        return Point(self.x + column * self.scale, self.y + row * self.scale * self.aspect)

    def region(self, size: Size) -> Rect:
        """The part of the scene that is shown."""
        return Rect(self.x, self.y, size.columns * self.scale, size.rows * self.scale * self.aspect)

    def zoomed(self, factor: float, column: float, row: float, coarsest: float) -> Camera:
        """Zoomed by `factor` (below 1: closer) with the scene point under (`column`, `row`) kept in place."""
        scale = min(max(self.scale * factor, FINEST), max(coarsest, FINEST))
        at = self.to_scene(column, row)
        return replace(self, scale=scale, x=at.x - column * scale, y=at.y - row * scale * self.aspect)

    def panned(self, columns: float, rows: float, extent: Rect, size: Size) -> Camera:
        """Moved by cells, keeping the middle of the cells on `extent`."""
        seen = self.region(size)
        x = min(max(self.x + columns * self.scale, extent.x - seen.width / 2), extent.right - seen.width / 2)
        y = self.y + rows * self.scale * self.aspect
        y = min(max(y, extent.y - seen.height / 2), extent.bottom - seen.height / 2)
        return replace(self, x=x, y=y)

    def scrolled(self, columns: int, rows: int, extent: Rect, size: Size) -> Camera:
        """Moved by whole cells as text scrolls: never past the first or the last row or column of `extent`."""
        x = max(extent.x, min(self.x + columns, extent.right - size.columns))
        y = max(extent.y, min(self.y + rows, extent.bottom - size.rows))
        return replace(self, x=x, y=y)

    def revealing(self, rect: Rect, extent: Rect, size: Size) -> Camera:
        """Scrolled just as far as shows `rect`, with a third of the cells before it where it was out of sight."""
        seen = self.region(size)
        dx = dy = 0
        if rect.x < seen.x or rect.right > seen.right:
            dx = round(rect.x - seen.x - size.columns / 3)
        if rect.y < seen.y or rect.bottom > seen.bottom:
            dy = round(rect.y - seen.y - size.rows / 3)
        return self.scrolled(dx, dy, extent, size)
