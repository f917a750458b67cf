"""The pixels of items: what an item's record says of its file decides how that is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from trainset.core.model import Item
from trainset.errors import MediaError
from trainset_vision.media.header import MAX_PIXELS
from trainset_vision.media.notread import NotRead, sceptical
from trainset_vision.media.raster import LARGE, Pixels, Raster, Stretch, Window, opened


def open_item(path: Path, item: Item) -> Raster:
    """An item's image in the file `path`, open for reading; MediaError names the file."""
    return Raster(path, max_pixels=pixel_limit(item), page=page_of(item), stretch=stretch_of(item.meta))


def read_item(path: Path, item: Item, at_least: tuple[int, int] | None = None, window: Window | None = None) -> Pixels:
    """An item's image in the file `path`, or a window of it: `(h, w, 3)` uint8 RGB, upright; see `Raster.read`."""
    with open_item(path, item) as raster:
        return raster.read(window, at_least)


class _Shared:
    """The last large image that was read, which stays decoded for whoever reads of it next."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._key: tuple[object, ...] = ()
        self._raster: Raster | None = None

    @contextmanager
    def lend(self, path: Path, item: Item) -> Iterator[Raster]:
        with self._lock:
            key = (path, item.key, stretch_of(item.meta), _stamp(path))
            if self._raster is None or self._key != key:
                if self._raster is not None:
                    self._raster.close()  # before the next one is decoded
                self._raster, self._key = open_item(path, item), key
            yield self._raster


_shared = _Shared()


def shared_item(path: Path, item: Item) -> AbstractContextManager[Raster]:
    """An item's image, open for reading; a large one is decoded once for all who read of it one after another.

    Only one large image is held in memory at a time, and lent to one thread at a time.
    """
    return _shared.lend(path, item) if is_large(item) else open_item(path, item)


def is_large(item: Item) -> bool:
    """Whether an item has so many pixels that it is not held in memory as a whole where a part is enough."""
    return int(item.meta.get("width") or 0) * int(item.meta.get("height") or 0) > LARGE


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def page_content(path: Path, item: Item) -> Iterator[bytes]:
    """What an item that is a page of a TIFF is made of, as `Tiff.content` gives it; MediaError names the file."""
    from trainset_vision.media.tiff import open_page

    with opened(path) as stream:
        try:
            with sceptical():
                yield from open_page(stream, stream.seek(0, os.SEEK_END), page_of(item)).content()
        except NotRead as error:
            raise MediaError(f"{path}: {error}", hint="bring its page back, or exclude the item") from error


def page_of(item: Item) -> int:
    """Which page of its file an item is, from 0 on: the key of a page ends in its number."""
    return int(item.row) - 1 if item.row and item.row.isdecimal() else 0


def stretch_of(meta: Mapping[str, Any]) -> Stretch:
    """How an item of more than 8 bits is shown, as it was registered."""
    found = meta.get("stretch")
    return found if found in ("percentiles", "declared", "none") else "percentiles"


def pixel_limit(item: Item) -> int:
    """How many pixels the image of an item may have: what it was registered with, if that was above the default."""
    return max(MAX_PIXELS, int(item.meta.get("width") or 0) * int(item.meta.get("height") or 0))
