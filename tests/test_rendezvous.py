"""Rendezvous hashing: who an item falls to, whoever asks and whoever else joins or leaves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.rendezvous import hashed, highest, shared

UNITS = hashed(f"media/{n:05}.png" for n in range(20_000))
handles = st.lists(
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,6}[a-z0-9]", fullmatch=True), min_size=1, max_size=9, unique=True
)
seeds = st.integers(-(2**31), 2**31)


def owners(names, seed=0, units=UNITS):
    """Who comes first and second, by name."""
    called = np.array([*names, ""])
    return tuple(called[place] for place in highest(units, names, seed))


@given(handles, seeds)
def test_the_order_of_names_bears_on_nothing(names, seed):
    for a, b in zip(owners(names, seed), owners(sorted(names), seed), strict=True):
        assert (a == b).all()


@given(handles, seeds)
def test_who_joins_takes_a_fair_share_and_nobody_else_gets_anything(names, seed):
    *before, new = names
    if before:
        was, now = owners(before, seed)[0], owners(names, seed)[0]
        moved = was != now
        assert (now[moved] == new).all()
        assert moved.mean() == pytest.approx(1 / len(names), abs=0.02)


@given(handles, seeds)
def test_who_leaves_gives_up_only_what_was_theirs(names, seed):
    *left, gone = names
    was, second = owners(names, seed)
    if left:
        now = owners(left, seed)[0]
        assert (now[was != gone] == was[was != gone]).all()
        assert (now[was == gone] == second[was == gone]).all()


@given(handles, seeds)
def test_each_has_an_equal_part_and_the_second_is_somebody_else(names, seed):
    first, second = owners(names, seed)
    for name in names:
        assert (first == name).mean() == pytest.approx(1 / len(names), abs=0.02)
    assert (first != second).all()


@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_overlap_holds_the_smaller_one(seed, a, b):
    few, many = (shared(UNITS, share, seed) for share in sorted((a, b)))
    assert few.mean() == pytest.approx(min(a, b), abs=0.02)
    assert not (few & ~many).any()
    assert shared(UNITS, 1.0, seed).all() and not shared(UNITS, 0.0, seed).any()


def test_the_overlap_is_spread_over_all_who_share():
    first, _ = owners(["ana", "ben", "cy"])
    twice = shared(UNITS, 0.3)
    for name in ("ana", "ben", "cy"):
        assert (first[twice] == name).mean() == pytest.approx(1 / 3, abs=0.02)


def test_another_seed_shares_otherwise():
    a, b = (owners(["ana", "ben"], seed)[0] for seed in (0, 1))
    assert (a == b).mean() == pytest.approx(0.5, abs=0.02)


@given(st.integers(0, 200), st.integers(1, 60))
def test_an_item_falls_to_the_same_whatever_else_is_asked(start, count):
    some = UNITS[start : start + count]
    for a, b in zip(owners(["ana", "ben", "cy"], units=some), owners(["ana", "ben", "cy"]), strict=True):
        assert (a == b[start : start + count]).all()


def test_it_is_the_same_on_every_machine():
    """What is written here was drawn once; a change would give people each other's items."""
    units = hashed(["media/a.png", "patient 7", "größe"])
    assert [f"{unit:016x}" for unit in units.tolist()] == ["d17df0c56cc6de14", "83d982046d72df49", "e99a32c955e1f8f4"]
    assert highest(units, ["ana", "ben", "cy"], 3)[0].tolist() == [0, 1, 0]


def test_spelling_in_unicode_bears_on_nothing():
    assert hashed(["gro\u0308\u00dfe"]) == hashed(["gr\u00f6\u00dfe"])


def test_nobody_has_anything_where_nobody_is_named():
    first, second = highest(UNITS[:3], [])
    assert first.tolist() == second.tolist() == [-1, -1, -1]
    assert highest(UNITS[:3], ["ana"])[1].tolist() == [-1, -1, -1]
