"""A label file that somebody edited by hand: `verify` and `commit` say what mends it, and that does."""

import re
from pathlib import Path

import pytest
from PIL import Image

from .command import trainset
from .kit import git, label_files


@pytest.fixture
def work(tmp_path):
    """A dataset of the command line with one decision that no commit holds; its root and that file."""
    root = tmp_path / "d"
    trainset("init", root, "--modality", "vision", "--task", "kinds:classify:a,b", cwd=tmp_path)
    Image.new("RGB", (8, 8)).save(root / "media" / "p.png")
    trainset("add", root / "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    trainset("commit", cwd=root)
    trainset("decide", "media/p.png", "--verdict", "corrected", "--annotations", '[{"label": "a"}]', cwd=root)
    (path,) = [root / p for p in label_files(root) if "decisions" in p]
    return root, path


def edited(path):
    return path.read_bytes().replace(b'"label":"a"', b'"label":"b"')


def sound(root, label):
    """Whether all is well again, with this answer, and can be committed."""
    trainset("verify", cwd=root)
    trainset("commit", cwd=root)
    shown = trainset("show", "media/p.png", "--json", cwd=root).json()["tasks"]["kinds"]
    return [a["label"] for a in shown["annotations"]] == [label]


def test_one_that_an_editor_replaced_comes_back_and_the_edited_one_is_to_be_removed(work):
    root, path = work
    draft = path.with_suffix(".new")
    draft.write_bytes(edited(path))
    draft.replace(path)
    ran = trainset("verify", cwd=root, code=1)
    assert f"{path.relative_to(root).as_posix()}:2: the record was changed" in ran.out
    assert re.search(r"remove it: labels/decisions/\S+ holds all that was recorded in it", ran.err)
    assert "remove it: labels/decisions/" in trainset("commit", cwd=root, code=1).err
    path.unlink()
    assert sound(root, "a")


def test_one_that_was_edited_in_place_is_mended_by_undoing_the_edit(work):
    root, path = work
    before = path.read_bytes()
    path.write_bytes(edited(path))
    assert "undo the edit" in trainset("verify", cwd=root, code=1).err
    assert "undo the edit" in trainset("commit", cwd=root, code=1).err
    path.write_bytes(before)
    assert sound(root, "a")


def test_or_by_moving_it_and_its_second_link_away_and_deciding_anew(work, tmp_path):
    root, path = work
    path.write_bytes(edited(path))
    said = trainset("commit", cwd=root, code=1).err
    link = re.search(r"remove its second link (\S+),", said)[1]
    path.rename(tmp_path / "away")
    Path(link).unlink()
    trainset("decide", "media/p.png", "--verdict", "corrected", "--annotations", '[{"label": "b"}]', cwd=root)
    assert sound(root, "b")


def test_one_that_is_committed_comes_back_from_git(work):
    root, path = work
    trainset("commit", cwd=root)
    path.write_bytes(edited(path))
    said = f"`git checkout HEAD -- {path.relative_to(root).as_posix()}` brings it back"
    assert said in trainset("verify", cwd=root, code=1).err
    assert said in trainset("commit", cwd=root, code=1).err
    git(root, "checkout", "HEAD", "--", path.relative_to(root))
    assert sound(root, "a")


def test_a_file_that_is_none_of_ours_is_to_be_moved_away(work):
    root, _ = work
    (root / "labels" / "mine.jsonl").write_text('{"item": 1}\n')
    assert "it is no label file: move it out of labels/" in trainset("verify", cwd=root, code=1).err
    assert "it is no label file: move it out of labels/" in trainset("commit", cwd=root, code=1).err
    (root / "labels" / "mine.jsonl").unlink()
    assert sound(root, "a")
