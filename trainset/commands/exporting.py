"""`trainset export`."""

from __future__ import annotations

from pathlib import Path

import click

from trainset.commands.common import dataset, plural, progress, say, show, task_of, task_option, where_option, workspace
from trainset.commands.show import ORDER
from trainset.core.exporting import DECIDED, LOSSES
from trainset.core.exporting import export as write
from trainset.errors import UsageError
from trainset.plugins.registry import load
from trainset.plugins.specs import FormatSpec


@click.command()
@click.argument("format_name", metavar="FORMAT")
@click.argument("dest", type=click.Path(path_type=Path))
@task_option
@click.option("--at", "revision", metavar="REV", help="As the dataset was at a Git revision.")
@click.option(
    "--include", default=",".join(DECIDED), show_default=True, metavar="STATE,…", help="The states of items to write."
)
@click.option("--split", "splits", metavar="NAME,…", help="Only these splits.")
@where_option
@click.option(
    "--media",
    type=click.Choice(["copy", "link", "none"]),
    default="none",
    show_default=True,
    help="Whether media come along.",
)
@click.option("--strict", is_flag=True, help="Refuse where the format cannot hold everything.")
def export(format_name: str, dest: Path, task_name: str | None, revision: str | None, include: str, splits: str | None,
           where: str, media: str, strict: bool) -> None:  # fmt: skip
    """Write labels to DEST in FORMAT; trainset.json beside them says where every item stands."""
    states = [s.strip() for s in include.split(",") if s.strip()]
    unknown = [s for s in states if s not in ORDER]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is not a state", hint=f"there are: {', '.join(ORDER)}")
    registry = workspace().registry
    with dataset(revision) as opened:
        task = task_of(opened, task_name)
        spec = registry.get(FormatSpec, format_name, opened.config.dataset.modality)
        if spec.exporter is None or (spec.carries and opened.kit.tag(task) not in spec.carries):
            tag = opened.kit.tag(task)
            able = ", ".join(
                s.name
                for s in registry.all(FormatSpec, opened.config.dataset.modality)
                if s.exporter and (not s.carries or tag in s.carries)
            )
            raise UsageError(
                f"format {format_name!r} cannot hold annotations of type {tag!r}", hint=f"these can: {able}"
            )
        exporter = load(spec.exporter)()
        with progress("exporting", sum(opened.counts(task).get(s, 0) for s in states)) as bar:  # type: ignore[call-overload]
            result = write(opened, task, exporter, dest, format_name=spec.name, states=states, where=where, splits=[s for s in (splits or "").split(",") if s],
                           media=media, strict=strict, tick=bar.update)  # type: ignore[arg-type]  # fmt: skip
        by_state = ", ".join(f"{n:,} {state}" for state, n in result.states.items())
        show(
            f"{plural(result.items, 'item')} with {plural(result.annotations, 'annotation')} written to {dest}"
            + (f" ({by_state})" if by_state else "")
        )
        meanings = LOSSES | dict(exporter.losses)
        for what, count in result.losses.most_common():
            say(f"not in the format: {count:,} × {what}: {meanings.get(what, '')} (first: {result.examples[what]})")
        if not result.items and "unreadable" not in result.losses:
            say(f"no item of task {task.name} is {' or '.join(states)}; --include names other states")
