"""The queue over the index: the order as item numbers, eight bytes each, and entries read a page at a time."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from trainset.core.dataset import WAITING, Dataset
from trainset.core.index import transaction
from trainset.core.model import Task
from trainset.core.queue import Entry
from trainset.core.routing import ensure_ranked
from trainset.core.where import parse

_PAGE = 128
_PAGES = 64


class Backlog:
    """What waits for a person, or what a filter names, most urgent first: a `Queue`. The order is the same for the same
    rules, runs and seed; what was added since they were last applied comes last, by key."""

    def __init__(self, dataset: Dataset, task: Task, where: str = "") -> None:
        self._dataset, self._task = dataset, task
        self._condition = parse(where, task.name) if where else None
        self._pages: OrderedDict[int, list[Entry]] = OrderedDict()
        self._items = self._now()

    def _now(self) -> NDArray[np.int64]:
        """The numbers of the items that belong in the queue at present, in order."""
        self._dataset.index.refresh()
        ensure_ranked(self._dataset, self._task)
        self._made = self._dataset.index.made
        with transaction(self._dataset.index.db, "DEFERRED"):  # all of it as of one moment
            return self._select(self._dataset.index.db, self._task.name)

    def _select(self, db: sqlite3.Connection, task: str) -> NDArray[np.int64]:
        stored = db.execute("SELECT items FROM queue WHERE task=?", (task,)).fetchone()
        order = np.frombuffer(stored[0] if stored else b"", np.int64)
        later = "SELECT id FROM item WHERE id>? ORDER BY key"
        order = np.concatenate([order, numbers(db.execute(later, (int(order.max(initial=0)),)))])
        wanted = np.full(int(order.max(initial=0)) + 1, self._condition is None)
        if self._condition is None:
            answered = f"SELECT item FROM state WHERE task=? AND state NOT IN ({','.join('?' * len(WAITING))})"
            wanted[numbers(db.execute(answered, (task, *WAITING)))] = False
            wanted[numbers(db.execute("SELECT id FROM item WHERE NOT alive"))] = False
        else:
            named = f"SELECT i.id FROM item i LEFT JOIN state s ON s.item=i.id AND s.task=? WHERE i.alive AND {self._condition.sql}"
            wanted[numbers(db.execute(named, (task, *self._condition.values)))] = True
        chosen: NDArray[np.int64] = order[wanted[order]]
        return chosen

    def _standing(self) -> NDArray[np.int64]:
        """The queue as it was made; made again where the index was, since item numbers do not outlive it."""
        if self._made != self._dataset.index.made:
            self._items = self._now()
            self._pages.clear()
        return self._items

    def __len__(self) -> int:
        return len(self._standing())

    @overload
    def __getitem__(self, at: int) -> Entry: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...

    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        at += len(self) if at < 0 else 0
        if not 0 <= at < len(self):
            raise IndexError(at)
        page, place = divmod(at, _PAGE)
        if page not in self._pages:
            self._pages[page] = self._read(self._items[page * _PAGE : (page + 1) * _PAGE].tolist())
        self._pages.move_to_end(page)
        if len(self._pages) > _PAGES:
            self._pages.popitem(last=False)
        return self._pages[page][place]

    def _read(self, items: list[int]) -> list[Entry]:
        rows = self._dataset.index.db.execute(
            "SELECT i.id, i.key, coalesce(r.priority, 0), coalesce(r.reason, '') FROM item i LEFT JOIN rank r ON r.item=i.id "
            f"AND r.task=? WHERE i.id IN ({','.join('?' * len(items))})", (self._task.name, *items))  # fmt: skip
        found = {number: Entry(*entry) for number, *entry in rows}
        return [found[number] for number in items]

    def grow(self) -> bool:
        """Put what has arrived since at the end; whether there was anything."""
        before, made = self._standing(), self._made
        now = self._now()
        if made != self._made:
            before = before[:0]
            self._pages.clear()
        known = np.zeros(int(max(now.max(initial=0), before.max(initial=0))) + 1, bool)
        known[before] = True
        fresh = now[~known[now]]
        self._items = np.concatenate([before, fresh])
        self._pages.pop(len(before) // _PAGE, None)
        return bool(len(fresh))

    def arranged(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of these items (by number) that stand in the queue, in its order."""
        standing = self._standing()
        wanted = np.zeros(int(max(items.max(initial=0), standing.max(initial=0))) + 1, bool)
        wanted[items] = True
        chosen: NDArray[np.int64] = standing[wanted[standing]]
        return chosen

    def place(self, key: str) -> int | None:
        """Where the item of this key stands."""
        return self._first(self._dataset.index.db.execute("SELECT id FROM item WHERE key=?", (key,)), 0)

    def find(self, text: str, start: int) -> int | None:
        """The first place from `start` on whose key holds `text`, whatever its case."""
        db = self._dataset.index.db
        db.create_function("folded", 1, str.casefold, deterministic=True)
        fold = "lower" if text.isascii() else "folded"  # what SQLite knows by itself is many times faster
        return self._first(db.execute(f"SELECT id FROM item WHERE instr({fold}(key), ?)", (text.casefold(),)), start)

    def _first(self, rows: Iterable[tuple[int]], start: int) -> int | None:
        """The first place from `start` on where one of these items stands."""
        items = self._standing()[start:]
        found = np.flatnonzero(np.isin(items, numbers(rows)))
        return start + int(found[0]) if len(found) else None


def numbers(rows: Iterable[tuple[int]]) -> NDArray[np.int64]:
    """The numbers that a query gives, one a row."""
    return np.fromiter((number for (number,) in rows), np.int64)
