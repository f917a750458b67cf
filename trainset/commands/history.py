"""`trainset commit`, `log`, `blame` and `verify`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from trainset.commands.ci import verify_ci
from trainset.commands.common import dataset, json_option, plural, say, show, show_json, table, task_of, task_option
from trainset.commands.release import verify_release
from trainset.core.blaming import Blame
from trainset.core.blaming import blame as trace
from trainset.core.committing import commit as seal_and_commit
from trainset.core.desk import history
from trainset.core.proving import releases
from trainset.core.verify import Summary
from trainset.core.verify import verify as check
from trainset.errors import UsageError


@click.command()
@click.option("--message", "-m", help="The message; else what was decided, and by whom.")
def commit(message: str | None) -> None:
    """Seal the label files and commit the dataset's own files, and nothing else."""
    with dataset() as opened:
        done = seal_and_commit(opened, message)
        if done is None:
            show("nothing to commit")
            return
        show(f"{done.id[:10]} {done.message.splitlines()[0]} ({plural(done.files, 'file')})")
        if opened.repository.detached():
            say("HEAD is detached: no branch holds this commit until `git switch -c NAME` makes one")
        for path in done.growing:
            say(f"{path} is still being written; it comes with the next commit")


@click.command()
@click.argument("item", required=False)
@task_option
@click.option("--limit", "-n", type=click.IntRange(min=1), help="So many commits at most.")
@json_option
def log(item: str | None, task_name: str | None, limit: int | None, as_json: bool) -> None:
    """The commits that changed the dataset, or with ITEM every record of it."""
    with dataset() as opened:
        if item is None:
            commits = opened.repository.log("labels", "trainset.toml", "guidelines", limit=limit)
            if as_json:
                show_json(
                    [{"id": c.id, "author": c.author, "time": c.time, "message": c.message.strip()} for c in commits]
                )
                return
            for c in commits:
                show(f"{c.id[:10]}  {c.time[:16].replace('T', ' ')}  {c.author}  {c.message.strip().splitlines()[0]}")
            return
        tasks = [task_of(opened, task_name)] if task_name else list(opened.config.tasks.values())
        notes = [(task.name, note) for task in tasks for note in history(opened, task, opened.row(item, task))]
        if as_json:
            show_json([{"task": name, "when": n.when, "who": n.who, "what": n.what, "id": n.rid} for name, n in notes])
            return
        for name, n in notes:
            show(f"{n.when}  {name}  {n.who}  {n.what}  {n.rid[:8]}")


@click.command()
@click.argument("item")
@task_option
@json_option
def blame(item: str, task_name: str | None, as_json: bool) -> None:
    """Of each object of ITEM's answer: who gave it its form, when, and which model it came from."""
    with dataset() as opened:
        task = task_of(opened, task_name)
        row = opened.row(item, task)
        found = trace(opened, task, row)
        if as_json:
            show_json([_blame(one) for one in found])
            return
        if not found:
            say(f"{item} is {row.state}: no answer with objects stands on it")
        rows = [
            (b.annotation.id, b.annotation.label or "", b.who, b.when[:16].replace("T", " "), b.record[:8], _how(b))
            for b in found
        ]
        for line in table(rows):
            show(line)


def _how(found: Blame) -> str:
    model = "" if found.model is None else f", proposed by {found.model}"
    score = "" if found.score is None else f" at {found.score:.2f}"
    confirmed = f", confirmed by {', '.join(found.confirmed)}" if found.confirmed else ""
    return f"{found.how}{model}{score}{confirmed}"


def _blame(found: Blame) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in ("record", "who", "when", "confirmed", "how", "model", "score")}
    return {"annotation": msgspec.to_builtins(found.annotation), **told}


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--media", is_flag=True, help="Read every medium again, and compare its digest; of a release this is always done."
)
@click.option(
    "--ci", is_flag=True, help="Problems alone, as `file:line: message`, and no look at media: for hooks and CI."
)
@click.option(
    "--since", metavar="REV", help="Only the label files in which what is staged differs from REV; with --ci."
)
@json_option
def verify(name: str | None, media: bool, ci: bool, since: str | None, as_json: bool) -> None:
    """Prove the label files, their history and the media at hand; exit 1 and name file and line where something is wrong.

    With NAME, prove that release: what its tag holds, what of it is still here, and every medium on this machine.
    """
    if ci or since is not None:
        if not ci or name is not None or media:
            raise UsageError("--ci goes without a release and --media, and --since with --ci")
        click.get_current_context().exit(verify_ci(since, as_json))
    with dataset() as opened:
        if name is not None:
            click.get_current_context().exit(verify_release(opened, name, as_json))
        summary = Summary()
        found = [*check(opened, summary, media), *releases(opened, summary)]
        if as_json:
            show_json({
                "problems": [{"file": f.file, "line": f.line, "message": f.message} for f in found if not f.note],
                "notes": [{"file": f.file, "line": f.line, "message": f.message} for f in found if f.note],
                "files": summary.files, "records": summary.records, "anchored": summary.anchored, "unsealed": summary.open,
            })  # fmt: skip
        else:
            for f in found:
                place = f"{f.file}:{f.line}" if f.line else f.file
                (say if f.note else show)(f"{'note: ' if f.note else ''}{place}: {f.message}")
            show(
                f"{plural(summary.problems, 'problem')} in {plural(summary.files, 'label file')} with {plural(summary.records, 'record')}: "
                f"all consistent, {summary.anchored} anchored in Git, {summary.open} not sealed yet" if not summary.problems else
                f"{plural(summary.problems, 'problem')} in {plural(summary.files, 'label file')} with {plural(summary.records, 'record')}"
            )  # fmt: skip
            say("who wrote a record is not proved: only a signed commit or tag shows that")
        click.get_current_context().exit(1 if summary.problems else 0)
