"""Records → heads → state: a pure function of the set of an item's decisions for a task.

No clock and no order of files decides anything, so the fold is commutative, associative and idempotent, and two clones
that hold the same records see the same states.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
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
    """What the fold must know of a decision. `proposal` is the digest of the prediction that it speaks of.

    An `orphan` answers an object that is not there any more: it supersedes what it saw, and says nothing itself. `look` is
    why what it says has to be looked at again: the question changed since.
    """

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
    orphan: bool = False
    look: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A live position on the item: one decision, or the decisions on the objects of one proposal taken together.

    `sources` are the ids of the votes whose annotations make up the answer, `media` the digests of the bytes that they
    were taken on; `torn` says that the decisions on one object contradict each other, `look` why a person should look again.
    """

    id: str
    meaning: Meaning
    rule: bool
    reviewers: frozenset[str]
    sources: tuple[str, ...]
    media: frozenset[str] = frozenset()
    reason: str | None = None
    torn: bool = False
    look: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an item stands. `answer` are the ids of the votes that hold its annotations, `live` of those that were not
    withdrawn; `seen` is what a decision taken now names in `on`."""

    state: State
    reasons: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
    live: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


FINISHED = "partial: every object is decided, and nobody said that none is missing"
"""The reason of an item that is partial only for want of `complete`."""

Same = Callable[[Sequence[str], Sequence[str]], bool]
"""Whether the annotations of two sets of votes, by id, are equivalent by the modality's measure."""


def fold(
    votes: Iterable[Vote],
    same: Same,
    media: str | None = None,
    proposed: bool = False,
    asked: Collection[str] | None = None,
) -> Standing:
    """The state of one item for one task.

    `media` is the digest of the bytes that the item has now (None: unknown), `proposed` whether there is a
    proposal to show. `same` is asked only where several heads are to be compared. `asked` are the objects to answer, where
    another task says which there are: decisions on all of them are an answer.
    """
    every = {v.id: v for v in votes}
    live = _live(every)
    known = (tuple(sorted(live)), _seen(every, live))
    untouched: State = "predicted" if proposed else "unlabelled"
    heads = _outrank(_heads(live, same, asked))
    heads = [h for h in heads if not _stale(h, media)] or heads
    if not heads:
        return Standing(untouched, (), (), (), (), *known)
    state, reasons, chosen = _judge(heads, same, media)
    if state == "reopened":
        return Standing(untouched, reasons, (), (), tuple(heads), *known)
    if state == "rules-disagree":
        return Standing("predicted", ("rules-disagree",), (), (), tuple(heads), *known)
    deciding = [h for h in heads if state != "flagged" or h.meaning == "flagged"]
    decided_by = tuple(sorted(frozenset[str]().union(*(h.reviewers for h in deciding))))
    holds = state in ("reviewed", "auto-accepted", "partial", "stale") and chosen.meaning in ("answer", "partial")
    return Standing(state, reasons, decided_by, chosen.sources if holds else (), tuple(heads), *known)  # type: ignore[arg-type]


def _live(every: dict[str, Vote]) -> dict[str, Vote]:
    """The votes that no withdrawal took back; a withdrawal is final and reaches only its own reviewer's votes."""
    gone = {
        target
        for w in every.values()
        if w.verdict == "withdrawn"
        for target in w.on
        if target in every and every[target].reviewer == w.reviewer
    }
    return {v.id: v for v in every.values() if v.verdict != "withdrawn" and v.id not in gone}


def _seen(every: dict[str, Vote], live: dict[str, Vote]) -> tuple[str, ...]:
    """What a decision taken now names: every decision here, so that a withdrawal that goes missing revives nothing
    behind it, and what live ones of people supersede, here or not. What a rule names may be a person's whom nobody saw."""
    here = {v.id for v in every.values() if v.verdict != "withdrawn"}
    return tuple(sorted(here.union(*(v.on for v in live.values() if not v.rule))))


def heads_of(votes: Iterable[Vote]) -> list[Vote]:
    """The votes that stand: that nobody withdrew and no other supersedes, by id."""
    return _standing(_live({v.id: v for v in votes}))


def _standing(live: dict[str, Vote]) -> list[Vote]:
    superseded = {t for v in live.values() for t in v.on if t in live and supersedes(v, live[t])}
    return sorted((v for v in live.values() if v.id not in superseded), key=lambda v: v.id)


