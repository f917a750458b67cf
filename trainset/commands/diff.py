"""`trainset diff`: what two revisions differ in, in the dataset's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from trainset.commands.common import dataset, json_option, plural, show, show_json, table, task_of, where_option
from trainset.core.differing import Diff, ItemChange, ObjectChange, compared
from trainset.core.files import visible
from trainset.core.model import Annotation, Task
from trainset.errors import UsageError

_WORDS = ("added", "removed", "relabelled", "moved", "changed")
_SIGNS = {"added": "+", "removed": "-"}


@click.command()
@click.argument("before", metavar="A", default="HEAD")
@click.argument("after", metavar="[B]", required=False)
@click.option("--task", "-t", "task_name", metavar="T", help="Of this task only.")
@where_option
@click.option("--stat", is_flag=True, help="Only how many of what, by label and by reviewer.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where there are differences, as Git does.")
@json_option
def diff(
    before: str, after: str | None, task_name: str | None, where: str, stat: bool, exit_code: bool, as_json: bool
) -> None:
    """What changed from revision A to B (else the dataset as it is on disk): items, states, and objects one by one.

    A is HEAD where it is left out. `A..B` are both, and `A...B` is what came to B since it left A, as Git has it.
    """
    different = False
    with dataset() as opened, compared(opened, before, after) as found:
        wanted = task_of(opened, task_name).name if task_name else None
        tasks = [task for task in found.tasks if wanted in (None, task.name)]
        if not tasks:
            raise UsageError(f"the two have no task {wanted!r} in common" if wanted else "the two have no task in common",
                             hint="a task that is new since is told by `trainset status`")  # fmt: skip
        for task in tasks:
            counted = _Counts()
            asked = found.migrations(task)
            for change in found.changes(task, where):
                counted.take(change)
                if as_json and not stat:
                    show_json(_plain(task, change), lines=True)
                elif not stat:
                    _tell(task, change)
            different = different or bool(counted.items or asked)
            if as_json and stat:
                show_json({"task": task.name, "migrations": asked, **counted.plain()}, lines=True)
            elif not as_json:
                _sum(found, task, asked, counted)
    click.get_current_context().exit(1 if exit_code and different else 0)


class _Counts:
    """Changes of one task, by what became of items and of objects."""

    def __init__(self) -> None:
        self.items: Counter[str] = Counter()
        self.labels: dict[str, Counter[str]] = {}
        self.reviewers: dict[str, Counter[str]] = {}

    def take(self, change: ItemChange) -> None:
        word = "added" if change.before is None else "removed" if change.after is None else "changed"
        self.items[word] += 1
        for one in change.objects:
            said = one.after or one.before
            assert said is not None
            self.labels.setdefault(said.label or "", Counter())[one.word] += 1
        for who in change.by:
            self.reviewers.setdefault(who, Counter()).update(["items", *(one.word for one in change.objects)])

    def plain(self) -> dict[str, Any]:
        return {"items": self.items, "labels": self.labels, "reviewers": self.reviewers}


def _sum(found: Diff, task: Task, asked: Iterable[str], counted: _Counts) -> None:
    for text in asked:
        show(f"task {task.name}: {text}")
    parts = [f"{counted.items[word]:,} {word}" for word in ("added", "removed", "changed") if counted.items[word]]
    show(f"task {task.name}: {plural(sum(counted.items.values()), 'item')} differ{'s' if counted.items.total() == 1 else ''}"
         + (f" ({', '.join(parts)})" if parts else ""))  # fmt: skip
    for title, rows in (("label", counted.labels), ("reviewer", counted.reviewers)):
        if rows:
            head = (title, *(("items",) if title == "reviewer" else ()), *_WORDS)
            body = [(name, *(f"{row[word]:,}" for word in head[1:])) for name, row in sorted(rows.items())]
            for line in table([head, *body], "  "):
                show(line)


def _tell(task: Task, change: ItemChange) -> None:
    states = " → ".join(dict.fromkeys(state or "no item" for state in (change.before, change.after)))
    by = f"  by {', '.join(change.by)}" if change.by else ""
    show(f"{visible(change.key)}  {states}{by}")
    for name, (was, now) in (change.attributes or {}).items():
        show(f"  ~ {name}: {was} → {now}")
    for one in change.objects:
        show(f"  {_SIGNS.get(one.word, '~')} {_said(task, one)}")


def _said(task: Task, change: ObjectChange) -> str:
    before, after = change.before, change.after
    there = after or before
    assert there is not None
    text = f"{_title(task, there)} {there.id}"
    if before is not None and after is not None:
        if before.label != after.label:
            text = f"{_title(task, before)} {before.id} → {_title(task, after)}"
        if change.alike < 1:
            text += f" moved, likeness {change.alike:.2f}"
        for name in sorted({*before.attributes, *after.attributes}):
            was, now = before.attributes.get(name), after.attributes.get(name)
            text += f", {name}: {was} → {now}" if was != now else ""
    return text


def _title(task: Task, annotation: Annotation) -> str:
    label = task.label(annotation.label) if annotation.label else None
    return label.title if label else annotation.label or ""


def _plain(task: Task, change: ItemChange) -> dict[str, Any]:
    return {
        "task": task.name,
        "item": change.key,
        "before": change.before,
        "after": change.after,
        "by": change.by,
        "attributes": change.attributes or {},
        "objects": [
            {
                "change": one.word,
                "before": None if one.before is None else msgspec.to_builtins(one.before),
                "after": None if one.after is None else msgspec.to_builtins(one.after),
                "likeness": round(one.alike, 6),
            }
            for one in change.objects
        ],
    }
