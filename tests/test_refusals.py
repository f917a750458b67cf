"""What the command line refuses, and how: in one line, with the exit code of its kind, and leaving nothing behind."""

import errno
import json
import os
import subprocess

import numpy as np
import pytest
import tomlkit

from trainset import cli
from trainset.core.config import editing

from .command import correct, states, trainset

NUT = {"label": "nut", "box": [1, 2, 3, 4]}


def told(root, *words, code=2):
    return trainset(*words, cwd=root, code=code).err


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--task", "nope"),
        ("show", "nope"),
        ("log", "nope"),
        ("decide", "nope", "--verdict", "accepted"),
        ("decide", "--from", "nope"),
        ("prelabel", "--model", "nope"),
        ("model", "add", "nope.onnx"),
        ("import", "nope", "media"),
        ("import", "coco", "nope"),
        ("export", "nope", "out"),
        ("export", "coco", "out", "--at", "nope"),
        ("task", "add", "new:nope"),
        ("task", "add-label", "nope", "x"),
        ("review", "--reviewer", "nope"),
    ],
)
def test_an_argument_that_names_what_is_not_there_is_a_usage_error(parts, words):
    assert "nope" in told(parts, *words)


# -- settings ----------------------------------------------------------------------------------------------------


def configure(root, **task):
    with editing(root) as document:
        document["tasks"]["parts"].update(task)


def test_a_rule_out_of_range_is_named_before_a_model_runs(parts):
    configure(parts, rules=tomlkit.parse("audit = { rule = 'random-audit', share = 5 }\n"))
    for command in ("prelabel", "route"):
        assert "audit.share: expected a number <= 1.0" in told(parts, command, code=1)
    assert not (parts / "labels" / "runs").exists()


def test_names_in_settings_that_nothing_has_are_named_with_their_place(parts):
    configure(parts, rank="nope")
    assert "[tasks.parts] rank: no ranker is called 'nope'" in told(parts, "route", code=1)
    configure(parts, rank="uncertain", propose=["nope"])
    assert "[tasks.parts] propose: no model or run is called 'nope'" in told(parts, "status", code=1)
    configure(parts, propose=["outline", "01JD0000000000000000000000"])
    trainset("status", cwd=parts)


# -- labels and folders ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["", " x", "a\nb", "\x1b[2J", "a|b", "x" * 201])
def test_what_cannot_be_a_label_is_refused_wherever_it_comes_from(parts, tmp_path, label):
    before = (parts / "trainset.toml").read_text()
    told(parts, "task", "add-label", "parts", "washer", label)
    if label == label.strip():
        told(parts, "task", "add", f"more:box:{label},x")
        told(tmp_path, "init", "new", "--modality", "vision", "--task", f"p:box:{label},x")
    assert (parts / "trainset.toml").read_text() == before and not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [b"ok\nb\x1b[2J\n", b"x" * 500, b"", b"\xff\xfe\x00"])
def test_init_with_a_bad_list_of_labels_leaves_nothing_behind(tmp_path, content):
    (tmp_path / "labels.txt").write_bytes(content)
    told(tmp_path, "init", "new", "--modality", "vision", "--task", "p:box", "--labels", tmp_path / "labels.txt")
    assert not (tmp_path / "new").exists()


def test_init_with_two_tasks_of_one_name_leaves_nothing_behind(tmp_path):
    told(tmp_path, "init", "new", "--modality", "vision", "--task", "p:box:a", "--task", "p:classify:a")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", [("demo",), ("init", "--modality", "vision")])
def test_a_file_is_no_folder_to_make_something_in(tmp_path, command):
    (tmp_path / "file").touch()
    assert "is a file" in told(tmp_path, *command, "file")
    assert "Not a directory" in told(tmp_path, *command, "file/below", code=1)


def test_what_the_disk_refuses_is_no_traceback(capsys, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "labels/x.jsonl")

    monkeypatch.setattr(cli.cli, "main", full)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1 and capsys.readouterr().err == "error: labels/x.jsonl: No space left on device\n"


# -- decisions ---------------------------------------------------------------------------------------------------


