"""Datumaro's JSON as Datumaro and CVAT write it."""

import json

import pytest
from trainset_vision.annotations import Box, RotatedBox
from trainset_vision.formats.datumaro import DatumaroImporter

from trainset.plugins import Imported

from . import shapes_kit as kit


def annotation(type, group=0, label=0, **more):
    return {"id": 0, "type": type, "attributes": {}, "group": group, "label_id": label, "z_order": 0} | more


def written(folder, annotations, labels=("screw", "nut"), subset="default", **more):
    about = {
        "info": {},
        "categories": {
            "label": {"labels": [{"name": n, "parent": "", "attributes": []} for n in labels], "attributes": ["occluded"]},
            "mask": {"colormap": [{"label_id": 0, "r": 0, "g": 0, "b": 0}]},
        },
        "items": [
            {
                "id": "x/img1", "annotations": list(annotations), "attr": {"frame": 0},
                "image": {"path": "x/img1.jpg", "size": [40, 60]},
            }
        ],
    }  # fmt: skip
    path = folder / "annotations" / f"{subset}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(about | more), encoding="utf-8")
    return path


def read(src, type):
    found = list(DatumaroImporter().read(src, kit.context(type)))
    return [f for f in found if isinstance(f, Imported)], [f.message for f in found if not isinstance(f, Imported)]


def test_boxes_of_cvat(tmp_path):
    said = {"occluded": True, "rotation": 0.0, "keyframe": False}
    turned = annotation("bbox", bbox=[10, 10, 20, 10], attributes={"rotation": 90.0}, label=1)
    written(tmp_path, [annotation("bbox", bbox=[1.5, 2, 3, 4], attributes=said, z_order=2)], subset="Train")
    written(tmp_path, [turned, annotation("bbox", bbox=[1, 1, 2, 2])], subset="extra")
    assert DatumaroImporter().sniff(tmp_path)
    items, problems = read(tmp_path, "box")
    assert items[0].annotations == [
        Box(label="screw", box=(1.5, 2, 3, 4), attributes={"occluded": True, "keyframe": False, "z_order": 2})
    ]
    assert [(i.name, i.split, i.meta, i.attributes) for i in items] == [
        ("x/img1.jpg", split, {"width": 60, "height": 40}, {}) for split in ("train", "extra")
    ]
    assert problems[0].startswith("1 rotated boxes are read as the boxes about them")
    assert read(tmp_path, "rotated-box")[0][1].annotations[0] == RotatedBox(
        label="nut", rotated_box=(20, 15, 20, 10, 90)
    )


def test_labels_have_their_numbers(tmp_path):
    src = written(tmp_path, [], labels=("screw", "unused-1", "nut"))
    assert DatumaroImporter().classes(src) == [(0, "screw"), (2, "nut")]


def test_shapes_of_one_group_are_one_object(tmp_path):
    first, second = [1, 1, 9, 1, 9, 9], [20, 20, 30, 20, 30, 30]
    written(
        tmp_path,
        [
            annotation("bbox", 1, bbox=[1, 1, 29, 29]),
            annotation("polygon", 1, points=first),
            annotation("polygon", 1, points=second),
            annotation("polygon", 0, points=first),
        ],
    )
    assert [a.polygon for a in read(tmp_path, "polygon")[0][0].annotations] == [
        (tuple(first), tuple(second)),
        (tuple(first),),
    ]
    assert [a.box for a in read(tmp_path, "box")[0][0].annotations] == [(1, 1, 29, 29), (1, 1, 8, 8)]


def test_points_and_their_box(tmp_path):
    written(
        tmp_path,
        [
            annotation("points", 3, points=[1, 2, 0, 0, 5, 6], visibility=[2, 0, 1]),
            annotation("bbox", 3, bbox=[1, 1, 9, 9]),
            annotation("points", points=[1, 2, 3, 4, 5, 6], label=1),
        ],
    )
    assert [(a.label, a.keypoints) for a in read(tmp_path, "keypoints")[0][0].annotations] == [
        ("screw", ((1, 2, 2), (0, 0, 0), (5, 6, 1))),
        ("nut", ((1, 2, 2), (3, 4, 2), (5, 6, 2))),
    ]
    assert read(tmp_path, "keypoints")[0][0].annotations[0].box == (1, 1, 9, 9)


