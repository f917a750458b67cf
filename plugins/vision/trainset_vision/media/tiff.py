"""A page of a TIFF file, read by the tiles or strips that are needed and from the overview that is enough.

Directories are checked by `tiff_directory` before tifffile interprets them and imagecodecs decodes what they point at.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from trainset_vision.media.colour import Colours, Pixels, Scheme, Stretch, limits_of
from trainset_vision.media.notread import NotRead, sceptical
from trainset_vision.media.shrink import FACTORS, LARGE, shrunk
from trainset_vision.media.tiff_directory import Page, pages

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it says names no file, and would go to stderr

_SCHEMES: dict[int, Scheme] = {0: "inverted", 1: "grey", 2: "rgb", 3: "palette", 5: "cmyk", 6: "ycbcr"}
_JPEG = (6, 7, 33007, 34892)
_ASSOCIATED, _UNASSOCIATED = 1, 2
_MOST_SAMPLES = 512
_WIDEST_TILE = 1 << 13
_BAND = 256
_KEPT = 1 << 26
_SAMPLED_PIXELS, _SAMPLED_VALUES, _LEAST_SAMPLED = 1 << 24, 1 << 20, 1 << 16


def open_page(stream: BinaryIO, length: int, number: int = 0) -> Tiff:
    """A page of the file of `length` bytes, counted from 0; NotRead where there is none."""
    found = pages(stream, length)
    if not 0 <= number < len(found):
        raise NotRead(f"it has no page {number + 1}, but {len(found)}")
    return Tiff(_file(stream), found[number], length)


def open_pages(stream: BinaryIO, length: int) -> Iterator[Tiff | NotRead]:
    """Every page of a file, in order, or why it is not read; NotRead where that concerns the file."""
    found = pages(stream, length)
    file = _file(stream)
    for page in found:
        try:
            with sceptical():
                yield Tiff(file, page, length)
        except NotRead as error:
            yield error


def _file(stream: BinaryIO) -> tifffile.TiffFile:
    stream.seek(0)
    return tifffile.TiffFile(stream)


class Tiff:
    """A page of a TIFF, from a stream that must stay open.

    Sizes and places are of the page as stored, before its `orientation`. Raises NotRead where the page makes no sense,
    is cut off, or is of a kind that is not read.
    """

    windowed = True

    def __init__(self, file: tifffile.TiffFile, page: Page, length: int) -> None:
        self._file, self._length, self._overviews = file, length, page.overviews
        self._page = self._sound(page.offset)

        self.width, self.height = int(self._page.imagewidth), int(self._page.imagelength)
        self.colours = _colours(self._page)
        self._kept: OrderedDict[tuple[int, int], NDArray[Any]] = OrderedDict()
        self._held = 0

    def _sound(self, offset: int) -> tifffile.TiffPage:
        self._file.filehandle.seek(offset)
        page = tifffile.TiffPage(self._file, index=0)
        _check(page, self._length)
        return page

    # -- what the page says ---------------------------------------------------------------------------------

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 where there is none."""
        found = self._page.tags.valueof(274, 1)
        return found if isinstance(found, int) and 1 <= found <= 8 else 1

    @property
    def stored_size(self) -> int:
        """The bytes that the page's pixels take in the file."""
        return sum(self._page.databytecounts)

    def geotiff(self) -> dict[str, Any]:
        """The tags that say where on Earth the page lies, empty where there are none."""
        return self._page.geotiff_tags or {}

    def content(self) -> Iterator[bytes]:
        """What the page's pixels are made of: how they are stored, and the stored bytes, in pieces."""
        page = self._page
        told = (254, 256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 317, 320, 322, 323, 338, 339)
        yield repr([(code, page.tags.valueof(code)) for code in told]).encode()
        yield page.jpegtables or b""
        for at in range(len(page.dataoffsets)):
            yield self._stored(page, at) or b""

    # -- pixels ---------------------------------------------------------------------------------------------

    @cached_property
    def _levels(self) -> dict[int, tifffile.TiffPage]:
        """The page and its overviews by how many of its pixels one of theirs covers; what does not fit is left out."""
        found = {1: self._page}
        for offset in self._overviews:
            with suppress(Exception):  # an overview that is damaged is as good as none
                page = self._sound(offset)
                if (page.dtype, page.samplesperpixel) == (self._page.dtype, self._page.samplesperpixel):
                    width, height = int(page.imagewidth), int(page.imagelength)
                    for factor in FACTORS:
                        if abs(self.width / factor - width) < 1 and abs(self.height / factor - height) < 1:
                            found.setdefault(factor, page)
        return found

    def factor(self, most: int) -> int:
        """By how much the page comes smaller cheaply, at most `most`: as an overview, or as it would be large."""
        best = max((factor for factor in self._levels if factor <= most), default=1)
        if self.width * self.height / best**2 > LARGE:
            return max(factor for factor in FACTORS if factor <= most)
        return best

    def read(self, box: tuple[int, int, int, int], factor: int, out: Pixels, stretch: Stretch) -> None:
        """Fill `out`, `(ceil(h/f), ceil(w/f), 3)`, with the box `(left, top, right, bottom)`, one in `factor`."""
        level = max(f for f in self._levels if factor % f == 0)
        page, more = self._levels[level], factor // level
        left, top = box[0] // level, box[1] // level
        right, bottom = -(-box[2] // level), -(-box[3] // level)
        limits = self.limits(stretch) if self.colours.deep else None
        step = -(-max(_BAND, min(_segment_shape(page)[0], 4 * _BAND)) // more) * more
        at = 0
        for y in range(top, bottom, step):
            raw = self._raw(page, (left, y, right, min(y + step, bottom)))
            band = shrunk(self.colours.rgb(raw, limits), more)
            part = out[at : at + len(band)]
            part[:] = band[: len(part), : part.shape[1]]
            at += len(band)

    def _raw(self, page: tifffile.TiffPage, box: tuple[int, int, int, int]) -> NDArray[Any]:
        """`(h, w, n)` samples of a box of a page; what an overview's rounding leaves out repeats its edge."""
        left, top, right, bottom = box
        shown = self.colours.shown(int(page.samplesperpixel))
        inner = min(right, int(page.imagewidth)), min(bottom, int(page.imagelength))
        left, top = min(left, inner[0] - 1), min(top, inner[1] - 1)
        raw = np.full((inner[1] - top, inner[0] - left, len(shown)), page.nodata, page.dtype)
        apart = page.planarconfig == 2 and page.samplesperpixel > 1
        for plane, samples in enumerate(shown) if apart else ((slice(None), 0),):
            for index in _touched(page, (left, top, *inner), samples):
                segment, (_, _, y, x, _) = self._segment(page, index)
                if segment is None:
                    continue
                y0, x0 = max(y, top), max(x, left)
                y1, x1 = min(y + segment.shape[0], inner[1]), min(x + segment.shape[1], inner[0])
                part = segment[y0 - y : y1 - y, x0 - x : x1 - x]
                raw[y0 - top : y1 - top, x0 - left : x1 - left, plane] = part[..., 0] if apart else part[..., shown]
        if inner != box[2:]:
            raw = np.pad(raw, ((0, bottom - inner[1]), (0, right - inner[0]), (0, 0)), "edge")
        return raw[box[1] - top :, box[0] - left :]

    def _segment(self, page: tifffile.TiffPage, index: int) -> tuple[NDArray[Any] | None, Any]:
        """A decoded tile or strip `(h, w, n)`, None where the file leaves it out, and its place; recent ones are kept."""
        key = (page.offset, index)
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in _JPEG else {}
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key], page.decode(None, index, **tables)[1]
        decoded, place, _ = page.decode(self._stored(page, index), index, **tables)
        if decoded is None:
            return None, place
        segment = self._kept[key] = decoded[0]
        self._held += segment.nbytes
        while len(self._kept) > 1 and self._held > _KEPT:
            self._held -= self._kept.popitem(last=False)[1].nbytes
        return segment, place

    def _stored(self, page: tifffile.TiffPage, index: int) -> bytes | None:
        offset, size = page.dataoffsets[index], page.databytecounts[index]
        if not size:
            return None
        self._file.filehandle.seek(offset)
        stored: bytes = self._file.filehandle.read(size)
        if len(stored) < size:
            raise ValueError("the file is cut short")
        return stored

    # -- the stretch ----------------------------------------------------------------------------------------

    def limits(self, stretch: Stretch) -> tuple[float, float]:
        """The raw values that become black and white: the same whichever part of the page is read.

        From the smallest overview that has enough pixels, of which at most 16 million, in tiles or strips spread
        evenly, and of those a million values are looked at.
        """
        if stretch == "declared":
            for least, most in ((280, 281), (340, 341)):
                low, high = (np.ravel(self._page.tags.valueof(tag, ())) for tag in (least, most))
                if low.size and high.size and np.isfinite([*low, *high]).all() and high.max() > low.min():
                    return float(low.min()), float(high.max())
        if stretch == "none" and self.colours.bits:
            return limits_of(np.empty(0), stretch, self.colours)
        if stretch not in self._limits:
            self._limits[stretch] = limits_of(self._sample, stretch, self.colours)
        return self._limits[stretch]

    @cached_property
    def _limits(self) -> dict[Stretch, tuple[float, float]]:
        return {}

    @cached_property
    def _sample(self) -> NDArray[Any]:
        enough = [p for p in self._levels.values() if p.imagewidth * p.imagelength >= _LEAST_SAMPLED]
        page = min(enough or [self._page], key=lambda p: p.imagewidth * p.imagelength)
        shown = [at for at in self.colours.shown(int(page.samplesperpixel)) if at != self.colours.alpha]
        apart = page.planarconfig == 2 and page.samplesperpixel > 1
        whole = (0, 0, int(page.imagewidth), int(page.imagelength))
        indices = [index for plane in (shown if apart else [0]) for index in _touched(page, whole, plane)]
        height, width = _segment_shape(page)
        most = max(1, _SAMPLED_PIXELS // (height * width))
        chosen = indices[:: -(-len(indices) // most)]
        stride = max(1, math.ceil(len(chosen) * height * width * (1 if apart else len(shown)) / _SAMPLED_VALUES))
        values = []
        for index in chosen:
            segment, (_, _, y, x, _) = self._segment(page, index)
            if segment is not None:
                inside = segment[: whole[3] - y, : whole[2] - x]
                values.append((inside if apart else inside[..., shown]).ravel()[::stride])
        found = np.concatenate(values) if values else np.empty(0)
        nodata = self._page.tags.valueof(42113)
        return found if nodata is None else found[found != self._page.nodata]


def _segment_shape(page: tifffile.TiffPage) -> tuple[int, int]:
    """Height and width of a tile or a strip."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _touched(page: tifffile.TiffPage, box: tuple[int, int, int, int], plane: int) -> Iterator[int]:
    """The numbers of the tiles or strips that a box touches, in the plane of one sample."""
    height, width = _segment_shape(page)
    across, down = -(-int(page.imagewidth) // width), -(-int(page.imagelength) // height)
    for row in range(box[1] // height, -(-box[3] // height)):
        for column in range(box[0] // width, -(-box[2] // width)):
            yield (plane * down + row) * across + column


def _check(page: tifffile.TiffPage, length: int) -> None:
    """NotRead where a page cannot be read as it describes itself."""
    width, height, samples = int(page.imagewidth), int(page.imagelength), int(page.samplesperpixel)
    if width < 1 or height < 1 or not 1 <= samples <= _MOST_SAMPLES:
        raise NotRead(f"its header is damaged: it declares {width}×{height} pixels of {samples} samples")
    if page.dtype is None or page.dtype.kind not in "buif" or np.ndim(page.bitspersample):
        raise NotRead(f"{page.bitspersample}-bit samples of sample format {page.sampleformat} are not read")
    if page.imagedepth != 1 or page.tiledepth > 1:
        raise NotRead("a TIFF of volumes is not read as images")
    rows, columns = _segment_shape(page)
    if rows < 1 or columns < 1 or (page.is_tiled and max(rows, columns) > max(_WIDEST_TILE, width + 15, height + 15)):
        raise NotRead(f"its header is damaged: its tiles are {columns}×{rows} pixels")
    planes = samples if page.planarconfig == 2 else 1
    needed = -(-width // columns) * -(-height // rows) * planes
    offsets, sizes = page.dataoffsets, page.databytecounts
    if not len(offsets) == len(sizes) >= needed:
        parts = "tiles" if page.is_tiled else "strips"
        raise NotRead(
            f"its header is damaged: {needed} {parts} are needed, it has {len(offsets)} and {len(sizes)} sizes"
        )
    if any(offset + size > length for offset, size in zip(offsets, sizes, strict=True)):
        raise NotRead("the file is cut short")
    if page.compression == 1:
        bits = rows * columns * int(page.bitspersample) * (samples // planes)
        if not page.is_tiled and needed == planes and any(0 < size < bits // 8 for size in sizes[:needed]):
            raise NotRead("its header is damaged: it has fewer bytes than pixels need")


def _colours(page: tifffile.TiffPage) -> Colours:
    photometric = int(page.photometric) if page.photometric is not None else 1
    scheme = _SCHEMES.get(photometric)
    if scheme is None:
        raise NotRead(f"colours of TIFF's kind {photometric} are not read")
    if scheme == "ycbcr" and page.compression in _JPEG:
        scheme = "rgb"  # the decoder converts
    if page.compression in _JPEG and int(page.bitspersample) == 8 and scheme == "palette":
        raise NotRead("a palette in a JPEG is not read")
    extra = [int(kind) for kind in page.extrasamples or ()]
    first = int(page.samplesperpixel) - len(extra)
    alpha = next((first + at for at, kind in enumerate(extra) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
    if scheme == "cmyk" and first < 4:
        raise NotRead("inks other than cyan, magenta, yellow and black are not read")
    assert page.dtype is not None
    kind = np.dtype(page.dtype).kind
    return Colours(
        scheme,
        bits=int(page.bitspersample) if kind in "bu" else 0,
        alpha=None if scheme == "palette" or not first else alpha,
        premultiplied=alpha is not None and extra[alpha - first] == _ASSOCIATED,
        palette=_palette(page) if scheme == "palette" else None,
    )


def _palette(page: tifffile.TiffPage) -> Pixels:
    table = np.asarray(page.colormap if page.colormap is not None else (), np.uint16)
    if table.ndim != 2 or len(table) != 3 or table.shape[1] == 0 or int(page.bitspersample) > 16:
        raise NotRead("its header is damaged: its palette is not there")
    return np.ascontiguousarray((table >> 8).astype(np.uint8).T)
