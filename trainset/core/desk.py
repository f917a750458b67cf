"""What a review session sees of a dataset: the queue, versions to start from, and durable decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Unpack

import msgspec

from trainset.core.assigning import ALONE, Assignment
from trainset.core.assisting import Hint, hints
from trainset.core.backlog import Backlog
from trainset.core.company import Company
from trainset.core.dataset import WAITING, Dataset, Row
from trainset.core.deciding import Besides, Recorder
from trainset.core.disputes import answers_of
from trainset.core.drafts import Draft, Drafts
from trainset.core.listing import Glance
from trainset.core.model import Annotation, AttributeValue, Item, State, Task, Verdict
from trainset.core.pace import Pace, Way
from trainset.core.queue import Queue


class ReviewDesk:
    """The `Desk` of one reviewer on one task. `where` narrows the queue (see `trainset.core.where`). `pace` is the
    reviewer's own in this `way` to review."""

    way: ClassVar[Way] = "item"

    def __init__(self, dataset: Dataset, task: Task, handle: str, where: str = "") -> None:
        self.task, self.reviewer = task, handle
        self.pace = Pace.of(dataset, task, handle, self.way)
        self._dataset = dataset
        self._where = where
        self.company = Company(dataset, task, handle, lambda: self._recorder.file)
        self._drafts = Drafts(dataset, task, handle)
        self._recorder = Recorder.person(dataset, task, handle)
        self._shown: dict[str, Row] = {}
        self._assignment = Assignment(dataset, task)
        self._unseen: set[str] = set()
        """Items of which the reviewer has seen no other's decision in this session."""

    def queue(self) -> Queue:
        """What waits for the reviewer (or what `where` names, whatever its state), most urgent first."""
        return Backlog(self._dataset, self.task, self._where, self.reviewer)

    @property
    def whose(self) -> str:
        """Whose the items of the queue are, in words: "yours" where the reviewer has a part of what waits; "" for all of it."""
        return "yours" if self._assignment.narrows and not self._where else ""

    @property
    def outside(self) -> str:
        """Why the queue has nothing for the reviewer, in words; "" where they have their part of it."""
        return "" if self._where else self._assignment.outside(self.reviewer)

    def item(self, key: str) -> Item:
        """The item of this key."""
        return self._dataset.item(key)

    def _row(self, item: Item) -> Row:
        """An item as it stands; to who owes an independent answer to it, without what another decided."""
        row = self._dataset.row(item.key, self.task)
        if self._owes(row):
            self._unseen.add(item.key)
            return self._assignment.unseen(row)
        (self._unseen.add if {*row.decided_by} <= {self.reviewer} else self._unseen.discard)(item.key)
        return row

    def _owes(self, row: Row) -> bool:
        return self._assignment.owes(self.reviewer, row, again=row.item.key in self._unseen)

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
            found[self._called(run)] = proposed
        return found or {"new": ()}

    def _called(self, run: str) -> str:
        return f"{self._dataset.index.runs()[run].model} {run[-6:]}"

    def hints(self, item: Item, taken: Collection[str]) -> Mapping[str, Hint]:
        """What each run says beside what it proposes."""
        row = self._shown.get(item.key) or self._row(item)
        return {self._called(run): hint for run, hint in hints(self._dataset, self.task, row, taken).items()}

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

    def glances(self, keys: Sequence[str]) -> dict[str, Glance]:
        """How many items stand, as far as a list has room to say."""
        rows = self._dataset.index.db.execute(
            "SELECT i.key, coalesce(s.state, 'unlabelled'), s.low, coalesce(s.reasons, '[]'), "
            "(SELECT group_concat(DISTINCT n.rule) FROM finding n INDEXED BY finding_item WHERE n.task=? AND n.item=i.id) "
            "FROM item i LEFT JOIN state s ON s.item=i.id AND s.task=? "
            f"WHERE i.alive AND i.key IN ({','.join('?' * len(keys))})", (self.task.name, self.task.name, *keys))  # fmt: skip
        found = {}
        for key, state, low, reasons, rules in rows:
            waits = state in WAITING
            found[key] = Glance(state, low, (*msgspec.json.decode(reasons), *(rules or "").split(",") * waits), waits)
            if self._assignment.overlap and state in ALONE and self._owes(row := self._dataset.row(key, self.task)):
                alone = self._assignment.unseen(row)
                found[key] = Glance(alone.state, low, tuple((rules or "").split(",")))
        return found

    def history(self, item: Item) -> Sequence[str]:
        """Its decisions, a line each, in the order in which their sessions began; none that are kept from the reviewer."""
        if self._owes(self._dataset.row(item.key, self.task)):
            return []
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
        self.pace.took(self._recorder.file, {record: more.get("seconds") or 0.0})
        return record

    def withdraw(self, item: Item, record: str) -> str:
        """Take back one of the session's own decisions."""
        (withdrawal,) = self._recorder.write([self._recorder.withdrawal(item.key, record)])
        self.pace.took_back([record])
        return withdrawal

    def drafts(self) -> Sequence[Draft]:
        """What earlier sessions of the reviewer left undecided, the latest first; what another window has open is at work."""
        elsewhere = self.company.open_elsewhere()
        return [draft for draft in self._drafts.found(self._row) if draft.item.key not in elsewhere]

    def keep_draft(
        self, item: Item, annotations: Sequence[Annotation], attributes: Mapping[str, AttributeValue], note: str | None
    ) -> None:
        """Have an edit of an item on disk soon, in place of an earlier one."""
        self._drafts.keep(self._shown.get(item.key) or self._row(item), annotations, attributes, note)

    def drop_draft(self, key: str) -> None:
        """Forget the edit of an item."""
        self._drafts.drop(key)

    def waiting(self) -> int:
        """How many items wait for a person."""
        counts = self._dataset.counts(self.task)
        return sum(counts.get(state, 0) for state in WAITING)  # type: ignore[call-overload]

    def uncommitted(self) -> int:
        """How many decisions are on disk but in no commit."""
        return self._dataset.uncommitted()

    def close(self) -> None:
        """End the session's file, once what is left undecided is on disk, and let go of what is open."""
        self._drafts.close()
        self.company.close()
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
