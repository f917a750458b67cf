"""The groups of a grid and their tiles, by queries over the index: what is opened costs a page, not the dataset."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
import numpy as np

from trainset.core.assigning import Assignment
from trainset.core.backlog import Backlog
from trainset.core.dataset import Dataset, Row
from trainset.core.fold import FINISHED
from trainset.core.index.marks import apart
from trainset.core.model import Annotation, Class, Item, Opaque, State, Task
from trainset.core.tiles import Group, Order, Tile
from trainset.core.where import parse

STRETCH = 256
"""Items whose proposals are read at once. Objects are sorted by score within a stretch, items over all of them."""

LOT, FIRST_LOT = 16_384, 1024
"""Items that a query over the index gives at once; the first is small, since a page waits for it."""

MOST_SETS = 256
"""Sets of labels that are asked for one by one."""

Ranked = tuple[int, float]
"""The number of an item, and what it is ranked by."""

OF_ITEMS: tuple[State, ...] = ("predicted", "rejected", "stale", "reviewed", "auto-accepted")
OF_OBJECTS: tuple[State, ...] = ("predicted", "partial", "rejected")
"""States of an item that a grid of items, or one of objects, shows where a filter names it: an answer to the whole item is
one to each of its objects. Without a filter a grid shows what is predicted, and nobody has spoken of as a whole."""

Odd = Callable[[Sequence[Item]], Sequence[float]]
"""How little each of these items is like the others."""

_PROPOSED = "(SELECT p.labels FROM prediction p WHERE p.item=s.item AND p.task=s.task AND p.run=s.run AND p.digest=s.digest LIMIT 1)"
_LABELS = f"CASE s.state WHEN 'partial' THEN {_PROPOSED} ELSE s.labels END"
_OF_STATE = "FROM state s INDEXED BY state_state WHERE s.task=? AND s.state='partial' AND s.reasons"
"""By its index: else SQLite goes through the whole table."""
_PARTIAL = f"{_OF_STATE}<>?"
_FINISHED = msgspec.json.encode([FINISHED]).decode()
_OF_SET = "FROM state s WHERE s.task=? AND s.state='predicted' AND s.labels=?"
_SETS = (
    "WITH RECURSIVE w(labels) AS (SELECT min(labels) FROM state WHERE task=? AND state='predicted' UNION ALL SELECT (SELECT "
    "min(labels) FROM state WHERE task=? AND state='predicted' AND labels>w.labels) FROM w WHERE labels IS NOT NULL LIMIT ?) "
    "SELECT labels FROM w WHERE labels IS NOT NULL"
)
"""Which there are, a step over the index for each."""


def by_items(dataset: Dataset, task: Task) -> bool:
    """Whether a grid of the task shows items rather than objects: where the answer is a class of the whole item."""
    types = dataset.kit.types()
    return task.on is None and all(issubclass(types[tag], Class) for tag in dataset.kit.tags(task) if tag in types)


class Sheets:
    """What a dataset has for a grid of one task, as of now: the part of it that is `reader`'s, where one is named; with
    `where`, what that names. What the reader owes an independent answer to, and another decided, is left out."""

    def __init__(self, dataset: Dataset, task: Task, where: str = "", reader: str = "") -> None:
        self.dataset, self.task, self.where = dataset, task, where
        self.by_items = by_items(dataset, task)
        self._condition = parse(where, task.name) if where else None
        self._assignment, self._reader = Assignment(dataset, task), reader
        self._narrow = bool(reader and self._assignment.narrows and not where)
        self._yours = " AND yours(s.item)" if self._narrow else ""

    @property
    def _db(self) -> sqlite3.Connection:
        """The index, to which it is known which items are the reader's."""
        db = self.dataset.index.db
        if self._narrow:
            mine = self._assignment.part(self._reader)
            db.create_function("yours", 1, lambda item: item < len(mine) and mine[item])
        return db

    def hides(self, row: Row) -> bool:
        """Whether an item is not to be shown to the reader."""
        return bool(self._reader) and self._assignment.owes(self._reader, row)

    def groups(self) -> list[Group]:
        """By the task's labels, items of several labels after them, and what is empty last."""
        found: Counter[tuple[str, ...]] = Counter()
        loose: set[tuple[str, ...]] = set()
        for labels, count, partial in self._counts():
            names = tuple(apart(labels))
            for name in [names] if self.by_items or not names else [(n,) for n in names]:
                if all(name):  # what has no label cannot be accepted
                    found[name] += count
                    loose |= {name} if partial else set()
        order = {label.id: label.index for label in self.task.labels}
        ranked = sorted(found, key=lambda names: (not names, [order.get(n, len(order)) for n in names], names))
        return [
            Group("item" if self.by_items or not names else "object", names, found[names], names in loose)
            for names in ranked
        ]

    def _counts(self) -> Iterator[tuple[str, int, bool]]:
        """Predicted labels as the index writes them, of how many items, and whether some of their objects may be decided."""
        db, task = self._db, self.task.name
        if self._condition is not None:
            query = f"SELECT {_LABELS}, count(*), max(s.state='partial') {self._named()} GROUP BY 1 HAVING {_LABELS} IS NOT NULL"
            yield from db.execute(query, self._values())
            return
        yield from db.execute("SELECT labels, count(*), 0 FROM state s WHERE task=? AND state='predicted' AND labels IS NOT NULL "
                              f"{self._yours} GROUP BY labels", (task,))  # fmt: skip
        if not self.by_items:
            query = f"SELECT {_PROPOSED}, count(*), 1 {_PARTIAL}{self._yours} GROUP BY 1 HAVING {_PROPOSED} IS NOT NULL"
            yield from db.execute(query, (task, _FINISHED))

    def _named(self) -> str:
        assert self._condition is not None
        states = ",".join(f"'{state}'" for state in (OF_ITEMS if self.by_items else OF_OBJECTS))
        return (
            "FROM item i JOIN state s ON s.item=i.id AND s.task=? WHERE i.alive "
            f"AND s.state IN ({states}) AND ({self._condition.sql})"
        )

    def _values(self) -> tuple[object, ...]:
        return (self.task.name, *(self._condition.values if self._condition else ()))

    def finished(self) -> int:
        """How many items are decided object by object, but for the word that none is missing."""
        query = f"SELECT count(*) {_OF_STATE}=?{self._yours}"
        return int(self._db.execute(query, (self.task.name, _FINISHED)).fetchone()[0])

    def lot(self, group: Group, high: bool, after: Ranked | None, limit: int) -> list[Ranked]:
        """The numbers of items that tiles of a group may be found on, with what ranks them, lowest scores (or `high`est)
        first: those behind `after`, at most `limit` (-1: all)."""
        score = "-coalesce(s.low, -1)" if high else "coalesce(s.low, -1)"
        labels = f"|{'|'.join(group.labels)}|" if group.labels else ""
        fits = "{}=?" if group.subject == "item" else "instr({}, ?)>0"
        values: tuple[object, ...]
        if group.subject == "completeness":
            query = f"SELECT s.item, {score} rank {_OF_STATE}=?{self._yours}"
            values = (self.task.name, _FINISHED)
        elif self._condition is not None:
            query = f"SELECT i.id item, {score} rank {self._named()} AND {fits.format(_LABELS)}"
            values = (*self._values(), labels)
        else:
            query = f"SELECT s.item, {score} rank FROM state s WHERE s.task=? AND s.state='predicted' AND {fits.format('s.labels')}{self._yours}"
            values = (self.task.name, labels)
            if after is None and limit > 0 and (sets := self._sets(labels, group.subject == "item")):
                order = f"ORDER BY s.low {'DESC' if high else 'ASC'}, s.item LIMIT {limit:d}"
                each = f"SELECT * FROM (SELECT s.item, {score} rank {_OF_SET}{self._yours} {order})"
                query = " UNION ALL ".join([each] * len(sets))
                values = tuple(value for found in sets for value in (self.task.name, found))
            if group.subject == "object":
                query += f" UNION ALL SELECT s.item, {score} {_PARTIAL} AND {fits.format(_PROPOSED)}{self._yours}"
                values += (self.task.name, _FINISHED, labels)
        behind = "" if after is None else "WHERE (rank, item) > (?, ?)"
        place = () if after is None else (after[1], after[0])
        ordered = f"SELECT item, rank FROM ({query}) {behind} ORDER BY rank, item LIMIT ?"
        return self._db.execute(ordered, (*values, *place, limit)).fetchall()

    def _sets(self, labels: str, exact: bool) -> list[str]:
        """The sets of predicted labels, as the index writes them, that hold these; none where there are too many."""
        if exact:
            return [labels]
        task = self.task.name
        found = [x for (x,) in self.dataset.index.db.execute(_SETS, (task, task, MOST_SETS + 1))]
        return [x for x in found if labels in x] if len(found) <= MOST_SETS else []

    def queued(self, group: Group) -> list[Ranked]:
        """All of them as the queue has them."""
        found = np.array([number for number, _ in self.lot(group, False, None, -1)], np.int64)
        arranged = Backlog(self.dataset, self.task, self.where).arranged(found)
        return [(number, 0.0) for number in arranged.tolist()]

    def tiles(self, group: Group, rows: Iterable[Row]) -> Iterator[Tile]:
        """The tiles of a group on some items."""
        for row in rows:
            if group.subject == "object":
                proposed = self.open_objects(row, again=self._condition is not None)
                yield from (Tile(row.item.key, a.id, a.score) for a in proposed if a.label == group.labels[0])
            else:
                yield Tile(row.item.key, None, row.low)

    def open_objects(self, row: Row, *, again: bool = False) -> list[Annotation]:
        """The objects of an item's proposal that nobody decided; those that were rejected only where they are asked for
        `again`."""
        if row.state not in OF_OBJECTS:
            return []
        said = self.verdicts(row)
        closed = {name for name, verdict in said.items() if not (again and verdict == "rejected")}
        proposed = self.dataset.proposal(self.task, row) or ()
        return [a for a in proposed if a.id not in closed and not isinstance(a, Opaque)]

    def verdicts(self, row: Row) -> dict[str, str]:
        """What is said of single objects of an item; in a task on another's objects, which of them have an answer."""
        said: dict[str, str] = dict(self.dataset.verdicts(row))
        return said | {name: "answered" for name, rid in (row.objects or {}).items() if rid is not None}


