"""Boxes through every format that holds them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from trainset_vision.formats.coco import CocoExporter, CocoImporter
from trainset_vision.formats.voc import VocExporter, VocImporter
from trainset_vision.formats.yolo import YoloExporter, YoloImporter

from trainset.testing import MemoryContext

from .formats_kit import (
    REAL,
    TITLES,
    box,
    box_rows,
    needs_real_data,
    read,
    round_trip,
    row,
    same_boxes,
    task,
    titled,
)

FORMATS = {
    "coco": (CocoImporter(), CocoExporter(), 0.0),
    "voc": (VocImporter(), VocExporter(), 1e-6),
    "yolo": (YoloImporter(), YoloExporter(), 1e-6),
}
every_format = pytest.mark.parametrize("name", FORMATS)


@every_format
@settings(max_examples=50)
@given(rows=box_rows())
def test_boxes_come_back_to_a_millionth_of_a_pixel_or_to_the_last_digit(name, rows):
    importer, exporter, tolerance = FORMATS[name]
    context = MemoryContext(task(*TITLES), splits=("train", "val", "test"))
    with TemporaryDirectory() as folder:
        items, lost, problems = round_trip(importer, exporter, rows, Path(folder), context)
    assert not lost and len(items) == len(rows)
    assert all(name == "voc" and "no area" in p.message for p in problems)
    for r in rows:
        assert same_boxes(items[r.name].annotations, titled(r.annotations, context), tolerance)
        assert items[r.name].split == (r.split or ("train" if name == "yolo" else None))


@needs_real_data
@every_format
def test_real_blood_cells_come_back(tmp_path, name):
    importer, exporter, _ = FORMATS[name]
    context = MemoryContext(task("RBC", "WBC", "Platelets"))
    items, problems = read(VocImporter(), REAL / "bccd" / "annotations", context)
    assert len(items) == 120 and sum(len(i.annotations) for i in items) == 1878
    assert [Path(p.where.partition(":")[0]).name for p in problems] == ["BloodImage_00338.xml", "BloodImage_00343.xml"]
    assert sum("truncated" in a.attributes for i in items for a in i.annotations) == 455
    assert all(i.path is not None for i in items)
    ids = {label.title: label.id for label in context.task.labels}
    rows = [
        row([box(*a.box, ids[a.label], attributes=a.attributes) for a in i.annotations], i.name, **i.meta)
        for i in items
    ]
    again, lost, problems = round_trip(importer, exporter, rows, tmp_path, context)
    assert {loss.what for loss in lost} == ({"attributes"} if name == "yolo" else set())
    assert len(problems) == (2 if name == "voc" else 0)
    assert all(same_boxes(again[i.name].annotations, i.annotations) for i in items)
