"""Records → heads → state: a pure function of the set of an item's decisions for a task.

No clock and no order of files decides anything, so the fold is commutative, associative and idempotent, and two clones
that hold the same records see the same states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from trainset.core.model import State, Verdict

Meaning = Literal["answer", "rejected", "flagged", "excluded", "reopened", "partial"]

_MEANING: dict[str, Meaning] = {
    "accepted": "answer",
    "corrected": "answer",
    "rejected": "rejected",
    "flagged": "flagged",
    "excluded": "excluded",
    "reopened": "reopened",
}


@dataclass(frozen=True, slots=True)
class Vote:
    """What the fold must know of a decision. `proposal` is the digest of the prediction that it speaks of."""

    id: str
    reviewer: str
    verdict: Verdict
    rule: bool = False
    on: frozenset[str] = frozenset()
    object: str | None = None
    objects: tuple[str, ...] = ()
    proposal: str | None = None
    media: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A live position on the item: one decision, or the decisions on the objects of one proposal taken together.

    `sources` are the ids of the votes whose annotations make up the answer.
    """

    id: str
    meaning: Meaning
    rule: bool
    reviewers: frozenset[str]
    sources: tuple[str, ...]
    media: str | None = None
    reason: str | None = None
    torn: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an item stands. `answer` are the ids of the votes that hold its annotations; `seen` is what a decision
    taken now names in `on`."""

    state: State
    reasons: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
    seen: tuple[str, ...] = ()


Same = Callable[[Sequence[str], Sequence[str]], bool]
"""Whether the annotations of two sets of votes, by id, are equivalent by the modality's measure."""


def fold(votes: Iterable[Vote], same: Same, media: str | None = None, proposed: bool = False) -> Standing:
    """The state of one item for one task.

    `media` is the digest of the bytes that the item has now (None: unknown), `proposed` whether there is a
    proposal to show. `same` is asked only where several heads are to be compared.
    """
    live = _live(votes)
    seen = tuple(sorted(live))
    untouched: State = "predicted" if proposed else "unlabelled"
    heads = _outrank(_heads(live, same))
    heads = [h for h in heads if not _is_stale(h, media)] or heads
    if not heads:
        return Standing(untouched, seen=seen)
    state, reasons, chosen = _judge(heads, same, media)
    agreeing = (
        heads
        if state not in ("flagged", "disputed")
        else [h for h in heads if state == "disputed" or h.meaning == "flagged"]
    )
    decided_by = tuple(sorted(frozenset[str]().union(*(h.reviewers for h in agreeing))))
    if state == "reopened":
        return Standing(untouched, reasons, (), (), tuple(heads), seen)
    if state == "rules-disagree":
        return Standing("predicted", ("rules-disagree",), (), (), tuple(heads), seen)
    answer = (
        chosen.sources
        if state in ("reviewed", "auto-accepted", "partial", "stale") and chosen.meaning != "excluded"
        else ()
    )
    return Standing(state, reasons, decided_by, answer, tuple(heads), seen)  # type: ignore[arg-type]


def _live(votes: Iterable[Vote]) -> dict[str, Vote]:
    """The votes that no withdrawal took back; a withdrawal is final and reaches only its own reviewer's votes."""
    every = {v.id: v for v in votes}
    gone = {
        target
        for w in every.values()
        if w.verdict == "withdrawn"
        for target in w.on
        if target in every and every[target].reviewer == w.reviewer and every[target].verdict != "withdrawn"
    }
    return {v.id: v for v in every.values() if v.verdict != "withdrawn" and v.id not in gone}


