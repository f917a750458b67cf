"""Files that open only as a whole (JPEG, PNG, WebP, BMP, GIF): decoded once, and no copy more than there must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from trainset_vision.media.colour import Colours, Pixels, Stretch, limits_of
from trainset_vision.media.header import Header
from trainset_vision.media.shrink import FACTORS, LARGE, shrunk

_DRAFTS = (1, 2, 4, 8)
_BAND = 512
_SAMPLED_VALUES = 1 << 20
_OPEN: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "gif": GifImagePlugin.GifImageFile,
}
_one_large = Lock()


class Whole:
    """An image as stored, before its orientation, from a stream that must stay open.

    Raises whatever a decoder raises.
    """

    windowed = False

    def __init__(self, header: Header, stream: BinaryIO) -> None:
        self._header, self._stream = header, stream
        self.width, self.height = header.width, header.height
        self._kept: tuple[int, Pixels] | None = None

    def factor(self, most: int) -> int:
        """By how much the image comes smaller, at most `most`: a JPEG while it is decoded, others where they are large."""
        if self._header.format == "jpeg":
            return max(factor for factor in _DRAFTS if factor <= max(1, min(most, self.width, self.height)))
        large = self.width * self.height > LARGE
        return max(factor for factor in FACTORS if factor <= most) if large else 1

    def read(self, box: tuple[int, int, int, int], factor: int, out: Pixels, stretch: Stretch) -> None:
        """Fill `out`, `(ceil(h/f), ceil(w/f), 3)`, with the box `(left, top, right, bottom)`, one in `factor`.

        A part makes the whole stay decoded, for the parts that follow.
        """
        whole = box == (0, 0, self.width, self.height)
        if self._kept is None or factor % self._kept[0]:
            if whole:
                self._decode(factor, out, stretch)
                return
            self._kept = None  # before the next one is made
            once = factor if self._header.format == "jpeg" else 1  # others take as long at any size
            kept = np.empty((-(-self.height // once), -(-self.width // once), 3), np.uint8)
            self._decode(once, kept, stretch)
            self._kept = once, kept
        held, pixels = self._kept
        left, top, right, bottom = box[0] // held, box[1] // held, -(-box[2] // held), -(-box[3] // held)
        out[:] = shrunk(pixels[top:bottom, left:right], factor // held)

    def _decode(self, factor: int, out: Pixels, stretch: Stretch) -> None:
        with _one_large if self.width * self.height > LARGE else nullcontext():
            if self._header.format == "jpeg" and self._turbo(factor, out):
                return
            at = 0
            for band in self._bands(factor, stretch):
                if at + band.shape[0] > out.shape[0] or band.shape[1] != out.shape[1]:
                    break
                out[at : at + len(band)] = band
                at += len(band)
            if at != out.shape[0]:
                raise ValueError(f"its pixels are not the {self.width}×{self.height} of its header")

    def _turbo(self, factor: int, out: Pixels) -> bool:
        from trainset_vision.media.turbo import decoded

        self._stream.seek(0)
        return decoded(self._stream.read(), factor, out)

    def _bands(self, factor: int, stretch: Stretch) -> Iterator[Pixels]:
        self._stream.seek(0)
        if self._header.deep:
            yield from _deep_png(self._stream, factor, stretch)
            return
        image = _OPEN[self._header.format](self._stream)
        if self._header.format == "jpeg" and factor > 1:
            image.draft(None, (self.width // factor, self.height // factor))
            factor = 1
        image.load()
        for top in range(0, image.height, _BAND):
            band = image if image.height <= _BAND else image.crop((0, top, image.width, min(top + _BAND, image.height)))
            yield shrunk(_rgb(band), factor)


def _rgb(image: Image.Image) -> Pixels:
    if image.has_transparency_data:
        solid = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(solid, mask=solid)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _deep_png(stream: BinaryIO, factor: int, stretch: Stretch) -> Iterator[Pixels]:
    import imagecodecs

    raw: NDArray[Any] = imagecodecs.png_decode(stream.read())
    raw = raw.reshape(*raw.shape[:2], -1)
    samples = raw.shape[2]
    colours = Colours("rgb" if samples > 2 else "grey", 16, alpha=samples - 1 if samples in (2, 4) else None)
    tones = raw[..., : samples - (samples in (2, 4))]
    step = max(1, int((tones.size / _SAMPLED_VALUES) ** 0.5))
    limits = limits_of(tones[::step, ::step], stretch, colours)
    for top in range(0, raw.shape[0], _BAND):
        yield shrunk(colours.rgb(raw[top : top + _BAND], limits), factor)
