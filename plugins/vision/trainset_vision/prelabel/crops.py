"""The objects of an image one by one, each with a margin about it: what a classifier of objects is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainset.core.model import Item
from trainset.plugins import Context, Rect
from trainset_vision.media.items import shared_item
from trainset_vision.media.raster import Raster
from trainset_vision.prelabel.adapter import Prepared
from trainset_vision.prelabel.preprocess import Preprocess, load_tensor

Window = tuple[int, int, int, int]
"""Left, top, width and height of a part of an image."""


@dataclass(frozen=True)
class Crops:
    """An image that is yet to be read, and where its objects are, by their ids."""

    path: Path
    item: Item
    places: tuple[tuple[str, Rect | None], ...]
    margin: float

    def tensors(self, pre: Preprocess) -> Iterator[tuple[str, Prepared]]:
        """The id and the tensor of each object that lies in the image. The image is open meanwhile, and one tensor at a
        time is made."""
        with shared_item(self.path, self.item) as raster:
            for name, place in self.places:
                window = around(place, self.margin, raster.size) if place is not None else None
                if window is not None:
                    yield name, _tensor(raster, pre, window)


def _tensor(raster: Raster, pre: Preprocess, window: Window) -> Prepared:
    return load_tensor(pre, lambda least: raster.read(window, least), window[2:], "the object")


def crops(item: Item, context: Context, margin: float) -> Crops:
    """The decided objects of an item that the task asks about."""
    places = tuple((a.id, context.extent(a, item)) for a in context.objects(item))
    return Crops(context.media.path(item), item, places, margin)


def around(place: Rect, margin: float, size: tuple[int, int]) -> Window | None:
    """The whole pixels that `place` touches, with a margin (as a share of its width and height, on each side), within an
    image of (width, height) `size`; None where nothing of it lies there."""
    dx, dy = margin * place.width, margin * place.height
    left, top = max(0, math.floor(place.x - dx)), max(0, math.floor(place.y - dy))
    right, bottom = min(size[0], math.ceil(place.right + dx)), min(size[1], math.ceil(place.bottom + dy))
    return (left, top, right - left, bottom - top) if left < right and top < bottom else None