def _heads(live: dict[str, Vote], same: Same) -> list[Head]:
    superseded = {t for v in live.values() for t in v.on if t in live and not (v.rule and not live[t].rule)}
    votes = sorted((v for v in live.values() if v.id not in superseded), key=lambda v: v.id)
    whole = [v for v in votes if v.object is None and v.verdict != "complete"]
    parts = [v for v in votes if v.object is not None or v.verdict == "complete"]
    if any(not v.rule for v in whole):
        parts = [v for v in parts if not v.rule]
    heads = [
        Head(v.id, _MEANING[v.verdict], v.rule, frozenset((v.reviewer,)), (v.id,), v.media, v.reason) for v in whole
    ]
    if parts:
        heads.append(_compose(parts, same))
    return heads


def _compose(parts: list[Vote], same: Same) -> Head:
    """The decisions on single objects as one head: an answer once every listed object is decided and someone said
    that the list is complete. A person's word on an object outranks a rule's."""
    objects: dict[tuple[str | None, str], list[Vote]] = {}
    completes = [v for v in parts if v.verdict == "complete"]
    for vote in parts:
        if vote.object is not None:
            objects.setdefault((vote.proposal, vote.object), []).append(vote)
    torn = False
    kept: list[str] = []
    by: set[Vote] = set()
    for rivals in objects.values():
        people = [v for v in rivals if not v.rule]
        ranked = people or rivals
        by.update(ranked)
        kinds = {v.verdict == "removed" for v in ranked}
        if len(kinds) > 1 or not all(v.verdict == "removed" or same((ranked[0].id,), (v.id,)) for v in ranked[1:]):
            torn = True
        if ranked[0].verdict != "removed":
            kept.append(ranked[0].id)
    whole = any(all((c.proposal, name) in objects for name in c.objects) for c in completes)
    by.update(completes if whole else ())
    media = {v.media for v in by if v.media}
    return Head(
        id=min(v.id for v in parts),
        meaning="answer" if whole else "partial",
        rule=all(v.rule for v in by),
        reviewers=frozenset(v.reviewer for v in by),
        sources=tuple(sorted(kept)),
        media=next(iter(media)) if len(media) == 1 else None,
        torn=torn,
    )


def _outrank(heads: list[Head]) -> list[Head]:
    """A person's head outranks a rule's."""
    return [h for h in heads if not h.rule] or heads


def _is_stale(head: Head, media: str | None) -> bool:
    bound = head.meaning not in ("flagged", "reopened")
    return bound and head.media is not None and media is not None and head.media != media


def _judge(heads: list[Head], same: Same, media: str | None) -> tuple[str, tuple[str, ...], Head]:
    """The state that the heads amount to (or `reopened`, `rules-disagree`), its reasons, and the head to show."""
    first = min(heads, key=lambda h: h.id)
    flags = [h for h in heads if h.meaning == "flagged"]
    if flags:
        return "flagged", tuple(sorted({f"flagged: {h.reason}" if h.reason else "flagged" for h in flags})), flags[0]
    if len(heads) > 1 and not _agree(heads, same):
        return ("rules-disagree" if first.rule else "disputed"), ("disputed",), first
    if any(h.torn for h in heads):
        return ("rules-disagree" if first.rule else "disputed"), ("disputed",), first
    if _is_stale(first, media):
        return "stale", ("stale: decided on other media bytes",), first
    if first.meaning == "reopened":
        return "reopened", tuple(sorted({f"reopened: {h.reason}" if h.reason else "reopened" for h in heads})), first
    if first.meaning == "answer":
        return ("auto-accepted" if first.rule else "reviewed"), (), first
    words = {"partial": "partial: objects left to decide", "rejected": "rejected: no better answer given"}
    return first.meaning, (words[first.meaning],) if first.meaning in words else (), first


def _agree(heads: list[Head], same: Same) -> bool:
    """Whether all heads mean the same, pairwise (likeness is not transitive, so every pair counts)."""
    if len({h.meaning for h in heads}) > 1:
        return False
    if heads[0].meaning != "answer":
        return heads[0].meaning != "partial"
    return all(same(a.sources, b.sources) for i, a in enumerate(heads) for b in heads[i + 1 :])
