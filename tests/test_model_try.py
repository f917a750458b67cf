"""`model try`: a model's proposal on one item, drawn in a terminal, told as JSON elsewhere, recorded nowhere."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from trainset.core.scene import Picture, Rect, Run, Scene, Shape, Size
from trainset.core.scene import Point as P
from trainset.tui.still import still
from trainset.tui.terminal import Terminal

from .command import picture, trainset
from .third_party_kit import audio_site

KEY = "media/a.png"


@pytest.fixture
def parts(tmp_path):
    """One picture with two bright squares, and a task of boxes."""
    root = tmp_path / "data"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:nut,screw", cwd=tmp_path)
    picture(root / "media" / "a.png", (8, 8, 10, 10), (40, 20, 12, 14))
    trainset("add", "media", cwd=root)
    return root


def on_a_terminal(*args, cwd, size=(40, 100), **environ):
    """What a command prints where it runs in a terminal of (rows, columns)."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLORTERM", "TMUX", "COLUMNS", "LINES")}
    env = {**kept, "TERM": "xterm-256color", **environ}
    run = subprocess.Popen([sys.executable, "-m", "trainset", *args], cwd=cwd, stdout=other, stderr=other, env=env)
    os.close(other)
    out = b""
    try:
        while part := os.read(main, 65536):
            out += part
    except OSError:  # how a pseudo terminal says that the other end is closed
        pass
    os.close(main)
    assert run.wait() == 0, out
    return out.decode()


def test_elsewhere_than_in_a_terminal_the_proposal_is_json(parts):
    told = trainset("model", "try", KEY, cwd=parts).json()
    assert [a["type"] for a in told["annotations"]] == ["box", "box"]
    assert {a["label"] for a in told["annotations"]} == {"nut"}
    assert (told["item"], told["model"], told["dropped"]) == (KEY, "outline", {})
    assert all(seconds >= 0 for seconds in told["seconds"].values())


def test_nothing_is_recorded(parts):
    before = sorted(p for p in parts.rglob("*") if ".git" not in p.parts and p.is_file())
    trainset("model", "try", KEY, "--json", cwd=parts)
    assert sorted(p for p in parts.rglob("*") if ".git" not in p.parts and p.is_file()) == before
    assert trainset("items", "--json", cwd=parts).lines()[0]["state"] == "unlabelled"


def test_settings_are_tried_without_being_written(parts):
    config = (parts / "trainset.toml").read_text()
    told = trainset("model", "try", KEY, "--set", "label=screw", "--set", "max-area=0.04", "--json", cwd=parts).json()
    assert [a["label"] for a in told["annotations"]] == ["screw"]
    assert (parts / "trainset.toml").read_text() == config


@pytest.mark.parametrize(
    ("given", "said"),
    [("method=magic", "method"), ("label", "is not a setting"), ("nothing=1", "nothing"), ("label.x=1", "label")],
)
def test_a_setting_that_cannot_be_is_an_error_that_names_it(parts, given, said):
    ran = trainset("model", "try", KEY, "--set", given, cwd=parts, code=2 if said == "is not a setting" else 1)
    assert said in ran.err


def test_a_reference_is_an_item_or_a_file_of_the_dataset(parts):
    picture(parts / "empty.png")
    picture(parts / "media" / "empty.png", (8, 8, 10, 10))
    trainset("add", "media", cwd=parts)
    for name, count in (("empty.png", 2), ("media/empty.png", 1)):
        told = trainset("model", "try", KEY, "--set", "method=background", "--set", f"reference={name}", cwd=parts)
        assert len(told.json()["annotations"]) == count
    for name in ("none.png", "../data/media", "/etc/hostname", '"\\u0000"'):
        ran = trainset(
            "model", "try", KEY, "--set", "method=background", "--set", f"reference={name}", cwd=parts, code=1
        )
        assert "is neither an item nor a file in the dataset" in ran.err


def test_another_picture_of_the_background_is_another_run_and_the_record_names_it_as_the_settings_do(parts):
    picture(parts / "empty.png")
    (parts / "trainset.toml").open("a").write(
        '\n[models.belt]\ntask = "parts"\nprelabeler = "outline"\n\n[models.belt.settings]\nmethod = "background"\n'
        'reference = "empty.png"\n'
    )
    assert "1 item in" in trainset("prelabel", "--yes", cwd=parts).out
    assert "nothing to do" in trainset("prelabel", "--yes", cwd=parts).out
    (header,) = (parts / "labels" / "runs").rglob("*.jsonl")
    assert '"reference":"empty.png"' in header.read_text().splitlines()[0]
    picture(parts / "empty.png", (8, 8, 10, 10))
    assert "1 annotation" in trainset("prelabel", "--yes", cwd=parts).out


