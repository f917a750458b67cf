"""An image at halved sizes, so that showing it costs what the screen shows and not what the image has."""

from __future__ import annotations

import math
from pathlib import Path

from trainset.core.model import Item
from trainset.plugins import Picture, Rect, Size
from trainset_vision.media.items import shared_item
from trainset_vision.media.raster import Pixels, Window, pixel_size
from trainset_vision.media.shrink import FACTORS, shrunk

_SUB_CELLS = (2, 4)
"""The finest that blocks can show: square sub-cells across and down a cell."""

_OVERVIEW = 1 << 22
_GRID = 1024


class Pyramid:
    """Levels of `(h, w, 3)` uint8 pixels, each a 2×2 mean of the one before, made when first shown and kept."""

    def __init__(self, pixels: Pixels, pixel: float = 1.0, origin: tuple[float, float] = (0, 0)) -> None:
        self._levels = [pixels]
        self._pixel, self._origin = pixel, origin

    def picture(self, region: Rect, size: Size) -> Picture:
        """The whole image at the coarsest level that still gives every sub-cell of `size` a pixel of its own.

        `region` is the part that is looked at. The same level is the same array every time. `pixel` and
        `origin`, given at the start, are the width in scene units of a pixel of the finest level, and where it begins.
        """
        level = max(0, math.floor(math.log2(max(_finest(region, size) / self._pixel, 1.0))))
        while len(self._levels) <= level and min(self._levels[-1].shape[:2]) > 1:
            self._levels.append(shrunk(self._levels[-1], 2))
        level = min(level, len(self._levels) - 1)
        pixels, pixel = self._levels[level], self._pixel * 2**level
        return Picture(pixels, Rect(*self._origin, pixels.shape[1] * pixel, pixels.shape[0] * pixel))


class WindowPyramid:
    """A large image, of which an overview is held, and the last window that was looked at closely."""

    def __init__(self, path: Path, item: Item) -> None:
        self._path, self._item = path, item
        with shared_item(path, item) as raster:
            self.size = raster.size
            width, height = self.size
            least = 2 ** math.ceil(max(0.0, math.log2(width * height / _OVERVIEW) / 2))
            pixels = raster.read(at_least=(max(1, width // least), max(1, height // least)))
        self._pixel = pixel_size(width, pixels.shape[1])
        self._overview = Pyramid(pixels, self._pixel)
        self._window: tuple[int, Window, Picture] | None = None

    def picture(self, region: Rect, size: Size) -> Picture:
        """The overview, or what lies around `region` where that is looked at more closely than it can show.

        The same array every time, as long as the region stays inside it. MediaError names the file.
        """
        factor = 2 ** max(0, math.floor(math.log2(max(_finest(region, size), 1.0))))
        if factor >= self._pixel:
            return self._overview.picture(region, size)
        if self._window is None or self._window[0] != factor or not _covers(self._window[1], region, self.size):
            self._window = None  # before the next one is made
            window = around(region, self.size, _GRID * factor)
            with shared_item(self._path, self._item) as raster:
                pixels = raster.read(window, at_least=(-(-window[2] // factor), -(-window[3] // factor)))
            pixel = pixel_size(window[2], pixels.shape[1])
            place = Rect(window[0], window[1], pixels.shape[1] * pixel, pixels.shape[0] * pixel)
            self._window = factor, window, Picture(pixels, place)
        return self._window[2]


def around(region: Rect, size: tuple[int, int], step: int = FACTORS[-1]) -> Window:
    """The window that holds what lies of a region in an image of this size, on whole steps but at the image's end."""
    left, right = _span(region.x, region.right, size[0], step)
    top, bottom = _span(region.y, region.bottom, size[1], step)
    return left, top, right - left, bottom - top


def _span(start: float, end: float, size: int, step: int) -> tuple[int, int]:
    first = min(max(0, math.floor(start / step)), (size - 1) // step) * step
    return first, min(size, max(first + step, math.ceil(end / step) * step))


def _finest(region: Rect, size: Size) -> float:
    """The width in scene units of the smallest square that cells can show of a region."""
    return max(region.width / max(1, size.columns * _SUB_CELLS[0]), region.height / max(1, size.rows * _SUB_CELLS[1]))


def _covers(window: Window, region: Rect, size: tuple[int, int]) -> bool:
    """Whether a window holds all of a region that lies in the image."""
    x, y, width, height = window
    right, bottom = min(region.right, size[0]), min(region.bottom, size[1])
    return x <= max(region.x, 0) and y <= max(region.y, 0) and right <= x + width and bottom <= y + height
