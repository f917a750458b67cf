"""An order for the queue by what items are like: each differs as much as can be from what comes before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset.plugins import Case, Context, chunks

_CHOSEN = 500
"""How many are put in order one after the other; whoever has seen those routes anew."""
_CENTRES = 1000
_AT_ONCE = 1000
_DONE = -2.0


class Diverse:
    """Farthest first among what waits (Gonzalez 1985; the core-set of Sener and Savarese 2018), by the first embedder's
    vectors: the items decided already, a thousand of them spread evenly, are where it starts from.

    The vectors of all that waits are in memory meanwhile.
    """

    def rank(self, cases: Iterable[Case], context: Context) -> Iterator[tuple[str, float, str]]:
        """Priorities from 2 down to 1 for those in order (3 for a first one), then half the distance; 0 without a vector."""
        keys: list[str] = []
        parts: list[NDArray[np.float32]] = []
        for some in chunks(cases, _AT_ONCE):
            keys += [case.item.key for case in some]
            parts.append(_unit(context, [case.item for case in some]))
        if not keys:
            return
        vectors = np.concatenate(parts)
        here = np.flatnonzero(np.isfinite(vectors).all(axis=1)) if vectors.shape[1] else np.empty(0, np.intp)
        yield from ((key, 0.0, "it has no vector") for key in np.delete(np.array(keys, object), here))
        if len(here):
            centres = _decided(set(keys), context)
            for at, priority, reason in _farthest(vectors[here], centres):
                yield keys[here[at]], priority, reason


def _farthest(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> Iterator[tuple[int, float, str]]:
    """Rows of `vectors` with priority and reason. Without centres the row nearest to the mean comes first."""
    said = "from all that is decided or comes before it"
    usual = -1
    if not len(centres):
        usual = int((vectors @ vectors.mean(axis=0)).argmax())
        centres = vectors[[usual]]
        yield usual, 3.0, "the most usual of all"
    blocks = (vectors[at : at + _AT_ONCE] for at in range(0, len(vectors), _AT_ONCE))
    far = np.concatenate([1 - (block @ centres.T).max(axis=1) for block in blocks])
    if usual >= 0:
        far[usual] = _DONE
    for n in range(min(_CHOSEN, int(np.count_nonzero(far > _DONE)))):
        best = int(far.argmax())
        yield best, 2 - n / _CHOSEN, f"{far[best]:.2f} {said}"
        far = np.where(far > _DONE, np.minimum(far, 1 - vectors @ vectors[best]), _DONE)
        far[best] = _DONE
    for at in np.flatnonzero(far > _DONE).tolist():
        yield at, max(0.0, float(far[at])) / 2, f"{far[at]:.2f} {said}"


def _decided(waiting: set[str], context: Context) -> NDArray[np.float32]:
    decided = [item for item in context.items if item.key not in waiting]
    spread = decided[:: -(-len(decided) // _CENTRES) or 1]
    found = _unit(context, spread)
    return found[np.isfinite(found).all(axis=1)]


def _unit(context: Context, items: list[Item]) -> NDArray[np.float32]:
    rows = context.features(items)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30), np.float32)
