"""How far several people's answers agree beyond chance: kappa, alpha and shares, each with an interval or a word why not.

Every figure is taken of a `Sample`: how often each pattern of answers was given to an item. Intervals are percentile
bootstraps over items (Efron and Tibshirani 1993, chapter 13), since the objects of one item are no independent draws; to
draw items is to draw from the patterns by how often each came, which costs by what differs and not by what there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainset.core.scoring import FEWEST, RESAMPLES

Floats = NDArray[np.float64]
Unit = tuple[Any, ...]
"""The values that one thing got, one from each who answered; who did not is left out."""
Sample = Mapping[tuple[Unit, ...], int]
"""The units of one item, and on how many items just these were answered so."""
Scale = Literal["nominal", "ordinal", "interval", "sets"]
"""What two values may differ in: whether they are the same, their order, their distance, or which members they have.
Nominal values are hashable, ordinal and interval ones numbers, sets frozensets."""

_BLOCK = 2_000_000
"""How many numbers of a table of draws are held at once."""
NO_PAIR = "no item has two answers"
ONE_VALUE = "all answers are the same, so that chance alone would agree as well"


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval. Without a `value` there is no such figure, and `why` says so in words; without `low`
    and `high` there were fewer than `FEWEST` items, whose draws say nothing of how sure a figure is."""

    value: float | None
    low: float | None = None
    high: float | None = None
    why: str = ""


def each(units: Iterable[Unit]) -> Counter[tuple[Unit, ...]]:
    """The sample in which every unit is an item of its own."""
    return Counter((tuple(unit),) for unit in units)


def masi(a: frozenset[str], b: frozenset[str]) -> float:
    """The distance of two sets in 0..1 by MASI (Passonneau 2006, Measuring Agreement on Set-valued Items): 1 - J M, with
    the Jaccard index J, and M 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, else 0."""
    if a == b:
        return 0.0
    both = len(a & b)
    return 1.0 - both / len(a | b) * (2 / 3 if a <= b or b <= a else 1 / 3)


def ratio(sample: Mapping[tuple[float, float], int], why: str, seed: int = 0) -> Estimate:
    """The sum of what each item has over the sum of what it could have: `sample` counts items by (has, could have)."""
    some = {pair: times for pair, times in sample.items() if pair[1]}
    table = np.array(list(some), np.float64).reshape(len(some), 2)
    times = np.fromiter(some.values(), np.int64)
    sums = np.concatenate([weights @ table for weights in _drawn(times, seed, 1)])
    return _estimate(_divided(sums[:, 0], sums[:, 1]), int(times.sum()), why)


class Contingency:
    """How often the values of two raters met: units are pairs (the first one's value, the other's)."""

    def __init__(self, sample: Sample, seed: int = 0) -> None:
        self._table = _Table(sample, lambda unit: {(unit[0], unit[1]): 1.0}, seed)

    def kappa(self, distance: Callable[[Any, Any], float] | None = None) -> Estimate:
        """Cohen's kappa (Cohen 1960, A Coefficient of Agreement for Nominal Scales): how much of the agreement that chance
        leaves open, by each rater's own shares, was reached. With a `distance` of values it is weighted (Cohen 1968)."""
        values = self._table.values
        far = np.array([[float(a != b) if distance is None else distance(a, b) for b in values] for a in values])
        far = far.reshape(len(values), len(values))
        i, j = self._table.cells

        def kappa(met: Floats) -> Floats:
            first, other = _summed(met, i, len(values)), _summed(met, j, len(values))
            by_chance = ((first @ far) * other).sum(axis=1)
            return 1 - _divided(met @ far[i, j] * met.sum(axis=1), by_chance)

        return self._table.estimate(kappa, ONE_VALUE)


