"""Matching two sets of annotations: which are the same object, and whether the sets say the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item, Opaque
from trainset.core.protocols import AnnotationOps, Comparing
from trainset.core.scene import Rect

Ops = Callable[[str], AnnotationOps]


class ClassOps:
    """The core's own `class`: it has no place on the item, so two always coincide."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """1 everywhere."""
        return np.ones((len(a), len(b)))

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """None: the whole item."""
        return None


class ObjectOps(ClassOps):
    """A class of an object of another task: two coincide where they speak of the same one."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """1 where the ids are the same, else 0."""
        numbers = {name: n for n, name in enumerate({x.id for x in (*a, *b)})}
        left, right = (np.array([numbers[x.id] for x in some], np.intp) for some in (a, b))
        return np.asarray(left[:, None] == right, np.float64)


def tag_of(annotation: Annotation) -> str:
    """The type's tag as it stands in records."""
    return annotation.kind if isinstance(annotation, Opaque) else str(type(annotation).__struct_config__.tag)


def likeness(a: Sequence[Annotation], b: Sequence[Annotation], item: Item, ops: Ops) -> NDArray[np.float64]:
    """`(len(a), len(b))` in 0..1: similarity of geometry where types match or are comparable, else 0.

    What no plugin knows (`Opaque`) is like only what has the same bytes.
    """
    kinds = {type(x) for x in (*a, *b)}
    if len(kinds) == 1 and Opaque not in kinds:
        return ops(tag_of(a[0] if a else b[0])).similarity(a, b, item)
    out = np.zeros((len(a), len(b)))
    (left, rows), (right, columns) = _by_tag(a), _by_tag(b)
    for tag in left:
        for other in right:
            out[np.ix_(rows[tag], columns[other])] = _between(tag, left[tag], other, right[other], item, ops)
    return out


def _by_tag(annotations: Sequence[Annotation]) -> tuple[dict[str, list[Annotation]], dict[str, list[int]]]:
    """The annotations of each tag, and their places in the list."""
    found: dict[str, list[Annotation]] = {}
    places: dict[str, list[int]] = {}
    for n, x in enumerate(annotations):
        found.setdefault(tag_of(x), []).append(x)
        places.setdefault(tag_of(x), []).append(n)
    return found, places


def _between(
    tag: str, a: Sequence[Annotation], other: str, b: Sequence[Annotation], item: Item, ops: Ops
) -> NDArray[np.float64] | float:
    """The similarity of annotations of one type with those of one type."""
    if any(isinstance(x, Opaque) for x in (*a, *b)):
        return np.array([[float(tag == other and _raw(x) == _raw(y)) for y in b] for x in a])
    if tag == other or other in _comparable(ops(tag)):
        return ops(tag).similarity(a, b, item)
    return ops(other).similarity(b, a, item).T if tag in _comparable(ops(other)) else 0.0


def _comparable(ops: AnnotationOps) -> Collection[str]:
    return ops.comparable if isinstance(ops, Comparing) else ()


def _raw(annotation: Annotation) -> object:
    return bytes(annotation.raw) if isinstance(annotation, Opaque) else annotation


def match(
    a: Sequence[Annotation], b: Sequence[Annotation], item: Item, ops: Ops, above: float
) -> list[tuple[int, int, float]]:
    """The best one-to-one pairing (index in a, index in b, similarity) of annotations that are alike at least `above`.

    Maximises the sum of similarities (the assignment problem, scipy's modified Jonker-Volgenant algorithm).
    """
    if not a or not b:
        return []
    table = likeness(a, b, item, ops)
    table[table < above] = 0
    return [(i, j, float(table[i, j])) for i, j in paired(table)]


def paired(table: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The one-to-one pairing (row, column) that maximises the sum of the table, without pairs that add nothing."""
    if not table.size:
        return []
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if table[i, j] > 0]


def equivalent(a: Sequence[Annotation], b: Sequence[Annotation], item: Item, ops: Ops, above: float) -> bool:
    """Whether two answers say the same: every object of one is an object of the other, with label and attributes."""
    if len(a) != len(b):
        return False
    if not a:
        return True
    groups_a, groups_b = _by_meaning(a), _by_meaning(b)
    if groups_a.keys() != groups_b.keys():
        return False
    return all(
        len(group) == len(groups_b[key]) == len(match(group, groups_b[key], item, ops, above))
        for key, group in groups_a.items()
    )


def _by_meaning(annotations: Sequence[Annotation]) -> dict[object, list[Annotation]]:
    groups: dict[object, list[Annotation]] = {}
    for x in annotations:
        key = (x.label, tuple(sorted((k, v) for k, v in x.attributes.items() if v is not None)))
        groups.setdefault(key, []).append(x)
    return groups
