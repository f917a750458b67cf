"""`trainset route`."""

from __future__ import annotations

import click

from trainset.commands.common import (
    confirm,
    dataset,
    progress,
    say,
    show,
    table,
    task_of,
    task_option,
    waiting,
    yes_option,
)
from trainset.commands.embed import ahead
from trainset.core.dataset import WAITING, Dataset
from trainset.core.model import Task
from trainset.core.routing import Plan, Router


@click.command()
@task_option
@click.option("--dry-run", is_flag=True, help="Show the difference, and record nothing.")
@yes_option
def route(task_name: str | None, dry_run: bool, yes: bool) -> None:
    """Apply the review rules of trainset.toml.

    Shows what they would accept and withdraw before it records anything.
    """
    with dataset() as opened:
        route_and_report(opened, task_of(opened, task_name), yes, dry_run)


def route_and_report(opened: Dataset, task: Task, yes: bool, dry_run: bool = False) -> None:
    """Plan, show the difference, record it, and say what waits for a person."""
    ahead(opened, task)
    router = Router(opened, task)
    with progress("routing", opened.counts(task).get("predicted", 0)) as bar:
        router.tick = bar.update
        plan = router.plan()
    _show(plan)
    if dry_run:
        return
    if plan.withdraw:
        confirm(f"Withdraw {sum(plan.withdraw.values()):,} and accept {sum(plan.accept.values()):,}?", yes)
    if not plan.empty:
        router.apply()
    counts = opened.counts(task)
    left = sum(counts.get(state, 0) for state in WAITING)  # type: ignore[call-overload]
    show(f"task {task.name}: {waiting(left)}, {counts.get('auto-accepted', 0):,} auto-accepted")


def _show(plan: Plan) -> None:
    rows = [("accept", name, n) for name, n in plan.accept.items()]
    rows += [("withdraw", name, n) for name, n in plan.withdraw.items()]
    rows += [("draw", name, n) for name, n in plan.lots.items()]
    rows += [("person", name, n) for name, n in plan.reasons.most_common()]
    for line in table(rows, "  "):
        show(line)
    if not rows:
        say("no rule has anything to say")
