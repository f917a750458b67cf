"""What adjudication sees of a dataset: items on which answers stand against each other, and these answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trainset.core.backlog import Backlog, numbers
from trainset.core.comparing import Rival
from trainset.core.dataset import Dataset, Row
from trainset.core.desk import ReviewDesk
from trainset.core.disputes import proposal_of, rivals_of
from trainset.core.files import chunks
from trainset.core.model import Annotation, Item, Task
from trainset.core.pace import Way
from trainset.core.queue import Queue

_AT_A_TIME = 500


class Disputes(Backlog):
    """Items that are disputed, and flagged ones on which several answers stand; `where` narrows them."""

    def _select(self, db: sqlite3.Connection, task: str) -> NDArray[np.int64]:
        chosen = super()._select(db, task)
        stands = "SELECT item FROM state WHERE task=? AND state=?"
        disputed, flagged = (numbers(db.execute(stands, (task, state))) for state in ("disputed", "flagged"))
        several = [
            n for some in chunks(chosen[np.isin(chosen, flagged)].tolist(), _AT_A_TIME) for n in self._several(some)
        ]
        return chosen[np.isin(chosen, [*disputed, *several])]

    def _several(self, items: list[int]) -> list[int]:
        """Those of these items (by number) on which answers stand against each other."""
        rows = list(self._dataset.rows(self._task, numbers=items))
        return [row.number for row in rows if len(rivals_of(self._dataset, self._task, row)) > 1]


class AdjudicationDesk(ReviewDesk):
    """The `RivalDesk` of one reviewer on one task."""

    way: ClassVar[Way] = "adjudicate"

    def __init__(self, dataset: Dataset, task: Task, handle: str, where: str = "") -> None:
        super().__init__(dataset, task, handle, where)
        self._opened: dict[str, Row] = {}

    def versions(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """As for any review; `rivals` are those of this moment."""
        found = super().versions(item)
        self._opened[item.key] = self._shown[item.key]
        return found

    def queue(self) -> Queue:
        """What is in dispute (and `where` names), most urgent first."""
        return Disputes(self._dataset, self.task, self._where)

    def rivals(self, item: Item, *, model: bool = False) -> Sequence[Rival]:
        """The answers that stand; where there are not two, or with `model`, what is proposed too.

        A decision has an origin only where the proposal was shown, or what was shown started from one.
        """
        row = self._opened.get(item.key) or self._row(item)
        found = rivals_of(self._dataset, self.task, row)
        proposal = proposal_of(self._dataset, self.task, row) if model or len(found) < 2 else None
        found += [proposal] if proposal else []
        if all(rival.origin is None for rival in found):
            row = replace(row, run=None, said=None)
        self._shown[item.key] = row
        return found
