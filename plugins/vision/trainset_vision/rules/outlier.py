"""A rule over images that are unlike all others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from trainset.plugins import Case, Context, Finding


class OutlierSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """The `share` of all items that are farthest from their `neighbours`-th likest other wants a person, by which
    `embedder` ("" for the first)."""

    share: Annotated[float, Meta(ge=0, le=1)] = 0.01
    neighbours: Annotated[int, Meta(ge=1, le=100)] = 5
    embedder: str = ""


class Outlier:
    """Items far from all others: another camera, a broken exposure, something new.

    By the distance to the k-th nearest neighbour (Ramaswamy, Rastogi and Shim 2000), here 1 less the cosine.
    """

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each item whose distance is among the largest of the whole dataset."""
        s: OutlierSettings = context.settings
        distances: dict[str, float] = {}
        for item, near in context.neighbours(context.items, s.neighbours, s.embedder):
            if len(near) == s.neighbours:
                distances[item.key] = 1 - min(near[-1].similarity, 1)
        if not distances:
            return
        values = np.fromiter(distances.values(), float)
        most = round(s.share * len(values))
        bound = float(np.partition(values, -most)[-most]) if most else np.inf
        usual = float(np.median(values))
        for case in cases:
            distance = distances.get(case.item.key, 0.0)
            if distance >= bound and distance > usual:
                yield Finding(
                    case.item.key,
                    f"unlike others: {distance:.3f} from its {s.neighbours} likest, {usual:.3f} is usual",
                )
