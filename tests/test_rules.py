"""Review rules and rankers, each on small cases."""

import numpy as np
import pytest

from trainset.core import rankers, rules
from trainset.core.matching import ClassOps, equivalent, match, tag_of
from trainset.core.model import Annotation, Class, Item, Label, Task
from trainset.core.protocols import Case
from trainset.core.scene import Rect
from trainset.core.settings import typed
from trainset.errors import ConfigError


class Bar(Annotation, kw_only=True, frozen=True, tag="bar"):
    """A stretch on a line of length 100: what the core's rules need no modality for."""

    bar: tuple[float, float]


class BarOps:
    def similarity(self, a, b, item):
        def iou(p, q):
            both = max(0, min(p[1], q[1]) - max(p[0], q[0]))
            return both / (p[1] - p[0] + q[1] - q[0] - both)

        return np.array([[iou(x.bar, y.bar) for y in b] for x in a]).reshape(len(a), len(b))

    def extent(self, annotation, item):
        return Rect(annotation.bar[0], 0, annotation.bar[1] - annotation.bar[0], 1)


OPS = {"bar": BarOps(), "class": ClassOps()}
TASK = Task(name="t", type="bar", labels=(Label(id="a", index=0), Label(id="b", index=1)))


class Context:
    def __init__(self, settings=None, runs=None, counts=None):
        self.task, self.settings, self._runs, self._counts = TASK, settings, runs or {}, counts or {}

    def counts(self):
        return self._counts

    def proposals(self, item):
        return self._runs

    def model(self, run):
        return f"model of {run}"

    def similarity(self, a, b, item):
        return OPS[tag_of(a[0])].similarity(a, b, item) if a and b else np.zeros((len(a), len(b)))

    def extent(self, annotation, item):
        return OPS[tag_of(annotation)].extent(annotation, item)

    def frame(self, item):
        return Rect(0, 0, 100, 1)


def bar(start, end, label="a", score=None, name=None):
    return Bar(id=name or f"{label}{start}", label=label, score=score, bar=(start, end))


def case(*annotations, key="k", run="r1"):
    return Case(Item(key=key), "predicted", annotations, run)


def found(rule, settings, *cases, **context):
    return [(f.item, f.action, f.object) for f in rule.findings(cases, Context(settings, **context))]


def test_min_score_finds_each_object_below_the_bound_of_its_label():
    settings = rules.MinScoreSettings(below=0.5, labels={"b": 0.2})
    objects = (bar(0, 9, score=0.4), bar(20, 30, score=0.5), bar(40, 50, "b", 0.3), bar(60, 70))
    assert found(rules.MinScore(), settings, case(*objects)) == [("k", "review", "a0")]


def test_accept_above_takes_items_all_of_whose_objects_reach_the_bound():
    settings = rules.AcceptAboveSettings(score=0.9, labels={"b": 0.5})
    sure, unsure = (
        case(bar(0, 9, score=0.95), bar(20, 30, "b", 0.6)),
        case(bar(0, 9, score=0.95), bar(20, 30, score=0.8), key="u"),
    )
    assert found(rules.AcceptAbove(), settings, sure, unsure) == [("k", "accept", None)]


def test_accept_above_never_takes_an_item_without_objects_or_without_scores():
    settings = rules.AcceptAboveSettings(score=0.0)
    assert found(rules.AcceptAbove(), settings, case(), case(bar(0, 9))) == []


def test_accept_above_on_objects_takes_single_ones():
    settings = rules.AcceptAboveSettings(score=0.9, on="objects")
    assert found(rules.AcceptAbove(), settings, case(bar(0, 9, score=0.95), bar(20, 30, score=0.8))) == [
        ("k", "accept", "a0")
    ]


def test_only_accept_empty_takes_what_has_no_objects():
    assert found(rules.AcceptEmpty(), rules.AcceptEmptySettings(), case(), case(bar(0, 9), key="x")) == [
        ("k", "accept", None)
    ]
    nothing_at_hand = Case(Item(key="k"), "unlabelled", None, None)
    assert found(rules.AcceptEmpty(), rules.AcceptEmptySettings(), nothing_at_hand) == []


def test_accept_empty_doubts_what_is_empty_only_because_classes_have_no_label():
    left_out = Case(Item(key="k"), "predicted", (), "r1", dropped=3)
    (finding,) = rules.AcceptEmpty().findings([left_out], Context(rules.AcceptEmptySettings()))
    assert finding.action == "review" and "3 object(s) of classes that are no labels" in finding.reason


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"share": 5}, rules.RandomAuditSettings),
        ({"share": -0.1}, rules.RareLabelSettings),
        ({"below": 2}, rules.MinScoreSettings),
        ({"labels": {"a": 2}}, rules.AcceptAboveSettings),
        ({"margin": -1}, rules.TouchesEdgeSettings),
        ({"least": -1}, rules.CountOutOfRangeSettings),
        ({"least": 3, "most": 2}, rules.CountOutOfRangeSettings),
        ({"labels": {"a": [3, 2]}}, rules.CountOutOfRangeSettings),
    ],
)
def test_settings_have_their_range(settings, kind):
    with pytest.raises(ConfigError, match=r"^file: \[rules\] x"):
        typed(settings, kind, "file: [rules] x")