class StoredSheet:
    """A `Sheet` over the index: items are found a lot at a time, behind those that were found, and tiles a stretch of items at
    a time. What is decided meanwhile moves nothing."""

    def __init__(self, sheets: Sheets, group: Group, order: Order, odd: Odd | None = None) -> None:
        self._sheets, self._group, self._order, self._odd = sheets, group, order, odd
        self._tiles: list[Tile] = []
        self._begin()

    def _begin(self) -> None:
        self._made = self._sheets.dataset.index.made
        self._lot = self._sheets.queued(self._group) if self._order == "queue" else []
        self._last: Ranked | None = None
        self._known = {tile.name for tile in self._tiles}

    def upto(self, count: int) -> Sequence[Tile]:
        """All the tiles that are found so far, at least `count` where there are as many."""
        if self._made != self._sheets.dataset.index.made:  # item numbers do not outlive the index
            self._begin()
        while len(self._tiles) < count and (numbers := self._next()):
            self._tiles += (tile for tile in self._stretch(numbers) if tile.name not in self._known)
        return self._tiles

    def _next(self) -> list[int]:
        """The numbers of the items of the next stretch."""
        if not self._lot and self._order != "queue":
            limit = FIRST_LOT if self._last is None else LOT
            self._lot = self._sheets.lot(self._group, self._order == "high", self._last, limit)
            self._last = self._lot[-1] if self._lot else self._last
        some, self._lot = self._lot[:STRETCH], self._lot[STRETCH:]
        return [number for number, _ in some]

    def _stretch(self, numbers: list[int]) -> list[Tile]:
        sheets = self._sheets
        rows = {row.number: row for row in sheets.dataset.rows(sheets.task, numbers=numbers)}
        here = [rows[n] for n in numbers if n in rows and not sheets.hides(rows[n])]
        if self._order == "odd" and self._odd is not None:
            odd = dict(zip((row.number for row in here), self._odd([row.item for row in here]), strict=True))
            here.sort(key=lambda row: -odd[row.number])
        tiles = list(sheets.tiles(self._group, here))
        if self._group.subject == "object" and self._order in ("low", "high"):
            tiles.sort(key=lambda tile: tile.score if tile.score is not None else -1.0, reverse=self._order == "high")
        return tiles
