"""The `Context` that plugin objects get: a task of an open dataset, seen through what they may ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.dataset import Dataset, Row
from trainset.core.embedding import Embedding, all_items, digest_of
from trainset.core.features import FeatureStore
from trainset.core.matching import ObjectOps, likeness, tag_of
from trainset.core.model import Annotation, Item, Opaque, Task
from trainset.core.protocols import AnnotationOps, Media, Neighbour
from trainset.core.scene import Rect


class TaskContext:
    """What a rule, ranker, view, pre-labeller or format may ask while it works on a task."""

    def __init__(self, dataset: Dataset, task: Task, settings: Any = None) -> None:
        self.dataset = dataset
        self.task = task
        self.settings = settings
        self._counts: dict[str, int] | None = None
        self._known: dict[str, AnnotationOps] = {}
        self._embeddings: dict[str, Embedding] = {}

    @property
    def media(self) -> Media:
        """The dataset's media."""
        return self.dataset.media

    def counts(self) -> Mapping[str, int]:
        """How many annotations of each label the present answers and proposals hold; counted once."""
        if self._counts is None:
            self._counts = self.dataset.label_counts(self.task)
        return self._counts

    def labels(self, items: Sequence[Item]) -> Sequence[Sequence[str]]:
        """The labels in each item's present answer, or in the proposal where there is no answer."""
        return self.dataset.labels_of(self.task, [item.key for item in items])

    def proposals(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """What each run says of an item, the one that is shown first."""
        return self.dataset.predictions(self.task, self._row(item))

    def model(self, run: str) -> str:
        """The name of the model behind a run."""
        return self.dataset.index.runs()[run].model

    def objects(self, item: Item) -> Sequence[Annotation]:
        """The item's decided objects that the task asks about, as their own task has them."""
        return self.dataset.objects(self.task, self._row(item)) if self.task.on else ()

    def _ops(self, tag: str) -> AnnotationOps:
        if tag not in self._known:  # asked for every object of every item
            self._known[tag] = self._made_ops(tag)
        return self._known[tag]

    def _made_ops(self, tag: str) -> AnnotationOps:
        if self.task.on is None:
            return self.dataset.kit.ops(tag, self.task)
        if tag in self.dataset.kit.tags(self.task):
            return ObjectOps()
        return self.dataset.kit.ops(tag, self.dataset.config.task(self.task.on))

    def _row(self, item: Item) -> Row:
        return self.dataset.row(item.key, self.task)

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """`(len(a), len(b))` in 0..1 by geometry, 0 between types that are not comparable."""
        return likeness(a, b, item, self._ops)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """An annotation's bounding rectangle, None if it has no place."""
        if isinstance(annotation, Opaque):
            return None
        return self._ops(tag_of(annotation)).extent(annotation, item)

    def frame(self, item: Item) -> Rect | None:
        """The item's own rectangle in the same coordinates, None if it has none."""
        return self.dataset.kit.modality.frame(item)

    @property
    def items(self) -> Iterable[Item]:
        """Every item of the dataset, in the order they were added."""
        return all_items(self.dataset)

    @cached_property
    def _store(self) -> FeatureStore:
        return FeatureStore(self.dataset.cache() / "features")

    def digest(self, item: Item) -> str:
        """The digest of an item's media as they are now; its files are only read where they changed."""
        return digest_of(self.dataset, self._store, item)

    def embedding(self, name: str = "") -> Embedding:
        """The vectors of the dataset's items by an embedder."""
        if name not in self._embeddings:
            self._embeddings[name] = Embedding(self.dataset, self._store, name)
        return self._embeddings[name]

    def features(self, items: Sequence[Item], embedder: str = "") -> NDArray[np.float32]:
        """`(n, d)`: the vectors of items, made where they are missing; a row of NaN where there is none."""
        return self.embedding(embedder).features(items)

    def neighbours(
        self, items: Iterable[Item], count: int, embedder: str = "", among: Iterable[Item] | None = None
    ) -> Iterator[tuple[Item, Sequence[Neighbour]]]:
        """Each item with the `count` others of the dataset, or of those `among`, that are most like it, the likest first."""
        return self.embedding(embedder).neighbours(items, count, among)