class Coincidences:
    """Krippendorff's coincidences of values: each pair of answers to a unit, counted once for each that could have met it."""

    def __init__(self, sample: Sample, seed: int = 0) -> None:
        self._table = _Table(sample, _coincidences, seed)
        self._sizes = {len(unit) for pattern in sample for unit in pattern if len(unit) > 1}
        self.values = self._table.values
        self.items = self._table.items

    def agreement(self) -> Estimate:
        """The share of pairs of answers that are the same: what is seen, chance included."""
        i, j = self._table.cells
        return self._table.estimate(lambda met: _divided(met[:, i == j].sum(axis=1), met.sum(axis=1)), NO_PAIR)

    def fleiss(self) -> Estimate:
        """Fleiss' kappa (Fleiss 1971, Measuring Nominal Scale Agreement among Many Raters): chance by the shares of the
        values over all raters. It wants equally many answers to each unit; of two it is Scott's pi."""
        if len(self._sizes) > 1:
            few, many = min(self._sizes), max(self._sizes)
            return Estimate(None, why=f"from {few} to {many} answers: Fleiss' kappa wants equally many")
        i, j = self._table.cells

        def kappa(met: Floats) -> Floats:
            total = met.sum(axis=1)
            by_chance = (_divided(_summed(met, i, len(self.values)), total[:, None]) ** 2).sum(axis=1)
            return 1 - _divided(1 - _divided(met[:, i == j].sum(axis=1), total), 1 - by_chance)

        return self._table.estimate(kappa, ONE_VALUE)

    def alpha(self, scale: Scale = "nominal") -> Estimate:
        """Krippendorff's alpha (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability): 1 less the disagreement
        that was seen over that of answers dealt at random. It takes any number of answers to a unit; sets differ by MASI.

        The ordinal distance of two values is that of their mid-ranks, so that it is the interval one of these.
        """
        i, j = self._table.cells
        distances = _Distances(self.values) if scale == "sets" else None

        def alpha(met: Floats) -> Floats:
            given = _summed(met, i, len(self.values))
            total = given.sum(axis=1)
            if distances is not None:
                seen, dealt = met @ distances.of(i, j), distances.dealt(given)
            elif scale == "nominal":
                seen, dealt = met[:, i != j].sum(axis=1), total**2 - (given**2).sum(axis=1)
            else:
                at = _ranks(given) if scale == "ordinal" else self._numbers[None, :]
                seen = (met * (at[:, i] - at[:, j]) ** 2).sum(axis=1)
                at = at - _divided((given * at).sum(axis=1), total)[:, None]
                dealt = 2 * total * (given * at**2).sum(axis=1)
            several = (given > 0).sum(axis=1) > 1  # of one value alone, rounding may leave a trace of a distance
            return 1 - _divided((total - 1) * seen, np.where(several, dealt, 0.0))

        return self._table.estimate(alpha, ONE_VALUE)

    def of_values(self) -> dict[Any, tuple[int, Estimate, Estimate]]:
        """For each value how often it was given where another answer could meet it, the share of those that met the same
        (the positive specific agreement of Cicchetti and Feinstein 1990; averaged over pairs, their F1: Hripcsak and
        Rothschild 2005), and alpha of this value against all others."""
        i, j = self._table.cells
        same = np.flatnonzero(i == j)
        found: dict[Any, tuple[int, Estimate, Estimate]] = {}
        for n, value in enumerate(self.values):
            own, both = np.flatnonzero(i == n), same[i[same] == n]

            def specific(met: Floats, own: Any = own, both: Any = both) -> Floats:
                return _divided(met[:, both].sum(axis=1), met[:, own].sum(axis=1))

            def alpha(met: Floats, own: Any = own, both: Any = both) -> Floats:
                given, total = met[:, own].sum(axis=1), met.sum(axis=1)
                return 1 - _divided((total - 1) * (given - met[:, both].sum(axis=1)), given * (total - given))

            given = round(float(self._table.met[own].sum()))
            items = self._table.items_with(own)
            share, beyond = (self._table.estimate(figure, ONE_VALUE, items) for figure in (specific, alpha))
            found[value] = given, share, beyond
        return found

    @cached_property
    def _numbers(self) -> Floats:
        return np.array(self.values, np.float64)


def _coincidences(unit: Unit) -> dict[tuple[Any, Any], float]:
    counted = Counter(unit)
    return {
        (a, b): n * (m - (a == b)) / (len(unit) - 1) for a, n in counted.items() for b, m in counted.items()
    }  # fmt: skip


