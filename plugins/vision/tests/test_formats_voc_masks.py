"""VOC's masks of objects and classes, and its dialects with rotated boxes and polygons."""

import math

import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Mask, Rle, RotatedBox, rle
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.formats.label_image import VOID, palette
from trainset_vision.formats.voc import VocExporter, VocImporter

from trainset.testing import MemoryContext

from .formats_kit import read, round_trip, row, task
from .test_formats_voc import annotation, one


def context(type, *titles):
    return MemoryContext(task(*(titles or ("cat", "dog")), type=type))


def png(path, values, *, colours=False, grey=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(palette(256)[values] if colours else values.astype(np.uint8))
    if not (colours or grey):
        image.putpalette(palette(256).tobytes())
    image.save(path)


def two_objects():
    """A cat (class 8 of the challenge) and a dog (12) with void between them."""
    objects, classes = np.zeros((48, 64), int), np.zeros((48, 64), int)
    objects[10:20, 10:20], classes[10:20, 10:20] = 1, 8
    objects[10:20, 21:30], classes[10:20, 21:30] = 2, 12
    objects[10:20, 20] = classes[10:20, 20] = VOID
    return objects, classes


@pytest.mark.parametrize("colours", [False, True])
def test_objects_have_the_class_of_their_pixels_and_the_flags_of_their_box(tmp_path, colours):
    objects, classes = two_objects()
    png(tmp_path / "SegmentationObject" / "a.png", objects, colours=colours)
    png(tmp_path / "SegmentationClass" / "a.png", classes, colours=colours)
    boxes = one((22, 11, 30, 20), "dog", "<difficult>1</difficult>"), one((11, 11, 20, 20), "cat")
    annotation(tmp_path / "Annotations" / "a.xml", *boxes, size=(64, 48))
    items, problems = read(VocImporter(), tmp_path, context("mask"))
    cat, dog = items[0].annotations
    assert (cat.pixels == (objects == 1)).all() and (dog.pixels == (objects == 2)).all()
    assert (cat.label, dog.label, cat.attributes, dog.attributes) == ("cat", "dog", {}, {"difficult": True})
    assert [p.message.split(" (")[0] for p in problems] == ["10 pixels are void: they belong to no object, and are not background either"]  # fmt: skip


def test_masks_alone_with_a_labelmap_are_a_data_set(tmp_path):
    objects, classes = two_objects()
    png(tmp_path / "SegmentationObject" / "a.png", objects, colours=True)
    png(
        tmp_path / "SegmentationClass" / "a.png", np.where(classes == 8, 2, np.where(classes == 12, 5, 0)), colours=True
    )
    colours = [",".join(map(str, colour)) for colour in palette(6).tolist()]
    (tmp_path / "labelmap.txt").write_text(
        f"# label:color_rgb:parts:actions\nbackground:0,0,0::\nb:{colours[5]}::\nz:{colours[2]}::\n"
    )
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    assert VocImporter().sniff(tmp_path) and VocImporter().classes(tmp_path) == [(None, "b"), (None, "z")]
    items, _ = read(VocImporter(), tmp_path, context("mask"))
    assert [a.label for a in items[0].annotations] == ["z", "b"] and items[0].name == "a.jpg"


def test_masks_of_classes_only_are_one_annotation_a_class(tmp_path):
    png(tmp_path / "SegmentationClass" / "a.png", two_objects()[1])
    items, problems = read(VocImporter(), tmp_path, context("polygon"))
    assert [a.label for a in items[0].annotations] == ["cat", "dog"] and any(
        "masks of classes only" in p.message for p in problems
    )


def test_images_without_masks_are_left_out_where_others_have_them(tmp_path):
    objects, classes = two_objects()
    png(tmp_path / "SegmentationObject" / "a.png", objects)
    png(tmp_path / "SegmentationClass" / "a.png", classes)
    for name in "ab":
        annotation(
            tmp_path / "Annotations" / f"{name}.xml", one((11, 11, 20, 20)), filename=f"{name}.jpg", size=(64, 48)
        )
    annotation(tmp_path / "Annotations" / "c.xml", filename="c.jpg")
    items, problems = read(VocImporter(), tmp_path, context("mask"))
    assert [i.name for i in items] == ["a.jpg"] and any("2 images are left out" in p.message for p in problems)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_a_mask_that_cannot_be_read_is_named(tmp_path, content):
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "SegmentationClass" / "a.png").write_bytes(content)
    items, problems = read(VocImporter(), tmp_path, context("mask"))
    assert not items and "a.png" in problems[0].where


