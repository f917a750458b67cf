"""The `Context` that plugin objects get: a task of an open dataset, seen through what they may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.dataset import Dataset, Row
from trainset.core.matching import likeness, tag_of
from trainset.core.model import Annotation, Item, Opaque, Task
from trainset.core.protocols import AnnotationOps, Media
from trainset.core.scene import Rect


class TaskContext:
    """What a rule, ranker, view, pre-labeller or format may ask while it works on a task."""

    def __init__(self, dataset: Dataset, task: Task, settings: Any = None) -> None:
        self.dataset = dataset
        self.task = task
        self.settings = settings
        self._counts: dict[str, int] | None = None
        self._known: dict[str, AnnotationOps] = {}

    @property
    def media(self) -> Media:
        """The dataset's media."""
        return self.dataset.media

    def counts(self) -> Mapping[str, int]:
        """How many annotations of each label the present answers and proposals hold; counted once."""
        if self._counts is None:
            self._counts = self.dataset.label_counts(self.task)
        return self._counts

    def proposals(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """What each run says of an item, the one that is shown first."""
        return self.dataset.predictions(self.task, self._row(item))

    def model(self, run: str) -> str:
        """The name of the model behind a run."""
        return self.dataset.index.runs()[run].model

    def _ops(self, tag: str) -> AnnotationOps:
        if tag not in self._known:  # asked for every object of every item
            self._known[tag] = self.dataset.kit.ops(tag, self.task)
        return self._known[tag]

    def _row(self, item: Item) -> Row:
        return self.dataset.row(item.key, self.task)

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """`(len(a), len(b))` in 0..1 by geometry, 0 between different types."""
        return likeness(a, b, item, self._ops)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """An annotation's bounding rectangle, None if it has no place."""
        if isinstance(annotation, Opaque):
            return None
        return self._ops(tag_of(annotation)).extent(annotation, item)

    def frame(self, item: Item) -> Rect | None:
        """The item's own rectangle in the same coordinates, None if it has none."""
        return self.dataset.kit.modality.frame(item)
