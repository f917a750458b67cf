"""The main job on images, labels and a model that nobody here made."""

import json
import os
from pathlib import Path

import pytest

from .command import trainset

REAL = Path(os.environ.get("TRAINSET_REAL_DATA") or "/nowhere")
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="TRAINSET_REAL_DATA names no folder")
COCO48, BCCD = REAL / "vision" / "coco48", REAL / "vision" / "bccd"


@pytest.fixture(scope="module")
def coco48(tmp_path_factory):
    """coco48, pre-labelled by yolox_nano with every score from 0.05."""
    root = tmp_path_factory.mktemp("coco48") / "objects"
    trainset(
        "init", root, "--modality", "vision", "--task", "objects:box", "--labels", COCO48 / "od.yaml", cwd=root.parent
    )
    trainset("add", COCO48 / "images", cwd=root)
    said = trainset("model", "add", REAL / "models" / "yolox_nano.onnx", "--score", "0.05", cwd=root)
    assert "yolox" in said.out and "class i is the label of index i: 80 of its 80 classes have a label" in said.out
    trainset("prelabel", cwd=root)
    return root


def boxes_of(dest):
    """{file name: [(label, box, score)]} of a COCO export, over all its files."""
    found = {}
    for path in Path(dest).rglob("*.json"):
        content = json.loads(path.read_text())
        if not isinstance(content, dict) or "annotations" not in content:
            continue
        names = {c["id"]: c["name"] for c in content["categories"]}
        files = {i["id"]: Path(i["file_name"]).name for i in content["images"]}
        found.update({name: [] for name in files.values()})
        for a in content["annotations"]:
            found[files[a["image_id"]]].append((names[a["category_id"]], a["bbox"], a.get("score", 1.0)))
    return found


def test_yolox_nano_finds_what_coco48_is_labelled_with(coco48, tmp_path):
    from pycocotools import coco
    from pycocotools.cocoeval import COCOeval

    trainset("export", "coco", tmp_path / "out", "--include", "predicted,auto-accepted", cwd=coco48)
    proposed = boxes_of(tmp_path / "out")
    assert len(proposed) == 48
    truth = tmp_path / "truth"
    trainset(
        "init", truth, "--modality", "vision", "--task", "objects:box", "--labels", COCO48 / "od.yaml", cwd=tmp_path
    )
    trainset("import", "yolo", COCO48 / "od.yaml", cwd=truth)
    trainset("export", "coco", tmp_path / "gold", cwd=truth)
    gold = boxes_of(tmp_path / "gold")
    labels = sorted({label for rows in (*gold.values(), *proposed.values()) for label, _, _ in rows})
    numbers = {name: n for n, name in enumerate(sorted(gold), 1)}
    rows = [(numbers[name], labels.index(label), box) for name, found in gold.items() for label, box, _ in found]
    want = coco.COCO()
    want.dataset = {
        "images": [{"id": n} for n in numbers.values()],
        "categories": [{"id": n, "name": name} for n, name in enumerate(labels)],
        "annotations": [
            {"id": k, "image_id": n, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
            for k, (n, c, b) in enumerate(rows, 1)
        ],
    }
    want.createIndex()
    said = want.loadRes([{"image_id": numbers[name], "category_id": labels.index(label), "bbox": box, "score": score}
                         for name, found in proposed.items() for label, box, score in found])  # fmt: skip
    score = COCOeval(want, said, "bbox")
    score.evaluate()
    score.accumulate()
    score.summarize()
    assert len(rows) == 350
    assert score.stats[1] >= 0.49


def test_a_second_prelabel_has_nothing_to_do(coco48):
    assert "nothing to do" in trainset("prelabel", cwd=coco48).out


@pytest.fixture(scope="module")
def bccd(tmp_path_factory):
    """bccd's VOC labels, imported as decisions."""
    root = tmp_path_factory.mktemp("bccd") / "cells"
    trainset("init", root, "--modality", "vision", "--task", "cells:box:RBC,WBC,Platelets", cwd=root.parent)
    trainset("add", BCCD / "images", cwd=root)
    said = trainset("import", "voc", BCCD / "annotations", cwd=root)
    assert "BloodImage_00338.xml" in said.err and "BloodImage_00343.xml" in said.err
    return root


def answers(root):
    """{key: sorted (label, box)} of everything that is decided."""
    out = root.parent / f"{root.name}.jsonl"
    out.unlink(missing_ok=True)
    trainset("export", "jsonl", out, cwd=root)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return {Path(x["key"]).name: sorted((a["label"], *a["box"]) for a in x["annotations"]) for x in lines}


@pytest.mark.parametrize("name", ["voc", "coco", "yolo"])
def test_bccd_comes_back_from_every_format_to_a_millionth_of_a_pixel(bccd, tmp_path, name):
    trainset("export", name, tmp_path / "out", "--media", "copy", cwd=bccd)
    again = tmp_path / "again"
    trainset("init", again, "--modality", "vision", "--task", "cells:box:RBC,WBC,Platelets", cwd=tmp_path)
    trainset("import", "auto", tmp_path / "out", cwd=again)
    before, after = answers(bccd), answers(again)
    assert before.keys() == after.keys() and len(before) == 120
    for key, rows in before.items():
        assert [r[0] for r in rows] == [r[0] for r in after[key]]
        assert [v for r in rows for v in r[1:]] == pytest.approx(
            [v for r in after[key] for v in r[1:]], abs=1e-6, rel=0
        )


def test_importing_a_file_again_adds_nothing(bccd):
    told = trainset("import", "voc", BCCD / "annotations", "--json", cwd=bccd).json()
    assert (told["recorded"], told["unchanged"]) == (0, 120)


def test_imported_decisions_keep_that_they_were_imported(bccd):
    rows = trainset("items", "--json", cwd=bccd).lines()
    assert {(r["state"], tuple(r["decided_by"])) for r in rows} == {("reviewed", ("import",))}
