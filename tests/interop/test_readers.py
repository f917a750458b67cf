"""Other tools read what is exported: an opt-in job, since these readers are heavy (`make interop`)."""

from pathlib import Path

import pytest

from ..command import trainset

datumaro = pytest.importorskip("datumaro")

BOXES = {"a.png": [("screw", (3, 4, 20, 10)), ("nut", (30, 5, 8, 30))], "b.png": [("nut", (0, 0, 64, 48))], "c.png": []}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    import json

    import numpy as np
    from PIL import Image

    root = tmp_path_factory.mktemp("interop") / "parts"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=root.parent)
    for name in BOXES:
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(root / "media" / name)
    trainset("add", "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    for name, boxes in BOXES.items():
        answer = json.dumps([{"label": label, "box": box} for label, box in boxes])
        trainset("decide", f"media/{name}", "--verdict", "corrected", "--annotations", answer, cwd=root)
    return root


@pytest.mark.parametrize("name", ["coco", "voc", "yolo", "cvat", "datumaro", "open-images"])
def test_datumaro_reads_the_same_boxes(parts, tmp_path, name):
    """But for Pascal VOC, whose pixels count from 1 with the last one inside: Datumaro takes the numbers as they are."""
    trainset("export", name, tmp_path / name, "--media", "copy", cwd=parts)
    found = datumaro.Dataset.import_from(str(tmp_path / name), name.replace("-", "_"))
    pixel = int(name == "voc")
    names = found.categories()[datumaro.AnnotationType.label]
    read = {
        f"{Path(item.id).name}.png": sorted(
            (names[a.label].name, tuple(round(v, 3) for v in a.get_bbox()))
            for a in item.annotations
            if a.type is datumaro.AnnotationType.bbox
        )
        for item in found
    }
    said = {
        k: sorted((label, (x + pixel, y + pixel, w - pixel, h - pixel)) for label, (x, y, w, h) in v)
        for k, v in BOXES.items()
    }
    assert {k: v for k, v in read.items() if v} == {k: v for k, v in said.items() if v}
