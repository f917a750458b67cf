"""What a file becomes when it is registered: an item, or one for each page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Skipped
from trainset_vision.media.colour import Stretch
from trainset_vision.media.geo import UPRIGHT, georeference
from trainset_vision.media.header import check_size, read_header
from trainset_vision.media.notread import NotRead, sceptical
from trainset_vision.media.pixels import read_rgb
from trainset_vision.media.raster import opened
from trainset_vision.media.tiff_directory import is_tiff

if TYPE_CHECKING:
    from trainset_vision.media.tiff import Tiff


@dataclass(frozen=True)
class Drafting:
    """How files become items: the most pixels, how deep ones are shown, and whether a folder is one sequence."""

    max_pixels: int
    stretch: Stretch
    by_folder: bool

    def drafts(self, file: Path, name: str) -> Iterator[ItemDraft | Skipped]:
        """The items in a file, which is called `name`; reads headers, and pixels where these leave a doubt."""
        try:
            name.encode()
        except UnicodeEncodeError:
            yield Skipped(file, "its name is not valid UTF-8: rename it")
            return
        try:
            with opened(file) as stream:
                if is_tiff(stream.read(4)):
                    yield from self._pages(file, stream)
                    return
                header = read_header(stream, self.max_pixels)
            if not header.whole:
                read_rgb(file, at_least=(1, 1), max_pixels=self.max_pixels)
        except NotRead as error:
            yield Skipped(file, str(error))
        except MediaError as error:
            yield Skipped(file, error.message.removeprefix(f"{file}: "))
        else:
            yield self._draft(file, header.format, header.size, {"stretch": self.stretch} if header.deep else {})

    def _pages(self, file: Path, stream: BinaryIO) -> Iterator[ItemDraft | Skipped]:
        """An item for a TIFF of one page; for one of several an item for each, all of one group."""
        from trainset_vision.media.tiff import open_pages

        with sceptical():
            pages = open_pages(stream, stream.seek(0, os.SEEK_END))
            first = [next(pages), *islice(pages, 1)]
        alone = len(first) == 1
        for number, page in enumerate(chain(first, pages), 1):
            try:
                if isinstance(page, NotRead):
                    raise page
                check_size(page.width, page.height, self.max_pixels)
            except NotRead as error:
                yield Skipped(file, str(error) if alone else f"page {number}: {error}")
            else:
                yield self._page(file, page, None if alone else number)

    def _page(self, file: Path, page: Tiff, number: int | None) -> ItemDraft:
        size = (page.height, page.width) if page.orientation >= 5 else (page.width, page.height)
        more: dict[str, Any] = {"stretch": self.stretch} if page.colours.deep else {}
        with suppress(Exception):  # a georeference that is damaged is as good as none
            if geo := georeference(page.geotiff(), UPRIGHT[page.orientation](page.width, page.height)):
                more["geo"] = geo
        draft = self._draft(file, "tiff", size, more)
        if number is None:
            return draft
        return replace(draft, row=f"{number:04d}", size=page.stored_size, group=draft.group or file)

    def _draft(self, file: Path, kind: str, size: tuple[int, int], more: dict[str, Any]) -> ItemDraft:
        meta = {"width": size[0], "height": size[1], "format": kind, **more}
        return ItemDraft(parts={"": file}, group=file.parent if self.by_folder else None, meta=meta)
