"""Where the items of an export stood: the `trainset.json` beside it, as an import of the same files reads it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from trainset.core.exporting import SIDECAR, sidecar_of
from trainset.core.lookup import plain
from trainset.core.records import UNREADABLE


class Told(msgspec.Struct, frozen=True):
    """What is said of one item."""

    key: str = ""
    state: str | None = None
    decided_by: tuple[str, ...] = ()
    split: str | None = None


class _File(msgspec.Struct):
    trainset: int
    items: dict[str, Told]


NOTHING = Told()


class Sidecar:
    """What the file beside `src` says of items, by the names that the labels use for them; nothing where there is none."""

    def __init__(self, src: Path) -> None:
        self._told = _read(src)
        self._by_base: dict[str, list[tuple[str, Told]]] | None = None

    def of(self, name: str, key: str = "") -> Told:
        """What is said of an item: by the name in the file, by its key, else by a name that the one ends in."""
        if not self._told:
            return NOTHING
        told = self._told.get(name) or self._told.get(key)
        if told is not None:
            return told
        if self._by_base is None:
            self._by_base = {}
            for long, entry in self._told.items():
                self._by_base.setdefault(long.rpartition("/")[2], []).append((f"/{long}", entry))
        rivals = self._by_base.get(plain(name).rpartition("/")[2], [])
        near = [e for long, e in rivals if long.endswith(f"/{plain(name)}") or f"/{plain(name)}".endswith(long)]
        different = {id(e): e for e in near or [e for _, e in rivals]}
        return next(iter(different.values())) if len(different) == 1 else NOTHING


def _read(src: Path) -> dict[str, Told]:
    for path in (src / SIDECAR, src.parent / SIDECAR, src.parent.parent / SIDECAR, sidecar_of(src)):
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_File)
        except (OSError, *UNREADABLE):
            continue
        if found.trainset == 1:
            return {**{told.key: told for told in found.items.values()}, **found.items}
    return {}
