"""`revert` sets decisions aside and keeps them; `restore` brings back what Git took away."""

import pytest

from trainset.core.committing import commit
from trainset.core.restoring import lost, restore
from trainset.core.reverting import standing_on
from trainset.core.verify import Summary, verify

from .command import correct, states, trainset
from .kit import add, answer, decide, git, label_files, open_, propose, record_ids, recorder, task
from .kit import states as stand


def keys(dataset, **what):
    return [row.item.key for row, _ in standing_on(dataset, task(dataset), **what)]


def test_only_what_stands_is_reverted(dataset):
    add(dataset, "n/1", "n/2", "n/3")
    run = propose(dataset, {"n/1": ("a", 0.9), "n/2": ("b", 0.8)})
    decide(dataset, "n/1", verdict="accepted")
    decide(dataset, "n/2", verdict="accepted")
    decide(dataset, "n/2", "c", who="ben")
    decide(dataset, "n/3", "c")
    assert keys(dataset, reviewer="ana") == ["n/1", "n/3"]
    assert keys(dataset, run=run[-6:]) == ["n/1", "n/2"]  # ben, too, started from it
    assert keys(dataset, run=run, reviewer="ben") == ["n/2"]


def test_answers_of_others_that_would_be_set_aside_too_are_counted(dataset):
    add(dataset, "n/1", "n/2")
    ana, ben = recorder(dataset), recorder(dataset, "ben")
    row = dataset.row("n/1", task(dataset))
    ana.decide(row, "corrected", answer("a"))
    ben.decide(row, "corrected", answer("b"))
    decide(dataset, "n/2", "a")
    found = standing_on(dataset, task(dataset), reviewer="ana")
    assert [(row.item.key, others) for row, others in found] == [("n/1", 1), ("n/2", 0)]


def test_a_session_is_reverted_by_its_id(dataset):
    add(dataset, "n/1", "n/2")
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "a")
    _, header = dataset.decision(dataset.row("n/2", task(dataset)).answer[0])
    assert keys(dataset, session=header.session) == ["n/2"]


def test_the_command_sends_items_back_and_says_why(parts):
    for name in ("p0", "p1"):
        correct(parts, f"media/{name}.png", {"label": "screw", "box": [8, 10, 14, 12]})
    trainset("revert", cwd=parts, code=2)
    trainset("revert", "--by", "ben", "--yes", cwd=parts, code=1)
    assert "2 items back in the queue" in trainset("revert", "--by", "ana", "--yes", cwd=parts).err
    assert states(parts)["media/p0.png"] == "unlabelled"
    assert "revert of reviewer ana" in trainset("show", "media/p0.png", cwd=parts).out
    correct(parts, "media/p0.png", {"label": "screw", "box": [8, 10, 14, 12]})
    assert states(parts)["media/p0.png"] == "reviewed"


@pytest.fixture
def labelled(dataset):
    add(dataset, "n/1", "n/2")
    commit(dataset)
    decide(dataset, "n/1", "a")
    decide(dataset, "n/2", "b", who="ben")
    commit(dataset)
    return dataset


def test_what_a_git_revert_removed_comes_back(labelled):
    before, records = stand(labelled), record_ids(labelled.root)
    git(labelled.root, "revert", "--no-edit", "HEAD")
    labelled.index.refresh()
    assert stand(labelled) == {"n/1": "unlabelled", "n/2": "unlabelled"}
    assert sum(r.records for r in restore(labelled)) == 2
    assert (stand(labelled), record_ids(labelled.root)) == (before, records)
    commit(labelled)
    assert not [f for f in verify(labelled, Summary()) if not f.note]


def test_what_a_merge_dropped_comes_back(labelled):
    root = labelled.root
    git(root, "switch", "-qc", "side", "HEAD~1")
    git(root, "merge", "-q", "-s", "ours", "--no-edit", "main")
    labelled.index.refresh()
    assert len(restore(labelled)) == 2
    assert stand(labelled) == {"n/1": "reviewed", "n/2": "reviewed"}


def test_what_was_edited_in_history_comes_back_beside_it(labelled):
    path = next(p for p in sorted((labelled.root / "labels" / "decisions").rglob("*.jsonl")))
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b'"label":"a"', b'"label":"c"').replace(b'"label":"b"', b'"label":"c"'))
    git(labelled.root, "commit", "-qam", "edited")
    (found,) = restore(labelled)
    assert (labelled.root / found.path).read_bytes() == kept
    assert found.path != path.relative_to(labelled.root).as_posix()


def test_a_file_that_is_missing_from_the_tree_comes_back(labelled):
    files = label_files(labelled.root)
    for path in files:
        (labelled.root / path).unlink()
    with open_(labelled.root) as again:
        assert len(restore(again)) == len(files)
    assert label_files(labelled.root) == files


def test_where_nothing_is_lost_nothing_is_restored(labelled):
    assert (list(lost(labelled)), restore(labelled)) == ([], [])
