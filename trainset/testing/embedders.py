"""The contract of embedders: vectors of one width, alone, in batches and from several threads at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset.core.protocols import Embedder, Media
from trainset.testing.contract import named, require
from trainset.testing.prelabelers import check_limits

_CLOSE = 1e-3
"""How far numbers may differ between an item alone and in a batch, where a runtime may sum in another order."""


def check_embedder(embedder: Embedder, items: Sequence[Item], media: Media) -> None:
    """Check an embedder on items whose media it can read; best are several, of different sizes."""
    require(len(items) > 0, "there are no items", "a check needs items to check")
    check_limits(embedder)
    alone = [_vectors(embedder, [item], media)[0] for item in items]
    widths = sorted({len(vector) for vector in alone})
    require(
        len(widths) == 1,
        f"{named(embedder, 'infer')} gives vectors of {widths} numbers",
        "all vectors of an embedder have the same number of numbers",
    )
    for item, vector in zip(items, alone, strict=True):
        require(
            bool(np.isfinite(vector).all() and vector.any()),
            f"{named(embedder, 'infer')} of {item.key} gives {vector!r}",
            "a vector is finite, and not all zeros: a direction is what items are compared by",
        )
    size = embedder.limits.batch
    for order in (list(range(len(items))), list(range(len(items)))[::-1]):
        for at in range(0, len(order), size):
            some = order[at : at + size]
            together = _vectors(embedder, [items[n] for n in some], media)
            _check_same(embedder, items, alone, dict(zip(some, together, strict=True)), f"in a batch of {len(some)}")
    with ThreadPoolExecutor(2) as pool:
        for n, vector in enumerate(pool.map(lambda item: _vectors(embedder, [item], media)[0], [*items, *items])):
            which = n % len(items)
            _check_same(embedder, items, alone, {which: vector}, "where two threads use it")


def _vectors(embedder: Embedder, items: Sequence[Item], media: Media) -> NDArray[np.float32]:
    found = embedder.infer([embedder.prepare(item, media) for item in items])
    require(
        isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == len(items) and found.dtype == np.float32,
        f"{named(embedder, 'infer')} gives {getattr(found, 'dtype', type(found))} of shape "
        f"{getattr(found, 'shape', None)} for a batch of {len(items)}",
        "infer gives (n, d) float32, one row an item, in order",
    )
    return found


def _check_same(embedder: Embedder, items: Sequence[Item], alone: Sequence[NDArray[np.float32]],
                found: dict[int, NDArray[np.float32]], how: str) -> None:  # fmt: skip
    for n, vector in found.items():
        far = float(np.abs(vector - alone[n]).max())
        require(
            far <= _CLOSE * max(1.0, float(np.abs(alone[n]).max())),
            f"{named(embedder)} gives {items[n].key} numbers {how} that are {far:.3g} from those it gives alone",
            "an item's vector depends on its media alone",
        )
