"""The queue: entries in an order that stays as it was made, whatever is decided meanwhile. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, overload


@dataclass(frozen=True)
class Entry:
    """A place in the queue: the item, how urgent it is (higher first), and why it is there, in words."""

    key: str
    priority: float
    reason: str


class Queue(Protocol):
    """A sequence of entries, most urgent first, no item twice. What is in it keeps its place, also when it was decided;
    what arrives is put at the end when `grow` is called. An entry is at hand in a few ms wherever it stands."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, at: int, /) -> Entry: ...

    @overload
    def __getitem__(self, at: slice, /) -> Sequence[Entry]: ...

    def grow(self) -> bool:
        """Put what has arrived since at the end; whether there was anything."""
        ...

    def place(self, key: str) -> int | None:
        """Where the item of this key stands."""
        ...

    def find(self, text: str, start: int) -> int | None:
        """The first place from `start` on whose key holds `text`, whatever its case."""
        ...


class Picked(tuple[Entry, ...]):
    """A queue of entries that were picked, and of no others."""

    def grow(self) -> bool:
        """Nothing arrives."""
        return False

    def place(self, key: str) -> int | None:
        """Where the item of this key stands."""
        return next((at for at, entry in enumerate(self) if entry.key == key), None)

    def find(self, text: str, start: int) -> int | None:
        """The first place from `start` on whose key holds `text`, whatever its case."""
        wanted = text.casefold()
        return next((at for at in range(start, len(self)) if wanted in self[at].key.casefold()), None)


class Guests:
    """A queue with a few entries put in between, each of which takes a place; itself a `Queue`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._places: list[int] = []
        self._guests: list[Entry] = []

    def __len__(self) -> int:
        return len(self._queue) + len(self._guests)

    @overload
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        at += len(self) if at < 0 else 0
        before = bisect_left(self._places, at)
        if before < len(self._places) and self._places[before] == at:
            return self._guests[before]
        return self._queue[at - before]

    def insert(self, at: int, entry: Entry) -> None:
        """Put an entry at a place; what stands there and behind moves on by one."""
        n = bisect_left(self._places, at)
        self._places[n:] = [at, *(place + 1 for place in self._places[n:])]
        self._guests.insert(n, entry)

    def grow(self) -> bool:
        """Put what has arrived since at the end."""
        return self._queue.grow()

    def place(self, key: str) -> int | None:
        """Where the item of this key stands."""
        found = next((p for p, guest in self._visits() if guest.key == key), None)
        return self._moved(self._queue.place(key)) if found is None else found

    def find(self, text: str, start: int) -> int | None:
        """The first place from `start` on whose key holds `text`, whatever its case."""
        wanted = text.casefold()
        guest = next((p for p, g in self._visits() if p >= start and wanted in g.key.casefold()), None)
        own = self._moved(self._queue.find(text, start - bisect_left(self._places, start)))
        return min((p for p in (guest, own) if p is not None), default=None)

    def _visits(self) -> Iterator[tuple[int, Entry]]:
        return zip(self._places, self._guests, strict=True)

    def _moved(self, place: int | None) -> int | None:
        """A place of the queue, by the guests before it."""
        if place is None:
            return None
        return place + bisect_right([p - n for n, p in enumerate(self._places)], place)
