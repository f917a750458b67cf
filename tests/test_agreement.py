"""Kappa and alpha: the worked examples of the papers that they come from, and the laws that they keep."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainset.core.agreement import FEWEST, NO_PAIR, ONE_VALUE, Coincidences, Contingency, each, masi, ratio


def crossed(*rows):
    """Two raters' values by how often each pair came."""
    return each((i, j) for i, row in enumerate(rows) for j, n in enumerate(row) for _ in range(n))


def counted(text):
    """Units by how many raters gave each category."""
    rows = [map(int, line.split()) for line in text.strip().splitlines()]
    return each(tuple(c for c, n in enumerate(row) for _ in range(n)) for row in rows)


def observed(text):
    """A line for each observer, a column for each unit, a dot where there is no value."""
    return each(
        tuple(float(x) for x in unit if x != ".")
        for unit in zip(*map(str.split, text.strip().splitlines()), strict=True)
    )


COHEN = crossed((88, 14, 18), (10, 40, 10), (2, 6, 12))
FLEISS = counted("""
0 0 0 6 0
0 3 0 0 3
0 1 4 0 1
0 0 0 0 6
0 3 0 3 0
2 0 4 0 0
0 0 4 0 2
2 0 3 1 0
2 0 0 4 0
0 0 0 0 6
1 0 0 5 0
1 1 0 4 0
0 3 3 0 0
1 0 0 5 0
0 2 0 3 1
0 0 5 0 1
3 0 0 1 2
5 1 0 0 0
0 2 0 4 0
1 0 2 0 3
0 0 0 0 6
0 1 0 5 0
0 2 0 1 3
2 0 0 4 0
1 0 0 4 1
0 5 0 1 0
4 0 0 0 2
0 2 0 4 0
1 0 5 0 0
0 0 0 0 6
""")
KRIPPENDORFF = observed("""
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
""")


def test_cohens_kappa_is_that_of_his_example():
    """Cohen 1960: 200 cases in three categories, agreement 0.70, by chance 0.41."""
    assert Contingency(COHEN).kappa().value == pytest.approx(0.492, abs=5e-4)
    assert Coincidences(COHEN).agreement().value == pytest.approx(0.70)


def test_weighted_kappa_is_that_of_cohens_example():
    """Cohen 1968, the same cases with weights of disagreement of his own."""
    weights = ((0, 1, 3), (1, 0, 6), (3, 6, 0))
    assert Contingency(COHEN).kappa(lambda a, b: weights[a][b]).value == pytest.approx(0.348, abs=5e-4)


def test_fleiss_kappa_is_that_of_his_example():
    """Fleiss 1971, Table 1: 30 patients, each diagnosed by six psychiatrists in one of five ways."""
    assert Coincidences(FLEISS).fleiss().value == pytest.approx(0.430, abs=5e-4)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_example_with_missing_values(scale, alpha):
    """Krippendorff 2011, example C: four observers, twelve units."""
    assert Coincidences(KRIPPENDORFF).alpha(scale).value == pytest.approx(alpha, abs=5e-4)


def test_alpha_is_that_of_krippendorffs_examples_of_two_observers():
    """Krippendorff 2011, example A (binary) and example B (nominal)."""
    assert Coincidences(each(zip("0100000010", "1110010000", strict=True))).alpha().value == pytest.approx(
        0.095, abs=5e-4
    )
    assert Coincidences(each(zip("aabbdcccedda", "babbbccceddd", strict=True))).alpha().value == pytest.approx(
        0.692, abs=5e-4
    )


def test_two_raters_are_those_of_artstein_and_poesio():
    """Artstein and Poesio 2008: 100 utterances as statements, requests and checks; pi, kappa, and alpha by its formula."""
    table = crossed((46, 6, 0), (0, 32, 0), (0, 6, 10))
    assert Coincidences(table).agreement().value == pytest.approx(0.88)
    assert Coincidences(table).fleiss().value == pytest.approx(0.7995, abs=5e-5)
    assert Contingency(table).kappa().value == pytest.approx(0.8013, abs=5e-5)
    assert Coincidences(table).alpha().value == pytest.approx(0.8005, abs=5e-5)


def test_sets_are_as_far_apart_as_masi_has_it():
    """Passonneau 2006: Jaccard by 1 for equal sets, 2/3 for a set and its part, 1/3 for overlap, 0 for none."""
    a, ab, bc = frozenset("a"), frozenset("ab"), frozenset("bc")
    distances = [masi(ab, ab), masi(a, ab), masi(ab, bc), masi(a, bc), masi(frozenset(), a), masi(frozenset(), frozenset())]  # fmt: skip
    assert distances == pytest.approx([0, 1 - 1 / 2 * 2 / 3, 1 - 1 / 3 * 1 / 3, 1, 1, 0])


def test_a_label_is_agreed_upon_by_its_own_share():
    """Cicchetti and Feinstein 1990: twice where both say so, over how often either does."""
    found = Coincidences(crossed((40, 9), (6, 45))).of_values()
    assert found[0][0] == 95 and found[0][1].value == pytest.approx(80 / 95)
    assert found[1][1].value == pytest.approx(90 / 105)
    assert found[0][2].value == pytest.approx(Coincidences(crossed((40, 9), (6, 45))).alpha().value)


def test_the_interval_holds_the_figure_and_narrows_with_the_items():
    few, many = (Contingency(Counter({k: n * times for k, n in COHEN.items()})).kappa() for times in (1, 16))
    assert few.low < few.value < few.high
    assert many.high - many.low == pytest.approx((few.high - few.low) / 4, rel=0.2)


