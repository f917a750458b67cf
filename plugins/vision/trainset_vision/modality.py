"""Images as items: which files are images, what is in them, and which boxes make sense on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from trainset.core.model import Annotation, Item
from trainset.plugins import ItemDraft, Problem, Rect, Skipped, walk
from trainset_vision.checks import doubtful, faults
from trainset_vision.media.drafts import Drafting
from trainset_vision.media.header import MAX_PIXELS
from trainset_vision.media.items import page_content, pixel_limit, read_item
from trainset_vision.media.natural import natural_order
from trainset_vision.media.pixels import Pixels, read_rgb
from trainset_vision.media.raster import Stretch

__all__ = ["MAX_PIXELS", "SUFFIXES", "Vision", "VisionSettings", "pixel_limit", "read_rgb"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class VisionSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """The `[media]` table.

    Images of more pixels than `max_pixels` are taken for decompression bombs. `stretch` says which values of images of
    more than 8 bits are shown as black and as white: the 1st and 99th of the image's `percentiles`, those that a TIFF
    has `declared`, or ("none") the ends of what its bits hold. `group_by` "folder" makes each folder a sequence, of
    which no frame is in another split than the rest.
    """

    max_pixels: Annotated[int, Meta(ge=1)] = MAX_PIXELS
    stretch: Stretch = "percentiles"
    group_by: Literal["folder"] | None = None


class Vision:
    """Images: JPEG, PNG, WebP, BMP, GIF (the first frame) and TIFF (each page), of 8 bits or more."""

    def scan(self, path: Path, settings: VisionSettings) -> Iterator[ItemDraft | Skipped]:
        """The images in a file or folder. `meta` holds upright `width` and `height`, and the `format`; of images of
        more than 8 bits the `stretch`; of a GeoTIFF `geo`, as `georeference` gives it.

        A file's content says what it is; its suffix only says whether a folder's file is looked at. Pixels are
        decoded only where a header leaves a doubt that the file is whole. Pages of a TIFF that has several have their
        number as row, and are one group. Sequences come in the natural order of their frames' names.
        """
        by_folder = settings.group_by == "folder"
        drafting = Drafting(settings.max_pixels, settings.stretch, by_folder)
        in_folder = path.is_dir()
        for file in natural_order(walk(path)) if by_folder else walk(path):
            if file.suffix.lower() in SUFFIXES:
                yield from drafting.drafts(file, str(file.relative_to(path) if in_folder else file.name))
            elif not in_folder:
                yield Skipped(file, f"not an image: its name ends in none of {', '.join(SUFFIXES)}")

    def load(self, parts: Mapping[str, Path], item: Item) -> Pixels:
        """`(height, width, 3)` uint8 RGB, upright, contiguous; see `read_rgb`. MediaError names the file."""
        return read_item(parts[""], item)

    def weight(self, item: Item) -> int:
        """Three bytes a pixel."""
        return 3 * int(item.meta.get("width") or 0) * int(item.meta.get("height") or 0)

    def content(self, parts: Mapping[str, Path], item: Item) -> Iterator[bytes]:
        """What a page of a TIFF is made of, as the file stores it: other pages may change. MediaError names the file."""
        return page_content(parts[""], item)

    def frame(self, item: Item) -> Rect | None:
        """The image: 0, 0, width, height; None where its size is not known."""
        width, height = item.meta.get("width"), item.meta.get("height")
        return None if width is None or height is None else Rect(0, 0, float(width), float(height))

    def check(self, item: Item, annotations: Sequence[Annotation]) -> Iterator[Problem]:
        """What is not finite, has no area or length, lies beside the image, or cannot be read (see `checks`); and, as
        notes, what stands out of the image."""
        frame = self.frame(item)
        for annotation in doubtful(annotations, frame):
            for message, note in faults(annotation, frame):
                yield Problem(annotation.id or item.key, message, note)
