"""`trainset revert` and `trainset restore`: taking back what was decided, and bringing back what Git took away."""

from __future__ import annotations

import click

from trainset.commands.common import (
    confirm,
    dataset,
    plural,
    reviewer_option,
    say,
    show,
    task_of,
    task_option,
    yes_option,
)
from trainset.core.deciding import Recorder
from trainset.core.deciding import reviewer as who
from trainset.core.restoring import restore as bring_back
from trainset.core.reverting import standing_on
from trainset.errors import TrainsetError, UsageError


@click.command()
@task_option
@click.option("--session", metavar="ID", help="Of this session; the end of its id will do. `trainset log ITEM` has it.")
@click.option("--by", metavar="HANDLE", help="Of this reviewer, import or rule.")
@click.option("--run", metavar="ID", help="Started from a proposal of this run, or accepted by a rule because of it.")
@click.option("--reason", help="Why; else what is reverted. It is shown in the queue.")
@reviewer_option
@yes_option
def revert(task_name: str | None, session: str | None, by: str | None, run: str | None, reason: str | None, reviewer: str | None,
           yes: bool) -> None:  # fmt: skip
    """Set aside what a session, a reviewer or a run decided: the items return to the queue, and nothing is removed."""
    named = [f"{name} {value}" for name, value in (("session", session), ("reviewer", by), ("run", run)) if value]
    if not named:
        raise UsageError("revert what?", hint="--session, --by and --run say which decisions; several narrow it down")
    what = ", ".join(named)
    with dataset() as opened:
        task = task_of(opened, task_name)
        found = list(standing_on(opened, task, session=session, reviewer=by, run=run))
        if not found:
            raise TrainsetError(f"no item of task {task.name!r} stands on a decision of {what}",
                                hint="`trainset diff` and `trainset log ITEM` show sessions and reviewers")  # fmt: skip
        if beside := sum(others > 0 for _, others in found):
            say(f"{plural(beside, 'item')} of these also have an answer of somebody else, which is set aside with it")
        confirm(f"Send {plural(len(found), 'item')} that stand on {what} back to the queue?", yes)
        recorder = Recorder.person(opened, task, who(opened, reviewer))
        why = reason or f"revert of {what}"
        count = recorder.record_all(recorder.compose(row, "reopened", reason=why) for row, _ in found)
        opened.index.refresh()
        say(f"{plural(count, 'item')} back in the queue: {why}")


@click.command()
def restore() -> None:
    """Bring back label files that a `git revert`, a bad merge or a deletion took away; `trainset commit` keeps them."""
    with dataset() as opened:
        found = bring_back(opened)
        for one in found:
            taken = f", which commit {one.commit[:10]} took away" if one.commit else ""
            show(f"{one.path}: {plural(one.records, 'record')}{taken}")
        say(f"{plural(len(found), 'label file')} brought back" if found else "no label file is missing")
