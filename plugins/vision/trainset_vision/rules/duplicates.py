"""Rules over images that are there more than once: the same bytes, or almost the same picture.

The case that matters is a copy in another split: what a model is measured on was in its training. So every item of the
dataset is compared, whatever was decided on it, and the reason says where the copy is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from trainset.core.model import Item
from trainset.errors import MediaError
from trainset.plugins import Case, Context, Finding

_NEAR = 24
"""With how many of the likest others an item is compared; larger groups are joined by what their items share."""


class DuplicateImageSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """With `across-splits` only copies in another split than the item's own want a person."""

    across_splits: bool = False


class DuplicateImage:
    """Items whose media have the same bytes."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each item that has a copy. Only files of the same size are read."""
        by_size: dict[int, list[Item]] = defaultdict(list)
        for item in context.items:
            if item.size is not None:
                by_size[item.size].append(item)
        copies: dict[str, list[Item]] = {}
        for items in by_size.values():
            if len(items) < 2:
                continue
            same: dict[str, list[Item]] = defaultdict(list)
            for item in items:
                try:
                    same[context.digest(item)].append(item)
                except MediaError:  # what cannot be read fails in the run, and `verify` lists it
                    continue
            copies.update({item.key: found for found in same.values() if len(found) > 1 for item in found})
        for case in cases:
            others = [x for x in copies.get(case.item.key, ()) if x.key != case.item.key]
            apart = [x for x in others if x.split != case.item.split]
            if apart or (others and not context.settings.across_splits):
                first = (apart or others)[0]
                where = _where(case.item.split, first.split)
                yield Finding(case.item.key, f"the same bytes as {first.key}{where}{_more(len(others) - 1)}")


class NearDuplicateSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """From which likeness (the cosine of two vectors) pictures are almost the same, by which `embedder` ("" for the first);
    with `across-splits` only those in another split than the item's own want a person."""

    above: Annotated[float, Meta(ge=0, le=1)] = 0.95
    embedder: str = ""
    across_splits: bool = False


class NearDuplicate:
    """Items that are almost the same picture as others: copies in another size or quality, frames of one scene."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each item of a group, which names the likest other; one in another split before all."""
        s: NearDuplicateSettings = context.settings
        splits: dict[str, str | None] = {}
        alike: dict[str, dict[str, float]] = defaultdict(dict)
        for item, near in context.neighbours(context.items, _NEAR, s.embedder):
            splits[item.key] = item.split
            for other in near:
                if other.similarity >= s.above:
                    alike[item.key][other.item] = alike[other.item][item.key] = other.similarity
        groups = _groups(alike)
        for case in cases:
            key = case.item.key
            group = groups.get(key)
            if group is None:
                continue
            own, near_by = splits[key], alike[key]
            apart = [other for other in group if splits[other] != own]
            if s.across_splits and not apart:
                continue
            best = max(near_by, key=lambda other: (splits[other] != own, near_by[other], other))
            reason = f"{min(near_by[best], 1):.3f} like {best}{_where(own, splits[best])}{_more(len(group) - 2)}"
            if apart and splits[best] == own:
                first = min(apart)
                reason += f", of these {first}{_where(own, splits[first])}"
            yield Finding(key, reason)


def _groups(alike: Mapping[str, Mapping[str, float]]) -> dict[str, Sequence[str]]:
    """The group of every item that is like another: all that are joined by items alike."""
    groups: dict[str, Sequence[str]] = {}
    for start in alike:
        if start in groups:
            continue
        group, found = [start], {start}
        for key in group:  # grows as it is gone through
            fresh = [other for other in alike[key] if other not in found]
            found.update(fresh)
            group += fresh
        groups.update(dict.fromkeys(group, group))
    return groups


def _where(own: str | None, other: str | None) -> str:
    return "" if own == other else f" in split {other or 'none'}, this one is in {own or 'none'}"


def _more(count: int) -> str:
    return f", and {count} more" if count > 0 else ""
