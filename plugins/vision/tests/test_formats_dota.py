"""DOTA: four corners in pixels, categories without blanks, headers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import RotatedBox
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.formats.dota import DotaExporter, DotaImporter

from trainset.core.model import Attribute, Label, Task
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import read, round_trip, row, task

HEADS = "imagesource:GoogleEarth\ngsd:0.146\n"
SHIP = "100 50 140 50 140 60 100 60 ship 0\n"


def dataset(root, text, folder="labelTxt"):
    (root / folder).mkdir(parents=True)
    (root / folder / "P1.txt").write_text(text)
    (root / "images").mkdir(exist_ok=True)
    Image.new("L", (200, 100)).save(root / "images" / "P1.png")
    return root


def context(type="rotated-box", **more):
    return MemoryContext(task("ship", "storage-tank", type=type) if not more else Task(name="t", type=type, **more))


@pytest.mark.parametrize("folder", ["labelTxt", "labelTxt-v1.5", "train/labelTxt", "labelTxt/train"])
def test_corners_come_with_category_and_difficulty(tmp_path, folder):
    root = dataset(tmp_path, HEADS + SHIP + "10.5 10 20.5 20 10.5 30 0.5 20 storage-tank 1\n", folder)
    assert DotaImporter().sniff(root) and [name for _, name in DotaImporter().classes(root)] == ["ship", "storage-tank"]
    items, problems = read(DotaImporter(), root, context())
    ship, tank = items[0].annotations
    assert ship.rotated_box == pytest.approx((120, 55, 40, 10, 0)) and ship.attributes == {}
    assert tank.rotated_box == pytest.approx((10.5, 20, 200**0.5, 200**0.5, 45)) and tank.attributes == {
        "difficult": True
    }
    assert not problems and items[0].split == ("train" if "train" in folder else None) and items[0].path


def test_the_first_corner_says_where_the_front_is(tmp_path):
    root = dataset(tmp_path, "140 60 100 60 100 50 140 50 ship 0\n")
    (ship,) = read(DotaImporter(), root, context())[0][0].annotations
    assert ship.rotated_box[2:4] == (40, 10) and abs(ship.rotated_box[4]) == pytest.approx(180)


def test_quadrilaterals_that_are_no_rectangles_get_the_smallest_about_them_and_that_is_said(tmp_path):
    root = dataset(tmp_path, "100 50 140 50 135 60 100 60 ship 0\n")
    items, problems = read(DotaImporter(), root, context())
    assert items[0].annotations[0].rotated_box == pytest.approx((120, 55, 40, 10, 0))
    assert problems[0].note and "smallest rotated boxes" in problems[0].message
    assert read(DotaImporter(), root, context("polygon"))[0][0].annotations[0].polygon == (
        (100, 50, 140, 50, 135, 60, 100, 60),
    )
    assert read(DotaImporter(), root, context("box"))[0][0].annotations[0].box == (100, 50, 40, 10)


def test_headers_are_attributes_of_the_item_where_the_task_has_them(tmp_path):
    asks = (Attribute(name="gsd", type="number", of="item"), Attribute(name="imagesource", type="text", of="item"))
    ctx = context(labels=(Label(id="ship", index=0),), attributes=asks)
    assert read(DotaImporter(), dataset(tmp_path, HEADS + SHIP), ctx)[0][0].attributes == {
        "gsd": 0.146,
        "imagesource": "GoogleEarth",
    }


@pytest.mark.parametrize("line", ["1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 x ship 0", "nan 2 3 4 5 6 7 8 ship 0", "1e308 2 3 4 5 6 7 8 ship 0", "1 1 1 1 1 1 1 1 ship 0"])  # fmt: skip
def test_lines_that_make_no_sense_are_named_and_leave_no_item_empty(tmp_path, line):
    items, problems = read(DotaImporter(), dataset(tmp_path, HEADS + line + "\n"), context())
    assert not items and problems


def test_a_file_without_objects_says_that_nothing_is_there(tmp_path):
    assert [i.annotations for i in read(DotaImporter(), dataset(tmp_path, HEADS), context())[0]] == [[]]


def test_blanks_in_names_become_hyphens_and_two_labels_never_one(tmp_path):
    ctx = context(labels=(Label(id="storage-tank", index=0, name="storage tank"),))
    rows = [row([RotatedBox(label="storage-tank", rotated_box=(50, 50, 20, 10, 30))])]
    items, lost, _ = round_trip(DotaImporter(), DotaExporter(), rows, tmp_path / "a", ctx)
    assert [x.what for x in lost] == ["blanks"] and ctx.task.label(items["a.jpg"].annotations[0].label)
    both = context(labels=(Label(id="a", index=0, name="x y"), Label(id="b", index=1, name="x-y")))
    with pytest.raises(TrainsetError, match="two labels"):
        list(DotaExporter().write([], tmp_path / "b", both))


@settings(max_examples=60)
@given(
    cx=st.floats(-50, 400),
    cy=st.floats(-50, 280),
    w=st.floats(0.5, 150),
    h=st.floats(0.5, 150),
    turn=st.floats(-360, 360),
)
def test_a_rotated_box_comes_back_corner_by_corner(tmp_path_factory, cx, cy, w, h, turn):
    box = RotatedBox(label="l0", rotated_box=(cx, cy, w, h, turn))
    dest = tmp_path_factory.mktemp("out")
    items, lost, _ = round_trip(DotaImporter(), DotaExporter(), [row([box])], dest, context())
    (found,) = items["a.jpg"].annotations
    assert np.allclose(corners(found.rotated_box), corners(box.rotated_box), rtol=0, atol=1e-6) and not lost


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gsd", True),
        ("gsd", "0.5"),
        ("imagesource", ""),
        ("imagesource", "null"),
        ("imagesource", " a"),
        ("imagesource", "a\u2028b"),
    ],
)
def test_heads_that_would_not_come_back_are_said_to_be_lost(tmp_path, key, value):
    given = [row(name="a.jpg", attributes={key: value})]
    lost = list(DotaExporter().write(given, tmp_path, MemoryContext(task("a"))))
    assert [(loss.what, loss.detail) for loss in lost] == [("item-attributes", key)]
    assert (tmp_path / "labelTxt" / "a.txt").read_text() == ""
