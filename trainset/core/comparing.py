"""What several answers to one item differ in, object by object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainset.core.editing import Similarity, label_text
from trainset.core.matching import paired
from trainset.core.model import Annotation, AttributeValue, Class, Item, Task, Verdict

Facet = Literal["only", "label", "place", "attributes"]
"""How the sides of an object differ: some answers lack it, or give it another label, another place, other attributes."""

_NEAR = 0.1
"""From which likeness two objects of one label are one that was moved."""
_SAME_LABEL, _SAME_ID = 0.25, 2.0
"""What speaks for a pairing beside likeness: one label, and an id that both kept from one proposal."""


@dataclass(frozen=True)
class Rival:
    """One answer to an item, by a reviewer or a model (its `score`s are there then), and when it was given.

    `annotations` is None where it is none that holds any (`excluded`, `rejected`). `attributes` are the item's own. `kept`
    are the ids that it has from the proposal `origin`: the same ids in another answer from there are the same objects.
    """

    who: str
    when: str = ""
    verdict: Verdict | None = None
    annotations: tuple[Annotation, ...] | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    note: str | None = None
    origin: str | None = None
    kept: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """Who and when, in words."""
        return " ".join(filter(None, (self.who, self.when)))


@dataclass(frozen=True)
class Difference:
    """One object as each answer has it (None: it has not, or is no answer), or with `attribute` one of the item's own
    attributes as each has it. Without `facets` all say the same. `alike` is how like the two most unlike sides are."""

    sides: tuple[Annotation | None, ...]
    facets: tuple[Facet, ...] = ()
    alike: float = 1.0
    attribute: str | None = None
    values: tuple[AttributeValue, ...] = ()


def differences(rivals: Sequence[Rival], task: Task, item: Item, similarity: Similarity) -> tuple[Difference, ...]:
    """Every object of these answers once: what they differ in, then the attributes of the item that they differ in, then
    what all agree on. Each in the order of the first answer that has it.

    Objects are paired by likeness of place, best sums first; those of different labels only where they count as one
    place (`Task.agree_above`).
    """
    answers = [n for n, rival in enumerate(rivals) if rival.annotations is not None]
    groups: list[dict[int, Annotation]] = []
    for n in answers:
        new = rivals[n].annotations or ()
        table = _worth(groups, n, rivals, task, item, similarity)
        found = {j: i for i, j in paired(table)}
        for j, annotation in enumerate(new):
            if j in found:
                groups[found[j]][n] = annotation
            else:
                groups.append({n: annotation})
    made = [_difference(group, answers, len(rivals), task, item, similarity) for group in groups]
    of_item = _of_item(rivals, answers)
    return (*(d for d in made if d.facets), *of_item, *(d for d in made if not d.facets))


def _worth(
    groups: Sequence[Mapping[int, Annotation]],
    n: int,
    rivals: Sequence[Rival],
    task: Task,
    item: Item,
    similarity: Similarity,
) -> NDArray[np.float64]:
    """`(groups, annotations of rival n)`: what speaks for their being one object, 0 where nothing does."""
    new = rivals[n].annotations or ()
    worth = np.zeros((len(groups), len(new)))
    members = [(g, m, a) for g, group in enumerate(groups) for m, a in group.items()]
    if not members or not new:
        return worth
    alike = similarity([a for _, _, a in members], new, item)
    for (g, m, a), row in zip(members, alike, strict=True):
        for j, b in enumerate(new):
            same = a.label == b.label
            value = float(row[j]) + _SAME_LABEL * same if row[j] >= (_NEAR if same else task.agree_above) else 0.0
            if not same and task.many and isinstance(a, Class):
                value = 0.0  # of several classes each is an object of its own
            if a.id == b.id and type(a) is type(b) and _from_one(rivals[m], rivals[n], a.id):
                value = float(row[j]) + _SAME_ID
            worth[g, j] = max(worth[g, j], value)
    return worth


def _from_one(a: Rival, b: Rival, name: str) -> bool:
    return a.origin is not None and a.origin == b.origin and name in a.kept and name in b.kept


def _difference(
    group: Mapping[int, Annotation],
    answers: Sequence[int],
    count: int,
    task: Task,
    item: Item,
    similarity: Similarity,
) -> Difference:
    there = list(group.values())
    alike = min((float(similarity([a], [b], item)[0, 0]) for a, b in combinations(there, 2)), default=1.0)
    facets: dict[Facet, bool] = {
        "only": len(there) < len(answers),
        "label": len({a.label for a in there}) > 1,
        "place": alike < task.agree_above,
        "attributes": any(_given(a.attributes) != _given(there[0].attributes) for a in there),
    }
    sides = tuple(group.get(n) for n in range(count))
    return Difference(sides, tuple(name for name, holds in facets.items() if holds), alike)


def _given(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _of_item(rivals: Sequence[Rival], answers: Sequence[int]) -> list[Difference]:
    names = dict.fromkeys(name for n in answers for name in _given(rivals[n].attributes))
    found = []
    for name in names:
        values = tuple(rival.attributes.get(name) for rival in rivals)
        if len({values[n] for n in answers}) > 1:
            found.append(Difference((None,) * len(rivals), ("attributes",), 1.0, name, values))
    return found


# -- in words ------------------------------------------------------------------------------------------------

MARKS: Mapping[Facet, str] = {"only": "+", "label": "≠", "place": "↔", "attributes": "*"}
COLORS: Mapping[Facet, int] = {"only": 4, "label": 5, "place": 0, "attributes": 3}
"""The sign and the palette index of each kind of difference, on the picture and beside it."""


def mark(difference: Difference) -> str:
    """Its sign: what weighs most of how the sides differ."""
    return MARKS[difference.facets[0]] if difference.facets else "="


def headline(difference: Difference, rivals: Sequence[Rival], task: Task) -> str:
    """A difference in a few words, such as `screw / nut`, `moved: screw`, `only ana: screw`."""
    if difference.attribute is not None:
        return f"{difference.attribute} of the item"
    there = [(rivals[n].who, a) for n, a in enumerate(difference.sides) if a is not None]
    names = " / ".join(dict.fromkeys(_label(a, task) for _, a in there))
    if "only" in difference.facets:
        return f"only {', '.join(dict.fromkeys(who for who, _ in there))}: {names}"
    if "label" in difference.facets:
        return names
    if "place" in difference.facets:
        return f"moved: {names}"
    return f"attributes: {names}" if difference.facets else names


def sides_in_words(difference: Difference, rivals: Sequence[Rival], task: Task) -> list[str]:
    """What each answer says, a line each, and how like they are where they are not."""
    lines = [f"{n + 1} {rival.who}: {side_in_words(difference, n, rivals, task)}" for n, rival in enumerate(rivals)]
    if difference.facets and difference.attribute is None and sum(a is not None for a in difference.sides) > 1:
        lines.append(f"places alike: {difference.alike:.0%}")
    return lines


def side_in_words(difference: Difference, n: int, rivals: Sequence[Rival], task: Task) -> str:
    """What one answer says of it."""
    if rivals[n].annotations is None:
        return str(rivals[n].verdict)
    if difference.attribute is not None:
        return _value(difference.values[n])
    annotation = difference.sides[n]
    if annotation is None:
        return "not there"
    said = [f"{name} {_value(value)}" for name, value in _given(annotation.attributes).items()]
    return ", ".join([label_text(annotation, task), *said])


def _label(annotation: Annotation, task: Task) -> str:
    label = task.label(annotation.label) if annotation.label else None
    return label.title if label else annotation.label or "no label"


def _value(value: AttributeValue) -> str:
    return "not set" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def ids_of(rivals: Iterable[Rival]) -> set[str]:
    """The ids of all objects of all answers."""
    return {a.id for rival in rivals for a in rival.annotations or ()}
