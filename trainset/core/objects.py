"""A task that asks about the objects of another: which answers still count, and where an item stands by them.

Pure functions of sets, as the fold itself: no clock and no order of files decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from trainset.core.fold import Same, Standing, Vote, fold, heads_of, supersedes

DECIDED = ("reviewed", "auto-accepted")
"""States of an item in which its objects are settled, so that others may ask about them."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A decision of the task that is asked about, which nobody withdrew, and the ids of the objects that it holds."""

    vote: Vote
    objects: tuple[str, ...] = ()

    def drops(self, name: str) -> bool:
        """Whether it says of an object that it is not there."""
        if self.vote.object is not None:
            return self.vote.object == name and self.vote.verdict == "removed"
        return self.vote.verdict in ("accepted", "corrected") and name not in self.objects


@dataclass(frozen=True)
class Objects:
    """The objects of an item as they are decided now: `held` by which record of the answer `of`.

    `known` are the decisions that led there, by id.
    """

    of: tuple[str, ...]
    held: Mapping[str, str]
    known: Mapping[str, Holding]

    @classmethod
    def decided(cls, answer: Iterable[str], known: Mapping[str, Holding]) -> Objects:
        """Those of an answer, given as the ids of its records."""
        of = tuple(answer)
        return cls(of, {name: rid for rid in of if rid in known for name in known[rid].objects}, known)

    def counts(self, name: str, of: Iterable[str]) -> bool:
        """Whether what was said of an object in sight of the answer `of` speaks of an object that is there now.

        It does where the object's record is one of those, or supersedes one that held it, and none between the two says
        that it is gone: an id that was given up and is used again names another object.
        """
        now = self.held.get(name)
        if now is None:
            return False
        seen, later = set(of), self.known[now].vote.on
        return now in seen or any(self._kept(name, first, later) for first in seen & later)

    def _kept(self, name: str, first: str, later: Iterable[str]) -> bool:
        """Whether a record held an object, and none of `later` that superseded it has given that up."""
        begun = self.known.get(first)
        if begun is None:
            return True
        between = (self.known[rid] for rid in later if rid in self.known)
        after = (b for b in between if first in b.vote.on and supersedes(b.vote, begun.vote))
        return name in begun.objects and not any(b.drops(name) for b in after)


@dataclass(frozen=True, slots=True)
class Said:
    """A decision of the task that asks: the objects that it answers, in sight of the answer `of` that held them."""

    vote: Vote
    objects: tuple[str, ...] = ()
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Where an item stands for a task that asks about its objects: by which record each of them is answered, None where
    it is not. `orphans` are the answers, as (record, object), whose object is gone."""

    standing: Standing
    answers: Mapping[str, str | None] = field(default_factory=dict)
    orphans: tuple[tuple[str, str], ...] = ()


def fold_objects(
    said: Iterable[Said],
    objects: Objects | None,
    of_task: str,
    same: Same,
    media: str | None = None,
    proposed: bool = False,
) -> Asked:
    """The state of one item for a task that asks about the objects of the task `of_task`, None where they are undecided.

    Each object is answered by itself: a decision supersedes what it saw of the objects that it names. `same` is asked
    about ids as `part` makes them.
    """
    every = list(said)
    expanded = _expanded(every, objects)
    asked = frozenset(objects.held if objects else ())
    standing = _collapsed(fold(expanded, same, media, proposed, asked=asked))
    if objects is None:
        return Asked(_unasked(standing, f"{of_task} is not decided"))
    orphans = tuple(sorted(of_part(v.id) for v in heads_of(expanded) if v.orphan and v.object is not None))
    if not asked:
        return Asked(_unasked(standing, f"no {of_task}"), {}, orphans)
    answers: dict[str, str | None] = dict.fromkeys(objects.held)
    answers.update((name, rid) for rid, name in map(of_part, standing.answer))
    standing = replace(standing, answer=tuple(sorted({of_part(x)[0] for x in standing.answer})))
    left = sum(rid is None for rid in answers.values())
    if standing.state == "partial":
        standing = replace(standing, reasons=(f"{of_task} without an answer: {left} of {len(answers)}",))
    return Asked(standing, answers, orphans)


def part(rid: str, name: str) -> str:
    """The id of what a record says of one object; `of_part` takes it apart."""
    return f"{rid} {name}"


def of_part(name: str) -> tuple[str, str]:
    """The record and the object of such an id."""
    rid, _, object_ = name.partition(" ")
    return rid, object_


def _expanded(said: Iterable[Said], objects: Objects | None) -> list[Vote]:
    """A vote for each object that a decision answers; what speaks of the whole item stays as it is."""
    every = list(said)
    parts = {s.vote.id: [part(s.vote.id, name) for name in s.objects] for s in every if _answers(s.vote)}
    votes = []
    for s in every:
        on = frozenset(x for target in s.vote.on for x in (target, *parts.get(target, ())))
        vote = replace(s.vote, on=on, proposal=None, objects=())
        if not _answers(s.vote):
            votes.append(vote)
            continue
        votes += [
            replace(vote, id=part(vote.id, name), object=name, orphan=not (objects and objects.counts(name, s.of)))
            for name in s.objects
        ] or [replace(vote, verdict="complete", object=None, orphan=True)]
    return votes


def _answers(vote: Vote) -> bool:
    """Whether it speaks of objects; to say that one is gone, or that none is missing, is the other task's matter."""
    return vote.verdict in ("accepted", "corrected", "removed", "complete")


def _collapsed(standing: Standing) -> Standing:
    """The same in the ids of records."""
    live, seen = (tuple(sorted({of_part(x)[0] for x in ids})) for ids in (standing.live, standing.seen))
    return replace(standing, live=live, seen=seen)


def _unasked(standing: Standing, reason: str) -> Standing:
    return Standing("excluded", (reason,), live=standing.live, seen=standing.seen)
