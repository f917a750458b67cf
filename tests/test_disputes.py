"""Answers that stand against each other in a dataset: which they are, and what one decision on all of them does."""

import json
import shutil
from dataclasses import replace

import pytest

from trainset.core.adjudicating import AdjudicationSession
from trainset.core.adjudication_desk import AdjudicationDesk
from trainset.core.context import TaskContext
from trainset.core.desk import ReviewDesk
from trainset.core.disputes import rivals_of
from trainset.plugins.registry import load
from trainset.workspace import Workspace

from .command import correct, states, trainset
from .kit import add, answer, decide, git, open_, propose, recorder, task
from .test_blind import Level
from .test_session import Clock
from .test_session import View as ClassView


def rivals(dataset, key="n/1"):
    return rivals_of(dataset, task(dataset), dataset.row(key, task(dataset)))


def told(dataset, key="n/1"):
    return [(r.who, r.verdict, None if r.annotations is None else [a.label for a in r.annotations]) for r in rivals(dataset, key)]  # fmt: skip


def apart(root, tmp_path, *answers, key="n/1"):
    """A dataset in which reviewers gave these answers (who, label) in clones of their own, merged by Git."""
    with open_(root) as dataset:
        add(dataset, key)
        propose(dataset, {key: ("a", 0.5)})
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    for who, label in answers:
        clone = tmp_path / f"clone-{who}"
        git(tmp_path, "clone", "-q", root, clone)
        with open_(clone) as dataset:
            decide(dataset, key, label, who=who)
        git(clone, "add", "-A")
        git(clone, "commit", "-qm", who)
    for who, _ in answers:
        git(root, "pull", "-q", "--no-rebase", "--no-edit", tmp_path / f"clone-{who}", "main")
    return root


class SelectableView(ClassView):
    def do(self, command, at=None, argument=None):
        return None if command in ("select", "reveal") else super().do(command, at, argument)


def adjudicate(dataset, who="cy", view=SelectableView, **more):
    dataset.kit.ranker = lambda name, where: Level()
    desk = AdjudicationDesk(dataset, task(dataset), who, **more)
    session = AdjudicationSession(desk, view, TaskContext(dataset, task(dataset)), min_look=0.0, clock=Clock())
    session.shown()
    return session


def test_answers_from_two_clones_stand_against_each_other_until_one_decision_names_both(root, tmp_path):
    with open_(apart(root, tmp_path, ("ana", "a"), ("ben", "b"))) as dataset:
        assert dataset.states("kinds") == {"n/1": "disputed"}
        assert told(dataset) == [("ana", "corrected", ["a"]), ("ben", "corrected", ["b"])]
        heads = dataset.row("n/1", task(dataset)).live
        session = adjudicate(dataset)
        assert len(session.desk.queue()) == 1
        session.take(1)
        assert session.notice.kind == "saved", session.notice
        row = dataset.row("n/1", task(dataset))
        assert row.state == "reviewed" and row.decided_by == ("cy",)
        made, _ = dataset.decision(row.answer[0])
        assert made.verdict == "accepted" and set(made.on) == set(heads)
        assert told(dataset) == [("cy", "accepted", ["b"])]
        assert any("ana corrected" in line for line in session.desk.history(row.item))
        session.undo()
        assert dataset.states("kinds") == {"n/1": "disputed"}


def test_three_answers_are_three_versions(root, tmp_path):
    with open_(apart(root, tmp_path, ("ana", "a"), ("ben", "b"), ("cy", "c"))) as dataset:
        assert [who for who, *_ in told(dataset)] == ["ana", "ben", "cy"]


def test_what_somebody_superseded_and_what_a_rule_said_is_no_version(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.9)})
    decide(dataset, "n/1", "a")
    decide(dataset, "n/1", "b", who="ben")
    assert told(dataset) == [("ben", "corrected", ["b"])]


def test_an_exclusion_against_an_answer_is_a_version_without_annotations(dataset):
    add(dataset, "n/1")
    row = dataset.row("n/1", task(dataset))
    for who, verdict, given in (("ana", "corrected", ()), ("ben", "excluded", None)):
        session = recorder(dataset, who)
        session.decide(row, verdict, given)
        session.close()
    assert dataset.states("kinds") == {"n/1": "disputed"}
    assert told(dataset) == [("ana", "corrected", []), ("ben", "excluded", None)]


