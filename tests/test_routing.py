"""Routing: rules are asked again exactly where something they may depend on has changed."""

import msgspec
import pytest

from trainset.core.protocols import Finding
from trainset.core.routing import Router, ensure_ranked

from .kit import add, decide, open_, propose, states, task

KEYS = ("n/1", "n/2", "n/3")
RULES = '\n[tasks.kinds.rules]\nsure = { rule = "accept-above" }\n'


class Sure:
    """Accepts what scores 0.9, doubts the rest, and counts how often it is asked."""

    asked = 0

    def findings(self, cases, context):
        Sure.asked += 1
        for case in cases:
            sure = all(a.score >= 0.9 for a in case.annotations)
            yield Finding(case.item.key, "sure" if sure else "unsure", "accept" if sure else "review")


class Flat:
    def rank(self, cases, context):
        for case in cases:
            yield case.item.key, 0.5, "as good as any"


class Idle:
    """A ranker that asks for no case."""

    def rank(self, cases, context):
        return iter(())


@pytest.fixture
def notes(root):
    toml = root / "trainset.toml"
    toml.write_text(toml.read_text() + RULES)
    with open_(root) as opened:
        opened.kit.rule = lambda config, where: (Sure(), None, False)
        opened.kit.ranker = lambda name, where: Flat()
        add(opened, *KEYS)
        propose(opened, {"n/1": ("a", 0.95), "n/2": ("b", 0.5), "n/3": ("c", 0.9)})
        yield opened


def route(dataset):
    router = Router(dataset, task(dataset))
    plan = router.plan()
    if not plan.empty:
        router.apply()
    return plan


def asked(dataset):
    """What a plan comes to, and whether the rule was asked for it."""
    before = Sure.asked
    plan = route(dataset)
    return dict(plan.accept), dict(plan.withdraw), dict(plan.reasons), Sure.asked > before


def test_what_a_rule_accepts_is_accepted_once(notes):
    assert asked(notes) == ({"sure": 2}, {}, {"sure": 1}, True)
    assert states(notes) == {"n/1": "auto-accepted", "n/2": "predicted", "n/3": "auto-accepted"}
    assert asked(notes) == ({}, {}, {"sure": 1}, True)


def test_where_nothing_changed_no_rule_is_asked_and_the_reasons_are_the_same(notes):
    route(notes)
    route(notes)
    assert asked(notes) == ({}, {}, {"sure": 1}, False)


@pytest.mark.parametrize("change", ["decision", "item", "run", "plugin"])
def test_whatever_changes_asks_the_rules_again(notes, change):
    route(notes)
    route(notes)
    if change == "decision":
        decide(notes, "n/2", "a")
    elif change == "item":
        add(notes, "n/4")
    elif change == "run":
        propose(notes, {"n/2": ("a", 0.99)}, model="better")
    else:
        notes.kit.distributions = lambda: {"trainset": "newer"}
    assert asked(notes)[-1]


def test_what_one_plan_found_is_not_taken_for_another_ones(notes):
    route(notes)
    route(notes)
    rules = notes.config.tasks["kinds"]
    other = msgspec.structs.replace(rules, rank="random")
    Router(notes, other).plan()
    assert asked(notes)[-1]


def test_a_later_run_takes_back_what_its_predecessor_had_accepted(notes):
    route(notes)
    propose(notes, {"n/1": ("a", 0.3)}, model="worse")
    assert asked(notes)[:2] == ({}, {"sure": 1})
    assert states(notes)["n/1"] == "predicted"


def test_what_a_person_decided_is_not_taken_back(notes):
    route(notes)
    decide(notes, "n/1", "b")
    propose(notes, {"n/1": ("a", 0.3)}, model="worse")
    assert asked(notes)[:2] == ({}, {})
    assert states(notes)["n/1"] == "reviewed"


def test_rules_see_every_item_also_where_the_order_asks_for_none(notes):
    notes.kit.ranker = lambda name, where: Idle()
    assert asked(notes)[0] == {"sure": 2}


def test_a_prediction_that_lies_in_two_files_is_judged_once(notes):
    (path,) = (notes.root / "predictions").rglob("*.jsonl")
    path.with_name("COPY.jsonl").write_bytes(path.read_bytes())
    notes.index.refresh()
    assert asked(notes)[:3] == ({"sure": 2}, {}, {"sure": 1})


def test_looking_at_the_queue_records_nothing(notes):
    ensure_ranked(notes, task(notes))
    assert set(states(notes).values()) == {"predicted"}
