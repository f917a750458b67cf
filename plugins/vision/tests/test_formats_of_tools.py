"""What the formats of other labelling tools have in common: everything they can hold comes back, the rest is said."""

import re
import shutil
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, RotatedBox
from trainset_vision.formats.coco import CocoImporter
from trainset_vision.formats.voc import VocImporter
from trainset_vision.formats.yolo import YoloImporter

from trainset.core.model import Attribute, Item
from trainset.plugins import Labelled
from trainset.testing import check_format

from . import shapes_kit as kit
from .formats_kit import REAL, needs_real_data

DOCS = Path(__file__).parents[3] / "docs" / "formats.md"
FORMATS = {
    "cvat": ("cvat", "Cvat"),
    "labelme": ("labelme", "Labelme"),
    "label-studio": ("label_studio", "LabelStudio"),
    "datumaro": ("datumaro", "Datumaro"),
    "hf-imagefolder": ("hf_imagefolder", "HfImagefolder"),
}
PAIRS = [
    (name, type) for name in FORMATS for type in kit.TASKS if name != "hf-imagefolder" or type in ("box", "classify")
]


def both(name):
    module, stem = FORMATS[name]
    found = import_module(f"trainset_vision.formats.{module}")
    return getattr(found, f"{stem}Importer")(), getattr(found, f"{stem}Exporter")()


def row(*annotations, name="a.jpg", **more):
    item = Item(key=f"media/{name}", meta={"width": 60, "height": 40})
    return Labelled(item=item, name=name, annotations=annotations, **({"state": "reviewed"} | more))


@pytest.mark.parametrize(("name", "type"), PAIRS)
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_comes_back(name, type, data):
    rows = data.draw(kit.rows(type))
    importer, exporter = both(name)
    dest = Path(tempfile.mkdtemp())
    try:
        items, lost, problems = kit.round_trip(importer, exporter, rows, dest, kit.context(type))
    finally:
        shutil.rmtree(dest)
    assert not problems
    hidden = {(loss.item, loss.detail) for loss in lost if loss.what in ("visibility", "unusable")}
    for one in rows:
        got = items[one.item.key]
        if any(key == one.item.key for key, _ in hidden):
            continue
        assert kit.same(got.annotations, one.annotations), (got.annotations, one.annotations)
        assert got.state is None
        if not any(loss.what == "splits" for loss in lost):
            assert got.split == (one.split if name != "hf-imagefolder" else one.split or "train")


