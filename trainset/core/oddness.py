"""How little items are like those beside them, by their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainset.core.dataset import Dataset
from trainset.core.embedding import open_embedding
from trainset.core.model import Item
from trainset.core.neighbours import unit
from trainset.core.sheets import Odd
from trainset.errors import TrainsetError


def oddness(dataset: Dataset) -> Odd | None:
    """The measure by the dataset's first embedder; None where it has not been run. An item that has no vector is not odd."""
    try:
        embedding = open_embedding(dataset)
        if not embedding.space.width:
            return None
    except TrainsetError:  # there is no embedder, or not its model
        return None

    def odd(items: Sequence[Item]) -> Sequence[float]:
        """1 - the cosine of the angle to the mean of the items' directions; -1 where there is no vector."""
        vectors = embedding.features(items)
        known = np.isfinite(vectors).all(1)
        directions = unit(vectors[known])
        found = np.full(len(items), -1.0)
        if len(directions):
            found[known] = 1 - directions @ unit(directions.mean(0, keepdims=True))[0]
        values: list[float] = found.tolist()
        return values

    return odd