def test_overlapping_duplicates_points_at_the_less_sure_of_two():
    settings = rules.OverlappingDuplicatesSettings(above=0.7)
    twins = case(bar(0, 10, score=0.9), bar(0, 9, "b", 0.4), bar(50, 60))
    assert found(rules.OverlappingDuplicates(), settings, twins) == [("k", "review", "b0")]
    same_label_only = rules.OverlappingDuplicatesSettings(above=0.7, any_label=False)
    assert found(rules.OverlappingDuplicates(), same_label_only, twins) == []


def test_classes_have_no_place_and_never_overlap():
    both = case(Class(id="x", label="a"), Class(id="y", label="b"))
    assert found(rules.OverlappingDuplicates(), rules.OverlappingDuplicatesSettings(above=0.1), both) == []


def test_small_objects_and_those_at_the_edge():
    objects = case(bar(0, 30), bar(40, 40.5), bar(80, 100))
    assert found(rules.SmallObject(), rules.SmallObjectSettings(below=0.01), objects) == [("k", "review", "a40")]
    assert found(rules.TouchesEdge(), rules.TouchesEdgeSettings(margin=0.5), objects) == [
        ("k", "review", "a0"),
        ("k", "review", "a80"),
    ]


def test_count_out_of_range_in_all_and_by_label():
    settings = rules.CountOutOfRangeSettings(least=1, most=2, labels={"b": (0, 0)})
    assert found(rules.CountOutOfRange(), settings, case(), case(bar(0, 9), bar(20, 30, "b"), key="x")) == [
        ("k", "review", None),
        ("x", "review", None),
    ]


def test_models_disagree_where_another_run_has_other_objects():
    shown = case(bar(0, 10, score=0.9), bar(50, 60, score=0.9))
    same = {"r1": shown.annotations, "r2": [bar(0, 10, score=0.8), bar(51, 60, score=0.8)]}
    other = {"r1": shown.annotations, "r2": [bar(0, 10, "b", 0.8)]}
    settings = rules.ModelsDisagreeSettings()
    assert found(rules.ModelsDisagree(), settings, shown, runs=same) == []
    assert found(rules.ModelsDisagree(), settings, shown, runs=other) == [("k", "review", None)]


def test_rare_labels_are_rare_within_the_task():
    settings = rules.RareLabelSettings(share=0.1)
    assert found(rules.RareLabel(), settings, case(bar(0, 9), bar(20, 30, "b")), counts={"a": 99, "b": 1}) == [
        ("k", "review", None)
    ]


def test_a_random_audit_is_the_same_for_a_seed_and_near_its_share():
    cases = [case(key=f"k{n}") for n in range(2000)]
    drawn = {f[0] for f in found(rules.RandomAudit(), rules.RandomAuditSettings(share=0.2, seed=1), *cases)}
    assert drawn == {
        f[0] for f in found(rules.RandomAudit(), rules.RandomAuditSettings(share=0.2, seed=1), *reversed(cases))
    }
    assert 320 < len(drawn) < 480
    assert drawn != {f[0] for f in found(rules.RandomAudit(), rules.RandomAuditSettings(share=0.2, seed=2), *cases)}


def order(ranker, *cases, runs=None):
    ranked = sorted(ranker.rank(cases, Context(runs=runs)), key=lambda r: (-r[1], r[0]))
    assert all(reason for _, _, reason in ranked)
    return [key for key, _, _ in ranked]


def test_uncertain_puts_scores_near_one_half_first_and_items_without_proposal_last():
    cases = (case(bar(0, 9, score=0.9), key="sure"), case(bar(0, 9, score=0.99), bar(20, 30, score=0.55), key="unsure"),
             case(key="empty"), Case(Item(key="none"), "unlabelled", None, None))  # fmt: skip
    assert order(rankers.Uncertain(), *cases) == ["unsure", "empty", "sure", "none"]


def test_disagreement_puts_what_runs_differ_on_first():
    shown = case(bar(0, 10, score=0.9))
    ((_, apart, _),) = rankers.Disagreement().rank(
        [shown], Context(runs={"r1": shown.annotations, "r2": [bar(50, 60)]})
    )
    ((_, together, _),) = rankers.Disagreement().rank(
        [shown], Context(runs={"r1": shown.annotations, "r2": [bar(0, 10)]})
    )
    assert (apart, together) == (1, 0)


def test_random_and_in_order_are_what_they_say():
    cases = [case(key=f"k{n}") for n in range(9)]
    assert order(rankers.InOrder(), *cases) == [c.item.key for c in cases]
    assert order(rankers.Random(), *cases) == order(rankers.Random(), *reversed(cases)) != [c.item.key for c in cases]


def test_matching_is_one_to_one_and_the_best_in_sum():
    a, b = [bar(0, 10), bar(2, 12)], [bar(1, 11), bar(3, 13)]
    pairs = match(a, b, Item(key="k"), OPS.__getitem__, 0.5)
    assert [(i, j) for i, j, _ in pairs] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([bar(0, 10), bar(50, 60, "b")], True),
        ([bar(50, 61, "b"), bar(1, 10)], True),
        ([bar(0, 10), bar(50, 60)], False),
        ([bar(0, 10)], False),
        ([bar(0, 10), bar(80, 90, "b")], False),
        ([bar(0, 10), Bar(id="z", label="b", bar=(50, 60), attributes={"bent": True})], False),
    ],
)
def test_answers_are_equivalent_with_the_same_objects_labels_and_attributes(other, same):
    assert equivalent([bar(0, 10), bar(50, 60, "b")], other, Item(key="k"), OPS.__getitem__, 0.5) is same
