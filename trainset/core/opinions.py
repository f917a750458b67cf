"""The items of a dataset that several people answered, one at a time: what each said by themselves, and who changed whose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from trainset.core.dataset import Dataset
from trainset.core.files import chunks
from trainset.core.fold import Vote
from trainset.core.independence import Overruling, independent, overrulings
from trainset.core.matching import equivalent
from trainset.core.model import Annotation, AttributeValue, Decision, Header, Item, Task
from trainset.core.records import read_header
from trainset.core.where import parse
from trainset.errors import RecordError

_decision = msgspec.json.Decoder(Decision)
_CHUNK = 500


@dataclass(frozen=True)
class Opinion:
    """What a reviewer said of an item without sight of another's answer, in the words of today's labels, and the month
    (`2026-11`) in which the session began.

    In a task on another's objects, `annotations` are of those objects alone that they answered so.
    """

    reviewer: str
    month: str
    annotations: tuple[Annotation, ...]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """An item, what people said of it independently, by reviewer, and whose answers were changed by others."""

    item: Item
    opinions: Sequence[Opinion]
    overrulings: Sequence[Overruling] = ()


@dataclass(frozen=True)
class _Given:
    vote: Vote
    blind: bool
    month: str
    annotations: tuple[Annotation, ...]
    attributes: Mapping[str, AttributeValue]


class Opinions:
    """Iterates over the items that more than one person decided and that `where` names, in the order they were added.
    `total` is how many there are; afterwards `unreadable` counts the decisions that could not be read."""

    def __init__(self, dataset: Dataset, task: Task, where: str = "") -> None:
        self._dataset, self._task = dataset, task
        self.unreadable = 0
        condition = parse(where, task.name)
        several = ("SELECT d.item FROM decision d JOIN file f ON f.id=d.file WHERE f.present AND NOT f.rule AND d.task=? "
                   "GROUP BY d.item HAVING count(DISTINCT f.reviewer)>1")  # fmt: skip
        found = dataset.index.db.execute(
            f"SELECT i.id FROM ({several}) t JOIN item i ON i.id=t.item LEFT JOIN state s ON s.item=i.id AND s.task=? "
            f"WHERE i.alive AND {condition.sql} ORDER BY i.id", (task.name, task.name, *condition.values))  # fmt: skip
        self._items: list[int] = [number for (number,) in found]
        self.total = len(self._items)

    def __iter__(self) -> Iterator[Said]:
        paths: dict[int, str] = {}
        headers: dict[int, Header] = {}
        for some in chunks(self._items, _CHUNK):
            rows = self._dataset.index.db.execute(
                "SELECT i.id, i.file, i.offset, i.length, i.media, s.live, a.objects, d.rid, f.id, f.path, d.offset, d.length "
                "FROM item i JOIN state s ON s.item=i.id AND s.task=? JOIN decision d ON d.item=i.id AND d.task=? JOIN file f "
                f"ON f.id=d.file LEFT JOIN asked a ON a.item=i.id AND a.task=? WHERE i.id IN ({','.join('?' * len(some))}) "
                "AND f.present ORDER BY i.id", (*(self._task.name,) * 3, *some)).fetchall()  # fmt: skip
            for _, group in groupby(rows, key=itemgetter(0)):
                own = list(group)
                _, file, offset, length, media, live, objects = own[0][:7]
                standing = frozenset(live.split())
                places = {row[7]: row[8:] for row in own if row[7] in standing}
                given = [g for rid, place in places.items() if (g := self._given(rid, place, headers)) is not None]
                item = self._dataset.index.item(file, offset, length, paths)
                yield self._said(item, media, given, msgspec.json.decode(objects) if objects else None)

    def _given(self, rid: str, place: tuple[Any, ...], headers: dict[int, Header]) -> _Given | None:
        """A decision with what it holds; None where that cannot be read."""
        file, path, offset, length = place
        decision = _decision.decode(self._dataset.index.record_bytes(path, offset, length))
        if file not in headers:
            raw = self._dataset.index.db.execute("SELECT header FROM file WHERE id=?", (file,)).fetchone()[0]
            header = read_header(raw)
            assert header is not None
            headers[file] = header
        header = headers[file]
        try:
            annotations = self._dataset.said(decision, header) or ()
        except RecordError:
            self.unreadable += 1
            return None
        origin = decision.origin.digest if decision.origin else None
        vote = Vote(rid, header.reviewer or "", decision.verdict, header.rule is not None, frozenset(decision.on),
                    decision.object, decision.objects, origin, decision.media)  # fmt: skip
        return _Given(vote, decision.blind, header.started[:7], annotations, decision.attributes)

    def _said(self, item: Item, media: str | None, given: Sequence[_Given], objects: Mapping[str, Any] | None) -> Said:
        blind = frozenset(g.vote.id for g in given if g.blind)
        changed: list[Overruling] = []
        found: dict[str, list[Opinion]] = {}
        for name in (None,) if self._task.on is None else tuple(objects or ()):
            about = _About(self, item, {g.vote.id: g for g in given if name is None or _concerns(g, name)}, name)
            changed += overrulings(about.votes, blind, about.same)
            for reviewer, ids in independent(about.votes, blind, about.same, media).items():
                month = max((about.given[rid].month for rid in ids), default="")
                found.setdefault(reviewer, []).append(
                    Opinion(reviewer, month, about.annotations(ids), about.attributes(ids))
                )
        return Said(item, [_joined(some) for some in found.values()], changed)

    @cached_property
    def _ops(self) -> Any:
        return partial(self._dataset.kit.ops, task=self._task)

    def equivalent(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> bool:
        """Whether two answers say the same by the task's measure."""
        return a == b or equivalent(a, b, item, self._ops, self._task.agree_above)


@dataclass(frozen=True)
class _About:
    """The decisions that speak of an item as a whole, or of one of its objects by name."""

    of: Opinions
    item: Item
    given: Mapping[str, _Given]
    name: str | None

    @property
    def votes(self) -> list[Vote]:
        return [g.vote for g in self.given.values()]

    def annotations(self, ids: Sequence[str]) -> tuple[Annotation, ...]:
        return tuple(a for rid in ids for a in self.given[rid].annotations if self.name in (None, a.id))

    def attributes(self, ids: Sequence[str]) -> dict[str, AttributeValue]:
        return {key: value for rid in ids for key, value in self.given[rid].attributes.items() if value is not None}

    def same(self, a: Sequence[str], b: Sequence[str]) -> bool:
        return self.attributes(a) == self.attributes(b) and self.of.equivalent(
            self.annotations(a), self.annotations(b), self.item
        )


def _concerns(given: _Given, name: str) -> bool:
    """Whether a decision in a task on another's objects bears on one of them; what is no answer does on all."""
    return given.vote.verdict not in ("accepted", "corrected") or any(a.id == name for a in given.annotations)


def _joined(some: Sequence[Opinion]) -> Opinion:
    """What one reviewer said of several objects of an item."""
    annotations = tuple(a for opinion in some for a in opinion.annotations)
    return Opinion(some[0].reviewer, max(o.month for o in some), annotations, some[0].attributes)
