"""Review rules over copies and outliers."""

from __future__ import annotations

import numpy as np
import pytest
from trainset_vision import plugin
from trainset_vision.diverse import Diverse

from trainset.core.model import Class, Item, Task
from trainset.plugins import Case
from trainset.plugins.registry import convert, load
from trainset.testing import MemoryContext, check_ranker, check_rule

SPECS = {spec.name: spec for spec in plugin.trainset_rules()}
TASK = Task(name="t", type="box")


def items(**splits):
    return [Item(key=f"media/{name}", split=split, size=4) for name, split in splits.items()]


def found(name, items, cases=None, *, vectors=None, folder=None, labels=None, **settings):
    spec = SPECS[name]
    assert spec.whole_task
    said = {f"media/{k}": [Class(label=x) for x in given.split()] for k, given in (labels or {}).items()}
    context = MemoryContext(TASK, items, settings=convert(spec.settings, settings, "the rule"), folder=folder, runs={"run": said},
                            vectors={f"media/{k}": v for k, v in (vectors or {}).items()})  # fmt: skip
    asked = [Case(item, "predicted", (), "run") for item in items if cases is None or item.key[6:] in cases]
    rule = load(spec.factory)()
    check_rule(rule, asked, context, whole_task=True)
    return {f.item[6:]: f.reason for f in rule.findings(asked, context)}


@pytest.fixture
def folder(tmp_path):
    for name, data in (("a", b"1234"), ("b", b"1234"), ("c", b"1235"), ("d", b"1234")):
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_files_of_the_same_bytes_are_named(folder):
    said = found("duplicate-image", items(a="train", b="train", c="train"), folder=folder)
    assert said == {"a": "the same bytes as media/b", "b": "the same bytes as media/a"}


def test_a_copy_in_another_split_is_named_first(folder):
    said = found("duplicate-image", items(a="train", b="train", d="test"), folder=folder)
    assert said["a"] == "the same bytes as media/d in split test, this one is in train, and 1 more"
    only = found("duplicate-image", items(a="train", b="train", d="test"), folder=folder, **{"across-splits": True})
    assert set(only) == {"a", "b", "d"}
    assert not found("duplicate-image", items(a="train", b="train"), folder=folder, **{"across-splits": True})


def test_files_that_are_not_there_are_passed_over(folder):
    (folder / "b").unlink()
    said = found("duplicate-image", items(a="train", b="train", d="train"), folder=folder)
    assert said == {"a": "the same bytes as media/d", "d": "the same bytes as media/a"}


def test_only_cases_are_found_but_all_items_are_compared():
    said = found("near-duplicate", items(a="train", b="test"), ["a"], vectors={"a": [1, 0], "b": [1, 0.01]})
    assert list(said) == ["a"] and said["a"] == "1.000 like media/b in split test, this one is in train"


def test_likeness_below_the_bound_is_none():
    vectors = {"a": [1, 0], "b": [1, 0.5], "c": [0, 1]}
    assert not found("near-duplicate", items(a="train", b="train", c="train"), vectors=vectors)
    assert set(found("near-duplicate", items(a="train", b="train", c="train"), vectors=vectors, above=0.89)) == {
        "a",
        "b",
    }


def test_a_group_that_reaches_into_another_split_is_said_of_all_its_items():
    vectors = {"a": [1, 0], "b": [1, 0.2], "c": [1, 0.4]}
    said = found("near-duplicate", items(a="train", b="train", c="test"), vectors=vectors, above=0.97)
    assert said["b"] == "0.983 like media/c in split test, this one is in train, and 1 more"
    assert said["a"] == "0.981 like media/b, and 1 more, of these media/c in split test, this one is in train"


def test_items_without_a_vector_are_passed_over():
    assert not found("near-duplicate", items(a="train", b="train"), vectors={"a": [1, 0]})
    assert not found("outlier", items(a="train", b="train"), vectors={"a": [1, 0]})


def test_an_outlier_is_far_from_its_neighbours():
    vectors = {f"i{n}": [1, 0.01 * n] for n in range(20)} | {"odd": [-1, 0.3]}
    everything = items(**dict.fromkeys(vectors, "train"))
    said = found("outlier", everything, vectors=vectors, share=0.05)
    assert list(said) == ["odd"] and said["odd"].startswith("unlike others: 1.")


def test_nothing_is_an_outlier_where_all_are_alike():
    vectors = {f"i{n}": [1, 0] for n in range(20)}
    assert not found("outlier", items(**dict.fromkeys(vectors, "train")), vectors=vectors, share=0.5)


CATS = {f"cat{n}": [1, 0.01 * n] for n in range(10)}
DOGS = {f"dog{n}": [0.01 * n, 1] for n in range(10)}


def of_labels(vectors, **other):
    everything = items(**dict.fromkeys(vectors, "train"))
    labels = {name: name.rstrip("0123456789") for name in vectors} | other
    return found("outlier", everything, vectors=vectors, labels=labels, share=0.05, neighbours=3, **{"by-label": True})


def test_an_outlier_by_label_is_odd_among_those_of_its_label_alone():
    said = of_labels(CATS | DOGS, cat3="dog")
    assert list(said) == ["cat3"] and said["cat3"].startswith("unlike others of dog: 0.")
    plain = items(**dict.fromkeys(CATS | DOGS, "train"))
    assert "cat3" not in found("outlier", plain, vectors=CATS | DOGS, share=0.05, neighbours=3)


def test_what_is_far_for_its_label_counts_more_than_what_is_far():
    scattered = {f"mix{n}": [np.cos(n), np.sin(n)] for n in range(10)}
    said = of_labels(CATS | scattered | {"cat10": [1, 0.5]})
    assert list(said) == ["cat10"]


def test_an_item_of_several_labels_is_judged_by_the_oddest():
    said = of_labels(CATS | DOGS, cat3="cat dog")
    assert list(said) == ["cat3"] and "of dog" in said["cat3"]


def test_items_without_a_label_or_of_a_rare_one_are_passed_over():
    assert not of_labels(CATS | {"odd": [-1, 0]}, odd="")
    assert not of_labels(CATS | {"odd": [-1, 0], "odd2": [0, -1]})


# -- the order of the queue --------------------------------------------------------------------------------------


def ranked(vectors, waiting):
    everything = items(**dict.fromkeys(vectors, "train"))
    context = MemoryContext(TASK, everything, vectors={f"media/{k}": v for k, v in vectors.items() if v})
    cases = [Case(item, "predicted", (), "run") for item in everything if item.key[6:] in waiting]
    check_ranker(Diverse(), cases, context)
    found = sorted(Diverse().rank(cases, context), key=lambda row: -row[1])
    return [(key[6:], reason) for key, _, reason in found]


def test_what_differs_from_all_before_comes_first():
    vectors = {"decided": [1, 0], "like it": [1, 0.1], "other": [0, 1], "like other": [0.1, 1], "opposite": [-1, -0.2]}
    found = ranked(vectors, [k for k in vectors if k != "decided"])
    assert [key for key, _ in found][:2] == ["opposite", "other"]


def test_without_anything_decided_the_usual_comes_first():
    vectors = {"a": [1, 0], "b": [1, 0.1], "c": [1, -0.1], "odd": [-0.2, 1]}
    found = [key for key, _ in ranked(vectors, list(vectors))]
    assert found[0] != "odd" and found[1] == "odd"


def test_items_without_a_vector_come_last():
    assert ranked({"a": [1, 0], "none": None, "b": [0, 1]}, ["a", "none", "b"])[-1] == ("none", "it has no vector")
