"""Which answers to one item were given without sight of each other, and which were changed by somebody who saw them.

A decision names in `on` whatever it saw and what that superseded, so sight is a matter of record; one that was taken blind saw
nobody's answer, whatever it names. What one says after having seen another's answer is no judgement of one's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainset.core.fold import Same, Vote, fold, supersedes

_ANSWERS = ("accepted", "corrected", "removed")


@dataclass(frozen=True, slots=True)
class Overruling:
    """Somebody saw another's answer and gave one in its place; `changed` says whether it means something else."""

    by: str
    of: str
    changed: bool


def independent(votes: Iterable[Vote], blind: frozenset[str], same: Same, media: str | None = None) -> dict[str, tuple[str, ...]]:  # fmt: skip
    """The answer that each reviewer gave to an item by themselves, as the ids of the votes that hold it. `votes` are those
    that nobody withdrew.

    It is what the fold makes of a reviewer's own votes that had seen no other person's answer: the last of several, and none
    where they contradict each other, were turned into a flag, or are of other media bytes than `media`. Rules
    are nobody; the ids in `blind` are those of blind decisions.
    """
    people = [v for v in votes if not v.rule]
    own: dict[str, list[Vote]] = {}
    for vote in people:
        if vote.id in blind or not any(_saw(vote, other) for other in people):
            own.setdefault(vote.reviewer, []).append(vote)
    found: dict[str, tuple[str, ...]] = {}
    for reviewer, some in sorted(own.items()):
        folded = fold(some, same, media)
        if folded.state == "reviewed":
            found[reviewer] = folded.answer
    return found


def overrulings(votes: Iterable[Vote], blind: frozenset[str], same: Same) -> list[Overruling]:
    """For each answer to the whole item the answers of others that stood when it was given and that it superseded: two for
    an adjudication between two. What was decided object by object stands as one answer."""
    people = sorted((v for v in votes if not v.rule), key=lambda v: v.id)
    found = []
    for vote in people:
        if vote.id in blind or vote.object is not None or vote.verdict not in _ANSWERS:
            continue
        seen = [v for v in people if v.id in vote.on]
        stood = [v for v in seen if not any(v.id in w.on and supersedes(w, v) for w in seen)]
        for reviewer in sorted({v.reviewer for v in stood} - {vote.reviewer}):
            answer = fold([v for v in stood if v.reviewer == reviewer], same)
            if answer.state == "reviewed":
                found.append(Overruling(vote.reviewer, reviewer, not same(answer.answer, (vote.id,))))
    return found


def _saw(vote: Vote, other: Vote) -> bool:
    """Whether a vote was given in sight of another person's answer to the same."""
    return (
        other.id in vote.on
        and other.reviewer != vote.reviewer
        and other.verdict in _ANSWERS
        and supersedes(vote, other)
    )