def test_a_mask_of_another_size_is_refused(tmp_path):
    png(tmp_path / "SegmentationClass" / "a.png", np.ones((64, 48), int))
    annotation(tmp_path / "Annotations" / "a.xml", size=(64, 48))
    items, problems = read(VocImporter(), tmp_path, context("mask"))
    assert not items and "before its EXIF orientation" in problems[0].message


def test_boxes_are_no_outlines(tmp_path):
    items, problems = read(VocImporter(), annotation(tmp_path / "a.xml", one((1, 1, 9, 9))), context("polygon"))
    assert not items and "a box only, no outline" in problems[0].message


TURNED = "<robndbox><cx>30.5</cx><cy>20</cy><w>10</w><h>4</h><angle>1.5</angle></robndbox>"


def test_rotated_boxes_of_labelimg2_are_in_radians_clockwise(tmp_path):
    src = annotation(
        tmp_path / "a.xml", f"<object><type>robndbox</type><name>cat</name>{TURNED}</object>", one((1, 1, 9, 5))
    )
    items, _ = read(VocImporter(), src, context("rotated-box"))
    turned, plain = items[0].annotations
    assert turned.rotated_box == pytest.approx((30.5, 20, 10, 4, math.degrees(1.5)))
    assert plain.rotated_box == (4.5, 2.5, 9, 5, 0)
    items, _ = read(VocImporter(), src, context("box"))
    assert items[0].annotations[0].box[2] == pytest.approx(10 * math.cos(1.5) + 4 * math.sin(1.5))


@pytest.mark.parametrize(
    "polygon",
    ["<x1>1</x1><y1>2</y1><x2>9.5</x2><y2>2</y2><x3>9</x3><y3>9</y3>",
     "<pt><x>1</x><y>2</y></pt><pt><x>9.5</x><y>2</y></pt><pt><x>9</x><y>9</y></pt>"],
)  # fmt: skip
def test_polygons_of_other_tools_are_read(tmp_path, polygon):
    src = annotation(tmp_path / "a.xml", one((1, 1, 9, 9), extra=f"<polygon>{polygon}</polygon>"))
    items, _ = read(VocImporter(), src, context("polygon"))
    assert items[0].annotations[0].polygon == ((1, 2, 9.5, 2, 9, 9),)
    items, problems = read(VocImporter(), src, context("box"))
    assert items[0].annotations[0].box == (0, 0, 9, 9) and not problems


def test_rotated_boxes_and_masks_come_back(tmp_path):
    turned = RotatedBox(label="l1", rotated_box=(40.25, 30.0, 20.0, 7.5, -33.3), attributes={"difficult": True})
    items, lost, _ = round_trip(VocImporter(), VocExporter(), [row([turned])], tmp_path / "r", context("rotated-box"))
    (found,) = items["a.jpg"].annotations
    assert np.allclose(corners(found.rotated_box), corners(turned.rotated_box), rtol=0, atol=1e-6)
    assert found.attributes == {"difficult": True} and [x.what for x in lost] == ["rotated"]
    below, above = np.zeros((48, 64), bool), np.zeros((48, 64), bool)
    below[10:30, 10:30] = above[20:40, 20:40] = True
    masks = [Mask(id=n, label=n, mask=Rle((48, 64), rle.encode(m))) for n, m in (("l0", below), ("l1", above))]
    rows = [row(masks, width=64, height=48, split="val"), row([], "b.jpg", width=64, height=48)]
    items, lost, problems = round_trip(VocImporter(), VocExporter(), rows, tmp_path / "m", context("mask"))
    under, over = items["a.jpg"].annotations
    assert (over.pixels == above).all() and (under.pixels == (below & ~above)).all()
    assert [x.what for x in lost] == ["overlaps"] and items["a.jpg"].split == "val" and items["b.jpg"].annotations == []
    assert not problems
