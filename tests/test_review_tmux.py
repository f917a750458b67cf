"""A reviewer in tmux who mends wrong boxes with the keyboard alone."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .command import trainset

BCCD = Path(os.environ.get("TRAINSET_REAL_DATA") or "/nowhere") / "vision" / "bccd"
PICTURES, SHIFT, PATIENCE = 10, 7, 40
pytestmark = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux"),
    pytest.mark.skipif(not BCCD.is_dir(), reason="TRAINSET_REAL_DATA names no folder"),
]


class Tmux:
    """A review in a tmux of its own, 200×50, that is driven by keys and read from the screen."""

    def __init__(self, root):
        self._name = f"trainset-{os.getpid()}"
        home = {k: v for k, v in os.environ.items() if k not in ("TMUX", "NO_COLOR")} | {"XDG_CONFIG_HOME": str(root)}
        review = [sys.executable, "-m", "trainset", "review", "--reviewer", "ana"]
        self._do("-f", "/dev/null", "new-session", "-d", "-x", "200", "-y", "50", "-c", str(root), *review, env=home)

    def _do(self, *words, env=None):
        done = subprocess.run(["tmux", "-L", self._name, *words], env=env, capture_output=True, text=True, check=False)
        return done.stdout

    def press(self, *keys):
        self._do("send-keys", *keys)

    def wait(self, pattern):
        """The first match of what has come to stand on the screen."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, screen := self._do("capture-pane", "-p"))):
            assert time.monotonic() < end, f"{pattern!r} never came:\n{screen}"
            time.sleep(0.05)
        return found

    def close(self):
        self._do("kill-server")


@pytest.fixture
def shifted(tmp_path):
    """Ten pictures, proposed to a reviewer with the first box of each too far to the right."""
    root, wrong = tmp_path / "cells", tmp_path / "wrong"
    trainset("init", root, "--modality", "vision", "--task", "cells:box:RBC,WBC,Platelets", cwd=tmp_path)
    wrong.mkdir()
    for path in sorted((BCCD / "annotations").glob("*.xml"))[:PICTURES]:
        shutil.copy(BCCD / "images" / f"{path.stem}.jpg", root / "media")
        tree = ElementTree.parse(path)
        for side in ("xmin", "xmax"):
            place = tree.find(f"object/bndbox/{side}")
            place.text = str(int(place.text) + SHIFT)
        tree.write(wrong / path.name)
    settings = root / "trainset.toml"
    settings.write_text(settings.read_text().replace('blind = ["test"]', "blind = []"))
    trainset("reviewer", "add", "ana", cwd=root)
    trainset("add", "media", cwd=root)
    trainset("import", "voc", wrong, "--as", "predictions", cwd=root)
    trainset("route", "--yes", cwd=root)
    return root


def boxes(path):
    return [
        (one.findtext("name"), *(float(one.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")))
        for one in ElementTree.parse(path).iterfind("object")
    ]


def test_ten_wrong_boxes_are_mended_by_keys_and_exported(shifted, tmp_path):
    tmux = Tmux(shifted)
    try:
        for left in range(PICTURES, 0, -1):
            tmux.wait(rf"\b{left} left\b.*[\s\S]*OBJECTS")
            tmux.press("Tab", ",", *"h" * SHIFT)
            tmux.wait(rf"undo {PICTURES - left + SHIFT} ")
            time.sleep(0.2)
            tmux.press("a")
        tmux.wait("Nothing waits for you")
        tmux.press("q")
    finally:
        tmux.close()
    trainset("export", "voc", tmp_path / "out", cwd=shifted)
    for path in sorted((BCCD / "annotations").glob("*.xml"))[:PICTURES]:
        assert sorted(boxes(tmp_path / "out" / "Annotations" / path.name)) == sorted(boxes(path)), path.name
