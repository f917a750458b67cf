"""What a person wants to know of a dataset before they sit down: how its tasks stand, who is at them, and how long it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from trainset.core.assigning import Assignment, Load
from trainset.core.dataset import WAITING, Dataset
from trainset.core.leases import Leases
from trainset.core.model import State, Task
from trainset.core.pace import Estimate, Pace, Way


@dataclass(frozen=True)
class Reasons:
    """How many items wait for each reason, the most frequent first, and how many are not asked about, for each."""

    waiting: Mapping[str, int]
    unasked: Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """How a task stands: items by state, how many of them it asks about, the reasons of those that wait, who else has items
    of it open (and how many), and how long what waits for oneself takes at one's own pace, where that is known. `loads` says
    what waits for each reviewer, and `yours` how much for oneself (None: all of it), where the task is assigned."""

    states: Mapping[State, int]
    asked: int
    reasons: Mapping[str, int]
    at_work: Mapping[str, int]
    estimate: Estimate | None
    loads: Sequence[Load] = ()
    yours: int | None = None

    @property
    def waiting(self) -> int:
        """How many of them wait for a person."""
        return sum(self.states.get(state, 0) for state in WAITING)  # type: ignore[call-overload]


class Home:
    """The tasks of a dataset, for one reviewer in one way to review. `look` counts, and may be asked in a thread."""

    def __init__(self, dataset: Dataset, reviewer: str, way: Way = "item") -> None:
        self._dataset, self.reviewer, self._way = dataset, reviewer, way

    @property
    def name(self) -> str:
        """The dataset's."""
        return self._dataset.config.dataset.name

    @property
    def tasks(self) -> Sequence[Task]:
        """In the order of the settings."""
        return tuple(self._dataset.config.tasks.values())

    def look(self, task: Task) -> Standing:
        """How a task stands now."""
        dataset = self._dataset
        others = Leases(dataset.repository.machine / "leases", task.name, self.reviewer).others()
        states = dataset.counts(task)
        found = Standing(states, sum(states.values()), reasons(dataset, task).waiting, Counter(others.values()), None)
        loads = Assignment(dataset, task).loads()
        yours = next((load.waiting for load in loads if load.reviewer == self.reviewer), 0) if loads else None
        left = found.waiting if yours is None else yours
        estimate = Pace.of(dataset, task, self.reviewer, self._way).estimate(left)
        return replace(found, asked=found.asked - self._unasked(task), estimate=estimate, loads=loads, yours=yours)

    def _unasked(self, task: Task) -> int:
        """How many items have no object that the task could ask about."""
        query = "SELECT count(*) FROM state WHERE task=? AND state='excluded' AND coalesce(decided_by, '')=''"
        return int(self._dataset.index.db.execute(query, (task.name,)).fetchone()[0]) if task.on else 0

    def uncommitted(self) -> int:
        """How many decisions are on disk but in no commit."""
        return self._dataset.uncommitted()


def reasons(dataset: Dataset, task: Task) -> Reasons:
    """How often rules and the fold say why items wait."""
    db = dataset.index.db
    waiting = "(" + ",".join(f"'{s}'" for s in WAITING) + ")"
    counted = dict(db.execute(
        f"SELECT n.rule, count(DISTINCT n.item) FROM finding n JOIN state s ON s.task=n.task AND s.item=n.item WHERE n.task=? AND s.state IN {waiting} "
        "GROUP BY n.rule", (task.name,)))  # fmt: skip
    unasked: dict[str, int] = {}
    for raw, state, n in db.execute(
        "SELECT reasons, state, count(*) FROM state WHERE task=? AND reasons<>'[]' GROUP BY reasons, state",
        (task.name,),
    ):
        told = unasked if state == "excluded" else counted
        for reason in msgspec.json.decode(raw):
            name = reason.partition(":")[0]
            told[name] = told.get(name, 0) + n
    return Reasons(dict(sorted(counted.items(), key=lambda r: (-r[1], r[0]))), unasked)
