"""`trainset decide` and `trainset reopen`: decisions for scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click
import msgspec
from msgspec.structs import replace

from trainset.commands.common import (
    confirm,
    dataset,
    plural,
    reviewer_option,
    say,
    show_json,
    task_of,
    task_option,
    where_option,
    yes_option,
)
from trainset.core.dataset import Dataset
from trainset.core.deciding import OF_OBJECTS, WHOLE, Recorder, annotations_from
from trainset.core.deciding import reviewer as who
from trainset.core.disputes import rivals_of
from trainset.core.model import Task
from trainset.core.records import UNREADABLE
from trainset.errors import TrainsetError, UsageError

VERDICTS = tuple(dict.fromkeys((*WHOLE, *OF_OBJECTS, "withdrawn")))


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line of `--from`."""

    item: str
    verdict: str
    annotations: Any = None
    object: str | None = None
    attributes: dict[str, Any] = {}
    note: str | None = None
    reason: str | None = None


@click.command()
@click.argument("item", required=False)
@task_option
@click.option("--verdict", type=click.Choice(VERDICTS), help="What you say of it.")
@click.option("--annotations", metavar="JSON", help="The answer, as a list; [] says that nothing is there.")
@click.option("--object", "object_", metavar="ID", help="Decide one object of the proposal, not the whole item.")
@click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=JSON", help="An attribute of the item as a whole."
)
@click.option("--take", metavar="REVIEWER", help="Accept what REVIEWER says of a disputed item.")
@click.option("--note", help="A note, kept with the decision.")
@click.option("--reason", help="Why another look is needed: with --verdict reopened.")
@click.option("--where", default="", metavar="FILTER", help="Decide every item that the filter names.")
@click.option(
    "--from",
    "source",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Read decisions as JSON Lines; - is stdin.",
)
@reviewer_option
@yes_option
def decide(item: str | None, task_name: str | None, verdict: str | None, annotations: str | None, object_: str | None,
           take: str | None, attributes: tuple[str, ...], note: str | None, reason: str | None, where: str, source: TextIO | None,
           reviewer: str | None, yes: bool) -> None:  # fmt: skip
    """Decide ITEM, every item of --where, or what --from lists; prints one JSON line per durable decision.

    \b
    trainset decide cam1/0007.jpg --verdict accepted
    trainset decide cam1/0007.jpg --verdict corrected --annotations '[{"label": "screw", "box": [12, 40, 80, 33]}]'
    """
    if sum(x is not None and x != "" for x in (item, where, source)) != 1:
        raise UsageError("decide takes an ITEM, --where, or --from", hint="`trainset decide --help` has examples")
    with dataset() as opened:
        task = task_of(opened, task_name)
        recorder = Recorder.person(opened, task, who(opened, reviewer))
        try:
            if source is not None:
                lines = _read(source)
            elif take is not None and item is not None:
                if verdict is not None or annotations is not None or object_ is not None or attributes:
                    raise UsageError("--take says what is decided", hint="a --note may go with it")
                rid = _take(opened, task, recorder, item, take, note)
                show_json({"item": item, "verdict": "accepted", "id": rid}, lines=True)
                return
            elif verdict is None:
                raise UsageError("a decision needs a --verdict", hint=f"one of {', '.join(VERDICTS)}")
            else:
                answer = None if annotations is None else _json(annotations, "--annotations")
                said = _Line("", verdict, answer, object_, dict(map(_attribute, attributes)), note, reason)
                lines = (replace(said, item=key) for key in _keys(opened, task, item, where, verdict, yes))
            for line in lines:
                show_json(
                    {"item": line.item, "verdict": line.verdict, "id": _decide(opened, task, recorder, line)},
                    lines=True,
                )
                sys.stdout.flush()
        finally:
            recorder.close()


