"""Exports as other tools lay them out, written by hand: CVAT's YOLO 1.1 and LabelMe 3.0, and what Datumaro does differently."""

import json

import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Mask, Polygon, rle
from trainset_vision.formats.cvat import CvatExporter, CvatImporter
from trainset_vision.formats.datumaro import DatumaroImporter
from trainset_vision.formats.dota import DotaImporter
from trainset_vision.formats.label_studio import LabelStudioImporter
from trainset_vision.formats.open_images import OpenImagesExporter, OpenImagesImporter
from trainset_vision.formats.voc import VocImporter
from trainset_vision.formats.yolo import YoloImporter

from trainset.core.model import Item
from trainset.testing import MemoryContext

from .formats_kit import box, item, read, row, shapes, task


def context(type="box", items=()):
    return MemoryContext(task("screw", "nut", type=type), items)


def picture(path, size=(100, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


# -- Darknet -------------------------------------------------------------------------------------------------


def darknet(root, listed="data/obj_train_data/{}", images=True):
    (root / "obj_train_data" / "sub").mkdir(parents=True)
    (root / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n"
    )
    (root / "obj.names").write_text("screw\nnut\n")
    for split, name in (("train", "sub/a b.jpg"), ("valid", "c.jpg")):
        (root / f"{split}.txt").write_text(f"{listed.format(name)}\n")
        (root / "obj_train_data" / name).with_suffix(".txt").write_text("1 0.5 0.5 0.2 0.4\n")
        if images:
            picture(root / "obj_train_data" / name)
    return root


@pytest.mark.parametrize("listed", ["data/obj_train_data/{}", "obj_train_data/{}", "/home/ana/set/obj_train_data/{}"])
def test_darknet_lists_give_images_and_splits_wherever_they_were_written(tmp_path, listed):
    root = darknet(tmp_path, listed)
    assert YoloImporter().classes(root) == [(0, "screw"), (1, "nut")]
    assert "obj.data" in YoloImporter().sniff(root).evidence[0]
    for src in (root, root / "obj.data"):
        items, problems = read(YoloImporter(), src, context())
        assert [(i.path.name, i.split, shapes(i.annotations)) for i in items] == [
            ("a b.jpg", "train", [("nut", (40, 15, 20, 20))]),
            ("c.jpg", "val", [("nut", (40, 15, 20, 20))]),
        ]
        assert not problems


def test_darknet_labels_without_images_go_to_the_items_that_are_known(tmp_path):
    known = [item("sub/a b.jpg", 100, 50), item("c.jpg", 100, 50)]
    items, problems = read(YoloImporter(), darknet(tmp_path, images=False), context(items=known))
    assert [(len(i.annotations), i.split) for i in items] == [(1, "train"), (1, "val")]
    assert not problems


def test_class_names_for_darknet_lie_beside_the_images_of_a_split(tmp_path):
    picture(tmp_path / "train" / "a.jpg")
    (tmp_path / "train" / "a.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    (tmp_path / "train" / "_darknet.labels").write_text("screw\nnut\n")
    items, problems = read(YoloImporter(), tmp_path, context())
    assert shapes(items[0].annotations) == [("nut", (40, 15, 20, 20))]
    assert not problems


# -- LabelMe's XML -------------------------------------------------------------------------------------------


def points(*flat):
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return "".join(f"<pt><x>\n{x}\n</x><y>{y}</y></pt>" for x, y in pairs)


def labelme(root, *objects, split="train"):
    path = root / "Annotations" / split / "a.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(root / "Images" / split / "a.jpg")
    numbered = "".join(f"<object><id>{n}</id>{one}</object>" for n, one in enumerate(objects))
    path.write_text(f"<annotation><filename>a.jpg</filename><folder>{split}</folder>{numbered}</annotation>")
    return root


def part(whole):
    return f"<parts><hasparts></hasparts><ispartof>{whole}</ispartof></parts>"


SQUARE, APART = points(10, 10, 30, 10, 30, 30, 10, 30), points(40, 10, 50, 10, 50, 20, 40, 20)


def test_labelme_has_flags_attributes_and_a_split(tmp_path):
    said = "<occluded>yes</occluded><deleted>0</deleted><attributes>colour=red, worn, wheels=4, old=False</attributes>"
    rectangle = f"<name>screw</name><type>bounding_box</type>{said}<polygon>{SQUARE}</polygon>"
    deleted = f"<name>nut</name><deleted>1</deleted><polygon>{APART}</polygon>"
    (found,), problems = read(VocImporter(), labelme(tmp_path, rectangle, deleted, split="val"), context())
    assert shapes(found.annotations) == [("screw", (10, 10, 20, 20))]
    expected = {"occluded": True, "colour": "red", "worn": True, "wheels": 4, "old": False}
    assert found.annotations[0].attributes == expected
    assert (found.split, problems) == ("val", [])


def test_labelme_parts_of_the_label_of_their_whole_are_one_object_with_it(tmp_path):
    whole, same = (
        f"<name>screw</name><polygon>{SQUARE}</polygon>",
        f"<name>screw</name>{part(0)}<polygon>{APART}</polygon>",
    )
    other = f"<name>nut</name>{part(0)}<polygon>{APART}</polygon>"
    (found,), problems = read(VocImporter(), labelme(tmp_path, whole, same, other), context("polygon"))
    assert [(a.label, len(a.polygon)) for a in found.annotations] == [("screw", 2), ("nut", 1)]
    assert not problems


def test_labelme_rectangles_are_no_outlines(tmp_path):
    rectangle = f"<name>screw</name><type>bounding_box</type><polygon>{SQUARE}</polygon>"
    items, problems = read(VocImporter(), labelme(tmp_path, rectangle), context("polygon"))
    assert not items
    assert any("a box only" in p.message for p in problems)


def test_labelme_masks_are_images_that_objects_name(tmp_path):
    pixels = np.zeros((50, 100), np.uint8)
    pixels[10:20, 30:50] = 255
    (tmp_path / "Masks" / "train").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "Masks" / "train" / "a_mask_0.png")
    root = labelme(
        tmp_path,
        "<name>screw</name><segm><mask>a_mask_0.png</mask></segm>",
        "<name>nut</name><segm><mask>../../a_mask_1.png</mask></segm>",
    )
    (found,), problems = read(VocImporter(), root, context("mask"))
    (mask,) = found.annotations
    assert isinstance(mask, Mask)
    assert np.array_equal(rle.decode(mask.mask.counts, mask.mask.size), pixels > 0)
    assert [p.message for p in problems] == ["the mask ../../a_mask_1.png is not there, or there are several"]
    (found,), _ = read(VocImporter(), root, context())
    assert shapes(found.annotations) == [("screw", (30, 10, 20, 10))]


# -- Pascal VOC ----------------------------------------------------------------------------------------------


def test_voc_attributes_stand_in_elements_too(tmp_path):
    about = "<attributes><attribute><name>colour</name><value>red</value></attribute></attributes>"
    place = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax></bndbox>"
    (tmp_path / "a.xml").write_text(f"<annotation><object><name>screw</name>{about}{place}</object></annotation>")
    (found,), _ = read(VocImporter(), tmp_path, context())
    assert found.annotations[0].attributes == {"colour": "red"}


def test_voc_images_that_are_listed_and_have_no_file_are_said(tmp_path):
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a\nb\n")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text("<annotation><filename>a.jpg</filename></annotation>")
    items, problems = read(VocImporter(), tmp_path, context())
    assert [(i.name, i.split) for i in items] == [("a.jpg", "train")]
    assert [p.message for p in problems] == ["1 images are listed in ImageSets alone, and are left out (first: b)"]


def test_empty_folders_of_masks_are_no_voc(tmp_path):
    (tmp_path / "SegmentationObject").mkdir()
    assert VocImporter().sniff(tmp_path) is None


# -- others --------------------------------------------------------------------------------------------------


def test_cvat_files_called_like_splits_hold_them(tmp_path):
    for name in ("train", "annotations"):
        (tmp_path / f"{name}.xml").write_text(
            f'<annotations><version>1.1</version><image name="{name}.jpg"/></annotations>'
        )
    items, _ = read(CvatImporter(), tmp_path, context())
    assert {i.name: i.split for i in items} == {"train.jpg": "train", "annotations.jpg": None}


def test_cvat_has_subsets_in_a_project(tmp_path):
    rows = [row([box(1, 2, 3, 4)], split="train"), row([box(1, 2, 3, 4)], "b.jpg", split="val")]
    assert not list(CvatExporter().write(iter(rows), tmp_path, context()))
    text = (tmp_path / "annotations.xml").read_text()
    assert "<project>" in text
    assert "<subset>train</subset>" in text and "<subset>val</subset>" in text
    items, problems = read(CvatImporter(), tmp_path, context(items=[r.item for r in rows]))
    assert [i.split for i in items] == ["train", "val"] and not problems


@pytest.mark.parametrize(("end", "difficult"), [(" 1", True), (" 0", False), ("", False)])
def test_dota_categories_may_have_blanks(tmp_path, end, difficult):
    picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "labelTxt").mkdir()
    (tmp_path / "labelTxt" / "a.txt").write_text(f"10 10 30 10 30 20 10 20 large vehicle{end}\n")
    assert DotaImporter().classes(tmp_path) == [(None, "large vehicle")]
    (found,), _ = read(DotaImporter(), tmp_path, context("rotated-box"))
    assert found.annotations[0].label == "large vehicle"
    assert found.annotations[0].attributes == ({"difficult": True} if difficult else {})


def test_a_name_without_suffix_means_the_image_in_its_splits_folder(tmp_path):
    for name in ("train/sub/empty.jpg", "val/empty.png"):
        picture(tmp_path / "images" / name)
    (tmp_path / "annotations").mkdir()
    header = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n"
    for split, name in (("train", "sub/empty"), ("val", "empty")):
        (tmp_path / "annotations" / f"{split}-annotations-bbox.csv").write_text(f"{header}{name},,screw,1,0,1,0,1\n")
    items, _ = read(OpenImagesImporter(), tmp_path, context())
    found = {i.path.relative_to(tmp_path / "images").as_posix(): i.split for i in items}
    assert found == {"train/sub/empty.jpg": "train", "val/empty.png": "val"}


def test_open_images_masks_lie_in_one_folder(tmp_path):
    square = Polygon(label="l0", polygon=((10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0),))
    rows = [row([square], name) for name in ("sub/a.jpg", "sub%2Fa.jpg")]
    list(OpenImagesExporter().write(iter(rows), tmp_path, context("polygon")))
    assert len([p for p in (tmp_path / "masks").iterdir() if p.is_file()]) == 2


def test_datumaro_flattens_paths_and_keeps_ids(tmp_path):
    (tmp_path / "annotations").mkdir()
    one = {"id": "sub/deep/c", "annotations": [], "image": {"path": "sub_deep_c.jpg", "size": [50, 100]}}
    about = {"categories": {"label": {"labels": [{"name": "screw"}]}}, "items": [one]}
    (tmp_path / "annotations" / "default.json").write_text(json.dumps(about))
    items, _ = read(DatumaroImporter(), tmp_path, context(items=[item("sub/deep/c.jpg", 100, 50)]))
    assert [i.name for i in items] == ["sub/deep/c.jpg"]


def test_label_studio_names_files_as_they_stand_in_addresses(tmp_path):
    place = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>10</ymax></bndbox>"
    (tmp_path / "b%20two.xml").write_text(
        f"<annotation><filename>b%20two.jpg</filename><object><name>screw</name>{place}</object></annotation>"
    )
    known = Item(key="media/b two.jpg", meta={"width": 100, "height": 50})
    items, _ = read(VocImporter(), tmp_path, context(items=[known]))
    assert [i.name for i in items] == ["b two.jpg"]


def test_create_ml_is_not_taken_for_label_studio(tmp_path):
    place = {"label": "screw", "coordinates": {"x": 5, "y": 5, "width": 4, "height": 4}}
    (tmp_path / "a.json").write_text(json.dumps([{"image": "a.jpg", "annotations": [place]}]))
    assert LabelStudioImporter().sniff(tmp_path) is None