def test_a_skeleton_of_cvat(tmp_path):
    def point(label, x, visible):
        return annotation("points", points=[x, 1.0], visibility=[visible], label=label)

    labels = [{"name": "b", "parent": ""}, *({"name": n, "parent": "b"} for n in ("7", "nose", "left eye"))]
    src = written(
        tmp_path,
        [annotation("skeleton", elements=[point(1, 4.0, 1), point(2, 5.0, 2), point(3, 0.0, 0)])],
        categories={
            "label": {"labels": labels},
            "points": {"items": [{"label_id": 0, "labels": ["7", "nose", "left eye"], "joints": [[1, 2], [2, 3]]}]},
        },
    )
    assert read(src, "keypoints")[0][0].annotations[0].keypoints == ((5, 1, 2), (0, 1, 0), (4, 1, 1))
    assert DatumaroImporter().classes(src) == [(0, "b")]
    assert DatumaroImporter().options(src, kit.task("keypoints")) == {
        "points": ["7", "nose", "left eye"],
        "edges": [["7", "nose"], ["nose", "left eye"]],
    }


def test_masks_labels_captions_scores_and_tracks(tmp_path):
    mask = kit.disc(60, 40, 20, 20, 5)
    written(
        tmp_path,
        [
            annotation("mask", rle={"counts": mask.counts, "size": [40, 60]}),
            annotation("label", label=1, attributes={"score": 0.25}),
            annotation("bbox", bbox=[1, 1, 2, 2], attributes={"track_id": 7, "score": 2}),
            {"id": 0, "type": "caption", "attributes": {}, "group": 0, "caption": "two screws"},
        ],
    )
    assert [a.mask for a in read(tmp_path, "mask")[0][0].annotations] == [mask]
    assert [(a.label, a.score) for a in read(tmp_path, "classify")[0][0].annotations] == [("nut", 0.25)]
    items, problems = read(tmp_path, "box")
    assert [a.track for a in items[0].annotations] == [None, "7"]
    assert items[0].attributes == {"caption": "two screws"}
    assert any(p.startswith("1 scores are no numbers in 0..1") for p in problems)


def test_fields_may_be_missing(tmp_path):
    path = tmp_path / "train.json"
    path.write_text(
        '{"items": [{"id": "a", "annotations": []}, {"id": 5}, {"id": "pc", "point_cloud": {"path": "x.pcd"}}]}'
    )
    (tmp_path / "images" / "train").mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.png").write_bytes(b"")
    items, problems = read(path, "box")
    assert [(i.name, i.split, i.path and i.path.name) for i in items] == [
        ("a.png", "train", "a.png"),
        ("5", "train", None),
    ]
    assert problems[0].startswith("1 items are point clouds")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (annotation("bbox", bbox=[1, 1, 0, 1]), "the box has no area: it is 0×1"),
        (annotation("bbox", bbox=[1, 1, 1]), "[1, 1, 1] are not 4 numbers"),
        (annotation("bbox"), "None are not 4 numbers"),
        (annotation("bbox", label=9, bbox=[1, 1, 1, 1]), "1 annotations name the label 9, which is not listed"),
        (annotation("bbox", label=None, bbox=[1, 1, 1, 1]), "1 objects have no label"),
        (annotation("cuboid_3d", position=[1, 2, 3]), "1 annotations of type 'cuboid_3d' are not read"),
        (annotation("mask", rle={"counts": "!!", "size": [40, 60]}), "the runs of the mask"),
        (annotation("mask", rle=3), "the mask is no run lengths of an image with a size"),
        (annotation("polygon", points=[1, 1, 2]), "a polygon has fewer than three points, or half a point"),
        (annotation(7), "1 annotations of type '7' are not read"),
    ],
)
def test_what_is_wrong_with_an_annotation_is_said(wrong, message, tmp_path):
    written(tmp_path, [wrong])
    items, problems = read(tmp_path, "box")
    assert not items
    assert problems[0].startswith(message)
