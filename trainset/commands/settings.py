"""`trainset task` and `trainset reviewer`: edit `trainset.toml`, comments kept."""

from __future__ import annotations

from pathlib import Path

import click

from trainset.commands.common import dataset, plural, say, show, workspace
from trainset.commands.labels import entries
from trainset.core import config, layout
from trainset.core.config import editing, table
from trainset.core.dataset import Dataset
from trainset.core.names import check_handle, check_label
from trainset.errors import UsageError
from trainset.workspace import find_root


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


@click.group()
def reviewer() -> None:
    """Reviewers in trainset.toml."""


@reviewer.command("add")
@click.argument("handle")
@click.option("--name", help="The name that others see; else Git's user.name.")
@click.option("--email", help="The address by which Git knows them; else Git's user.email.")
def add_reviewer(handle: str, name: str | None, email: str | None) -> None:
    """Declare HANDLE as a reviewer; the first that is declared at a machine is who reviews there."""
    with dataset() as opened:
        declare(opened, handle, name, email)


def declare(opened: Dataset, handle: str, name: str | None = None, email: str | None = None) -> None:
    """Add a reviewer to `trainset.toml`, and make them this machine's where it has none."""
    check_handle(handle)
    first = opened.machine.reviewer is None
    if handle in opened.config.reviewers:
        show(f"{handle} is a reviewer already")
    else:
        own = opened.repository.identity() if first else ("", "")
        with editing(opened.root) as document:
            entry = table(document, "reviewers", handle)
            if name or own[0]:
                entry["name"] = name or own[0]
            if email or own[1]:
                entry["emails"] = [email or own[1]]
        show(f"{handle} may review")
    if first:
        opened.machine.set("reviewer", "handle", handle)
        say(f"{handle} reviews at this machine; --reviewer or TRAINSET_REVIEWER names somebody else")
