"""`trainset score`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from math import isfinite
from typing import Any

import click

from trainset.commands.common import (
    dataset,
    json_option,
    plural,
    progress,
    reviewer_option,
    say,
    show,
    show_json,
    table,
    task_of,
    task_option,
    workspace,
)
from trainset.commands.review import open_screen, reviewing
from trainset.core.judging import Judging, run_named
from trainset.core.model import Task
from trainset.core.queue import Entry
from trainset.core.scoring import RESAMPLES, Figure, LabelScore, Result, Scoring
from trainset.errors import UsageError

_SHOWN = 20


@click.command()
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B", required=False)
@task_option
@click.option(
    "--split", metavar="S", help="The split to score on, or all; else the test split, where people reviewed some of it."
)
@click.option(
    "--above", type=click.FloatRange(0, 1), metavar="X", help="The similarity of a hit; else the task's agree-above."
)
@click.option("--review", is_flag=True, help="Review the items on which the two runs differ most, in this order.")
@reviewer_option
@json_option
def score(
    run_a: str,
    run_b: str | None,
    task_name: str | None,
    split: str | None,
    above: float | None,
    review: bool,
    reviewer: str | None,
    as_json: bool,
) -> None:
    """Score a run, or compare two, against what people decided.

    A run is named by the last characters of its id, as `status` shows them, or by its model, for the model's latest run.
    """
    if review and (run_b is None or as_json):
        raise UsageError("--review shows on which items two runs differ", hint="trainset score RUN_A RUN_B --review")
    registry = workspace().registry
    with dataset() as opened:
        task = task_of(opened, task_name)
        runs = [run_named(opened, task, name) for name in (run_a, run_b) if name is not None]
        judging = Judging(opened, task, runs, split)
        called = [f"{run.model} {run.id[-6:]}" for run in runs]
        scoring = Scoring(len(runs), task.agree_above if above is None else above, called if review else ("A", "B"))
        with progress("scoring", judging.total) as bar:
            for judged in judging:
                scoring.add(judged)
                bar.update(1)
        if review:
            picked = [Entry(d.key, abs(d.f1[1] - d.f1[0]), d.reason) for d in scoring.differences()]
            if picked:
                code = open_screen(registry, opened, task, reviewing(opened, reviewer), picked=picked)
                click.get_current_context().exit(code)
            say(f"{' and '.join(called)} do equally well on each of {plural(scoring.items, 'item')}")
            return
        result = scoring.result(task.seed)
    names = [f"{letter}: {name}" for letter, name in zip("AB", called, strict=False)]
    if as_json:
        show_json(_told(names, judging, scoring, result))
        return
    place = f"split {judging.split}" if judging.split else "all splits"
    show(f"{plural(scoring.items, 'item')} of {place} that people reviewed, {plural(scoring.objects, 'object')}; "
         f"hits are {scoring.above:g} alike or more; [95 % intervals, {RESAMPLES} bootstraps over items]")  # fmt: skip
    for name, scores, confusion in zip(names, result.scores, scoring.confusion(), strict=True):
        show(f"\n{name}")
        _show_scores(task, scores)
        _show_confusion(task, confusion)
    if result.gain:
        _show_gain(task, result, scoring)
    if judging.missing:
        say(f"{plural(judging.missing, 'item')} left out: a run has no prediction at hand for them")
    if judging.prompted:
        say(
            f"{plural(judging.prompted, 'item')} were decided with a proposal of these runs in view, which favours them"
        )


def _show_scores(task: Task, scores: list[LabelScore]) -> None:
    rows: list[tuple[str, ...]] = [("label", "objects", "proposed", "precision", "recall", "AP")]
    for s in scores[: _SHOWN + 1]:
        figures = (_figure(f) for f in (s.precision, s.recall, s.ap))
        rows.append((_title(task, s.label), f"{s.objects:,}", f"{s.proposed:,}", *figures))
    for line in table(rows, "  "):
        show(line)
    if len(scores) > _SHOWN + 1:
        show(f"  … and {plural(len(scores) - _SHOWN - 1, 'label')} more: --json has all")


def _show_confusion(task: Task, confusion: Counter[tuple[str | None, str | None]]) -> None:
    wrong = [(pair, n) for pair, n in confusion.most_common() if pair[0] != pair[1]]
    rows = [(f"{n:,}", f"{_end(task, t, 'nothing there')} → {_end(task, p, 'missed')}") for (t, p), n in wrong[:8]]
    for line in table(rows, "    "):
        show(line)


def _show_gain(task: Task, result: Result, scoring: Scoring) -> None:
    show("\nAP of B less that of A")
    rows = [(_title(task, label), _figure(figure, "+.3f")) for label, figure in result.gain.items()]
    for line in table(rows[: _SHOWN + 1], "  "):
        show(line)
    differing = scoring.differences()
    if differing:
        show(f"\nitems on which they differ most, of {len(differing):,}")
        for line in table([(d.key, d.reason) for d in differing[:_SHOWN]], "  "):
            show(line)


def _told(names: list[str], judging: Judging, scoring: Scoring, result: Result) -> dict[str, Any]:
    return {
        "items": scoring.items,
        "objects": scoring.objects,
        "split": judging.split,
        "above": scoring.above,
        "missing": judging.missing,
        "prompted": judging.prompted,
        "runs": [
            {
                "run": name,
                "scores": [asdict(s) for s in scores],
                "confusion": [{"decided": t, "proposed": p, "count": n} for (t, p), n in confusion.most_common()],
            }
            for name, scores, confusion in zip(names, result.scores, scoring.confusion(), strict=True)
        ],
        "gain": [{"label": label, **asdict(figure)} for label, figure in result.gain.items()],
        "differences": [asdict(d) for d in scoring.differences()],
    }


def _title(task: Task, label: str | None) -> str:
    found = task.label(label) if label else None
    return found.title if found else label or "all"


def _end(task: Task, label: str | None, none: str) -> str:
    return none if label is None else _title(task, label)


def _figure(figure: Figure, spec: str = ".3f") -> str:
    if not isfinite(figure.value):
        return "–"
    interval = f" [{figure.low:{spec}}, {figure.high:{spec}}]" if isfinite(figure.low) else ""
    return f"{figure.value:{spec}}{interval}"
