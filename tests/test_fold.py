"""Records → state: laws over any set of records, and an example for every sentence of the rules."""

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trainset.core.fold import Vote, fold

WHOLE = ("accepted", "corrected", "rejected", "flagged", "excluded", "reopened")
PEOPLE, RULES = ("ana", "ben", "cy"), ("rule.sure", "rule.empty")


def same(a, b):
    """A likeness that is not transitive: votes agree whose numbers differ by one at most."""
    return len(a) == len(b) and all(
        abs(_number(x) - _number(y)) <= 1 for x, y in zip(sorted(a), sorted(b), strict=True)
    )


def _number(rid):
    return int(rid.split("=")[1]) if "=" in rid else 0


def state(*votes, **more):
    return fold(votes, same, **more).state


# -- any set of records ----------------------------------------------------------------------------------------


@st.composite
def vote_sets(draw, most=9):
    """Votes as clones could have made them: each names some earlier ones (and some that are missing), in no order."""
    votes: list[Vote] = []
    for n in range(draw(st.integers(0, most))):
        rule = draw(st.booleans())
        reviewer = draw(st.sampled_from(RULES if rule else PEOPLE))
        names = [v.id for v in votes] + [f"missing{k}" for k in range(2)]
        on = frozenset(draw(st.lists(st.sampled_from(names), max_size=4)))
        kind = draw(st.sampled_from(("whole", "whole", "object", "complete", "withdrawn")))
        verdict = {
            "whole": draw(st.sampled_from(WHOLE)),
            "object": draw(st.sampled_from(("accepted", "corrected", "removed", "rejected"))),
            "complete": "complete",
            "withdrawn": "withdrawn",
        }[kind]
        votes.append(
            Vote(
                id=f"{draw(st.integers(0, 99)):02}.{n}={draw(st.integers(0, 3))}",
                reviewer=reviewer,
                verdict=verdict,
                rule=rule,
                on=on,
                object=draw(st.sampled_from(("o1", "o2"))) if kind == "object" else None,
                objects=tuple(draw(st.sets(st.sampled_from(("o1", "o2"))))) if kind == "complete" else (),
                proposal=draw(st.sampled_from((None, "p1", "p2"))),
                media=draw(st.sampled_from((None, "m1", "m2"))),
                reason=draw(st.sampled_from((None, "why"))),
            )
        )
    return votes


surroundings = st.fixed_dictionaries({"media": st.sampled_from((None, "m1", "m2")), "proposed": st.booleans()})


@given(vote_sets(), surroundings, st.randoms())
def test_no_order_of_the_records_matters(votes, around, chance):
    shuffled = list(votes)
    chance.shuffle(shuffled)
    assert fold(shuffled, same, **around) == fold(votes, same, **around)


@given(vote_sets(), surroundings, st.randoms())
def test_a_record_twice_is_a_record_once(votes, around, chance):
    again = [*votes, *chance.choices(votes, k=len(votes))] if votes else []
    assert fold(again, same, **around) == fold(votes, same, **around)


@given(vote_sets(), surroundings, st.lists(st.integers(0, 2), min_size=9, max_size=9))
def test_any_parts_merge_to_the_same_in_any_order(votes, around, where):
    parts = [{v for v, n in zip(votes, where, strict=False) if n == part} for part in range(3)]
    whole = fold(votes, same, **around)
    for first, second, third in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        assert fold((parts[first] | parts[second]) | parts[third], same, **around) == whole
        assert fold(parts[first] | (parts[second] | parts[third]), same, **around) == whole


@given(vote_sets(), surroundings)
def test_a_decision_that_names_what_it_saw_is_the_answer(votes, around):
    seen = fold(votes, same, **around).seen
    mine = Vote("mine=9", "ana", "corrected", on=frozenset(seen), media=around["media"])
    found = fold([*votes, mine], same, **around)
    assert (found.state, found.answer, found.decided_by) == ("reviewed", ("mine=9",), ("ana",))


@given(vote_sets(), surroundings, st.data())
def test_no_withdrawal_and_no_gap_revives_what_a_live_decision_saw(votes, around, data):
    """Whatever of the past goes missing, or is withdrawn later: the decision that saw it all stands alone."""
    seen = fold(votes, same, **around).seen
    mine = Vote("mine=9", "ana", "corrected", on=frozenset(seen), media=around["media"])
    left = data.draw(st.sets(st.sampled_from(votes))) if votes else set()
    taken = data.draw(st.sets(st.sampled_from(votes))) if votes else set()
    undone = [Vote(f"w{v.id}", v.reviewer, "withdrawn", rule=v.rule, on=frozenset((v.id,))) for v in taken]
    found = fold([*left, *undone, mine], same, **around)
    assert (found.state, found.answer) == ("reviewed", ("mine=9",))


