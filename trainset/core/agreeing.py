"""The agreement of a task's reviewers, gathered item by item: for each thing that is asked, between whom, of what, and when.

Objects are compared pair by pair of reviewers, place first: each is matched with at most one of the other's, by the task's
measure. Whether both found it is what F1 tells; what they call it is compared where both found it, so that an object that one
of them lacks is missing there, and no label of its own: nobody can say how often chance would agree on nothing (Hripcsak and
Rothschild 2005, Agreement, the F-Measure, and Reliability in Information Retrieval).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isfinite
from typing import Any, Literal

import numpy as np

from trainset.core.agreement import NO_PAIR, Coincidences, Contingency, Estimate, Sample, Scale, ratio
from trainset.core.editing import Similarity
from trainset.core.matching import paired
from trainset.core.model import Annotation, Attribute, AttributeValue, Item, Task
from trainset.core.opinions import Opinion, Said

By = Literal["reviewer", "label", "month", "pair"]
Rated = tuple[tuple[str, Any], ...]
"""One thing: who gave it which value."""
Pattern = tuple[Rated, ...]
NOTHING = "\0"
"""Stands for the label of an object that the other one has not."""
NO_OBJECT = "nobody marked an object"
NO_MATCH = "no object was found by two"
ONE_LABEL = "one label alone was given"
_NEARLY = 1e-6
"""What one label adds to likeness: of places that are equally alike it decides."""


@dataclass(frozen=True)
class Line:
    """Figures by name: of a question, and where it is broken down of a `group` (None: of all)."""

    question: str
    group: str | None
    items: int
    figures: dict[str, Estimate]


@dataclass
class Question:
    """One thing that is asked: how often each pattern of values was given to an item, in which month."""

    name: str
    scale: Scale
    seed: int = 0
    given: Counter[tuple[str, Pattern]] = field(default_factory=Counter)

    def add(self, month: str, pattern: Iterable[Rated]) -> None:
        """Take in the values that an item got, as far as two can be compared."""
        if several := tuple(rated for rated in pattern if len(rated) > 1):
            self.given[month, several] += 1

    def sample(self, pick: Callable[[Rated], Iterable[tuple[Any, ...]]], month: str | None = None) -> Sample:
        """The units that `pick` makes of each thing, of all months or one."""
        found: Counter[tuple[tuple[Any, ...], ...]] = Counter()
        for (when, pattern), times in self.given.items():
            if month in (None, when) and (units := tuple(unit for rated in pattern for unit in pick(rated))):
                found[units] += times
        return found

    def figures(self, sample: Sample, *, fleiss: bool = False) -> tuple[int, dict[str, Estimate]]:
        """On how many items, and how far the raters of these units agree, whoever they are; Fleiss' kappa of nominal
        values."""
        met = Coincidences(sample, self.seed)
        found = {"agreement": met.agreement(), "alpha": met.alpha(self.scale)}
        if fleiss and self.scale == "nominal":
            found["Fleiss' kappa"] = met.fleiss()
        return met.items, found

    def between(self, a: str, b: str) -> tuple[int, dict[str, Estimate]]:
        """The same of two reviewers, with Cohen's kappa; weighted by squares where values have a distance."""
        sample = self.sample(lambda rated: _pair(rated, a, b))
        items, found = self.figures(sample)
        kappa = Contingency(sample, self.seed)
        found["kappa"] = kappa.kappa()
        if self.scale in ("ordinal", "interval"):
            found["weighted kappa"] = kappa.kappa(lambda x, y: (x - y) ** 2)
        return items, found

    def of_labels(self, sample: Sample) -> list[tuple[str, int, dict[str, Estimate]]]:
        """Each label, how often it was given, and how far that label is agreed upon."""
        if self.scale != "sets":
            found = Coincidences(sample, self.seed).of_values().items()
            return [(value, n, {"agreement": share, "alpha": alpha}) for value, (n, share, alpha) in found]
        rows = []
        for label in sorted({x for units in sample for unit in units for value in unit for x in value}):
            held: Counter[tuple[tuple[Any, ...], ...]] = Counter()
            for units, times in sample.items():
                held[tuple(tuple(label in value for value in unit) for unit in units)] += times
            n, share, alpha = Coincidences(held, self.seed).of_values()[True]
            rows.append((label, n, {"agreement": share, "alpha": alpha}))
        return rows


