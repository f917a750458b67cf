"""Processes that are killed while Git pulls the ground away: what was acknowledged is there, and work goes on."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from trainset.core.records import lines, parse

from .command import trainset
from .kit import git, label_files, record_ids

ITEMS = 40
MANY = 1500


def start(root, *args):
    """`trainset` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "trainset", "-C", str(root), *args],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        env=os.environ | {"TRAINSET_PLUGINS": "vision"},
    )  # fmt: skip


def pictures(root, count):
    (root / "media").mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", (12, 12), 90)
    picture.paste(250, (3, 3, 8, 8))
    for n in range(count):
        picture.save(root / "media" / f"{n:04}.png")


@pytest.fixture
def parts(tmp_path):
    """A data set of tiny pictures in its first commit."""
    root = tmp_path / "parts"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw,object", cwd=tmp_path)
    trainset("reviewer", "add", "ana", cwd=root)
    return root


class Session:
    """`decide --from -` in a process: it is fed a decision after each acknowledgement, until it is killed."""

    def __init__(self, root, chance):
        self.process = start(root, "decide", "--from", "-", "--task", "parts")
        self.acknowledged = set()
        self.began = threading.Event()
        self._chance = chance
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def _feed(self):
        with contextlib.suppress(BrokenPipeError, ValueError):
            while True:
                box = [self._chance.randrange(6), self._chance.randrange(6), 3, 3]
                line = {"item": f"media/{self._chance.randrange(ITEMS):04}.png", "verdict": "corrected",
                        "annotations": [{"label": "screw", "box": box}]}  # fmt: skip
                self.process.stdin.write(json.dumps(line) + "\n")
                self.process.stdin.flush()
                answer = self.process.stdout.readline()
                if not answer.endswith("\n"):
                    break
                self.acknowledged.add(json.loads(answer)["id"])
                self.began.set()
        self.began.set()

    def kill(self):
        self.process.kill()
        self._thread.join()
        said = self.process.stderr.read()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        assert "Traceback" not in said, said
        return self.acknowledged


def blow(root, chance):
    """Something that people do with Git while a session is open."""
    what = chance.choice(
        ("branch", "stash", "stash and pop", "clean", "reset", "stage and reset", "commit all", "trainset", "pull out")
    )
    if what == "branch":
        git(root, "checkout", "-q", "-b", f"b{chance.randrange(1 << 30)}", check=False)
    elif what.startswith("stash"):
        git(root, "stash", "-u", "-q", check=False)
        if "pop" in what:
            git(root, "stash", "pop", "-q", check=False)
    elif what == "clean":
        git(root, "clean", "-fdq", check=False)
    elif what.endswith("reset"):
        if "stage" in what:
            git(root, "add", "-A", check=False)
        git(root, "reset", "-q", "--hard", check=False)
    elif what == "commit all":
        git(root, "add", "-A", check=False)
        git(root, "commit", "-qam", "all", check=False)
    elif what == "pull out":
        for path in label_files(root) if chance.random() < 0.5 else ():
            if "decisions" in path and not git(root, "ls-files", "--", path):
                (root / path).unlink(missing_ok=True)
    else:
        process = start(root, "commit")
        _, said = process.communicate()
        assert "Traceback" not in said, said
    return what


@pytest.mark.parametrize("seed", range(2))
def test_no_acknowledged_decision_is_lost_whatever_git_does_and_when_the_process_dies(parts, seed):
    chance = random.Random(seed)
    pictures(parts, ITEMS)
    trainset("add", parts / "media", cwd=parts)
    trainset("commit", cwd=parts)
    acknowledged, blows = set(), []
    for _ in range(3):
        session = Session(parts, random.Random(chance.random()))
        assert session.began.wait(30)
        until = time.monotonic() + chance.uniform(0.1, 0.9)
        while time.monotonic() < until:
            blows.append(blow(parts, chance))
        found = session.kill()
        assert found, blows
        acknowledged |= found
    verified = trainset("verify", "--json", cwd=parts)
    assert json.loads(verified.out)["problems"] == []
    assert acknowledged <= record_ids(parts), blows
    trainset("commit", cwd=parts)
    assert acknowledged <= record_ids(parts)
    states = {row["key"]: row["state"] for row in trainset("items", "--json", cwd=parts).lines()}
    assert len(states) == ITEMS
    assert set(states.values()) <= {
        "reviewed",
        "unlabelled",
        "disputed",
    }  # who decides while Git hides labels sees less
    assert trainset("verify", cwd=parts).code == 0
    trainset("decide", "media/0000.png", "--verdict", "excluded", cwd=parts)


