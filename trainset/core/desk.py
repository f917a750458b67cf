"""What a review session sees of a dataset: the queue, versions to start from, and durable decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from trainset.core.backlog import Backlog
from trainset.core.dataset import WAITING, Dataset, Row
from trainset.core.deciding import Besides, Recorder
from trainset.core.disputes import answers_of
from trainset.core.model import Annotation, AttributeValue, Item, State, Task, Verdict


class ReviewDesk:
    """The `Desk` of one reviewer on one task. `where` narrows the queue (see `trainset.core.where`)."""

    def __init__(self, dataset: Dataset, task: Task, handle: str, where: str = "") -> None:
        self.task, self.reviewer = task, handle
        self._dataset = dataset
        self._where = where
        self._recorder = Recorder.person(dataset, task, handle)
        self._shown: dict[str, Row] = {}

    def queue(self) -> Backlog:
        """What waits for a person (or what `where` names, whatever its state), most urgent first."""
        return Backlog(self._dataset, self.task, self._where)

    def item(self, key: str) -> Item:
        """The item of this key."""
        return self._dataset.item(key)

    def _row(self, item: Item) -> Row:
        return self._dataset.row(item.key, self.task)

    def state(self, item: Item) -> State:
        """Where it stands now."""
        return self._row(item).state

    def versions(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """The answer if there is one, then what each head and each run says; the first is what is edited."""
        row = self._shown[item.key] = self._row(item)
        found: dict[str, Sequence[Annotation]] = {}
        if row.state in ("disputed", "flagged"):
            found.update(answers_of(self._dataset, self.task, row))
        elif row.answer or row.state == "partial":
            found["decided"] = self._dataset.answered(self.task, row) or ()
        for run, proposed in self._dataset.predictions(self.task, row).items():
            found[f"{self._dataset.index.runs()[run].model} {run[-6:]}"] = proposed
        return found or {"new": ()}

    def item_attributes(self, item: Item) -> Mapping[str, AttributeValue]:
        """The attributes of the item as a whole."""
        return self._dataset.item_attributes(self._row(item))

    def why(self, item: Item) -> Sequence[str]:
        """What the fold and the rules say of it."""
        row = self._row(item)
        db = self._dataset.index.db
        found = db.execute(
            "SELECT DISTINCT rule||': '||reason FROM finding WHERE task=? AND item=?", (self.task.name, row.number)
        )
        return [*self._flags(row), *row.reasons, *(r for (r,) in found)]

    def _flags(self, row: Row) -> list[str]:
        """Who flagged it, and what they noted."""
        if row.state != "flagged":
            return []
        heads = map(self._dataset.decision, row.live)
        return [
            f"flagged by {header.reviewer}{f': {flag.note}' if flag.note else ''}"
            for flag, header in heads
            if flag.verdict == "flagged"
        ]

    def history(self, item: Item) -> Sequence[str]:
        """Its decisions, a line each, in the order in which their sessions began."""
        return [
            " ".join((h.when[:16].replace("T", " "), h.who, h.what))
            for h in history(self._dataset, self.task, self._row(item))
        ]

    def record(
        self, item: Item, verdict: Verdict, annotations: Sequence[Annotation] | None = None, **more: Unpack[Besides]
    ) -> str:
        """Write a decision; its id once it is on disk. It supersedes what there was when `versions` showed the item, and
        nothing that others wrote meanwhile."""
        row = self._shown.get(item.key) or self._row(item)
        record = self._recorder.decide(row, verdict, annotations, **more)
        self._shown[item.key] = followed(row, record)
        return record

    def withdraw(self, item: Item, record: str) -> str:
        """Take back one of the session's own decisions."""
        return self._recorder.withdraw(self._row(item), record)

    def waiting(self) -> int:
        """How many items wait for a person."""
        counts = self._dataset.counts(self.task)
        return sum(counts.get(state, 0) for state in WAITING)  # type: ignore[call-overload]

    def uncommitted(self) -> int:
        """How many decisions are on disk but in no commit."""
        return self._dataset.uncommitted()

    def close(self) -> None:
        """End the session's file."""
        self._recorder.close()


def followed(row: Row, record: str) -> Row:
    """An item as it was shown, with a decision that was recorded since: the next one names it too."""
    return replace(row, live=(*row.live, record), seen=(*row.seen, record))


@dataclass(frozen=True)
class Note:
    """A line of an item's history: when its session began, who, what, and the record's id."""

    when: str
    who: str
    what: str
    rid: str


def history(dataset: Dataset, task: Task, row: Row) -> list[Note]:
    """Every decision on an item, in the order in which their sessions began."""
    found = dataset.index.db.execute(
        "SELECT f.started, f.reviewer, d.rid, d.verdict, d.object, d.labels FROM decision d JOIN file f ON f.id=d.file WHERE f.present "
        "AND d.item=? AND d.task=? GROUP BY d.rid ORDER BY f.started, f.path, d.offset", (row.number, task.name)).fetchall()  # fmt: skip
    out = []
    for started, who, rid, verdict, object_, labels in found:
        decision, _ = dataset.decision(rid)
        count = "" if labels is None else f" with {len(labels.strip('|').split('|')) if labels else 0} annotation(s)"
        blind = " blind" if decision.blind else ""
        text = f"{verdict}{f' object {object_}' if object_ else ''}{blind}{count}"
        extra = [x for x in (decision.reason, decision.note) if x]
        out.append(Note(started, who or "", f"{text}{': ' + '; '.join(extra) if extra else ''}", rid))
    return out
