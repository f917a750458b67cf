"""A picture of the background alone, which items are compared with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset.errors import MediaError
from trainset_vision.media.header import MAX_PIXELS
from trainset_vision.media.items import pixel_limit
from trainset_vision.media.raster import FACTORS, LARGE, Raster, Stretch

Pixels = NDArray[np.uint8]
Reduce = Callable[[Raster], tuple[Pixels, tuple[float, float]]]


class Reference:
    """The picture at `path`, read once for all threads, for each way to show more than 8 bits; it may be as large as the items
    that it is compared with."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._size: tuple[int, int] | None = None
        self._limit = MAX_PIXELS
        self._small: dict[Stretch, Pixels] = {}
        self._layers: dict[Stretch, Pixels] = {}

    def check(self, size: tuple[int, int], item: Item) -> None:
        """MediaError where an item's (width, height) are not the picture's."""
        with self._lock:
            if self._size is None:
                with Raster(self._path, max_pixels=pixel_limit(item)) as raster:
                    self._size, self._limit = raster.size, pixel_limit(item)
        if size != self._size:
            raise MediaError(
                f"{item.key}: it has {size[0]}×{size[1]} pixels, the reference {self._path.name} "
                f"{self._size[0]}×{self._size[1]}",
                hint="set `reference` to a picture of the empty background that the same camera took",
            )

    def small(self, stretch: Stretch, reduce: Reduce) -> Pixels:
        """A small copy of the picture, as `reduce` makes it."""
        with self._lock:
            if stretch not in self._small:
                with Raster(self._path, max_pixels=self._limit, stretch=stretch) as raster:
                    self._small[stretch] = reduce(raster)[0]
            return self._small[stretch]

    def layer(self, stretch: Stretch) -> Pixels:
        """The picture `(h, w, 3)` RGB, smaller by one of FACTORS where it has more than LARGE pixels."""
        with self._lock:
            if stretch not in self._layers:
                with Raster(self._path, max_pixels=self._limit, stretch=stretch) as raster:
                    width, height = raster.size
                    factor = next(f for f in FACTORS if width * height <= LARGE * f * f or f == FACTORS[-1])
                    self._layers[stretch] = raster.read(at_least=(-(-width // factor), -(-height // factor)))
            return self._layers[stretch]
