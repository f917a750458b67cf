"""Where the media of items lie on this machine, and a small cache of what was loaded."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import Any

from trainset.core.config import Config
from trainset.core.files import digest_files
from trainset.core.kit import Kit
from trainset.core.machine import Machine
from trainset.core.model import Item
from trainset.core.protocols import Contents, Weighed
from trainset.errors import MediaError

_KEPT = 8
_BYTES = 1 << 29
_AHEAD = _BYTES // 4


def _size(loaded: Any) -> int:
    return int(getattr(loaded, "nbytes", 0))


class DatasetMedia:
    """The `Media` of a dataset at `root`."""

    def __init__(self, root: Path, config: Config, machine: Machine, kit: Kit) -> None:
        self._root, self._config, self._machine, self._kit = root, config, machine, kit
        self._roots: dict[str, Path] = {}
        self._cache: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def forget_places(self, config: Config) -> None:
        """Look up anew where sources lie, after one was added."""
        self._config = config
        self._roots.clear()

    def source(self, name: str) -> Path:
        """The folder of a source; MediaError if this machine does not know it."""
        if name not in self._roots:
            place = self._machine.get("sources", name) or self._config.sources.get(name)
            if not place:
                raise MediaError(
                    f"this machine does not know where source {name!r} lies",
                    hint=f"`trainset add FOLDER --source {name}` tells it",
                )
            self._roots[name] = self._root / place
        return self._roots[name]

    def path(self, item: Item, part: str = "") -> Path:
        """The file of a part of an item."""
        relative = item.path(part)
        if relative.startswith("/") or ".." in relative.split("/"):
            raise MediaError(
                f"item {item.key!r} leads out of its source: {relative!r}", hint="`trainset verify` lists it"
            )
        path = self.source(item.source) / relative
        with suppress(OSError):  # whoever opens it says why
            if not S_ISREG(path.stat().st_mode):  # whoever opened a pipe might wait for ever
                raise MediaError(f"{path} is not a file", hint="bring the file back")
        return path

    def paths(self, item: Item) -> dict[str, Path]:
        """Every part's file, by part."""
        return {part: self.path(item, part) for part in (item.parts or {"": ""})}

    def digest(self, item: Item) -> str:
        """The digest of the item's bytes as they are now; MediaError where they cannot be read."""
        try:
            if item.row is not None:
                return self._row_digest(item)
            return digest_files(list(self.paths(item).values()))
        except OSError as error:
            raise MediaError(
                f"{self.path(item)}: {error.strerror}", hint="bring the file back, or `trainset add` it again"
            ) from error

    def _row_digest(self, item: Item) -> str:
        from msgspec import json

        from trainset.core.files import digest, digest_pieces

        modality = self._kit.modality
        if isinstance(modality, Contents):
            return digest_pieces(modality.content(self.paths(item), item))
        loaded = self.load(item)
        return digest(loaded.encode() if isinstance(loaded, str) else json.encode(loaded))

    def ahead(self, item: Item) -> None:
        """Load an item that is likely to be wanted soon, unless the cache would not hold several of its size."""
        modality = self._kit.modality
        if not isinstance(modality, Weighed) or modality.weight(item) <= _AHEAD:
            self.load(item)

    def load(self, item: Item) -> Any:
        """The item as its modality loads it; the last few are kept."""
        with self._lock:
            if item.key in self._cache:
                self._cache.move_to_end(item.key)
                return self._cache[item.key]
        try:
            loaded = self._kit.modality.load(self.paths(item), item)
        except FileNotFoundError as error:
            raise MediaError(
                f"{error.filename} is not there",
                hint=f"source {item.source!r} lies elsewhere? `trainset add FOLDER --source {item.source}`",
            ) from error
        with self._lock:
            self._cache[item.key] = loaded
            while len(self._cache) > 1 and (len(self._cache) > _KEPT or sum(map(_size, self._cache.values())) > _BYTES):
                self._cache.popitem(last=False)
        return loaded
