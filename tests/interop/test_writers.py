"""What other tools write is recognised and read: an opt-in job, since these writers are heavy (`make interop`)."""

import json

import numpy as np
import pytest
from PIL import Image

from ..command import trainset

LABELS = ("screw", "Nut und Ölring")
BOXES = {
    "a b.jpg": [("screw", (3, 4, 20, 10)), ("Nut und Ölring", (30, 5, 8, 30))],
    "sub/ü.jpg": [("Nut und Ölring", (1, 2, 30, 40))],
    "empty.jpg": [],
}
SPLITS = {"a b.jpg": "train", "sub/ü.jpg": "val", "empty.jpg": "train"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("interop") / "pictures"
    for name in BOXES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(root / name)
    return root


def imported(src, root, type="box"):
    """What `trainset import auto` makes of a folder: each item's split and its annotations, by the end of its key."""
    trainset("init", root, "--modality", "vision", "--task", f"parts:{type}", cwd=src.parent)
    trainset("reviewer", "add", "ana", cwd=root)
    trainset("import", "auto", src, "--task", "parts", cwd=root)
    trainset("export", "jsonl", root / "out", "--task", "parts", cwd=root)
    rows = [json.loads(line) for path in (root / "out").glob("*.jsonl") for line in path.read_text().splitlines()]
    return {next(n for n in BOXES if n.split("/")[-1] in r["key"].replace("sub_", "sub/")): r for r in rows}


def boxes(row):
    return sorted((one["label"], tuple(round(value, 3) for value in one["box"])) for one in row["annotations"])


@pytest.mark.parametrize(
    "name",
    ["coco_instances", "voc_detection", "yolo", "yolo_ultralytics", "cvat", "datumaro", "open_images", "label_me"],
)
def test_datumaro_writes_boxes(pictures, tmp_path, name):
    dm = pytest.importorskip("datumaro")
    names = {label: number for number, label in enumerate(LABELS)}
    items = [
        dm.DatasetItem(
            key.removesuffix(".jpg"),
            subset=SPLITS[key],
            media=dm.Image.from_file(path=str(pictures / key)),
            annotations=[dm.Bbox(*place, label=names[label]) for label, place in some],
        )
        for key, some in BOXES.items()
    ]
    made = dm.Dataset.from_iterable(
        items, categories={dm.AnnotationType.label: dm.LabelCategories.from_iterable(LABELS)}, media_type=dm.Image
    )
    made.export(str(tmp_path / "made"), name, save_media=True)
    found = imported(tmp_path / "made", tmp_path / "data")
    pixel = int(name.startswith("voc"))  # VOC counts from 1, the last one inside; Datumaro writes numbers as they are
    for key, some in BOXES.items():
        if pixel and not some:
            continue  # Datumaro writes no XML file for an image without objects
        assert boxes(found[key]) == sorted(
            (label, (x - pixel, y - pixel, w + pixel, h + pixel)) for label, (x, y, w, h) in some
        )
        assert found[key]["split"] == SPLITS[key]


@pytest.mark.parametrize("name", ["coco", "pascal_voc", "yolo"])
def test_supervision_writes_boxes(pictures, tmp_path, name):
    sv = pytest.importorskip("supervision")
    flat = {key: some for key, some in BOXES.items() if "/" not in key}
    annotations = {
        str(pictures / key): sv.Detections(
            xyxy=np.array([(x, y, x + w, y + h) for _, (x, y, w, h) in some], float).reshape(-1, 4),
            class_id=np.array([LABELS.index(label) for label, _ in some], int),
        )
        for key, some in flat.items()
    }
    made = sv.DetectionDataset(classes=list(LABELS), images=list(annotations), annotations=annotations)
    root = tmp_path / "made"
    root.mkdir()
    places = {
        "coco": {"annotations_path": str(root / "annotations.json")},
        "pascal_voc": {"annotations_directory_path": str(root / "Annotations")},
        "yolo": {"annotations_directory_path": str(root / "labels"), "data_yaml_path": str(root / "data.yaml")},
    }
    getattr(made, f"as_{name}")(images_directory_path=str(root / "images"), **places[name])
    found = imported(root, tmp_path / "data")
    assert {key: boxes(row) for key, row in found.items()} == {key: sorted(some) for key, some in flat.items()}
