"""What models know of an item beside what they propose: objects held for too unlikely, and other labels of each object."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
from msgspec import UnsetType
from msgspec.structs import replace

from trainset.core.dataset import Dataset, Row
from trainset.core.editing import Similarity
from trainset.core.model import Annotation, Item, Opaque, Task

_likely = msgspec.json.Decoder(dict[str, tuple[tuple[str, float], ...]])


@dataclass(frozen=True)
class Hint:
    """What one run says of an item: what it proposes, what it holds for too `weak`, under ids that nothing else there has,
    and by the ids of both what else it would call them, with scores, best first."""

    proposed: Sequence[Annotation] = ()
    weak: Sequence[Annotation] = ()
    likely: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)


@runtime_checkable
class Hinting(Protocol):
    """What a desk is too that knows what models say beside what they propose."""

    def hints(self, item: Item, taken: Collection[str]) -> Mapping[str, Hint]:
        """By the names of `versions`, which is asked first, and has the ids `taken`. Nothing where it is hidden."""
        ...


def hints(dataset: Dataset, task: Task, row: Row, taken: Collection[str]) -> dict[str, Hint]:
    """What each run says of an item, by run id. A weak annotation of the run that is shown keeps the id that it has in the
    prediction; that of another, or one that is among the ids `taken`, has the end of the run's id before it."""
    found = {}
    for run in dataset.predicting(task, row):
        stored = dataset.stored(task, row, run, row.said if run == row.run else None)
        if stored is None:
            continue
        likely = {} if isinstance(stored.likely, UnsetType) else _likely.decode(stored.likely)
        weak: list[Annotation] = []
        for annotation in () if isinstance(stored.weak, UnsetType) else dataset.proposed(run, stored.weak):
            name = annotation.id if run == row.run and annotation.id not in taken else f"{run[-6:]}.{annotation.id}"
            if not isinstance(annotation, Opaque):
                weak.append(replace(annotation, id=name))
                likely |= {name: likely[annotation.id]} if annotation.id in likely else {}
        found[run] = Hint(dataset.predicted(row, run, bytes(stored.annotations)), weak, likely)
    return found


def likeliest(
    annotation: Annotation, hints: Mapping[str, Hint], item: Item, task: Task, similarity: Similarity, count: int = 5
) -> dict[str, float]:
    """The labels that models think likeliest for an object, with scores, best first: by what each says of the annotation
    that it is most alike, from the similarity on from which two are the same object."""
    found: dict[str, float] = {}
    for hint in hints.values():
        said = (*hint.proposed, *hint.weak)
        if not said:
            continue
        alike = similarity([annotation], said, item)[0]
        same = said[int(np.argmax(alike))]
        if alike.max() < task.agree_above:
            continue
        for label, score in ((same.label, same.score or 0.0), *hint.likely.get(same.id, ())):
            if label is not None:
                found[label] = max(score, found.get(label, 0.0))
    active = {label.id for label in task.active}
    return dict(sorted(((n, s) for n, s in found.items() if n in active), key=lambda pair: -pair[1])[:count])
