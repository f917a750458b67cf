"""A set of images that formats stumble over goes round each format that holds its kind of labels, as the loss table says."""

import re
from collections import defaultdict
from dataclasses import replace
from importlib import import_module

import pytest
from msgspec.structs import replace as changed
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox
from trainset_vision.formats.yolo import YoloImporter
from trainset_vision.plugin import trainset_formats

from trainset.core.codec import Codec, with_ids
from trainset.core.model import Class, Item, Label, Task
from trainset.plugins import Labelled
from trainset.testing import MemoryContext

from .formats_kit import REAL, needs_real_data, read
from .stress_kit import TYPES, differences, rows, task

CODEC = Codec({"box": Box, "rotated-box": RotatedBox, "polygon": Polygon, "mask": Mask, "polyline": Polyline,
               "keypoints": Keypoints, "class": Class})  # fmt: skip
PAIRS = [
    (spec, type)
    for spec in trainset_formats()
    for type in TYPES
    if spec.importer and spec.exporter and (type.replace("classify", "class") in spec.carries or not spec.carries)
]
every_pair = pytest.mark.parametrize(("spec", "type"), PAIRS, ids=[f"{spec.name}-{type}" for spec, type in PAIRS])


def made(place):
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)()


def goes_round(spec, given, own, folder, media):
    """What comes back of rows of a task by item, which losses each of them had, and the problems."""
    exporter, importer = made(spec.exporter), made(spec.importer)
    context = MemoryContext(own, [row.item for row in given], folder=media, media_mode="copy")
    losses = defaultdict(set)
    for loss in exporter.write(iter(given), folder / "out", context):
        losses[loss.item].add(loss.what)
    assert set().union(*losses.values()) <= exporter.losses.keys() if losses else True
    items, problems = read(importer, folder / "out", replace(context, media_mode="none"))
    found = {}
    for item in items:
        key = context.find(item.name).key
        found[key] = [*found.get(key, []), *CODEC.decode(CODEC.encode(with_ids(item.annotations)))]
    return found, losses, problems


@every_pair
def test_the_stress_set_comes_back_as_the_loss_table_says(tmp_path, spec, type):
    given = [row for row in rows(type, tmp_path) if row.name != "many.png"]
    found, losses, problems = goes_round(spec, given, task(type), tmp_path, tmp_path / "media")
    wrong = []
    for row in given:
        lost = losses[row.item.key]
        if row.item.key not in found:
            wrong += [] if lost & {"none", "states", "size"} else [f"{row.name} is gone"]
            continue
        wrong += [f"{row.name}: {said}" for said in differences(type, row, found[row.item.key], lost)]
    assert not wrong, "\n".join(wrong + [p.message for p in problems])[:3000]
    assert made(spec.importer).sniff(tmp_path / "out") or made(spec.importer).sniff(next(_files(tmp_path / "out")))


def _files(folder):
    return (path for path in sorted(folder.rglob("*")) if re.fullmatch(r"\.(json|xml|csv|txt|jsonl|yaml)", path.suffix))


@every_pair
def test_five_thousand_objects_of_one_image_come_back(tmp_path, spec, type):
    (row,) = rows(type, tmp_path, only="many.png")
    found, losses, _ = goes_round(spec, [row], task(type), tmp_path, tmp_path / "media")
    assert not differences(type, row, found[row.item.key], losses[row.item.key])


REGIONS = [pytest.param(spec, type, id=f"{spec.name}-{type}") for spec, type in PAIRS if type in ("polygon", "mask")]


@needs_real_data
@pytest.mark.parametrize(("spec", "type"), REGIONS)
def test_real_outlines_with_gaps_in_their_class_numbers_come_back(tmp_path, spec, type):
    src = REAL / "coco48" / "labels_seg"
    labels = tuple(Label(id=f"c{n}", index=n, name=name) for n, name in YoloImporter().classes(src))
    own = Task(name="t", type=type, labels=labels)
    items, _ = read(YoloImporter(), src, MemoryContext(own))
    given = []
    for item in items:
        shapes = [changed(a, label=own.label(a.label).id) for a in with_ids(item.annotations)]
        known = Item(key=f"media/{item.name}", meta=dict(item.meta))
        given.append(Labelled(item=known, name=item.name, annotations=shapes, state="reviewed"))
    assert len(given) == 48
    found, losses, problems = goes_round(spec, given, own, tmp_path, REAL / "coco48" / "images")
    wrong = [
        f"{row.name}: {said}"
        for row in given
        for said in differences(type, row, found[row.item.key], losses[row.item.key], labels)
    ]
    assert not wrong, "\n".join(wrong + [p.message for p in problems])[:3000]
    assert len(found) == 48


HOSTILE = {
    "a.csv": b"ImageID,LabelName,Confidence\n\0,\xff,x\n", "b.csv": b"\"" * 5000, "masks/a.png": b"\x89PNG\r\n\x1a\n\0\0", "labelTxt/x.txt": b"\xff\xfe",
    "labels/a.txt": b"nan " * 50, "legend.json": b"[" * 5000, "Annotations/a.xml": b"<annotation>", "SegmentationObject/a.png": b"", "x.json": b"{",
    "x.jsonl": b"\x00", "data.yaml": b"a: &a [*a]", "metadata.jsonl": b"[]", "annotations/x.json": b"[" * 5000, "annotations.xml": b"<a",
}  # fmt: skip


@pytest.mark.parametrize("spec", [spec for spec in trainset_formats() if spec.importer], ids=lambda spec: spec.name)
def test_looking_at_anything_never_raises(tmp_path, spec):
    importer = made(spec.importer)
    for name, content in HOSTILE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    for place in (tmp_path, tmp_path / "nowhere", *sorted(tmp_path.rglob("*"))):
        assert importer.sniff(place) is None or importer.sniff(place).evidence
