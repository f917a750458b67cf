"""Agreement of a dataset's reviewers, from clones that Git merged, as the command line tells it."""

import json
import shutil

import pytest

from trainset.core.agreeing import Agreeing
from trainset.core.context import TaskContext
from trainset.core.opinions import Opinions

from .command import correct, trainset
from .kit import TOML, add, answer, decide, git, open_, recorder, task


def gathered(dataset, where=""):
    """The agreement of a dataset of notes."""
    question = task(dataset)
    found = Agreeing(question, TaskContext(dataset, question).similarity, classes=True)
    for said in Opinions(dataset, question, where):
        found.add(said)
    return found


def apart(root, tmp_path, **answers):
    """A dataset in which each reviewer answered in a clone of their own: a letter an item, a dot for none."""
    count = max(map(len, answers.values()))
    with open_(root) as dataset:
        add(dataset, *(f"n/{n}" for n in range(count)))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    for who, labels in answers.items():
        clone = tmp_path / f"clone-{who}"
        git(tmp_path, "clone", "-q", root, clone)
        with open_(clone) as dataset:
            session = recorder(dataset, who)
            for n, label in enumerate(labels):
                if label != ".":
                    decide(dataset, f"n/{n}", *label.strip("-"), session=session)
            session.close()
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", who)
    for who in answers:
        git(root, "pull", "-q", "--no-rebase", "--no-edit", tmp_path / f"clone-{who}", "main")
    return root


def figures(lines):
    return {line.group or line.question: {name: f.value for name, f in line.figures.items()} for line in lines}


def test_answers_from_clones_are_compared_whatever_became_of_them(root, tmp_path):
    with open_(apart(root, tmp_path, ana="aabbc", ben="aabcc", cy="aa..c")) as dataset:
        decide(dataset, "n/3", "c", who="cy")  # adjudicates, and is no judgement of its own
        found = gathered(dataset)
        assert (found.items, found.reviewers) == (5, {"ana": 5, "ben": 5, "cy": 3})
        overall = figures(found.overall())["class"]
        assert overall["agreement"] == pytest.approx((3 * 3 + 2) / (3 * 3 + 2 * 2))
        assert overall["Fleiss' kappa"] is None
        pairs = figures(found.by("pair"))
        assert list(pairs) == ["ana and ben", "ana and cy", "ben and cy"]
        assert pairs["ana and ben"]["kappa"] == pytest.approx((0.8 - 0.32) / (1 - 0.32))
        assert found.confusion() == {("c", "b"): 1}
        assert found.overrulings() == [("cy", "ana", 1, 1), ("cy", "ben", 0, 1)]
        assert [line.items for line in found.by("reviewer")] == [5, 5, 3]
        labels = figures(found.by("label"))
        assert labels["a"]["agreement"] == 1 and labels["b"]["agreement"] == pytest.approx(2 / 3)


def test_a_filter_names_the_items_and_months_are_those_of_sessions(root, tmp_path):
    with open_(apart(root, tmp_path, ana="ab", ben="ac")) as dataset:
        assert gathered(dataset, "state = disputed").items == 1
        months = gathered(dataset).by("month")
        assert [line.items for line in months] == [2] and len(months[0].group) == len("2026-11")


def test_a_second_opinion_in_sight_of_the_first_or_taken_back_does_not_count(root):
    with open_(root) as dataset:
        add(dataset, "n/1")
        decide(dataset, "n/1", "a")
        session = recorder(dataset, "ben")
        record = decide(dataset, "n/1", "b", session=session)
        assert (gathered(dataset).items, gathered(dataset).overrulings()) == (0, [("ben", "ana", 1, 1)])
        session.withdraw(dataset.row("n/1", task(dataset)), record)
        assert (gathered(dataset).items, gathered(dataset).overrulings()) == (0, [])


def test_sets_numbers_and_ordered_choices_are_compared_by_what_they_can_differ_in(root, tmp_path):
    extra = 'many = true\nattributes = { size = { type = "number", of = "item" }, grade = { type = "choice", of = "item", choices = ["1", "2", "3"] } }\n'  # fmt: skip
    (root / "trainset.toml").write_text(TOML.replace("labels =", f"{extra}labels ="))
    with open_(root) as dataset:
        keys = [f"n/{n}" for n in range(6)]
        add(dataset, *keys)
        for who, labels, off in (
            ("ana", ("ab", "a", "b", "c", "c", ""), 0),
            ("ben", ("ab", "a", "a", "c", "bc", ""), 1),
        ):
            for n, (key, some) in enumerate(zip(keys, labels, strict=True)):
                more = {"attributes": {"size": 10.0 * n + off, "grade": str(1 + n % 3)}, "blind": True}
                row = dataset.row(key, task(dataset))
                session = recorder(dataset, who)
                session.decide(_unseen(row), "corrected", answer(*some), **more)
                session.close()
        found = gathered(dataset)
        scales = {q.name: q.scale for q in found.questions}
        assert scales == {"class": "sets", "size": "interval", "grade": "ordinal"}
        overall = figures(found.overall())
        assert overall["size"]["agreement"] == 0 and overall["size"]["alpha"] > 0.99 and overall["grade"]["alpha"] == 1
        assert overall["class"]["agreement"] == pytest.approx(4 / 6) and 0.5 < overall["class"]["alpha"] < 1
        assert found.confusion() == {("b", "a"): 1, ("b", ""): 1}
        assert figures(found.by("label"))["c"]["agreement"] == 1
        assert figures(found.by("pair"))["ana and ben"]["kappa"] > 0.5


def _unseen(row):
    from dataclasses import replace

    return replace(row, seen=())


# -- boxes, by the command line ------------------------------------------------------------------------------


