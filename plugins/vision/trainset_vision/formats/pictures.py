"""Which image a file means: by the names that it may have, in the dataset, beside the file, or anywhere below it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainset.plugins import ImportContext
from trainset_vision.formats.fitting import Size
from trainset_vision.formats.reading import Below, Tally, match, size_in_meta, size_of_file


@dataclass(frozen=True)
class Picture:
    """An image: the name that it is found by, where it lies if it does, and its upright height and width if known."""

    name: str
    path: Path | None
    size: Size | None

    def agrees(self, said: Size | None, tally: Tally) -> bool:
        """Whether a file that takes the image to be of this size can speak of the upright image.

        Where it has width and height exchanged it was drawn on the image as stored, before its EXIF orientation.
        """
        if said is None or self.size is None or said == self.size:
            return True
        if said == self.size[::-1]:
            tally.add("images were labelled lying on their side, before their EXIF orientation: left out", self.name)
            return False
        tally.add("images have another size than the file says", self.name, note=True)
        return True


class Pictures:
    """Finds images in the dataset by any of several names, and their files in some folders or below `src`."""

    def __init__(self, context: ImportContext, src: Path, folders: Iterable[Path] = ()) -> None:
        self._context = context
        self._folders = [str(folder) for folder in dict.fromkeys(folders) if folder.is_dir()]
        self._below = Below(src if src.is_dir() else src.parent)

    def find(self, names: Sequence[str], folders: Sequence[Path] = ()) -> Picture:
        """The image of the first name that is known; `folders` are looked into before the others."""
        plain = list(dict.fromkeys(filter(None, map(relative, names))))
        name, item = match(self._context, plain)
        there = self._on_disk(plain, [*map(str, folders), *self._folders])
        if item is None and there is not None:
            name = there[0]
        path = there[1] if there else None
        size = size_in_meta(item.meta) if item is not None else None
        if size is None and path is not None:
            size = size_of_file(path)
        return Picture(name, path, size and (size[1], size[0]))

    def _on_disk(self, names: Sequence[str], folders: Sequence[str]) -> tuple[str, Path] | None:
        for name in names:
            for folder in folders:
                if os.path.isfile(f"{folder}/{name}"):  # noqa: PTH113
                    return name, Path(f"{folder}/{name}")
        found = ((name, self._below.find(name)) for name in names)
        return next(((name, path) for name, path in found if path is not None), None)


def relative(name: str) -> str:
    """A file name as a relative path with slashes, without what would lead elsewhere: drives, roots, `..`."""
    if "\0" in name:
        return ""
    return "/".join(p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..") and not p.endswith(":"))
