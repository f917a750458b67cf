"""What two revisions of a dataset differ in, in its own words: items, states, and answers object by object.

A revision is a set of files, and label files are only ever added. So what may differ are the items that some file speaks
of which only one of the two has, and nothing else is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from trainset.core.comparing import Difference, Rival, differences
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset, Row
from trainset.core.files import chunks
from trainset.core.index.slices import spoken_of
from trainset.core.migrations import Migrations, read_migrations
from trainset.core.model import Annotation, AttributeValue, Item, Migration, State, Task
from trainset.core.records import UNREADABLE, lines, parse
from trainset.core.tree import Tree

Word = Literal["added", "removed", "relabelled", "moved", "changed"]
"""What became of an object: `moved` to another place, `changed` in its attributes."""

_SPEAKING = ("labels/items", "labels/decisions")
_AT_A_TIME = 500


@dataclass(frozen=True)
class ObjectChange:
    """What became of one object of an answer; `alike` is how like the two places are, 1 where there is no other."""

    word: Word
    before: Annotation | None
    after: Annotation | None
    alike: float = 1.0


@dataclass(frozen=True)
class ItemChange:
    """An item that differs for a task. `before` and `after` are its states, None where it was, or is, no item; `by` are those
    whose decision stands now, or stood before where none does. `attributes` are the item's own that differ, as (before,
    after)."""

    key: str
    before: State | None
    after: State | None
    by: tuple[str, ...]
    objects: tuple[ObjectChange, ...] = ()
    attributes: Mapping[str, tuple[AttributeValue, AttributeValue]] | None = None


class Diff:
    """The differences from `before` to `after`, two states of one dataset that hold the items which may differ."""

    def __init__(self, before: Dataset, after: Dataset, keys: Collection[str]) -> None:
        self.before, self.after, self.keys = before, after, sorted(keys)
        self._asked = {
            task.name: [m.words for m in after.changes(task).beyond(before.changes(task))] for task in self.tasks
        }

    @property
    def tasks(self) -> list[Task]:
        """Those that both have."""
        return [task for name, task in self.after.config.tasks.items() if name in self.before.config.tasks]

    def migrations(self, task: Task) -> list[str]:
        """How the task's question changed, in words."""
        return self._asked[task.name]

    def changes(self, task: Task, where: str = "") -> Iterator[ItemChange]:
        """Items that differ for a task, by key; `where` says which, as they are afterwards."""
        earlier = self.before.config.tasks[task.name]
        context = TaskContext(self.after, task)
        for keys in chunks(self.keys, _AT_A_TIME):
            was, now = _rows(self.before, earlier, keys), _rows(self.after, task, keys, where)
            for key in keys:
                if where and key not in now:
                    continue
                change = self._change(earlier, task, context, was.get(key), now.get(key))
                if change is not None:
                    yield change

    def _change(
        self, earlier: Task, task: Task, context: TaskContext, a: Row | None, b: Row | None
    ) -> ItemChange | None:
        there = b or a
        if there is None:
            return None
        objects, attributes = self._answers(earlier, task, context, there.item, a, b)
        before, after = (row.state if row else None for row in (a, b))
        if before == after and not objects and not attributes:
            return None
        by = b.decided_by if b and b.decided_by else a.decided_by if a else ()
        return ItemChange(there.item.key, before, after, by, objects, attributes)

    def _answers(
        self, earlier: Task, task: Task, context: TaskContext, item: Item, a: Row | None, b: Row | None
    ) -> Any:
        if a is not None and b is not None and a.answer == b.answer and a.live == b.live and not self._asked[task.name]:
            return (), None
        said, says = _answer(self.before, earlier, a), _answer(self.after, task, b)
        since = self.after.changes(task).since(self.before.changes(earlier).heads)
        said = since.annotations(said) if since else said
        kept = frozenset(x.id for x in said) if a and b and self._follows(a, b) else frozenset[str]()
        origin = "answer" if kept else None
        own = [d.item_attributes(row) if row else {} for d, row in ((self.before, a), (self.after, b))]
        sides = [
            Rival("before", annotations=said, attributes=own[0], origin=origin, kept=kept),
            Rival("after", annotations=says, attributes=own[1], origin=origin, kept=kept),
        ]
        found = differences(sides, task, item, context.similarity)
        objects = [_object(d) for d in found if d.attribute is None]
        attributes = {d.attribute: (d.values[0], d.values[1]) for d in found if d.attribute is not None}
        return tuple(x for x in objects if x is not None), attributes or None

    def _follows(self, a: Row, b: Row) -> bool:
        """Whether an answer was made from the other one, so that its objects kept their ids."""
        return bool(set(a.answer) & {rid for own in b.answer for rid in (own, *self.after.decision(own)[0].on)})


