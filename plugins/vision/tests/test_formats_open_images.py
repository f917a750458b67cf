"""Open Images: tables of boxes, masks and classes, with fractions, flags and ids of classes."""

import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Mask, Rle, rle
from trainset_vision.formats.open_images import OpenImagesExporter, OpenImagesImporter

from trainset.core.model import Class
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import box, read, round_trip, row, same_boxes, task

BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)
NAMES = "/m/01,Ship\n/m/02,Tank\n"
LABELS = "ImageID,Source,LabelName,Confidence\n"
MASKS = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"


def dataset(root, **files):
    (root / "images").mkdir(parents=True, exist_ok=True)
    for name in "ab":
        Image.new("L", (200, 100)).save(root / "images" / f"{name}.jpg")
    for name, text in ({"class-descriptions-boxable": NAMES} | files).items():
        (root / f"{name.replace('_', '-')}.csv").write_text(text)
    return root


def context(type="box"):
    return MemoryContext(task("Ship", "Tank", type=type))


def test_boxes_are_fractions_with_flags_and_names_from_the_descriptions(tmp_path):
    text = BOXES + "a,xclick,/m/01,1,0.1,0.5,0.2,0.4,1,0,0,-1,0\nb,activemil,/m/02,0.8,0,1,0,1,0,0,1,0,0\n"
    root = dataset(tmp_path, train_annotations_bbox=text)
    assert OpenImagesImporter().sniff(root) and OpenImagesImporter().classes(root) == [(None, "Ship"), (None, "Tank")]
    items, problems = read(OpenImagesImporter(), root, context())
    a, b = items[0].annotations[0], items[1].annotations[0]
    assert same_boxes([a, b], [box(20, 20, 80, 20, "Ship"), box(0, 0, 200, 100, "Tank")]) and not problems
    assert (
        a.attributes == {"occluded": True}
        and b.attributes == {"is_group_of": True}
        and (a.score, b.score) == (None, 0.8)
    )
    assert items[0].split == "train" and items[0].path


def test_rows_of_an_image_need_not_stand_together(tmp_path):
    rows = "a,x,/m/01,1,0,1,0,1,0,0,0,0,0\nb,x,/m/01,1,0,1,0,1,0,0,0,0,0\n"
    items, _ = read(OpenImagesImporter(), dataset(tmp_path, train_annotations_bbox=BOXES + rows * 2), context())
    assert [(i.name, len(i.annotations)) for i in items] == [("a.jpg", 2), ("b.jpg", 2)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_that_a_spreadsheet_saved_are_read(tmp_path, encoding):
    text = "ImageID, LabelName, XMin, XMax, YMin, YMax\na, /m/01, 0.1, 0.5, 0.2, 0.4\n"
    root = dataset(tmp_path)
    (root / "boxes.csv").write_text(text, encoding=encoding)
    (found,), problems = read(OpenImagesImporter(), root, context())
    assert same_boxes(found.annotations, [box(20, 20, 80, 20, "Ship")]) and not problems


def test_a_table_with_a_quote_that_does_not_end_is_named(tmp_path):
    text = BOXES + 'a,x,/m/01,1,0,1,0,1,0,0,0,0,0\nb,"x' + "y" * (1 << 24) + "\n"
    with pytest.raises(TrainsetError, match=r"bbox\.csv"):
        read(OpenImagesImporter(), dataset(tmp_path, train_annotations_bbox=text), context())


@pytest.mark.parametrize("place", ["nan,1,0,1", "0,1e308,0,1", "x,1,0,1", "0.5,0.5,0,1", "0,20,0,30", ",,,"])
def test_boxes_that_make_no_sense_are_named_and_leave_no_item_empty(tmp_path, place):
    text = BOXES + f"a,x,/m/01,1,{place},0,0,0,0,0\n"
    items, problems = read(OpenImagesImporter(), dataset(tmp_path, train_annotations_bbox=text), context())
    assert not items and "bbox.csv:2" in problems[0].where


def test_verified_classes_and_those_verified_not_to_be_there(tmp_path):
    text = LABELS + "a,verification,/m/01,1\na,verification,/m/02,0\nb,verification,/m/02,0\n"
    root = dataset(tmp_path, validation_annotations_human_imagelabels=text)
    items, problems = read(OpenImagesImporter(), root, context("classify"))
    assert [(i.name, [a.label for a in i.annotations], i.split) for i in items] == [("a.jpg", ["Ship"], "val")]
    assert (
        "2 classes are verified not to be there" in problems[0].message
        and "1 images are left out" in problems[1].message
    )


def test_classes_that_a_machine_found_are_predictions(tmp_path):
    root = dataset(tmp_path, train_annotations_machine_imagelabels=LABELS + "a,machine,/m/01,0.7\n")
    (item,), _ = read(OpenImagesImporter(), root, context("classify"))
    assert item.state == "predicted" and item.annotations[0].score == 0.7


def test_masks_are_scaled_to_their_image(tmp_path):
    root = dataset(
        tmp_path,
        train_annotations_object_segmentation=MASKS
        + "a_m01_1.png,a,/m/01,1,0,1,0,1,0.8,\nno.png,b,/m/01,1,0,1,0,1,0.8,\n",
    )
    (root / "masks").mkdir()
    pixels = np.zeros((200, 400), np.uint8)
    pixels[:100, :200] = 255
    Image.fromarray(pixels).save(root / "masks" / "a_m01_1.png")
    items, problems = read(OpenImagesImporter(), root, context("mask"))
    found = items[0].annotations[0].pixels
    assert found.shape == (100, 200) and found[:50, :100].all() and found.sum() == 5000 and len(items) == 1
    assert "no.png is not there" in problems[0].message and any("scaled" in p.message for p in problems)


def test_a_folder_without_the_table_of_the_task_says_which_it_has(tmp_path):
    root = dataset(tmp_path, train_annotations_bbox=BOXES)
    with pytest.raises(TrainsetError, match="no table of masks is here, only of: boxes"):
        read(OpenImagesImporter(), root, context("mask"))
    (tmp_path / "x").mkdir()
    assert OpenImagesImporter().sniff(tmp_path / "x") is None


def test_everything_comes_back(tmp_path):
    there = np.zeros((480, 640), bool)
    there[3:50, 7:90] = True
    mask = Mask(id="m", label="l0", mask=Rle((480, 640), rle.encode(there)))
    boxes = [box(1 / 3, 2.5, 100.1, 99.9, attributes={"occluded": True}), box(5, 5, 1, 1, "l1", score=0.5)]
    for type, shapes in (("box", boxes), ("mask", [mask]), ("classify", [Class(label="l1")])):
        rows = [row(shapes, "x/a.jpg", split="val"), row([], "y/a.png")]
        items, lost, problems = round_trip(
            OpenImagesImporter(), OpenImagesExporter(), rows, tmp_path / type, context(type)
        )
        found = items["x/a.jpg"].annotations
        assert not lost and not problems and items["y/a.png"].annotations == [] and items["x/a.jpg"].split == "val"
        assert [context().task.label(s.label).title for s in shapes] == [a.label for a in found]
        assert [s.attributes for s in shapes] == [a.attributes for a in found] and [s.score for s in shapes] == [
            a.score for a in found
        ]
        if type == "box":
            assert all(np.allclose(s.box, a.box, rtol=0, atol=1e-6) for s, a in zip(shapes, found, strict=True))
        if type == "mask":
            assert (found[0].pixels == there).all()
