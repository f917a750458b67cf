"""`trainset assign`: edits `trainset.toml`, comments kept."""

from __future__ import annotations

import click

from trainset.commands.common import dataset, json_option, say, show, show_json, task_of, task_option, waiting
from trainset.commands.show import assigned
from trainset.core.assigning import Assignment
from trainset.core.config import editing, table
from trainset.core.dataset import WAITING, Dataset
from trainset.core.model import Task
from trainset.core.routing import ensure_ranked
from trainset.errors import UsageError


@click.command()
@task_option
@click.option("--to", metavar="HANDLE,…", help="Who shares the queue.")
@click.option(
    "--overlap", type=float, metavar="SHARE", help="Which share two decide independently, 0 to 1; 0 at first."
)
@click.option("--nobody", is_flag=True, help="Take it back: everybody has the whole queue.")
@json_option
def assign(task_name: str | None, to: str | None, overlap: float | None, nobody: bool, as_json: bool) -> None:
    """Share the queue of a task among reviewers, and say what waits for each; with no options only say it.

    Each item is for one of them, by a hash of its key, or of its group. Who joins takes their part from everybody,
    who leaves gives theirs to everybody, and nothing else moves. It says nothing of who may decide: --where shows any
    item, and scripts decide what they like.
    """
    if nobody and (to is not None or overlap is not None):
        raise UsageError("--nobody goes with neither --to nor --overlap")
    with dataset() as opened:
        task = task_of(opened, task_name)
        if overlap is not None and to is None and task.assign is None:
            raise UsageError(f"{task.name} is assigned to nobody", hint="--to names who shares it")
        if nobody or to is not None or overlap is not None:
            _write(opened, task, None if nobody else to, overlap)
            opened.reload()
            task = task_of(opened, task.name)
        _tell(opened, task, as_json)


def _write(opened: Dataset, task: Task, to: str | None, overlap: float | None) -> None:
    with editing(opened.root) as document:
        entry = table(document, "tasks", task.name)
        if to is None and overlap is None:
            entry.pop("assign", None)
            return
        entry = table(document, "tasks", task.name, "assign")
        if to is not None:
            entry["reviewers"] = [handle.strip() for handle in to.split(",") if handle.strip()]
        if overlap is not None:
            entry["overlap"] = overlap


def _tell(opened: Dataset, task: Task, as_json: bool) -> None:
    if any(rule.skill for rule in task.rules):
        ensure_ranked(opened, task)  # what rules found decides who is asked
    counts = opened.counts(task)
    left = sum(counts.get(state, 0) for state in WAITING)  # type: ignore[call-overload]
    assignment = Assignment(opened, task)
    told = {"task": task.name, "waiting": left, "assigned": assignment.loads(), "lacking": assignment.lacking()}
    if as_json:
        show_json({**told, "overlap": assignment.overlap})
        return
    show(f"task {task.name}: {waiting(left)}")
    for line in assigned(told):
        show(f"  {line}")
    if task.assign is None:
        say("nobody is assigned: everybody has the whole queue; --to names who shares it")