def _object(found: Difference) -> ObjectChange | None:
    before, after = found.sides
    if before is None or after is None:
        return ObjectChange("added" if before is None else "removed", before, after)
    if before.label != after.label:
        return ObjectChange("relabelled", before, after, found.alike)
    if "attributes" in found.facets:
        return ObjectChange("changed", before, after, found.alike)
    return ObjectChange("moved", before, after, found.alike) if found.alike < 1 else None


def _rows(dataset: Dataset, task: Task, keys: Sequence[str], where: str = "") -> dict[str, Row]:
    found = dataset.index.db.execute(f"SELECT id FROM item WHERE key IN ({','.join('?' * len(keys))}) AND alive", keys)
    numbers = [number for (number,) in found]
    return {row.item.key: row for row in dataset.rows(task, where, numbers=numbers)} if numbers else {}


def _answer(dataset: Dataset, task: Task, row: Row | None) -> tuple[Annotation, ...]:
    return dataset.answer(task, row) if row is not None and row.answer else ()


@contextmanager
def compared(dataset: Dataset, before: str, after: str | None = None) -> Iterator[Diff]:
    """The differences between two revisions, or a revision and the dataset as it is on disk, which `dataset` is open at.

    `before` may also be `A..B`, which are both, or `A...B`: what came to B since it left A. HEAD is the one that is left out.
    """
    if after is None and ".." in before:
        before, after = _ends(dataset, before)
    first = dataset.repository.resolve(before)
    second = dataset.repository.resolve(after) if after is not None else None
    keys = _touched(dataset, first, second)
    with dataset.at(first, keys) as a:
        if second is None:
            yield Diff(a, dataset, keys)
        else:
            with dataset.at(second, keys) as b:
                yield Diff(a, b, keys)


def _ends(dataset: Dataset, both: str) -> tuple[str, str]:
    """The two revisions of `A..B` or `A...B`, as Git has them."""
    mark = "..." if "..." in both else ".."
    before, after = (name or "HEAD" for name in both.split(mark, 1))
    return (dataset.repository.fork(before, after) if mark == "..." else before), after


def _touched(dataset: Dataset, first: str, second: str | None) -> set[str]:
    """The items that some file speaks of which only one of two revisions has."""
    trees: list[Tree] = [
        dataset.revision_tree(first),
        dataset.tree if second is None else dataset.revision_tree(second),
    ]
    listed = [{(s.path, s.size): s for s in tree.files(_SPEAKING)} for tree in trees]
    keys: set[str] = set()
    for tree, own, other in zip(trees, listed, reversed(listed), strict=True):
        found, lacking = spoken_of(dataset.index.db, [stamp for name, stamp in own.items() if name not in other])
        keys |= found
        for stamp in lacking:
            keys |= _keys(tree.read(stamp.path))
    for task, migrations in read_migrations(trees[1]).items():
        for one in migrations.beyond(read_migrations(trees[0]).get(task, Migrations())):
            keys |= _asked_anew(dataset, task, one)
    return keys


def _asked_anew(dataset: Dataset, task: str, migration: Migration) -> set[str]:
    """The items that wait for another look since a migration, or may."""
    if len(migration.into) == 1 or (migration.attribute is not None and not migration.required):
        return set()
    named = " OR ".join("instr(d.labels, ?)" for _ in migration.labels) or "d.labels<>''"
    rows = dataset.index.db.execute(
        f"SELECT DISTINCT i.key FROM decision d JOIN item i ON i.id=d.item WHERE d.task=? AND ({named})",
        (task, *(f"|{label}|" for label in migration.labels)),
    )
    return {key for (key,) in rows}


class _Glance(msgspec.Struct):
    item: Any


_glance = msgspec.json.Decoder(_Glance)


def _keys(data: bytes) -> set[str]:
    """The items that the records of a file speak of."""
    found = set()
    for record in filter(None, (parse(line) for _, line in lines(data))):
        try:
            item = _glance.decode(record[1]).item
        except UNREADABLE:
            continue
        key = item.get("key") if isinstance(item, dict) else item
        if isinstance(key, str):
            found.add(key)
    return found
