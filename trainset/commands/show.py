"""`trainset status`, `show` and `items`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from trainset.commands.common import (
    dataset,
    json_option,
    plural,
    say,
    show_json,
    table,
    task_of,
    task_option,
    waiting,
    where_option,
)
from trainset.commands.common import show as echo
from trainset.core.assigning import Assignment
from trainset.core.dataset import WAITING, Dataset, Row
from trainset.core.desk import history
from trainset.core.disputes import answers_of
from trainset.core.files import chunks, visible
from trainset.core.forgetting import left
from trainset.core.home import reasons
from trainset.core.model import Annotation, Opaque, Task
from trainset.core.routing import Router
from trainset.errors import RecordError

ORDER = (
    "reviewed",
    "auto-accepted",
    "partial",
    "predicted",
    "unlabelled",
    "rejected",
    "flagged",
    "disputed",
    "stale",
    "excluded",
)


@click.command()
@task_option
@json_option
def status(task_name: str | None, as_json: bool) -> None:
    """Counts by state and reason for each task, and what is not committed or not pushed."""
    with dataset() as opened:
        tasks = [task_of(opened, task_name)] if task_name else list(opened.config.tasks.values())
        told = {task.name: _task(opened, task) for task in tasks}
        loose = opened.uncommitted()
        summary: dict[str, Any] = {
            "dataset": opened.config.dataset.name,
            "modality": opened.config.dataset.modality,
            "items": len(opened),
            "splits": opened.splits(),
            "tasks": told,
            "git": {
                "uncommitted": loose,
                "unpushed": opened.repository.unpushed(),
                "under_way": opened.repository.under_way(),
            },
        }
        if as_json:
            show_json(summary)
            return
        splits = ", ".join(f"{name or 'no split'} {n:,}" for name, n in summary["splits"].items())
        echo(
            f"{summary['dataset']} · {summary['modality']} · {plural(summary['items'], 'item')}{f' ({splits})' if splits else ''}"
        )
        for task in tasks:
            _echo(task, told[task.name])
        unpushed = summary["git"]["unpushed"]
        pushed = "no upstream branch" if unpushed is None else f"{plural(unpushed, 'commit')} not pushed"
        echo(f"\n{plural(loose, 'decision')} not committed, {pushed}")
        if count := left(opened):
            echo(f"{plural(count, 'record')} on forgotten items came in: `trainset forget` clears them")
        if summary["git"]["under_way"]:
            say(f"a {summary['git']['under_way']} is under way")


def _task(opened: Dataset, task: Task) -> dict[str, Any]:
    counts = opened.counts(task)
    db = opened.index.db
    found, assignment = reasons(opened, task), Assignment(opened, task)
    orphaned = db.execute(
        "SELECT sum(json_array_length(orphans)) FROM asked WHERE task=? AND orphans<>''", (task.name,)
    ).fetchone()[0]
    runs = [
        {"run": run.id, "model": run.model, "started": run.started, "items": n, "failed": failed}
        for run in opened.runs(task).values()
        for n, failed in db.execute("SELECT count(DISTINCT CASE WHEN o.error IS NULL THEN o.item END), count(DISTINCT CASE WHEN o.error IS NOT NULL "
                                    "THEN o.item END) FROM outcome o JOIN file f ON f.id=o.file WHERE f.present AND o.run=?", (run.id,))
    ]  # fmt: skip
    return {
        "type": task.type,
        **({"on": task.on, "unasked": found.unasked, "orphaned": orphaned or 0} if task.on else {}),
        "labels": len(task.active),
        "states": {s: counts[s] for s in ORDER if s in counts},
        "waiting": sum(counts.get(s, 0) for s in WAITING),  # type: ignore[call-overload]
        "reasons": found.waiting,
        **({"assigned": assignment.loads()} if task.assign else {}),
        "lacking": assignment.lacking(),
        "contradictions": list(opened.changes(task).contradictions()),
        "routed": Router(opened, task).current(),
        "runs": runs,
    }


def assigned(told: Mapping[str, Any]) -> Iterator[str]:
    """What waits for each of those who share a task, and what is for all since nobody has the skill, in words."""
    for load in told.get("assigned", ()):
        twice = f", {load.twice:,} of them with a second reviewer" if load.twice else ""
        yield f"{load.reviewer}: {waiting(load.waiting).removesuffix(' for a person')}{twice}"
    for skill in told["lacking"]:
        yield f"nobody has the skill {skill}: what rules send to it is for all"


def _echo(task: Task, told: dict[str, Any]) -> None:
    about = f" on {task.on}" if task.on else ""
    echo(f"\ntask {task.name} · {told['type']}{about} · {plural(told['labels'], 'label')}")
    for line in table(told["states"].items(), "  "):
        echo(line)
    echo(f"  {waiting(told['waiting'])}" + (":" if told["reasons"] else ""))
    for line in table(told["reasons"].items(), "    "):
        echo(line)
    for line in assigned(told):
        echo(f"  {line}")
    for reason, count in told.get("unasked", {}).items():
        echo(f"  {plural(count, 'item')} not asked about: {reason}")
    if told.get("orphaned"):
        echo(f"  {plural(told['orphaned'], 'answer')} to objects that are gone: `trainset verify` lists them")
    for run in told["runs"]:
        failed = f", {run['failed']:,} failed" if run["failed"] else ""
        echo(f"  run {run['run'][-6:]} of {run['model']}: {plural(run['items'], 'item')}{failed}")
    for text in told["contradictions"]:
        say(f"{text}; `trainset task rename-label {task.name} OLD NEW` settles it")
    if not told["routed"] and told["runs"]:
        say(f"the reasons are not those of the present rules and runs: `trainset route --task {task.name}` finds them")


@click.command()
@click.argument("item")
@task_option
@json_option
def show(item: str, task_name: str | None, as_json: bool) -> None:
    """Show ITEM: where it stands, why, its annotations, and every decision on it."""
    with dataset() as opened:
        tasks = [task_of(opened, task_name)] if task_name else list(opened.config.tasks.values())
        found = opened.item(item)
        told: dict[str, Any] = {
            "key": found.key,
            "split": found.split,
            "group": found.group,
            "media": found.media,
            "meta": found.meta,
            "tasks": {},
        }
        for task in tasks:
            row = opened.row(item, task)
            told["tasks"][task.name] = {
                **next(_rows(opened, task, [row])),
                **({"assigned": Assignment(opened, task).readers(row.number, found)} if task.assign else {}),
                "annotations": _stored(item, opened.answer, task, row) or [],
                "proposal": _stored(item, opened.proposal, task, row),
                "rivals": {who: _plain(said) for who, said in answers_of(opened, task, row).items()}
                if row.state == "disputed"
                else {},
                "run": row.run,
                **({"objects": list(row.objects)} if row.objects is not None else {}),
                "history": [
                    {"when": n.when, "who": n.who, "what": n.what, "id": n.rid} for n in history(opened, task, row)
                ],
            }
        if as_json:
            show_json(told)
            return
        echo(f"{found.key}  {found.split or 'no split'}  {' '.join(f'{k}={v}' for k, v in found.meta.items())}")
        for name, t in told["tasks"].items():
            echo(f"\n{name}: {t['state']}{' by ' + ', '.join(t['decided_by']) if t['decided_by'] else ''}")
            for reason in t["reasons"]:
                echo(f"  why: {reason}")
            if names := t.get("assigned"):
                echo(f"  for {' and '.join(names)}{', each by themselves' if len(names) > 1 else ''}")
            shown = dict(t["rivals"]) or (
                {"answer": t["annotations"]} if t["annotations"] else {"proposal": t["proposal"] or []}
            )
            for title, said in shown.items():
                if said or t["rivals"]:
                    echo(f"  {title}" + ("" if said else ": nothing there"))
                for a in said:
                    rest = msgspec.json.encode(
                        {k: v for k, v in a.items() if k not in ("type", "id", "label", "score")}
                    ).decode()
                    score = "" if a.get("score") is None else format(a["score"], ".2f")
                    echo(f"    {a.get('id')}  {a.get('label')}  {score}  {rest}")
            unanswered = [x for x in t.get("objects", ()) if x not in {a.get("id") for a in t["annotations"]}]
            if unanswered:
                echo(f"  no answer for {', '.join(map(visible, unanswered))}")
            for n in t["history"]:
                echo(f"  {n['when']}  {n['who']}  {n['what']}  {n['id'][:8]}")


def _stored(key: str, read: Callable[[Task, Row], Sequence[Annotation] | None], task: Task, row: Row) -> Any:
    """Annotations as JSON has them, None where there are none; what cannot be read is named, and passed over."""
    try:
        found = read(task, row)
    except RecordError as error:
        say(f"{key}, task {task.name}: {error.message}; `trainset verify` names the line")
        return None
    return None if found is None else _plain(found)


def _plain(annotations: Sequence[Annotation]) -> list[dict[str, Any]]:
    return [_parsed(a) if isinstance(a, Opaque) else msgspec.to_builtins(a) for a in annotations]


def _parsed(annotation: Opaque) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = msgspec.json.decode(annotation.raw)
    except msgspec.DecodeError:  # a number that no float can hold
        parsed = {"type": annotation.kind, "id": annotation.id, "label": annotation.label, "unreadable": True}
    return parsed


def _rows(opened: Dataset, task: Task, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Where items stand, as JSON has it; the rules that found something of them are asked for together."""
    rules: dict[int, list[str]] = {}
    for number, rule in opened.index.db.execute(
        f"SELECT DISTINCT item, rule FROM finding INDEXED BY finding_item WHERE task=? AND item IN ({','.join('?' * len(rows))}) ORDER BY rule",
        (task.name, *(row.number for row in rows)),
    ):
        rules.setdefault(number, []).append(rule)
    for row in rows:
        reasons = [*row.reasons, *(rules.get(row.number, ()) if row.state in WAITING else ())]
        yield {"key": row.item.key, "state": row.state, "reasons": reasons, "decided_by": list(row.decided_by)}


@click.command()
@task_option
@where_option
@json_option
def items(task_name: str | None, where: str, as_json: bool) -> None:
    """List items and where they stand, one a line; with --json one object a line."""
    with dataset() as opened:
        task = task_of(opened, task_name)
        for rows in chunks(opened.rows(task, where), 1000):
            for row, told in zip(rows, _rows(opened, task, rows), strict=True):
                if as_json:
                    show_json({**told, "split": row.item.split, "score": row.low}, lines=True)
                    continue
                score = "" if row.low is None else format(row.low, ".2f")
                echo(f"{row.state:<13} {score:>4}  {visible(row.item.key)}  {', '.join(told['reasons'])}".rstrip())
