from xml.etree import ElementTree

import pytest
from trainset_vision.formats.voc import VocExporter, VocImporter

from trainset.core.model import Class
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import box, item, read, round_trip, row, shapes, task


@pytest.fixture
def context():
    return MemoryContext(task("cat", "dog"))


def one(corners, name="cat", extra=""):
    bounds = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))
    return f"<object><name>{name}</name>{extra}<bndbox>{bounds}</bndbox></object>"


def annotation(path, *objects, filename="a.jpg", size=(640, 480)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{''.join(objects)}</annotation>"
    )
    return path


def said(problems):
    return " | ".join(f"{p.where}: {p.message}" for p in problems)


def test_pixels_count_from_one_and_the_last_is_inside(tmp_path, context):
    items, problems = read(VocImporter(), annotation(tmp_path / "a.xml", one((1, 1, 640, 480))), context)
    assert shapes(items[0].annotations) == [("cat", (0, 0, 640, 480))]
    assert items[0].meta == {"width": 640, "height": 480} and not problems


def test_numbers_with_decimals_follow_the_same_rule(tmp_path, context):
    items, _ = read(VocImporter(), annotation(tmp_path / "a.xml", one((1.5, 2.25, " 3.5 ", 4.75))), context)
    assert shapes(items[0].annotations) == [("cat", (0.5, 1.25, 3.0, 3.5))]


def test_a_box_of_no_area_by_its_corners_is_kept_as_a_pixel_and_said(tmp_path, context):
    src = annotation(tmp_path / "a.xml", one((1, 1, 9, 9)), one((5, 7, 5, 7)))
    items, problems = read(VocImporter(), src, context)
    assert shapes(items[0].annotations)[1] == ("cat", (4, 6, 1, 1))
    assert len(problems) == 1 and "a.xml: object 2 (cat)" in problems[0].where and problems[0].note


def test_corners_in_the_wrong_order_are_left_out_and_said(tmp_path, context):
    src = annotation(tmp_path / "a.xml", one((1, 1, 9, 9)), one((50, 7, 5, 70)))
    items, problems = read(VocImporter(), src, context)
    assert len(items[0].annotations) == 1 and "xmax and ymax lie before" in said(problems)


def test_files_that_count_from_zero_are_pointed_out(tmp_path, context):
    items, problems = read(VocImporter(), annotation(tmp_path / "a.xml", one((0, 0, 9, 9)), one((0, 1, 9, 9))), context)
    assert shapes(items[0].annotations)[0] == ("cat", (-1, -1, 10, 10))
    assert len(problems) == 1 and problems[0].message.startswith("2 boxes start at 0")


def test_flags_and_pose_become_attributes(tmp_path, context):
    extra = "<pose>Left</pose><truncated>1</truncated><difficult>1</difficult><occluded>0</occluded>"
    plain = "<pose>Unspecified</pose><truncated>0</truncated>"
    items, _ = read(
        VocImporter(),
        annotation(tmp_path / "a.xml", one((1, 1, 9, 9), "cat", extra), one((1, 1, 9, 9), "cat", plain)),
        context,
    )
    assert [a.attributes for a in items[0].annotations] == [{"difficult": True, "truncated": True, "pose": "Left"}, {}]


def test_unusable_objects_are_named_and_stop_nothing(tmp_path, context):
    src = annotation(
        tmp_path / "a.xml",
        one((1, 1, 9, 9)),
        one((1, 1, 9, 9), ""),
        one((1, "x", 9, 9)),
        one((1, "nan", 9, 9)),
        one((1, 1, 1e300, 9)),
        "<object><name>cat</name></object>",
        "<object><name>cat</name><robndbox/></object>",
    )
    items, problems = read(VocImporter(), src, context)
    assert len(items[0].annotations) == 1
    assert [p.where.rpartition(" ")[2] for p in problems] == ["2", "3", "4", "5", "6", "7"]
    assert "<robndbox>" in problems[-1].message


def test_an_image_whose_objects_cannot_be_read_is_not_taken_for_empty(tmp_path, context):
    annotation(tmp_path / "a.xml", one((1, "x", 9, 9)))
    annotation(tmp_path / "b.xml", filename="b.jpg")
    items, problems = read(VocImporter(), tmp_path, context)
    assert [(i.name, len(i.annotations)) for i in items] == [("b.jpg", 0)] and "left out" in said(problems)


