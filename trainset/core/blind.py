"""Blind review: what a model proposes, and what others decided, is hidden until the reviewer has decided."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.assigning import recorded
from trainset.core.assisting import Hint
from trainset.core.backlog import Backlog, numbers
from trainset.core.comparing import Rival
from trainset.core.dataset import Dataset, Row
from trainset.core.deciding import Besides
from trainset.core.listing import Glance
from trainset.core.model import Annotation, AttributeValue, Item, Task, Verdict
from trainset.core.queue import Queue

_OPEN = ("unlabelled", "predicted", "auto-accepted", "rejected", "stale", "reviewed")
"""States that can be decided without a look at what was said; a flag, a dispute, a part wants to be seen."""


class Drawn(Backlog):
    """What rules drew by chance, as far as it waits (or `where` names it)."""

    def _select(self, db: sqlite3.Connection, task: str) -> NDArray[np.int64]:
        chosen = super()._select(db, task)
        drawn = db.execute("SELECT l.item FROM lot l JOIN file f ON f.id=l.file WHERE f.present AND l.task=?", (task,))
        return chosen[np.isin(chosen, numbers(drawn))]


class BlindDesk(AdjudicationDesk):
    """The desk of a reviewer who is shown items of these splits, or with `audit` whatever was drawn for an audit, without
    what is known of them, once: who has recorded anything on an item before sees all of it."""

    way = "item"

    def __init__(
        self,
        dataset: Dataset,
        task: Task,
        handle: str,
        where: str = "",
        *,
        splits: Collection[str] = (),
        audit: bool = False,
    ) -> None:
        super().__init__(dataset, task, handle, where)
        self._splits, self._audit = splits, audit
        self._hidden: set[str] = set()

    def queue(self) -> Queue:
        """What waits, or with `audit` what was drawn of it."""
        return (Drawn if self._audit else Backlog)(self._dataset, self.task, self._where, self.reviewer)

    def blind(self, item: Item) -> str:
        """Why an item is to be decided blind, in words; "" where it is not."""
        if not (self._audit or item.split in self._splits):
            return ""
        row = self._row(item)
        if row.state not in _OPEN or self._has_recorded(row):
            return ""
        return "audit" if self._audit else f"{item.split} split"

    def _has_recorded(self, row: Row) -> bool:
        """Whether the reviewer has said anything of an item, were it taken back since: they may have seen it all then."""
        return bool(recorded(self._dataset, self.task, row.number, self.reviewer))

    def versions(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """Nothing where it is to be decided blind."""
        shown = super().versions(item)
        if not self.blind(item):
            self._hidden.discard(item.key)
            return shown
        self._hidden.add(item.key)
        row = self._shown[item.key]
        self._shown[item.key] = replace(row, seen=self._asked_anew(row))
        return {"new": ()}

    def _asked_anew(self, row: Row) -> tuple[str, ...]:
        """What a blind decision names: what asks for an answer (a rejection, a reopening) and all that this had seen. The
        answers of others stand beside it."""
        asking = [(rid, self._dataset.decision(rid)[0]) for rid in row.live]
        named = (name for rid, d in asking if d.verdict in ("rejected", "reopened") for name in (rid, *d.on))
        return tuple(sorted(set(named)))

    def hints(self, item: Item, taken: Collection[str]) -> Mapping[str, Hint]:
        """Nothing where it is decided blind."""
        return {} if item.key in self._hidden else super().hints(item, taken)

    def item_attributes(self, item: Item) -> Mapping[str, AttributeValue]:
        """None where it is decided blind."""
        return {} if item.key in self._hidden else super().item_attributes(item)

    def why(self, item: Item) -> Sequence[str]:
        """Only that it is decided blind, where it is."""
        if item.key in self._hidden:
            return [f"blind ({self.blind(item)}): what is known of it is shown once you have decided"]
        return super().why(item)

    def glances(self, keys: Sequence[str]) -> dict[str, Glance]:
        """Nothing but that it is decided blind, where it is."""
        found = super().glances(keys)
        for key in found:
            if why := self.blind(self._dataset.item(key)):
                found[key] = Glance("blind", None, (why,), open=False)
        return found

    def history(self, item: Item) -> Sequence[str]:
        """Nothing where it is decided blind."""
        return () if item.key in self._hidden else super().history(item)

    def record(
        self, item: Item, verdict: Verdict, annotations: Sequence[Annotation] | None = None, **more: Unpack[Besides]
    ) -> str:
        """Write a decision, marked as blind where the item was shown so."""
        more["blind"] = item.key in self._hidden
        record = super().record(item, verdict, annotations, **more)
        if more["blind"]:
            self._hidden.discard(item.key)
            self._shown[item.key] = self._row(item)
        return record

    def rivals(self, item: Item, *, model: bool = False) -> Sequence[Rival]:
        """The reviewer's own answer first, then what is proposed, then what others say."""
        found = super().rivals(item, model=model)
        return sorted(found, key=lambda r: (r.who != self.reviewer, r.verdict is not None))
