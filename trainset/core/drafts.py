"""Edits that were not decided, kept beside Git's own files until they are: they outlive their session, and are in no commit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from msgspec import DecodeError, Raw, Struct, json

from trainset.core.codec import with_ids
from trainset.core.dataset import Dataset, Row
from trainset.core.files import digest
from trainset.core.journal import make_folder, now
from trainset.core.model import Annotation, AttributeValue, Item, Task
from trainset.errors import MediaError, TrainsetError


@dataclass(frozen=True)
class Draft:
    """An edit of an item that was left undecided at a time (ISO 8601, UTC). `changed` says what of the item is not as it
    was then, "" where all is."""

    item: Item
    when: str
    annotations: tuple[Annotation, ...]
    attributes: Mapping[str, AttributeValue]
    note: str | None = None
    changed: str = ""

    @property
    def title(self) -> str:
        """What it is, in words, with the time of day here."""
        time = datetime.fromisoformat(self.when).astimezone()
        day = "" if time.date() == datetime.now().astimezone().date() else f"{time:%Y-%m-%d} "
        return f"an edit of {self.item.key} from {day}{time:%H:%M} was not decided"


class _Stored(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A draft on disk: `media` is the digest of the bytes that were edited, `seen` the decisions there were."""

    item: str
    when: str
    media: str | None = None
    seen: tuple[str, ...] = ()
    types: dict[str, int] = {}
    annotations: Raw
    attributes: dict[str, Any] = {}
    note: str | None = None


_stored = json.Decoder(_Stored)


class Drafts:
    """The drafts of one reviewer on one task, a file for each item. They are written beside the session, in a thread, and
    on disk when `close` returns; one that cannot be written is left out, since nobody was told that it was."""

    def __init__(self, dataset: Dataset, task: Task, handle: str) -> None:
        self._dataset, self._task = dataset, task
        self._folder = dataset.repository.machine / "drafts" / task.name / handle
        self._media: dict[str, str | None] = {}
        self._wanted: dict[str, Callable[[], bytes]] = {}
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def _path(self, key: str) -> Path:
        return self._folder / f"{digest(key.encode())}.json"

    def keep(
        self, row: Row, annotations: Sequence[Annotation], attributes: Mapping[str, AttributeValue], note: str | None
    ) -> None:
        """Have an edit of an item, shown as it was in `row`, on disk soon."""
        versions = {t: v for t, v in self._dataset.kit.type_versions().items() if v != 1}

        def encoded() -> bytes:
            return json.encode(
                _Stored(
                    item=row.item.key,
                    when=now(),
                    media=self._digest(row.item),
                    seen=row.live,
                    types=versions,
                    annotations=Raw(self._dataset.codec.encode(with_ids(annotations))),
                    attributes=dict(attributes),
                    note=note,
                )
            )

        with self._lock:
            self._wanted[row.item.key] = encoded
        self._pool = self._pool or ThreadPoolExecutor(1, "drafts")
        self._pool.submit(self._write, row.item.key, encoded)

    def _digest(self, item: Item) -> str | None:
        """The digest of an item's bytes, taken once a session."""
        if item.key not in self._media:
            self._media[item.key] = self._bytes_now(item)
        return self._media[item.key]

    def _bytes_now(self, item: Item) -> str | None:
        try:
            return self._dataset.media.digest(item)
        except MediaError:
            return None

    def _write(self, key: str, encoded: Callable[[], bytes]) -> None:
        path, begun = self._path(key), self._folder / f".{os.getpid()}"
        with suppress(OSError, TrainsetError):
            if self._wanted.get(key) is not encoded:  # edited further, or decided
                return
            make_folder(self._folder)
            with begun.open("wb") as stream:
                stream.write(encoded())
                stream.flush()
                os.fsync(stream.fileno())
            with self._lock:
                if self._wanted.get(key) is encoded:
                    begun.replace(path)
        begun.unlink(missing_ok=True)

    def drop(self, key: str) -> None:
        """Forget the edit of an item."""
        with self._lock:
            self._wanted.pop(key, None)
            with suppress(OSError):
                self._path(key).unlink(missing_ok=True)

    def found(self, shown: Callable[[Item], Row] | None = None) -> list[Draft]:
        """Those that earlier sessions left, the latest first; of items that are gone, and of what cannot be read, none.
        `shown` is how an item would be shown now, where that is not all that is known of it."""
        found = []
        for path in self._folder.glob("*.json"):
            with suppress(OSError, DecodeError, TrainsetError):
                found.append(self._read(_stored.decode(path.read_bytes()), shown))
        return sorted(found, key=lambda draft: draft.when, reverse=True)

    def _read(self, stored: _Stored, shown: Callable[[Item], Row] | None) -> Draft:
        row = shown(self._dataset.item(stored.item)) if shown else self._dataset.row(stored.item, self._task)
        annotations = self._dataset.codec.decode(stored.annotations, stored.types)
        changes = []
        if stored.media is not None and self._bytes_now(row.item) != stored.media:
            changes.append("its media are not the bytes that were edited")
        if since := set(row.live) - set(stored.seen):
            who = {header.reviewer or "" for _, header in map(self._dataset.decision, since)}
            changes.append(f"{', '.join(sorted(who))} decided it since")
        elif set(stored.seen) - set(row.live):
            changes.append("a decision that it started from was taken back")
        return Draft(row.item, stored.when, annotations, stored.attributes, stored.note, "; ".join(changes))

    def close(self) -> None:
        """Return once all that is kept is on disk."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