@given(vote_sets(), surroundings, st.data())
def test_a_decision_stands_where_its_past_arrives_later(votes, around, data):
    """A clone that lacks a part of the past decides; the rest, which its past had superseded, comes with a merge."""
    people = [replace(v, rule=False, reviewer=v.reviewer.replace("rule.", "")) for v in votes]
    here = data.draw(st.sets(st.sampled_from(people))) if people else set()
    assume(all(v.verdict != "withdrawn" for v in people))
    known = fold(here, same, **around)
    mine = Vote("mine=9", "ana", "corrected", on=frozenset(known.seen), media=around["media"])
    late = [v for v in people if v in here or any(v.id in h.on for h in here)]
    assert fold([*late, mine], same, **around).answer == ("mine=9",)


@given(vote_sets(), surroundings)
def test_rules_never_change_what_people_said(votes, around):
    votes = [v for v in votes if v.object is None and v.verdict != "complete"]  # of one object, both may speak
    people = [v for v in votes if not v.rule]
    alone = fold(people, same, **around)
    assume(alone.heads)
    found = fold(votes, same, **around)
    assert (found.state, found.answer, found.decided_by) == (alone.state, alone.answer, alone.decided_by)


# -- every sentence --------------------------------------------------------------------------------------------


def said(rid, who="ana", verdict="corrected", on=(), **more):
    return Vote(rid, who, verdict, rule=who.startswith("rule."), on=frozenset(on), **more)


def test_nothing_is_unlabelled_and_a_proposal_is_predicted():
    assert state() == "unlabelled"
    assert state(proposed=True) == "predicted"


def test_a_withdrawal_takes_ones_own_decision_out():
    assert state(said("1"), said("2", verdict="withdrawn", on=["1"]), proposed=True) == "predicted"


def test_a_withdrawal_of_anothers_decision_does_nothing():
    assert state(said("1"), said("2", "ben", "withdrawn", on=["1"])) == "reviewed"


def test_a_withdrawal_is_final():
    undo = said("2", verdict="withdrawn", on=["1"])
    assert state(said("1"), undo, said("3", verdict="withdrawn", on=["2"])) == "unlabelled"


def test_a_withdrawal_that_comes_first_takes_effect_when_its_decision_comes():
    undo = said("2", verdict="withdrawn", on=["1"])
    assert state(undo) == "unlabelled"
    assert state(undo, said("1")) == "unlabelled"


def test_a_withdrawal_brings_back_what_stood_before():
    first, second = said("1=0"), said("2=5", on=["1=0"])
    undo = said("3", verdict="withdrawn", on=["2=5"])
    assert fold([first, second, undo], same).answer == ("1=0",)


def test_a_later_decision_supersedes_what_it_names():
    assert fold([said("1=0"), said("2=5", "ben", on=["1=0"])], same).answer == ("2=5",)


def test_nothing_revives_what_stands_behind_a_live_successor():
    first, second = said("1=0"), said("2=5", "ben", on=["1=0"])
    third = said("3=9", "cy", on=["1=0", "2=5"])
    undo = said("4", "ben", "withdrawn", on=["2=5"])
    assert fold([first, second, undo, third], same).answer == ("3=9",)
    assert fold([first, third], same).answer == ("3=9",)  # the second is missing here


def test_what_was_withdrawn_when_a_decision_was_taken_stays_behind_it_though_the_withdrawal_is_missing():
    first, undo = said("1=0"), said("2", verdict="withdrawn", on=["1=0"])
    later = said("3=9", "ben", on=fold([first, undo], same).seen)
    assert fold([first, later], same).answer == ("3=9",)


def test_what_was_superseded_elsewhere_stays_behind_a_decision_that_never_saw_it():
    first, second = said("1=0"), said("2=5", "ben", on=["1=0"])
    third = said("3=9", "cy", on=fold([second], same).seen)  # in a clone that lacks the first
    undo = said("4", "ben", "withdrawn", on=["2=5"])
    assert fold([first, second, undo, third], same).answer == ("3=9",)


def test_a_rules_edge_to_a_persons_decision_is_ignored():
    found = fold([said("1=0"), said("2=5", "rule.sure", "accepted", on=["1=0"])], same)
    assert (found.state, found.answer) == ("reviewed", ("1=0",))


def test_a_persons_head_outranks_a_rules():
    found = fold([said("1=0", "rule.sure", "accepted"), said("2=9")], same)
    assert (found.state, found.answer, found.decided_by) == ("reviewed", ("2=9",), ("ana",))