def box(n, label, x, size=12):
    return {"type": "box", "id": f"a{n}", "label": label, "box": [x, 10, size, size]}


@pytest.fixture
def doubled(parts, tmp_path):
    """Two people's boxes on five pictures, in clones that Git merged."""
    trainset("reviewer", "add", "ben", cwd=parts)
    trainset("commit", "-m", "start", cwd=parts)
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", parts, other)
    shutil.copytree(parts / "media", other / "media", dirs_exist_ok=True)
    for root, who, given in (
        (parts, "ana", [[("screw", 8), ("nut", 40)], [("screw", 8)], [("screw", 8)], [], [("nut", 30)]]),
        (other, "ben", [[("screw", 10)], [("nut", 8)], [("screw", 8)], [], [("nut", 30)]]),
    ):
        for n, objects in enumerate(given):
            said = [box(i, label, x) for i, (label, x) in enumerate(objects, 1)]
            trainset("decide", f"media/p{n}.png", "--verdict", "corrected", "--annotations", json.dumps(said),
                     "--reviewer", who, cwd=root)  # fmt: skip
        trainset("commit", "-m", who, cwd=root)
    git(parts, "pull", "-q", "--no-rebase", "--no-edit", other, "HEAD")
    return parts


def test_boxes_are_matched_by_place_then_compared_by_label(doubled):
    told = trainset("agreement", "--json", cwd=doubled).json()["tasks"][0]
    assert (told["items"], told["reviewers"]) == (5, {"ana": 5, "ben": 5})
    objects, labels = ({name: f["value"] for name, f in line["figures"].items()} for line in told["figures"])
    assert objects["same answers"] == pytest.approx(3 / 5)
    assert objects["F1"] == pytest.approx(2 * 4 / 9) and objects["F1 with label"] == pytest.approx(2 * 3 / 9)
    assert objects["similarity"] == pytest.approx((3 + 10 / 14) / 4, abs=1e-3)
    assert labels["agreement"] == pytest.approx(3 / 4)
    by_label = {line["group"]: line["figures"]["F1"]["value"] for line in told["by label"]}
    assert by_label == {"screw": pytest.approx(4 / 5), "nut": pytest.approx(2 / 4)}
    assert {(c["one"], c["other"]): c["count"] for c in told["confusion"]} == {("screw", "nut"): 1, ("nut", ""): 1}
    assert told["overruled"] == []


def test_the_answer_that_settles_a_dispute_says_who_was_overruled(doubled):
    correct(doubled, "media/p1.png", box(1, "nut", 8))  # ana, who has seen ben's by now
    told = trainset("agreement", cwd=doubled).out
    assert (
        "parts: 5 items answered independently by two or more of ana, ben; objects are the same from 0.5 alike" in told
    )
    assert "screw ↔ nut" in told and "nut ↔ nothing" in told
    rows = [line.split() for line in told.splitlines()]
    assert ["ben", "ana", "0", "1"] in rows
    assert any(row[:3] == ["ana", "and", "ben"] for row in rows)


@pytest.mark.parametrize(("what", "groups"), [("label", ["screw", "nut"]), ("reviewer", ["ana", "ben"])])
def test_it_is_broken_down_as_one_asks(doubled, what, groups):
    told = trainset("agreement", "--by", what, cwd=doubled).out
    assert [
        line.split()[0] for line in told.splitlines() if line.startswith("  ") and line.split()[0] in groups
    ] == groups
    assert "ana and ben" not in told


def test_where_nobody_answered_twice_it_says_so_and_how(parts):
    correct(parts, "media/p0.png", box(1, "screw", 8))
    ran = trainset("agreement", cwd=parts)
    assert "no item has answers of several people" in ran.out and "hint: " in ran.err


def test_few_items_are_said_to_be_few(doubled):
    told = trainset("agreement", "--where", "key = media/p0.png", cwd=doubled).out
    assert "1 item answered" in told and "too few to tell" in told and "[" not in told


def test_answers_about_objects_are_compared_object_by_object(doubled, tmp_path):
    config = doubled / "trainset.toml"
    config.write_text(
        config.read_text()
        + '\n[tasks.state]\ntype = "classify"\non = "parts"\nlabels = { good = { index = 0 }, bent = { index = 1 } }\n'
    )
    two = [box(1, "screw", 8), box(2, "nut", 40)]
    trainset(
        "decide",
        "media/p0.png",
        "--task",
        "parts",
        "--verdict",
        "corrected",
        "--annotations",
        json.dumps(two),
        cwd=doubled,
    )
    trainset("commit", "-m", "asked", cwd=doubled)
    other = tmp_path / "third"
    git(tmp_path, "clone", "-q", doubled, other)
    shutil.copytree(doubled / "media", other / "media", dirs_exist_ok=True)
    for root, who, labels in ((doubled, "ana", ("good", "good")), (other, "ben", ("good", "bent"))):
        said = [{"type": "class", "id": f"a{n}", "label": label} for n, label in enumerate(labels, 1)]
        trainset("decide", "media/p0.png", "--task", "state", "--verdict", "corrected", "--annotations", json.dumps(said),
                 "--reviewer", who, cwd=root)  # fmt: skip
        trainset("commit", "-m", f"{who} again", cwd=root)
    git(doubled, "pull", "-q", "--no-rebase", "--no-edit", other, "HEAD")
    told = trainset("agreement", "--task", "state", "--json", cwd=doubled).json()["tasks"][0]
    assert told["items"] == 1 and told["figures"][0]["figures"]["agreement"]["value"] == pytest.approx(0.5)
    assert [(c["one"], c["other"]) for c in told["confusion"]] == [("good", "bent")]
