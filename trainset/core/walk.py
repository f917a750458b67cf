"""A reviewer's way through the queue: a place in it, steps, and the next item that is still open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from trainset.core.queue import Entry, Guests, Queue


class Walk:
    """Starts at the first entry of a queue, which grows at the end by what has arrived meanwhile."""

    def __init__(self, queue: Queue) -> None:
        self._entries = Guests(queue)
        self._at = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entry(self) -> Entry | None:
        """Where the walk stands; None past the end."""
        return self._entries[self._at] if self._at < len(self._entries) else None

    def upcoming(self, count: int) -> Sequence[Entry]:
        """The next entries."""
        return self._entries[self._at + 1 : self._at + 1 + count]

    def step(self, by: int) -> bool:
        """Move by entries, as far as there are any; whether that moved."""
        if by > 0 and self._at + by >= len(self._entries):
            self._entries.grow()
        last = len(self._entries) - 1
        to = max(0, min(self._at + by, last))
        if last < 0 or to == self._at or (by > 0 and self._at > last):
            return False
        self._at = to
        return True

    def next_open(self, done: Set[str]) -> bool:
        """Move to the next entry whose key is not `done`: ahead, then from the start; past the end if there is none.

        Returns whether it had to begin from the start.
        """
        ahead = self._first_open(range(self._at + 1, len(self._entries)), done)
        if ahead is None and self._entries.grow():
            ahead = self._first_open(range(self._at + 1, len(self._entries)), done)
        behind = None
        if ahead is None:
            behind = self._first_open(range(min(self._at + 1, len(self._entries))), done)
        self._at = next((at for at in (ahead, behind) if at is not None), len(self._entries))
        return behind is not None

    def find(self, text: str) -> bool:
        """Move to the next entry with `text` in its key, whatever its case, going round; whether there is one."""
        ahead = self._entries.find(text, self._at + 1)
        found = self._entries.find(text, 0) if ahead is None else ahead
        if found is not None:
            self._at = found
        return found is not None

    def insert(self, entry: Entry) -> None:
        """Put an entry behind the present one, and move to it."""
        self._at = min(self._at + 1, len(self._entries))
        self._entries.insert(self._at, entry)

    def back_to(self, entry: Entry) -> None:
        """Move to an entry of this walk; it is put behind the present one should the queue not know it any more."""
        place = self._entries.place(entry.key)
        if place is None:
            self.insert(entry)
        else:
            self._at = place

    def _first_open(self, places: Iterable[int], done: Set[str]) -> int | None:
        return next((at for at in places if self._entries[at].key not in done), None)
