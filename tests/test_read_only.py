"""A dataset that may not be written to: what reads goes on, what writes says so, and nothing ends in a traceback."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from .command import trainset

_PLAIN = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Root may write whatever the permissions say, unless it gives that up."""

READING = (
    ("status",), ("items",), ("show", "media/p.png"), ("log",), ("verify",), ("route", "--yes"), ("add", "media"), ("init",)
)  # fmt: skip
WRITING = (
    ("commit",), ("prelabel",), ("reviewer", "add", "ben"), ("task", "add", "more:box:x"),
    ("decide", "media/q.png", "--verdict", "excluded"), ("export", "jsonl", "out"), ("export", "coco", "out"),
)  # fmt: skip


_SCRIPT = """
import contextlib, io, json, sys
from trainset import cli
for args in json.loads(sys.argv[1]):
    sys.argv = ["trainset", *args]
    out, code = io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = repr(error)
    print(json.dumps([code, out.getvalue()]))
"""


def run(root, *commands):
    """How each command ended, as somebody who is not root runs it, and what it said."""
    here = Path(__file__).parents[1]
    command = [*_PLAIN, sys.executable, "-c", _SCRIPT, json.dumps(commands)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(here)})
    assert ran.returncode == 0, ran.stderr
    return [(args, *json.loads(line)) for args, line in zip(commands, ran.stdout.splitlines(), strict=True)]


def allow(folder, write):
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IWUSR if write else mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A dataset with a decision that is not committed, and a home of its own."""
    if _PLAIN and (not shutil.which("setpriv") or subprocess.run([*_PLAIN, "true"], capture_output=True).returncode):
        pytest.skip("root cannot give up its privileges here")
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tmp_path / "d"
    trainset("init", root, "--modality", "vision", "--task", "kinds:box:a,b", cwd=tmp_path)
    for name in "pq":
        Image.new("RGB", (64, 48)).save(root / "media" / f"{name}.png")
    trainset("add", root / "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    trainset("commit", cwd=root)
    trainset("decide", "media/p.png", "--verdict", "corrected", "--annotations", "[]", cwd=root)
    yield root
    allow(root, True)


def test_a_read_only_dataset_can_be_looked_at_and_says_why_it_cannot_be_written(root):
    allow(root, False)
    for args, code, said in run(root, *READING):
        assert code == 0, (args, said)
    for args, code, said in run(root, *WRITING):
        assert code == 1 and "Permission denied" in said, (args, code, said)
    assert not (root / "out").exists()


def test_a_read_only_git_folder_keeps_decisions_out_and_lets_exports_pass(root):
    allow(root / ".git", False)
    for args, code, said in run(root, ("commit",), ("prelabel",), ("decide", "media/q.png", "--verdict", "excluded")):
        assert code == 1 and "Permission denied" in said, (args, code, said)
    for args, code, said in run(root, ("status",), ("export", "jsonl", "out")):
        assert code == 0, (args, said)
