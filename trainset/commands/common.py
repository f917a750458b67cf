"""What commands share: opening the dataset, saying things on stderr, printing data on stdout, asking."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from trainset.core.dataset import Dataset
from trainset.core.files import visible
from trainset.core.model import Task
from trainset.errors import TrainsetError
from trainset.workspace import Workspace

_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What JSON may hold as it is, but a terminal would act on."""

task_option = click.option(
    "--task", "-t", "task_name", metavar="T", help="The task; may be left out where there is one."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
where_option = click.option(
    "--where", default="", metavar="FILTER", help="Which items, such as 'state = predicted and score < 0.5'."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
reviewer_option = click.option("--reviewer", metavar="HANDLE", help="Who decides; else who this machine's reviewer is.")


def workspace() -> Workspace:
    """The installed plugins; a broken one costs a line."""
    found = Workspace()
    for plugin in found.broken:
        say(f"plugin {plugin.name} of {plugin.distribution} {plugin.version} is left out: {plugin.error}")
    return found


@contextmanager
def dataset(revision: str | None = None, plugins: Workspace | None = None) -> Iterator[Dataset]:
    """The dataset around the present folder, with `plugins` where they are known already."""
    with (plugins or workspace()).open(Path.cwd(), revision) as opened:
        for recovered in opened.recovered:
            say(
                f"brought back {recovered.records} record(s) that Git had removed: {recovered.path.relative_to(opened.root)}"
            )
        if unknown := opened.kit.unknown(opened.config.tasks.values()):
            wrote = ", ".join(opened.absent())
            say(f"no installed plugin knows {' or '.join(unknown)}: what is labelled is kept as it is, but not shown or edited"
                + (f"; install {wrote}" if wrote else ""))  # fmt: skip
        yield opened


def task_of(opened: Dataset, name: str | None) -> Task:
    """The task that is meant."""
    return opened.config.task(name)


def say(text: str = "") -> None:
    """Talk, on stderr."""
    click.echo(visible_lines(text), err=True)


def show(text: str = "") -> None:
    """Data, on stdout."""
    click.echo(visible_lines(text))


def visible_lines(text: str) -> str:
    """Text with what could drive a terminal spelled out, line by line."""
    return "\n".join(visible(line) for line in text.split("\n"))


def show_json(value: Any, *, lines: bool = False) -> None:
    """JSON on stdout: one object, indented, or one a line."""
    encoded = msgspec.json.encode(value)
    text = (encoded if lines else msgspec.json.format(encoded, indent=2)).decode()
    click.echo(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def table(rows: Iterable[Sequence[object]], indent: str = "") -> list[str]:
    """Rows as lines of aligned columns; numbers stand to the right."""
    cells = [[visible(str(c)) for c in row] for row in rows]
    if not cells:
        return []
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    right = [all(_numeric(row[i]) for row in cells[1:] or cells) for i in range(len(cells[0]))]
    return [
        (
            indent + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        ).rstrip()
        for row in cells
    ]


def _numeric(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).removesuffix("%").strip().isdigit()


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Any]:
    """A bar with rate and time left on stderr where that is a terminal; silent elsewhere."""
    made: Any = click.progressbar(
        length=total or 0,
        label=label,
        file=sys.stderr,
        show_pos=True,
        hidden=not sys.stderr.isatty(),
        item_show_func=lambda rate: None if rate is None else f"{rate:,.1f}/s",
    )
    with made as bar:
        yield bar


def confirm(question: str, yes: bool) -> None:
    """Ask before a bulk change; where nobody can answer, `--yes` must have been given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise TrainsetError("nobody is there to confirm this", hint="add --yes", exit_code=2)
    click.confirm(question, abort=True, err=True)


def waiting(count: int) -> str:
    """`1 item waits for a person`, `2 items wait for a person`."""
    return f"{plural(count, 'item')} {'waits' if count == 1 else 'wait'} for a person"


def plural(count: int, noun: str) -> str:
    """`1 item`, `2 items`, `2,000 items`, `2 classes`."""
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"
