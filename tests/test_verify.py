"""`verify`: whatever is done to label files, predictions or history is found and named; and what cannot be proved is said."""

import random
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainset.core.committing import commit
from trainset.core.verify import Summary, verify

from .kit import KINDS, add, decide, git, label_files, lay, open_, propose, recorder


def findings(dataset):
    dataset.index.refresh()
    return list(verify(dataset, Summary()))


def problems(dataset):
    return [f for f in findings(dataset) if not f.note]


def notes(dataset):
    return [f for f in findings(dataset) if f.note]


@pytest.fixture
def work(dataset):
    """Items, decisions in two commits, a run, and a session that is not committed."""
    add(dataset, "n/1", "n/2", "n/3")
    propose(dataset, {"n/1": ("a", 0.5), "n/2": ("b", 0.25), "n/3": ("c", 0.75)})
    for who in ("ana", "ben"):
        session = recorder(dataset, who)
        for key in ("n/1", "n/2"):
            decide(dataset, key, "a", who=who, session=session)
        session.close()
        commit(dataset)
    decide(dataset, "n/3", "c")
    return dataset


def files(dataset, *words):
    return [p for p in label_files(dataset.root) if all(w in p for w in words)]


def committed(dataset, *words):
    known = git(dataset.root, "ls-files", "labels").splitlines()
    return [p for p in files(dataset, *words) if p in known]


def write(dataset, path, data):
    (dataset.root / path).write_bytes(data)


def read(dataset, path):
    return (dataset.root / path).read_bytes()


def test_sound_work_has_no_problems_and_the_summary_counts_it(work):
    summary = Summary()
    assert [f for f in verify(work, summary) if not f.note] == []
    assert summary.files == len(label_files(work.root))
    assert summary.anchored == summary.files - 1
    assert (summary.open, summary.records, summary.problems) == (1, 3 + 3 + 5, 0)
    assert any("1 file(s) are in no commit yet" in f.message for f in notes(work))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_of_a_committed_file_is_found_with_file_and_line(work, data):
    path = data.draw(st.sampled_from([*committed(work), "predictions"]))
    if path == "predictions":
        (path,) = [p.relative_to(work.root).as_posix() for p in (work.root / path).rglob("*.jsonl")]
    was = read(work, path)
    place = data.draw(st.integers(0, len(was) - 1))
    now = data.draw(st.integers(0, 255).filter(lambda b: b != was[place]))
    write(work, path, was[:place] + bytes([now]) + was[place + 1 :])
    try:
        assert (path, was.count(b"\n", 0, place) + 1) in {(f.file, f.line) for f in problems(work)}
    finally:
        write(work, path, was)


@pytest.mark.parametrize("keep", [0, 10, -1, -5, -80, -300])
def test_a_cut_tail_of_a_committed_file_is_found(work, keep):
    path = committed(work, "decisions")[0]
    write(work, path, read(work, path)[:keep])
    assert {f.file for f in problems(work)} == {path}


def test_a_sealed_file_that_was_cut_back_and_sealed_again_is_found(work):
    from trainset.core.journal import seal

    path = committed(work, "decisions")[0]
    write(work, path, b"".join(read(work, path).splitlines(keepends=True)[:2]))
    seal(work.root / path)
    assert [(f.file, f.line) for f in problems(work)] == [(path, 3)]


@pytest.mark.parametrize("change", ["remove", "duplicate", "swap", "move"])
def test_records_out_of_their_place_are_found_also_in_files_that_no_commit_holds(work, change):
    session = recorder(work)
    for key in ("n/1", "n/2", "n/3"):
        decide(work, key, "b", session=session)
    session.close()
    path = session._writer.path.relative_to(work.root).as_posix()
    first, one, two, three = read(work, path).splitlines(keepends=True)
    foreign = read(work, files(work, "ben")[0]).splitlines(keepends=True)[1]
    rows = {"remove": [one, three], "duplicate": [one, one, two, three], "swap": [two, one, three],
            "move": [one, foreign, two, three]}[change]  # fmt: skip
    write(work, path, b"".join([first, *rows]))
    found = problems(work)
    assert {f.file for f in found} == {path}
    assert found[0].line in (2, 3)


