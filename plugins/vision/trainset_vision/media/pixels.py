"""The pixels of an image file, as upright RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, WebPImagePlugin

from trainset.errors import MediaError
from trainset_vision.media.header import MAX_PIXELS, Header, NotRead, read_header

Pixels = NDArray[np.uint8]

_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p[::-1].transpose(1, 0, 2),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}


def read_rgb(path: Path, at_least: tuple[int, int] | None = None, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The image in `path` as contiguous `(height, width, 3)` uint8 RGB, with its EXIF orientation applied.

    `at_least` is the (width, height), in upright pixels, that the caller needs: a JPEG that has more may come smaller
    by a factor of 2, 4 or 8, which decodes several times faster, but never smaller than that. Each pixel then covers
    exactly factor × factor original ones, those at the right and bottom edge fewer. None reads the full size.
    Palettes and grey become RGB, CMYK is converted without colour profiles, 16-bit grey keeps its upper byte, and
    transparency is laid over white. An animation gives its first frame.

    Raises MediaError, naming the file, for what is missing, damaged, cut short or more than `max_pixels` large.
    """
    with opened(path) as stream:
        try:
            header = read_header(stream, max_pixels)
        except NotRead as error:
            raise MediaError(f"{path}: {error}", hint="replace the file, or exclude the item") from error
        try:
            return _decode(header, stream, at_least)
        except Exception as error:  # damaged data makes decoders raise almost anything
            raise MediaError(
                f"{path}: the image is damaged or cut short: {error or type(error).__name__}",
                hint="replace the file, or exclude the item",
            ) from error


def pixel_size(full: int, read: int) -> int:
    """How many original pixels wide is a pixel of `read_rgb`'s, given the width in full and as it was read."""
    return next((size for size in (1, 2, 4, 8) if -(-full // size) == read), 1)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file for reading; MediaError if it is missing, no regular file (which might block), or not ours to read."""
    try:
        if path.exists() and not path.is_file():
            raise MediaError(f"{path}: it is not a file")
        stream = path.open("rb")
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    with stream:
        yield stream


def _decode(header: Header, stream: BinaryIO, at_least: tuple[int, int] | None) -> Pixels:
    stream.seek(0)
    image = header.image or WebPImagePlugin.WebPImageFile(stream)
    drafted = False
    if at_least is not None and header.format == "jpeg":
        need = at_least[::-1] if header.orientation >= 5 else at_least
        image.draft(None, (max(1, need[0]), max(1, need[1])))
        drafted = True
    image.load()
    pixels = _rgb(image)
    if not header.turned and header.orientation in _UPRIGHT:
        pixels = np.ascontiguousarray(_UPRIGHT[header.orientation](pixels))
    if not drafted and pixels.shape[1::-1] != header.size:
        raise ValueError(f"its pixels are {pixels.shape[1]}×{pixels.shape[0]}, its header says {header.size}")
    return pixels


def _rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        solid = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(solid, mask=solid)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
