"""Others who review the same dataset at the same time: what they have open, and what was decided since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path

from trainset.core.backlog import Backlog, numbers
from trainset.core.dataset import WAITING, Dataset
from trainset.core.files import chunks
from trainset.core.leases import Leases
from trainset.core.model import Task
from trainset.core.queue import Picked, Queue
from trainset.errors import TrainsetError

_AT_A_TIME = 500


def last_decision(dataset: Dataset) -> int:
    """The number of the last decision that the index has."""
    return int(dataset.index.db.execute("SELECT coalesce(max(rowid), 0) FROM decision").fetchone()[0])


class Company:
    """The others, as who is at one desk sees them, whose own decisions go to a `file`. What it costs to look is what they did
    since the last look."""

    def __init__(self, dataset: Dataset, task: Task, handle: str, file: Callable[[], Path]) -> None:
        self._dataset, self._task, self._handle, self._file = dataset, task, handle, file
        self._leases = Leases(dataset.repository.machine / "leases", task.name, handle)
        self._begun = dataset.index.made, last_decision(dataset)
        self._mark = dataset.repository.fingerprint()
        self._shared: tuple[object, ...] = ()
        self.unpushed = 0
        """How many commits no remote had, as of the last look; 0 where there is no remote."""

    def hold(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Have these items open, and no others; those that somebody else has open too, with who that is, in words."""
        return self._named(self._leases.hold(keys))

    def open_elsewhere(self) -> Mapping[str, str]:
        """The items that other sessions have open, with who that is, in words."""
        return self._named(self._leases.others())

    def _named(self, held: Mapping[str, str]) -> dict[str, str]:
        return {key: "another window of yours" if who == self._handle else who for key, who in held.items()}

    def look(self) -> None:
        """Take in what Git brought, and what sessions with an index of their own decided."""
        dataset, repository = self._dataset, self._dataset.repository
        mark, shared, apart = repository.fingerprint(), repository.sharing(), dataset.cache().parent != dataset.root
        with suppress(TrainsetError):  # whatever cannot be read is said where it is wanted
            if mark != self._mark or (apart and self._leases.others()):
                dataset.index.refresh()
                self._mark = mark
            if shared != self._shared:
                self.unpushed = repository.ahead()
                self._shared = shared

    def since(self, queue: Queue | None = None) -> Since:
        """What the others decided since this desk was begun, of a queue or at all."""
        return Since(self._dataset, self._task, self._file, queue, self._begun)

    def close(self) -> None:
        """Leave."""
        self._leases.close()


class Since:
    """The items that others decided since a desk was begun, and that wait no more. Each session has one of its own, for its
    own `queue`: several may stand over each other at one desk."""

    def __init__(
        self, dataset: Dataset, task: Task, file: Callable[[], Path], queue: Queue | None, begun: tuple[int, int]
    ) -> None:
        self._dataset, self._task, self._file, self._queue = dataset, task, file, queue
        self._own: set[str] = set()
        self._settled: set[str] = set()
        self._made, self._seen = begun

    @property
    def settled(self) -> Set[str]:
        """Their keys, as the index has it now."""
        last = last_decision(self._dataset)
        if (file := self._file()).is_relative_to(self._dataset.root):
            self._own.add(file.relative_to(self._dataset.root).as_posix())
        if self._made != self._dataset.index.made:  # row numbers do not outlive the index
            self._made, self._seen = self._dataset.index.made, 0
        if last != self._seen:
            self._follow(self._seen)
            self._seen = last
        return self._settled

    def _follow(self, seen: int) -> None:
        db, queue = self._dataset.index.db, self._queue
        theirs = f"f.path NOT IN ({','.join('?' * len(self._own))})"
        query = f"SELECT DISTINCT d.item FROM decision d JOIN file f ON f.id=d.file WHERE d.rowid>? AND d.task=? AND {theirs}"
        touched = numbers(db.execute(query, (seen, self._task.name, *self._own)))
        if isinstance(queue, Backlog) and len(touched):
            touched = queue.arranged(touched)
        owed = {*queue.owed(touched)} if isinstance(queue, Backlog) else set()
        for some in chunks(touched.tolist(), _AT_A_TIME):
            rows = db.execute(
                f"SELECT i.id, i.key, coalesce(s.state, 'unlabelled') FROM item i LEFT JOIN state s ON s.item=i.id AND s.task=? "
                f"WHERE i.id IN ({','.join('?' * len(some))})", (self._task.name, *some))  # fmt: skip
            for number, key, state in rows:
                waits = state in WAITING or number in owed or (isinstance(queue, Picked) and queue.place(key) is None)
                (self._settled.discard if waits else self._settled.add)(key)
