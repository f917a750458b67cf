"""How well runs agree with what people decided: precision, recall, average precision, confusion, and where two differ.

Counts are exact; intervals are percentile bootstraps over items (Efron and Tibshirani 1993, chapter 13), since the objects
of one item are no independent draws. Two runs are drawn together, so that the interval of their difference is a paired one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation

RESAMPLES = 400
FEWEST = 5
"""A label on fewer items has no interval: draws of so few items say nothing of how sure a figure is."""
_LEVELS = np.linspace(0, 1, 101)
Similarity = NDArray[np.float64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One item: what was decided of it, and what each run says, each with its similarity to the truth `(said, truth)`."""

    key: str
    truth: Sequence[Annotation]
    said: Sequence[Sequence[Annotation]]
    similarity: Sequence[Similarity]


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; NaN where there was nothing, or for the interval too little, to count."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelScore:
    """How well a run does on one label (None: on all). `objects` are those decided, `proposed` those of the run.

    `ap` is the area under the precision-recall curve at 101 levels of recall, as COCO has it (Lin et al. 2014), at one
    similarity; over all labels it is the mean of those that have objects.
    """

    label: str | None
    objects: int
    proposed: int
    precision: Figure
    recall: Figure
    ap: Figure


@dataclass(frozen=True)
class Difference:
    """An item on which two runs do differently well: the F1 of each, and what each found, in words."""

    key: str
    f1: tuple[float, float]
    reason: str


@dataclass(frozen=True)
class Result:
    """For each run the score over all labels, then of each label that was decided or proposed, most objects first; of two
    runs also `gain`: the average precision of the second less that of the first."""

    scores: list[list[LabelScore]]
    gain: dict[str | None, Figure]


@dataclass
class _Table:
    """One run's proposals as columns: item, label, score, and whether it hits an object of its label."""

    items: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    confusion: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)


class Scoring:
    """Collects judged items, then scores them. `above` is the similarity from which two are the same object, `names` what
    the runs are called where their differences are put in words."""

    def __init__(self, runs: int, above: float, names: Sequence[str] = ("A", "B")) -> None:
        self.above, self._names = above, names
        self._tables = [_Table() for _ in range(runs)]
        self._truth: dict[str, list[int]] = {}
        self._differences: list[Difference] = []
        self.items = 0
        self.objects = 0

    def add(self, judged: Judged) -> None:
        """Take in one item."""
        for a in judged.truth:
            self._truth.setdefault(_name(a), []).append(self.items)
        counts = []
        for said, similarity, table in zip(judged.said, judged.similarity, self._tables, strict=True):
            hits = _hits(said, judged.truth, similarity, self.above)
            table.items += [self.items] * len(said)
            table.labels += map(_name, said)
            table.scores += map(_certainty, said)
            table.hits += hits
            table.confusion.update(_confused(said, judged.truth, similarity, self.above))
            counts.append((sum(hits), len(said)))
        if len(counts) == 2:
            f1 = tuple(2 * hit / (n + len(judged.truth)) if n + len(judged.truth) else 1.0 for hit, n in counts)
            if f1[0] != f1[1]:
                words = "; ".join(
                    f"{name} finds {hit} of {len(judged.truth)}" + (f" and {n - hit} wrong" if n > hit else "")
                    for name, (hit, n) in zip(self._names, counts, strict=True)
                )
                self._differences.append(Difference(judged.key, (f1[0], f1[1]), words))
        self.items += 1
        self.objects += len(judged.truth)

    def result(self, seed: int = 0) -> Result:
        """The scores, from the same draws for all runs."""
        draws = self._draws(seed)
        runs = [self._run(table, draws) for table in self._tables]
        gain: dict[str | None, Figure] = {}
        if len(runs) == 2:
            before = {score.label: (score.ap, ap) for score, ap in runs[0]}
            for score, ap in runs[1]:
                if score.label in before:
                    was, drawn = before[score.label]
                    told = np.isfinite((was.low, score.ap.low)).all()
                    gain[score.label] = _figure(score.ap.value - was.value, ap - drawn if told else ap[:1])
        return Result([[score for score, _ in run] for run in runs], gain)

    def confusion(self) -> list[Counter[tuple[str | None, str | None]]]:
        """For each run how often a decided label (None: nothing there) met a proposed one (None: missed)."""
        return [table.confusion for table in self._tables]

    def differences(self) -> list[Difference]:
        """The items on which the two runs do differently well, the largest difference first."""
        return sorted(self._differences, key=lambda d: (-abs(d.f1[1] - d.f1[0]), d.key))

    def _draws(self, seed: int) -> Floats:
        """`(1 + RESAMPLES, items)`: how often each item counts, once in the first row, at random in the others."""
        if not self.items:
            return np.ones((1, 0))
        random = np.random.default_rng(seed)
        drawn = random.multinomial(self.items, np.full(self.items, 1 / self.items), RESAMPLES)
        return np.concatenate([np.ones((1, self.items)), drawn])

    def _run(self, table: _Table, draws: Floats) -> list[tuple[LabelScore, Floats]]:
        """Each score with its average precision in every draw."""
        labels = np.array(table.labels, object)
        items, scores, hits = np.array(table.items, int), np.array(table.scores), np.array(table.hits, bool)
        found: list[tuple[LabelScore, Floats]] = []
        sums = np.zeros((3, len(draws)))
        for label in sorted({*self._truth, *table.labels}, key=lambda x: (-len(self._truth.get(x, ())), x)):
            rows = np.flatnonzero(labels == label)
            rows = rows[np.argsort(-scores[rows], kind="stable")]
            truth = np.array(self._truth.get(label, []), int)
            counted = np.array([_count(draw[items[rows]], hits[rows], draw[truth].sum()) for draw in draws]).T
            sums += counted[:3]
            spread = len({*items[rows].tolist(), *truth.tolist()})
            found.append((_score(label, (len(truth), len(rows)), counted, spread), counted[3]))
        held = [ap for score, ap in found if score.objects]
        mean = _mean(np.array(held)) if held else np.full(len(draws), np.nan)
        whole = _score(None, (self.objects, len(items)), np.vstack([sums, mean]), self.items)
        return [(whole, mean), *found]


