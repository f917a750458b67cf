"""Reviewing items that were picked beforehand, in an order of their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trainset.core.blind import BlindDesk
from trainset.core.dataset import Dataset
from trainset.core.model import Item, Task
from trainset.core.queue import Entry, Picked, Queue


class PickedDesk(BlindDesk):
    """The desk of a reviewer who goes through these entries, whatever their items' states; why each was picked is said first."""

    def __init__(
        self, dataset: Dataset, task: Task, handle: str, entries: Sequence[Entry], *, splits: Collection[str] = ()
    ) -> None:
        super().__init__(dataset, task, handle, splits=splits)
        self._entries = {entry.key: entry for entry in entries}

    def queue(self) -> Queue:
        """The entries as they were given."""
        return Picked(self._entries.values())

    def why(self, item: Item) -> Sequence[str]:
        """Why it was picked, then what the fold and the rules say; nothing of either where it is decided blind."""
        found, entry = super().why(item), self._entries.get(item.key)
        return found if entry is None or item.key in self._hidden else [entry.reason, *found]
