"""Images whose pixels are numbers of classes or objects: read as such, whatever they are stored as, and written.

The palette is Pascal VOC's: the bits of a number, three by three, make the highest bits of red, green and blue, then the
next. It goes both ways for 24 bits, so that images of colours hold numbers that palettes of 256 cannot.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainset.errors import MediaError
from trainset_vision.annotations import Rle, rle
from trainset_vision.media.header import NotRead, read_header
from trainset_vision.media.pixels import opened

VOID = 255
"""The number of what belongs to no class and is no background either."""

Kind = Literal["numbers", "indices", "colours"]
Numbers = NDArray[np.unsignedinteger[Any]]
Colour = tuple[int, int, int]

_STRETCHED = {"L;2": 85, "L;4": 17}
"""By what Pillow multiplies grey values of 2 and 4 bits."""

_PALETTES = ("P", "PA")
_GREY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True)
class LabelImage:
    """`values` is `(height, width)`. Their `kind` says what they are: grey values ("numbers"), indices into `palette`
    (`(n, 3)` uint8), or "colours" as 0xRRGGBB. What is transparent is 0.
    """

    values: Numbers
    kind: Kind
    palette: NDArray[np.uint8] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.values.shape[0], self.values.shape[1]

    def colour(self, value: int) -> Colour | None:
        """What a value looks like; None for one that the palette does not have."""
        if self.kind == "colours":
            return unpacked(value)
        if self.palette is None:
            return (value, value, value) if value < 256 else None
        return tuple(self.palette[value].tolist()) if value < len(self.palette) else None


def read_label_image(path: Path) -> LabelImage:
    """The numbers in an image file. MediaError names a file that is missing, damaged, too large, or no image of numbers."""
    from PIL import Image

    with opened(path) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            header = read_header(stream)
            stream.seek(0)
            with Image.open(stream, formats=[header.format.upper()]) as image:
                return _numbers(image)
        except NotRead as error:
            raise MediaError(f"{path}: {error}") from error
        except Exception as error:  # damage makes decoders raise almost anything
            raise MediaError(f"{path}: it cannot be decoded: {error or type(error).__name__}") from error


def _numbers(image: object) -> LabelImage:
    from PIL import Image, ImageFile

    assert isinstance(image, Image.Image)
    raw = image.tile[0].args if isinstance(image, ImageFile.ImageFile) and image.tile else None
    if image.mode in _PALETTES:
        colours = image.palette.getdata() if image.palette else ("RGB", b"")
        palette = np.frombuffer(colours[1], np.uint8).reshape(-1, len(colours[0]))[:, :3]
        pixels = np.asarray(image)
        return LabelImage(_unsigned(pixels[..., 0] if pixels.ndim == 3 else pixels), "indices", palette)
    if image.mode in _GREY:
        pixels = np.asarray(image)
        values = pixels[..., 0] * (pixels[..., 1] > 0) if pixels.ndim == 3 else pixels
        return LabelImage(_unsigned(values) // _STRETCHED.get(str(raw), 1), "numbers")
    transparent = image.mode in ("RGBA", "RGBa")
    pixels = np.asarray(image.convert("RGBA" if transparent else "RGB")).astype(np.uint32)
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    return LabelImage(packed * (pixels[..., 3] > 0) if transparent else packed, "colours")


def _unsigned(values: NDArray[Any]) -> Numbers:
    """Values in as few bytes as they came in; negative ones, which no tool writes, as 0."""
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    return values if values.dtype.kind == "u" else values.clip(0).astype(np.uint32)


def masks_of(values: Numbers) -> dict[int, Rle]:
    """The mask of each number that occurs, 0 and all, in order."""
    height, width = values.shape
    flat = values.ravel(order="F")
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    ends = np.append(starts[1:], flat.size)
    order = np.argsort(flat[starts], kind="stable")
    found, first = np.unique(flat[starts][order], return_index=True)
    edges = np.stack((starts, ends), axis=1)[order]
    parts = np.split(edges, first[1:])
    return {
        int(number): Rle((height, width), rle.compress(rle.between(part.ravel(), flat.size)))
        for number, part in zip(found, parts, strict=True)
    }


class Canvas:
    """An image of numbers that masks are painted on, the later ones over the earlier ones."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.values = np.zeros(size, np.uint32)

    def paint(self, mask: Rle, number: int) -> bool:
        """Paint a mask of the same size; whether something was there that is another number."""
        part, left, top = rle.window(rle.runs(mask.counts, mask.size), mask.size)
        place = self.values[top : top + part.shape[0], left : left + part.shape[1]]
        over = bool(((place != 0) & (place != number) & part).any())
        place[part] = number
        return over


def write_numbers(path: Path, values: Numbers, most: int) -> None:
    """A PNG of numbers up to `most`: with the palette where 8 bits hold them, of 16 bits without one else. ValueError past."""
    from PIL import Image

    if most >= 1 << 16:
        raise ValueError(most)
    image = Image.fromarray(values.astype(np.uint8 if most < 256 else np.uint16))
    if most < 256:
        image.putpalette(palette(256).tobytes())
    _save(path, image)


def write_bits(path: Path, pixels: NDArray[np.bool_]) -> None:
    """A PNG in black and white."""
    from PIL import Image

    _save(path, Image.fromarray(pixels))


def write_voc(path: Path, values: Numbers, most: int) -> None:
    """A PNG of numbers up to `most` as VOC has it: with the palette, or, where it ends, of the colours that follow in it."""
    from PIL import Image

    if most < VOID:
        write_numbers(path, values, most)
    else:
        _save(path, Image.fromarray(palette(int(values.max()) + 1)[values]))


def _save(path: Path, image: object) -> None:
    from PIL import Image

    assert isinstance(image, Image.Image)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "PNG")


def palette(count: int) -> NDArray[np.uint8]:
    """`(count, 3)`: the colours of the first numbers."""
    numbers = np.arange(count, dtype=np.uint32)
    colours = np.zeros((count, 3), np.uint8)
    for group in range(8):
        for channel in range(3):
            colours[:, channel] |= ((numbers >> (3 * group + channel) & 1) << (7 - group)).astype(np.uint8)
    return colours


def number_of(colour: Sequence[int]) -> int:
    """The number that has this colour in the palette."""
    return sum(
        (colour[channel] >> (7 - group) & 1) << (3 * group + channel) for group in range(8) for channel in range(3)
    )


def packed(colour: Sequence[int]) -> int:
    """0xRRGGBB."""
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def unpacked(value: int) -> Colour:
    """Red, green and blue."""
    return value >> 16 & 255, value >> 8 & 255, value & 255


def nearest(colour: Colour, names: Mapping[Colour, str]) -> str:
    """The name whose colour is nearest."""
    return min(names.items(), key=lambda entry: sum((a - b) ** 2 for a, b in zip(entry[0], colour, strict=True)))[1]
