"""The search among vectors: exact where there are few, by an index where there are many, and the same without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trainset.core import neighbours
from trainset.core.neighbours import Neighbours, unit


def drawn(count, width=16, seed=0):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(2, count // 20), width))
    return (centres[random.integers(0, len(centres), count)] + 0.3 * random.standard_normal((count, width))).astype(
        "f4"
    )


def nearest(vectors, rows, query, count):
    alike = unit(vectors[rows]) @ unit(query[None])[0]
    order = np.lexsort((rows, -alike))[:count]
    return rows[order].tolist(), alike[order]


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 5))
def test_it_finds_the_nearest(count, wanted, seed):
    vectors = drawn(count, 4, seed)
    rows, alike = Neighbours(vectors, np.arange(count)).search(vectors[:3], wanted)
    for n in range(min(3, count)):
        _, expected = nearest(vectors, np.arange(count), vectors[n], wanted)
        assert np.allclose(alike[n][: len(expected)], expected, atol=1e-5)
        assert (rows[n][len(expected) :] == -1).all()


def test_only_rows_that_are_asked_for_are_found(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    vectors = drawn(50)
    rows = np.array([0, 3, 4, 5, 17, 30, 31, 49])
    found, _ = Neighbours(vectors, rows).search(vectors[[3, 20]], 4)
    assert found[0].tolist() == nearest(vectors, rows, vectors[3], 4)[0]
    assert set(found[1]) <= set(rows.tolist())


def test_none_at_all(tmp_path):
    found = Neighbours(np.empty((0, 0), np.float32), np.empty(0, np.int64), tmp_path / "i.faiss")
    rows, alike = found.search(np.empty((0, 0), np.float32), 3)
    assert rows.shape == alike.shape == (0, 3)


@given(arrays.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_unit_vectors_are_finite_and_of_length_one(rows):
    lengths = np.linalg.norm(unit(rows).astype(np.float64), axis=1)
    assert np.all((abs(lengths - 1) < 1e-3) | (np.abs(rows).max(axis=1) < 1e-28))


class TestIndex:
    """With an index of faiss."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch):
        monkeypatch.setattr(neighbours, "EXACT", 500)

    def recall(self, search, vectors, rows, count=10):
        chosen = rows[:: len(rows) // 50]
        found, alike = search.search(vectors[chosen], count)
        shares = []
        for n, row in enumerate(chosen):
            expected, _ = nearest(vectors, rows, vectors[row], count)
            shares.append(len(set(found[n].tolist()) & set(expected)) / count)
            assert np.allclose(alike[n], unit(vectors[found[n]]) @ unit(vectors[[row]])[0], atol=1e-5)
        return np.mean(shares)

    def test_it_finds_nearly_all_with_exact_similarities(self, tmp_path):
        vectors = drawn(3000)
        rows = np.arange(3000)
        assert self.recall(Neighbours(vectors, rows, tmp_path / "i.faiss"), vectors, rows) > 0.98

    def test_it_is_built_once(self, tmp_path, monkeypatch):
        vectors, cache = drawn(1000), tmp_path / "i.faiss"
        Neighbours(vectors, np.arange(1000), cache)
        monkeypatch.setattr(neighbours, "_built", lambda *_: pytest.fail("built again"))
        Neighbours(vectors, np.arange(1000), cache).search(vectors[:1], 3)

    def test_vectors_that_came_since_are_found_too(self, tmp_path):
        vectors, cache = drawn(1200), tmp_path / "i.faiss"
        Neighbours(vectors[:1000], np.arange(1000), cache)
        before = cache.stat().st_mtime_ns
        rows = np.arange(1200)
        search = Neighbours(vectors, rows, cache)
        assert cache.stat().st_mtime_ns == before
        assert self.recall(search, vectors, rows) > 0.98
        assert search.search(vectors[[1100]], 1)[0].tolist() == [[1100]]

    def test_it_is_built_again_when_much_is_new(self, tmp_path):
        vectors, cache = drawn(2000), tmp_path / "i.faiss"
        Neighbours(vectors[:1000], np.arange(1000), cache)
        assert Neighbours(vectors, np.arange(2000), cache)._index.ntotal == 2000

    def test_rows_that_no_item_has_any_more_are_not_found(self, tmp_path):
        vectors = drawn(2000)
        rows = np.arange(0, 2000, 2)
        search = Neighbours(vectors, rows, tmp_path / "i.faiss")
        assert self.recall(search, vectors, rows) > 0.98
        assert not set(search.search(vectors[1:100:2], 5)[0].ravel().tolist()) & set(range(1, 2000, 2))

    def test_a_damaged_index_is_built_again(self, tmp_path):
        vectors, cache = drawn(1000), tmp_path / "i.faiss"
        cache.write_bytes(b"IwSq" + b"\x01" * 50)
        assert Neighbours(vectors, np.arange(1000), cache).search(vectors[:1], 1)[0].tolist() == [[0]]

    def test_without_the_library_all_are_compared(self, tmp_path, monkeypatch):
        monkeypatch.setattr(neighbours, "_faiss", lambda: None)
        vectors = drawn(1000)
        search = Neighbours(vectors, np.arange(1000), tmp_path / "i.faiss")
        assert search.search(vectors[[7]], 1)[0].tolist() == [[7]] and not (tmp_path / "i.faiss").exists()
