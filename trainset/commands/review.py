"""`trainset review`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

import click

from trainset.commands.common import (
    dataset,
    reviewer_option,
    task_of,
    task_option,
    where_option,
    workspace,
)
from trainset.commands.settings import declare
from trainset.commands.sync import part
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
from trainset.core.keymap import keymap
from trainset.core.keys import CORE_KEYS, key_collisions
from trainset.core.model import Task
from trainset.core.oddness import oddness
from trainset.core.parting import Parting
from trainset.core.picked_desk import PickedDesk
from trainset.core.prompting import Assistant
from trainset.core.protocols import Key, Promptable, View
from trainset.core.queue import Entry
from trainset.errors import ConfigError, PluginError
from trainset.plugins.registry import Registry, load
from trainset.plugins.specs import PrelabelerSpec, ViewSpec

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
@click.option("--web", is_flag=True, help="In a browser on this machine: print the address, and serve until Ctrl+C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port of --web; else one that is free.")
def review(task_name: str | None, reviewer: str | None, where: str, mode: Mode, web: bool, port: int) -> None:
    """Review what waits for a person, or what --where names, in this terminal.

    Where there are several tasks and none is named, a home screen shows how they stand, and one is chosen there.
    A grid shows many items, or many objects of items, of which the same label is predicted. Adjudication shows the answers
    of several reviewers to one item, and their differences. An audit shows what a rule drew by chance, and what was
    proposed only once you have decided.
    """
    registry = workspace().registry
    with dataset() as opened:
        handle = reviewing(opened, reviewer)
        several = task_name is None and len(opened.config.tasks) > 1 and not web
        task = None if several else task_of(opened, task_name)
        if not web:
            from trainset.commands.home import go_round

            click.get_current_context().exit(go_round(registry, opened, task, handle, where, mode))
        assert task is not None
        _prepared(registry, opened, task)
    from trainset.commands.serving import serve_screen

    serve_screen(task.name, handle, where, mode, port)


def open_screen(
    registry: Registry,
    opened: Dataset,
    task: Task,
    handle: str,
    where: str = "",
    mode: Mode = "item",
    picked: Sequence[Entry] = (),
) -> int:
    """`run_screen`, and after it what becomes of what is not committed."""
    parting = Parting(opened)
    code = run_screen(registry, opened, task, handle, where, mode, picked, parting=parting)
    part(opened, parting, code)
    return code


def run_screen(
    registry: Registry,
    opened: Dataset,
    task: Task,
    handle: str,
    where: str = "",
    mode: Mode = "item",
    picked: Sequence[Entry] = (),
    home: Callable[[], None] | None = None,
    parting: Parting | None = None,
) -> int:
    """Review in this terminal until the reviewer leaves, one by one what was `picked` if anything was; the exit code. `home`
    is told where the reviewer leaves for the home screen, and `parting` knows what to ask where they leave."""
    from trainset.tui import run_adjudicate, run_grid, run_review

    make_view, wanted = _prepared(registry, opened, task)
    context, min_look = TaskContext(opened, task), max(opened.config.review.min_look, wanted.keys.min_look) / 1000
    assistant = Assistant(partial(_promptable, registry, opened, task), context)
    more: dict[str, Any] = {
        "min_look": min_look,
        "preferences": wanted,
        "home": home,
        "assistant": assistant,
        "parting": parting,
    }
    splits = opened.config.review.blind
    desk: ReviewDesk
    if picked:
        desk = PickedDesk(opened, task, handle, picked, splits=splits)
        run = partial(run_review, desk, make_view, context, **more)
    elif mode == "grid":
        desk = grid = ReviewGridDesk(opened, task, handle, where, oddness(opened))
        run = partial(run_grid, grid, make_view, context, **more)
    elif mode == "adjudicate":
        desk = disputes = AdjudicationDesk(opened, task, handle, where)
        run = partial(run_adjudicate, disputes, make_view, context, **more)
    else:
        desk = BlindDesk(opened, task, handle, where, splits=splits, audit=mode == "audit")
        run = partial(run_review, desk, make_view, context, **more)
    try:
        return run()
    finally:
        desk.close()


def _promptable(registry: Registry, opened: Dataset, task: Task) -> tuple[str, Promptable] | None:
    """The first model of the task that takes prompts, ready to run; no other is loaded."""
    from trainset.commands.prelabel import make_job

    for name, model in opened.config.models_of(task.name).items():
        factory = load(registry.get(PrelabelerSpec, model.prelabeler, opened.config.dataset.modality).factory)
        if hasattr(factory, "prompt") or not isinstance(factory, type):
            labeller = make_job(registry, opened, task, name).labeller
            if isinstance(labeller, Promptable):
                return name, labeller
    return None


def _prepared(registry: Registry, opened: Dataset, task: Task) -> tuple[Callable[[], View], preferences.Preferences]:
    """What makes views for the task, and what this person wants; an error where either cannot be used."""
    make_view: Callable[[], View] = load(view_for(registry, opened, task.type).factory)
    wanted = preferences.load()
    _check_keys(registry, wanted.keys, make_view().keys)
    return make_view, wanted


def _check_keys(registry: Registry, keys: preferences.Keys, view: Sequence[Key]) -> None:
    """ConfigError where the keys that the person wants clash with each other, or name what nothing does."""

    def others() -> list[Key]:
        return [key for spec in registry.every() if isinstance(spec, ViewSpec) for key in load(spec.factory)().keys]

    file = preferences.place()
    keymap(keys, "item", file).check(CORE_KEYS, view, others=others)
    keymap(keys, "grid", file).check(GRID_KEYS)
    keymap(keys, "adjudicate", file).check(ADJUDICATE_KEYS)


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


def reviewing(opened: Dataset, wanted: str | None) -> str:
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
