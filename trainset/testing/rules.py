"""The contract of review rules and rankers: what they say of cases, however the cases reach them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from trainset.core.protocols import Case, Context, Finding, Ranker, Rule
from trainset.testing.contract import ContractError, named, require

T = TypeVar("T")
_ACTIONS = ("review", "accept", "lot")


def check_rule(rule: Rule, cases: Sequence[Case], context: Context, *, whole_task: bool = False) -> None:
    """Check a rule over cases; `context.settings` are its settings, and `whole_task` is its spec's."""
    method = named(rule, "findings")
    _check_cases(cases)
    found = _findings(rule, cases, context)
    require(
        found == _findings(rule, cases, context),
        f"{method} differs the second time",
        "what a rule finds depends on the cases and the context alone",
    )
    if not whole_task:
        portions = [finding for case in cases for finding in _findings(rule, [case], context)]
        require(
            _sorted(portions) == _sorted(found),
            f"{method} finds {portions!r} case by case, and {found!r} in all at once",
            "a rule is fed the cases in portions: one that must see all of them says `whole_task` in its spec",
        )
    require(
        _findings(rule, [], context) == [],
        f"{method} finds something where there are no cases",
        "findings are about the cases",
    )
    _findings(rule, _without_proposals(cases), context)


def _check_cases(cases: Sequence[Case]) -> None:
    require(len(cases) > 0, "there are no cases", "a check needs cases to check")


def _without_proposals(cases: Sequence[Case]) -> list[Case]:
    return [replace(case, state="unlabelled", annotations=None, run=None) for case in cases]


def _collected(method: str, cases: Sequence[Case], call: Callable[[], Iterable[T]]) -> list[T]:
    try:
        return list(call())
    except Exception as error:
        bare = bool(cases) and cases[0].annotations is None
        what = "cases without annotations" if bare else "these cases" if cases else "no cases"
        raise ContractError(
            f"{method} of {what} raises {type(error).__name__}: {error}",
            "cases are an iterable of any length, and their annotations None where no proposal is at hand",
        ) from error


def _findings(rule: Rule, cases: Sequence[Case], context: Context) -> list[Finding]:
    method = named(rule, "findings")
    found = _collected(method, cases, lambda: rule.findings(iter(cases), context))
    objects = {case.item.key: {a.id for a in case.annotations or ()} for case in cases}
    for finding in found:
        require(
            isinstance(finding, Finding) and finding.item in objects,
            f"{method} gives {finding!r}",
            "a finding names the key of a case's item",
        )
        require(
            finding.object is None or finding.object in objects[finding.item],
            f"{method} names object {finding.object!r} of {finding.item}, which has {sorted(objects[finding.item])}",
            "a finding's object is the id of one of the proposal's annotations, or None for the item",
        )
        require(
            bool(finding.reason.strip()),
            f"{method} gives no reason for {finding.item}",
            "a finding says its reason in words",
        )
        require(
            finding.action in _ACTIONS,
            f"{method} gives the action {finding.action!r}",
            f"an action is one of {', '.join(_ACTIONS)}",
        )
        drawn = finding.probability is not None and 0 < finding.probability <= 1
        require(
            drawn if finding.action == "lot" else finding.probability is None,
            f"{method} gives the action {finding.action!r} the probability {finding.probability!r}",
            "a lot says the probability that it was drawn with, above 0 and up to 1, and nothing else has one",
        )
    return found


def _sorted(findings: Sequence[Finding]) -> list[str]:
    return sorted(map(repr, findings))


def check_ranker(ranker: Ranker, cases: Sequence[Case], context: Context) -> None:
    """Check an order for the queue over cases."""
    method = named(ranker, "rank")
    _check_cases(cases)
    ranked = _ranked(ranker, cases, context)
    require(
        ranked == _ranked(ranker, cases, context),
        f"{method} differs the second time",
        "an order depends on the cases and the context alone",
    )
    for some in ([], _without_proposals(cases)):
        _ranked(ranker, some, context)


def _ranked(ranker: Ranker, cases: Sequence[Case], context: Context) -> list[tuple[str, float, str]]:
    method = named(ranker, "rank")
    found = _collected(method, cases, lambda: ranker.rank(iter(cases), context))
    require(
        sorted(key for key, _, _ in found) == sorted(case.item.key for case in cases),
        f"{method} ranks {[key for key, _, _ in found]} of {[case.item.key for case in cases]}",
        "a ranker gives a priority to every case, once",
    )
    for key, priority, reason in found:
        require(
            math.isfinite(priority),
            f"{method} gives {key} the priority {priority}",
            "a priority is a finite number, higher comes first",
        )
        require(bool(reason.strip()), f"{method} gives no reason for {key}", "a ranker says its reason in words")
    return found