def test_a_file_in_anothers_folder_is_found(work):
    path = files(work, "decisions", "ben")[0]
    other = work.root / path.replace("/ben/", "/ana/")
    shutil.copy(work.root / path, other)
    assert [(f.file, f.line) for f in problems(work)] == [(other.relative_to(work.root).as_posix(), 1)]
    other.unlink()
    other = work.root / "labels" / "items" / "moved.jsonl"
    shutil.copy(work.root / path, other)
    assert {f.file for f in problems(work)} == {"labels/items/moved.jsonl"}


def test_a_deleted_file_is_found(work):
    path = committed(work, "decisions")[0]
    (work.root / path).unlink()
    assert [(f.file, f.message) for f in problems(work)] == [(path, "it is committed, but missing from the tree")]


def test_an_added_line_is_found(work):
    path = committed(work, "decisions")[0]
    data = read(work, path)
    write(work, path, data + data.splitlines(keepends=True)[1])
    assert {(f.file, f.line) for f in problems(work)} >= {(path, data.count(b"\n") + 1)}


def test_a_torn_tail_is_a_note(work):
    path = next(p for p in files(work) if p not in committed(work))
    write(work, path, read(work, path) + b'{"id":"')
    assert problems(work) == []
    assert any(f.file == path and "torn" in f.message for f in notes(work))


def test_a_torn_line_that_was_sealed_behind_is_a_note(work):
    path = next(p for p in files(work) if p not in committed(work))
    write(work, path, read(work, path) + b'{"id":"')
    commit(work)
    assert problems(work) == []
    assert any(f.file == path and "torn" in f.message for f in notes(work))


def test_a_file_without_a_header_is_a_note(work):
    write(work, "labels/items/torn.jsonl", b'{"trainset":1')
    assert problems(work) == []


def test_what_a_newer_version_wrote_is_a_note(work):
    from trainset.core.model import Header

    writer = work.writer(Header(trainset=2, kind="decisions", task=KINDS, reviewer="ana"))
    writer.record(b'{"item":"n/1","verdict":"praised"}')
    writer.close()
    assert problems(work) == []
    assert any("a newer version of trainset wrote it" in f.message for f in notes(work))


# -- history ---------------------------------------------------------------------------------------------------


def test_a_reverted_commit_of_labels_is_found(work):
    lost = committed(work, "ben")[0]
    git(work.root, "revert", "--no-edit", "HEAD")
    found = problems(work)
    assert [f.file for f in found] == [lost]
    assert git(work.root, "rev-parse", "HEAD")[:10] in found[0].message


def test_a_revert_that_was_reverted_is_a_note(work):
    git(work.root, "revert", "--no-edit", "HEAD")
    git(work.root, "revert", "--no-edit", "HEAD")
    assert problems(work) == []
    assert any("deleted this label file; all that it held is there" in f.message for f in notes(work))


def test_a_file_that_a_commit_changed_is_found_twice_over(work):
    path = committed(work, "decisions")[0]
    write(work, path, read(work, path).replace(b'"label":"a"', b'"label":"b"'))
    git(work.root, "commit", "-qam", "better")
    messages = [f.message for f in problems(work) if f.file == path]
    assert any("was changed" in m for m in messages)
    assert any("modified this label file" in m for m in messages)


def test_a_file_that_an_amended_commit_changed_is_found(work):
    path = committed(work, "ben")[0]
    write(work, path, read(work, path).replace(b'"label":"a"', b'"label":"b"'))
    git(work.root, "commit", "-q", "--amend", "--no-edit", "--", path)
    assert [(f.file, f.line) for f in problems(work)] == [(path, 2), (path, 3)]


def test_a_merge_that_drops_a_side_is_found(work):
    git(work.root, "checkout", "-q", "-b", "side")
    decide(work, "n/1", "c", who="cy")
    commit(work)
    git(work.root, "checkout", "-q", "main")
    git(work.root, "commit", "-q", "--allow-empty", "-m", "on main")
    git(work.root, "merge", "-q", "-s", "ours", "--no-edit", "side")
    assert {f.file.split("/")[3] for f in problems(work) if "deleted" in f.message} == {"ana", "cy"}


