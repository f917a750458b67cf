"""The pixels of an image file in one call, as upright RGB."""

from __future__ import annotations

from pathlib import Path

from trainset_vision.media.header import MAX_PIXELS
from trainset_vision.media.raster import Pixels, Raster, Stretch, Window, opened, pixel_size

__all__ = ["Pixels", "opened", "pixel_size", "read_rgb", "read_window"]


def read_rgb(
    path: Path,
    at_least: tuple[int, int] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    page: int = 0,
    stretch: Stretch = "percentiles",
) -> Pixels:
    """The image in `path` as contiguous `(height, width, 3)` uint8 RGB, with its EXIF orientation applied.

    `at_least` is the (width, height), in upright pixels, that the caller needs: a JPEG that has more may come smaller
    by a factor of 2, 4 or 8, which decodes several times faster, and so may a TIFF with overviews and any image of
    more than LARGE pixels, but never smaller than that; see `Raster.read`. None reads the full size.
    Palettes and grey become RGB, CMYK is converted without colour profiles, samples of more than 8 bits are stretched
    as `stretch` says, and transparency is laid over white. An animation gives its first frame, a TIFF its `page`.

    Raises MediaError, naming the file, for what is missing, damaged, cut short or more than `max_pixels` large.
    """
    with Raster(path, max_pixels=max_pixels, page=page, stretch=stretch) as raster:
        return raster.read(at_least=at_least)


def read_window(
    path: Path,
    window: Window,
    at_least: tuple[int, int] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    page: int = 0,
    stretch: Stretch = "percentiles",
) -> Pixels:
    """The window `(x, y, width, height)` of the upright image, which must lie inside it; see `Raster.read`.

    Whoever reads several windows of one image opens a `Raster`: files other than TIFF are decoded as a whole.
    """
    with Raster(path, max_pixels=max_pixels, page=page, stretch=stretch) as raster:
        return raster.read(window, at_least)