class Agreeing:
    """Takes in items that several people answered, then tells how far they agree. `classes` says that a task's answers are
    classes of whole items, or of objects that are known: there is nothing to match then."""

    def __init__(self, task: Task, similarity: Similarity, *, classes: bool) -> None:
        self._task, self._similarity, self.classes = task, similarity, classes
        self.items = 0
        """How many items two or more people answered independently."""
        self.reviewers: Counter[str] = Counter()
        self.months: set[str] = set()
        self.overruled: Counter[tuple[str, str, bool]] = Counter()
        """How often (who, whose answer, whether it was changed) somebody decided in sight of another's answer."""
        self._pairs: Counter[frozenset[str]] = Counter()
        self._alike: Counter[tuple[str, tuple[tuple[str, str, int, float], ...]]] = Counter()
        self._same: Counter[tuple[str, tuple[tuple[str, str, bool], ...]]] = Counter()
        scale = _scale([label.title for label in task.labels])
        self.labels = Question("class" if classes else "label", "sets" if classes and task.many else scale, task.seed)
        self._found = Question("object", "nominal", task.seed)
        self._attributes = {a.name: Question(a.name, _scale_of(a), task.seed) for a in task.attributes if a.type != "text"}  # fmt: skip

    def add(self, said: Said) -> None:
        """Take in one item."""
        for o in said.overrulings:
            self.overruled[o.by, o.of, o.changed] += 1
        opinions = sorted(said.opinions, key=lambda opinion: opinion.reviewer)
        if len(opinions) < 2:
            return
        month = max(o.month for o in opinions)
        self.items += 1
        self.months.add(month)
        self.reviewers.update(o.reviewer for o in opinions)
        self._pairs.update(frozenset((a.reviewer, b.reviewer)) for a, b in combinations(opinions, 2))
        for attribute in self._task.attributes_of("item"):
            if attribute.name in self._attributes:
                values = ((o.reviewer, _value(attribute, o.attributes.get(attribute.name))) for o in opinions)
                self._attributes[attribute.name].add(month, [_rated(values)])
        if self.classes:
            self._add_classes(month, opinions)
        else:
            self._add_objects(month, opinions, said.item)

    def _add_classes(self, month: str, opinions: Sequence[Opinion]) -> None:
        if self._task.on is None:
            self.labels.add(month, [_rated((o.reviewer, self._class(o.annotations)) for o in opinions)])
        else:
            names = dict.fromkeys(a.id for o in opinions for a in o.annotations)
            self.labels.add(month, sorted(
                _rated((o.reviewer, self._label(a)) for o in opinions for a in o.annotations if a.id == name) for name in names
            ))  # fmt: skip
        matched = [
            (a.reviewer, b.reviewer, x, y)
            for a, b in combinations(opinions, 2)
            for x in a.annotations
            for y in b.annotations
            if (x.id == y.id if self._task.on else not self._task.many or x.label == y.label)
        ]
        self._add_attributes(month, matched)

    def _add_objects(self, month: str, opinions: Sequence[Opinion], item: Item) -> None:
        rated: list[Rated] = []
        alike: list[tuple[str, str, int, float]] = []
        same: list[tuple[str, str, bool]] = []
        matched: list[tuple[str, str, Annotation, Annotation]] = []
        for a, b in combinations(opinions, 2):
            likeness = self._similarity(a.annotations, b.annotations, item)
            pairs = _matched(a.annotations, b.annotations, likeness, self._task.agree_above)
            left, right = {i for i, _ in pairs}, {j for _, j in pairs}
            both = [(a.annotations[i], b.annotations[j]) for i, j in pairs]
            met = [(x.label or "", y.label or "") for x, y in both]
            met += [(x.label or "", NOTHING) for i, x in enumerate(a.annotations) if i not in left]
            met += [(NOTHING, x.label or "") for j, x in enumerate(b.annotations) if j not in right]
            rated += [((a.reviewer, x), (b.reviewer, y)) for x, y in met]
            matched += [(a.reviewer, b.reviewer, x, y) for x, y in both]
            alike.append((a.reviewer, b.reviewer, len(pairs), round(sum(float(likeness[p]) for p in pairs), 3)))
            equal = all(x == y for x, y in met) and all(_given(x.attributes) == _given(y.attributes) for x, y in both)
            same.append((a.reviewer, b.reviewer, equal and _given(a.attributes) == _given(b.attributes)))
        self._found.add(month, sorted(rated))
        self._alike[month, tuple(alike)] += 1
        self._same[month, tuple(same)] += 1
        called = (_rated(((a, self._label(x)), (b, self._label(y)))) for a, b, x, y in matched)
        self.labels.add(month, sorted(called))
        self._add_attributes(month, matched)

    def _add_attributes(self, month: str, matched: Sequence[tuple[str, str, Annotation, Annotation]]) -> None:
        for attribute in self._task.attributes_of("object"):
            if attribute.name in self._attributes:
                self._attributes[attribute.name].add(month, sorted(
                    _rated((who, _value(attribute, x.attributes.get(attribute.name))) for who, x in ((a, x), (b, y)))
                    for a, b, x, y in matched
                ))  # fmt: skip

    def _label(self, annotation: Annotation) -> Any:
        label = annotation.label or ""
        if self.labels.scale != "ordinal":
            return label
        found = self._task.label(label)
        return _number(found.title) if found else None

    def _class(self, annotations: Sequence[Annotation]) -> Any:
        if self._task.many:
            return frozenset(a.label for a in annotations if a.label)
        return self._label(annotations[0]) if annotations else None if self.labels.scale == "ordinal" else ""

    # -- figures --------------------------------------------------------------------------------------------

    @property
    def questions(self) -> list[Question]:
        """What is asked, the labels first."""
        return [self.labels, *self._attributes.values()]

    def overall(self) -> list[Line]:
        """Each question over all answers; Fleiss' kappa where labels have no order, and are no sets."""
        lines = [] if self.classes else [Line("object", None, *self._of_objects())]
        for question in self.questions:
            lines.append(Line(question.name, None, *question.figures(question.sample(_values), fleiss=True)))
        return lines

    def by(self, what: By) -> list[Line]:
        """The labels' question (of objects, how they are found and called) broken down."""
        if what == "label":
            return self._by_label()
        if what == "month":
            return [Line(self.labels.name, m, *self._month(m)) for m in sorted(self.months)]
        if what == "reviewer":
            who = sorted(self.reviewers, key=lambda r: (-self.reviewers[r], r))
            return [Line(self.labels.name, r, *self._one(r)) for r in who]
        pairs = sorted(self._pairs, key=lambda pair: (-self._pairs[pair], sorted(pair)))
        return [Line(self.labels.name, " and ".join(sorted(p)), *self._two(*sorted(p))) for p in pairs]

    def _by_label(self) -> list[Line]:
        asked = self.labels if self.classes else self._found
        rows = [row for row in asked.of_labels(asked.sample(_values)) if row[0] != NOTHING]
        return [
            Line(self.labels.name, self._title(value), n, figures if self.classes else {"F1": figures["agreement"]})
            for value, n, figures in sorted(rows, key=lambda row: (-row[1], row[0]))
        ]

    def _month(self, month: str) -> tuple[int, dict[str, Estimate]]:
        items, figures = self.labels.figures(self.labels.sample(_values, month))
        return (items, figures) if self.classes else self._and_objects(figures, lambda *_: True, month)

    def _one(self, reviewer: str) -> tuple[int, dict[str, Estimate]]:
        items, figures = self.labels.figures(self.labels.sample(lambda rated: _against(rated, reviewer)))
        return (items, figures) if self.classes else self._and_objects(figures, lambda a, b: reviewer in (a, b))

    def _two(self, one: str, other: str) -> tuple[int, dict[str, Estimate]]:
        items, figures = self.labels.between(one, other)
        return (items, figures) if self.classes else self._and_objects(figures, lambda a, b: {a, b} == {one, other})

    def _and_objects(
        self, labels: dict[str, Estimate], who: Callable[[str, str], bool], month: str | None = None
    ) -> tuple[int, dict[str, Estimate]]:
        items, figures = self._of_objects(who, month)
        return items, {**figures, **{name: figure for name, figure in labels.items() if name != "agreement"}}

    def _of_objects(
        self, who: Callable[[str, str], bool] = lambda a, b: True, month: str | None = None
    ) -> tuple[int, dict[str, Estimate]]:
        """How far two find the same objects, alike, and give the same answers on the whole."""
        places: Counter[tuple[float, float]] = Counter()
        called: Counter[tuple[float, float]] = Counter()
        alike: Counter[tuple[float, float]] = Counter()
        same: Counter[tuple[float, float]] = Counter()
        for (when, pattern), n in self._found.given.items():
            if month in (None, when):
                met = [(x, y) for (a, x), (b, y) in pattern if who(a, b)]
                both = [x == y for x, y in met if NOTHING not in (x, y)]
                objects = len(met) + len(both)
                places[2 * len(both), objects] += n
                called[2 * sum(both), objects] += n
        for (when, rows), n in self._alike.items():
            if month in (None, when):
                own = [(count, total) for a, b, count, total in rows if who(a, b)]
                alike[sum(total for _, total in own), sum(count for count, _ in own)] += n
        for (when, answers), n in self._same.items():
            if month in (None, when):
                equal = [is_same for a, b, is_same in answers if who(a, b)]
                same[sum(equal), len(equal)] += n
        seed = self._task.seed
        return sum(n for (_, pairs), n in same.items() if pairs), {
            "same answers": ratio(same, NO_PAIR, seed),
            "F1": ratio(places, NO_OBJECT, seed),
            "F1 with label": ratio(called, NO_OBJECT, seed),
            "similarity": ratio(alike, NO_MATCH, seed),
        }

    def confusion(self) -> Counter[tuple[str, str]]:
        """How often two different labels were given to one thing, in either direction, most often first; "" is an object
        that one of them has not, or no label. Of two sets, the one label of each that the other lacks."""
        found: Counter[tuple[str, str]] = Counter()
        for (_, pattern), times in (self.labels if self.classes else self._found).given.items():
            for rated in pattern:
                for (_, x), (_, y) in combinations(rated, 2):
                    for a, b in _mistaken(x, y) if self.labels.scale == "sets" else [(x, y)]:
                        if a != b:
                            one, other = sorted((self._title(a), self._title(b)), reverse=True)
                            found[one, other] += times
        return found

    def overrulings(self) -> list[tuple[str, str, int, int]]:
        """(who, whose answers, how many were changed, how many were seen), most seen first."""
        seen: Counter[tuple[str, str]] = Counter()
        for (by, of, _), times in self.overruled.items():
            seen[by, of] += times
        rows = [(by, of, self.overruled[by, of, True], times) for (by, of), times in seen.items()]
        return sorted(rows, key=lambda row: (-row[3], row))

    def _title(self, value: Any) -> str:
        if value == NOTHING:
            return ""
        text = f"{value:g}" if isinstance(value, float) else str(value)
        found = self._task.label(text)
        return found.title if found else text


