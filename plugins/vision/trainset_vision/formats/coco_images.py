"""Which objects of a COCO file are of which image: files list them in any order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainset_vision.formats.coco_json import Id, Object


class ByImage:
    """Where in a list of objects those of each image are, in the order of the list."""

    def __init__(self, objects: Sequence[Object]) -> None:
        ids = [one.image_id for one in objects]
        numbers = _numbers(ids)
        order = np.argsort(numbers, kind="stable")
        self._order: list[int] = order.tolist()
        edges = np.flatnonzero(np.diff(numbers[order], prepend=numbers[order[:1]] - 1))
        firsts = [ids[n] for n in order[edges].tolist()]
        self._spans = dict(zip(firsts, pairwise([*edges.tolist(), len(ids)]), strict=True))

    def of(self, image: Id) -> list[int]:
        """The places of an image's objects, none where there are none."""
        start, stop = self._spans.get(image, (0, 0))
        return self._order[start:stop]

    def others(self, images: Iterable[Id]) -> Iterator[tuple[Id, int]]:
        """The images beside these that objects are of, and how many are of each."""
        known = set(images)
        return ((image, b - a) for image, (a, b) in self._spans.items() if image not in known)


def _numbers(ids: Sequence[Id]) -> NDArray[np.int64]:
    """Numbers that are equal where ids are: the ids themselves, as in most files, else numbers in order of appearance."""
    try:
        return np.frombuffer(array("q", ids), np.int64)  # type: ignore[type-var]
    except (TypeError, OverflowError):
        seen: dict[Id, int] = {}
        return np.array([seen.setdefault(one, len(seen)) for one in ids], np.int64)
