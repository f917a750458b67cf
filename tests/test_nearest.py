"""Kept neighbours are those that a search finds, whatever came or went since they were kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.nearest import KEPT, Nearest
from trainset.core.neighbours import Neighbours


def vectors(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 4)).astype("f4")


def kept(table, rows, cache, count=5):
    """What is found of all rows by way of a cache."""
    over = Nearest(Neighbours(table, rows), cache)
    found = over.search(rows, table[rows], count)
    over.keep()
    return found


def asked(monkeypatch):
    """Counts the vectors that are searched for."""
    counts, search = [], Neighbours.search
    monkeypatch.setattr(Neighbours, "search", lambda s, q, n: (counts.append(len(q)), search(s, q, n))[1])
    return counts


@given(st.sets(st.integers(0, 59), min_size=1), st.sets(st.integers(0, 59), min_size=1), st.integers(0, 3))
def test_rows_that_come_and_go_change_nothing(tmp_path_factory, before, after, seed):
    table, cache = vectors(60, seed), tmp_path_factory.mktemp("near") / "a.npz"
    kept(table, np.array(sorted(before)), cache)
    rows = np.array(sorted(after))
    found, alike = kept(table, rows, cache)
    expected, values = Neighbours(table, rows).search(table[rows], 5)
    assert np.array_equal(found, expected) and np.allclose(alike, values, atol=1e-6)
    again, _ = kept(table, rows, cache)
    assert np.array_equal(again, expected)


def test_what_is_kept_is_not_searched_again(tmp_path, monkeypatch):
    table, rows = vectors(100), np.arange(100)
    kept(table, rows, tmp_path / "a.npz")
    counts = asked(monkeypatch)
    kept(table, rows, tmp_path / "a.npz")
    assert counts == []


def test_a_few_new_rows_are_compared_alone(tmp_path, monkeypatch):
    table = vectors(100)
    kept(table, np.arange(98), tmp_path / "a.npz")
    over = []
    init = Neighbours.__init__
    monkeypatch.setattr(Neighbours, "__init__", lambda s, v, r, c=None: (over.append(len(r)), init(s, v, r, c))[1])
    counts = asked(monkeypatch)
    kept(table, np.arange(100), tmp_path / "a.npz")
    assert (over, counts) == ([100, 2], [98, 2])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_a_damaged_file_is_made_again(tmp_path, damage):
    table, rows, cache = vectors(40), np.arange(40), tmp_path / "a.npz"
    expected, _ = kept(table, rows, cache)
    if damage is None:
        np.savez(cache, among=rows, places=rows, rows=np.zeros((40, 3)), alike=np.zeros((40, 3)))
    else:
        cache.write_bytes(damage)
    assert np.array_equal(kept(table, rows, cache)[0], expected)
    assert np.load(cache)["rows"].shape == (40, KEPT)
