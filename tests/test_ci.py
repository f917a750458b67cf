"""`verify --ci`: problems as compilers print them, for a hook that lets sound commits pass and no others, and for CI."""

import os
import stat
import subprocess
import sys

import pytest

from .command import correct, trainset
from .kit import git, label_files

BOX = {"label": "screw", "box": [8, 10, 14, 12]}


@pytest.fixture
def labelled(parts):
    """Two decisions, the second of them not committed."""
    correct(parts, "media/p0.png", BOX)
    trainset("commit", cwd=parts)
    correct(parts, "media/p1.png", BOX)
    return parts


def newest(root):
    return next(
        p
        for p in sorted(label_files(root), reverse=True)
        if "/decisions/" in p and b"p1.png" in (root / p).read_bytes()
    )


def tamper(path, was=b"8.0,10.0", now=b"8.0,11.0"):
    data = path.read_bytes()
    assert was in data
    path.write_bytes(data.replace(was, now, 1))


def hook(root):
    """The hook of docs/ci.md."""
    path = root / ".git" / "hooks" / "pre-commit"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\nexec {sys.executable} -m trainset verify --ci --since HEAD\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_hook_lets_sound_labels_pass(labelled):
    hook(labelled)
    assert "decision(s) by ana" in trainset("commit", cwd=labelled).out
    assert git(labelled, "status", "--porcelain", "labels") == ""


@pytest.mark.parametrize("how", ["add", "path", "all"])
def test_a_hook_refuses_a_file_that_was_tampered_with_and_names_file_and_line(labelled, how):
    hook(labelled)
    path = newest(labelled)
    tamper(labelled / path)
    git(labelled, "add", path)
    more = {"add": [], "path": [path], "all": ["-a"]}[how]
    with pytest.raises(AssertionError, match=rf"{path}:2: the record was changed: its id does not match its bytes"):
        git(labelled, "commit", "-qm", "mine", *more)
    assert git(labelled, "log", "-1", "--format=%s") != "mine"


def test_a_committed_file_that_changed_or_went_is_refused(labelled):
    hook(labelled)
    (path,) = [p for p in label_files(labelled) if "/decisions/" in p and p != newest(labelled)]
    git(labelled, "rm", "-q", path)
    assert f"{path}:1: it was deleted" in trainset("verify", "--ci", "--since", "HEAD", cwd=labelled, code=1).out
    git(labelled, "reset", "-q", "--hard")
    data = (labelled / path).read_bytes()
    (labelled / path).write_bytes(data[: data.rindex(b'{"end"')])
    git(labelled, "add", path)
    with pytest.raises(AssertionError, match=f"{path}:1: it differs from its commit"):
        git(labelled, "commit", "-qm", "cut")


def test_only_problems_are_on_stdout(labelled):
    ran = trainset("verify", "--ci", cwd=labelled)
    assert (ran.out, ran.err) == ("", "0 problems in 3 label files with 8 records\n")
    tamper(labelled / newest(labelled))
    ran = trainset("verify", "--ci", cwd=labelled, code=1)
    assert f"{newest(labelled)}:2: the record was changed" in ran.out
    assert all(line.startswith("labels/") for line in ran.out.splitlines())
    found = trainset("verify", "--ci", "--json", cwd=labelled, code=1).json()
    assert found[0].keys() == {"file", "line", "message"}


def test_what_is_not_staged_is_not_judged_by_the_hook(labelled):
    tamper(labelled / newest(labelled))
    assert trainset("verify", "--ci", "--since", "HEAD", cwd=labelled).out == ""


def test_a_branch_is_judged_by_what_it_brings(labelled, tmp_path):
    """Also in a shallow clone without media, reviewer or plugins."""
    git(labelled, "checkout", "-qb", "mine")
    path = newest(labelled)
    trainset("commit", cwd=labelled)
    tamper(labelled / path)
    git(labelled, "commit", "-qam", "tampered")
    git(labelled, "checkout", "-q", "-")
    git(labelled, "merge", "-q", "--no-ff", "mine", "-m", "as CI checks a pull request out")
    other = tmp_path / "ci"
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{labelled}", other)
    for plugins in ("", "vision"):
        env = {**os.environ, "TRAINSET_PLUGINS": plugins}
        ran = subprocess.run([sys.executable, "-m", "trainset", "verify", "--ci", "--since", "HEAD^1"], cwd=other, env=env,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
        assert (ran.returncode, ran.stdout.split(": ")[:2]) == (1, [f"{path}:2", "the record was changed"]), ran.stderr
        whole = subprocess.run([sys.executable, "-m", "trainset", "verify", "--ci"], cwd=other, env=env, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True)  # fmt: skip
        assert (whole.returncode, f"{path}:2: the record was changed" in whole.stdout) == (1, True), whole.stderr


def test_forgetting_passes_the_hook(labelled):
    hook(labelled)
    trainset("commit", cwd=labelled)
    trainset("forget", "media/p1.png", "--yes", cwd=labelled)
    trainset("commit", cwd=labelled)
    assert trainset("verify", "--ci", "--since", "HEAD~1", cwd=labelled).out == ""


def test_ci_goes_with_nothing_else(labelled):
    for args in (["--since", "HEAD"], ["--ci", "--media"], ["--ci", "v1"]):
        trainset("verify", *args, cwd=labelled, code=2)
    trainset("verify", "--ci", "--since", "nowhere", cwd=labelled, code=2)


def test_before_the_first_commit_all_that_is_staged_is_new(root):
    git(root, "add", "-A")
    assert trainset("verify", "--ci", "--since", "HEAD", cwd=root).out == ""
