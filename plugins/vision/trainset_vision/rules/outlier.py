"""A rule over images that are unlike all others, or unlike those of their label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from trainset.core.model import Item
from trainset.plugins import Case, Context, Finding

_LEAST = 1e-6
"""Likenesses are no more exact than this."""


class OutlierSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """The `share` of all items that are farthest from their `neighbours`-th likest other wants a person, by which
    `embedder` ("" for the first); with `by-label` from the likest of their own label, by what is usual there."""

    share: Annotated[float, Meta(ge=0, le=1)] = 0.01
    neighbours: Annotated[int, Meta(ge=1, le=100)] = 5
    embedder: str = ""
    by_label: bool = False


class Outlier:
    """Items far from all others (another camera, a broken exposure, something new), or from those of a label that they
    have (a wrong label).

    By the distance to the k-th nearest neighbour (Ramaswamy, Rastogi and Shim 2000), here 1 less the cosine, as a multiple
    of the median distance of those that it is compared with.
    """

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each item whose distance is among the largest of the whole dataset."""
        s: OutlierSettings = context.settings
        found: dict[str, tuple[float, str]] = {}
        groups = _by_label(context).items() if s.by_label else [("", None)]
        for label, items in groups:
            among = context.items if items is None else items
            near_by = context.neighbours(among, s.neighbours, s.embedder, among=items)
            distances = {
                item.key: 1 - min(near[-1].similarity, 1) for item, near in near_by if len(near) == s.neighbours
            }
            usual = float(np.median(list(distances.values()))) if distances else 0.0
            title = next((x.title for x in context.task.labels if x.id == label), label)
            told = f"unlike others of {title}" if label else "unlike others"
            for key, distance in distances.items():
                odd = distance / max(usual, _LEAST), f"{told}: {distance:.3f} from its {s.neighbours} likest, {usual:.3f} is usual"  # fmt: skip
                found[key] = max(odd, found.get(key, odd))
        most = round(s.share * len(found))
        if not most:
            return
        bound = float(np.partition(np.array([times for times, _ in found.values()]), -most)[-most])
        for case in cases:
            times, reason = found.get(case.item.key, (0.0, ""))
            if times >= bound and times > 1:
                yield Finding(case.item.key, reason)


def _by_label(context: Context) -> dict[str, list[Item]]:
    """The items of each label, which has at least one; an item with several labels is among those of each."""
    found: dict[str, list[Item]] = {}
    items = list(context.items)
    for item, labels in zip(items, context.labels(items), strict=True):
        for label in labels:
            found.setdefault(label, []).append(item)
    return found
