"""Decisions on single objects of a proposal: which of them are decided, and what the item's answer would be so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainset.core.model import Annotation, Decision, Verdict


def verdicts(decisions: Mapping[str, Decision], proposal: str | None) -> dict[str, Verdict]:
    """What is said of each object of the proposal with this digest, by decisions (by record id) that nobody withdrew."""
    on_parts = {
        rid: (d.object, d)
        for rid, d in decisions.items()
        if d.object is not None and d.origin is not None and d.origin.digest == proposal
    }
    superseded = {(target, name) for name, d in on_parts.values() for target in d.on}
    return {name: d.verdict for rid, (name, d) in on_parts.items() if (rid, name) not in superseded}


def so_far(
    proposal: Sequence[Annotation], answer: Sequence[Annotation], said: Mapping[str, Verdict]
) -> tuple[Annotation, ...]:
    """The objects of a partly decided item: as they were decided, without those that are gone, and as they are proposed
    where they were not decided."""
    decided = {a.id: a for a in answer}
    return tuple(decided.get(a.id, a) for a in proposal if said.get(a.id) != "removed")
