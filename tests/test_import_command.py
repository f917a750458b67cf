"""What `trainset import` says and refuses: formats that it recognises, media that are missing, and many classes."""

import json

import pytest
from trainset_vision.formats.coco import CocoImporter
from trainset_vision.formats.voc import VocImporter

from trainset.plugins import Recognition

from .command import picture, states, trainset


def coco(path, names=("screw",), images=("x.png",), **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    annotations = [
        {"id": n, "image_id": 0, "category_id": n, "bbox": [1, 1, 5, 5]} | more for n, _ in enumerate(names, 1)
    ]
    path.write_text(json.dumps({
        "images": [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(images)],
        "annotations": annotations, "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
    }))  # fmt: skip
    return path


def test_auto_says_what_it_recognised_and_by_what(parts, tmp_path):
    said = trainset("import", "auto", coco(tmp_path / "x.json"), cwd=parts)
    assert "coco: x.json has the fields of a COCO instances file" in said.err


def test_two_formats_that_fit_equally_well_are_both_named_and_none_is_taken(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(VocImporter, "sniff", lambda self, src: Recognition(evidence=["so I say"]))
    said = trainset("import", "auto", coco(tmp_path / "x.json"), cwd=parts, code=2)
    assert "coco (" in said.err and "voc (so I say)" in said.err and "instead of auto" in said.err


def test_a_format_that_fails_to_look_costs_a_line(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(VocImporter, "sniff", lambda self, src: 1 / 0)
    said = trainset("import", "auto", coco(tmp_path / "x.json"), cwd=parts)
    assert "format voc cannot look at it: ZeroDivisionError" in said.err and "1 item with" in said.out


@pytest.mark.parametrize(
    ("kind", "says"), [("classify:a", "are the folders classes?"), ("box:a", "in no format that is known")]
)
def test_folders_that_may_be_no_classes_are_not_taken_for_them(tmp_path, kind, says):
    trainset("init", "d", "--modality", "vision", "--task", f"kind:{kind}", cwd=tmp_path)
    for name in ("train/aachen/1.png", "val/ulm/2.png"):
        picture(tmp_path / "cities" / name)
    said = trainset("import", "auto", tmp_path / "cities", cwd=tmp_path / "d", code=2)
    assert says in said.err and not states(tmp_path / "d")


def test_what_is_not_taken_by_auto_is_read_by_its_name(tmp_path):
    trainset("init", "d", "--modality", "vision", "--task", "kind:classify:aachen", cwd=tmp_path)
    picture(tmp_path / "cities" / "aachen" / "1.png")
    assert trainset("import", "folder", tmp_path / "cities", "--json", cwd=tmp_path / "d").json()["items"] == 1


@pytest.mark.parametrize("name", ["auto", "coco"])
def test_a_format_that_cannot_answer_the_task_is_refused(tmp_path, name):
    trainset("init", "d", "--modality", "vision", "--task", "kind:classify:a", cwd=tmp_path)
    said = trainset("import", name, coco(tmp_path / "x.json"), cwd=tmp_path / "d", code=2)
    assert "class" in said.err and "--task" in said.err and not states(tmp_path / "d")


def test_items_without_a_medium_are_counted_and_it_says_how_to_bring_them(parts, tmp_path):
    said = trainset("import", "coco", coco(tmp_path / "x.json", images=("x.png", "p0.png")), "--json", cwd=parts)
    assert (said.json()["registered"], said.json()["absent"]) == (1, 1)
    said = trainset("import", "coco", coco(tmp_path / "y.json", images=("y.png",)), cwd=parts)
    assert "1 item of these has no medium here" in said.err and "trainset add" in said.err


def test_a_medium_that_lies_in_the_source_already_is_taken(parts, tmp_path):
    picture(parts / "media" / "new.png", (5, 5, 9, 9))
    said = trainset("import", "coco", coco(tmp_path / "x.json", images=("new.png",)), "--json", cwd=parts)
    assert said.json()["absent"] == 0 and states(parts)["media/new.png"] == "reviewed"


def test_a_root_with_images_and_labels_gives_those_images_and_no_other_items(tmp_path):
    picture(tmp_path / "root" / "images" / "a.png", (5, 5, 9, 9))
    document = "<annotation><filename>a.png</filename><object><name>s</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
    (tmp_path / "root" / "annotations").mkdir()
    (tmp_path / "root" / "annotations" / "a.xml").write_text(document)
    trainset("init", "d", "--modality", "vision", "--task", "t:box", cwd=tmp_path)
    trainset("import", "voc", tmp_path / "root", cwd=tmp_path / "d")
    assert states(tmp_path / "d") == {"root/images/a.png": "reviewed"}


def test_boxes_are_checked_on_the_image_that_is_there_whatever_size_the_file_says(parts, tmp_path):
    for name, size in (("same.png", (64, 48)), ("smaller.png", (32, 32))):
        picture(parts / "media" / name, size=size)
    src = coco(tmp_path / "x.json", images=("same.png",), bbox=[10, 10, 50, 30])
    assert trainset("import", "coco", src, "--json", cwd=parts).json()["problems"] == []
    src = coco(tmp_path / "y.json", images=("smaller.png",), bbox=[10, 10, 50, 30])
    (problem,) = trainset("import", "coco", src, "--json", cwd=parts).json()["problems"]
    assert "stands out of the image, which is 32×32" in problem["message"]


def test_of_many_classes_twenty_are_listed(tmp_path):
    trainset("init", "d", "--modality", "vision", "--task", "t:box", cwd=tmp_path)
    said = trainset(
        "import", "coco", coco(tmp_path / "x.json", names=[f"c{n:02}" for n in range(80)]), cwd=tmp_path / "d"
    )
    assert "… and 60 more" in said.out and said.out.count("\n  c") == 20 and "and 60 more" in said.err


def test_a_task_of_keypoints_takes_its_points_from_the_file(tmp_path):
    src = coco(tmp_path / "x.json", keypoints=[1, 1, 2, 3, 3, 1])
    document = json.loads(src.read_text())
    document["categories"][0] |= {"keypoints": ["nose", "tail"], "skeleton": [[1, 2]]}
    src.write_text(json.dumps(document))
    trainset("init", "d", "--modality", "vision", "--task", "t:keypoints", cwd=tmp_path)
    trainset("import", "coco", src, cwd=tmp_path / "d")
    assert 'points = ["nose", "tail"]' in (tmp_path / "d" / "trainset.toml").read_text()
    said = trainset("import", "coco", src, "--json", cwd=tmp_path / "d")
    assert said.json()["unchanged"] == 1


@pytest.mark.parametrize("name", ["jsonl", "auto"])
def test_the_folder_of_an_export_is_read_back(parts, tmp_path, name):
    trainset("import", "coco", coco(tmp_path / "x.json", images=("p0.png",)), cwd=parts)
    trainset("export", "jsonl", tmp_path / "out", cwd=parts)
    said = trainset("import", name, tmp_path / "out", "--json", cwd=parts)
    assert said.json()["items"] == 1 and CocoImporter().sniff(tmp_path / "out") is None
