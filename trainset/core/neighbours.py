"""The vectors that are most like others: exact where there are few, by a cached inverted file of faiss where there are many."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Found = tuple[NDArray[np.int64], NDArray[np.float32]]

EXACT = 50_000
"""Up to how many vectors all are compared: it takes some milliseconds, and finds what there is."""
QUERIES = 512
BLOCK = 16_384
_GROUP = 64
_REFINED = 4
"""How many times as many candidates as asked the index gives, to be compared exactly."""


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of length 1, whatever their size; a row of zeros stays one."""
    rows = np.asarray(vectors, np.float32)
    rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True, initial=0), np.float32(1e-30))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-30))
    return found


class Neighbours:
    """Search among the `rows` (rising) of `vectors` `(n, d)`, which may lie in a file.

    `cache` is where an index of all vectors is kept, so that it is built once; as vectors are added it goes on holding, and
    is built again when a quarter is new. Without faiss, or a cache, all vectors are compared.
    """

    def __init__(self, vectors: NDArray[np.float32], rows: NDArray[np.int64], cache: Path | None = None) -> None:
        self.vectors, self.rows = vectors, rows
        self._index: Any = None
        if cache is not None and len(rows) > EXACT and (faiss := _faiss()) is not None:
            self._index = _inverted(faiss, vectors, cache)

    def search(self, queries: NDArray[np.float32], count: int) -> Found:
        """The `count` rows that are most like each of `(m, d)` queries, the likest first, and the cosines: `(m, count)` each.

        Row -1 where there are fewer. Memory holds some hundred queries and some thousand vectors at a time.
        """
        some = unit(queries)
        parts = [self._some(some[at : at + QUERIES], count) for at in range(0, len(some), QUERIES)]
        if not parts:
            return np.empty((0, count), np.int64), np.empty((0, count), np.float32)
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([values for _, values in parts])

    def _some(self, queries: NDArray[np.float32], count: int) -> Found:
        if self._index is None:
            return self._exact(queries, self.rows, count)
        indexed = self._index.ntotal
        rows, values = self._indexed(queries, count)
        fresh = self.rows[np.searchsorted(self.rows, indexed) :]
        more = self._exact(queries, fresh, count)
        return best(np.concatenate([rows, more[0]], axis=1), np.concatenate([values, more[1]], axis=1), count)

    def _exact(self, queries: NDArray[np.float32], rows: NDArray[np.int64], count: int) -> Found:
        found = np.full((len(queries), count), -1, np.int64), np.full((len(queries), count), -2, np.float32)
        for at in range(0, len(rows), BLOCK):
            block = rows[at : at + BLOCK]
            whole = int(block[-1] - block[0]) + 1 == len(block)
            some = self.vectors[int(block[0]) : int(block[-1]) + 1] if whole else self.vectors[block]
            alike = np.full((len(queries), -(-len(block) // _GROUP) * _GROUP), -2, np.float32)
            np.matmul(queries, unit(some).T, out=alike[:, : len(block)])
            likely = _likely(alike, min(count, len(block)))
            found = best(
                np.concatenate([found[0], block[likely]], axis=1),
                np.concatenate([found[1], np.take_along_axis(alike, likely, axis=1)], axis=1),
                count,
            )
        return found

    def _indexed(self, queries: NDArray[np.float32], count: int) -> Found:
        """What the index finds, compared again with the vectors themselves."""
        faiss = _faiss()
        more = {}
        wanted = self.rows[: np.searchsorted(self.rows, self._index.ntotal)]
        if len(wanted) < self._index.ntotal:
            bits = np.zeros(self._index.ntotal, np.bool_)
            bits[wanted] = True
            packed = np.packbits(bits, bitorder="little")
            selector = faiss.IDSelectorBitmap(packed)
            more = {"params": faiss.SearchParametersIVF(nprobe=self._index.nprobe, sel=selector)}
        _, rows = self._index.search(queries, _REFINED * count, **more)
        values = np.empty(rows.shape, np.float32)
        for n, row in enumerate(rows):
            values[n] = unit(self.vectors[np.maximum(row, 0)]) @ queries[n]
        values[rows < 0] = -2
        return best(rows, values, count)


def _likely(alike: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The columns of the `count` largest values of each line: they are in the groups whose largest values are largest."""
    groups = alike.reshape(len(alike), -1, _GROUP)
    if groups.shape[1] <= count:
        return np.argpartition(-alike, count - 1, axis=1)[:, :count]
    likely = np.argpartition(-groups.max(axis=2), count - 1, axis=1)[:, :count]
    columns = (likely[..., None] * _GROUP + np.arange(_GROUP)).reshape(len(alike), -1)
    inner = np.argpartition(-np.take_along_axis(alike, columns, axis=1), count - 1, axis=1)[:, :count]
    return np.take_along_axis(columns, inner, axis=1)


def best(rows: NDArray[np.int64], values: NDArray[np.float32], count: int) -> Found:
    """The `count` largest values of each line, falling; of one value the lowest row first."""
    order = np.lexsort((rows, -values), axis=1)[:, :count]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(values, order, axis=1)


# -- the index -----------------------------------------------------------------------------------------------


def _faiss() -> Any:
    """The library, None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss


def _inverted(faiss: Any, vectors: NDArray[np.float32], cache: Path) -> Any:
    """The index at `cache`, built where it is missing, damaged, or where more than a quarter of the vectors are new.

    An inverted file (Jégou, Douze and Schmid 2011) of vectors in 8 bits a number, over all rows in their order.
    """
    index = None
    with suppress(RuntimeError):  # damaged, or of another version
        if cache.exists():
            index = faiss.read_index(str(cache))
    if index is None or index.d != vectors.shape[1] or not len(vectors) / 1.25 <= index.ntotal <= len(vectors):
        index = _built(faiss, vectors)
        draft = cache.with_name(f".{cache.name}.{os.getpid()}")
        faiss.write_index(index, str(draft))
        draft.replace(cache)
    index.nprobe = max(16, index.nlist // 64)
    return index


def _built(faiss: Any, vectors: NDArray[np.float32]) -> Any:
    lists = int(4 * len(vectors) ** 0.5)
    width = vectors.shape[1]
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width), width, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter = 8
    chosen = np.sort(np.random.default_rng(0).choice(len(vectors), min(len(vectors), 40 * lists), replace=False))
    index.train(unit(vectors[chosen]))
    for at in range(0, len(vectors), BLOCK):
        index.add(unit(vectors[at : at + BLOCK]))
    return index
