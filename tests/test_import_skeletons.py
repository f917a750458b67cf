"""A task of keypoints without a skeleton takes it from what is imported, whichever tool wrote that."""

import json
import tomllib
from importlib import import_module

import pytest
from trainset_vision.annotations import Keypoints, Skeleton
from trainset_vision.plugin import trainset_formats

from trainset.core.model import Item, Label, Task
from trainset.plugins import Labelled
from trainset.testing import MemoryContext

from .command import picture, trainset

POINTS = ("nose", "left_hand", "right_hand")
WRITERS = {spec.name: spec.exporter for spec in trainset_formats()}


def written(name, dest):
    """A file of a person with three points, one of them hidden, as a tool's exporter writes it."""
    dest.mkdir()
    picture(dest.parent / "a.png")
    skeleton = Skeleton(points=POINTS, edges=(("nose", "left_hand"), ("nose", "right_hand")))
    task = Task(name="pose", type="keypoints", labels=(Label(id="p", index=0, name="person"),), options=skeleton)
    item = Item(key="media/a.png", meta={"width": 64, "height": 48})
    person = Keypoints(
        label="p", keypoints=((30.0, 10.0, 2), (20.0, 25.0, 1), (40.0, 25.0, 2)), box=(18.0, 5.0, 24.0, 40.0)
    )
    module, _, exporter = WRITERS[name].partition(":")
    rows = [Labelled(item=item, name="a.png", annotations=[person], state="reviewed")]
    list(
        getattr(import_module(module), exporter)().write(
            iter(rows), dest, MemoryContext(task, [item], folder=dest.parent, media_mode="copy")
        )
    )
    return dest


def pose(root):
    return tomllib.loads((root / "trainset.toml").read_text())["tasks"]["pose"]


def dataset(tmp_path, points=()):
    trainset("init", "d", "--modality", "vision", "--task", "pose:keypoints", cwd=tmp_path)
    toml = tmp_path / "d" / "trainset.toml"
    if points:
        toml.write_text(
            toml.read_text().replace('type = "keypoints"', f'type = "keypoints"\npoints = {json.dumps(points)}')
        )
    return tmp_path / "d"


@pytest.mark.parametrize("name", ["coco", "yolo", "cvat", "datumaro", "labelme", "label-studio"])
def test_points_become_the_tasks_skeleton_and_no_labels(tmp_path, name):
    root, src = dataset(tmp_path), written(name, tmp_path / "src")
    foreseen = trainset("import", name, src, "--dry-run", "--json", cwd=root).json()
    said = trainset("import", name, src, "--json", cwd=root).json()
    assert sorted(pose(root)["points"]) == sorted(POINTS)
    assert [label.get("name", key) for key, label in pose(root)["labels"].items()] == ["person"]
    assert (said["annotations"], said["problems"]) == (foreseen["annotations"], []) and said["annotations"] == 1


@pytest.mark.parametrize("name", ["coco", "cvat"])
def test_edges_come_along_where_the_points_are_the_tasks_own(tmp_path, name):
    root = dataset(tmp_path, POINTS)
    trainset("import", name, written(name, tmp_path / "src"), cwd=root)
    assert sorted(map(sorted, pose(root)["edges"])) == [["left_hand", "nose"], ["nose", "right_hand"]]


@pytest.mark.parametrize("name", ["coco", "cvat", "labelme"])
def test_a_skeleton_of_other_points_is_left_as_it_is(tmp_path, name):
    root = dataset(tmp_path, ("head", "tail"))
    said = trainset("import", name, written(name, tmp_path / "src"), "--json", cwd=root).json()
    assert pose(root)["points"] == ["head", "tail"] and "edges" not in pose(root)
    assert said["annotations"] == 0 and said["problems"]
    trainset("status", cwd=root)
