"""What two revisions differ in: items, states and objects, whatever the index on disk has or lacks of their files."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainset.core import migrating
from trainset.core.committing import commit
from trainset.core.differing import compared

from .command import correct, trainset
from .kit import KINDS, add, answer, decide, git, lay, open_, propose, recorder, task


def told(dataset, before, after=None, where=""):
    """(item, state before, state after, [(what, label before, label after)]) of every change."""
    with compared(dataset, before, after) as found:
        return [
            (
                c.key,
                c.before,
                c.after,
                [(o.word, *(x.label if x else None for x in (o.before, o.after))) for o in c.objects],
            )
            for c in found.changes(task(dataset), where)
        ]


def test_decisions_since_a_commit_are_told_by_item_and_object(dataset):
    add(dataset, "n/1", "n/2", "n/3")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "b")
    commit(dataset)
    decide(dataset, "n/1", "b")
    decide(dataset, "n/3", "c", who="ben")
    assert told(dataset, "HEAD") == [
        ("n/1", "reviewed", "reviewed", [("relabelled", "a", "b")]),
        ("n/3", "unlabelled", "reviewed", [("added", None, "c")]),
    ]


def test_items_that_came_and_went_are_told(dataset):
    add(dataset, "n/1")
    first = commit(dataset).id
    add(dataset, "n/2")
    second = commit(dataset).id
    assert told(dataset, first, second) == [("n/2", None, "unlabelled", [])]
    assert told(dataset, second, first) == [("n/2", "unlabelled", None, [])]


def test_what_came_to_a_branch_since_it_left_another_is_told_as_git_does(dataset):
    add(dataset, "n/1", "n/2")
    base = commit(dataset).id
    main = git(dataset.root, "branch", "--show-current")
    git(dataset.root, "switch", "-qc", "mine")
    decide(dataset, "n/1", "a")
    commit(dataset)
    git(dataset.root, "switch", "-q", main)
    dataset.index.refresh()
    decide(dataset, "n/2", "b")
    commit(dataset)
    mine, its = (
        ("n/1", "unlabelled", "reviewed", [("added", None, "a")]),
        ("n/2", "unlabelled", "reviewed", [("added", None, "b")]),
    )
    assert told(dataset, f"{main}...mine") == [mine]
    assert told(dataset, "mine...") == [its]
    assert told(dataset, f"{base}..mine") == [mine]
    assert len(told(dataset, f"{main}..mine")) == 2


def test_what_was_decided_again_in_the_same_words_is_no_difference(dataset):
    add(dataset, "n/1")
    decide(dataset, "n/1", "a")
    first = commit(dataset).id
    decide(dataset, "n/1", "a", who="ben")
    assert told(dataset, first, commit(dataset).id) == []


def test_a_proposal_that_was_accepted_is_a_change_of_state(dataset):
    add(dataset, "n/1")
    propose(dataset, {"n/1": ("a", 0.9)})
    commit(dataset)
    decide(dataset, "n/1", verdict="accepted")
    assert told(dataset, "HEAD") == [("n/1", "predicted", "reviewed", [("added", None, "a")])]


def test_a_filter_speaks_of_items_as_they_are_afterwards(dataset):
    add(dataset, "n/1", "n/2")
    commit(dataset)
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "b")
    assert [key for key, *_ in told(dataset, "HEAD", where="label = b")] == ["n/2"]


def test_a_renamed_label_is_one_change_of_the_question_and_none_of_any_item(dataset):
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "b")
    commit(dataset)
    migrating.rename(dataset, task(dataset), "a", "z")
    decide(dataset, "n/1", "z", who="ben")
    with compared(dataset, "HEAD") as found:
        assert (found.migrations(task(dataset)), list(found.changes(task(dataset)))) == (["label a became z"], [])


def test_items_that_a_split_sends_back_are_told(dataset):
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "b")
    commit(dataset)
    migrating.split(dataset, task(dataset), "a", ["x", "y"])
    assert told(dataset, "HEAD") == [("n/1", "reviewed", "stale", [])]


def test_revisions_that_were_never_checked_out_here_are_read_from_git(dataset, tmp_path):
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    base = commit(dataset).id
    git(tmp_path, "clone", "-q", dataset.root, "other")
    with open_(tmp_path / "other") as other:
        decide(other, "n/1", "b", who="ben")
        decide(other, "n/2", "c", who="ben")
        theirs = commit(other).id
    git(dataset.root, "fetch", "-q", tmp_path / "other", "main")
    changes = [
        ("n/1", "reviewed", "reviewed", [("relabelled", "a", "b")]),
        ("n/2", "unlabelled", "reviewed", [("added", None, "c")]),
    ]
    assert told(dataset, base, theirs) == changes
    assert (dataset.root / "labels" / "decisions" / KINDS / "ben").exists() is False


@settings(max_examples=15)
@given(st.lists(st.lists(st.tuples(st.sampled_from(("n/1", "n/2", "n/3")), st.sampled_from("abc"), st.sampled_from(("ana", "ben"))),
                         max_size=4), min_size=2, max_size=4), st.data())  # fmt: skip
def test_a_part_of_a_revision_stands_as_in_the_whole(tmp_path_factory, steps, data):
    """Items taken out of a revision through the index on disk are where the revision as a whole has them."""
    root = lay(tmp_path_factory.mktemp("notes"))
    commits = []
    with open_(root) as dataset:
        add(dataset, "n/1", "n/2", "n/3")
        for step in steps:
            sessions = {who: recorder(dataset, who) for who in ("ana", "ben")}
            rows = {key: dataset.row(key, task(dataset)) for key in ("n/1", "n/2", "n/3")}
            for key, label, who in step:
                sessions[who].decide(rows[key], "corrected", answer(label))
            git(root, "add", "-A") if data.draw(st.booleans()) else None
            commit(dataset)
            commits.append(dataset.repository.head())
        revision = data.draw(st.sampled_from(commits))
        only = data.draw(st.sets(st.sampled_from(("n/1", "n/2", "n/3")), min_size=1))
        with dataset.at(revision, only) as part, open_(root, revision) as whole:
            for key in only:
                a, b = (opened.row(key, task(opened)) for opened in (part, whole))
                assert (a.state, a.reasons, a.answer, a.live, a.seen) == (b.state, b.reasons, b.answer, b.live, b.seen)


def test_the_command_tells_places_and_counts(parts):
    box = {"label": "screw", "box": [8, 10, 14, 12]}
    correct(parts, "media/p0.png", box, {"label": "nut", "box": [40, 10, 10, 10]})
    trainset("commit", cwd=parts)
    assert trainset("diff", "--exit-code", cwd=parts).out == "task parts: 0 items differ\n"
    correct(
        parts, "media/p0.png", {**box, "box": [9, 10, 14, 12]}, {"id": "new", "label": "nut", "box": [40, 30, 10, 10]}
    )
    ran = trainset("diff", "--exit-code", cwd=parts, code=1)
    assert "media/p0.png  reviewed  by ana" in ran.out
    assert "~ screw a1 moved, likeness 0.87" in ran.out
    assert "+ nut new" in ran.out
    assert "- nut a2" in ran.out
    (line,) = trainset("diff", "--json", cwd=parts).lines()
    assert sorted(o["change"] for o in line["objects"]) == ["added", "moved", "removed"]
    counts = json.loads(trainset("diff", "--stat", "--json", cwd=parts).out)
    assert counts["labels"] == {"nut": {"added": 1, "removed": 1}, "screw": {"moved": 1}}
    assert counts["reviewers"]["ana"]["items"] == 1


@pytest.mark.parametrize("revision", ["no-such", "HEAD~99", "--output=x"])
def test_a_revision_that_is_none_is_named(parts, revision):
    trainset("commit", cwd=parts)
    assert trainset("diff", "--", revision, cwd=parts, code=2).err
