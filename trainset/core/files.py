"""Walking folders, digesting files, and making strings safe to show."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DIGEST_BYTES = 16


def digest(data: bytes) -> str:
    """BLAKE2b-128 of `data`, as 32 hex digits: the one digest of the whole store."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, read in blocks."""
    state = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def digest_files(paths: list[Path]) -> str:
    """The digest of a medium: of its one file, or over the digests of its parts in order."""
    if len(paths) == 1:
        return digest_file(paths[0])
    return digest("\n".join(digest_file(p) for p in paths).encode())


def walk(path: Path) -> Iterator[Path]:
    """The files at or below `path`, sorted by name folder by folder.

    Hidden files and folders are passed over, and so is a folder that a link leads back to. A folder that cannot be read
    is yielded itself, as a file would be, so that whoever opens it says why.
    """
    yield from _walk(path, frozenset())


def _walk(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    here = path.resolve()
    if here in above:
        return
    try:
        with os.scandir(path) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: os.fsencode(e.name))
    except PermissionError:
        yield path
        return
    folders = [e for e in found if _is_folder(e)]
    yield from (Path(e.path) for e in found if e not in folders)
    for entry in folders:
        yield from _walk(Path(entry.path), above | {here})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """The rows in lists of at most `size`."""
    source = iter(rows)
    while some := list(islice(source, size)):
        yield some


_BIDI = set(map(chr, (0x061C, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def visible(text: str) -> str:
    """`text` with every control, bidirectional override and lone surrogate spelled out, safe for a terminal.

    C0 controls become their pictures (`␛`), the rest `‹U+009B›`.
    """
    if text.isascii() and text.isprintable():
        return text
    out = []
    for char in text:
        code = ord(char)
        if code < 0x20:
            out.append(chr(0x2400 + code))
        elif code == 0x7F:
            out.append("␡")
        elif 0x80 <= code < 0xA0 or char in _BIDI or unicodedata.category(char) in ("Cs", "Zl", "Zp"):
            out.append(f"‹U+{code:04X}›")
        else:
            out.append(char)
    return "".join(out)
