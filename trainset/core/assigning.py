"""Who of several reviewers a task's items are for, and whose answer to an item is still owed.

It follows from the items' keys (or groups), the task's seed, the names in `trainset.toml` and what rules found: nothing is
recorded, and every clone comes to the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trainset.core.dataset import WAITING, Dataset, Row
from trainset.core.files import chunks
from trainset.core.index import transaction
from trainset.core.model import Item, Task
from trainset.core.rendezvous import Hashes, Places, hashed, highest, shared
from trainset.errors import ConfigError

Mask = NDArray[np.bool_]
"""One flag for each item, at its number in the index."""

ALONE = ("reviewed", "excluded", "rejected", "stale", "partial")
"""States in which one reviewer decided an item, and another may owe an answer of their own; a flag or a dispute is to be
seen."""
_DONE = ("reviewed", "excluded")
"""Those of them in which it does not wait."""
_AT_A_TIME = 500
_MOST_SKILLS = 60


@dataclass(frozen=True)
class Load:
    """How many items wait for a reviewer, and how many of these two reviewers decide independently of each other."""

    reviewer: str
    waiting: int
    twice: int


class Assignment:
    """How the items of a task are shared, as of now.

    Where the task names nobody, everybody has all of them, but for what rules send to a skill: that is for those declared
    reviewers who have it. Where nobody has a skill, what wants it is for all.
    """

    def __init__(self, dataset: Dataset, task: Task) -> None:
        self._dataset, self._task = dataset, task
        self.listed = task.assign is not None
        self.names = sorted(task.assign.reviewers if task.assign else dataset.config.reviewers)
        self.overlap = task.assign.overlap if task.assign else 0.0
        self._skills = sorted({rule.skill for rule in task.rules if rule.skill})
        if len(self._skills) > _MOST_SKILLS:
            raise ConfigError(f"the rules of {task.name} name {len(self._skills)} skills: {_MOST_SKILLS} are the most")

    @property
    def narrows(self) -> bool:
        """Whether anybody has less than the whole queue."""
        return self.listed or bool(self._skills)

    def prepare(self) -> None:
        """Have at hand, and in the index, what items are shared by: within a transaction it cannot be kept."""
        if self.listed:
            _ = self._units

    def outside(self, reviewer: str) -> str:
        """Why a reviewer has nothing of the queue, in words; "" where they have their part of it."""
        if not self.listed or reviewer in self.names:
            return ""
        return f"{self._task.name} is assigned to {' and '.join(self.names)}: {reviewer} has no part of its queue"

    # -- one item -------------------------------------------------------------------------------------------

    def readers(self, number: int, item: Item) -> list[str]:
        """Whom an item is for: one reviewer, or two who decide it independently; several where nobody is assigned."""
        wanted = 0
        for rules, bit in self._by_skill():
            query = f"SELECT 1 FROM finding WHERE task=? AND item=? AND rule IN ({_marks(rules)}) LIMIT 1"
            wanted |= bit * bool(self._db.execute(query, (self._task.name, number, *rules)).fetchone())
        able = self._able(wanted)
        if not self.listed:
            return able
        unit = hashed([item.group or item.key])
        first, second = (able[int(place[0])] for place in highest(unit, able, self._task.seed))
        return sorted({first, second}) if shared(unit, self.overlap, self._task.seed)[0] else [first]

    def owes(self, reviewer: str, row: Row, *, again: bool = False) -> bool:
        """Whether a reviewer owes an independent answer to an item that another decided: until they recorded anything on it;
        with `again`, which takes it that they have seen nothing of that since, also once all of it was withdrawn."""
        others = {*self.names} - {reviewer}
        if not self.overlap or row.state not in ALONE or len(row.decided_by) != 1 or row.decided_by[0] not in others:
            return False
        own = recorded(self._dataset, self._task, row.number, reviewer)
        if own.intersection(row.live) if again else own:
            return False
        found = self.readers(row.number, row.item)
        return len(found) > 1 and reviewer in found

    def unseen(self, row: Row) -> Row:
        """An item as it stands without what was said of it. A rejection stays: it asks for an answer, which names it."""
        asking = [(rid, self._dataset.decision(rid)[0]) for rid in row.live]
        asked = {rid: decision.on for rid, decision in asking if decision.verdict == "rejected"}
        return replace(
            row,
            state="unlabelled" if row.run is None else "predicted",
            reasons=(),
            decided_by=(),
            answer=(),
            live=tuple(asked),
            seen=tuple(sorted({*asked, *(name for on in asked.values() for name in on)})),
            objects=None if row.objects is None else dict.fromkeys(row.objects),
        )

    # -- all items ------------------------------------------------------------------------------------------

    def narrowed(self, reviewer: str, waiting: Mask) -> Mask:
        """The part of what waits that is a reviewer's, with what they owe an independent answer to though another answered
        it, and without what that other is in the middle of."""
        if not self.narrows:
            return waiting
        mine, twice = self._parts(reviewer, len(waiting))
        found: Mask = waiting & mine
        if twice.any():
            found[self._owed(reviewer, np.flatnonzero(twice & ~waiting), _DONE)] = True
            found[self._owed(reviewer, np.flatnonzero(twice & waiting & self._in_state("partial", len(waiting))), ("partial",))] = False  # fmt: skip
        return found

    def loads(self) -> list[Load]:
        """What waits for each of those who are named, in the order of their names."""
        if not self.listed:
            return []
        waiting = np.ones(len(self._units), bool)
        decided = f"SELECT item FROM state WHERE task=? AND state NOT IN ({_marks(WAITING)})"
        waiting[_numbers(self._db.execute(decided, (self._task.name, *WAITING)), len(waiting))] = False
        waiting[_numbers(self._db.execute("SELECT id FROM item WHERE NOT alive"), len(waiting))] = False
        waiting[:1] = False  # numbers start with 1
        found = []
        for name in self.names:
            mine = self.narrowed(name, waiting)
            found.append(Load(name, int(mine.sum()), int((mine & self._parts(name, len(mine))[1]).sum())))
        return found

    def part(self, reviewer: str) -> bytes:
        """Which items are a reviewer's, or may be for them as for another: a byte for each number."""
        mine, _ = self._parts(reviewer, len(self._units))
        return mine.tobytes()

    def lacking(self) -> list[str]:
        """The skills that rules send items to and that nobody of those in question has."""
        has = {skill for name in self.names for skill in self._dataset.config.reviewers[name].skills}
        return [skill for skill in self._skills if skill not in has]

    def _parts(self, reviewer: str, size: int) -> tuple[Mask, Mask]:
        """Which of the items before `size` are a reviewer's, and to which of these they are one of two."""
        mine, twice = np.zeros(size, bool), np.zeros(size, bool)
        if not self.listed:
            mine[:] = True
            wanted = self._wanted(size)
            for skills in np.unique(wanted).tolist():
                mine[wanted == skills] = reviewer in self._able(skills)
        elif reviewer in self.names:
            known = min(size, len(self._units))
            place = self.names.index(reviewer)
            first, second, both = (part[:known] for part in self._shares)
            twice[:known] = both & (second >= 0) & ((first == place) | (second == place))
            mine[:known] = (first == place) | twice[:known]
        return mine, twice

    @cached_property
    def _shares(self) -> tuple[Places, Places, Mask]:
        """Who comes first and second for each item, as places in the names, and whether it is for both of them."""
        units = self._units
        first, second = highest(units, self.names, self._task.seed)
        wanted = self._wanted(len(units))
        for skills in np.unique(wanted[wanted > 0]).tolist():
            able = self._able(skills)
            if able == self.names:
                continue
            these = wanted == skills
            places = np.array([*map(self.names.index, able), -1], np.int16)
            first[these], second[these] = (places[part] for part in highest(units[these], able, self._task.seed))
        return first, second, shared(units, self.overlap, self._task.seed)

    @cached_property
    def _units(self) -> Hashes:
        return units_of(self._dataset)

    def _wanted(self, size: int) -> NDArray[np.int64]:
        """The skills that each item wants, a bit each."""
        found = np.zeros(size, np.int64)
        for rules, bit in self._by_skill():
            query = f"SELECT DISTINCT item FROM finding WHERE task=? AND rule IN ({_marks(rules)})"
            found[_numbers(self._db.execute(query, (self._task.name, *rules)), size)] |= bit
        return found

    def _by_skill(self) -> Iterable[tuple[list[str], int]]:
        for n, skill in enumerate(self._skills):
            yield [rule.name for rule in self._task.rules if rule.skill == skill], 1 << n

    def _able(self, wanted: int) -> list[str]:
        """Those who have these skills; all where nobody has."""
        skills = {skill for n, skill in enumerate(self._skills) if wanted >> n & 1}
        reviewers = self._dataset.config.reviewers
        return [name for name in self.names if skills <= {*reviewers[name].skills}] or self.names

    def _in_state(self, state: str, size: int) -> Mask:
        found = np.zeros(size, bool)
        rows = self._db.execute("SELECT item FROM state WHERE task=? AND state=?", (self._task.name, state))
        found[_numbers(rows, size)] = True
        return found

    def _owed(self, reviewer: str, items: NDArray[np.int64], states: Sequence[str]) -> list[int]:
        """Those of these items that another of the names alone decided, and this reviewer has no decision on."""
        others = [name for name in self.names if name != reviewer]
        found: list[int] = []
        for some in chunks(items.tolist(), _AT_A_TIME):
            found += (n for (n,) in self._db.execute(
                f"SELECT s.item FROM state s WHERE s.task=? AND s.item IN ({_marks(some)}) AND s.state IN ({_marks(states)}) "
                f"AND s.decided_by IN ({_marks(others)}) AND NOT EXISTS (SELECT 1 FROM decision d JOIN file f ON f.id=d.file "
                "WHERE d.item=s.item AND d.task=s.task AND f.present AND f.reviewer=? AND d.verdict<>'withdrawn' "
                "AND instr(s.live, d.rid))", (self._task.name, *some, *states, *others, reviewer)))  # fmt: skip
        return found

    def owed(self, reviewer: str, items: NDArray[np.int64]) -> list[int]:
        """Those of these items, by number, that another answered and this reviewer owes an independent answer to."""
        if not (self.overlap and len(items)):
            return []
        twice = self._parts(reviewer, int(items.max()) + 1)[1]
        return self._owed(reviewer, items[twice[items]], _DONE)

    @property
    def _db(self) -> sqlite3.Connection:
        return self._dataset.index.db


