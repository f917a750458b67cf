"""`trainset add`."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from trainset.commands.common import dataset, json_option, plural, progress, say, show, show_json
from trainset.core.config import editing, table
from trainset.core.dataset import Dataset
from trainset.core.files import visible
from trainset.core.registering import Report
from trainset.core.registering import add as register
from trainset.errors import UsageError


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--source", metavar="NAME", help="The source's name; else the folder's.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the modality, kept in [media] of trainset.toml, such as key=id for tables of texts.",
)
@click.option("--key", metavar="COLUMN", help="The column that names a table's rows: short for --set key=COLUMN.")
@json_option
def add(paths: tuple[Path, ...], source: str | None, settings: tuple[str, ...], key: str | None, as_json: bool) -> None:
    """Register the media in PATHS as items, in place. Adding a folder again takes in what is new or changed."""
    with dataset() as opened:
        given = dict(_setting(text) for text in settings) | ({"key": key} if key else {})
        if given:
            _set(opened, given)
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
            say(f"source {name}: {opened.media.source(name)}")
        for skipped in report.skipped[:20]:
            say(f"skipped {visible(str(skipped.path))}: {skipped.reason}")
        if len(report.skipped) > 20:
            for reason, count in Counter(s.reason for s in report.skipped[20:]).most_common(5):
                say(f"skipped {count:,} more: {reason}")


def _set(opened: Dataset, given: Mapping[str, Any]) -> None:
    """Put settings into `[media]`, once the modality has agreed to all of them."""
    opened.kit.media_settings({**opened.config.media, **given})
    with editing(opened.root) as document:
        table(document, "media").update(given)
    opened.reload()


def _setting(text: str) -> tuple[str, Any]:
    """A name and a value: a number, truth value or list as TOML writes it, or else plain text."""
    name, mark, value = text.partition("=")
    if not (name and mark):
        raise UsageError(f"--set {text}: this is no NAME=VALUE", hint="such as --set key=id")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value