def test_a_flagged_item_is_in_the_queue_only_where_answers_stand_against_each_other(dataset):
    add(dataset, "n/1", "n/2", "n/3")
    rows = {key: dataset.row(key, task(dataset)) for key in ("n/1", "n/2")}
    for who, label in (("ana", "a"), ("ben", "b")):
        decide_blindly(dataset, rows["n/1"], who, label)
    for key in ("n/1", "n/2"):
        decide_blindly(dataset, rows[key], "cy", None)
    assert set(dataset.states("kinds").values()) == {"flagged", "unlabelled"}
    dataset.kit.ranker = lambda name, where: Level()
    desk = AdjudicationDesk(dataset, task(dataset), "ana")
    assert [entry.key for entry in desk.queue()] == ["n/1"]
    assert [entry.key for entry in AdjudicationDesk(dataset, task(dataset), "ana", "key = n/2").queue()] == []


def decide_blindly(dataset, row, who, label):
    """A decision in sight of nothing but the row as it was."""
    session = recorder(dataset, who)
    session.decide(row, "flagged" if label is None else "corrected", None if label is None else answer(label))
    session.close()


def test_a_decision_has_an_origin_only_where_a_proposal_was_shown_or_led_there(dataset):
    add(dataset, "n/1", "n/2")
    rows = {key: dataset.row(key, task(dataset)) for key in ("n/1", "n/2")}
    for who, label in (("ana", "a"), ("ben", "b")):
        decide_blindly(dataset, rows["n/1"], who, label)
    propose(dataset, {"n/1": ("a", 0.5), "n/2": ("a", 0.5)})
    rows = {key: dataset.row(key, task(dataset)) for key in ("n/1", "n/2")}
    for who, label in (("ana", "a"), ("ben", "b")):
        decide_blindly(dataset, rows["n/2"], who, label)

    def origin(key, *commands):
        session = adjudicate(dataset, where=f"key = {key}")
        for command in commands:
            session.command(command)
        session.take(0)
        return dataset.decision(dataset.row(key, task(dataset)).answer[0])[0].origin

    assert origin("n/1") is None
    assert origin("n/2") is not None


def test_a_models_version_that_was_shown_is_an_origin(dataset):
    add(dataset, "n/1")
    row = dataset.row("n/1", task(dataset))
    for who, label in (("ana", "a"), ("ben", "b")):
        decide_blindly(dataset, row, who, label)
    propose(dataset, {"n/1": ("c", 0.5)})
    session = adjudicate(dataset)
    session.command("model")
    assert session.comparison.merge.rivals[2].who == "m (model)"
    session.take(2)
    made, _ = dataset.decision(dataset.row("n/1", task(dataset)).answer[0])
    assert made.origin is not None


def test_what_is_said_of_one_object_is_a_version_to_review(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.5)})
    row = dataset.row("n/1", task(dataset))
    on_one(dataset, row, "ana", "a")
    on_one(dataset, row, "ben", "b")
    assert dataset.states("kinds") == {"n/1": "disputed"}
    found = ReviewDesk(dataset, task(dataset), "cy").versions(row.item)
    first, second, model = found.items()
    assert first[0].startswith("ana ") and second[0].startswith("ben ") and model[0].startswith("m ")
    assert [a.label for a in (*first[1], *second[1])] == ["a", "b"]


def test_two_answers_of_one_reviewer_are_two_versions(dataset):
    add(dataset, "n/1")
    row = dataset.row("n/1", task(dataset))
    for label in ("a", "b"):
        decide_blindly(dataset, row, "ana", label)
    found = ReviewDesk(dataset, task(dataset), "cy").versions(row.item)
    assert sorted(a.label for said in found.values() for a in said) == ["a", "b"]


