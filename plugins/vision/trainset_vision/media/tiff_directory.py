"""Where the pages of a TIFF file lie, told without trusting the file: no loop, no count and no place is taken on faith."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from trainset_vision.media.notread import NotRead

MOST_PAGES = 65_536
"""The most pages, with their overviews and masks, that a file may have."""

_MOST_TAGS = 4096
_MOST_OVERVIEWS = 16
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_OFFSETS = {4: "I", 13: "I", 16: "Q", 18: "Q"}
_KIND, _OLD_KIND, _SUB_DIRECTORIES = 254, 255, 330
_REDUCED, _MASK = 1, 4


@dataclass(frozen=True)
class Page:
    """Where the directory of a page lies in its file, and where those of its smaller copies may."""

    offset: int
    overviews: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Directory:
    offset: int
    next: int
    kind: int
    below: tuple[int, ...]


def is_tiff(start: bytes) -> bool:
    """Whether a file that starts so is a TIFF or a BigTIFF."""
    return start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def pages(stream: BinaryIO, length: int) -> list[Page]:
    """The pages of a file of `length` bytes, in order. NotRead where its directories make no sense or are cut off.

    A directory that is marked as a smaller copy is an overview of the page before it, as in Cloud Optimised GeoTIFF;
    so are a page's sub-directories. Those marked as masks of transparency are no pages.
    """
    found: list[Page] = []
    for directory in _chain(stream, length):
        if directory.kind & _MASK:
            continue
        if directory.kind & _REDUCED and found:
            found[-1].overviews.append(directory.offset)
        else:
            found.append(Page(directory.offset, list(directory.below)))
    return found


def _chain(stream: BinaryIO, length: int) -> Iterator[_Directory]:
    stream.seek(0)
    start = stream.read(16)
    order, big = "<" if start[:2] == b"II" else ">", start[2:4] in (b"+\0", b"\0+")
    (at,) = struct.unpack(order + ("Q" if big else "I"), start[8:16] if big else start[4:8])
    seen: set[int] = set()
    while at:
        if at in seen:
            raise NotRead(f"its header is damaged: page {len(seen) + 1} is page {list(seen).index(at) + 1} again")
        if len(seen) == MOST_PAGES:
            raise NotRead(f"it has more than {MOST_PAGES} pages")
        seen.add(at)
        directory = _directory(stream, length, at, order, big)
        at = directory.next
        yield directory


def _directory(stream: BinaryIO, length: int, at: int, order: str, big: bool) -> _Directory:
    """The directory at a place, of which every tag's value lies in the file."""
    head, entry, inline, offset = ("Q", "HHQ8s", 8, "Q") if big else ("H", "HHI4s", 4, "I")
    counted, size = struct.calcsize(order + head), struct.calcsize(order + entry)
    stream.seek(min(at, length))
    (count,) = struct.unpack(order + head, stream.read(counted).ljust(counted, b"\0"))
    if not 0 < count <= _MOST_TAGS or at + counted + count * size + inline > length:
        raise NotRead("the file is cut short, or its header is damaged")
    block = stream.read(count * size + inline)
    kind, below = 0, ()
    for tag, type_, number, value in struct.iter_unpack(order + entry, block[: count * size]):
        bytes_ = number * _BYTES.get(type_, 1)
        (place,) = struct.unpack(order + offset, value)
        if bytes_ > inline and place + bytes_ > length:
            raise NotRead("the file is cut short, or its header is damaged")
        if tag in (_KIND, _OLD_KIND) and number == 1 and type_ in (3, 4):
            (short,) = struct.unpack(order + "H", value[:2])
            (long,) = struct.unpack(order + "I", value[:4])
            flags = short if type_ == 3 else long
            kind |= flags if tag == _KIND else _REDUCED * (flags == 2)
        elif tag == _SUB_DIRECTORIES and type_ in _OFFSETS:
            listed = value[:bytes_]
            if bytes_ > inline:
                stream.seek(place)
                listed = stream.read(_BYTES[type_] * min(number, _MOST_OVERVIEWS))
            below = tuple(one for (one,) in struct.iter_unpack(order + _OFFSETS[type_], listed))
    (following,) = struct.unpack(order + offset, block[-inline:])
    return _Directory(at, following, kind, below)
