"""What to ask next: orders over the items that wait for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainset.core.protocols import Case, Context
from trainset.core.rules import agreeing, chance

Ranked = Iterator[tuple[str, float, str]]


class Uncertain:
    """What the model is least sure of first (least-confidence sampling, Lewis and Gale 1994), by the object whose score
    is nearest to one half."""

    def rank(self, cases: Iterable[Case], context: Context) -> Ranked:
        """Priority 1 at a score of 0.5, 0 at 0 and 1; 0.5 where the model proposes nothing."""
        for case in cases:
            scored = [a for a in case.annotations or () if a.score is not None]
            if scored:
                least = min(scored, key=lambda a: (abs((a.score or 0) - 0.5), a.id))
                score = least.score or 0
                yield case.item.key, 1 - 2 * abs(score - 0.5), f"{least.label or least.id} has score {score:.2f}"
            elif case.annotations is not None:
                yield (
                    case.item.key,
                    0.5,
                    "proposals without scores" if case.annotations else "the model proposes nothing",
                )
            else:
                yield case.item.key, 0.0, "no proposal at hand"


class Disagreement:
    """What runs differ on most first (query by committee, Seung, Opper and Sompolinsky 1992)."""

    def rank(self, cases: Iterable[Case], context: Context) -> Ranked:
        """Priority 1 - F1 of the shown run's objects against the other run that differs most from it."""
        for case in cases:
            shown = list(case.annotations or ())
            worst, reason = 0.0, "runs agree"
            for run, other in context.proposals(case.item).items():
                total = len(shown) + len(other)
                if run == case.run or not total:
                    continue
                f1 = 2 * agreeing(shown, other, case, context, context.task.agree_above) / total
                if 1 - f1 > worst:
                    worst, reason = 1 - f1, f"F1 {f1:.2f} with run {run[-6:]}"
            yield case.item.key, worst, reason


class Random:
    """An order by chance, the same for the task's seed."""

    def rank(self, cases: Iterable[Case], context: Context) -> Ranked:
        """A priority in [0, 1) from the seed and the key."""
        for case in cases:
            yield case.item.key, chance(context.task.seed, case.item.key), "in random order"


class InOrder:
    """The order in which items were added."""

    def rank(self, cases: Iterable[Case], context: Context) -> Ranked:
        """Priorities that fall from 0."""
        for number, case in enumerate(cases):
            yield case.item.key, -float(number), "in the order of addition"
