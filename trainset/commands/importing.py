"""`trainset import`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
from trainset.core.model import Task
from trainset.core.protocols import Importer, Recognition
from trainset.errors import UsageError
from trainset.plugins.registry import Registry, load
from trainset.plugins.specs import FormatSpec

_ROWS = 20
"""Classes that are listed; what has hundreds would push everything else off the screen."""


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
        spec, importer = choose(registry, opened, task, format_name, src)
        handle = who(opened, reviewer) if reviewer else None
        with progress("importing", None) as bar:
            job = Importing(
                opened, task, importer, spec.name, src, reviewer=handle, source=source, dry_run=dry_run, tick=bar.update
            )
            if dry_run:
                job.foresee_labels()
            else:
                job.settle(add_labels)
            report = job.decisions() if what == "decisions" else job.predictions()
        if as_json:
            show_json(_told(report))
        else:
            _show(report, dry_run, what)


def choose(registry: Registry, opened: Dataset, task: Task, name: str, src: Path) -> tuple[FormatSpec, Importer]:
    """The format of this name, or the one that recognises the file; UsageError where none does, or several do, or where
    the format holds no answers to the task."""
    modality, tag = opened.config.dataset.modality, opened.kit.tag(task)
    if name != "auto":
        spec = registry.get(FormatSpec, name, modality)
        if spec.importer is None:
            raise UsageError(f"format {name!r} can only be written")
        if not _holds(spec, tag):
            raise UsageError(
                f"format {name!r} holds {' and '.join(spec.carries)}, and task {task.name!r} asks for {tag}",
                hint="name another task with --task",
            )
        return spec, load(spec.importer)()
    specs = [s for s in registry.all(FormatSpec, modality) if s.importer]
    found = [one for spec in specs if (one := _recognised(spec, src)) is not None]
    found = [one for one in found if _holds(one.spec, tag) or not one.recognition.questions]
    if not found:
        raise UsageError(f"{src} is in no format that is known", hint=f"name one: {', '.join(s.name for s in specs)}")
    surest = max(one.recognition.confidence for one in found)
    likely = [one for one in found if one.recognition.confidence == surest]
    best = [one for one in likely if _holds(one.spec, tag)]
    if not best:
        raise UsageError(
            f"{src} is {_words(likely)}, which holds no {tag}: that is what task {task.name!r} asks for",
            hint="name another task with --task, or the format that you mean",
        )
    if len(best) > 1:
        raise UsageError(f"{src} may be {_words(best)}", hint="name the format instead of auto")
    if asked := best[0].recognition.questions:
        raise UsageError(
            f"{src} may be {_words(best)}, but {visible(asked[0].text)}",
            hint=f"`trainset import {best[0].spec.name} {src}` says yes; known formats: {', '.join(s.name for s in specs)}",
        )
    say(f"{best[0].spec.name}: {visible('; '.join(best[0].recognition.evidence))}")
    return best[0].spec, best[0].importer


def _holds(spec: FormatSpec, tag: str) -> bool:
    return not spec.carries or tag in spec.carries


@dataclass(frozen=True)
class _Candidate:
    """A format that recognises a file."""

    spec: FormatSpec
    importer: Importer
    recognition: Recognition


def _recognised(spec: FormatSpec, src: Path) -> _Candidate | None:
    """The format as a candidate; one whose code fails costs a line, and nothing else."""
    try:
        importer = load(spec.importer or "")()
        recognition = importer.sniff(src)
    except Exception as error:  # whatever a plugin raises concerns its format alone
        say(f"format {spec.name} cannot look at it: {type(error).__name__}: {visible(str(error))}")
        return None
    return None if recognition is None else _Candidate(spec, importer, recognition)


def _words(found: Sequence[_Candidate]) -> str:
    return " or ".join(f"{one.spec.name} ({visible('; '.join(one.recognition.evidence))})" for one in found)


def _told(report: Brought) -> dict[str, object]:
    return {
        "items": report.items, "annotations": report.annotations, "registered": report.registered, "recorded": report.recorded,
        "absent": report.absent, "superseded": report.superseded, "unchanged": report.unchanged, "predicted": report.predicted, "classes": dict(report.classes),
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
    for line in table(report.classes.most_common(_ROWS), "  "):
        show(line)
    if len(report.classes) > _ROWS:
        show(f"  … and {len(report.classes) - _ROWS:,} more")
    if report.absent:
        say(
            f"{plural(report.absent, 'item')} of these {'has' if report.absent == 1 else 'have'} no medium here, and "
            "are known by name only: `trainset add FOLDER` before the import, or a SRC with the images in it, brings them"
        )
    if report.splits:
        show("splits: " + ", ".join(f"{name} {n:,}" for name, n in report.splits.items()))
    if report.added_labels:
        names = [visible(name) for name in report.added_labels]
        more = f" … and {len(names) - _ROWS:,} more" if len(names) > _ROWS else ""
        say(f"{'would add' if dry_run else 'added'} labels to the task: {', '.join(names[:_ROWS])}{more}")
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
