"""The answers to an item that stand beside each other, as a dataset has them: who gave them, when, and from what proposal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from trainset.core.comparing import Rival
from trainset.core.dataset import Dataset, Row
from trainset.core.fold import Vote, heads_of
from trainset.core.model import Annotation, Decision, Header, Origin, Task, Verdict
from trainset.core.parts import so_far
from trainset.errors import RecordError

_SAID: tuple[Verdict, ...] = ("accepted", "corrected", "rejected", "excluded")
"""Verdicts on an item that one can take; a flag or a reopening asks for another look, and says nothing to take."""


def rivals_of(dataset: Dataset, task: Task, row: Row) -> list[Rival]:
    """What each reviewer says of an item, as far as nobody superseded it, the earliest first; a rule's word only where no
    person has one. Who decided object by object says of the others what the rest of the answer, or the proposal, does."""
    decisions = {rid: dataset.decision(rid) for rid in row.live}
    if row.objects is not None:
        return _in_order(_on_objects(dataset, row, decisions))
    heads = standing(decisions)
    if any(not _is_rule(header) for _, header in heads.values()):
        heads = {rid: pair for rid, pair in heads.items() if not _is_rule(pair[1])}
    parts = [(d, header) for d, header in heads.values() if d.object is not None and d.verdict != "rejected"]
    whole = [(d, header) for d, header in heads.values() if d.object is None and d.verdict in _SAID]
    found = [*(_whole(dataset, task, row, *pair) for pair in whole)]
    for origin in {d.origin.digest: d.origin for d, _ in parts if d.origin is not None}.values():
        some = [(d, header) for d, header in parts if d.origin is not None and d.origin.digest == origin.digest]
        found += _by_parts(dataset, task, row, origin, some)
    return _in_order(rival for rival in found if rival is not None)


def answers_of(dataset: Dataset, task: Task, row: Row) -> dict[str, tuple[Annotation, ...]]:
    """Those that hold annotations, by who gave them and when."""
    found: dict[str, tuple[Annotation, ...]] = {}
    for rival in rivals_of(dataset, task, row):
        if rival.annotations is not None:
            name = rival.title
            found[name if name not in found else f"{name} #{len(found) + 1}"] = rival.annotations
    return found


def _in_order(rivals: Iterable[Rival]) -> list[Rival]:
    return sorted(rivals, key=lambda rival: (rival.when, rival.who))


def proposal_of(dataset: Dataset, task: Task, row: Row) -> Rival | None:
    """What is proposed for an item, None where nothing is, or it is not at hand."""
    proposed = dataset.proposal(task, row)
    if proposed is None or row.run is None:
        return None
    run = dataset.index.runs()[row.run]
    kept = frozenset(a.id for a in proposed)
    return Rival(f"{run.model} (model)", _when(run.started), None, proposed, {}, None, row.said, kept)


def _is_rule(header: Header) -> bool:
    return header.rule is not None or (header.reviewer or "").startswith("rule.")


def standing(decisions: Mapping[str, tuple[Decision, Header]]) -> dict[str, tuple[Decision, Header]]:
    """Those that no other supersedes."""
    votes = (
        Vote(
            rid,
            header.reviewer or "",
            decision.verdict,
            rule=_is_rule(header),
            on=frozenset(decision.on),
            object=decision.object,
            proposal=decision.origin.digest if decision.origin else None,
        )
        for rid, (decision, header) in decisions.items()
    )
    return {vote.id: decisions[vote.id] for vote in heads_of(votes)}


def _when(started: str) -> str:
    return started[:16].replace("T", " ")


def _whole(dataset: Dataset, task: Task, row: Row, decision: Decision, header: Header) -> Rival | None:
    try:
        said = dataset.said(decision, header)
    except RecordError:  # what cannot be read is no answer to choose from; `verify` names it
        return None
    origin = decision.origin
    proposed = (_proposed(dataset, task, row, origin) if origin else None) or ()
    return Rival(
        header.reviewer or "", _when(header.started), decision.verdict, said, decision.attributes, decision.note,
        origin.digest if origin else None, frozenset(a.id for a in proposed) & {a.id for a in said or ()},
    )  # fmt: skip


def _proposed(dataset: Dataset, task: Task, row: Row, origin: Origin) -> tuple[Annotation, ...] | None:
    """The proposal that a decision started from; None where it is not at hand, or cannot be read."""
    raw = dataset.prediction(task, row, origin.run, origin.digest)
    with suppress(RecordError):
        return None if raw is None else dataset.predicted(row, origin.run, raw)
    return None


def _by_parts(
    dataset: Dataset, task: Task, row: Row, origin: Origin, parts: Sequence[tuple[Decision, Header]]
) -> list[Rival]:
    """Each reviewer's own word on the objects of a proposal that they decided, and the others' on the rest; one answer
    where that is the same for all."""
    proposed = _proposed(dataset, task, row, origin)
    if proposed is None:
        return []
    said: dict[str, dict[str, tuple[Verdict, Annotation | None, str]]] = {}
    for decision, header in parts:
        with suppress(RecordError):
            given = dataset.said(decision, header)
            own = said.setdefault(header.reviewer or "", {})
            own[decision.object or ""] = (decision.verdict, given[0] if given else None, _when(header.started))
    found = []
    for who, own in said.items():
        rest = {name: v for other, theirs in said.items() if other != who for name, v in theirs.items()}
        both = {**rest, **own}
        verdicts = {name: verdict for name, (verdict, _, _) in both.items()}
        answers = [a for _, a, _ in both.values() if a is not None]
        when = max(started for _, _, started in own.values())
        kept = so_far(proposed, answers, verdicts)
        found.append(Rival(who, when, "corrected", kept, {}, None, origin.digest, frozenset(a.id for a in kept)))
    if found and all(rival.annotations == found[0].annotations for rival in found):
        return [replace(found[-1], who=", ".join(sorted(said)))]
    return found


def _on_objects(dataset: Dataset, row: Row, decisions: Mapping[str, tuple[Decision, Header]]) -> list[Rival]:
    """In a task on another's objects: what each reviewer says of those that are there, as far as no later decision that
    saw it says otherwise."""
    there = row.objects or {}
    said: dict[str, tuple[Decision, Header, tuple[Annotation, ...]]] = {}
    for rid, (decision, header) in decisions.items():
        with suppress(RecordError):
            said[rid] = decision, header, dataset.said(decision, header) or ()
    found: dict[str, tuple[str, dict[str, Annotation]]] = {}
    people = any(not _is_rule(header) for _, header, _ in said.values())
    for rid, (_, header, given) in said.items():
        if people and _is_rule(header):
            continue
        over = {b.id for later, _, others in said.values() if rid in later.on for b in others}
        left = {a.id: a for a in given if a.id in there and a.id not in over}
        when, before = found.get(header.reviewer or "", ("", {}))
        if left:
            found[header.reviewer or ""] = (max(when, _when(header.started)), {**before, **left})
    return [Rival(who, when, "corrected", tuple(answers.values())) for who, (when, answers) in found.items()]