def _name(annotation: Annotation) -> str:
    return annotation.label or ""


def _certainty(annotation: Annotation) -> float:
    return 1.0 if annotation.score is None else annotation.score


def _hits(said: Sequence[Annotation], truth: Sequence[Annotation], similarity: Similarity, above: float) -> list[bool]:
    """Which proposals hit: by falling score, each takes the most similar object of its label that is still free."""
    free = np.ones(len(truth), bool)
    names = np.array([_name(a) for a in truth], object)
    hits = [False] * len(said)
    for i in sorted(range(len(said)), key=lambda i: -_certainty(said[i])):
        likely = np.where(free & (names == _name(said[i])), similarity[i], -1.0)
        if len(truth) and likely[best := int(likely.argmax())] >= above:
            free[best], hits[i] = False, True
    return hits


def _confused(
    said: Sequence[Annotation], truth: Sequence[Annotation], similarity: Similarity, above: float
) -> Iterable[tuple[str | None, str | None]]:
    """Pairs of a decided and a proposed label: by falling similarity, of equal ones those of one label first."""
    same = np.array([[_name(a) == _name(b) for b in truth] for a in said], bool).reshape(len(said), len(truth))
    order = sorted(zip(*np.nonzero(similarity >= above), strict=True), key=lambda p: (-similarity[p], not same[p]))
    rows, columns = set(range(len(said))), set(range(len(truth)))
    for i, j in order:
        if i in rows and j in columns:
            rows.remove(i)
            columns.remove(j)
            yield truth[j].label, said[i].label
    yield from ((truth[j].label, None) for j in columns)
    yield from ((None, said[i].label) for i in rows)


def _count(weights: Floats, hits: NDArray[np.bool_], objects: float) -> tuple[float, float, float, float]:
    """Of proposals by falling score, each counted `weights` times: right, wrong, the objects there are, and the average
    precision, the mean over 101 recalls of the best precision at that recall or beyond."""
    right, wrong = (weights * hits).cumsum(), (weights * ~hits).cumsum()
    if not len(hits):
        return 0.0, 0.0, objects, 0.0 if objects else np.nan
    if not objects:
        return right[-1], wrong[-1], objects, np.nan
    precision = right / np.maximum(right + wrong, 1e-9)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return right[-1], wrong[-1], objects, best[np.searchsorted(right / objects, _LEVELS)].mean()


def _score(label: str | None, totals: tuple[int, int], counts: Floats, items: int) -> LabelScore:
    right, wrong, total, ap = counts if items >= FEWEST else counts[:, :1]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = right / (right + wrong), right / total
    return LabelScore(label, *totals, *(_figure(float(x[0]), x) for x in (precision, recall, ap)))


def _figure(value: float, draws: Floats) -> Figure:
    """A figure and the interval that all draws but the first, which is the figure itself, give it."""
    known = draws[1:][np.isfinite(draws[1:])]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    return Figure(value, float(low), float(high))


def _mean(rows: Floats) -> Floats:
    """The mean over labels in each draw, of those that it has objects of."""
    known = np.isfinite(rows)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, rows, 0).sum(axis=0) / known.sum(axis=0))
