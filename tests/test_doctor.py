"""`trainset doctor`: what is well, what is not, and what mends it."""

import os
import re
import stat
import subprocess

import numpy as np
import pytest

from trainset.commands import doctor as command
from trainset.core.scene import Picture, Point, Rect, Scene, Shape, Size, Tint
from trainset.onnx import health, runtime
from trainset.tui import samples
from trainset.tui.canvas import strip
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.drawing import draw
from trainset.tui.canvas.palette import BACKGROUND, palette
from trainset.tui.probe import Answers
from trainset.tui.terminal import detect

from .command import trainset


@pytest.fixture(autouse=True)
def _nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("TRAINSET_DISPLAY", raising=False)


def checks(cwd, code=0):
    done = trainset("doctor", "--json", cwd=cwd, code=code)
    return {(c["area"], c["name"]): c for c in done.json()}


def test_a_sound_dataset_on_a_sound_machine_is_well(parts):
    found = checks(parts)
    assert all(c.get("state", "ok") == "ok" for (area, _), c in found.items() if area == "dataset")
    assert "6 items" in found["dataset", "root"]["says"]
    assert {name for area, name in found if area == "dataset"} == {
        "root", "live files", "attributes", "commits", "index", "hard links",
    }  # fmt: skip


def test_outside_of_a_dataset_the_machine_alone_is_looked_at(tmp_path):
    found = checks(tmp_path)
    assert not [name for area, name in found if area == "dataset"] and ("installed", "trainset-vision") in found


def test_attributes_that_do_not_hold_are_trouble_with_a_remedy(parts):
    with (parts / ".gitattributes").open("a") as file:
        file.write("labels/** filter=lfs\n")
    found = checks(parts, code=1)
    assert found["dataset", "attributes"]["state"] == "trouble" and "init" in found["dataset", "attributes"]["remedy"]


def test_label_files_that_git_pulled_away_are_brought_back_and_said(parts):
    trainset("decide", "media/p0.png", "--verdict", "accepted", "--annotations", "[]", cwd=parts)
    subprocess.run(["git", "clean", "-fdq", "labels/decisions"], cwd=parts, check=True)
    found = checks(parts)
    assert found["dataset", "live files"]["state"] == "warning"


def test_settings_that_cannot_be_read_are_said_and_the_rest_goes_on(parts, tmp_path):
    (parts / "trainset.toml").write_text("[dataset\n")
    (tmp_path / "config" / "trainset").mkdir(parents=True)
    (tmp_path / "config" / "trainset" / "config.toml").write_text("[display]\nglyphs = 'octant'\n")
    found = checks(parts, code=1)
    assert found["dataset", "settings"]["state"] == "trouble"
    assert found["person", "config"]["state"] == "trouble" and ("terminal", "versions") in found


def test_both_wheels_of_onnx_runtime_are_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime.metadata, "version", lambda name: "1.20")
    said = next(c for c in command._models() if c.name == "onnxruntime")
    assert said.state == "warning" and "pip uninstall" in said.remedy


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_providers_are_tried_and_not_only_listed(monkeypatch):
    assert health.starting()["cpu"] == ""
    monkeypatch.setattr(health, "available_providers", lambda: ("cuda",))
    assert health.starting()["cuda"] != ""


def test_another_textual_is_a_warning(monkeypatch):
    monkeypatch.setattr(strip, "usable", lambda: False)
    (said,) = (c for c in command._terminal(None) if c.name == "canvas")
    assert said.state == "warning" and said.remedy


def test_graphics_that_are_not_installed_are_a_warning(monkeypatch):
    monkeypatch.setattr(samples, "versions", lambda: {"textual": "8.2.8"})
    found = detect({}, "truecolor", answers=Answers("kitty(0.32.2)")), Answers("kitty(0.32.2)")
    (said,) = (c for c in command._terminal(found) if c.name == "graphics")
    assert said.state == "warning" and "trainset[graphics]" in said.remedy


def test_an_old_git_and_none_are_said(tmp_path, monkeypatch):
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.20.1\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert command._git().state == "warning"
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert command._git().state == "trouble"


def test_samples_show_every_set_of_glyphs_and_end_every_row_with_a_reset(monkeypatch):
    monkeypatch.setattr("sys.stdout", type("Out", (), {"encoding": "utf-8"})())
    shown = dict(samples.samples("24bit"))
    assert {"half", "quad", "sextant", "24-bit", "256 colours"} <= set(shown)
    assert len("".join(shown["sextant"])) == 63
    assert all(row.endswith("\x1b[0m") for row in shown["half, quad, sextant"])
    assert not re.search("\x1b", "".join(row for _, rows in samples.samples("mono") for row in rows))


# -- scenes as pixels -----------------------------------------------------------------------------------------


def pixels(*shapes, tints=(), overlays=True):
    place = Rect(0, 0, 100, 50)
    scene = Scene(place, [Picture(np.full((50, 100, 3), 90, np.uint8), place)], tints, shapes)
    camera = Camera.fitting(place, Size(400, 240), 1.0)
    return np.asarray(draw(scene, camera, 400, 240, overlays))


def near(pixel, color):
    return np.abs(pixel.astype(int) - color).max() <= 2


def test_a_box_is_drawn_at_its_edges_in_its_colour():
    drawn = pixels(Shape("box", (Point(10, 10), Point(60, 40)), color=1))
    assert (
        near(drawn[120, 40], palette(1)) and near(drawn[20 + 40, 140], palette(1)) and near(drawn[120, 140], (90,) * 3)
    )
    assert near(drawn[5, 5], BACKGROUND)


def test_a_mask_is_tinted_inside_and_full_at_its_outline():
    mask = np.zeros((50, 100), bool)
    mask[10:40, 10:60] = True
    drawn = pixels(tints=[Tint(mask, Rect(0, 0, 100, 50), 2)])
    assert (
        near(drawn[120, 40], palette(2)) and not near(drawn[120, 140], (90,) * 3) and near(drawn[120, 300], (90,) * 3)
    )


def test_overlays_can_be_left_out_and_odd_shapes_draw_nothing():
    plain = pixels()
    assert (pixels(Shape("box", (Point(1, 1), Point(9, 9))), overlays=False) == plain).all()
    odd = [Shape("points", ()), Shape("box", (Point(float("nan"), 0), Point(1, 1)), "nan"), Shape("line", ())]
    odd.append(Shape("box", (Point(10, 10),)))
    assert (pixels(*odd) == plain).all()


def test_weak_shapes_are_dashed_and_labels_hold_no_controls():
    ends = (Point(10, 25), Point(90, 25))
    solid, weak = (pixels(Shape("line", ends, weak=w)) for w in (False, True))
    assert 0 < (weak != pixels()).sum() < (solid != pixels()).sum()
    assert (pixels(Shape("box", (Point(10, 10), Point(60, 40)), "a\x1b[31m\u202eb")) != pixels()).any()
