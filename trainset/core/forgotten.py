"""Items that were forgotten: how they are known again though their keys are kept nowhere, and what stays of their records.

A record of `labels/forgotten` holds a digest of the key under a salt. Whatever speaks of such an item is passed over; in label
files a tombstone takes the place of each record, and keeps its id, so that the chain still proves the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from trainset.core.files import digest
from trainset.core.model import ForgottenItem
from trainset.core.records import UNREADABLE, buried, lines, parse, read_end, tombstone
from trainset.core.tree import Tree

FOLDER = "labels/forgotten"
_record = msgspec.json.Decoder(ForgottenItem)


class _Glance(msgspec.Struct):
    item: Any = None


_glance = msgspec.json.Decoder(_Glance)


def item_of(body: bytes) -> str | None:
    """The key of the item that a record or a prediction speaks of; None where it speaks of none."""
    try:
        item = _glance.decode(body).item
    except UNREADABLE:
        return None
    key = item.get("key") if isinstance(item, dict) else item
    return key if isinstance(key, str) else None


def salted(key: str, salt: str) -> str:
    """What a key is known by under a salt: keyed BLAKE2b-128, as 32 hex digits."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16, key=salt.encode()).hexdigest()


class Forgotten:
    """The items that were forgotten, as the records of `labels/forgotten` tell."""

    def __init__(self, records: Iterable[ForgottenItem] = ()) -> None:
        self._digests: dict[str, set[str]] = {}
        for record in records:
            self._digests.setdefault(record.salt, set()).add(record.item)
        self.name = digest(repr(sorted((s, sorted(d)) for s, d in self._digests.items())).encode())
        """Another one wherever other items are forgotten."""

    def __bool__(self) -> bool:
        return bool(self._digests)

    def __len__(self) -> int:
        return sum(map(len, self._digests.values()))

    @property
    def salt(self) -> str | None:
        """The salt in use: clones that know each other's records write the same tombstones."""
        return min(self._digests, default=None)

    def of(self, key: str) -> list[str]:
        """What a key is known by among the forgotten: empty where it is not one of them."""
        known = sorted(self._digests.items())
        return [mark for salt, digests in known if (mark := salted(key, salt)) in digests]

    def holds(self, key: str) -> bool:
        """Whether the item of this key was forgotten."""
        return bool(self._digests) and bool(self.of(key))

    def names(self, mark: str) -> bool:
        """Whether a tombstone's digest is that of a forgotten item."""
        return any(mark in digests for digests in self._digests.values())


def read_forgotten(*trees: Tree) -> Forgotten:
    """What is forgotten by the records of these trees; what cannot be read is passed over, and `verify` names it."""
    found: list[ForgottenItem] = []
    for tree in trees:
        for stamp in tree.files((FOLDER,)):
            with suppress(FileNotFoundError):
                for record in filter(None, (parse(line) for _, line in lines(tree.read(stamp.path)))):
                    with suppress(*UNREADABLE):
                        found.append(_record.decode(record[1]))
    return Forgotten(found)


@dataclass(frozen=True)
class Grave:
    """A record that became a tombstone: its id and chain, what its item is known by, and the blobs that it named."""

    id: str
    chain: str
    mark: str
    blobs: frozenset[str]

    @property
    def line(self) -> bytes:
        """The tombstone."""
        return tombstone(self.id, self.mark, self.chain)


def bury(data: bytes, forgotten: Forgotten) -> tuple[bytes, list[Grave]]:
    """A label file with tombstones in the place of what speaks of forgotten items; the same bytes where nothing does.
    Torn lines, which were never acknowledged, go too."""
    graves: list[Grave] = []
    out: list[bytes] = []
    for line in _kept(data):
        record = parse(line)
        key = item_of(record[1]) if record else None
        marks = forgotten.of(key) if key is not None else []
        if record and marks:
            graves.append(Grave(record[0], record[2], marks[0], frozenset(_blobs(record[1]))))
        out.append(graves[-1].line if marks else line)
    return (b"".join(line + b"\n" for line in out), graves) if graves else (data, [])


def unsaid(data: bytes, forgotten: Forgotten) -> tuple[bytes, int]:
    """A file of predictions without the lines on forgotten items, and how many these were."""
    rows = [line for _, line in lines(data)]
    kept = [line for line in rows if (key := item_of(line)) is None or not forgotten.holds(key)]
    return (data, 0) if len(kept) == len(rows) else (b"".join(line + b"\n" for line in kept), len(rows) - len(kept))


def met(ours: bytes, theirs: bytes, forgotten: Forgotten) -> bytes | None:
    """What two sides of a merge make of a label file in which each forgot items; None where they differ in more."""
    rows = [list(_kept(bury(side, forgotten)[0])) for side in (ours, theirs)]
    if len(rows[0]) != len(rows[1]):
        return None
    lines_ = [min(pair) for pair in zip(*rows, strict=True) if pair[0] == pair[1] or _same_grave(*pair)]
    return b"".join(line + b"\n" for line in lines_) if len(lines_) == len(rows[0]) else None


def _same_grave(one: bytes, other: bytes) -> bool:
    """Whether two lines are tombstones of one record, under the salts of clones that did not know of each other."""
    first, second = parse(one), parse(other)
    if first is None or second is None:
        return False
    return (first[0], first[2]) == (second[0], second[2]) and None not in (buried(first[1]), buried(second[1]))


def keeps(before: bytes, after: bytes, forgotten: Forgotten) -> bool:
    """Whether a label file goes on from what it was `before`, but for records of forgotten items that became tombstones."""
    now = _kept(after)
    return all(_stays(line, next(now, b""), forgotten) for line in _kept(before))


def keeps_predictions(before: bytes, after: bytes, forgotten: Forgotten) -> bool:
    """Whether a file of predictions is what it was `before`, but for lines on forgotten items."""
    return bool(forgotten) and unsaid(before, forgotten)[0] == after


def _stays(line: bytes, now: bytes, forgotten: Forgotten) -> bool:
    if line == now:
        return True
    was, stone = parse(line), parse(now)
    if was is None or stone is None or (was[0], was[2]) != (stone[0], stone[2]):
        return False
    key = item_of(was[1])
    return key is not None and buried(stone[1]) in forgotten.of(key)


def _kept(data: bytes) -> Iterator[bytes]:
    """The header, the records and the end of a label file."""
    for offset, line in lines(data):
        if offset == 0 or parse(line) is not None or read_end(line) is not None:
            yield line


def _blobs(body: bytes) -> Iterator[str]:
    """The blobs that a record names."""
    found = msgspec.json.decode(body).get("annotations")
    for annotation in found if isinstance(found, list) else ():
        if isinstance(annotation, dict) and isinstance(name := annotation.get("blob"), str):
            yield name
