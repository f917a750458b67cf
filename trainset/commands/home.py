"""The way between the home screen and the reviews of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainset.commands.review import Mode, run_screen
from trainset.commands.sync import part
from trainset.core import preferences
from trainset.core.dataset import Dataset
from trainset.core.home import Home
from trainset.core.model import Task
from trainset.core.parting import Parting
from trainset.core.sitting import in_words
from trainset.errors import TrainsetError
from trainset.plugins.registry import Registry

if TYPE_CHECKING:
    from trainset.core.pace import Way


def go_round(registry: Registry, opened: Dataset, task: Task | None, handle: str, where: str, mode: Mode) -> int:
    """Review the task (None: the one that is chosen on the home screen) until the reviewer leaves; the exit code.

    Whoever has been at home comes back there from each review, and leaves from there.
    """
    from trainset.tui import in_browser, run_home

    way: Way = "item" if mode == "audit" else mode
    code, now, said, marked, at_home = 0, mode, "", None, task is None
    parting = Parting(opened)
    while True:
        if task is None:
            choice = run_home(Home(opened, handle, way), marked, where, preferences.load(), said, parting)
            if choice is None:
                break
            task, now = opened.config.task(choice[0]), choice[1] or mode
        asked: list[bool] = []
        ask = None if in_browser() else lambda: asked.append(True)  # noqa: B023
        try:
            leaves = None if at_home else parting
            code, said = run_screen(registry, opened, task, handle, where, now, home=ask, parting=leaves), ""
        except TrainsetError as error:
            if not at_home:
                raise
            said = in_words(error)
        if code or not (at_home or asked):
            break
        at_home, marked, task = True, task.name, None
    part(opened, parting, code)
    return code
