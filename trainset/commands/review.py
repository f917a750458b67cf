"""`trainset review`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import click

from trainset.commands.common import (
    dataset,
    plural,
    reviewer_option,
    say,
    task_of,
    task_option,
    where_option,
    workspace,
)
from trainset.commands.settings import declare
from trainset.core import preferences
from trainset.core.adjudicate_keys import ADJUDICATE_KEYS
from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.blind import BlindDesk
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.deciding import reviewer as who
from trainset.core.desk import ReviewDesk
from trainset.core.grid_desk import ReviewGridDesk
from trainset.core.grid_keys import GRID_KEYS
from trainset.core.keymap import Keymap
from trainset.core.keys import CORE_KEYS, key_collisions
from trainset.core.model import Task
from trainset.core.oddness import oddness
from trainset.core.protocols import Key
from trainset.errors import ConfigError, PluginError
from trainset.plugins.registry import Registry, load
from trainset.plugins.specs import ViewSpec

Mode = Literal["item", "grid", "adjudicate", "audit"]
MODES: tuple[Mode, ...] = get_args(Mode)


@click.command()
@task_option
@reviewer_option
@where_option
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="item",
    show_default=True,
    help="One item at a time, a grid of many, answers side by side, or what was drawn, blind.",
)
def review(task_name: str | None, reviewer: str | None, where: str, mode: Mode) -> None:
    """Review what waits for a person, or what --where names, in this terminal.

    A grid shows many items, or many objects of items, of which the same label is predicted. Adjudication shows the answers
    of several reviewers to one item, and their differences. An audit shows what a rule drew by chance, and what was
    proposed only once you have decided.
    """
    registry = workspace().registry
    with dataset() as opened:
        task = task_of(opened, task_name)
        code = open_screen(registry, opened, task, _who(opened, reviewer), where, mode)
        click.get_current_context().exit(code)


def open_screen(
    registry: Registry, opened: Dataset, task: Task, handle: str, where: str = "", mode: Mode = "item"
) -> int:
    """Review in this terminal until the reviewer leaves; the exit code."""
    from trainset.tui import run_adjudicate, run_grid, run_review

    make_view = load(view_for(registry, opened, task.type).factory)
    wanted = preferences.load()
    _check_keys(registry, wanted.keys, make_view().keys)
    context, min_look = TaskContext(opened, task), opened.config.review.min_look / 1000
    more: dict[str, Any] = {"min_look": min_look, "preferences": wanted}
    desk: ReviewDesk
    if mode == "grid":
        desk = grid = ReviewGridDesk(opened, task, handle, where, oddness(opened))
        run = partial(run_grid, grid, make_view, context, **more)
    elif mode == "adjudicate":
        desk = disputes = AdjudicationDesk(opened, task, handle, where)
        run = partial(run_adjudicate, disputes, make_view, context, **more)
    else:
        splits = opened.config.review.blind
        desk = BlindDesk(opened, task, handle, where, splits=splits, audit=mode == "audit")
        run = partial(run_review, desk, make_view, context, **more)
    try:
        code = run()
    finally:
        desk.close()
    loose = desk.uncommitted()
    say(f"{plural(loose, 'decision')} not committed: `trainset commit`" if loose else "everything is committed")
    return code


def _check_keys(registry: Registry, keys: preferences.Keys, view: Sequence[Key]) -> None:
    """ConfigError where the keys that the person wants clash with each other, or name what nothing does."""

    def others() -> list[Key]:
        return [key for spec in registry.every() if isinstance(spec, ViewSpec) for key in load(spec.factory)().keys]

    file = preferences.place()
    Keymap(keys.item, f"{file}: [keys.item]").check(CORE_KEYS, view, others=others)
    Keymap(keys.grid, f"{file}: [keys.grid]").check(GRID_KEYS)
    Keymap(keys.adjudicate, f"{file}: [keys.adjudicate]").check(ADJUDICATE_KEYS)


def view_for(registry: Registry, opened: Dataset, kind: str) -> ViewSpec:
    """The view that shows tasks of this type; its keys must leave the core's alone."""
    modality = opened.config.dataset.modality
    for spec in registry.all(ViewSpec, modality):
        if kind in spec.tasks:
            clashes = key_collisions(load(spec.factory)().keys)
            if clashes:
                owner = registry.owner(spec)
                raise PluginError(
                    f"view {spec.name!r} of {owner.distribution} takes keys that are the core's: {', '.join(clashes)}"
                )
            return spec
    raise ConfigError(
        f"no installed plugin shows tasks of type {kind!r}",
        hint="`trainset plugins` lists views; `trainset decide` needs none",
    )


def _who(opened: Dataset, wanted: str | None) -> str:
    """The reviewer, asked for and declared where nobody is yet."""
    if wanted is not None or opened.machine.reviewer is not None or not sys.stdin.isatty():
        return who(opened, wanted)
    try:
        return who(opened, None)
    except ConfigError:
        name, _ = opened.repository.identity()
        handle = click.prompt(
            "Who are you? A handle for your decisions, such as ana",
            err=True,
            default=name.split(" ")[0].lower() or None,
        )
        declare(opened, handle)
        opened.reload()
        return who(opened, handle)
