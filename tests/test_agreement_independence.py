"""Whose answers count as independent, and who overruled whom."""

from trainset.core.fold import Vote
from trainset.core.independence import Overruling, independent, overrulings


def vote(id, who, *on, verdict="corrected", **more):
    """A vote whose id starts with what it says, such as `a1`."""
    return Vote(id, who, verdict, on=frozenset(on), **more)


def same(a, b):
    return [x[0] for x in a] == [x[0] for x in b]


def alone(*votes, blind=(), media=None):
    return independent(votes, frozenset(blind), same, media)


def changed(*votes, blind=()):
    return overrulings(votes, frozenset(blind), same)


def test_answers_that_nobody_saw_are_independent():
    assert alone(vote("a1", "ana"), vote("b1", "ben")) == {"ana": ("a1",), "ben": ("b1",)}


def test_an_answer_in_sight_of_anothers_is_none_of_ones_own():
    assert alone(vote("a1", "ana"), vote("b1", "ben", "a1")) == {"ana": ("a1",)}


def test_a_blind_answer_is_independent_whatever_it_names():
    found = alone(vote("a1", "ana"), vote("r1", "cy", "a1", verdict="reopened"), vote("b1", "ben", "r1", "a1"), blind={"b1"})  # fmt: skip
    assert found == {"ana": ("a1",), "ben": ("b1",)}
    assert changed(vote("a1", "ana"), vote("b1", "ben", "a1"), blind={"b1"}) == []


def test_the_last_that_did_not_see_another_counts():
    first, second, third = vote("a1", "ana"), vote("c2", "ana", "a1"), vote("b3", "ana", "a1", "c2", "b1")
    assert alone(first, second, third, vote("b1", "ben")) == {"ana": ("c2",), "ben": ("b1",)}


def test_two_answers_of_one_reviewer_that_contradict_each_other_count_for_none():
    assert alone(vote("a1", "ana"), vote("b1", "ana"), vote("b2", "ben")) == {"ben": ("b2",)}


def test_what_is_no_answer_says_nothing_of_agreement_and_hides_nothing_from_others():
    flagged = vote("f1", "ana", verdict="flagged", reason="blurred")
    assert alone(flagged, vote("b1", "ben", "f1"), vote("c1", "cy", verdict="excluded")) == {"ben": ("b1",)}


def test_rules_are_nobody_and_seeing_their_answer_makes_nobody_dependent():
    rule = vote("a0", "rule.low", verdict="accepted", rule=True)
    assert alone(rule, vote("a1", "ana", "a0"), vote("b1", "ben", "a0")) == {"ana": ("a1",), "ben": ("b1",)}
    assert changed(rule, vote("b1", "ben", "a0")) == []


def test_what_was_answered_on_other_bytes_does_not_count():
    assert alone(vote("a1", "ana", media="old"), vote("b1", "ben", media="new"), media="new") == {"ben": ("b1",)}


def test_answers_given_object_by_object_count_once_they_are_complete():
    grid = [vote(f"a{n}", "ana", verdict="accepted", object=f"o{n}", proposal="p") for n in (1, 2)]
    done = vote("x9", "ana", "a1", "a2", verdict="complete", objects=("o1", "o2"), proposal="p")
    assert alone(*grid, vote("b1", "ben")) == {"ben": ("b1",)}
    assert alone(*grid, done, vote("b1", "ben")) == {"ana": ("a1", "a2"), "ben": ("b1",)}


def test_an_adjudication_overrules_those_whose_answer_it_does_not_take():
    votes = vote("a1", "ana"), vote("b1", "ben"), vote("b2", "cy", "a1", "b1")
    assert changed(*votes) == [Overruling("cy", "ana", True), Overruling("cy", "ben", False)]
    assert alone(*votes) == {"ana": ("a1",), "ben": ("b1",)}


def test_only_what_stood_is_overruled():
    votes = (
        vote("a1", "ana"),
        vote("b1", "ana", "a1"),
        vote("c1", "ben", "a1", "b1"),
        vote("c2", "cy", "a1", "b1", "c1"),
    )
    assert changed(*votes) == [Overruling("ben", "ana", True), Overruling("cy", "ben", False)]


def test_nobody_overrules_themselves():
    assert changed(vote("a1", "ana"), vote("b1", "ana", "a1")) == []
