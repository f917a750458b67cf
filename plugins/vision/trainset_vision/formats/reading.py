"""What the importers share: matching names, splits, sizes of images, and counting what is not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from trainset.core.model import Item
from trainset.errors import MediaError, TrainsetError
from trainset.plugins import ImportContext, Problem, walk
from trainset_vision.media.header import NotRead, read_header
from trainset_vision.media.pixels import opened
from trainset_vision.modality import SUFFIXES

LIMIT = 1e9
"""No image is as large: a coordinate beyond it is an error, and cannot overflow what is computed from it."""

SIDECAR = "trainset.json"
"""What every export has beside it, which is of no format."""

EDGE = 1 << 16
"""How many bytes of a file's beginning or end tell what it is."""

_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def split_name(name: str) -> str | None:
    """The split that a folder or file of this name holds (`valid` is `val`), None if it is not the name of one."""
    return _SPLITS.get(name.lower())


def is_image(path: Path) -> bool:
    """Whether a file's name is one of an image."""
    return path.suffix.lower() in SUFFIXES


def images_below(folder: Path) -> Iterator[Path]:
    """The image files in a folder and its folders, hidden ones left out, in a stable order."""
    return (path for path in walk(folder) if is_image(path))


class Below:
    """The images anywhere below a folder, by the end of their path. The folder is walked when the first is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path | None:
        """The only image whose path ends in `name`, else the only one of its file name; None where there are several."""
        if self._images is None:
            self._images = {}
            for image in images_below(self._folder):
                self._images.setdefault(image.name, []).append(image)
        found = self._images.get(name.rpartition("/")[2], [])
        ending = [path for path in found if path.as_posix().endswith(f"/{name}")] or found
        return ending[0] if len(ending) == 1 else None


def match(context: ImportContext, names: Iterable[str]) -> tuple[str, Item | None]:
    """The first of several names for a medium by which the dataset knows an item; the first of all if none.

    Label Studio's exports have names as they stand in addresses (`b%20two.jpg`): these are tried last.
    """
    tried: list[str] = []
    for name in names:
        tried.append(name)
        if (item := context.find(name)) is not None:
            return name, item
    for name in tried:
        if "%" in name and (item := context.find(plain := unquote(name))) is not None:
            return plain, item
    return tried[0] if tried else "", None


def with_suffixes(stem: str) -> Iterator[str]:
    """The file names that an image with this stem may have."""
    for suffix in SUFFIXES:
        yield stem + suffix


def size_of_file(path: Path) -> tuple[int, int] | None:
    """Upright width and height from an image's header, None if it cannot be read."""
    try:
        with opened(path) as stream:
            return read_header(stream).size
    except (MediaError, NotRead):
        return None


def size_in_meta(meta: Mapping[str, Any]) -> tuple[int, int] | None:
    """Upright width and height as an item's `meta` has them."""
    width, height = meta.get("width"), meta.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0 else None


def wrong_box(x: float, y: float, w: float, h: float) -> str | None:
    """Why these numbers are no box, None if they are one."""
    if not (abs(x) < LIMIT and abs(y) < LIMIT and abs(w) < LIMIT and abs(h) < LIMIT):
        return f"the box [{x:g}, {y:g}, {w:g}, {h:g}] lies outside of any image"
    if w <= 0 or h <= 0:
        return f"the box has no area: it is {w:g}×{h:g}"
    return None


def read_head(path: Path) -> str:
    """A file's first characters, empty where it cannot be read; what is no text is left out."""
    try:
        with path.open("rb") as stream:
            data = stream.read(EDGE)
    except OSError:
        return ""
    return data.decode(encoding_of(data), errors="ignore")


def encoding_of(data: bytes) -> str:
    """The encoding of a text that begins with these bytes, by its byte order mark."""
    return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def read_bytes(path: Path) -> bytes:
    """A file's bytes; TrainsetError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrainsetError(f"{path}: it cannot be read: {error.strerror}", hint="name an existing file") from error


def read_text(path: Path) -> str:
    """A file's text: UTF-8, or what its byte order mark says. TrainsetError names the first byte that is neither."""
    data = read_bytes(path)
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TrainsetError(
            f"{path}: byte {error.start} is not {encoding.removesuffix('-sig').upper()}", hint="save the file as UTF-8"
        ) from error


class Left(Exception):
    """Why an object is not read. `many` says that it reads on after a number, and is counted."""

    def __init__(self, message: str, many: bool = True) -> None:
        super().__init__(message)
        self.message, self.many = message, many


class Tally:
    """Counts what comes in large numbers, so that it is said once, with the first place where it was met."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}
        self._notes: set[str] = set()

    def add(self, message: str, where: str = "", count: int = 1, *, note: bool = False) -> None:
        """One more (or `count`) of `message`, which reads on after a number: "polygons are not read".

        A `note` is of what was kept.
        """
        if note:
            self._notes.add(message)
        self._counts[message] = self._counts.get(message, 0) + count
        self._first.setdefault(message, f" (first: {where})" if where else "")

    def problems(self, where: str) -> Iterator[Problem]:
        """One Problem a message."""
        for message, count in self._counts.items():
            yield Problem(where, f"{count} {message}{self._first[message]}", note=message in self._notes)
