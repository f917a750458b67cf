"""One answer out of several: for each object, which answers' word is taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from trainset.core.codec import with_ids
from trainset.core.comparing import Difference, Rival, differences, ids_of
from trainset.core.editing import Similarity
from trainset.core.model import Annotation, AttributeValue, Class, Item, Task

Pick = frozenset[int]
"""The answers (by number) whose word on an object is taken: none is that the object is not there."""


@dataclass(frozen=True)
class Draft:
    """An answer that was edited by hand: it takes the place of all picks."""

    annotations: tuple[Annotation, ...]
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True)
class Merge:
    """What is picked so far of these answers. None is a difference that is not settled yet; of what all agree on, the first
    answer's word is taken from the start. `exclusive` says that an object has one answer, so that two cannot both be taken."""

    rivals: tuple[Rival, ...]
    differences: tuple[Difference, ...]
    picks: tuple[Pick | None, ...]
    exclusive: bool = False
    draft: Draft | None = None

    @classmethod
    def of(cls, rivals: Sequence[Rival], task: Task, item: Item, similarity: Similarity) -> Merge:
        """These answers with nothing picked where they differ."""
        found = differences(rivals, task, item, similarity)
        sides = (a for rival in rivals for a in rival.annotations or ())
        exclusive = task.on is not None or (not task.many and any(isinstance(a, Class) for a in sides))
        return cls(tuple(rivals), found, cls.agreed(found), exclusive)

    @property
    def open(self) -> tuple[int, ...]:
        """The differences that are not settled."""
        return () if self.draft else tuple(n for n, pick in enumerate(self.picks) if pick is None)

    @property
    def answers(self) -> tuple[int, ...]:
        """The rivals that hold annotations."""
        return tuple(n for n, rival in enumerate(self.rivals) if rival.annotations is not None)

    def pick(self, n: int, pick: Pick | None) -> Merge:
        """The same with another pick for a difference; what was edited by hand is given up."""
        return replace(self, picks=(*self.picks[:n], pick, *self.picks[n + 1 :]), draft=None)

    def whole(self, rival: int) -> Merge:
        """One answer's word on everything."""
        return replace(self, picks=(frozenset((rival,)),) * len(self.picks), draft=None)

    def edited(self, annotations: Sequence[Annotation], attributes: Mapping[str, AttributeValue]) -> Merge:
        """The same with an answer edited by hand."""
        return replace(self, draft=Draft(tuple(annotations), dict(attributes)))

    @cached_property
    def annotations(self) -> tuple[Annotation, ...]:
        """The objects that are picked, in the order of the answers; an answer as it is where all that differs is as that has
        it. Of two objects with one id the later gets a new one."""
        if self.draft is not None:
            return self.draft.annotations
        if (one := next((n for n in self.answers if self._follows(n)), None)) is not None:
            return self.rivals[one].annotations or ()
        order = {id(a): (n, at) for n, rival in enumerate(self.rivals) for at, a in enumerate(rival.annotations or ())}
        chosen = [
            side
            for difference, pick in zip(self.differences, self.picks, strict=True)
            for n in sorted(pick or ())
            if (side := difference.sides[n]) is not None
        ]
        return with_ids(sorted(chosen, key=lambda a: order[id(a)]), taken=ids_of(self.rivals))

    def _follows(self, n: int) -> bool:
        """Whether all that differs is picked as one answer has it, and of the rest nothing was picked."""
        begun = Merge.agreed(self.differences)
        return all(
            pick is not None and [d.sides[m] for m in pick if d.sides[m]] == ([d.sides[n]] if d.sides[n] else [])
            if d.facets
            else pick == start
            for d, pick, start in zip(self.differences, self.picks, begun, strict=True)
            if d.attribute is None
        )

    @staticmethod
    def agreed(differences: Sequence[Difference]) -> tuple[Pick | None, ...]:
        """What is picked from the start: nothing of what differs, and of the rest the first answer's word."""
        firsts = (next((n for n, side in enumerate(d.sides) if side is not None), 0) for d in differences)
        return tuple(None if d.facets else frozenset((n,)) for d, n in zip(differences, firsts, strict=True))

    @cached_property
    def attributes(self) -> dict[str, AttributeValue]:
        """The item's own attributes: those that all agree on, and those picked."""
        if self.draft is not None:
            return dict(self.draft.attributes)
        found: dict[str, AttributeValue] = {
            k: v for n in self.answers[:1] for k, v in self.rivals[n].attributes.items() if v is not None
        }
        for difference, pick in zip(self.differences, self.picks, strict=True):
            if difference.attribute is not None:
                found.pop(difference.attribute, None)
                value = next((difference.values[n] for n in sorted(pick or ())), None)
                found |= {} if value is None else {difference.attribute: value}
        return found

    @property
    def same_as(self) -> int | None:
        """The first answer that says just this."""
        wanted = {a.id: a for a in self.annotations}, self.attributes
        for n in self.answers:
            rival = self.rivals[n]
            given = {k: v for k, v in rival.attributes.items() if v is not None}
            if ({a.id: a for a in rival.annotations or ()}, given) == wanted:
                return n
        return None