@pytest.mark.parametrize(("name", "type"), [p for p in PAIRS if p[1] in ("box", "polygon", "classify")])
def test_the_contract_of_formats(name, type, tmp_path):
    shapes = {
        "box": [Box(id="a1", label="l0", box=(1.5, 2, 30, 20)), Box(id="a2", label="l1", box=(0, 0, 5, 5.25))],
        "polygon": [
            Polygon(id="a1", label="l0", polygon=((1, 1, 20, 1, 20, 20.5),)),
            Mask(id="a2", label="l1", mask=kit.disc(60, 40, 30, 20, 7)),
        ],
        "classify": [kit.Class(id="a1", label="l0")],
    }[type]
    importer, exporter = both(name)
    rows = [row(*shapes), row(name="b/ä.jpg"), row(*shapes[:1], name="c.jpg")]
    if name == "hf-imagefolder" and type == "polygon":
        return
    check_format(importer, exporter, rows, kit.context(type), tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_the_documented_losses_are_those_of_the_exporter(name):
    if not DOCS.exists():
        pytest.skip("the documentation is in the repository only")
    section = re.search(rf"\(`{name}`\)\n(.*?)(?=\n## |\Z)", DOCS.read_text(), re.DOTALL)[1]
    table = "".join(f"| `{what}` | {becomes} |\n" for what, becomes in sorted(both(name)[1].losses.items()))
    assert section.partition("| --- | --- |\n")[2].rstrip() == table.rstrip()


@pytest.mark.parametrize("name", ["cvat", "label-studio", "datumaro"])
def test_attributes_of_objects_come_back_with_their_kinds(name, tmp_path):
    said = {"bent": True, "whole": False, "length": 2.5, "side": " left\nright ", "text": "true?"}
    given = [row(Box(id="a1", label="l0", box=(1, 1, 5, 5), attributes=said))]
    items, lost, problems = kit.round_trip(*both(name), given, tmp_path, kit.context("box"))
    assert (items["media/a.jpg"].annotations[0].attributes, lost, problems) == (said, [], [])


@pytest.mark.parametrize("name", ["cvat", "labelme", "label-studio", "datumaro"])
def test_holes_are_written_as_pixels_and_that_is_said(name, tmp_path):
    ring, hole = (2.0, 2.0, 30.0, 2.0, 30.0, 30.0, 2.0, 30.0), (10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0)
    given = [row(Polygon(id="a1", label="l0", polygon=(ring, hole)))]
    items, lost, problems = kit.round_trip(*both(name), given, tmp_path, kit.context("polygon"))
    got = items["media/a.jpg"].annotations[0]
    assert [loss.what for loss in lost] in (["rings"], ["holes"])
    assert isinstance(got, Mask)
    assert kit.rle.area(kit.rle.runs(got.mask.counts, got.mask.size)) == 28 * 28 - 10 * 10
    assert not problems


@pytest.mark.parametrize("name", ["labelme", "datumaro"])
def test_parts_of_one_object_are_a_group(name, tmp_path):
    parts = ((2.0, 2.0, 9.0, 2.0, 9.0, 9.0), (20.0, 20.0, 30.0, 20.0, 30.0, 30.0))
    given = [row(Polygon(id="a1", label="l0", polygon=parts), Polygon(id="a2", label="l0", polygon=parts[:1]))]
    items, lost, _ = kit.round_trip(*both(name), given, tmp_path, kit.context("polygon"))
    assert [a.polygon for a in items["media/a.jpg"].annotations] == [parts, parts[:1]]
    assert not lost


@pytest.mark.parametrize("name", ["cvat", "labelme", "label-studio", "datumaro"])
def test_a_box_task_takes_the_boxes_about_other_shapes_and_says_so(name, tmp_path):
    given = [
        row(
            RotatedBox(id="a1", label="l0", rotated_box=(20, 20, 10, 10, 45)),
            Polygon(id="a2", label="l0", polygon=((1, 1, 20, 1, 20, 20.5),)),
            Mask(id="a3", label="l1", mask=kit.disc(60, 40, 30, 20, 7)),
        )
    ]
    items, lost, problems = kit.round_trip(*both(name), given, tmp_path, kit.context("box"))
    assert [tuple(round(v, 4) for v in a.box) for a in items["media/a.jpg"].annotations] == [
        (12.9289, 12.9289, 14.1421, 14.1421),
        (1, 1, 19, 19.5),
        (23, 13, 15, 15),
    ]
    assert {p.message.partition(" ")[2].partition(" (")[0] for p in problems} == {
        f"{kind} are read as the boxes about them" for kind in ("rotated boxes", "polygons", "masks")
    }
    assert all(p.note for p in problems)
    assert not lost


@pytest.mark.parametrize("name", ["cvat", "labelme", "label-studio", "datumaro"])
def test_an_image_whose_objects_do_not_fit_the_task_is_not_taken_for_empty(name, tmp_path):
    given = [row(Box(id="a1", label="l0", box=(1, 1, 5, 5))), row(name="b.jpg")]
    items, _, problems = kit.round_trip(*both(name), given, tmp_path, kit.context("polyline"))
    assert list(items) == ["media/b.jpg"]
    assert any("none of their objects can be read" in p.message for p in problems)


@pytest.mark.parametrize("name", ["cvat", "labelme", "label-studio", "datumaro"])
def test_points_keep_their_names_and_order(name, tmp_path):
    seen = ((3.0, 4.0, 2), (0.0, 0.0, 0), (5.5, 6.0, 2))
    given = [
        row(
            Keypoints(id="a1", label="l0", keypoints=seen, box=(1.0, 1.0, 20.0, 20.0)),
            Keypoints(id="a2", label="l1", keypoints=((1.0, 1.0, 2), *seen[1:])),
        )
    ]
    items, _, problems = kit.round_trip(*both(name), given, tmp_path, kit.context("keypoints"))
    assert kit.same(items["media/a.jpg"].annotations, given[0].annotations)
    assert not problems
    if name in ("labelme", "label-studio", "datumaro"):
        assert kit.numbers(Box(box=items["media/a.jpg"].annotations[0].box)) == pytest.approx([1, 1, 20, 20])


@pytest.mark.parametrize("name", ["cvat", "datumaro"])
def test_a_skeleton_is_told_to_a_task_without_one(name, tmp_path):
    importer, exporter = both(name)
    list(exporter.write(iter([row()]), tmp_path, kit.context("keypoints")))
    assert importer.options(tmp_path, kit.task("keypoints")) == {
        "points": list(kit.POINTS),
        "edges": [["nose", "left eye"]],
    }
    assert importer.options(tmp_path, kit.task("box")) == {}


@pytest.mark.parametrize("name", FORMATS)
def test_labels_that_the_task_has_not_are_in_the_classes(name, tmp_path):
    importer, exporter = both(name)
    list(exporter.write(iter([row(Box(id="a1", label="l1", box=(1, 1, 5, 5)))]), tmp_path, kit.context("box")))
    assert "Nut & bolt" in [title for _, title in importer.classes(tmp_path)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "what", ["{", "[]", "{}", "[[[", "<a>", "null", "\x00\xff", '{"items": 3}', "[" * 100_000, "1e999"]
)
def test_what_is_not_in_the_format_raises_nothing_else_than_a_clear_error(name, what, tmp_path):
    importer, _ = both(name)
    suffix = {"cvat": "annotations.xml", "hf-imagefolder": "metadata.jsonl"}.get(name, "a.json")
    (tmp_path / suffix).write_bytes(what.encode("utf-8", "surrogateescape"))
    for src in (tmp_path, tmp_path / suffix):
        assert importer.sniff(src) is None
        for act in (importer.classes, lambda src: list(importer.read(src, kit.context("box")))):
            try:
                act(src)
            except Exception as error:
                assert type(error).__name__ == "TrainsetError", error


def test_formats_do_not_take_each_other_for_their_own(tmp_path):
    others = [CocoImporter(), VocImporter(), YoloImporter()]
    for name in FORMATS:
        exporter = both(name)[1]
        (tmp_path / name).mkdir()
        list(
            exporter.write(iter([row(Box(id="a1", label="l0", box=(1, 1, 5, 5)))]), tmp_path / name, kit.context("box"))
        )
        assert [other for other in FORMATS if both(other)[0].sniff(tmp_path / name)] == [name]
        assert [other for other in others if other.sniff(tmp_path / name)] == []


def test_answers_about_images_are_taken_where_the_task_asks(tmp_path):
    asks = Attribute(name="blurred", type="flag", of="item")
    given = [row(Box(id="a1", label="l0", box=(1, 1, 5, 5)), attributes={"blurred": True})]
    items, lost, _ = kit.round_trip(*both("datumaro"), given, tmp_path, kit.context("box", attributes=(asks,)))
    assert items["media/a.jpg"].attributes == {"blurred": True}
    assert not lost


@needs_real_data
@pytest.mark.parametrize("name", ["cvat", "labelme", "label-studio", "datumaro"])
def test_outlines_of_photographs_come_back(name, tmp_path):
    rows = []
    for path in sorted((REAL / "coco48" / "labels_seg").glob("*.txt")):
        lines = [line.split() for line in path.read_text().splitlines()]
        rings = [[float(value) * (640 if n % 2 == 0 else 480) for n, value in enumerate(line[1:])] for line in lines]
        shapes = [
            Polygon(id=f"a{n}", label=kit.IDS[int(line[0]) % 6], polygon=(tuple(ring),))
            for n, (line, ring) in enumerate(zip(lines, rings, strict=True), 1)
        ]
        item = Item(key=f"media/{path.stem}.jpg", meta={"width": 640, "height": 480})
        rows.append(Labelled(item=item, name=f"{path.stem}.jpg", annotations=tuple(shapes), state="reviewed"))
    items, lost, problems = kit.round_trip(*both(name), rows, tmp_path, kit.context("polygon"))
    assert rows
    assert all(kit.same(items[one.item.key].annotations, one.annotations) for one in rows)
    assert (lost, problems) == ([], [])


@pytest.mark.parametrize("name", FORMATS)
def test_thousands_of_objects_of_a_pixel_and_over_the_border(name, tmp_path):
    boxes = [Box(id=f"a{n}", label=kit.IDS[n % 6], box=(n % 60 - 0.5, n % 40 - 0.5, 1, 1)) for n in range(5000)]
    items, lost, problems = kit.round_trip(*both(name), [row(*boxes)], tmp_path, kit.context("box"))
    assert kit.same(items["media/a.jpg"].annotations, boxes)
    assert (lost, problems) == ([], [])
