"""`trainset model try`: what a model would propose on one item, shown and not recorded."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from trainset.commands.common import (
    dataset,
    json_option,
    plural,
    say,
    show,
    show_json,
    table,
    task_of,
    task_option,
    workspace,
)
from trainset.commands.prelabel import make_job
from trainset.commands.review import view_for
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.engine import Attempt, Engine, Job
from trainset.core.files import visible
from trainset.core.matching import tag_of
from trainset.core.model import Annotation, Item
from trainset.errors import ConfigError
from trainset.plugins.registry import Registry, load

_SHOWN = 20


@click.command("try")
@click.argument("item")
@task_option
@click.option("--model", "model_name", metavar="N", help="The model; may be left out where the task has one.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value of a setting for this time, such as score=0.4; may be repeated.",
)
@json_option
def try_(item: str, task_name: str | None, model_name: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Show what a model proposes on ITEM, without recording it.

    In a terminal it is drawn as the review screen draws it; elsewhere, and with --json, it is JSON.
    """
    registry = workspace().registry
    with dataset() as opened:
        task = task_of(opened, task_name)
        found = opened.item(item)
        job = make_job(registry, opened, task, model_name, settings)
        attempt = Engine(opened, job).attempt(found)
        if as_json or not sys.stdout.isatty():
            show_json(_told(opened, job, found, attempt))
            return
        context = TaskContext(opened, task, job.settings)
        rows = table(_rows(context, found, attempt.annotations), "  ")
        _draw(registry, opened, context, found, attempt.annotations, len(rows))
        _say(job, found, attempt, rows)


def _draw(
    registry: Registry, opened: Dataset, context: TaskContext, item: Item, annotations: Sequence[Annotation], below: int
) -> None:
    """Draw the item with the proposal, at least half of the terminal high, and so that the table fits below if it can."""
    from trainset.core.scene import Size
    from trainset.tui.still import still

    try:
        spec = view_for(registry, opened, context.task.type)
    except ConfigError as error:
        say(f"{error.message}, so it is not drawn")
        return
    columns, lines = shutil.get_terminal_size()
    view = load(spec.factory)()
    view.open(item, {"proposal": annotations}, context)
    for row in still(view, Size(columns, max(lines // 2, lines - below - 4, 1))):
        click.echo(row)


def _say(job: Job, item: Item, attempt: Attempt, rows: list[str]) -> None:
    providers = ", ".join(job.labeller.providers())
    show(f"{item.key}: {plural(len(attempt.annotations), 'annotation')} by {job.model} ({job.prelabeler})"
         f"{f' on {providers}' if providers else ''}")  # fmt: skip
    for line in rows:
        show(line)
    if attempt.dropped:
        names = ", ".join(f"{visible(name)} ({n:,})" for name, n in attempt.dropped.most_common(8))
        show(f"dropped {attempt.dropped.total():,} annotation(s) of classes that are no labels: {names}")
    times = (("reading", attempt.reading), ("model", attempt.model), ("decoding", attempt.decoding))
    show(", ".join(f"{name} {1000 * seconds:,.0f} ms" for name, seconds in times))
    say("nothing was recorded")


def _rows(context: TaskContext, item: Item, annotations: Sequence[Annotation]) -> list[tuple[str, ...]]:
    """A table of the annotations: number, label, score, type, and where it is."""
    rows = []
    for number, annotation in enumerate(annotations[:_SHOWN], 1):
        label = context.task.label(annotation.label) if annotation.label else None
        score = "" if annotation.score is None else f"{annotation.score:.2f}"
        rows.append(
            (str(number), label.title if label else "", score, tag_of(annotation), _place(context, item, annotation))
        )
    if len(annotations) > _SHOWN:
        rows.append(("…", f"and {len(annotations) - _SHOWN:,} more: --json has all", "", "", ""))
    return [("", "label", "score", "type", "where"), *rows] if rows else []


def _place(context: TaskContext, item: Item, annotation: Annotation) -> str:
    """An annotation's extent in words: that of a sequence is a stretch."""
    extent, frame = context.extent(annotation, item), context.frame(item)
    if extent is None:
        return "the whole item"
    if (frame is None or frame.height == 1) and (extent.y, extent.height) == (0, 1):
        return f"{extent.x:.5g} to {extent.right:.5g}"
    return f"{extent.width:.5g} × {extent.height:.5g} at {extent.x:.5g}, {extent.y:.5g}"


def _told(opened: Dataset, job: Job, item: Item, attempt: Attempt) -> dict[str, Any]:
    return {
        "item": item.key,
        "task": job.task.name,
        "model": job.model,
        "prelabeler": job.prelabeler,
        "providers": list(job.labeller.providers()),
        "annotations": msgspec.Raw(opened.codec.encode(attempt.annotations)),
        "dropped": attempt.dropped,
        "seconds": {"reading": attempt.reading, "model": attempt.model, "decoding": attempt.decoding},
    }
