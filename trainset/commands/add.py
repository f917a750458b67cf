"""`trainset add`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from trainset.commands.common import dataset, json_option, plural, progress, say, show, show_json
from trainset.core.files import visible
from trainset.core.registering import Report
from trainset.core.registering import add as register


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--source", metavar="NAME", help="The source's name; else the folder's.")
@json_option
def add(paths: tuple[Path, ...], source: str | None, as_json: bool) -> None:
    """Register the media in PATHS as items, in place. Adding a folder again takes in what is new or changed."""
    with dataset() as opened:
        report = Report()
        with progress("reading headers", None) as bar:
            for report in register(opened, paths, source):  # noqa: B007 the last report is the whole one
                bar.update(0)
        if as_json:
            show_json({
                "added": report.added, "changed": report.changed, "known": report.known, "sources": sorted(report.sources),
                "skipped": [{"path": str(s.path), "reason": s.reason} for s in report.skipped],
            })  # fmt: skip
            return
        show(
            f"{plural(report.added, 'item')} added, {report.changed:,} changed, {report.known:,} known, {len(report.skipped):,} skipped"
        )
        for name in sorted(report.sources):
            say(f"source {name}: {opened.media.source(name)}" if name in opened.config.sources else f"source {name}")
        for skipped in report.skipped[:20]:
            say(f"skipped {visible(str(skipped.path))}: {skipped.reason}")
        if len(report.skipped) > 20:
            for reason, count in Counter(s.reason for s in report.skipped[20:]).most_common(5):
                say(f"skipped {count:,} more: {reason}")
