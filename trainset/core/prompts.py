"""What a promptable model is shown: what was decided or proposed of the same items, in a task or in a run."""

from __future__ import annotations

from collections.abc import Sequence

from trainset.core.dataset import Dataset
from trainset.core.model import Annotation, Item, Task
from trainset.errors import ConfigError, MediaError


class Prompts:
    """The annotations of `task`: answers, and proposals where there is no answer; those of one `run` where it is given."""

    def __init__(self, dataset: Dataset, task: Task, run: str | None = None) -> None:
        self._dataset, self._task, self._run = dataset, task, run

    def of(self, item: Item) -> Sequence[Annotation]:
        """The prompts for an item. MediaError where nothing was said of it yet: that may come."""
        row = self._dataset.row(item.key, self._task)
        if self._run is not None:
            raw = self._dataset.prediction(self._task, row, self._run)
            found = None if raw is None else self._dataset.proposed(self._run, raw)
        else:
            found = self._dataset.answer(self._task, row) if row.answer else self._dataset.proposal(self._task, row)
        if found is None:
            source = f"run {self._run[-6:]}" if self._run else f"task {self._task.name!r}"
            raise MediaError(f"{source} says nothing of it that could be a prompt", hint="label it there first")
        return found


def prompts_for(dataset: Dataset, source: str | None, model: str) -> Prompts:
    """The prompts for a model, where `source` names a task, a model (its last run) or a run; ConfigError where it does not."""
    where = dataset.config.place("models", model)
    if not source:
        raise ConfigError(
            f"{where}: the model wants prompts, and nothing says which",
            hint='prompts = "TASK" takes the boxes of another task, "MODEL" or a run\'s id those of a run',
        )
    if source in dataset.config.tasks:
        return Prompts(dataset, dataset.config.tasks[source])
    runs = dataset.index.runs()
    found = source if source in runs else max((run.id for run in runs.values() if run.model == source), default=None)
    task = dataset.config.tasks.get(runs[found].task) if found else None
    if task is None:
        known = ", ".join([*dataset.config.tasks, *sorted({run.model for run in runs.values()})])
        raise ConfigError(f"{where} prompts: no task, model or run is called {source!r}", hint=f"there are: {known}")
    return Prompts(dataset, task, found)
