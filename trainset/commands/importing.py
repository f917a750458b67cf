"""`trainset import`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

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
    task_of,
    task_option,
    workspace,
)
from trainset.core.dataset import Dataset
from trainset.core.deciding import reviewer as who
from trainset.core.files import visible
from trainset.core.importing import Brought, Importing
from trainset.core.protocols import Importer
from trainset.errors import UsageError
from trainset.plugins.registry import Registry, load
from trainset.plugins.specs import FormatSpec


@click.command("import")
@click.argument("format_name", metavar="FORMAT")
@click.argument("src", type=click.Path(path_type=Path, exists=True))
@task_option
@click.option(
    "--as",
    "what",
    type=click.Choice(["decisions", "predictions"]),
    default="decisions",
    show_default=True,
    help="What the labels are.",
)
@click.option("--reviewer", metavar="NAME", help="Who decided, where the file does not say; a declared reviewer.")
@click.option("--source", metavar="NAME", help="The source of media that are not registered yet.")
@click.option("--add-labels", is_flag=True, help="Add labels to the task that it does not have.")
@click.option("--dry-run", is_flag=True, help="Say what would come in, and record nothing.")
@json_option
def import_(format_name: str, src: Path, task_name: str | None, what: str, reviewer: str | None, source: str | None,
            add_labels: bool, dry_run: bool, as_json: bool) -> None:  # fmt: skip
    """Bring the labels at SRC, in FORMAT (auto: recognise it). Importing the same file again adds nothing."""
    registry = workspace().registry
    with dataset() as opened:
        task = task_of(opened, task_name)
        spec, importer = choose(registry, opened, format_name, src)
        handle = who(opened, reviewer) if reviewer else None
        with progress("importing", None) as bar:
            job = Importing(
                opened, task, importer, spec.name, src, reviewer=handle, source=source, dry_run=dry_run, tick=bar.update
            )
            if dry_run:
                job.foresee_labels()
            else:
                job.settle_labels(add_labels)
            report = job.decisions() if what == "decisions" else job.predictions()
        if as_json:
            show_json(_told(report))
        else:
            _show(report, dry_run, what)


def choose(registry: Registry, opened: Dataset, name: str, src: Path) -> tuple[FormatSpec, Importer]:
    """The format of this name, or the one that recognises the file best."""
    modality = opened.config.dataset.modality
    if name != "auto":
        spec = registry.get(FormatSpec, name, modality)
        if spec.importer is None:
            raise UsageError(f"format {name!r} can only be written")
        return spec, load(spec.importer)()
    found = []
    for spec in registry.all(FormatSpec, modality):
        if spec.importer is not None:
            importer = load(spec.importer)()
            recognition = importer.sniff(src)
            if recognition is not None:
                found.append((recognition.confidence, spec, importer, recognition))
    if not found:
        names = ", ".join(s.name for s in registry.all(FormatSpec, modality) if s.importer)
        raise UsageError(f"{src} is in no format that is known", hint=f"name one: {names}")
    _, spec, importer, recognition = max(found, key=lambda f: f[0])
    say(f"{spec.name}: {'; '.join(recognition.evidence)}")
    return spec, importer


def _told(report: Brought) -> dict[str, object]:
    return {
        "items": report.items, "annotations": report.annotations, "registered": report.registered, "recorded": report.recorded,
        "superseded": report.superseded, "unchanged": report.unchanged, "predicted": report.predicted, "classes": dict(report.classes),
        "splits": dict(report.splits), "unknown": dict(report.unknown), "added_labels": report.added_labels,
        "problems": [{"where": p.where, "message": p.message} for p in report.problems],
    }  # fmt: skip


def _show(report: Brought, dry_run: bool, what: str) -> None:
    would = "would be " if dry_run else ""
    show(
        f"{plural(report.items, 'item')} with {plural(report.annotations, 'annotation')} read, {report.registered:,} {would}registered anew"
    )
    if what == "decisions":
        show(
            f"{plural(report.recorded, 'decision')} {would}recorded ({report.superseded:,} supersede earlier ones), {report.unchanged:,} unchanged"
        )
    else:
        show(
            f"{plural(report.predicted, 'prediction')} {would}recorded as a run"
            if report.predicted
            else "this file is a run already: nothing recorded"
        )
    for line in table(report.classes.most_common(), "  "):
        show(line)
    if report.splits:
        show("splits: " + ", ".join(f"{name} {n:,}" for name, n in report.splits.items()))
    if report.added_labels:
        say(
            f"{'would add' if dry_run else 'added'} labels to the task: {', '.join(visible(x) for x in report.added_labels)}"
        )
    if report.unknown:
        say(
            f"left out {sum(report.unknown.values()):,} annotation(s) of labels that the task lacks: "
            + ", ".join(f"{visible(k)} ({n:,})" for k, n in report.unknown.most_common(8))
        )
    for problem in report.problems[:20]:
        say(f"{visible(problem.where)}: {problem.message}")
    if len(report.problems) > 20:
        for message, count in Counter(p.message for p in report.problems[20:]).most_common(5):
            say(f"{count:,} more: {message}")
