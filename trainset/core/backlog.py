"""The queue over the index: the order as item numbers, eight bytes each, and entries read a page at a time."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import get_args, overload

import numpy as np
from numpy.typing import NDArray

from trainset.core.assigning import Assignment
from trainset.core.dataset import WAITING, Dataset
from trainset.core.index import transaction
from trainset.core.model import State, Task
from trainset.core.queue import Entry
from trainset.core.routing import ensure_ranked
from trainset.core.where import Condition, parse
from trainset.errors import RecordError, UsageError

_PAGE = 128
_PAGES = 64
_ANSWERED = tuple(state for state in get_args(State) if state not in WAITING)


class Backlog:
    """What waits for a person, or what a filter names, most urgent first: a `Queue`. The order is the same for the same
    rules, runs and seed; what was added since they were last applied comes last, by key. Of what waits it has the part that
    is `reader`'s, where one is named."""

    def __init__(self, dataset: Dataset, task: Task, where: str = "", reader: str = "") -> None:
        self._dataset, self._task, self._reader = dataset, task, reader
        self._condition = parse(where, task.name) if where else None
        self._pages: OrderedDict[int, list[Entry]] = OrderedDict()
        self._items = self._now()

    def _now(self) -> NDArray[np.int64]:
        """The numbers of the items that belong in the queue at present, in order."""
        self._dataset.index.refresh()
        ensure_ranked(self._dataset, self._task)
        self._made = self._dataset.index.made
        self._assignment = Assignment(self._dataset, self._task)
        self._assignment.prepare()
        with transaction(self._dataset.index.db, "DEFERRED"):  # all of it as of one moment
            return self._select(self._dataset.index.db, self._task.name)

    def _select(self, db: sqlite3.Connection, task: str) -> NDArray[np.int64]:
        stored = db.execute("SELECT items FROM queue WHERE task=?", (task,)).fetchone()
        order = np.frombuffer(stored[0] if stored else b"", np.int64)
        later = "SELECT id FROM item WHERE id>? ORDER BY +key"  # sorts those that it finds, and goes through no index of all
        order = np.concatenate([order, numbers(db.execute(later, (int(order.max(initial=0)),)))])
        wanted = np.full(int(order.max(initial=0)) + 1, self._condition is None)
        if self._condition is None:
            answered = f"SELECT item FROM state WHERE task=? AND state IN ({','.join('?' * len(_ANSWERED))})"
            wanted[numbers(db.execute(answered, (task, *_ANSWERED)))] = False
            wanted[numbers(db.execute("SELECT id FROM item WHERE NOT alive"))] = False
            wanted = self._assignment.narrowed(self._reader, wanted) if self._reader else wanted
        else:
            wanted[numbers(self._named(self._condition))] = True
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
        try:
            now = self._now()
        except (sqlite3.OperationalError, RecordError):  # no room for the index to follow: what has arrived comes later
            return False
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

    def owed(self, items: NDArray[np.int64]) -> list[int]:
        """Those of these items (by number) that another answered, and that still wait for the reader's own answer."""
        return self._assignment.owed(self._reader, items) if self._reader else []

    def place(self, key: str) -> int | None:
        """Where the item of this key stands."""
        return self._first(self._dataset.index.db.execute("SELECT id FROM item WHERE key=?", (key,)), 0)

    def find(self, text: str, start: int) -> int | None:
        """The first place from `start` on whose key holds `text`, whatever its case."""
        return self._first(self._holding(text), start)

    def places(self, text: str) -> NDArray[np.int64]:
        """Where the items stand that `text` names: as a filter, if it is one, else as a part of their keys, whatever its
        case. UsageError where it looks like a filter, is none, and no key holds it."""
        wrong, condition = None, None
        if any(sign in text for sign in "=<>"):
            try:
                condition = parse(text, self._task.name)
            except UsageError as error:
                wrong = error
        rows = self._holding(text) if condition is None else self._named(condition)
        found = np.flatnonzero(np.isin(self._standing(), numbers(rows)))
        if wrong is not None and not len(found):
            raise wrong
        return found

    def _named(self, condition: Condition) -> Iterable[tuple[int]]:
        """The numbers of the items that a condition names."""
        named = (
            f"SELECT i.id FROM item i LEFT JOIN state s ON s.item=i.id AND s.task=? WHERE i.alive AND {condition.sql}"
        )
        return self._dataset.index.db.execute(named, (self._task.name, *condition.values))

    def _holding(self, text: str) -> Iterable[tuple[int]]:
        """The numbers of the items whose keys hold a text, whatever its case."""
        db = self._dataset.index.db
        db.create_function("folded", 1, str.casefold, deterministic=True)
        fold = "lower" if text.isascii() else "folded"  # what SQLite knows by itself is many times faster
        return db.execute(f"SELECT id FROM item WHERE instr({fold}(key), ?)", (text.casefold(),))

    def _first(self, rows: Iterable[tuple[int]], start: int) -> int | None:
        """The first place from `start` on where one of these items stands."""
        items = self._standing()[start:]
        found = np.flatnonzero(np.isin(items, numbers(rows)))
        return start + int(found[0]) if len(found) else None


def numbers(rows: Iterable[tuple[int]]) -> NDArray[np.int64]:
    """The numbers that a query gives, one a row."""
    return np.fromiter((number for (number,) in rows), np.int64)