def test_what_is_said_of_an_object_is_completed_by_the_proposal_that_it_is_of(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.5)}, model="old")
    on_one(dataset, dataset.row("n/1", task(dataset)), "ana", "c")
    propose(dataset, {"n/1": ("b", 0.5)}, model="new")
    file = dataset.root / "trainset.toml"
    file.write_text(file.read_text().replace("[tasks.kinds]", '[tasks.kinds]\npropose = ["new"]'))
    dataset.reload()
    row = replace(dataset.row("n/1", task(dataset)), live=(), seen=())
    on_one(dataset, row, "ben", "b")
    assert told(dataset) == [("ana", "corrected", ["c"]), ("ben", "corrected", ["b"])]
    assert len({rival.origin for rival in rivals(dataset)}) == 2


def on_one(dataset, row, who, label):
    """A decision on the one object that is proposed, in sight of nothing but the row as it was."""
    session = recorder(dataset, who)
    session.decide(row, "corrected", answer(label), object="p1")
    session.close()


# -- with the installed plugins ------------------------------------------------------------------------------


BOX = {"label": "screw", "box": [8, 10, 14, 12]}


@pytest.fixture
def disputed(parts, tmp_path):
    """Pictures on which ana and ben differ in each way, decided in two clones."""
    trainset("reviewer", "add", "ben", cwd=parts)
    trainset("reviewer", "add", "cy", cwd=parts)
    git(parts, "add", "-A")
    git(parts, "commit", "-qm", "start")
    clone = tmp_path / "ben"
    git(tmp_path, "clone", "-q", parts, clone)
    shutil.copytree(parts / "media", clone / "media", dirs_exist_ok=True)
    correct(parts, "media/p0.png", BOX, {"label": "nut", "box": [40, 30, 10, 10]})
    moved = json.dumps([{"label": "nut", "box": [9, 10, 14, 12]}])
    trainset("decide", "media/p0.png", "--verdict", "corrected", "--annotations", moved, "--reviewer", "ben", cwd=clone)
    for root in (parts, clone):
        trainset("commit", "-m", "decided", cwd=root)
    git(parts, "pull", "-q", "--no-rebase", "--no-edit", clone)
    return parts


def test_a_merge_of_boxes_is_one_decision_that_names_both_and_show_tells_who_was_overruled(disputed):
    with Workspace().open(disputed) as dataset:
        parts = dataset.config.task("parts")
        desk = AdjudicationDesk(dataset, parts, "cy")
        make_view = load(view_of(dataset, "box"))
        session = AdjudicationSession(desk, make_view, TaskContext(dataset, parts), min_look=0.0, clock=Clock())
        session.shown()
        assert [d.facets for d in session.comparison.merge.differences] == [("label",), ("only",)]
        session.command("pick", 1)
        session.command("next")
        session.command("pick", -1)
        session.accept()
        desk.close()
    shown = trainset("show", "media/p0.png", "--json", cwd=disputed).json()["tasks"]["parts"]
    assert shown["state"] == "reviewed" and shown["decided_by"] == ["cy"]
    assert [a["label"] for a in shown["annotations"]] == ["nut", "nut"]
    assert [line["who"] for line in shown["history"]] == ["ana", "ben", "cy"]
    assert states(disputed, "--where", "state = disputed") == {}


def view_of(dataset, kind):
    from trainset.commands.review import view_for

    return view_for(Workspace().registry, dataset, kind).factory


def test_take_settles_a_dispute_from_a_script(disputed):
    done = trainset("decide", "media/p0.png", "--take", "ben", "--reviewer", "cy", cwd=disputed).json()
    assert done["verdict"] == "accepted"
    shown = trainset("show", "media/p0.png", "--json", cwd=disputed).json()["tasks"]["parts"]
    assert [a["box"] for a in shown["annotations"]] == [[9, 10, 14, 12]] and shown["decided_by"] == ["cy"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("media/p0.png", "--take", "dan"), "'dan' has no answer"),
        (("media/p0.png", "--take", "ben", "--verdict", "rejected"), "--take says what is decided"),
        (("media/p1.png", "--take", "ana"), "'ana' has no answer"),
    ],
)
def test_take_says_what_it_cannot_take(disputed, args, says):
    assert says in trainset("decide", *args, "--reviewer", "cy", cwd=disputed, code=2).err


@pytest.mark.parametrize("mode", ["adjudicate", "audit"])
def test_review_needs_a_terminal_in_every_mode(disputed, mode):
    assert "review needs a terminal" in trainset("review", "--mode", mode, "--reviewer", "cy", cwd=disputed, code=2).err