@pytest.mark.parametrize(
    ("filename", "found"),
    [
        ("b.jpg", "b.jpg"),
        ("C:\\x\\b.jpg", "b.jpg"),
        ("wrong.jpg", "x/a.png"),
        ("", "x/a.png"),
        ("../../b.jpg", "b.jpg"),
    ],
)
def test_the_image_is_found_by_the_file_name_or_that_of_the_xml_file(tmp_path, filename, found):
    context = MemoryContext(task("cat"), [item("b.jpg"), item("x/a.png")])
    items, _ = read(VocImporter(), annotation(tmp_path / "a.xml", filename=filename), context)
    assert context.find(items[0].name).path() == found


def test_a_size_of_zero_is_no_size(tmp_path, context):
    items, _ = read(VocImporter(), annotation(tmp_path / "a.xml", size=(0, 0)), context)
    assert items[0].meta == {}


def test_splits_and_images_come_from_the_folders_of_a_voc_root(tmp_path, context):
    for name in ("a", "my b"):
        annotation(tmp_path / "Annotations" / f"{name}.xml", filename=f"{name}.jpg")
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "a.jpg").write_bytes(b"x")
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("my b\n")
    (lists / "cat_val.txt").write_text("a 1\n")
    (lists / "trainval.txt").write_text("a\nmy b\n")
    items, _ = read(VocImporter(), tmp_path, context)
    assert [(i.name, i.split, i.path is not None) for i in items] == [
        ("a.jpg", "train", True),
        ("my b.jpg", "val", False),
    ]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation><filename>&b;</filename></annotation>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<annotation>",
        b"<html/>",
        b"\x00\xff",
        BOMB.encode(),
        BOMB.encode("utf-16"),
        b'<!DOCTYPE annotation SYSTEM "file:///etc/passwd"><annotation/>',
        b'<?xml version="1.0" encoding="klingon"?><annotation/>',
    ],
    ids=range(8),
)
def test_a_file_that_cannot_be_read_is_a_problem_and_stops_nothing(tmp_path, context, data):
    (tmp_path / "a.xml").write_bytes(data)
    annotation(tmp_path / "b.xml", filename="b.jpg")
    items, problems = read(VocImporter(), tmp_path, context)
    assert [i.name for i in items] == ["b.jpg"]
    assert len(problems) == 1 and "a.xml" in problems[0].where


def test_a_folder_without_xml_is_an_error(tmp_path, context):
    with pytest.raises(TrainsetError, match="no XML"):
        read(VocImporter(), tmp_path, context)


def test_a_file_is_recognised_by_its_root(tmp_path):
    annotation(tmp_path / "a.xml", one((1, 1, 2, 2)), one((1, 1, 2, 2), "dog"))
    assert VocImporter().sniff(tmp_path) and VocImporter().sniff(tmp_path / "a.xml")
    assert VocImporter().classes(tmp_path) == [(None, "cat"), (None, "dog")]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.xml").write_text("<svg/>")
    assert VocImporter().sniff(tmp_path / "b") is None and VocImporter().sniff(tmp_path / "nowhere") is None


def test_whole_pixels_are_written_as_whole_numbers(tmp_path, context):
    list(VocExporter().write([row([box(0, 10, 640, 0.5), box(3.25, 0, 10, 10)])], tmp_path, context))
    boxes = ElementTree.parse(tmp_path / "Annotations" / "a.xml").findall("object/bndbox")
    assert [[e.text for e in b] for b in boxes] == [["1", "11", "640", "10.5"], ["4.25", "1", "13.25", "10"]]


def test_what_voc_cannot_hold_is_said(tmp_path, context):
    boxes = [
        box(1, 2, 3, 0.5),
        box(1, 2, 3, 4, score=0.5, attributes={"truncated": True, "pose": "Left", "bent": True, "difficult": "no"}),
        box(1, 2, 3, 4, attributes={"pose": "\x01"}),
        Class(label="l0"),
    ]
    items, lost, _ = round_trip(VocImporter(), VocExporter(), [row(boxes, note="x")], tmp_path, context)
    assert sorted(loss.what for loss in lost) == ["attributes", "attributes", "notes", "scores", "thin", "types"]
    assert [a.attributes for a in items["a.jpg"].annotations] == [{}, {"truncated": True, "pose": "Left"}, {}]


def test_a_label_that_xml_cannot_hold_is_refused(tmp_path):
    with pytest.raises(TrainsetError, match="XML"):
        list(VocExporter().write([], tmp_path, MemoryContext(task("a\x00"))))


def test_folders_above_the_data_set_do_not_make_its_images_masks(tmp_path, context):
    root = tmp_path / "Segmentation of parts"
    annotation(root / "xml" / "a.xml", one((1, 1, 9, 9)))
    image = root / "pictures" / "deep" / "a.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"")
    (found,), _ = read(VocImporter(), root, context)
    assert found.path == image