def test_an_item_or_a_model_that_is_not_there_is_an_error(parts):
    assert "there is no item" in trainset("model", "try", "media/none.png", cwd=parts, code=2).err
    assert "has no model 'none'" in trainset("model", "try", KEY, "--model", "none", cwd=parts, code=2).err


def test_a_damaged_picture_is_named(parts):
    (parts / "media" / "a.png").write_bytes(b"\x89PNG")
    assert "a.png" in trainset("model", "try", KEY, cwd=parts, code=1).err


def test_a_terminal_gets_the_picture_and_a_table(parts):
    out = on_a_terminal("model", "try", KEY, cwd=parts, COLORTERM="truecolor")
    assert "\x1b[38;2;" in out
    assert "▀" in out
    words = re.sub("\x1b\\[[0-9;]*m", "", out)
    assert "1 nut" in words  # on the picture
    assert re.search(r"1 +nut +\d\.\d\d +box +\d+ × \d+ at \d+, \d+", words)
    assert "nothing was recorded" in words


def test_no_color_draws_without_colours_and_256_colours_are_kept_to(parts):
    out = on_a_terminal("model", "try", KEY, cwd=parts, NO_COLOR="1")
    assert not re.search("\x1b\\[[0-9;]*[34]8;", out)
    assert "▀" not in out
    out = on_a_terminal("model", "try", KEY, cwd=parts)
    assert "\x1b[38;5;" in out
    assert "38;2;" not in out


def test_the_picture_leaves_room_for_the_table(parts):
    out = on_a_terminal("model", "try", KEY, cwd=parts, size=(24, 60), COLORTERM="truecolor")
    assert len(out.splitlines()) <= 24
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in out.splitlines() if line[0] == "\x1b") <= 60


def test_objects_of_another_type_are_proposed_where_the_task_wants_them(parts):
    trainset("task", "add", "turned:rotated-box:nut", cwd=parts)
    told = trainset("model", "try", KEY, "--task", "turned", cwd=parts).json()
    assert {a["type"] for a in told["annotations"]} == {"rotated-box"}


def test_texts_are_shown_too(tmp_path):
    root = tmp_path / "data"
    trainset("init", root, "--modality", "nlp", "--task", "mood:classify:glad,sad", cwd=tmp_path)
    (root / "media").mkdir(exist_ok=True)
    (root / "media" / "a.txt").write_text("I am so glad \x1b]52;c;aaaa\x07today")
    trainset("add", "media", cwd=root)
    out = on_a_terminal("model", "try", "media/a.txt", cwd=root, COLORTERM="truecolor")
    assert "I am so glad" in out
    assert "\x1b]52" not in out
    assert re.search(r"1 +glad +\d\.\d\d +class +the whole item", out)


def test_a_third_partys_recording_is_shown_too(tmp_path, monkeypatch):
    from .test_third_party import record

    site = audio_site(tmp_path / "site")
    root = tmp_path / "calls"
    env = {"PYTHONPATH": str(site)}
    monkeypatch.setenv("PYTHONPATH", str(site))

    def run(*args):
        subprocess.run([sys.executable, "-m", "trainset", *args], cwd=root.parent, check=True, capture_output=True)

    run("init", str(root), "--modality", "audio", "--task", "calls:segment:bird")
    record(root / "media" / "a.wav", [(0.5, 1.0), (1.6, 2.1)])
    run("-C", str(root), "add", "media")
    out = on_a_terminal("model", "try", "media/a.wav", cwd=root, COLORTERM="truecolor", **env)
    assert re.search(r"1 +bird .*\d+(\.\d+)? to \d+", re.sub("\x1b\\[[0-9;]*m", "", out))


class _View:
    def __init__(self, scene):
        self._scene = scene

    def scene(self, viewport):
        return self._scene


def test_a_still_is_as_large_as_its_scene_in_the_room_there_is():
    import numpy as np

    pixels = np.full((50, 100, 3), 200, np.uint8)
    extent = Rect(0, 0, 100, 50)
    shape = Shape("box", (P(10, 10), P(50, 40)), "nut")
    rows = still(_View(Scene(extent, (Picture(pixels, extent),), shapes=(shape,))), Size(80, 10), Terminal())
    assert len(rows) == 10
    assert {len(re.sub("\x1b\\[[0-9;]*m", "", row)) for row in rows} == {40}
    assert "nut" in "".join(rows)
    rows = still(
        _View(Scene(Rect(0, 0, 9, 2), rows=((Run("one"),), (Run("two"),)))), Size(20, 10), Terminal(depth="mono")
    )
    assert [row.removesuffix("\x1b[0m").strip() for row in rows] == ["one", "two"]
