"""`trainset agreement`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, get_args

import click

from trainset.commands.common import (
    dataset,
    json_option,
    plural,
    progress,
    say,
    show,
    show_json,
    table,
    task_option,
    where_option,
)
from trainset.core.agreeing import Agreeing, By, Line
from trainset.core.agreement import Estimate
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.model import Task
from trainset.core.opinions import Opinions
from trainset.core.scoring import FEWEST, RESAMPLES
from trainset.errors import UsageError

_SHOWN = 20
_MOST = 8
_HINT = "let several people answer the same items: docs/agreement.md says how"


@click.command()
@task_option
@where_option
@click.option(
    "--by",
    "what",
    type=click.Choice([name for name in get_args(By) if name != "pair"]),
    help="Break it down, instead of by pairs of reviewers.",
)
@json_option
def agreement(task_name: str | None, where: str, what: By | None, as_json: bool) -> None:
    """How far people agree who answered the same items without sight of each other's answers.

    Without --task, of every task. What was decided in sight of another's answer is no independent judgement: it is listed
    as whose answers were changed by whom.
    """
    with dataset() as opened:
        tasks = list(opened.config.tasks.values()) if task_name is None else [opened.config.task(task_name)]
        if not tasks:
            raise UsageError("this dataset has no task", hint="`trainset task add` adds one")
        gathered = [(task, *_gathered(opened, task, where)) for task in tasks]
    if as_json:
        show_json({"tasks": [_told(task, found, opinions.unreadable) for task, found, opinions in gathered]})
        return
    for n, (task, found, opinions) in enumerate(gathered):
        show("\n" * bool(n) + _headline(task, found))
        if found.items:
            _show_lines(found.overall(), "question")
            _show_lines(found.by(what or "pair"), what or "between")
            _show_confusion(found)
        _show_overruled(found)
        if opinions.unreadable:
            say(f"{plural(opinions.unreadable, 'decision')} left out that cannot be read: `trainset verify` names them")
    if not any(found.items for _, found, _ in gathered):
        say(f"hint: {_HINT}")


def _gathered(opened: Dataset, task: Task, where: str) -> tuple[Agreeing, Opinions]:
    opinions = Opinions(opened, task, where)
    found = Agreeing(task, TaskContext(opened, task).similarity, classes=opened.kit.tag(task) == "class")
    with progress(f"comparing {task.name}", opinions.total) as bar:
        for said in opinions:
            found.add(said)
            bar.update(1)
    return found, opinions


def _headline(task: Task, found: Agreeing) -> str:
    if not found.items:
        return f"{task.name}: no item has answers of several people who had not seen each other's"
    text = f"{task.name}: {plural(found.items, 'item')} answered independently by two or more of {', '.join(sorted(found.reviewers))}"
    if found.items < FEWEST:
        return f"{text}: too few to tell how sure these figures are"
    alike = "" if found.classes else f"; objects are the same from {task.agree_above:g} alike"
    return f"{text}{alike}; [95 % intervals, {RESAMPLES} bootstraps over items]"


def _show_lines(lines: Sequence[Line], first: str) -> None:
    for _, some in groupby(lines, key=lambda line: line.question == "object"):
        own = list(some)
        names = list(dict.fromkeys(name for line in own for name in line.figures))
        rows: list[tuple[str, ...]] = [(first, "given" if first == "label" else "items", *names)]
        for line in own[:_SHOWN]:
            figures = (_figure(line.figures.get(name)) for name in names)
            rows.append((line.group or line.question, f"{line.items:,}", *figures))
        show()
        for text in table(rows, "  "):
            show(text)
        if len(own) > _SHOWN:
            show(f"  … and {len(own) - _SHOWN:,} more: --json has all")
        reasons = dict.fromkeys(f.why for line in own[:_SHOWN] for f in line.figures.values() if f.why)
        for reason in reasons:
            show(f"  –: {reason}")


def _show_confusion(found: Agreeing) -> None:
    confusion = found.confusion().most_common()
    if confusion:
        show("\n  taken for each other")
        rows = [(f"{n:,}", f"{a or 'nothing'} ↔ {b or 'nothing'}") for (a, b), n in confusion[:_MOST]]
        for text in table(rows, "  "):
            show(text)
        if len(confusion) > _MOST:
            show(f"  … and {len(confusion) - _MOST:,} more: --json has all")


def _show_overruled(found: Agreeing) -> None:
    rows = [(of, by, f"{changed:,}", f"{seen:,}") for by, of, changed, seen in found.overrulings()]
    if rows:
        show()
        for text in table([("answers of", "seen by", "changed", "seen"), *rows[:_SHOWN]], "  "):
            show(text)


def _figure(figure: Estimate | None) -> str:
    if figure is None:
        return ""
    if figure.value is None:
        return "–"
    interval = "" if figure.low is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{interval}"


def _told(task: Task, found: Agreeing, unreadable: int) -> dict[str, Any]:
    return {
        "task": task.name,
        "items": found.items,
        "reviewers": dict(sorted(found.reviewers.items())),
        "unreadable": unreadable,
        "figures": [asdict(line) for line in found.overall()] if found.items else [],
        **{f"by {what}": [asdict(line) for line in found.by(what)] if found.items else [] for what in get_args(By)},
        "confusion": [{"one": a, "other": b, "count": n} for (a, b), n in found.confusion().most_common()],
        "overruled": [
            {"by": by, "of": of, "changed": changed, "seen": seen} for by, of, changed, seen in found.overrulings()
        ],
    }