def _take(opened: Dataset, task: Task, recorder: Recorder, item: str, who: str, note: str | None) -> str:
    """Accept one reviewer's answer to an item, which overrules the others."""
    row = opened.row(item, task)
    answers = [rival for rival in rivals_of(opened, task, row) if rival.annotations is not None]
    found = next((rival for rival in answers if rival.who == who), None)
    if found is None:
        known = ", ".join(rival.who for rival in answers)
        raise UsageError(f"{who!r} has no answer to {item!r} that stands", hint=f"there is one of {known or 'nobody'}")
    return recorder.decide(row, "accepted", found.annotations, attributes=found.attributes, note=note)


def _keys(opened: Dataset, task: Task, item: str | None, where: str, verdict: str, yes: bool) -> list[str]:
    """The item that was named, or all that the filter names, once that is confirmed."""
    if item is not None:
        return [item]
    keys = [row.item.key for row in opened.rows(task, where)]
    confirm(f"Decide {plural(len(keys), 'item')} as {verdict}?", yes)
    return keys


def _read(source: TextIO) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    for number, text in enumerate(_texts(source), start=1):
        if text.strip():
            try:
                yield decoder.decode(text)
            except UNREADABLE as error:
                raise UsageError(
                    f"{source.name}, line {number}: {error}", hint='such as {"item": KEY, "verdict": "accepted"}'
                ) from error


def _texts(source: TextIO) -> Iterator[str]:
    try:
        yield from source
    except UnicodeDecodeError as error:
        raise UsageError(f"{source.name} is not UTF-8: {error.reason}", hint="save it as UTF-8") from error


def _attribute(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, _json(value, f"--attribute {name}")


def _json(text: str, what: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except UNREADABLE as error:
        raise UsageError(
            f"{what}: {error}", hint='JSON, such as [{"label": "screw", "box": [12, 40, 80, 33]}]'
        ) from error


def _decide(opened: Dataset, task: Task, recorder: Recorder, line: _Line) -> str:
    if line.verdict not in VERDICTS:
        raise UsageError(f"{line.verdict!r} is not a verdict", hint=f"use one of {', '.join(VERDICTS)}")
    row = opened.row(line.item, task)
    if line.verdict == "withdrawn":
        if line.annotations is not None or line.object is not None:
            raise UsageError("a withdrawal takes back a whole decision: it has no annotations, and no object")
        own = [r for r in row.live if opened.decision(r)[1].reviewer == recorder.header.reviewer]
        if not own:
            raise UsageError(f"{recorder.header.reviewer} has no decision on {line.item!r} to withdraw")
        superseded = {t for r in own for t in opened.decision(r)[0].on}
        return recorder.withdraw(row, next(r for r in own if r not in superseded))
    annotations = None if line.annotations is None else annotations_from(opened, task, line.annotations)
    return recorder.decide(
        row,
        line.verdict,
        annotations,
        object=line.object,
        attributes=line.attributes,
        note=line.note,
        reason=line.reason,
    )


@click.command()
@click.argument("keys", nargs=-1, metavar="[ITEM]…")
@task_option
@where_option
@click.option("--reason", required=True, help="Why another look is needed; it is shown in the queue.")
@reviewer_option
@yes_option
def reopen(
    keys: tuple[str, ...], task_name: str | None, where: str, reason: str, reviewer: str | None, yes: bool
) -> None:
    """Take items back to the queue, whoever decided them, with a reason."""
    if bool(keys) == bool(where):
        raise UsageError("reopen takes items or --where", hint="such as --where 'reviewer = ana and label = screw'")
    with dataset() as opened:
        task = task_of(opened, task_name)
        recorder = Recorder.person(opened, task, who(opened, reviewer))
        rows = [opened.row(k, task) for k in keys] if keys else list(opened.rows(task, where))
        rows = [row for row in rows if row.live]
        if not rows:
            raise TrainsetError("none of these items was decided", hint="`trainset items` shows where they stand")
        if where:
            confirm(f"Reopen {plural(len(rows), 'item')}?", yes)
        count = recorder.record_all(recorder.compose(row, "reopened", reason=reason.strip()) for row in rows)
        opened.index.refresh()
        say(f"{plural(count, 'item')} back in the queue: {reason.strip()}")
