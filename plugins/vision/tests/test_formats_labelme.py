"""LabelMe's files as its versions, and tools that took its format over, write them."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Box, Polygon, Polyline, rle
from trainset_vision.formats.labelme import LabelmeExporter, LabelmeImporter

from trainset.core.model import Item
from trainset.plugins import Imported, Labelled
from trainset.testing import MemoryContext

from . import shapes_kit as kit


def shape(kind, points, label="screw", **more):
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


def written(folder, shapes, name="a.json", **more):
    about = {
        "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.jpg", "imageData": None,
        "imageHeight": 40, "imageWidth": 60,
    }  # fmt: skip
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about | more, ensure_ascii=False, indent=2), encoding="utf-8")
    return path


def read(src, type, items=()):
    found = list(LabelmeImporter().read(src, kit.context(type, items)))
    return [f for f in found if isinstance(f, Imported)], [f.message for f in found if not isinstance(f, Imported)]


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_rectangles_from_any_corner_and_with_four(tmp_path):
    src = written(
        tmp_path,
        [
            shape("rectangle", [[30.5, 20], [10, 5.25]], description="bent", flags={"rusty": True, "new": False}),
            shape("rectangle", [[1, 1], [5, 1], [5, 4], [1, 4]], difficult=True, score=0.5),
        ],
    )
    items, problems = read(src, "box")
    assert items[0].annotations == [
        Box(label="screw", box=(10, 5.25, 20.5, 14.75), attributes={"rusty": True, "description": "bent"}),
        Box(label="screw", box=(1, 1, 4, 3), score=0.5, attributes={"difficult": True}),
    ]
    assert not problems
    assert items[0].meta == {"width": 60, "height": 40}


def test_the_oldest_files_have_polygons_without_a_type(tmp_path):
    src = tmp_path / "a.json"
    src.write_text(
        '\ufeff{"flags": {}, "shapes": [{"label": "screw", "line_color": null, "fill_color": null, '
        '"points": [[1, 1], [9, 1], [9, 9]]}], "lineColor": [0, 255, 0, 128], "fillColor": [255, 0, 0, 128], '
        '"imagePath": "..\\\\JPEGImages\\\\b ü.jpg", "imageData": "aGVsbG8="}',
        encoding="utf-8",
    )
    assert LabelmeImporter().sniff(src)
    items, problems = read(src, "polygon", [Item(key="media/JPEGImages/b ü.jpg")])
    assert items[0].annotations == [Polygon(label="screw", polygon=((1, 1, 9, 1, 9, 9),))]
    assert items[0].name == "JPEGImages/b ü.jpg"
    assert not problems


def test_polygons_of_one_label_and_group_are_one_object(tmp_path):
    ring, other = [[1, 1], [9, 1], [9, 9]], [[20, 20], [30, 20], [30, 30]]
    src = written(
        tmp_path,
        [
            shape("polygon", ring, group_id=1),
            shape("polygon", ring),
            shape("polygon", other, group_id=1),
            shape("polygon", other, label="nut", group_id=1),
        ],
    )
    assert [(a.label, len(a.polygon)) for a in read(src, "polygon")[0][0].annotations] == [
        ("screw", 2), ("screw", 1), ("nut", 1),
    ]  # fmt: skip


def test_lines_and_circles(tmp_path):
    src = written(
        tmp_path,
        [
            shape("line", [[1, 1], [9, 9]]),
            shape("linestrip", [[1, 1], [9, 1], [9, 9]]),
            shape("circle", [[20, 20], [23, 24]]),
        ],
    )
    items, problems = read(src, "polyline")
    assert items[0].annotations == [
        Polyline(label="screw", polyline=(1, 1, 9, 9)), Polyline(label="screw", polyline=(1, 1, 9, 1, 9, 9)),
    ]  # fmt: skip
    assert problems[0].startswith("1 ellipses and circles have no outline of points")
    items, problems = read(src, "box")
    assert items[0].annotations == [Box(label="screw", box=(15, 15, 10, 10))]
    assert any(p.startswith("1 ellipses and circles are read as the boxes about them") for p in problems)


def test_masks_are_placed_at_their_corner(tmp_path):
    pixels = np.zeros((3, 4), np.uint8)
    pixels[0, 1:] = pixels[2, 0] = 1
    src = written(tmp_path, [shape("mask", [[10, 5], [13, 7]], mask=png(pixels))])
    mask = read(src, "mask")[0][0].annotations[0].mask
    found = rle.decode(mask.counts, mask.size)
    assert found.shape == (40, 60)
    assert (found[5:8, 10:14] == (pixels > 0)).all()
    assert found.sum() == 4


def test_an_oriented_rectangle_has_the_angle_of_its_first_side(tmp_path):
    src = written(tmp_path, [shape("oriented_rectangle", [[20, 10], [20, 30], [10, 30], [10, 10]])])
    assert read(src, "rotated-box")[0][0].annotations[0].rotated_box == pytest.approx((15, 20, 20, 10, 90))


def test_points_of_a_group_are_an_object_labelled_by_its_rectangle(tmp_path):
    src = written(
        tmp_path,
        [
            shape("rectangle", [[1, 1], [20, 20]], label="b", group_id=4),
            shape("point", [[3, 4]], label="7", group_id=4),
            shape("point", [[5, 6]], label="nose", group_id=4, flags={"occluded": True}),
            shape("rectangle", [[30, 1], [50, 20]], label="b", group_id=5),
            shape("point", [[33, 4]], label="nose", group_id=5),
        ],
    )
    items, problems = read(src, "keypoints")
    assert [(a.label, a.keypoints, a.box) for a in items[0].annotations] == [
        ("b", ((5, 6, 1), (0, 0, 0), (3, 4, 2)), (1, 1, 19, 19)),
        ("b", ((33, 4, 2), (0, 0, 0), (0, 0, 0)), (30, 1, 20, 19)),
    ]
    assert not problems


def test_flags_of_an_image_are_its_classes(tmp_path):
    written(tmp_path, [], flags={"cat": True, "dog": False})
    written(tmp_path, [], "b.json", imagePath="b.jpg", flags={"cat": False})
    items, _ = read(tmp_path, "classify")
    assert [[a.label for a in item.annotations] for item in items] == [["cat"], []]
    assert LabelmeImporter().classes(tmp_path) == [(None, "cat")]


def test_images_are_found_from_where_the_file_lies(tmp_path):
    for folder, name in (("img", "a.jpg"), ("x/img", "a.jpg")):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (60, 40)).save(tmp_path / folder / name)
    written(tmp_path, [], "ann/a.json", imagePath="../img/a.jpg")
    written(tmp_path, [], "x/ann/a.json", imagePath="..\\img\\a.jpg")
    written(tmp_path, [], "y/a.json", imagePath="../../../../../etc/passwd")
    items, _ = read(tmp_path, "box")
    assert [(i.name, i.path and i.path.relative_to(tmp_path).as_posix()) for i in items] == [
        ("img/a.jpg", "img/a.jpg"),
        ("x/img/a.jpg", "x/img/a.jpg"),
        ("etc/passwd", None),
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (shape("rectangle", [[5, 5], [5, 9]]), "the box has no area: it is 0×4"),
        (shape("rectangle", [[5, 5]]), "a rectangle has fewer than two corners"),
        (shape("rectangle", [[5], [5, 9]]), "[5] are not 2 numbers"),
        (shape("rectangle", "no"), "'no' is no list of points"),
        (shape("rectangle", [[1, 1], [3, 3]], label=None), "1 objects have no label (first: a.json)"),
        (shape("star", [[1, 1]]), "1 shapes of type 'star' are not read (first: a.json)"),
    ],
)
def test_what_is_wrong_with_a_shape_is_said(wrong, message, tmp_path):
    items, problems = read(written(tmp_path, [wrong, shape("rectangle", [[1, 1], [3, 3]])]), "box")
    assert len(items[0].annotations) == 1
    assert problems == [message]


@pytest.mark.parametrize("mask", [None, "%%%", "aGVsbG8=", "A" * 100_000])
def test_a_mask_that_is_no_picture_is_said(mask, tmp_path):
    items, problems = read(written(tmp_path, [shape("mask", [[1, 1], [3, 3]], mask=mask)]), "mask")
    assert not items
    assert "mask" in problems[0]


def test_a_picture_larger_than_its_image_is_refused(tmp_path):
    large = png(np.ones((41, 10), np.uint8))
    assert (
        "larger than its image" in read(written(tmp_path, [shape("mask", [[1, 1], [3, 3]], mask=large)]), "mask")[1][0]
    )


def test_damaged_and_other_json_is_named(tmp_path):
    written(tmp_path, [])
    (tmp_path / "nan.json").write_text('{"shapes": [{"label": "a", "points": [[NaN, 1]]}], "imagePath": "b.jpg"}')
    (tmp_path / "other.json").write_text('{"images": []}')
    (tmp_path / "trainset.json").write_text("{}")
    items, problems = read(tmp_path, "box")
    assert len(items) == 1
    assert len(problems) == 2
    assert all("no file of LabelMe" in problem for problem in problems)


def test_coordinates_of_an_image_as_it_is_stored_are_left_out(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    src = written(tmp_path, [shape("rectangle", [[1, 1], [3, 3]])])
    items, problems = read(src, "box")
    assert not items
    assert "before their EXIF orientation" in problems[0]
    src = written(tmp_path, [shape("rectangle", [[1, 1], [3, 3]])], imageHeight=60, imageWidth=40)
    assert read(src, "box")[0][0].meta == {"width": 40, "height": 60}


def test_an_export_has_a_folder_of_nothing_but_labelme_files_and_names_come_back(tmp_path):
    context = MemoryContext(kit.task("box"), folder=tmp_path / "media", media_mode="copy")
    names = ("a.jpg", "cam/b.jpg", "cam/deep/c.jpg", "images/d.jpg")
    for name in names:
        (context.folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40)).save(context.folder / name)
    rows = [Labelled(item=Item(key=f"media/{name}"), name=name, annotations=(), state="reviewed") for name in names]
    assert not list(LabelmeExporter().write(rows, tmp_path / "out", context))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["images"]
    items, problems = read(tmp_path / "out", "box")
    assert (sorted(item.name for item in items), problems) == (sorted(names), [])


def test_a_folder_called_images_may_be_part_of_the_name_of_an_item(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "images/a.jpg"):
        Image.new("RGB", (60, 40)).save(tmp_path / name)
    written(tmp_path, [], "images/a.json", imagePath="a.jpg")
    known = [Item(key=f"media/{name}", meta={"width": 60, "height": 40}) for name in ("a.jpg", "images/a.jpg")]
    (found,), problems = read(tmp_path, "box", known)
    assert (found.name, found.path, problems) == ("images/a.jpg", tmp_path / "images" / "a.jpg", [])