class _Table:
    """Pairs of values by pattern of an item. `values` in order, `cells` the pairs that came as two arrays of their places,
    `met` how often each did; `items` is how many items have any."""

    def __init__(self, sample: Sample, pairs: Callable[[Unit], Mapping[tuple[Any, Any], float]], seed: int) -> None:
        from scipy.sparse import csr_array

        rows: list[dict[tuple[Any, Any], float]] = []
        times: list[int] = []
        for pattern, count in sample.items():
            row: dict[tuple[Any, Any], float] = {}
            for unit in pattern:
                if len(unit) > 1:
                    for pair, weight in pairs(unit).items():
                        if weight:
                            row[pair] = row.get(pair, 0.0) + weight
            if row:
                rows.append(row)
                times.append(count)
        self.values: list[Any] = sorted({value for row in rows for pair in row for value in pair}, key=_order)
        place = {value: n for n, value in enumerate(self.values)}
        known = sorted({pair for row in rows for pair in row}, key=lambda pair: (place[pair[0]], place[pair[1]]))
        column = {pair: n for n, pair in enumerate(known)}
        self.cells = tuple(np.array([place[pair[side]] for pair in known], np.intp) for side in (0, 1))
        at = [n for n, row in enumerate(rows) for _ in row]
        entries = [weight for row in rows for weight in row.values()]
        columns = [column[pair] for row in rows for pair in row]
        self._rows = csr_array((entries, (at, columns)), shape=(len(rows), len(known)), dtype=np.float64)
        self._times = np.array(times, np.int64)
        self._seed = seed
        self._kept: list[Floats] | None = None
        self.items = int(self._times.sum())
        self.met: Floats = np.asarray(self._times @ self._rows, np.float64)

    def items_with(self, cells: NDArray[np.intp]) -> int:
        """On how many items any of these pairs came."""
        return int(self._times[np.asarray(self._rows[:, cells].sum(axis=1)).ravel() > 0].sum())

    def estimate(self, figure: Callable[[Floats], Floats], why: str, items: int | None = None) -> Estimate:
        """What `figure` makes of the pairs that came, `(draws, pairs)`, in each draw of items."""
        if not self.items:
            return Estimate(None, why=NO_PAIR)
        drawn = np.concatenate([figure(met) for met in self._draws()])
        return _estimate(drawn, self.items if items is None else items, why)

    def _draws(self) -> Iterable[Floats]:
        """The pairs that came, `(draws, pairs)`, in blocks; kept where they are few, since every figure asks for them."""
        if self._kept is not None:
            return self._kept
        width = max(self._rows.shape[1], 1)
        blocks = (np.asarray(weights @ self._rows) for weights in _drawn(self._times, self._seed, width))
        if width * RESAMPLES > 2 * _BLOCK:
            return blocks
        self._kept = [np.concatenate(list(blocks))]
        return self._kept


class _Distances:
    """The MASI distances of sets, a block of rows at a time."""

    def __init__(self, values: Sequence[frozenset[str]]) -> None:
        members = {name: n for n, name in enumerate(sorted({name for value in values for name in value}))}
        self._members = np.zeros((len(values), len(members)))
        for n, value in enumerate(values):
            self._members[n, [members[name] for name in value]] = 1
        self._values = values

    def of(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
        """The distance of each pair of values, by their places."""
        return np.array([masi(self._values[a], self._values[b]) for a, b in zip(i, j, strict=True)])

    def dealt(self, given: Floats) -> Floats:
        """`(draws,)`: the distance of every two answers, added up; `given` is `(draws, values)`."""
        sizes = self._members.sum(axis=1)
        found = np.zeros(len(given))
        step = max(1, _BLOCK // max(len(sizes), 1))
        for start in range(0, len(sizes), step):
            rows = slice(start, start + step)
            both = self._members[rows] @ self._members.T
            small, large = np.minimum(sizes[rows, None], sizes), np.maximum(sizes[rows, None], sizes)
            union = small + large - both
            share = np.where(union > 0, both / np.maximum(union, 1), 1.0)
            alike = share * np.where(small == both, np.where(large == both, 1.0, 2 / 3), 1 / 3)
            found += (given[:, rows] * (given @ (1 - alike).T)).sum(axis=1)
        return found


def _order(value: Any) -> Any:
    return tuple(sorted(value)) if isinstance(value, frozenset) else value


def _summed(met: Floats, places: NDArray[np.intp], count: int) -> Floats:
    """`(draws, count)`: columns added up by the place that each belongs to."""
    from scipy.sparse import csr_array

    belongs = csr_array((np.ones(len(places)), (np.arange(len(places)), places)), shape=(len(places), count))
    return np.asarray(met @ belongs)


def _ranks(given: Floats) -> Floats:
    """The mid-rank of each value."""
    return np.asarray(given.cumsum(axis=1) - given / 2)


def _drawn(times: NDArray[np.int64], seed: int, width: int) -> Iterable[Floats]:
    """Blocks `(draws, patterns)` of how often each pattern counts: as it came in the first row, at random in the others."""
    yield times[None, :].astype(np.float64)
    total = int(times.sum())
    if total < FEWEST:
        return
    random = np.random.default_rng(seed)
    step = max(1, _BLOCK // max(len(times), width))
    of = np.repeat(np.arange(len(times)), times) if len(times) * 6 > total else None  # what is faster then, measured
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        if of is None:
            yield random.multinomial(total, times / total, count).astype(np.float64)
        else:
            draws = (np.bincount(of[random.integers(0, total, total)], minlength=len(times)) for _ in range(count))
            yield np.array(list(draws), np.float64)


def _divided(a: Floats, b: Floats) -> Floats:
    """The quotient, NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b > 0, a / b, np.nan)


def _estimate(drawn: Floats, items: int, why: str) -> Estimate:
    """The figure that comes first, with the interval that the others give it."""
    if not np.isfinite(drawn[0]):
        return Estimate(None, why=why)
    known = drawn[1:][np.isfinite(drawn[1:])]
    if items < FEWEST or not len(known):
        return Estimate(float(drawn[0]))
    low, high = np.quantile(known, (0.025, 0.975))
    return Estimate(float(drawn[0]), float(low), float(high))