def outcomes(root):
    """Every (item, digest) that runs recorded."""
    found = []
    for path, data in label_files(root).items():
        if path.startswith("labels/runs/"):
            records = [parse(line) for _, line in lines(data)]
            found += [msgspec.json.decode(record[1]) for record in records if record]
    return found


@pytest.fixture
def many(parts):
    """A data set with enough pictures that a run takes a while."""
    pictures(parts, MANY)
    trainset("add", parts / "media", cwd=parts)
    trainset("commit", cwd=parts)
    return parts


def run_and_kill(root, seconds):
    """A run that is killed so long after its first prediction is on disk; whether it had come to its end."""
    process = start(root, "prelabel", "--task", "parts", "--yes")
    folder, before = root / "predictions", time.monotonic()
    known = set(folder.rglob("*.jsonl"))
    while process.poll() is None and time.monotonic() - before < 30:
        fresh = set(folder.rglob("*.jsonl")) - known
        if any(_size(path) for path in fresh):
            break
        time.sleep(0.005)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    _, said = process.communicate()
    assert "Traceback" not in said, said
    return process.returncode == 0


def _size(path: Path):
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_a_run_that_is_killed_again_and_again_comes_to_its_end_with_each_item_once(many):
    chance = random.Random(0)
    for _ in range(4):
        run_and_kill(many, chance.uniform(0, 1.2))
    trainset("prelabel", "--task", "parts", "--yes", cwd=many)
    items = [o["item"] for o in outcomes(many)]
    assert len(items) == len(set(items)) == MANY
    assert len(list((many / "predictions" / "parts").iterdir())) == 1
    assert json.loads(trainset("verify", "--json", cwd=many).out)["problems"] == []
    assert "has an outcome for every item" in trainset("prelabel", "--task", "parts", "--yes", cwd=many).out


def test_a_run_whose_predictions_git_takes_away_leaves_no_item_without_a_proposal(many):
    chance = random.Random(1)
    for _ in range(2):
        stop = threading.Event()

        def disturb(stop=stop):
            while not stop.is_set():
                git(
                    many,
                    *chance.choice((("clean", "-fdq"), ("stash", "-u", "-q"), ("reset", "-q", "--hard"))),
                    check=False,
                )
                time.sleep(0.05)

        thread = threading.Thread(target=disturb)
        thread.start()
        run_and_kill(many, 0.9)
        stop.set()
        thread.join()
    trainset("prelabel", "--task", "parts", "--yes", cwd=many)
    said = {o["item"]: o["digest"] for o in outcomes(many)}
    assert len(said) == MANY
    proposed = {
        msgspec.json.decode(line)["item"]
        for path in (many / "predictions").rglob("*.jsonl")
        for _, line in lines(path.read_bytes())
    }
    assert proposed == set(said)
    assert json.loads(trainset("verify", "--json", cwd=many).out)["problems"] == []


def test_a_session_a_run_and_commits_at_once_get_along(many):
    """Each in a process of its own, on one index and one repository."""
    session = Session(many, random.Random(5))
    assert session.began.wait(30)
    running = start(many, "prelabel", "--task", "parts", "--yes")
    while running.poll() is None:
        process = start(many, "commit")
        _, said = process.communicate()
        assert "Traceback" not in said, said
    _, said = running.communicate()
    assert running.returncode == 0, said
    time.sleep(0.3)
    acknowledged = session.kill()
    trainset("commit", cwd=many)
    assert acknowledged <= record_ids(many)
    assert len(outcomes(many)) == MANY
    verified = trainset("verify", "--json", cwd=many).json()
    assert verified["problems"] == []
    assert verified["files"] == verified["anchored"]
    assert git(many, "status", "--porcelain") == ""
    letters = git(many, "log", "--no-renames", "--name-status", "--format=", "--", "labels", "predictions").splitlines()
    assert {row[0] for row in letters if row} == {"A"}
