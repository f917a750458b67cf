"""What an image file declares of itself, read without decoding its pixels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin

from trainset_vision.media.notread import NotRead, sceptical
from trainset_vision.media.tiff_directory import is_tiff

__all__ = ["MAX_PIXELS", "Header", "NotRead", "check_size", "read_header"]

# Pillow reports damaged EXIF as a warning that names no file. It concerns nobody here: the orientation is then 1.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")

MAX_PIXELS = 178_956_970
"""The most pixels an image may have unless `[media] max-pixels` says otherwise: 512 MiB of RGB."""

_ORIENTATION = 0x0112
_PNG_BITS = 24
_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "I;16", "I;16B", "I"}


@dataclass(frozen=True)
class Header:
    """An image as its file declares it.

    `width` and `height` are pixels before `orientation` (EXIF, 1 to 8) is applied. `whole` is true where the
    file's structure shows that nothing is missing at its end; false is a doubt, which only decoding can settle. `deep`
    says that samples have more than 8 bits, so that a stretch decides what is seen.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    whole: bool = False
    deep: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height with the orientation applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(stream: BinaryIO, max_pixels: int = MAX_PIXELS, page: int = 0) -> Header:
    """The header of the image that starts at the beginning of `stream`, whatever its name says; `page` is a TIFF's.

    Pillow's classes are used one by one instead of `Image.open`: no decoder but these is ever tried on a file, and
    the limit on pixels is this function's own rather than a warning that depends on the process' settings.
    Raises `NotRead`.
    """
    length = stream.seek(0, os.SEEK_END)
    if length == 0:
        raise NotRead("the file is empty")
    stream.seek(0)
    start = stream.read(16)
    reader = next((read for magic, read in _READERS if start.startswith(magic)), None)
    if is_tiff(start):
        reader = partial(_tiff, page=page)
    elif reader is None or (reader is _webp and start[8:12] != b"WEBP"):
        raise NotRead("its content is not a JPEG, PNG, WebP, BMP, GIF or TIFF image")
    stream.seek(0)
    with sceptical():
        header = reader(stream, length)
    check_size(header.width, header.height, max_pixels)
    return header


def check_size(width: int, height: int, max_pixels: int) -> None:
    """NotRead for an image of no pixels, or of more than the limit."""
    if width < 1 or height < 1:
        raise NotRead(f"its header is damaged: it declares {width}×{height} pixels")
    if width * height > max_pixels:
        raise NotRead(
            f"{width}×{height} pixels are more than max-pixels allows ({max_pixels}): "
            f"set `max-pixels` in `[media]` if the image is sound"
        )


def _sized(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Width and height of an opened image; NotRead for pixels of a kind that is not read."""
    if image.mode not in _MODES:
        raise NotRead(f"pixels of the kind {image.mode} are not read")
    return image.size


def _orientation(exif: bytes | None) -> int:
    """The orientation in an EXIF block, 1 where there is none or it makes no sense."""
    if not exif:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        return _valid(tags.get(_ORIENTATION))
    except Exception:  # a damaged block is as good as none
        return 1


def _valid(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _tail(stream: BinaryIO, length: int, count: int) -> bytes:
    stream.seek(max(0, length - count))
    return stream.read(count)


def _jpeg(stream: BinaryIO, length: int) -> Header:
    """JPEG: in its entropy-coded data no end-of-image marker can occur by chance."""
    image = JpegImagePlugin.JpegImageFile(stream)
    whole = _tail(stream, length, 2) == b"\xff\xd9"
    return Header("jpeg", *_sized(image), _orientation(image.info.get("exif")), whole)


def _png(stream: BinaryIO, length: int) -> Header:
    """PNG: the chunk list shows both the end and an EXIF chunk that may follow the pixels."""
    chunks = {kind: (at, size) for kind, at, size in _chunks(stream, length, 8, "big", overhead=12)}
    exif = None
    if b"eXIf" in chunks:
        at, size = chunks[b"eXIf"]
        stream.seek(at)
        exif = stream.read(size)
    stream.seek(0)
    image = PngImagePlugin.PngImageFile(stream)
    stream.seek(_PNG_BITS)
    deep = stream.read(1) == b"\x10"
    return Header("png", *_sized(image), _orientation(exif), b"IEND" in chunks, deep)


def _webp(stream: BinaryIO, length: int) -> Header:
    """WebP: RIFF declares its length. Opened only to decode, as that allocates the canvas."""
    start = stream.read(30)
    if int.from_bytes(start[4:8], "little") + 8 > length:
        raise NotRead("the file is cut short")
    kind, data = start[12:16], start[20:]
    exif = None
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (4, 7))
        for name, at, size in _chunks(stream, length, 12, "little", overhead=8):
            if name == b"EXIF":
                stream.seek(at)
                exif = stream.read(size)
    elif kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[i : i + 2], "little") & 0x3FFF for i in (6, 8))
    else:
        raise NotRead("its header is damaged: no WebP picture starts where it should")
    return Header("webp", width, height, _orientation(exif), whole=True)


def _chunks(stream: BinaryIO, length: int, at: int, order: str, overhead: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of the data of each PNG or RIFF chunk that lies in the file as a whole."""
    while at + overhead <= length:
        stream.seek(at)
        head = stream.read(8)
        if order == "big":
            size, name = int.from_bytes(head[:4], "big"), head[4:]
        else:
            size, name = int.from_bytes(head[4:], "little"), head[:4]
        if at + overhead + size > length:
            return
        yield name, at + 8, size
        if name == b"IEND":
            return
        at += overhead + size + (size & 1 if order == "little" else 0)


def _gif(stream: BinaryIO, length: int) -> Header:
    image = GifImagePlugin.GifImageFile(stream)
    return Header("gif", *_sized(image), whole=_tail(stream, length, 1) == b";")


def _bmp(stream: BinaryIO, length: int) -> Header:
    """BMP: uncompressed rows have a known length (the size field of the file's header is often wrong)."""
    image = BmpImagePlugin.BmpImageFile(stream)
    codec, _, offset, arguments = image.tile[0]
    whole = codec == "raw"
    row_bytes: Any = arguments[1] if whole and arguments else 0
    if offset + row_bytes * image.height > length:
        raise NotRead("the file is cut short")
    return Header("bmp", *_sized(image), whole=whole)


def _tiff(stream: BinaryIO, length: int, page: int) -> Header:
    """TIFF: every tile or strip says where it lies."""
    from trainset_vision.media.tiff import open_page

    tiff = open_page(stream, length, page)
    return Header("tiff", tiff.width, tiff.height, tiff.orientation, whole=True, deep=tiff.colours.deep)


_READERS: tuple[tuple[bytes, Callable[[BinaryIO, int], Header]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
)