def _heads(live: dict[str, Vote], same: Same, asked: Collection[str] | None) -> list[Head]:
    votes = [v for v in _standing(live) if not v.orphan]
    parts: dict[str | None, list[Vote]] = {}
    heads = []
    for v in votes:
        if _is_part(v):
            parts.setdefault(v.proposal, []).append(v)
        else:
            media = frozenset((v.media,) if v.media else ())
            by, meaning = frozenset((v.reviewer,)), _MEANING[v.verdict]
            heads.append(Head(v.id, meaning, v.rule, by, (v.id,), media, v.reason, look=v.look))
    return heads + [_compose(some, same, asked) for some in parts.values()]


def _is_part(vote: Vote) -> bool:
    """Whether a vote speaks of one object, or of the list of objects, and not of the whole item."""
    return vote.object is not None or vote.verdict in ("removed", "complete")


def supersedes(later: Vote, earlier: Vote) -> bool:
    """Whether a vote takes the place of one that it names. A rule's never takes a person's; one on an object (or on the
    list of objects) leaves those on other objects of the same proposal alone."""
    if later.rule and not earlier.rule:
        return False
    related = _is_part(later) and _is_part(earlier) and later.proposal == earlier.proposal
    return not related or later.object == earlier.object


def _compose(parts: list[Vote], same: Same, asked: Collection[str] | None) -> Head:
    """The decisions on the objects of one proposal as one head: an answer once every listed object is decided and
    someone said that the list is complete, or once all that are `asked` for are decided. A person's word on an object
    outranks a rule's; one that was rejected is not decided."""
    objects: dict[str, list[Vote]] = {}
    for vote in parts:
        if vote.object is not None:
            objects.setdefault(vote.object, []).append(vote)
    torn = False
    kept: list[str] = []
    by: list[Vote] = []
    refused: list[str] = []
    for name, rivals in list(objects.items()):
        ranked = [v for v in rivals if not v.rule] or rivals
        by += ranked
        staying = [v for v in ranked if v.verdict in ("accepted", "corrected")]
        pairs = ((a, b) for i, a in enumerate(staying) for b in staying[i + 1 :])
        torn = torn or 0 < len(staying) < len(ranked) or len({v.verdict for v in ranked if v not in staying}) > 1
        torn = torn or not all(same((a.id,), (b.id,)) for a, b in pairs)
        kept += [v.id for v in staying[:1]]
        if ranked[0].verdict == "rejected":
            refused.append(name)
            del objects[name]
    completes = [v for v in parts if v.verdict == "complete"]
    whole = any(objects.keys() >= set(c.objects) for c in completes) if asked is None else objects.keys() >= set(asked)
    by += completes if whole else ()
    return Head(
        id=min(v.id for v in parts),
        meaning="answer" if whole else "partial",
        rule=all(v.rule for v in by or parts),
        reviewers=frozenset(v.reviewer for v in by or parts),
        sources=tuple(sorted(kept)),
        media=frozenset(v.media for v in by if v.media),
        reason=f"rejected: no better answer given for {', '.join(sorted(refused))}" if refused else None,
        torn=torn,
        look="; ".join(sorted({v.look for v in by if v.look})) or None,
    )


def _outrank(heads: list[Head]) -> list[Head]:
    """A person's head outranks a rule's."""
    return [h for h in heads if not h.rule] or heads


def _stale(head: Head, media: str | None) -> str | None:
    """Why a head does not answer the question that is asked now; None where it does."""
    if head.meaning in ("flagged", "reopened"):
        return None
    if media is not None and not head.media <= {media}:
        return "decided on other media bytes"
    return head.look


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
    if why := _stale(first, media):
        return "stale", (f"stale: {why}",), first
    if first.meaning == "reopened":
        return "reopened", tuple(sorted({f"reopened: {h.reason}" if h.reason else "reopened" for h in heads})), first
    if first.meaning == "answer":
        return ("auto-accepted" if first.rule else "reviewed"), (), first
    if first.meaning == "partial":
        return "partial", ("partial: objects left to decide", *((first.reason,) if first.reason else ())), first
    return first.meaning, ("rejected: no better answer given",) if first.meaning == "rejected" else (), first


def _agree(heads: list[Head], same: Same) -> bool:
    """Whether all heads mean the same, pairwise (likeness is not transitive, so every pair counts)."""
    if len({h.meaning for h in heads}) > 1:
        return False
    if heads[0].meaning != "answer":
        return heads[0].meaning != "partial"
    return all(same(a.sources, b.sources) for i, a in enumerate(heads) for b in heads[i + 1 :])
