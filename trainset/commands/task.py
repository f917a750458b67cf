"""`trainset task`: the questions asked of items, and how they change; edits `trainset.toml`, comments kept."""

from __future__ import annotations

from pathlib import Path

import click

from trainset.commands.common import dataset, plural, show, task_of, workspace
from trainset.commands.labels import entries
from trainset.core import config, layout, migrating
from trainset.core.config import editing, table
from trainset.core.migrating import Change
from trainset.core.model import Attribute, AttributeValue
from trainset.core.names import check_label
from trainset.errors import UsageError
from trainset.workspace import find_root

_KINDS = ("choice", "number", "text", "flag")
_note = click.option("--note", help="Why, for those who read the history.")


@click.group()
def task() -> None:
    """Tasks and their labels in trainset.toml."""


@task.command("add")
@click.argument("spec", metavar="NAME:TYPE[:LABEL,…]")
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True),
    help="Labels from a text file, a data.yaml or a COCO JSON.",
)
@click.option("--many", is_flag=True, help="An item may have several classes.")
@click.option("--on", metavar="TASK", help="Ask about each object of another task, not about the item.")
def add_task(spec: str, labels: Path | None, many: bool, on: str | None) -> None:
    """Ask another question of the items."""
    plugins, root = workspace(), find_root(Path.cwd())
    modality = config.load(root).dataset.modality
    name, kind, given = layout.parse_task(spec)
    plugins.registry.annotation_for(kind, modality)
    found = entries(plugins, modality, given, labels)
    layout.add_task(root, name, kind, found, many, on)
    show(f"task {name}: {kind}{f' on {on}' if on else ''}, {plural(len(found), 'label')}")


@task.command("add-label")
@click.argument("name", metavar="TASK")
@click.argument("labels", nargs=-1, required=True)
def add_label(name: str, labels: tuple[str, ...]) -> None:
    """Add LABELS to a task; each gets an index of its own, and no other label's index moves."""
    root = find_root(Path.cwd())
    known = config.load(root).task(name)
    for label in labels:
        check_label(label)
    double = [x for x in labels if known.label(x)]
    if double:
        raise UsageError(f"task {name!r} has the label {double[0]!r} already")
    with editing(root) as document:
        added = layout.number_labels(table(document, "tasks", name, "labels"), [(None, x) for x in labels])
    show(f"task {name}: added {', '.join(added)}")


@task.command("rename-label")
@click.argument("name", metavar="TASK")
@click.argument("old")
@click.argument("new")
@_note
def rename_label(name: str, old: str, new: str, note: str | None) -> None:
    """Call the label OLD of a task NEW. What was decided is read under the new name; its export index stays."""
    with dataset() as opened:
        done = migrating.rename(opened, task_of(opened, name), old, new, note)
    _tell(f"task {name}: {old} is {new} now", done)


@task.command("merge-labels")
@click.argument("name", metavar="TASK")
@click.argument("labels", nargs=-1, required=True)
@click.option("--into", required=True, metavar="LABEL", help="The label of the task that they count as.")
@_note
def merge_labels(name: str, labels: tuple[str, ...], into: str, note: str | None) -> None:
    """Count LABELS of a task as another of its labels, and retire them."""
    with dataset() as opened:
        done = migrating.merge(opened, task_of(opened, name), labels, into, note)
    _tell(f"task {name}: {', '.join(labels)} count as {into} now", done)


@task.command("split-label")
@click.argument("name", metavar="TASK")
@click.argument("label")
@click.option("--into", required=True, metavar="LABEL,LABEL…", help="What it may be now; new labels are added.")
@_note
def split_label(name: str, label: str, into: str, note: str | None) -> None:
    """Ask more closely than LABEL does. What was decided under it returns to the queue."""
    labels = _parts(into)
    with dataset() as opened:
        done = migrating.split(opened, task_of(opened, name), label, labels, note)
    _tell(f"task {name}: {label} is one of {', '.join(labels)} now", done)


@task.command("retire-label")
@click.argument("name", metavar="TASK")
@click.argument("label")
@_note
def retire_label(name: str, label: str, note: str | None) -> None:
    """Offer LABEL no more; its export index stays taken. What was decided under it returns to the queue."""
    with dataset() as opened:
        done = migrating.retire(opened, task_of(opened, name), label, note)
    _tell(f"task {name}: {label} is retired", done)


@task.command("add-attribute")
@click.argument("name", metavar="TASK")
@click.argument("spec", metavar="NAME:TYPE[:CHOICE,…]")
@click.option("--of", type=click.Choice(["object", "item"]), default="object", help="What it is asked of.")
@click.option("--labels", default="", metavar="LABEL,…", help="Of objects of these labels only.")
@click.option(
    "--required", is_flag=True, help="What was decided without it returns to the queue, unless --value is given."
)
@click.option("--value", help="What it counts as in everything that was decided before.")
@_note
def add_attribute(
    name: str, spec: str, of: str, labels: str, required: bool, value: str | None, note: str | None
) -> None:
    """Ask one thing more of each object, or of the item: a choice, number, text or flag."""
    key, _, rest = spec.partition(":")
    kind, _, listed = rest.partition(":")
    if kind not in _KINDS:
        raise UsageError(
            f"{spec!r}: {kind} is no type of attribute", hint=f"{', '.join(_KINDS)}: such as damage:choice:none,dent"
        )
    attribute = Attribute(name=key, type=kind, of=of, choices=_parts(listed), labels=_parts(labels), required=required)  # type: ignore[arg-type]
    with dataset() as opened:
        done = migrating.add_attribute(opened, task_of(opened, name), attribute, _value(attribute, value), note)
    _tell(f"task {name}: {key} is asked of each {of} now", done)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _value(attribute: Attribute, text: str | None) -> AttributeValue:
    if text is None:
        return None
    if attribute.type == "number":
        try:
            return float(text)
        except ValueError:
            raise UsageError(f"{attribute.name} is a number, not {text!r}") from None
    if attribute.type == "flag":
        if text not in ("true", "false"):
            raise UsageError(f"{attribute.name} is a flag, not {text!r}", hint="true or false")
        return text == "true"
    return text


def _tell(what: str, done: Change) -> None:
    again = f"; {plural(done.again, 'item')} wait for another look" if done.again else ""
    show(f"{what}{again}")
