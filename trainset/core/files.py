"""Walking folders, digesting files, and making strings safe to show."""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DIGEST_BYTES = 16


def digest(data: bytes) -> str:
    """BLAKE2b-128 of `data`, as 32 hex digits: the one digest of the whole store."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def digest_pieces(pieces: Iterable[bytes]) -> str:
    """The digest of bytes that come in pieces, which is that of the whole."""
    state = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return digest_pieces(iter(lambda: stream.read(1 << 20), b""))


def digest_files(paths: list[Path]) -> str:
    """The digest of a medium: of its one file, or over the digests of its parts in order."""
    if len(paths) == 1:
        return digest_file(paths[0])
    return digest("\n".join(digest_file(p) for p in paths).encode())


def walk(path: Path) -> Iterator[Path]:
    """The files at or below `path`, sorted by name folder by folder.

    Hidden files and folders are passed over, and so are a folder that a link leads back to, and `strays`: whoever opened
    a pipe might wait for ever.
    """
    yield from (Path(found) for found, plain in _walk(path, frozenset()) if plain)


def strays(path: Path) -> Iterator[tuple[Path, str]]:
    """What lies at or below `path` and is neither a file nor a folder that can be read, with what it is: a pipe, a
    socket, a device, a link that leads nowhere."""
    yield from ((Path(found), _what_is(Path(found))) for found, plain in _walk(path, frozenset()) if not plain)


def _walk(path: Path, above: frozenset[Path]) -> Iterator[tuple[str | Path, bool]]:
    """Paths, and whether each may be opened."""
    if not path.is_dir():
        yield path, path.is_file()
        return
    here = path.resolve()
    if here in above:
        return
    try:
        with os.scandir(path) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: os.fsencode(e.name))
    except OSError:
        yield path, False
        return
    folders = {e.path for e in found if _asked(e.is_dir)}
    yield from ((e.path, _asked(e.is_file)) for e in found if e.path not in folders)
    for entry in found:
        if entry.path in folders:
            yield from _walk(Path(entry.path), above | {here})


def _asked(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a link that leads to itself
        return False


def _what_is(path: Path) -> str:
    """What that is which `walk` passes over."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except OSError:
        return "a link that leads nowhere"
    words = {
        stat.S_IFDIR: "a folder that cannot be read",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return words.get(kind, "something else than a file")


def chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """The rows in lists of at most `size`."""
    source = iter(rows)
    while some := list(islice(source, size)):
        yield some


def short(text: str, most: int) -> str:
    """`text`, cut where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[:most]}…"


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
