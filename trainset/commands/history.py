"""`trainset commit`, `log` and `verify`."""

from __future__ import annotations

import click

from trainset.commands.common import dataset, json_option, plural, say, show, show_json, task_of, task_option
from trainset.core.committing import commit as seal_and_commit
from trainset.core.desk import history
from trainset.core.verify import Summary
from trainset.core.verify import verify as check


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
@click.option("--media", is_flag=True, help="Read every medium again, and compare its digest.")
@json_option
def verify(media: bool, as_json: bool) -> None:
    """Prove the label files, their history and the media at hand; exit 1 and name file and line where something is wrong."""
    with dataset() as opened:
        summary = Summary()
        found = list(check(opened, summary, media))
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
