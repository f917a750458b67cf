"""YOLO's other kinds of rows: outlines (segment), corners (obb), boxes with keypoints (pose)."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Keypoints, Mask, Polygon, Rle, RotatedBox, RotatedBoxOps, Skeleton, rle
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.conversions import mask_to_polygon, polygon_area
from trainset_vision.formats.yolo import YoloExporter, YoloImporter

from trainset.core.model import Item, Task
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import REAL, needs_real_data, read, round_trip, row, task

SQUARE, HOLE, APART = (10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0), (20.0, 20.0, 30.0, 20.0, 30.0, 30.0), (50.0, 5.0, 60.0, 5.0, 55.0, 9.0)  # fmt: skip


def context(type, options=None, titles=("zebra", "ant")):
    own = task(*titles, type=type)
    return MemoryContext(msgspec.structs.replace(own, options=options) if options else own)


def one(tmp_path, text, type, config="names: [zebra, ant]\ntrain: images\n", options=None, size=(100, 50)):
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.new("RGB", size).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels" / "a.txt").write_text(text)
    (tmp_path / "data.yaml").write_text(config)
    items, problems = read(YoloImporter(), tmp_path, context(type, options))
    return [a for i in items for a in i.annotations], [p.message for p in problems]


def test_an_outline_is_a_polygon_and_a_box_beside_it_a_rectangle(tmp_path):
    found, said = one(tmp_path, "1 0.1 0.2 0.5 0.2 0.5 0.8\n0 0.5 0.5 0.2 0.4\n", "polygon")
    assert found[0].polygon[0] == pytest.approx((10, 10, 50, 10, 50, 40)) and found[0].label == "ant"
    assert found[1].polygon[0] == pytest.approx((40, 15, 60, 15, 60, 35, 40, 35))
    assert said == [f"1 boxes are read as rectangles (first: {tmp_path / 'labels' / 'a.txt'}:2)"]


def test_a_number_too_many_is_a_score(tmp_path):
    (found,), _ = one(tmp_path, "1 0.1 0.2 0.5 0.2 0.5 0.8 0.75\n", "polygon")
    assert found.score == 0.75 and len(found.polygon[0]) == 6


def test_outlines_become_pixels_in_a_task_of_masks(tmp_path):
    found, said = one(tmp_path, "1 0.1 0.2 0.5 0.2 0.5 0.8 0.1 0.8\n0 0.3 0.3 0.3 0.3 0.3 0.3\n", "mask")
    assert found[0].pixels[10:40, 10:50].all() and found[0].pixels.sum() == 30 * 40
    assert len(found) == 1 and "no pixel belongs to them" in said[0]


def test_four_corners_are_a_rotated_box_whose_width_is_the_first_side(tmp_path):
    (found,), said = one(tmp_path, "0 0.3 0.2 0.5 0.6 0.4 0.8 0.2 0.4\n", "rotated-box")
    assert np.allclose(corners(found.rotated_box), [[30, 10], [50, 30], [40, 40], [20, 20]]) and not said


def test_corners_that_are_no_rectangle_get_the_smallest_about_them_with_their_heading(tmp_path):
    (found,), said = one(tmp_path, "0 0.5 0.9 0.1 0.9 0.1 0.1 0.4 0.1\n", "rotated-box")
    assert found.rotated_box == pytest.approx((30, 25, 40, 40, 180)) and "smallest rotated boxes" in said[0]


@pytest.mark.parametrize("line", ["0 0.3 0.2 0.3 0.2 0.3 0.2 0.3 0.2", "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4 0.4"])
def test_corners_without_area_are_left_out(tmp_path, line):
    found, said = one(tmp_path, line, "rotated-box")
    assert not found and "outlines have no area" in said[0]


POSE = "names: [zebra, ant]\ntrain: images\nkpt_shape: [3, {}]\nflip_idx: [0, 2, 1]\n"
POINTS = Skeleton(points=("nose", "left", "right"), flip=(("left", "right"),))


@pytest.mark.parametrize(
    ("each", "points"), [(3, "0.1 0.2 2 0.5 0.2 1 0 0 0"), (2, "0.1 0.2 0.5 0.2 0 0"), (2, "0.1 0.2 0.5 0.2 -1 -1")]
)
def test_keypoints_have_two_or_three_numbers(tmp_path, each, points):
    (found,), said = one(tmp_path, f"1 0.5 0.5 0.2 0.4 {points}", "keypoints", POSE.format(each), POINTS)
    assert found.box == pytest.approx((40, 15, 20, 20)) and not said
    assert [p[2] for p in found.keypoints] == ([2, 1, 0] if each == 3 else [2, 2, 0])
    assert found.keypoints[1][:2] == pytest.approx((50, 10)) and found.keypoints[2] == (0, 0, 0)


def test_without_kpt_shape_the_task_says_how_many_points_a_row_has(tmp_path):
    config = "names: [zebra, ant]\ntrain: images\n"
    (found,), said = one(tmp_path, "1 0.5 0.5 0.2 0.4 0.1 0.2 0.5 0.2 0.3 0.3", "keypoints", config, POINTS)
    assert [p[2] for p in found.keypoints] == [2, 2, 2] and not said


def test_rows_without_keypoints_are_left_out_of_a_task_of_keypoints(tmp_path):
    found, said = one(tmp_path, "1 0.5 0.5 0.2 0.4\n1 0 0 1 0 1 1", "keypoints", POSE.format(3), POINTS)
    assert not found and "1 boxes have no keypoints" in said[0] and "1 outlines have no keypoints" in said[1]


def test_a_task_of_boxes_takes_the_boxes_of_keypoints(tmp_path):
    (found,), said = one(tmp_path, "1 0.5 0.5 0.2 0.4 0.1 0.2 2 0.5 0.2 1 0 0 0", "box", POSE.format(3))
    assert found.box == pytest.approx((40, 15, 20, 20)) and "keypoints are left out" in said[0]


def test_a_model_writes_how_sure_it_is_of_a_point(tmp_path):
    line = "1 0.5 0.5 0.2 0.4 0.1 0.2 0.99 0.5 0.2 0.01 0 0 0 0.9"
    (found,), _ = one(tmp_path, line, "keypoints", POSE.format(3), POINTS)
    assert [p[2] for p in found.keypoints] == [2, 2, 0] and found.score == 0.9


def test_a_task_takes_the_points_that_data_yaml_names(tmp_path):
    (tmp_path / "data.yaml").write_text(POSE.format(3) + "kpt_names: {0: [nose, left_eye, right_eye]}\n")
    pose = Task(name="t", type="keypoints")
    assert YoloImporter().options(tmp_path, pose) == {
        "points": ["nose", "left_eye", "right_eye"],
        "flip": [["left_eye", "right_eye"]],
    }
    (tmp_path / "data.yaml").write_text(POSE.format(3))
    assert YoloImporter().options(tmp_path, pose)["points"] == ["point-1", "point-2", "point-3"]
    assert YoloImporter().options(tmp_path, task("a")) == {}


@pytest.mark.parametrize(
    "shape", ["[3]", "x", "[3, 4]", "[0, 3]", "[-1, 3]", "[999999999999, 3]", "{a: b}", "[2, 3]", "[[1], 2]"]
)
def test_a_kpt_shape_that_makes_no_sense_is_an_error_that_names_the_file(tmp_path, shape):
    (tmp_path / "data.yaml").write_text(f"names: [a]\nkpt_shape: {shape}\nflip_idx: [0, 2, 1]\n")
    with pytest.raises(TrainsetError, match=r"data\.yaml: kpt_shape"):
        YoloImporter().options(tmp_path, Task(name="t", type="keypoints"))


@pytest.mark.parametrize("type", ["box", "polygon", "mask", "rotated-box", "keypoints"])
@pytest.mark.parametrize(
    "line",
    [
        "0 nan 0.5 0.5 0.5 0.5 0.5", "0 1e308 0.5 0.5 0.5 0.5 0.5", "0 1e400 0.1 0.1 0.1", "9 0 0 1 0 1 1", "0.5 0 0 1 0 1 1", "0",
        "0 12 30 50 30 50 60", "a b", "0 0.5 0.5 0.1 0.1 7",
    ],
)  # fmt: skip
def test_rows_that_make_no_sense_are_named_and_leave_no_item_empty(tmp_path, line, type):
    found, said = one(tmp_path, line, type)
    assert not found and said


def polygon(*rings, label="l0"):
    return Polygon(id="p", label=label, polygon=rings)


def goes_round(tmp_path, type, *shapes, options=None, size=(640, 480)):
    rows = [row(shapes, width=size[0], height=size[1])]
    items, lost, problems = round_trip(YoloImporter(), YoloExporter(), rows, tmp_path, context(type, options))
    assert not problems
    return items["a.jpg"].annotations, [loss.what for loss in lost]


def test_a_polygon_comes_back_point_by_point(tmp_path):
    (found,), lost = goes_round(tmp_path, "polygon", polygon((1 / 3, 2.7, 639.99, 0.0, 640.0, 480.0)))
    assert np.allclose(found.polygon[0], (1 / 3, 2.7, 639.99, 0, 640, 480), rtol=0, atol=1e-9) and not lost


def test_parts_and_holes_become_one_outline_of_the_same_region(tmp_path):
    (found,), lost = goes_round(tmp_path, "polygon", polygon(SQUARE, HOLE, APART))
    assert len(found.polygon) == 1 and lost == ["parts", "holes"]
    assert polygon_area(found.polygon) == pytest.approx(polygon_area((SQUARE, HOLE, APART)), abs=1e-6)
    assert polygon_area((*found.polygon, SQUARE)) == pytest.approx(900 + polygon_area((APART,)), abs=1e-6)


def test_what_is_outside_is_cut_and_what_is_all_outside_is_left_out(tmp_path):
    shapes = (
        polygon((-10.0, 10.0, 20.0, 10.0, 20.0, 30.0, -10.0, 30.0)),
        polygon((700.0, 10.0, 720.0, 10.0, 720.0, 30.0)),
    )
    (found,), lost = goes_round(tmp_path, "polygon", *shapes)
    assert polygon_area(found.polygon) == pytest.approx(400) and lost == ["outside", "outside"]


@settings(max_examples=60)
@given(pixels=st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=6, max_size=6))
def test_a_mask_comes_back_pixel_by_pixel_whatever_its_parts_and_holes(pixels):
    there = np.array(pixels)
    if not there.any():
        return
    mask = Mask(id="m", label="l0", mask=Rle((6, 9), rle.encode(there)))
    with TemporaryDirectory() as folder:
        (found,), lost = goes_round(Path(folder), "mask", mask, size=(9, 6))
    assert (found.pixels == there).all()
    assert ("parts" in lost or "holes" in lost) == (len(mask_to_polygon(mask.mask)) > 1)


@settings(max_examples=100)
@given(
    cx=st.floats(200, 400), cy=st.floats(200, 280), w=st.floats(1, 150), h=st.floats(1, 150), turn=st.floats(-360, 360)
)
def test_a_rotated_box_comes_back_with_its_heading(cx, cy, w, h, turn):
    with TemporaryDirectory() as folder:
        (found,), lost = goes_round(
            Path(folder), "rotated-box", RotatedBox(label="l0", rotated_box=(cx, cy, w, h, turn))
        )
    assert np.allclose(found.rotated_box[:4], (cx, cy, w, h), rtol=0, atol=1e-6) and not lost
    assert abs(math.remainder(found.rotated_box[4] - turn, 360)) < 1e-6


def test_corners_outside_move_to_the_edge(tmp_path):
    (found,), lost = goes_round(tmp_path, "rotated-box", RotatedBox(label="l0", rotated_box=(0, 100, 40, 20, 0)))
    assert found.rotated_box == pytest.approx((10, 100, 20, 20, 0)) and lost == ["outside"]
    assert not (tmp_path / "labels" / "train" / "a.txt").read_text().count("-")


def test_keypoints_come_back_with_names_and_mirror(tmp_path):
    pose = Keypoints(
        id="k", label="l0", keypoints=((1.25, 2.5, 2), (300.1, 40.0, 1), (0.0, 0.0, 0)), box=(1.0, 2.0, 300.0, 50.5)
    )
    (found,), lost = goes_round(tmp_path, "keypoints", pose, options=POINTS)
    assert np.allclose(found.keypoints, pose.keypoints) and np.allclose(found.box, pose.box) and not lost
    config = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert config["kpt_shape"] == [3, 3] and config["flip_idx"] == [0, 2, 1]
    assert YoloImporter().options(tmp_path, Task(name="t", type="keypoints")) == {
        "points": ["nose", "left", "right"],
        "flip": [["left", "right"]],
    }


def test_keypoints_without_a_box_get_one_and_those_outside_are_not_labelled(tmp_path):
    alone = Keypoints(id="k", label="l0", keypoints=((5.0, 5.0, 2), (0.0, 0.0, 0), (0.0, 0.0, 0)))
    out = Keypoints(
        id="o", label="l0", keypoints=((5.0, 5.0, 2), (700.0, 5.0, 2), (0.0, 0.0, 0)), box=(0.0, 0.0, 9.0, 9.0)
    )
    found, lost = goes_round(tmp_path, "keypoints", alone, out, options=POINTS)
    assert lost == ["boxes", "outside"]
    assert found[0].box == pytest.approx((4.5, 4.5, 1, 1)) and found[1].keypoints[1] == (0, 0, 0)


@needs_real_data
@pytest.mark.parametrize("src", ["labels_seg", "seg.yaml"])
@pytest.mark.parametrize("type", ["polygon", "mask"])
def test_real_outlines_with_gaps_in_their_class_numbers_come_back(tmp_path, src, type):
    names = dict(YoloImporter().classes(REAL / "coco48" / src))
    assert names[1] == "person" and names[90] == "toothbrush" and len(names) == 80
    ctx = context(type, titles=tuple(names.values()))
    items, problems = read(YoloImporter(), REAL / "coco48" / src, ctx)
    assert len(items) == 48 and all(p.note or "is not there" in p.message for p in problems)
    count = sum(len(Path(p).read_text().splitlines()) for p in (REAL / "coco48" / "labels_seg").glob("*.txt"))
    assert sum(len(i.annotations) for i in items) == count and all(i.path for i in items)
    rows = [row(labelled(ctx, i.annotations), i.name, **i.meta) for i in items]
    again, lost, problems = round_trip(YoloImporter(), YoloExporter(), rows, tmp_path, ctx)
    assert not problems and {x.what for x in lost} <= ({"parts", "holes"} if type == "mask" else set())
    for item in items:
        pairs = zip(again[item.name].annotations, item.annotations, strict=True)
        if type == "mask":
            assert all(a.mask == b.mask for a, b in pairs)
        else:
            assert all(np.allclose(a.polygon, b.polygon, rtol=0, atol=1e-9) for a, b in pairs)


def labelled(ctx, annotations):
    """Annotations with the ids of labels for their titles, as an import makes them."""
    ids = {label.title: label.id for label in ctx.task.labels}
    return [
        a.__class__(**{f: getattr(a, f) for f in a.__struct_fields__} | {"label": ids[a.label]}) for a in annotations
    ]


def test_rotated_boxes_are_alike_however_they_are_written(tmp_path):
    box = RotatedBox(label="l0", rotated_box=(100, 100, 40, 20, 30))
    (found,), _ = goes_round(tmp_path, "rotated-box", box)
    assert RotatedBoxOps().similarity([box], [found], Item(key="")) == pytest.approx(1)
