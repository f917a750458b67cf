"""The queue as a list to look through: a window of rows at a time, of all of it or of what a filter names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from trainset.core.queue import Entry, Queue
from trainset.core.reviewing import Desk
from trainset.errors import TrainsetError


@dataclass(frozen=True, slots=True)
class Glance:
    """Where an item stands now, its lowest score, and what is to be said of it. `open` says whether it still is what it was
    queued for: neither decided since, nor to be decided blind."""

    state: str
    score: float | None = None
    reasons: tuple[str, ...] = ()
    open: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """A row: the place in the queue, what stands there, and how that is now (None for what is gone)."""

    place: int
    entry: Entry
    glance: Glance | None


@runtime_checkable
class Glancing(Protocol):
    """A desk that tells of many items at once how they stand."""

    def glances(self, keys: Sequence[str]) -> dict[str, Glance]:
        """How the items of these keys (a few hundred at most) stand; what is gone is left out."""
        ...


@runtime_checkable
class Narrowing(Protocol):
    """A queue that can be narrowed by more than keys."""

    def places(self, text: str) -> NDArray[np.int64]:
        """Where what a filter names stands, or what has a text in its key; UsageError for a filter that is none."""
        ...


class Listing:
    """The rows of a desk's queue; `narrow` leaves those that a text names. What is decided meanwhile stays in its place."""

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk, self._queue = desk, queue
        self._places: NDArray[np.int64] | None = None
        self.text = ""

    def __len__(self) -> int:
        return len(self._queue) if self._places is None else len(self._places)

    @property
    def whole(self) -> int:
        """How many rows there are before anything is left out."""
        return len(self._queue)

    def places(self, text: str) -> NDArray[np.int64]:
        """The places that a text names; UsageError for a filter that is none. Reads only, so a thread may ask."""
        if isinstance(self._queue, Narrowing):
            return self._queue.places(text)
        found, at = [], self._queue.find(text, 0)
        while at is not None:
            found.append(at)
            at = self._queue.find(text, at + 1)
        return np.array(found, np.int64)

    def narrow(self, text: str, places: NDArray[np.int64] | None) -> None:
        """Show only these places, which `text` named; None for all."""
        self.text, self._places = text, places

    def row(self, key: str) -> int | None:
        """The row of the item of this key; None where it is not among them."""
        place = self._queue.place(key)
        if place is None or self._places is None:
            return place
        row = int(np.searchsorted(self._places, place))
        return row if row < len(self._places) and self._places[row] == place else None

    def rows(self, start: int, stop: int) -> list[Listed]:
        """The rows from `start` to `stop`."""
        shown = range(start, min(stop, len(self)))
        places = list(shown) if self._places is None else self._places[start:stop].tolist()
        entries = [self._queue[place] for place in places]
        glances = self._glances([entry.key for entry in entries])
        return [Listed(place, entry, glances.get(entry.key)) for place, entry in zip(places, entries, strict=True)]

    def _glances(self, keys: Sequence[str]) -> dict[str, Glance]:
        if isinstance(self._desk, Glancing):
            return self._desk.glances(keys)
        found = {}
        for key in keys:
            try:
                item = self._desk.item(key)
                found[key] = Glance(self._desk.state(item), reasons=tuple(self._desk.why(item)))
            except TrainsetError:  # it is gone
                continue
        return found