def _values(rated: Rated) -> Iterable[tuple[Any, ...]]:
    yield tuple(value for _, value in rated)


def _pair(rated: Rated, a: str, b: str) -> Iterable[tuple[Any, ...]]:
    given = dict(rated)
    if a in given and b in given:
        yield given[a], given[b]


def _against(rated: Rated, reviewer: str) -> Iterable[tuple[Any, ...]]:
    given = dict(rated)
    if reviewer in given:
        yield from ((given[reviewer], value) for who, value in rated if who != reviewer)


def _rated(values: Iterable[tuple[str, Any]]) -> Rated:
    return tuple((who, value) for who, value in values if value is not None)


def _given(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}


def _matched(a: Sequence[Annotation], b: Sequence[Annotation], likeness: Any, above: float) -> list[tuple[int, int]]:
    if not len(a) or not len(b):
        return []
    same = np.array([[x.label == y.label for y in b] for x in a])
    return paired(np.where(likeness >= above, likeness + _NEARLY * (same & (likeness > 0)), 0.0))


def _mistaken(x: frozenset[str], y: frozenset[str]) -> list[tuple[str, str]]:
    """Which labels of two sets were given for each other: the one that each has alone, else what one of them left out."""
    only, other = sorted(x - y), sorted(y - x)
    if len(only) == len(other) == 1:
        return [(only[0], other[0])]
    return [(label, "") for label in (*only, *other)]


def _scale(names: Sequence[str]) -> Scale:
    """Ordinal for names that are numbers, all of them and different ones; else they have no order."""
    numbers = [_number(name) for name in names]
    return "ordinal" if names and None not in numbers and len(set(numbers)) == len(names) else "nominal"


def _scale_of(attribute: Attribute) -> Scale:
    return "interval" if attribute.type == "number" else _scale(attribute.choices)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _value(attribute: Attribute, value: AttributeValue) -> Any:
    """The value of an attribute, None where it has none that is one of its."""
    if value is None or attribute.problem(value) is not None:
        return None
    if attribute.type == "number":
        return float(value)
    if attribute.type == "flag":
        return "yes" if value else "no"
    return _number(str(value)) if _scale_of(attribute) == "ordinal" else value
