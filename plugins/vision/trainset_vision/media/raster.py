"""An image that is open for reading, whole or by windows, at full size or smaller: always upright 8-bit RGB."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import BinaryIO, Protocol

import numpy as np

from trainset.errors import MediaError
from trainset_vision.media.colour import Pixels, Stretch
from trainset_vision.media.header import MAX_PIXELS, check_size, read_header
from trainset_vision.media.notread import NotRead, sceptical
from trainset_vision.media.shrink import FACTORS, LARGE
from trainset_vision.media.tiff_directory import is_tiff
from trainset_vision.media.whole import Whole

__all__ = ["FACTORS", "LARGE", "Pixels", "Raster", "Stretch", "Window", "pixel_size"]

Window = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the upright image."""

_HINT = "replace the file, or exclude the item"

_STORED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p[::-1].transpose(1, 0, 2),
}
"""For each orientation, the view of upright pixels whose rows and columns are those of the file."""

_MIRRORED = {1: "", 2: "x", 3: "xy", 4: "y", 5: "", 6: "x", 7: "xy", 8: "y"}
"""For each orientation, along which upright axes the file's order runs backwards."""


class Source(Protocol):
    """Pixels as a file stores them, before its orientation is applied."""

    width: int
    height: int
    windowed: bool

    def factor(self, most: int) -> int:
        """The factor of FACTORS, at most `most`, by which the image comes smaller without being read in full."""
        ...

    def read(self, box: tuple[int, int, int, int], factor: int, out: Pixels, stretch: Stretch) -> None:
        """Fill `out` with the box `(left, top, right, bottom)`, one pixel for factor × factor of them."""
        ...


class Raster:
    """An image file that is open; a context manager. MediaError, naming the file, for what cannot be read.

    `size` is (width, height), upright. `windowed` says that reading a window costs what the window covers. Where it
    is not, the first window decodes the whole image, which then stays in memory until the raster is closed.
    A raster is for one thread at a time.
    """

    def __init__(
        self, path: Path, *, max_pixels: int = MAX_PIXELS, page: int = 0, stretch: Stretch = "percentiles"
    ) -> None:
        self.path, self._stretch = path, stretch
        self._stream = opened(path)
        try:
            self._source, self._orientation = _source(self._stream, max_pixels, page)
        except NotRead as error:
            self._stream.close()
            raise MediaError(f"{path}: {error}", hint=_HINT) from error
        width, height = self._source.width, self._source.height
        self.size = (height, width) if self._orientation >= 5 else (width, height)
        self.windowed = self._source.windowed

    def __enter__(self) -> Raster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and forget what was decoded."""
        self._stream.close()
        del self._source

    def read(self, window: Window | None = None, at_least: tuple[int, int] | None = None) -> Pixels:
        """The window, or the whole, as contiguous `(h, w, 3)` uint8 RGB.

        `at_least` is the (width, height) that the caller needs of it. The result may then be smaller by a factor `f`
        of FACTORS, never smaller than that: it has `(ceil(w/f), ceil(h/f))` pixels, each of which covers f × f of the
        image, fewer at the image's end. A window comes smaller only if it lies on whole pixels of that factor.
        A window that leads out of the image is a ValueError.
        """
        x, y, width, height = window or (0, 0, *self.size)
        if width < 1 or height < 1 or x < 0 or y < 0 or x + width > self.size[0] or y + height > self.size[1]:
            raise ValueError(f"the window {window} leads out of an image of {self.size[0]}×{self.size[1]} pixels")
        try:
            factor = self._source.factor(self._most((x, y, width, height), window is None, at_least))
            out = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
            self._source.read(self._box(x, y, width, height), factor, _STORED[self._orientation](out), self._stretch)
        except Exception as error:  # damaged data makes decoders raise almost anything
            words = f"the image is damaged or cut short: {error or type(error).__name__}"
            raise MediaError(f"{self.path}: {words}", hint=_HINT) from error
        return out

    def _most(self, window: Window, whole: bool, at_least: tuple[int, int] | None) -> int:
        """The greatest factor that leaves enough, and at which the window lies on whole pixels."""
        if at_least is None:
            return 1
        x, y, width, height = window
        ends = [x, y]
        if "x" in _MIRRORED[self._orientation]:
            ends += [self.size[0] - x, x + width]
        if "y" in _MIRRORED[self._orientation]:
            ends += [self.size[1] - y, y + height]
        return max(
            factor
            for factor in FACTORS
            if factor == 1
            or (
                -(-width // factor) >= at_least[0]
                and -(-height // factor) >= at_least[1]
                and (whole or all(end % factor == 0 for end in ends))
            )
        )

    def _box(self, x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a window lies in the file's own order: left, top, right, bottom."""
        if "x" in _MIRRORED[self._orientation]:
            x = self.size[0] - x - width
        if "y" in _MIRRORED[self._orientation]:
            y = self.size[1] - y - height
        left, top, right, bottom = x, y, x + width, y + height
        return (top, left, bottom, right) if self._orientation >= 5 else (left, top, right, bottom)


def pixel_size(full: int, read: int) -> int:
    """How many original pixels wide is a pixel of what was read, given the width in full and as it was read."""
    return next((size for size in FACTORS if -(-full // size) == read), 1)


def opened(path: Path) -> BinaryIO:
    """The file for reading; MediaError if it is missing, no regular file (which might block), or not ours to read."""
    try:
        if not S_ISREG(path.stat().st_mode):
            raise MediaError(f"{path}: it is not a file")
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _source(stream: BinaryIO, max_pixels: int, page: int) -> tuple[Source, int]:
    start = stream.read(4)
    if is_tiff(start):
        from trainset_vision.media.tiff import open_page

        with sceptical():
            tiff = open_page(stream, stream.seek(0, os.SEEK_END), page)
        check_size(tiff.width, tiff.height, max_pixels)
        return tiff, tiff.orientation
    header = read_header(stream, max_pixels)
    return Whole(header, stream), header.orientation
