"""Imported answers to the objects of another task: which object each speaks of, and in sight of which decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from trainset.core.codec import Some
from trainset.core.dataset import Dataset
from trainset.core.model import Annotation, Task, Undecoded
from trainset.core.protocols import Problem
from trainset.errors import UsageError


class Attaching:
    """What a task on another's objects takes of a file: the answers whose ids are those of an item's objects."""

    def __init__(self, dataset: Dataset, task: Task) -> None:
        self._dataset, self._task = dataset, task

    def of(self, key: str) -> tuple[str, ...]:
        """What a decision on the item names in `of`."""
        return self._there(key)[0]

    def problems(self, key: str, name: str, annotations: Sequence[Annotation | Undecoded]) -> Iterator[Problem]:
        """Why answers of an item that files call `name` are left out."""
        there = self._there(key)[1]
        if not there:
            yield Problem(name, f"no {self._task.on} are decided on it; it was left out")
            return
        for annotation in annotations:
            if annotation.id not in there:
                what = annotation.id or annotation.label or "an answer"
                yield Problem(f"{name}, {what}", f"this is none of its {self._task.on}, by id; it was left out")

    def fitting(self, key: str, annotations: Sequence[Some]) -> tuple[Some, ...]:
        """The answers that speak of an object, the last one of each."""
        there = self._there(key)[1]
        return tuple({a.id: a for a in annotations if a.id in there}.values())

    def _there(self, key: str) -> tuple[tuple[str, ...], Collection[str]]:
        try:
            row = self._dataset.row(key, self._task)
        except UsageError:  # an item that the file itself brings
            return (), ()
        return row.of, row.objects or ()
