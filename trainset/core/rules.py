"""The review rules that need no modality: over scores, counts, labels, places and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from trainset.core.files import digest
from trainset.core.matching import match, tag_of
from trainset.core.model import Annotation, Size, Unit
from trainset.core.protocols import AnnotationOps, Case, Context, Finding


def chance(seed: int, key: str) -> float:
    """A number in [0, 1) that depends on the seed and the key alone."""
    return int(digest(f"{seed} {key}".encode())[:13], 16) / 16**13


def _named(annotation: Annotation) -> str:
    return annotation.label or annotation.id


class MinScoreSettings(Struct, rename="kebab"):
    """A score under `below`, or under the label's own in `labels`, wants a person."""

    below: Unit = 0.5
    labels: dict[str, Unit] = {}


class MinScore:
    """Objects that the model is not sure of."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each object below its bound."""
        s: MinScoreSettings = context.settings
        for case in cases:
            for a in case.annotations or ():
                bound = s.labels.get(a.label or "", s.below)
                if a.score is not None and a.score < bound:
                    yield Finding(case.item.key, f"score {a.score:.2f} of {_named(a)} is under {bound:g}", object=a.id)


class AcceptAboveSettings(Struct, rename="kebab"):
    """Scores from `score`, or the label's own in `labels`, are accepted: whole `items` or single `objects`."""

    score: Unit = 0.9
    labels: dict[str, Unit] = {}
    on: Literal["items", "objects"] = "items"


class AcceptAbove:
    """Proposals that the model is sure of. An item without objects is never accepted by its scores."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """An acceptance for each item all of whose objects reach their bound, or for each such object."""
        s: AcceptAboveSettings = context.settings
        for case in cases:
            sure = [
                a
                for a in case.annotations or ()
                if a.score is not None and a.score >= s.labels.get(a.label or "", s.score)
            ]
            if s.on == "objects":
                for a in sure:
                    yield Finding(case.item.key, f"{_named(a)} has score {a.score:.2f}", "accept", object=a.id)
            elif sure and len(sure) == len(case.annotations or ()):
                low = min(a.score or 0 for a in sure)
                yield Finding(case.item.key, f"the lowest of {len(sure)} score(s) is {low:.2f}", "accept")


class AcceptEmptySettings(Struct, rename="kebab"):
    """Nothing to set."""


class AcceptEmpty:
    """Items for which the model ran and finds nothing: what it found of classes without a label is something."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """An acceptance for each item whose proposal is empty, or a doubt where classes without a label were dropped."""
        for case in cases:
            if case.annotations is None or case.annotations:
                continue
            if case.dropped:
                what = f"{case.dropped} object(s) of classes that are no labels"
                yield Finding(case.item.key, f"the proposal is empty, but the model found {what}")
            else:
                yield Finding(case.item.key, "the model proposes nothing", "accept")


class OverlappingDuplicatesSettings(Struct, rename="kebab"):
    """Two objects (of one label, unless `any-label`) that are alike from `above` on are suspected to be one."""

    above: Unit = 0.7
    any_label: bool = True


class OverlappingDuplicates:
    """Pairs of objects that cover each other."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each pair, on its less sure object."""
        s: OverlappingDuplicatesSettings = context.settings
        for case in cases:
            objects = list(case.annotations or ())
            if len(objects) < 2:
                continue
            table = context.similarity(objects, objects, case.item)
            for i, a in enumerate(objects):
                for j in range(i + 1, len(objects)):
                    b = objects[j]
                    alike = table[i, j] >= s.above and (s.any_label or a.label == b.label)
                    if alike and context.extent(a, case.item) is not None:
                        weaker = min(a, b, key=lambda x: (x.score or 0, x.id))
                        yield Finding(
                            case.item.key,
                            f"{_named(a)} and {_named(b)} cover each other ({table[i, j]:.2f})",
                            object=weaker.id,
                        )


class SmallObjectSettings(Struct, rename="kebab"):
    """The share of the item's area (or length) under which an object wants a person."""

    below: Unit = 0.001


class SmallObject:
    """Objects that are small for their item."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each small object."""
        s: SmallObjectSettings = context.settings
        for case in cases:
            frame = context.frame(case.item)
            for a in case.annotations or ():
                place = context.extent(a, case.item)
                if frame is None or place is None or not frame.width * frame.height:
                    continue
                share = place.width * place.height / (frame.width * frame.height)
                if share < s.below:
                    yield Finding(case.item.key, f"{_named(a)} takes {share:.3%} of the item", object=a.id)


class TouchesEdgeSettings(Struct, rename="kebab"):
    """How near to the edge counts as touching it, in the item's units."""

    margin: Annotated[float, Meta(ge=0)] = 1.0