def test_the_interval_is_that_of_large_samples():
    """Fleiss, Cohen and Everitt 1969: their formula gives Cohen's example a standard error of 0.0510."""
    found = Contingency(COHEN).kappa()
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(0.0510, rel=0.1)


def test_the_things_of_one_item_are_drawn_together():
    alone = each([("a", "a"), ("a", "b"), ("b", "b"), ("b", "a"), ("a", "a"), ("b", "b")] * 10)
    together = Counter({tuple(unit for pattern in alone.elements() for unit in pattern)[::10]: 10})
    assert Coincidences(together).agreement().value == pytest.approx(Coincidences(alone).agreement().value)
    found = Coincidences(together).agreement()
    assert found.low == pytest.approx(found.high)


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval"])
def test_one_value_alone_gives_no_alpha_and_a_word_why(scale):
    found = Coincidences(each([(0.1, 0.1, 0.1)] * 30)).alpha(scale)
    assert (found.value, found.low, found.why) == (None, None, ONE_VALUE)


def test_one_rater_alone_gives_nothing_and_a_word_why():
    lonely = Coincidences(each([("a",), ("b",)]))
    assert {f.why for f in (lonely.alpha(), lonely.fleiss(), lonely.agreement(), Contingency({}).kappa())} == {NO_PAIR}
    assert lonely.of_values() == {}


def test_fleiss_kappa_wants_equally_many_answers():
    found = Coincidences(each([("a", "b"), ("a", "b", "b")])).fleiss()
    assert found.value is None and "equally many" in found.why


def test_few_items_have_a_figure_and_no_interval():
    found = Coincidences(each([("a", "a"), ("b", "b"), ("a", "b")][: FEWEST - 1])).alpha()
    assert found.value is not None and found.low is None


def test_a_ratio_is_of_sums_and_leaves_out_what_could_have_nothing():
    found = ratio(Counter({(1.0, 2.0): 6, (2.0, 2.0): 6, (0.0, 0.0): 9}), "nothing there")
    assert found.value == pytest.approx(0.75) and 0.5 <= found.low < 0.75 < found.high <= 1
    assert ratio({(0.0, 0.0): 4}, "nothing there").why == "nothing there"


# -- laws ----------------------------------------------------------------------------------------------------

UNITS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple), min_size=1, max_size=12)
PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


def figures(units):
    found = Coincidences(each(units))
    return [f.value for f in (found.agreement(), found.alpha(), found.alpha("ordinal"), found.alpha("interval"))]


@settings(max_examples=40, deadline=None)
@given(UNITS, st.randoms())
def test_neither_the_order_of_units_nor_of_raters_matters(units, random):
    other = [tuple(random.sample(unit, len(unit))) for unit in random.sample(units, len(units))]
    assert figures(other) == pytest.approx(figures(units), nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(UNITS, st.permutations(range(4)))
def test_nominal_figures_do_not_depend_on_names(units, names):
    before, after = Coincidences(each(units)), Coincidences(each(tuple("abcd"[names[v]] for v in u) for u in units))
    assert after.alpha().value == pytest.approx(before.alpha().value)
    assert after.fleiss().value == pytest.approx(before.fleiss().value)


@settings(max_examples=40, deadline=None)
@given(UNITS, st.floats(0.5, 8), st.floats(-9, 9))
def test_interval_alpha_is_of_differences_and_ordinal_alpha_of_order(units, scale, shift):
    before = Coincidences(each(units))
    moved = Coincidences(each(tuple(v * scale + shift for v in unit) for unit in units))
    bent = Coincidences(each(tuple(v**3 for v in unit) for unit in units))
    assert moved.alpha("interval").value == pytest.approx(before.alpha("interval").value)
    assert bent.alpha("ordinal").value == pytest.approx(before.alpha("ordinal").value)


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_kappa_is_symmetric(pairs):
    one, other = Contingency(each(pairs)), Contingency(each((b, a) for a, b in pairs))
    assert other.kappa().value == pytest.approx(one.kappa().value)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(2, 4))
def test_perfect_agreement_is_one_where_there_is_more_than_one_value(values, raters):
    units = each((v,) * raters for v in values)
    sets = each((frozenset({str(v)}),) * raters for v in values)
    found = [Coincidences(units).alpha(s).value for s in ("nominal", "ordinal", "interval")]
    found += [Coincidences(units).fleiss().value, Coincidences(sets).alpha("sets").value]
    found += [Contingency(each((v, v) for v in values)).kappa().value]
    assert found == [pytest.approx(1.0) if len(set(values)) > 1 else None] * 6


@settings(max_examples=40, deadline=None)
@given(UNITS)
def test_alpha_is_one_less_the_disagreement_that_was_seen_over_that_of_answers_dealt_at_random(units):
    """By the definition, over all pairs of answers within units and over all pairs there are."""
    sets = [tuple(frozenset("abc"[: v + 1]) if v else frozenset("c") for v in unit) for unit in units]
    for some, distance, scale in (
        (units, lambda a, b: a != b, "nominal"),
        (units, lambda a, b: (a - b) ** 2, "interval"),
        (sets, masi, "sets"),
    ):
        pairable = [unit for unit in some if len(unit) > 1]
        answers = [value for unit in pairable for value in unit]
        n = len(answers)
        seen = sum(Fraction(distance(a, b)) / (len(u) - 1) for u in pairable for a in u for b in u)
        dealt = sum(Fraction(distance(a, b)) for a in answers for b in answers)
        found = Coincidences(each(some)).alpha(scale).value
        assert found == (pytest.approx(float(1 - (n - 1) * seen / dealt)) if dealt else None)
