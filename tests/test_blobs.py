"""Annotations too large for a line: in files of their own, as durable and as provable as the records that name them."""

import json
import subprocess

import nibabel
import numpy as np
import pytest

import trainset as api

from .command import trainset


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """A volume with a mask of noise, whose runs are far more than 64 kB."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ana Ruiz")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ana@example.org")
    root = tmp_path / "scans"
    trainset("init", root, "--modality", "medical", "--task", "cord:volume-mask:cord", cwd=tmp_path)
    chance = np.random.default_rng(0)
    nibabel.save(
        nibabel.Nifti1Image(chance.random((64, 64, 40)).astype(np.float32), np.eye(4)), root / "media" / "a.nii.gz"
    )
    trainset("add", "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    trainset("prelabel", cwd=root)
    trainset("decide", "media/a.nii.gz", "--verdict", "accepted", cwd=root)
    return root


def git(root, *args):
    return subprocess.run(["git", "-C", str(root), *args], check=True, capture_output=True, text=True).stdout


def blobs(root):
    return sorted((root / "labels" / "blobs").glob("[0-9a-f]*"))


def answer(root, rev=None):
    with api.open(root, rev) as data:
        return data["media/a.nii.gz"].annotations()


def test_a_large_annotation_goes_to_a_blob_and_comes_back_whole(scans):
    assert len(blobs(scans)) == 1
    line = (
        max((scans / "labels" / "decisions").rglob("*.jsonl"), key=lambda p: p.stat().st_size)
        .read_text()
        .splitlines()[1]
    )
    assert len(line) < 1000 and json.loads(line)["annotations"][0]["blob"] == blobs(scans)[0].name
    with api.open(scans) as data:
        assert answer(scans) == data["media/a.nii.gz"].proposal()


def test_a_blob_survives_clean_and_is_committed_and_read_at_a_revision(scans):
    before = answer(scans)
    git(scans, "clean", "-fdq", "labels")
    assert answer(scans) == before
    trainset("commit", cwd=scans)
    assert "labels/blobs/" in git(scans, "ls-files")
    assert not any((scans / ".git" / "trainset" / "live").rglob("blobs/*"))
    assert answer(scans, "HEAD") == before
    assert "0 problems" in trainset("verify", cwd=scans).out


@pytest.mark.parametrize("harm", [lambda p: p.write_bytes(p.read_bytes()[:-1]), lambda p: p.unlink()])
def test_a_blob_that_was_changed_or_removed_is_found_with_file_and_line(scans, harm):
    trainset("commit", cwd=scans)
    harm(blobs(scans)[0])
    said = trainset("verify", cwd=scans, code=1).out
    assert "blobs/" in said and "decisions/" in said and ":2:" in said


def test_a_large_annotation_is_exported_whole(scans, tmp_path):
    trainset("export", "jsonl", tmp_path / "out.jsonl", cwd=scans)
    assert "volume-mask" in json.loads((tmp_path / "out.jsonl").read_text())["annotations"][0]


def test_the_blob_of_a_forgotten_item_goes_and_stays_gone(scans):
    trainset("commit", cwd=scans)
    assert "1 blob removed" in trainset("forget", "media/a.nii.gz", "--yes", cwd=scans).out
    assert blobs(scans) == []
    assert "0 problems" in trainset("verify", cwd=scans).out
    trainset("commit", cwd=scans)
    assert "0 problems" in trainset("verify", cwd=scans).out
    assert "no label file is missing" in trainset("restore", cwd=scans).err
    assert blobs(scans) == []
