"""A task on another's objects: laws over any records of both, and an example for every sentence of the rules."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from trainset.core.fold import Vote
from trainset.core.objects import Holding, Objects, Said, fold_objects, of_part

NAMES = ("a", "b", "c")


def box(rid, objects, *on, verdict="corrected", object_=None):
    """A decision on the objects themselves."""
    return Holding(Vote(rid, "ana", verdict, on=frozenset(on), object=object_), tuple(objects))


def boxes(answer, *decisions):
    return Objects.decided(answer.split(), {d.vote.id: d for d in decisions})


def said(rid, answers, *on, of="P1", who="ana", verdict="corrected", rule=False):
    """A decision that answers objects: `answers` is `a=v b=c`, and stands in the id of what it says."""
    return Said(Vote(f"{rid}:{answers}", who, verdict, rule=rule, on=frozenset(on)), tuple(x[0] for x in answers.split()), tuple(of.split()))  # fmt: skip


def same(left, right):
    """The ids say what was answered: `R1:a=v b=c a` is record R1's answer to a."""
    return [_word(x) for x in left] == [_word(x) for x in right]


def _word(x):
    *words, name = x.split(":")[1].split()
    return next(w for w in words if w[0] == name)


def flat(said_):
    """The same with ids free of spaces, as records have them; `same` puts the words back."""
    return replace(said_, vote=replace(said_.vote, id=said_.vote.id.replace(" ", "_")))


def asked(objects, *decisions, **more):
    def alike(left, right):
        return same([x.replace("_", " ") for x in left], [x.replace("_", " ") for x in right])

    return fold_objects(map(flat, decisions), objects, "garments", alike, **more)


def where(found):
    return found.standing.state, found.standing.reasons


ONE = box("P1", "ab")


# -- any records ------------------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """Decisions on the objects of an item, one of which is its answer, and decisions that answer them."""
    boxes_, answers = [], []
    for n in range(draw(st.integers(1, 5))):
        names = [b.vote.id for b in boxes_]
        on = draw(st.lists(st.sampled_from(names), max_size=3)) if names else []
        one = draw(st.sampled_from((None, None, *NAMES)))
        gone = one is not None and draw(st.booleans())
        held = () if gone else (one,) if one else tuple(draw(st.sets(st.sampled_from(NAMES))))
        boxes_.append(box(f"P{n}", held, *on, verdict="removed" if gone else "corrected", object_=one))
    for n in range(draw(st.integers(0, 6))):
        names = [s.vote.id for s in answers]
        on = frozenset(draw(st.lists(st.sampled_from(names), max_size=3))) if names else frozenset()
        verdict = draw(
            st.sampled_from(("accepted", "corrected", "corrected", "flagged", "reopened", "withdrawn", "removed"))
        )
        held = tuple(draw(st.sets(st.sampled_from(NAMES)))) if verdict in ("accepted", "corrected") else ()
        of = draw(st.lists(st.sampled_from([b.vote.id for b in boxes_] + ["missing"]), max_size=2))
        who = draw(st.sampled_from(("ana", "ben", "rule.sure")))
        answers.append(Said(Vote(f"R{n}", who, verdict, rule=who == "rule.sure", on=on), held, tuple(of)))
    answer = draw(st.lists(st.sampled_from([b.vote.id for b in boxes_]), min_size=1, max_size=2, unique=True))
    known = {b.vote.id: b for b in boxes_}
    objects = Objects.decided(answer, known) if draw(st.integers(0, 4)) else None
    return objects, answers


def likes(left, right):
    """Any measure will do: what two records say of one object is the same where their numbers are even, or odd."""
    return all(int(x[1]) % 2 == int(y[1]) % 2 for x, y in zip(left, right, strict=True))


def folded(objects, answers):
    return fold_objects(answers, objects, "garments", likes, proposed=True)


@given(histories(), st.randoms())
def test_no_order_of_the_records_matters_and_a_record_twice_is_a_record_once(history, chance):
    objects, answers = history
    shuffled = answers * 2
    chance.shuffle(shuffled)
    assert folded(objects, shuffled) == folded(objects, answers)


@given(histories())
def test_every_answer_speaks_of_an_object_that_is_there_and_none_of_the_orphans_does(history):
    objects, answers = history
    found = folded(objects, answers)
    there = set(objects.held) if objects else set()
    said_ = {s.vote.id: s for s in answers}
    assert set(found.answers) == there
    for name, rid in found.answers.items():
        assert rid is None or (name in said_[rid].objects and objects.counts(name, said_[rid].of))
    assert not any(objects.counts(name, said_[rid].of) for rid, name in found.orphans)


@given(histories())
def test_an_item_is_answered_just_where_every_object_is(history):
    objects, answers = history
    found = folded(objects, answers)
    state = found.standing.state
    if state in ("reviewed", "auto-accepted"):
        assert None not in found.answers.values()
    if state == "partial":
        assert None in found.answers.values()
        assert set(found.answers.values()) != {None}
    assert (state == "excluded") == (objects is None or not objects.held)


@given(histories())
def test_a_decision_taken_now_on_all_objects_settles_the_item(history):
    objects, answers = history
    found = folded(objects, answers)
    if objects and objects.held:
        mine = Said(Vote("R9", "ana", "corrected", on=frozenset(found.standing.seen)), tuple(objects.held), objects.of)
        after = folded(objects, [*answers, mine])
        assert (after.standing.state, set(after.answers.values())) == ("reviewed", {"R9"})


# -- by example -------------------------------------------------------------------------------------------------