def units_of(dataset: Dataset) -> Hashes:
    """What each item is assigned by, at its number: the hash of its group, so that what belongs together stays with one
    person, or else of its key. It is kept in the index, and grows with it."""
    db = dataset.index.db
    known = _kept(db)
    if not db.execute("SELECT 1 FROM item WHERE id>=? LIMIT 1", (max(1, len(known)),)).fetchone():
        return known
    with suppress(sqlite3.OperationalError), transaction(db):  # where nothing can be written it is worked out each time
        found = _grown(db)
        db.execute("DELETE FROM unit")
        db.execute("INSERT INTO unit VALUES (?)", (found.tobytes(),))
        return found
    return _grown(db)


def _kept(db: sqlite3.Connection) -> Hashes:
    stored = db.execute("SELECT hashes FROM unit").fetchone()
    return np.frombuffer(stored[0] if stored else b"", np.uint64)


def _grown(db: sqlite3.Connection) -> Hashes:
    known = _kept(db)
    query = "SELECT id, coalesce(nullif(grp, ''), key) FROM item WHERE id>=? ORDER BY id"
    fresh = dict(db.execute(query, (len(known),)).fetchall())
    found = np.zeros(max(fresh, default=len(known) - 1) + 1, np.uint64)
    found[: len(known)] = known
    found[[*fresh]] = hashed(fresh.values())
    return found


def recorded(dataset: Dataset, task: Task, number: int, reviewer: str) -> set[str]:
    """The records of a reviewer on an item, withdrawn ones and withdrawals among them."""
    return {rid for (rid,) in dataset.index.db.execute(
        "SELECT d.rid FROM decision d JOIN file f ON f.id=d.file WHERE d.item=? AND d.task=? AND f.reviewer=?",
        (number, task.name, reviewer))}  # fmt: skip


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _numbers(rows: Iterable[tuple[int]], size: int) -> NDArray[np.int64]:
    """The numbers that a query gives, as far as they are under `size`."""
    found = np.fromiter((number for (number,) in rows), np.int64)
    return found[found < size]