def test_an_empty_acceptance_of_a_proposal_with_objects_is_refused(parts):
    trainset("prelabel", cwd=parts)
    assert "corrected" in told(parts, "decide", "media/p0.png", "--verdict", "accepted", "--annotations", "[]")
    trainset("decide", "media/empty.png", "--verdict", "accepted", "--annotations", "[]", cwd=parts)
    correct(parts, "media/p0.png")
    trainset("decide", "media/p0.png", "--verdict", "accepted", "--annotations", "[]", cwd=parts)


@pytest.mark.parametrize("verdict", ["flagged", "rejected", "excluded", "complete", "withdrawn"])
def test_annotations_beside_a_verdict_that_holds_none_are_refused(parts, verdict):
    trainset("prelabel", cwd=parts)
    assert "annotations" in told(
        parts, "decide", "media/p0.png", "--verdict", verdict, "--annotations", json.dumps([NUT])
    )
    assert states(parts)["media/p0.png"] == "predicted"


def test_annotations_beside_an_accepted_object_are_refused(parts):
    trainset("prelabel", cwd=parts)
    words = ("media/p0.png", "--object", "p1", "--verdict", "accepted", "--annotations", json.dumps([NUT]))
    assert "takes no annotations on an object" in told(parts, "decide", *words)


@pytest.mark.parametrize("reason", ["", " "])
def test_another_look_needs_a_reason(parts, reason):
    correct(parts, "media/p0.png")
    assert "needs a reason" in told(parts, "reopen", "media/p0.png", "--reason", reason)
    assert "needs a reason" in told(parts, "decide", "media/p0.png", "--verdict", "reopened", "--reason", reason)
    assert "needs a reason" in told(parts, "decide", "media/p0.png", "--verdict", "reopened")
    trainset("decide", "media/p0.png", "--verdict", "reopened", "--reason", "dark", cwd=parts)
    assert states(parts)["media/p0.png"] != "reviewed"


def test_a_proposal_that_lost_all_its_objects_to_classes_without_label_waits_for_a_person(parts):
    with editing(parts) as document:
        document["models"] = {"lost": {"task": "parts", "prelabeler": "outline", "classes": {"nope": "nut"}}}
        document["tasks"]["parts"]["rules"] = tomlkit.parse("accept-empty = {}\n")
    trainset("prelabel", cwd=parts)
    found = states(parts)
    assert found.pop("media/empty.png") == "auto-accepted" and set(found.values()) == {"predicted"}
    row = next(r for r in trainset("items", "--json", cwd=parts).lines() if r["key"] == "media/p0.png")
    assert row["reasons"] == ["accept-empty"]


def test_a_commit_that_no_branch_holds_is_told(parts):
    assert "detached" not in trainset("commit", cwd=parts).err
    subprocess.run(["git", "-C", str(parts), "checkout", "-q", "--detach"], check=True)
    correct(parts, "media/p0.png", NUT)
    assert "HEAD is detached" in trainset("commit", cwd=parts).err


# -- models ------------------------------------------------------------------------------------------------------


def detector(path, sides=(64, 64), **metadata):
    """A detector of two classes for a grid of 64×64 pixels, with these metadata."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["out"])],
        "detector",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, *sides])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 6, 84])],
        [numpy_helper.from_array(np.zeros((1, 6, 84), np.float32), "c")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"task": "detect", **metadata})
    onnx.save(model, path)


@pytest.mark.parametrize("names", ["{0: screw", "[1, 2]", "{-1: 'a'}", "{1000000000: 'a'}", "[" * 5000, "a\x00b"])
def test_names_in_a_model_that_cannot_be_read_are_told(parts, names):
    detector(parts / "m.onnx", names=names)
    assert "has names, which cannot be read as class names" in trainset("model", "add", "m.onnx", cwd=parts).out


@pytest.mark.parametrize("size", ["[0, 640]", "[640, -1]", "[1000000000, 1000000000]"])
def test_an_input_size_that_no_picture_has_is_refused(parts, size):
    detector(parts / "m.onnx", ("height", "width"), names="['screw', 'nut']", imgsz=size)
    assert "sides are 1 to 8,192 pixels" in told(parts, "model", "add", "m.onnx", code=1)


def test_an_input_that_would_fill_the_memory_is_refused(parts):
    detector(parts / "m.onnx", (100_000, 100_000), names="['screw', 'nut']")
    assert "takes pictures of 100000×100000" in told(parts, "model", "add", "m.onnx", code=1)
