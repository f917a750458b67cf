"""Images as items: which files are images, what is in them, and which boxes make sense on them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from trainset.core.model import Annotation, Item
from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Problem, Rect, Skipped, walk
from trainset_vision.annotations import Box
from trainset_vision.media.header import MAX_PIXELS, NotRead, read_header
from trainset_vision.media.pixels import Pixels, opened, read_rgb

__all__ = ["MAX_PIXELS", "SUFFIXES", "Vision", "VisionSettings", "pixel_limit", "read_rgb"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")

_SLACK = 0.01
"""Pixels that a box may stand out of the image: what formats lose that write few digits."""


class VisionSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """The `[media]` table: images of more pixels than `max_pixels` are taken for decompression bombs."""

    max_pixels: Annotated[int, Meta(ge=1)] = MAX_PIXELS


class Vision:
    """Images: JPEG, PNG, WebP, BMP, GIF (the first frame) and 8-bit TIFF (the first page)."""

    def scan(self, path: Path, settings: VisionSettings) -> Iterator[ItemDraft | Skipped]:
        """The images in a file or folder. `meta` holds upright `width` and `height`, and the `format`.

        A file's content says what it is; its suffix only says whether a folder's file is looked at. Pixels are
        decoded only where a header leaves a doubt that the file is whole.
        """
        limit = settings.max_pixels
        in_folder = path.is_dir()
        for file in walk(path):
            if file.suffix.lower() in SUFFIXES:
                yield _draft(file, str(file.relative_to(path) if in_folder else file.name), limit)
            elif not in_folder:
                yield Skipped(file, f"not an image: its name ends in none of {', '.join(SUFFIXES)}")

    def load(self, parts: Mapping[str, Path], item: Item) -> Pixels:
        """`(height, width, 3)` uint8 RGB, upright, contiguous; see `read_rgb`. MediaError names the file."""
        return read_rgb(parts[""], max_pixels=pixel_limit(item))

    def frame(self, item: Item) -> Rect | None:
        """The image: 0, 0, width, height; None where its size is not known."""
        width, height = item.meta.get("width"), item.meta.get("height")
        return None if width is None or height is None else Rect(0, 0, float(width), float(height))

    def check(self, item: Item, annotations: Sequence[Annotation]) -> Iterator[Problem]:
        """Boxes that are not finite, have no area, or lie beside the image; and, as a note, those that stand out of it."""
        frame = self.frame(item) or Rect(-math.inf, -math.inf, math.inf, math.inf)
        for annotation in annotations:
            if isinstance(annotation, Box):
                x, y, w, h = annotation.box
                if not (w > 0 < h and x >= frame.x and y >= frame.y and x + w <= frame.width and y + h <= frame.height):
                    yield from _wrong(annotation, annotation.id or item.key, frame)


def pixel_limit(item: Item) -> int:
    """How many pixels the image of an item may have: what it was registered with, if that was above the default."""
    return max(MAX_PIXELS, int(item.meta.get("width", 0)) * int(item.meta.get("height", 0)))


def _draft(file: Path, name: str, max_pixels: int) -> ItemDraft | Skipped:
    try:
        name.encode()
    except UnicodeEncodeError:
        return Skipped(file, "its name is not valid UTF-8: rename it")
    try:
        with opened(file) as stream:
            header = read_header(stream, max_pixels)
        if not header.whole:
            read_rgb(file, at_least=(1, 1), max_pixels=max_pixels)
    except NotRead as error:
        return Skipped(file, str(error))
    except MediaError as error:
        return Skipped(file, error.message.removeprefix(f"{file}: "))
    width, height = header.size
    return ItemDraft(parts={"": file}, meta={"width": width, "height": height, "format": header.format})


def _wrong(box: Box, where: str, frame: Rect) -> Iterator[Problem]:
    x, y, w, h = box.box
    size = f"which is {frame.width:g}×{frame.height:g}"
    if not all(map(math.isfinite, box.box)):
        yield Problem(where, "the box has a coordinate that is not a finite number")
    elif w <= 0 or h <= 0:
        yield Problem(where, f"the box has no area: it is {w:g}×{h:g}")
    elif x >= frame.width or y >= frame.height or x + w <= frame.x or y + h <= frame.y:
        yield Problem(where, f"the box [{x:g}, {y:g}, {w:g}, {h:g}] lies beside the image, {size}")
    elif min(x - frame.x, y - frame.y, frame.width - x - w, frame.height - y - h) < -_SLACK:
        yield Problem(where, f"the box [{x:g}, {y:g}, {w:g}, {h:g}] stands out of the image, {size}", note=True)