class TouchesEdge:
    """Objects at the edge of their item, which may be cut."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each object at an edge."""
        m: float = context.settings.margin
        for case in cases:
            frame = context.frame(case.item)
            for a in case.annotations or ():
                place = context.extent(a, case.item)
                if frame is None or place is None:
                    continue
                flat = frame.height <= 1
                sides = (place.x <= frame.x + m, place.right >= frame.right - m,
                         not flat and place.y <= frame.y + m, not flat and place.bottom >= frame.bottom - m)  # fmt: skip
                if any(sides):
                    yield Finding(case.item.key, f"{_named(a)} touches the edge", object=a.id)


class CountOutOfRangeSettings(Struct, rename="kebab"):
    """The fewest and most objects an item should have: in all, or of single labels as `labels.NAME = [least, most]`."""

    least: Size = 0
    most: Size | None = None
    labels: dict[str, tuple[Size, Size]] = {}

    def __post_init__(self) -> None:
        bounds = [(self.least, self.most), *self.labels.values()]
        if any(most is not None and least > most for least, most in bounds):
            raise ValueError("the most must not be under the least")


class CountOutOfRange:
    """Items with an unusual number of objects."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each bound that an item breaks."""
        s: CountOutOfRangeSettings = context.settings
        for case in cases:
            if case.annotations is None:
                continue
            total = len(case.annotations)
            if total < s.least or (s.most is not None and total > s.most):
                yield Finding(
                    case.item.key, f"{total} object(s), not {s.least} to {'any' if s.most is None else s.most}"
                )
            counts = Counter(a.label for a in case.annotations)
            for label, (least, most) in s.labels.items():
                if not least <= counts[label] <= most:
                    yield Finding(case.item.key, f"{counts[label]} {label}, not {least} to {most}")


class ModelsDisagreeSettings(Struct, rename="kebab"):
    """Runs or models to compare (none named: the shown one with every other), and from which likeness objects match."""

    runs: tuple[str, ...] = ()
    above: Unit = 0.5
    min_score: Unit = 0.25


class ModelsDisagree:
    """Items on which two runs propose different objects."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each item and run that differs from the shown one."""
        s: ModelsDisagreeSettings = context.settings
        for case in cases:
            shown = _sure(case.annotations or (), s.min_score)
            for run, proposed in context.proposals(case.item).items():
                model = context.model(run)
                if run == case.run or (s.runs and run not in s.runs and model not in s.runs):
                    continue
                other = _sure(proposed, s.min_score)
                both = agreeing(shown, other, case, context, s.above)
                extra, missing = len(shown) - both, len(other) - both
                if extra or missing:
                    yield Finding(case.item.key, f"{model} lacks {extra} object(s) and has {missing} more")


def _sure(annotations: Iterable[Annotation], bound: float) -> list[Annotation]:
    return [a for a in annotations if a.score is None or a.score >= bound]


class _Ops:
    """The context's measure in the shape that `match` asks for."""

    def __init__(self, context: Context) -> None:
        self.similarity = context.similarity
        self.extent = context.extent


def agreeing(a: Sequence[Annotation], b: Sequence[Annotation], case: Case, context: Context, above: float) -> int:
    """How many objects two proposals have in common: of the same type and label, alike at least `above`."""
    ops: AnnotationOps = _Ops(context)
    kinds = {(tag_of(x), x.label) for x in a}
    return sum(len(match(_of(a, kind), _of(b, kind), case.item, lambda _: ops, above)) for kind in kinds)


def _of(annotations: Iterable[Annotation], kind: tuple[str, str | None]) -> list[Annotation]:
    return [x for x in annotations if (tag_of(x), x.label) == kind]


class RareLabelSettings(Struct, rename="kebab"):
    """A label is rare that makes up less than `share` of all annotations of the task."""

    share: Unit = 0.01


class RareLabel:
    """Objects of labels that there are few of."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each label of an item that is rare."""
        counts: Mapping[str, int] = context.counts()
        total = sum(counts.values())
        rare = {name for name, n in counts.items() if total and n < context.settings.share * total}
        for case in cases:
            for label in sorted({a.label for a in case.annotations or () if a.label in rare} - {None}, key=str):
                yield Finding(case.item.key, f"{label} is rare: {counts[str(label)]} of {total}")


class RandomAuditSettings(Struct, rename="kebab"):
    """The share of items that a person sees whatever the model says, and the seed of the draw."""

    share: Unit = 0.05
    seed: int = 0


class RandomAudit:
    """A draw by chance: what it finds tells how good everything else is."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """A lot for each item that the seed draws."""
        s: RandomAuditSettings = context.settings
        for case in cases:
            if chance(s.seed, case.item.key) < s.share:
                yield Finding(case.item.key, f"drawn by chance, {s.share:.0%} of all items", "lot", probability=s.share)
