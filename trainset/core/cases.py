"""The items of a task that a person may still have to see, as rules and rankers see them, in one pass over the index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from trainset.core.dataset import WAITING, Dataset
from trainset.core.model import Prediction, Task
from trainset.core.protocols import Case

_STATES = (*WAITING, "auto-accepted")
_prediction = msgspec.json.Decoder(Prediction)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A case with its item's number in the index, and whether a person's decision stands on it."""

    number: int
    human: bool
    case: Case

    @property
    def judged(self) -> bool:
        """Whether rules have a say: there is a proposal at hand, and no person's answer stands against it."""
        return self.case.annotations is not None and self.case.state in ("predicted", "partial", "auto-accepted")


def cases(dataset: Dataset, task: Task) -> Iterator[Numbered]:
    """Every item that waits for a person or was accepted by a rule, with the proposal that is shown for it."""
    index = dataset.index
    paths = dict(index.db.execute("SELECT id, path FROM file"))
    rows = index.db.execute(
        "SELECT i.id, i.file, i.offset, i.length, s.state, s.reasons, s.run, s.human, p.file, p.offset, p.length, "
        "a.objects, (SELECT max(o.dropped) FROM outcome o WHERE o.item=s.item AND o.task=s.task AND o.run=s.run AND o.digest=s.digest) FROM item i "
        "LEFT JOIN state s ON s.task=? AND s.item=i.id LEFT JOIN asked a ON a.task=s.task AND a.item=s.item LEFT JOIN prediction p ON p.item=s.item AND p.task=s.task AND p.run=s.run "
        "AND p.digest=s.digest AND p.file IN (SELECT id FROM file WHERE present) WHERE i.alive "
        f"AND coalesce(s.state, 'unlabelled') IN ({','.join('?' * len(_STATES))}) ORDER BY i.id", (task.name, *_STATES))  # fmt: skip
    before = 0
    for number, file, offset, length, state, reasons, run, human, part, place, size, objects, dropped in rows:
        if number == before:  # the same prediction lies in several files
            continue
        before = number
        annotations = None
        if part is not None:
            stored = _prediction.decode(index.record_bytes(paths[part], place, size)).annotations
            annotations = dataset.proposed(run, stored)
            if objects is not None:
                there = json.loads(objects)
                annotations = tuple(a for a in annotations if a.id in there)
        why = () if reasons in (None, "[]") else tuple(json.loads(reasons))
        item = index.item(file, offset, length, paths)
        yield Numbered(number, bool(human), Case(item, state or "unlabelled", annotations, run, why, dropped or 0))
