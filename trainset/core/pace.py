"""How fast one person decides: sums for each session file, on this machine alone, and what is left at that pace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import msgspec

from trainset.core.dataset import Dataset
from trainset.core.model import Task

Way = Literal["item", "grid", "adjudicate"]
"""The ways to review, which are not equally fast."""

LEAST = 10
"""A session of fewer decisions gives no total to the label files, and fewer decisions tell no pace."""

_RECENT = 200
"""How many of one's last decisions tell the pace."""

_KEPT = 200
"""How many sessions are remembered."""

_TWO_SIDED_90 = 1.645
_READ = (OSError, msgspec.DecodeError)


class Tally(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one session file took: how many decisions, their seconds, and the sum of the squares of these."""

    task: str
    reviewer: str
    way: Way
    decisions: int = 0
    seconds: float = 0.0
    squares: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Count a decision in, or with -1 out."""
        self.decisions = max(0, self.decisions + count)
        self.seconds = max(0.0, self.seconds + count * seconds)
        self.squares = max(0.0, self.squares + count * seconds**2)


_tally = msgspec.json.Decoder(Tally)


@dataclass(frozen=True)
class Estimate:
    """Seconds an item, by so many decisions, and the seconds that what is left takes: as a guess, and from `low` to
    `high` as nine times out of ten, if what comes is like what was."""

    each: float
    decisions: int
    left: float
    low: float
    high: float


class Pace:
    """The pace of one reviewer on one task, in one way to review. `folder` keeps the sums; None measures nothing."""

    def __init__(self, folder: Path | None, task: str, reviewer: str, way: Way = "item") -> None:
        self._folder = folder
        self._of = (task, reviewer, way)
        self._now: dict[str, Tally] = {}
        self._taken: dict[str, tuple[str, float]] = {}
        self._before = self._earlier() if folder is not None else Tally(task=task, reviewer=reviewer, way=way)

    @classmethod
    def of(cls, dataset: Dataset, task: Task, reviewer: str, way: Way = "item") -> Pace:
        """As this machine knows it, if the dataset's settings allow to measure it."""
        measured = dataset.config.privacy.pace != "off"
        return cls(dataset.paces if measured else None, task.name, reviewer, way)

    def _earlier(self) -> Tally:
        """The last decisions of earlier sessions, as one sum."""
        task, reviewer, way = self._of
        found = Tally(task=task, reviewer=reviewer, way=way)
        for _, tally in _newest_first(self._folder):
            if found.decisions >= _RECENT:
                break
            if (tally.task, tally.reviewer, tally.way) == self._of:
                found.decisions += tally.decisions
                found.seconds += tally.seconds
                found.squares += tally.squares
        return found

    def took(self, file: Path, seconds: Mapping[str, float]) -> None:
        """Decisions (by record) that were written to a session's file, and how long each took."""
        if self._folder is not None:
            for record, each in seconds.items():
                self._taken[record] = (file.stem, each)
                self._session(file.stem).add(each)
            self._keep(file.stem)

    def took_back(self, records: Sequence[str]) -> None:
        """Decisions that were withdrawn: the time on the item counts again with the decision that follows."""
        for name, each in [self._taken.pop(record) for record in records if record in self._taken]:
            self._session(name).add(each, -1)
            self._keep(name)

    def _session(self, name: str) -> Tally:
        if name not in self._now and not self._now:
            _forget(self._folder)
        task, reviewer, way = self._of
        return self._now.setdefault(name, Tally(task=task, reviewer=reviewer, way=way))

    def _keep(self, name: str) -> None:
        if self._folder is not None:
            with suppress(OSError):  # a full disk costs the figure, and nothing else
                self._folder.mkdir(parents=True, exist_ok=True)
                draft = self._folder / f".{name}"
                draft.write_bytes(msgspec.json.encode(self._now[name]))
                draft.replace(self._folder / f"{name}.json")

    def estimate(self, left: int) -> Estimate | None:
        """What one's last decisions say of `left` items; None where there are too few of them.

        The interval is that of a sum of `left` values with the mean and the variance of those seen, the mean itself being
        known only as well as so many decisions tell it.
        """
        sums = [*self._now.values(), self._before]
        count = sum(s.decisions for s in sums)
        if self._folder is None or count < LEAST:
            return None
        each = sum(s.seconds for s in sums) / count
        variance = max(0.0, sum(s.squares for s in sums) / count - each**2) * count / (count - 1)
        spread = _TWO_SIDED_90 * math.sqrt(variance * left * (1 + left / count))
        total = each * left
        return Estimate(each, count, total, max(0.0, total - spread), total + spread)


@runtime_checkable
class Paced(Protocol):
    """A desk whose reviewer's pace is known."""

    @property
    def pace(self) -> Pace:
        """Their own, of this task in this way."""
        ...


def total(folder: Path, file: Path) -> int | None:
    """The seconds that the decisions of a session's file took; None where this machine does not know, or where there are
    so few that the total would tell of single ones."""
    try:
        tally = _tally.decode((folder / f"{file.stem}.json").read_bytes())
    except _READ:
        return None
    return round(tally.seconds) if tally.decisions >= LEAST else None


def _newest_first(folder: Path | None) -> Iterator[tuple[Path, Tally]]:
    for path in sorted(folder.glob("*.json") if folder else (), reverse=True):
        with suppress(*_READ):
            yield path, _tally.decode(path.read_bytes())


def _forget(folder: Path | None) -> None:
    for path in sorted(folder.glob("*.json") if folder else (), reverse=True)[_KEPT:]:
        path.unlink(missing_ok=True)


def duration(seconds: float) -> str:
    """A time in words, no finer than it is worth: `40 s`, `12 min`, `1 h 10`, `23 h`."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    tens = round(seconds / 600)
    hours, rest = divmod(tens * 10, 60)
    return f"{hours:,} h {rest}" if rest and hours < 10 else f"{round(seconds / 3600):,} h"


def in_short(found: Estimate, noun: str = "an item") -> str:
    """An estimate as the status line has it."""
    return f"{duration(found.each)} {noun} · about {duration(found.left)} left"


def in_words(found: Estimate) -> str:
    """An estimate with how sure it is."""
    span = f"{duration(found.low)} to" if found.low else "up to"
    sure = f"{span} {duration(found.high)}, nine times in ten"
    return f"about {duration(found.left)} left at your pace ({sure}): {duration(found.each)} an item, by your last {found.decisions:,}"