def test_a_file_deleted_on_a_branch_that_was_merged_is_found(work):
    path = committed(work, "ben")[0]
    git(work.root, "checkout", "-q", "-b", "side")
    git(work.root, "rm", "-q", path)
    git(work.root, "commit", "-qm", "drop")
    git(work.root, "checkout", "-q", "main")
    git(work.root, "commit", "-q", "--allow-empty", "-m", "on main")
    git(work.root, "merge", "-q", "--no-edit", "side")
    assert {f.file for f in problems(work)} == {path}


def test_a_file_that_grew_after_its_commit_is_a_note_until_it_goes_on_elsewhere(work):
    from trainset.core.records import check

    path = next(p for p in files(work) if p not in committed(work))
    git(work.root, "add", "-A")
    git(work.root, "commit", "-qm", "plain")
    line = check(read(work, path))[1].append(b'{"item":"n/2","verdict":"excluded"}')[0]
    write(work, path, read(work, path) + line + b"\n")
    assert problems(work) == []
    assert any(f.file == path and "it grew" in f.message for f in notes(work))
    git(work.root, "commit", "-qam", "plain again")
    assert problems(work) == []
    assert any(f.file == path and "all that it held is there" in f.message for f in notes(work))


# -- predictions -----------------------------------------------------------------------------------------------


def prediction_file(dataset):
    (path,) = (dataset.root / "predictions").rglob("*.jsonl")
    return path


@pytest.fixture
def loose(dataset):
    """A run that no commit holds."""
    add(dataset, "n/1", "n/2", "n/3")
    propose(dataset, {"n/1": ("a", 0.5), "n/2": ("b", 0.25), "n/3": ("c", 0.75)})
    return dataset


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_changed_prediction_is_found_by_what_its_run_recorded(loose, line):
    path = prediction_file(loose)
    rows = path.read_bytes().splitlines(keepends=True)
    rows[line - 1] = rows[line - 1].replace(b"0.", b"0.9")
    path.write_bytes(b"".join(rows))
    (found,) = problems(loose)
    assert (loose.root / found.file, found.line) == (path, line)


def test_a_line_that_is_no_prediction_is_found(loose):
    path = prediction_file(loose)
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([rows[0], b"{}\n", *rows[1:]]))
    assert [(f.line, f.message[:17]) for f in problems(loose)] == [(2, "not a prediction:")]


def test_what_a_killed_run_left_behind_is_a_note(loose):
    path = prediction_file(loose)
    row = b'{"item":"n/1","annotations":[{"type":"class","id":"p1","label":"c","score":0.1}]}\n'
    path.write_bytes(path.read_bytes() + row + row[:20])
    assert problems(loose) == []
    said = " ".join(f.message for f in notes(loose))
    assert "1 prediction(s) at the end that their run had not counted" in said
    assert "torn line" in said


def test_predictions_that_are_not_here_are_a_note(loose):
    prediction_file(loose).unlink()
    assert problems(loose) == []
    assert any("3 prediction(s) that runs recorded are not here" in f.message for f in notes(loose))


# -- the rest --------------------------------------------------------------------------------------------------


def test_decisions_on_what_is_no_item_are_a_note(dataset):
    from trainset.core.model import Header

    writer = dataset.writer(Header(trainset=1, kind="decisions", task=KINDS, reviewer="ana"))
    writer.record(b'{"item":"n/9","verdict":"excluded"}')
    writer.close()
    assert problems(dataset) == []
    assert any("n/9, which is not an item" in f.message for f in notes(dataset))


def test_random_vandalism_never_breaks_verify(tmp_path):
    chance = random.Random(7)
    with open_(lay(tmp_path / "notes")) as dataset:
        add(dataset, "n/1", "n/2")
        propose(dataset, {"n/1": ("a", 0.5)})
        decide(dataset, "n/1", "a")
        commit(dataset)
        for _ in range(40):
            path = chance.choice(sorted(dataset.root.glob("[lp]*/**/*.jsonl")))
            data = bytearray(path.read_bytes())
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(data) + 1)
                data[at : at + chance.randrange(3)] = bytes(chance.randrange(256) for _ in range(chance.randrange(3)))
            changed = data != path.read_bytes()
            path.write_bytes(data)
            assert bool(problems(dataset)) == changed
            git(dataset.root, "checkout", "-q", "HEAD", "--", "labels", "predictions")
            assert problems(dataset) == []
