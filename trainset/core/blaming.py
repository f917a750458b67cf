"""Of each object of an item's answer: who gave it the form that it has now, when, and from which model it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from trainset.core.dataset import Dataset, Row
from trainset.core.model import Annotation, Decision, Header, Origin, Task
from trainset.errors import RecordError

How = Literal["as proposed", "corrected", "by hand", "imported", "unknown"]
"""How an object came about from what was proposed; `unknown` where that proposal is not at hand."""


@dataclass(frozen=True)
class Blame:
    """An object, and the decision (its `record`, who, and when its session began) that gave it its form. `confirmed` are those
    whose later decisions left it so. `how` says what it was made of, `model` by which model that was proposed."""

    annotation: Annotation
    record: str
    who: str
    when: str
    confirmed: tuple[str, ...]
    how: How
    model: str | None = None
    score: float | None = None


def blame(dataset: Dataset, task: Task, row: Row) -> list[Blame]:
    """Every object of an item's answer; empty where it has none."""
    known = _decisions(dataset, task, row)
    return [
        _trace(dataset, task, row, known, rid, annotation)
        for rid in row.answer
        for annotation in dataset.said(*known[rid]) or ()
        if row.objects is None or row.objects.get(annotation.id) == rid
    ]


def _decisions(dataset: Dataset, task: Task, row: Row) -> dict[str, tuple[Decision, Header]]:
    """Every decision on the item that is here, by id."""
    found = dataset.index.db.execute(
        "SELECT DISTINCT d.rid FROM decision d JOIN file f ON f.id=d.file WHERE f.present AND d.item=? AND d.task=?",
        (row.number, task.name),
    ).fetchall()
    return {rid: dataset.decision(rid) for (rid,) in found}


def _trace(
    dataset: Dataset,
    task: Task,
    row: Row,
    known: Mapping[str, tuple[Decision, Header]],
    rid: str,
    annotation: Annotation,
) -> Blame:
    alike = {rid}
    for other in known[rid][0].on:
        if other in known and any(_same(annotation, x) for x in _said(dataset, known[other])):
            alike.add(other)
    first = min(alike, key=lambda name: (len(alike & set(known[name][0].on)), known[name][1].started, name))
    decision, header = known[first]
    later = sorted({known[name][1].reviewer or "" for name in alike - {first}} - {header.reviewer or ""})
    how, model, score = _source(dataset, task, row, decision, header, annotation)
    return Blame(annotation, first, header.reviewer or "", header.started, tuple(later), how, model, score)


def _said(dataset: Dataset, decision: tuple[Decision, Header]) -> tuple[Annotation, ...]:
    try:
        return dataset.said(*decision) or ()
    except RecordError:  # what cannot be read says nothing; `verify` names it
        return ()


def _source(
    dataset: Dataset, task: Task, row: Row, decision: Decision, header: Header, annotation: Annotation
) -> tuple[How, str | None, float | None]:
    if header.origin == "import":
        return "imported", None, None
    if decision.origin is None:
        return "by hand", None, None
    proposed = _proposed(dataset, task, row, decision.origin)
    run = dataset.index.runs().get(decision.origin.run)
    if proposed is None or run is None:
        return "unknown", run.model if run else None, None
    for one in proposed:
        if one.id == annotation.id:
            return "as proposed" if _same(one, annotation) else "corrected", run.model, one.score
    return "by hand", None, None


def _proposed(dataset: Dataset, task: Task, row: Row, origin: Origin) -> tuple[Annotation, ...] | None:
    raw = dataset.prediction(task, row, origin.run, origin.digest)
    try:
        return None if raw is None else dataset.predicted(row, origin.run, raw)
    except RecordError:
        return None


def _same(a: Annotation, b: Annotation) -> bool:
    """Whether two are one object in one form; a model's score is none of it."""
    return replace(a, score=None) == replace(b, score=None)