def test_a_rule_alone_accepts():
    found = fold([said("1=0", "rule.sure", "accepted")], same)
    assert (found.state, found.decided_by) == ("auto-accepted", ("rule.sure",))


def test_rules_that_differ_leave_an_item_predicted():
    found = fold([said("1=0", "rule.sure", "accepted"), said("2=5", "rule.empty", "accepted")], same, proposed=True)
    assert (found.state, found.reasons, found.answer) == ("predicted", ("rules-disagree",), ())


def test_heads_that_are_equivalent_agree_and_the_smallest_id_represents_them():
    found = fold([said("2=1", "ben"), said("1=0")], same)
    assert (found.state, found.answer, found.decided_by) == ("reviewed", ("1=0",), ("ana", "ben"))


def test_every_pair_must_be_equivalent():
    votes = [said("1=0"), said("2=1", "ben"), said("3=2", "cy")]  # 0 ~ 1 and 1 ~ 2, but not 0 ~ 2
    assert fold(votes[:2], same).state == "reviewed"
    assert fold(votes, same).state == "disputed"


def test_agreement_counts_reviewers_once():
    assert fold([said("1=0"), said("2=0"), said("3=0", "ben")], same).decided_by == ("ana", "ben")


def test_a_flag_wins():
    found = fold([said("1=0"), said("2", "ben", "flagged", reason="blurred")], same)
    assert (found.state, found.decided_by, found.answer) == ("flagged", ("ben",), ())
    assert found.reasons == ("flagged: blurred",)


@pytest.mark.parametrize(
    ("one", "other"), [("corrected", "excluded"), ("rejected", "corrected"), ("reopened", "corrected")]
)
def test_any_other_mix_is_disputed(one, other):
    assert state(said("1=0", verdict=one), said("2=0", "ben", other)) == "disputed"


def test_different_answers_are_disputed():
    found = fold([said("1=0"), said("2=9", "ben")], same)
    assert (found.state, found.answer, found.decided_by) == ("disputed", (), ("ana", "ben"))


def test_a_decision_that_names_all_heads_settles_a_dispute():
    votes = [said("1=0"), said("2=9", "ben")]
    settled = said("3=5", "cy", on=fold(votes, same).seen)
    assert fold([*votes, settled], same).answer == ("3=5",)


def test_a_decision_on_other_media_is_stale_and_keeps_its_answer():
    found = fold([said("1=0", media="old")], same, media="new")
    assert (found.state, found.answer) == ("stale", ("1=0",))
    assert state(said("1=0", media="old"), media="old") == "reviewed"
    assert state(said("1=0", media="old")) == "reviewed"  # nobody knows the bytes


def test_a_decision_on_the_present_media_stands_beside_a_stale_one():
    assert fold([said("1=0", media="old"), said("2=9", "ben", media="new")], same, media="new").answer == ("2=9",)


def test_a_persons_stale_decision_is_not_replaced_by_a_rule():
    assert state(said("1=0", media="old"), said("2=5", "rule.sure", "accepted", media="new"), media="new") == "stale"


@pytest.mark.parametrize("verdict", ["rejected", "excluded"])
def test_such_a_decision_is_a_state_of_its_own(verdict):
    assert fold([said("1", verdict=verdict)], same).state == verdict


def test_reopening_takes_anyones_decision_back_to_the_queue_with_the_reason():
    found = fold([said("1=0"), said("2", "ben", "reopened", on=["1=0"], reason="new guidelines")], same, proposed=True)
    assert (found.state, found.reasons, found.decided_by) == ("predicted", ("reopened: new guidelines",), ())


# -- objects ---------------------------------------------------------------------------------------------------


def crop(rid, name, who="ana", verdict="accepted", on=(), proposal="p"):
    return said(rid, who, verdict, on, object=name, proposal=proposal)


def done(rid, names, who="ana", on=(), proposal="p"):
    return said(rid, who, "complete", on, objects=tuple(names), proposal=proposal)


def test_an_item_is_partial_until_all_objects_are_decided_and_somebody_said_complete():
    one, two = crop("1=0", "a"), crop("2=0", "b", verdict="corrected")
    whole = done("3", "ab")
    assert state(one) == "partial"
    assert state(one, two) == "partial"
    assert state(one, whole) == "partial"
    found = fold([one, two, whole], same)
    assert (found.state, found.answer) == ("reviewed", ("1=0", "2=0"))


def test_words_on_objects_that_name_each_other_stand_together():
    one = crop("1=0", "a")
    two = crop("2=0", "b", on=fold([one], same).seen)
    whole = done("3", "ab", on=fold([one, two], same).seen)
    found = fold([one, two, whole], same)
    assert (found.state, found.answer) == ("reviewed", ("1=0", "2=0"))


