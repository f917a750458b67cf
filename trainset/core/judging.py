"""Which items runs can be judged on, and what was decided and proposed there: a dataset's side of `scoring`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.index import RunInfo
from trainset.core.model import Task
from trainset.core.routing import HELD_OUT
from trainset.core.scoring import Judged
from trainset.core.where import quoted
from trainset.errors import UsageError


def run_named(dataset: Dataset, task: Task, name: str) -> RunInfo:
    """The run whose id ends in `name`, or the latest of the model of that name; UsageError lists what there is."""
    runs = sorted(dataset.runs(task).values(), key=lambda run: run.id)
    found = [run for run in runs if run.id.casefold().endswith(name.casefold())]
    found = found if len(found) == 1 else [run for run in runs if run.model == name][-1:]
    if not found:
        known = (
            ", ".join(f"{run.id[-6:]} ({run.model})" for run in runs) or f"none: `trainset prelabel --task {task.name}`"
        )
        raise UsageError(
            f"task {task.name!r} has no run {name!r}", hint=f"runs are named by their last characters: {known}"
        )
    return found[0]


@dataclass
class Judging:
    """Iterates over reviewed items for which every run has a prediction at hand; afterwards the counts are known.

    `split` "all" takes every item; None takes the held-out split where people reviewed some of it, else every item: what a
    reviewer decided with a model's proposal before their eyes (`prompted` counts these) favours that model.
    """

    dataset: Dataset
    task: Task
    runs: Sequence[RunInfo]
    split: str | None = None
    missing: int = 0
    prompted: int = 0

    def __post_init__(self) -> None:
        if self.split is None and self._count(HELD_OUT):
            self.split = HELD_OUT
        elif self.split == "all":
            self.split = None
        self.total = self._count(self.split)
        if not self.total:
            where = f" in split {self.split!r}" if self.split else ""
            raise UsageError(
                f"nobody has reviewed items of task {self.task.name!r}{where}", hint="`trainset review` first"
            )

    def _count(self, split: str | None) -> int:
        query = (
            "SELECT count(*) FROM state s JOIN item i ON i.id=s.item WHERE i.alive AND s.task=? AND s.state='reviewed'"
        )
        more = ("", ()) if split is None else (" AND i.split=?", (split,))
        return int(self.dataset.index.db.execute(query + more[0], (self.task.name, *more[1])).fetchone()[0])

    def __iter__(self) -> Iterator[Judged]:
        where = "state = reviewed" + ("" if self.split is None else f" and split = {quoted(self.split)}")
        context = TaskContext(self.dataset, self.task)
        names = {run.id for run in self.runs}
        for row in self.dataset.rows(self.task, where):
            stored = [self.dataset.prediction(self.task, row, run.id) for run in self.runs]
            if None in stored:
                self.missing += 1
                continue
            said = [
                self.dataset.predicted(row, run.id, raw)
                for run, raw in zip(self.runs, stored, strict=True)
                if raw is not None
            ]
            truth = self.dataset.answer(self.task, row)
            origins = (self.dataset.decision(rid)[0].origin for rid in row.answer)
            self.prompted += any(origin is not None and origin.run in names for origin in origins)
            yield Judged(row.item.key, truth, said, [context.similarity(some, truth, row.item) for some in said])