def test_an_item_is_not_asked_about_before_its_objects_are_decided_and_where_it_has_none():
    answer = said("R1", "a=v b=c")
    assert where(asked(None, answer)) == ("excluded", ("garments is not decided",))
    assert asked(None, answer).orphans == ()
    assert where(asked(boxes("P2", ONE, box("P2", "", "P1")))) == ("excluded", ("no garments",))


def test_what_is_left_is_counted():
    objects = boxes("P1", box("P1", "abc"))
    assert where(asked(objects)) == ("unlabelled", ())
    assert where(asked(objects, proposed=True)) == ("predicted", ())
    found = asked(objects, said("R1", "b=v"))
    assert where(found) == ("partial", ("garments without an answer: 2 of 3",))
    assert found.answers == {"a": None, "b": "R1:b=v", "c": None}
    assert where(asked(objects, said("R1", "b=v"), said("R2", "a=v c=v", "R1:b=v"))) == ("reviewed", ())


def test_a_decision_takes_the_place_of_what_it_saw_of_the_objects_that_it_names():
    first, second = said("R1", "a=v b=c"), said("R2", "a=c", "R1:a=v_b=c")
    found = asked(boxes("P1", ONE), first, second)
    assert found.answers == {"a": "R2:a=c", "b": "R1:a=v_b=c"}
    assert found.standing.answer == ("R1:a=v_b=c", "R2:a=c")
    assert found.standing.seen == found.standing.live == ("R1:a=v_b=c", "R2:a=c")


def test_two_who_answer_one_object_otherwise_are_in_dispute_and_alike_agree():
    ana, ben = said("R1", "a=v b=c"), said("R2", "b=c", who="ben")
    assert asked(boxes("P1", ONE), ana, ben).standing.decided_by == ("ana", "ben")
    assert asked(boxes("P1", ONE), ana, said("R2", "b=v", who="ben")).standing.state == "disputed"


def test_a_persons_answer_outranks_a_rules_object_by_object():
    rule = said("R1", "a=v b=c", who="rule.sure", verdict="accepted", rule=True)
    assert asked(boxes("P1", ONE), rule).standing.state == "auto-accepted"
    found = asked(boxes("P1", ONE), rule, said("R2", "b=v"))
    assert (found.standing.state, found.answers["b"], found.standing.decided_by) == (
        "reviewed",
        "R2:b=v",
        ("ana", "rule.sure"),
    )


def test_an_answer_to_an_object_that_is_removed_is_an_orphan_and_not_in_dispute():
    now = boxes("P2", ONE, box("P2", "a", "P1"))
    found = asked(now, said("R1", "a=v b=c"), said("R2", "b=v", who="ben"))
    assert where(found) == ("reviewed", ())
    assert found.standing.decided_by == ("ana",)
    assert found.orphans == (("R1:a=v_b=c", "b"), ("R2:b=v", "b"))


def test_an_answer_stands_through_corrections_that_keep_its_object():
    now = boxes("P3", ONE, box("P2", "abc", "P1"), box("P3", "abc", "P1", "P2"))
    assert where(asked(now, said("R1", "a=v b=c"))) == ("partial", ("garments without an answer: 1 of 3",))


def test_an_id_that_was_given_up_and_is_used_again_is_another_object():
    now = boxes("P3", ONE, box("P2", "a", "P1"), box("P3", "ab", "P1", "P2"))
    found = asked(now, said("R1", "a=v b=c"))
    assert (found.answers["b"], found.orphans) == (None, (("R1:a=v_b=c", "b"),))


def test_an_answer_given_in_sight_of_a_decision_that_nothing_here_knows_of_is_an_orphan():
    assert asked(boxes("P1", ONE), said("R1", "a=v b=c", of="elsewhere")).orphans != ()


def test_what_superseded_an_answer_supersedes_it_also_as_an_orphan():
    later = said("R2", "a=c", "R1:a=v_b=c", of="elsewhere")
    assert asked(boxes("P1", ONE), said("R1", "a=v b=c"), later).answers == {"a": None, "b": "R1:a=v_b=c"}


def test_objects_that_were_decided_one_by_one_are_removed_one_by_one():
    first, second = box("P1", "a", object_="a"), box("P2", "b", object_="b")
    gone = box("P3", "", "P1", "P2", verdict="removed", object_="b")
    answer = said("R1", "a=v b=c", of="P1 P2")
    assert where(asked(boxes("P1 P2", first, second), answer)) == ("reviewed", ())
    found = asked(boxes("P1", first, second, gone), answer)
    assert (found.answers, found.orphans) == ({"a": "R1:a=v_b=c"}, (("R1:a=v_b=c", "b"),))


def test_another_look_and_a_withdrawal_reach_every_object_of_a_decision():
    answer = said("R1", "a=v b=c")
    again = Said(Vote("R2", "ben", "reopened", on=frozenset({"R1:a=v_b=c"}), reason="new guidelines"))
    assert where(asked(boxes("P1", ONE), answer, again)) == ("unlabelled", ("reopened: new guidelines",))
    undo = Said(Vote("R3", "ana", "withdrawn", on=frozenset({"R1:a=v_b=c"})))
    assert asked(boxes("P1", ONE), answer, undo).answers == {"a": None, "b": None}


def test_an_id_may_hold_a_space():
    objects = boxes("P1", box("P1", ["left sleeve"]))
    found = fold_objects([Said(Vote("R1", "ana", "corrected"), ("left sleeve",), ("P1",))], objects, "garments", likes)
    assert found.answers == {"left sleeve": "R1"}
    assert of_part("R1 left sleeve") == ("R1", "left sleeve")
