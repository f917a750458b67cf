"""Vectors of a dataset's items: which embedder makes them, what is made already, and who is like whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.config import EmbedderConfig
from trainset.core.dataset import Dataset
from trainset.core.features import Entry, FeatureStore
from trainset.core.files import chunks
from trainset.core.model import Item
from trainset.core.nearest import KEPT, Nearest
from trainset.core.neighbours import QUERIES, Neighbours
from trainset.core.protocols import Embedder, Neighbour
from trainset.core.workers import Failed, in_portions, outputs
from trainset.errors import ConfigError, ModelError, TrainsetError

PORTION = 16
_LOOKED_UP = 1024
GIVE_UP_AFTER = 20

_Searcher = tuple[Neighbours, NDArray[np.int64], Sequence[str]]
"""A search over items, their rows, rising, and their keys."""


@dataclass
class Progress:
    """How far the making of vectors is. `known` were there already; `failures` are (item, reason), a thousand at most."""

    known: int = 0
    made: int = 0
    failed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many items were looked at."""
        return self.known + self.made + self.failed


@dataclass(frozen=True)
class _Result:
    item: Item
    stamp: str
    digest: str | None
    vector: NDArray[np.float32] | str


class Embedding:
    """The vectors of a dataset's items by one embedder. Threads may share it."""

    def __init__(self, dataset: Dataset, store: FeatureStore, name: str = "") -> None:
        """`name` is a table of `[embedders]`, or an embedder that needs no model file; "" takes the first there is."""
        self.name, config, where = _chosen(dataset, name)
        self._dataset, self._store = dataset, store
        place = _place(dataset, self.name, config, where)
        identity, self._make = dataset.kit.embedder(config, place, dataset.config.engine.providers, where)
        self.space = store.space(identity)
        self._embedder: Embedder | None = None
        self._search: _Searcher | None = None

    @property
    def embedder(self) -> Embedder:
        """The embedder itself, made when it is first wanted."""
        if self._embedder is None:
            self._embedder = self._make()
        return self._embedder

    # -- making -----------------------------------------------------------------------------------------------

    def ensure(
        self, items: Iterable[Item], tick: Callable[[Progress], None] = lambda _: None, *, again: bool = False
    ) -> Progress:
        """Make the vectors that are missing, an item whose media changed included; what was made stays if it is interrupted.

        What failed on the same bytes before is only tried `again` if asked; then ModelError where all of the first fail.
        """
        p = Progress()
        for results in self._results(self._missing(items, p, again)):
            for r in self._keep(results):
                if isinstance(r.vector, str):
                    self._count(p, r.item.key, r.vector)
                else:
                    p.made += 1
            if again and p.failed == p.done >= GIVE_UP_AFTER:
                reasons = "; ".join(f"{key}: {why}" for key, why in p.failures[:3])
                raise ModelError(f"all of the first {p.failed} item(s) failed; {reasons}",
                                 hint=f"mend the settings of embedder {self.name!r} in trainset.toml")  # fmt: skip
            tick(p)
        tick(p)
        return p

    @staticmethod
    def _count(p: Progress, key: str, why: str) -> None:
        p.failed += 1
        if len(p.failures) < 1000:
            p.failures.append((key, why))

    def _missing(self, items: Iterable[Item], p: Progress, again: bool) -> Iterator[tuple[Item, str, str | None]]:
        """Items without a vector, each with the stamp of its files and its digest where that is known."""
        for some in chunks(items, _LOOKED_UP):
            for item, (found, taken, entry) in zip(some, self._look(some), strict=True):
                if entry is not None and entry.place is not None:
                    p.known += 1
                elif entry is not None and not again:
                    self._count(p, item.key, entry.error or "")
                else:
                    yield item, found or "", taken

    def _look(self, items: Sequence[Item]) -> list[tuple[str | None, str | None, Entry | None]]:
        """Of each item the stamp of its files, the digest of its media as they are now, and what is known of that."""
        stamps = {item.key: stamp(self._dataset, item) for item in items}
        digests = self._store.digests({key: found for key, found in stamps.items() if found is not None})
        known = self.space.known(set(digests.values()))
        taken = ((item.key, digests.get(item.key)) for item in items)
        return [(stamps[key], media, None if media is None else known.get(media)) for key, media in taken]

    def _results(self, missing: Iterator[tuple[Item, str, str | None]]) -> Iterator[list[_Result]]:
        first = next(missing, None)
        if first is None:  # the embedder itself is not even loaded
            return iter(())
        limits = self.embedder.limits
        workers = max(1, min(self._dataset.config.engine.workers or os.cpu_count() or 1, limits.concurrency))
        batch = max(1, limits.batch)
        size = batch * max(1, PORTION // batch)
        return in_portions(chain([first], missing), size, workers, lambda some: self._work(some, batch), "embed")

    def _work(self, some: Sequence[tuple[Item, str, str | None]], batch: int) -> list[_Result]:
        stamps = {item.key: found for item, found, _ in some}
        digests = {item.key: taken for item, _, taken in some}
        media, embedder = self._dataset.media, self.embedder

        def prepare(item: Item) -> Any:
            if digests[item.key] is None:
                digests[item.key] = media.digest(item)
            return embedder.prepare(item, media)

        return [
            _Result(item, stamps[item.key], digests[item.key], self._vector(output))
            for item, output in outputs((item for item, _, _ in some), batch, prepare, embedder.infer)
        ]

    def _vector(self, output: Any) -> NDArray[np.float32] | str:
        """A vector as it is kept, or why it is none."""
        if isinstance(output, Failed):
            if isinstance(output.error, TrainsetError):
                return output.error.message
            return f"embedder {self.name} failed with {type(output.error).__name__}: {output.error}"
        vector = np.asarray(output, np.float32)
        if vector.ndim != 1 or not vector.size:
            return f"the embedder gives an array of shape {list(vector.shape)}, not a vector"
        if not np.isfinite(vector).all():
            return "the vector has NaN or infinite values"
        return vector if vector.any() else "the vector is all zeros, which is like nothing"

    def _keep(self, results: Sequence[_Result]) -> list[_Result]:
        """Put into the store what came out, once all vectors have one width."""
        width = self.space.width
        kept: list[_Result] = []
        for r in results:
            if not isinstance(r.vector, str):
                width = width or len(r.vector)
                if len(r.vector) != width:
                    why = f"the vector has {len(r.vector)} numbers, and others of this embedder have {width}"
                    kept.append(replace(r, vector=why))
                    continue
            kept.append(r)
        self.space.put({r.digest: r.vector for r in kept if r.digest is not None})
        self._store.note((r.item.key, r.stamp, r.digest) for r in kept if r.digest is not None and r.stamp)
        return kept

    # -- asking -----------------------------------------------------------------------------------------------

    def features(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """`(n, d)`: the vectors of items, made where they are missing; a row of NaN where there is none."""
        places = self._places(items)
        vectors = self.space.vectors()
        found = np.full((len(items), vectors.shape[1]), np.nan, np.float32)
        here = np.flatnonzero(places >= 0)
        found[here] = vectors[places[here]]
        return found

    def neighbours(
        self, items: Iterable[Item], count: int, among: Iterable[Item] | None = None
    ) -> Iterator[tuple[Item, list[Neighbour]]]:
        """Each item with the `count` others, of the dataset or of those `among` which to look, that are most like it, the
        likest first. What is found of many items among all is kept for the next time."""
        search, rows, keys = self._searcher() if among is None else self._searcher_among(among)
        nearest: Nearest | None = None
        for n, some in enumerate(chunks(items, QUERIES)):
            if n == 0 and among is None and len(some) == QUERIES and count < KEPT:
                nearest = Nearest(search, self.space.path.with_suffix(".near.npz"))
            places = self._places(some)
            here = np.flatnonzero(places >= 0)
            queries = self.space.vectors()[places[here]]
            if nearest is None:
                found, alike = search.search(queries, count + 1)
            else:
                found, alike = nearest.search(places[here], queries, count + 1)
            first, last = np.searchsorted(rows, found), np.searchsorted(rows, found, "right")
            lines = dict(
                zip(here.tolist(), zip(first.tolist(), last.tolist(), alike.tolist(), strict=True), strict=True)
            )
            for at, item in enumerate(some):
                starts, ends, likes = lines.get(at, ((), (), ()))
                near = (
                    Neighbour(keys[place], similarity)
                    for start, end, similarity in zip(starts, ends, likes, strict=True)
                    for place in range(start, end)
                    if keys[place] != item.key
                )
                yield item, list(islice(near, count))
        if nearest is not None:
            nearest.keep()

    def _places(self, items: Sequence[Item]) -> NDArray[np.int64]:
        """Each item's row, -1 where it has no vector; those that are missing are made."""
        entries = [entry for _, _, entry in self._look(items)]
        if None in entries:
            self.ensure(items)
            entries = [entry for _, _, entry in self._look(items)]
        return np.array([-1 if e is None or e.place is None else e.place for e in entries], np.int64)

    def _searcher(self) -> _Searcher:
        """A search over all items.

        Items count as they were when they were looked at last: to look at the files of a million takes a minute.
        """
        if self._search is None:
            query = "SELECT key FROM item WHERE alive"
            alive = [key for (key,) in self._dataset.index.db.execute(query)]
            known = self.space.items()
            missing = {key for key in alive if key not in known}
            if missing:
                self.ensure(item for item in all_items(self._dataset) if item.key in missing)
                known = self.space.items()
            places = np.array([-1 if (place := known.get(key)) is None else place for key in alive], np.int64)
            self._search = self._over(places, alive, self.space.path.with_suffix(".faiss"))
        return self._search

    def _searcher_among(self, items: Iterable[Item]) -> _Searcher:
        """A search over some items, as they are now."""
        some = list(items)
        return self._over(self._places(some), [item.key for item in some], None)

    def _over(self, places: NDArray[np.int64], keys: Sequence[str], cache: Path | None) -> _Searcher:
        """A search over the items of these keys, whose vectors are at `places` (-1 where there is none)."""
        order = np.argsort(places, kind="stable")[np.count_nonzero(places < 0) :]
        rows = places[order]
        search = Neighbours(self.space.vectors(), np.unique(rows), cache)
        return search, rows, [keys[at] for at in order.tolist()]


def open_embedding(dataset: Dataset, name: str = "") -> Embedding:
    """The vectors of a dataset's items by an embedder, from the store in its cache."""
    return Embedding(dataset, FeatureStore(dataset.cache() / "features"), name)


def all_items(dataset: Dataset) -> Iterator[Item]:
    """Every item of a dataset, in the order they were added."""
    return (row.item for row in dataset.rows(None))


def stamp(dataset: Dataset, item: Item) -> str | None:
    """What of an item's files tells that their bytes are still the same; None where they are not there."""
    try:
        found = [path.stat() for path in dataset.media.paths(item).values()]
    except (OSError, TrainsetError):
        return None
    return " ".join(f"{x.st_size}.{x.st_mtime_ns}.{x.st_ino}" for x in found)


def digest_of(dataset: Dataset, store: FeatureStore, item: Item) -> str:
    """The digest of an item's media as they are now: read only where the files changed since it was taken last."""
    found = stamp(dataset, item)
    taken = None if found is None else store.digests({item.key: found}).get(item.key)
    if taken is None:
        taken = dataset.media.digest(item)
        if found is not None:
            store.note([(item.key, found, taken)])
    return taken


def _chosen(dataset: Dataset, name: str) -> tuple[str, EmbedderConfig, str]:
    """The embedder that a name means: its name, its table, and the place of that."""
    tables, free = dataset.config.embedders, list(dataset.kit.embedders())
    chosen = name or next(iter([*tables, *free]), "")
    where = dataset.config.place("embedders", chosen) if chosen else ""
    if chosen in tables:
        return chosen, tables[chosen], where
    if chosen in free:
        return chosen, EmbedderConfig(embedder=chosen), where
    known = ", ".join([*tables, *(n for n in free if n not in tables)]) or "none"
    what = f"there is no embedder {name!r}" if name else "no installed plugin embeds items of this modality"
    raise ConfigError(what, hint=f"there are: {known}; `trainset model add FILE` adds one", exit_code=2)


def _place(dataset: Dataset, name: str, config: EmbedderConfig, where: str) -> Path | None:
    local = dataset.machine.get("embedders", name)
    if config.path is None and local is None:
        return None
    return dataset.root / (config.path or local or "")
