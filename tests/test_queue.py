"""The queue: its order, and that what is decided or arrives meanwhile moves nothing in it."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainset.core.backlog import Backlog
from trainset.core.queue import Entry, Guests
from trainset.core.walk import Walk

from .kit import Listed, add, decide, propose, states, task

KEYS = [f"n/{n:03}" for n in range(300)]


class Nearest:
    """Ranks by nearness of the score to one half, as the kit of these tests knows no other order."""

    def rank(self, cases, context):
        for case in cases:
            score = case.annotations[0].score if case.annotations else 0
            yield case.item.key, 1 - 2 * abs(score - 0.5), f"score {score:.2f}"


@pytest.fixture
def notes(dataset):
    """300 items; the model is surest of the first, and least sure of the last of the first 200."""
    dataset.kit.ranker = lambda name, where: Nearest()
    add(dataset, *KEYS)
    propose(dataset, {key: ("a", 1 - n / 400) for n, key in enumerate(KEYS[:200])})
    return dataset


def backlog(dataset, where=""):
    return Backlog(dataset, task(dataset), where)


def keys(queue):
    return [entry.key for entry in queue[:]]


def test_the_most_urgent_comes_first_and_equals_by_key(notes):
    queue = backlog(notes)
    assert keys(queue) == [*reversed(KEYS[1:200]), KEYS[0], *KEYS[200:]]
    assert queue[0] == Entry(KEYS[199], pytest.approx(0.995), "score 0.50")


def test_an_entry_is_had_by_its_place_wherever_it_stands(notes):
    queue = backlog(notes)
    assert [queue[n].key for n in (-1, 150, 0, 299, 128, 127)] == [keys(queue)[n] for n in (-1, 150, 0, 299, 128, 127)]
    assert [e.key for e in queue[250:400]] == KEYS[250:]
    with pytest.raises(IndexError):
        queue[300]


def test_what_is_decided_keeps_its_place_and_is_not_in_a_new_queue(notes):
    queue = backlog(notes)
    before = keys(queue)
    for key in before[:3]:
        decide(notes, key, "b")
    assert keys(queue) == before and len(queue) == 300
    assert keys(backlog(notes)) == before[3:]


def test_what_arrives_comes_last_and_once(notes):
    decide(notes, KEYS[5], "a")
    queue = backlog(notes)
    before = keys(queue)
    assert not queue.grow()
    add(notes, "n/zz", "n/aa")
    decide(notes, KEYS[5], verdict="reopened", reason="look again")
    assert queue.grow()
    assert keys(queue) == [*before, KEYS[5], "n/aa", "n/zz"]
    assert not queue.grow()


def test_a_filter_makes_a_queue_of_any_state(notes):
    for key in (KEYS[7], KEYS[100]):
        decide(notes, key, "b")
    assert keys(backlog(notes, "state = reviewed")) == [KEYS[7], KEYS[100]]
    assert keys(backlog(notes, "state = predicted and score < 0.52")) == KEYS[199:192:-1]


def test_items_that_are_removed_are_in_no_queue(notes):
    writer = notes.writer(notes.header("items"))
    writer.record(b'{"change":"removed","item":{"key":"n/007"},"on":["%b"]}' % notes.index.db.execute(
        "SELECT rid FROM item_record r JOIN item i ON i.id=r.item WHERE i.key='n/007'").fetchone()[0].encode())  # fmt: skip
    writer.close()
    assert len(backlog(notes)) == 299 and "n/007" not in keys(backlog(notes))


def test_search_finds_the_first_from_a_place_on_whatever_the_case(dataset):
    dataset.kit.ranker = lambda name, where: Nearest()
    add(dataset, "n/Äpfel", "n/Birne", "n/äpfel2", "n/birne2")
    queue = backlog(dataset)
    assert keys(queue) == ["n/Birne", "n/birne2", "n/Äpfel", "n/äpfel2"]
    assert [queue.find(*what) for what in (("BIRNE", 0), ("birne", 1), ("birne", 2), ("ÄPF", 0), ("äpf", 3))] == [
        0,
        1,
        None,
        2,
        3,
    ]
    assert (queue.place("n/Äpfel"), queue.place("n/none")) == (2, None)


def test_a_queue_outlives_its_index(notes, root):
    queue = backlog(notes)
    before = keys(queue)
    walk = Walk(queue)
    decide(notes, before[0], "a")
    shutil.rmtree(root / ".trainset")
    decide(notes, before[1], "a")
    seen = {before[0], before[1]}
    while walk.entry is not None:
        walk.next_open(seen)
        seen |= {walk.entry.key} if walk.entry else set()
    assert seen == set(KEYS)
    assert set(states(notes)) == set(KEYS)


# -- guests and the walk, without an index -------------------------------------------------------------------

NAMES = st.lists(st.text("abAB", min_size=1, max_size=3), unique=True, max_size=8)


def entries(names):
    return [Entry(name, 0.0, "") for name in names]


@given(NAMES, st.lists(st.integers(0, 20), max_size=6), st.text("ab", min_size=1, max_size=2), st.integers(0, 12))
def test_guests_stand_where_they_were_put(names, places, text, start):
    queue, plain = Guests(Listed(lambda: entries(names))), entries(names)
    for number, place in enumerate(places):
        at = min(place, len(plain))
        plain.insert(at, Entry(f"a{number}", 1.0, "guest"))
        queue.insert(at, plain[at])
    assert list(queue[:]) == plain and len(queue) == len(plain)
    assert all(plain[queue.place(e.key)].key == e.key for e in plain)
    found = next((n for n in range(start, len(plain)) if text in plain[n].key.casefold()), None)
    assert queue.find(text, start) == found


@given(st.lists(st.sampled_from(("decide", "skip", "arrive", "back", "next")), max_size=40))
def test_a_walk_comes_to_every_item_and_to_none_that_is_done(steps):
    waiting, done = ["a", "b", "c"], set()
    walk = Walk(Listed(lambda: entries(k for k in waiting if k not in done)))
    for n, step in enumerate(steps):
        if step == "arrive":
            waiting.append(f"x{n}")
        elif step in ("back", "next"):
            walk.step(1 if step == "next" else -1)
        elif walk.entry is not None:
            done |= {walk.entry.key} if step == "decide" else set()
            walk.next_open(done)
            assert walk.entry is None or walk.entry.key not in done
    for _ in waiting:
        done |= {walk.entry.key} if walk.entry else set()
        walk.next_open(done)
    assert (walk.entry, done) == (None, set(waiting))