def test_a_removed_object_is_decided_and_in_no_answer():
    assert fold([crop("1=0", "a"), crop("2=0", "b", verdict="removed"), done("3", "ab")], same).answer == ("1=0",)


def test_a_rejected_object_is_not_decided_and_its_item_stays_open():
    found = fold([crop("1=0", "a"), crop("2=0", "b", verdict="rejected"), done("3", "ab")], same)
    assert (found.state, found.answer) == ("partial", ("1=0",))
    assert found.reasons == ("partial: objects left to decide", "rejected: no better answer given for b")


def test_a_word_on_a_rejected_object_settles_it():
    refused = crop("2=0", "b", verdict="rejected")
    assert (
        state(crop("1=0", "a"), refused, crop("4=0", "b", verdict="corrected", on=["2=0"]), done("3", "ab"))
        == "reviewed"
    )
    assert state(refused, crop("4=0", "b", "ben"), done("3", "b")) == "disputed"


def test_complete_with_no_objects_says_that_nothing_is_there():
    found = fold([done("1", "")], same)
    assert (found.state, found.answer) == ("reviewed", ())


def test_a_later_word_on_an_object_replaces_the_earlier_one():
    first = crop("1=0", "a")
    again = crop("2=9", "a", verdict="corrected", on=["1=0"])
    assert fold([first, again, done("3", "a")], same).answer == ("2=9",)


def test_two_words_on_one_object_are_disputed_unless_they_are_equivalent():
    whole = done("3", "a")
    assert state(crop("1=0", "a"), crop("2=9", "a", "ben"), whole) == "disputed"
    assert state(crop("1=0", "a"), crop("2=0", "a", "ben", "removed"), whole) == "disputed"
    assert fold([crop("1=0", "a"), crop("2=1", "a", "ben"), whole], same).answer == ("1=0",)


def test_words_on_one_object_must_agree_pairwise():
    words = [crop("1=0", "a"), crop("2=1", "a", "ben"), crop("3=2", "a", "cy")]
    assert state(*words, done("4", "a")) == "disputed"


def test_a_persons_word_on_an_object_outranks_a_rules():
    rule = crop("1=0", "a", "rule.sure")
    found = fold([rule, crop("2=9", "a", verdict="corrected", on=["1=0"]), done("3", "a")], same)
    assert (found.state, found.answer) == ("reviewed", ("2=9",))
    assert fold([rule, crop("2=9", "a", verdict="removed"), done("3", "a")], same).answer == ()


def test_objects_that_rules_and_people_decided_make_one_answer():
    votes = [crop("1=0", "a", "rule.sure"), crop("2=0", "b"), done("3", "ab")]
    found = fold(votes, same)
    assert (found.state, found.answer, found.decided_by) == ("reviewed", ("1=0", "2=0"), ("ana", "rule.sure"))


def test_objects_that_rules_alone_decided_are_accepted_by_rules():
    assert state(crop("1=0", "a", "rule.sure"), done("2", "a", "rule.sure")) == "auto-accepted"


def test_a_word_on_the_whole_item_replaces_those_on_objects_that_it_saw():
    one = crop("1=0", "a")
    found = fold([one, said("2=5", "ben", on=["1=0"])], same)
    assert (found.state, found.answer) == ("reviewed", ("2=5",))


def test_a_word_on_an_object_replaces_one_on_the_whole_item_that_it_saw():
    assert state(said("1", verdict="reopened"), crop("2=0", "a", on=["1"])) == "partial"


def test_words_on_the_objects_of_two_proposals_are_two_positions():
    old, new = crop("1=0", "a"), crop("2=9", "a", "ben", proposal="q")
    assert state(old, new) == "disputed"
    assert fold(
        [old, crop("2=9", "a", "ben", on=["1=0"], proposal="q"), done("3", "a", proposal="q")], same
    ).answer == ("2=9",)


def test_rules_on_a_later_proposal_leave_what_people_said_of_an_earlier_one():
    votes = [crop("1=0", "a"), done("2", "a"), crop("3=9", "a", "rule.sure", on=["1=0", "2"], proposal="q")]
    assert fold(votes, same).answer == ("1=0",)


def test_an_answer_is_stale_where_one_of_its_objects_was_decided_on_other_media():
    votes = [replace(crop("1=0", "a"), media="old"), replace(crop("2=0", "b"), media="new"), done("3", "ab")]
    assert state(*votes, media="new") == "stale"


def test_a_cycle_of_forged_records_is_no_answer():
    votes = [said("1=0", on=["2=0"]), said("2=0", "ben", on=["1=0"])]
    random.Random(0).shuffle(votes)
    assert state(*votes) == "unlabelled"
