"""An export at a release is the same to the byte, wherever and whenever it is made."""

import json
import shutil
import time

import pytest

from trainset.plugins.specs import FormatSpec
from trainset.workspace import Workspace

from .command import correct, trainset
from .kit import git

BOXES = [
    s.name
    for s in Workspace().registry.all(FormatSpec, "vision")
    if s.exporter and (not s.carries or "box" in s.carries)
]


@pytest.fixture
def released(parts):
    """Pictures with boxes in several splits, released, and decided on since."""
    for n in range(4):
        correct(parts, f"media/p{n}.png", {"type": "box", "label": "screw", "box": [8.5 + 4 * n, 10, 14.25, 12]},
                {"type": "box", "label": "nut", "box": [1, 2, 3, 4]})  # fmt: skip
    correct(parts, "media/empty.png")
    trainset("release", "v1.0", cwd=parts)
    correct(parts, "media/p0.png", {"type": "box", "label": "nut", "box": [0, 0, 5, 5]})
    trainset("commit", cwd=parts)
    return parts


@pytest.fixture
def other(released, tmp_path):
    """A clone at another place, without the cache, with the media under it."""
    place = tmp_path / "else" / "where"
    git(tmp_path, "clone", "-q", released, place)
    shutil.copytree(released / "media", place / "media", copy_function=shutil.copyfile)
    return place


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("media", ["none", "copy"])
@pytest.mark.parametrize("format_name", BOXES)
def test_two_clones_export_the_same_bytes(released, other, tmp_path, format_name, media, monkeypatch):
    trainset("export", format_name, tmp_path / "one", "--at", "v1.0", "--media", media, cwd=released)
    shutil.rmtree(released / ".trainset")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (tmp_path / "deep").mkdir()
    trainset("export", format_name, tmp_path / "deep" / "two", "--at", "v1.0", "--media", media, cwd=other)
    one = content(tmp_path / "one")
    assert one == content(tmp_path / "deep" / "two")
    assert not [p for p, data in one.items() if str(tmp_path).encode() in data]


def test_the_sidecar_names_the_commit_of_the_release(released, tmp_path):
    trainset("export", "coco", tmp_path / "out", "--at", "v1.0", cwd=released)
    assert json.loads((tmp_path / "out" / "trainset.json").read_text())["revision"] == git(
        released, "rev-parse", "v1.0^{commit}"
    )


def test_verify_of_a_release_and_its_refusal_are_told_on_the_command_line(released):
    done = trainset("verify", "v1.0", "--json", cwd=released).json()
    assert done["problems"] == [] and done["annotated"] and done["media"] == 6
    trainset("decide", "media/p1.png", "--verdict", "flagged", cwd=released)
    ran = trainset("release", "v1.1", cwd=released, code=1)
    assert "task parts: 1 item(s) are flagged" in ran.err
    trainset("release", "v1.1", "--allow", "flagged", cwd=released)
    (released / "media" / "p2.png").write_bytes(b"other")
    ran = trainset("verify", "v1.0", cwd=released, code=1)
    assert "media/p2.png has other bytes than were released" in ran.out
