"""Who is like whom, kept from one time to the next: where vectors came or went, only these are compared."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from trainset.core.neighbours import QUERIES, Found, Neighbours, best

KEPT = 25
"""How many neighbours of each vector are kept, the vector itself among them."""
_RENEWED = 4
"""Where more than one in so many vectors is new, all are compared anew."""


class Nearest:
    """The `KEPT` likest rows of each row that was asked for, over a search, in the file `cache`.

    A kept list holds for the rows that it was made among. Rows that are new since are compared with those that have a list,
    and a list that names a row that went is made again: the answers are those of the search itself.
    """

    def __init__(self, search: Neighbours, cache: Path) -> None:
        self._search, self._cache = search, cache
        self._places = np.empty(0, np.int64)
        self._near: Found = np.empty((0, KEPT), np.int64), np.empty((0, KEPT), np.float32)
        self._made: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        self._changed = False
        with suppress(OSError, BadZipFile, KeyError, ValueError, EOFError):
            with np.load(cache) as kept:
                among, places, rows, alike = (kept[name] for name in ("among", "places", "rows", "alike"))
            self._take(among, places, rows.astype(np.int64), alike)

    def _take(
        self,
        among: NDArray[np.int64],
        places: NDArray[np.int64],
        rows: NDArray[np.int64],
        alike: NDArray[np.float32],
    ) -> None:
        """What still holds of kept lists."""
        if rows.shape != (len(places), KEPT) or alike.shape != rows.shape:
            return
        new = np.setdiff1d(self._search.rows, among, assume_unique=True)
        if len(new) * _RENEWED > len(self._search.rows):
            return
        gone = np.setdiff1d(among, self._search.rows, assume_unique=True)
        sound = np.isin(places, self._search.rows)
        if len(gone):
            sound &= ~np.isin(rows, gone).any(axis=1)
        self._changed = bool(len(new)) or not sound.all()
        places, rows, alike = places[sound], rows[sound], alike[sound]
        if len(new):
            among_new = Neighbours(self._search.vectors, new)
            for at in range(0, len(places), QUERIES):
                part = slice(at, at + QUERIES)
                more = among_new.search(self._search.vectors[places[part]], KEPT)
                rows[part], alike[part] = best(
                    np.concatenate([rows[part], more[0]], axis=1), np.concatenate([alike[part], more[1]], axis=1), KEPT
                )
        self._places, self._near = places, (rows, alike)

    def search(self, places: NDArray[np.int64], vectors: NDArray[np.float32], count: int) -> Found:
        """The `count` (up to `KEPT`) rows most like those at `places`, whose vectors are `(m, d)`, and the cosines, as
        `Neighbours.search` gives them."""
        at = np.searchsorted(self._places, places)
        known = np.zeros(len(places), bool)
        inside = at < len(self._places)
        known[inside] = self._places[at[inside]] == places[inside]
        rows, alike = np.empty((len(places), KEPT), np.int64), np.empty((len(places), KEPT), np.float32)
        rows[known], alike[known] = self._near[0][at[known]], self._near[1][at[known]]
        if not known.all():
            rows[~known], alike[~known] = self._search.search(vectors[~known], KEPT)
            self._made.append((places[~known], rows[~known], alike[~known]))
        return rows[:, :count], alike[:, :count]

    def keep(self) -> None:
        """Write down what was found, where anything is new."""
        if not self._made and not self._changed:
            return
        parts = [(self._places, *self._near), *self._made]
        places, first = np.unique(np.concatenate([part[0] for part in parts]), return_index=True)
        rows, alike = (np.concatenate([part[n] for part in parts])[first] for n in (1, 2))
        draft = self._cache.with_name(f".{self._cache.name}.{os.getpid()}")
        with draft.open("wb") as stream:
            np.savez(stream, among=self._search.rows, places=places, rows=rows.astype(np.int32), alike=alike)
        draft.replace(self._cache)
        self._places, self._near, self._made, self._changed = places, (rows, alike), [], False
