"""Ultralytics' models of masks, poses and rotated boxes: planted objects come out where they are, in every layout."""

from __future__ import annotations

import numpy as np
import pytest
from trainset_vision.annotations import Skeleton
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.prelabel import yolo
from trainset_vision.prelabel.rotated import overlap

from trainset.core.model import Label, Task
from trainset.errors import ModelError

from .yolo_kit import NAMES, Images, detect, export, make, ultralytics

LABELS = tuple(Label(id=name, index=i) for i, name in enumerate(NAMES))
BOX, POLYGON, MASK, ROTATED = (
    Task(name="t", type=kind, labels=LABELS) for kind in ("box", "polygon", "mask", "rotated-box")
)


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path)


@pytest.fixture
def grey(images):
    """1280×720: on 640×640 it lies at half its size, 140 pixels from the top."""
    return images.add("grey.png", np.full((720, 1280, 3), 90, np.uint8))


# -- masks ---------------------------------------------------------------------------------------------------

DISC = (320.0, 320.0, 60.0)
"""Centre and radius in the tensor: in the image a disc about (640, 360) of radius 120."""


def prototypes(size=160, count=32) -> np.ndarray:
    """The first prototype is a disc (positive inside, a slope at its edge), the second a ring, the others noise."""
    at = (np.arange(size) + 0.5) * 640 / size
    away = np.hypot(at[None, :] - DISC[0], at[:, None] - DISC[1])
    out = np.random.default_rng(0).normal(size=(count, size, size)).astype(np.float32)
    out[0] = DISC[2] - away
    out[1] = np.minimum(DISC[2] - away, away - 30)
    return out


def segments(boxes=8400, classes=3, count=32) -> np.ndarray:
    """`(4 + classes + count, boxes)`: a gear whose mask is the disc, a double of it, and a nut whose box cuts the disc."""
    out = np.zeros((4 + classes + count, boxes), np.float32)
    out[:4, 7], out[6, 7], out[4 + classes, 7] = (320, 320, 124, 124), 0.9, 1
    out[:4, 8], out[6, 8], out[4 + classes, 8] = (322, 320, 124, 124), 0.8, 1
    out[:4, 9], out[5, 9], out[4 + classes, 9] = (380, 320, 120, 124), 0.7, 1
    return out


def disc(radius=120.0, center=(640, 360)) -> np.ndarray:
    """The planted mask, `(720, 1280)`."""
    y, x = np.mgrid[:720, :1280] + 0.5
    return np.hypot(x - center[0], y - center[1]) < radius


def alike(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def suppressed(columns_first: np.ndarray, classes=3, corners=True) -> np.ndarray:
    """What an export with `nms=True` returns: `(300, 6 + more)`, zeros where there is nothing."""
    rows = columns_first.T[:300].astype(np.float64)
    scores = rows[:, 4 : 4 + classes]
    box = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    out = np.concatenate(
        [
            box if corners else rows[:, :4],
            scores.max(axis=1)[:, None],
            scores.argmax(axis=1)[:, None],
            rows[:, 4 + classes :],
        ],
        axis=1,
    )
    out[scores.max(axis=1) == 0] = 0
    out[8] = 0  # the double is gone
    return out


def test_a_mask_is_the_disc_that_was_planted(tmp_path, images, grey):
    model = make(export(tmp_path / "yolov8n-seg.onnx", segments(), prototypes(), metadata=ultralytics("segment")), MASK)
    whole, cut = detect(model, images, grey)
    assert (whole.label, whole.score, cut.label) == ("gear", 0.9, "nut")
    assert alike(whole.pixels, disc()) > 0.995
    expected = disc() & (np.arange(1280) + 0.5 > 640)[None]
    assert alike(cut.pixels, expected) > 0.99


def test_a_mask_in_the_letterbox_is_cut_at_the_image(tmp_path, images):
    item = images.add("wide.png", np.full((200, 1280, 3), 90, np.uint8))
    model = make(export(tmp_path / "m.onnx", segments(), prototypes(), metadata=ultralytics("segment")), MASK)
    whole, _ = detect(model, images, item)
    y, x = np.mgrid[:200, :1280] + 0.5
    assert whole.pixels.shape == (200, 1280)
    assert alike(whole.pixels, np.hypot(x - 640, y - 100) < 120) > 0.99


def test_masks_are_interpolated_as_the_reference_does(tmp_path, images):
    """Prototypes enlarged bilinearly, corners not aligned, and cut at the box."""
    import cv2

    item = images.add("square.png", np.full((640, 640, 3), 90, np.uint8))
    out, protos = segments(), prototypes()
    out[7:, 7] = np.random.default_rng(1).normal(size=32)
    out[6, 8:10] = out[5, 8:10] = 0
    (mask,) = detect(
        make(export(tmp_path / "m.onnx", out, protos, metadata=ultralytics("segment")), MASK), images, item
    )
    sums = np.tensordot(out[7:, 7], protos, axes=1)
    expected = cv2.resize(sums, (640, 640), interpolation=cv2.INTER_LINEAR) > 0
    inside = np.zeros((640, 640), bool)
    inside[258:382, 258:382] = True
    assert (mask.pixels != (expected & inside)).sum() <= 2


def test_prototypes_that_are_not_finite_are_an_error(tmp_path, images, grey):
    protos = prototypes()
    protos[5, 5, 5] = np.nan
    model = make(export(tmp_path / "m.onnx", segments(), protos, metadata=ultralytics("segment")), MASK)
    with pytest.raises(ModelError, match="output 'output1' has NaN"):
        detect(model, images, grey)


def test_a_mask_over_the_whole_height_is_one_stretch_of_pixels(tmp_path, images):
    item = images.add("low.png", np.full((64, 640, 3), 90, np.uint8))
    out = np.zeros((39, 8400), np.float32)
    out[:4, 5], out[4, 5], out[7, 5] = (320, 320, 100, 300), 0.9, 1
    protos = np.ones((32, 160, 160), np.float32)
    (mask,) = detect(
        make(export(tmp_path / "m.onnx", out, protos, metadata=ultralytics("segment")), MASK), images, item
    )
    expected = np.zeros((64, 640), bool)
    expected[:, 270:370] = True
    assert (mask.pixels == expected).all()


def test_a_polygon_follows_the_mask_within_a_pixel(tmp_path, images, grey):
    import shapely

    path = export(tmp_path / "m.onnx", segments(), prototypes(), metadata=ultralytics("segment"))
    found, _ = detect(make(path, POLYGON), images, grey)
    (ring,) = found.polygon
    points = np.reshape(ring, (-1, 2))
    truth = shapely.Point(640, 360).buffer(120, quad_segs=64)
    assert shapely.Polygon(points).hausdorff_distance(truth) < 2.0
    assert len(points) < 120


def test_a_hole_in_a_mask_is_a_hole_of_the_polygon(tmp_path, images, grey):
    out = segments()
    out[7, 7:9], out[8, 7:9] = 0, 1
    out[5, 9] = 0
    path = export(tmp_path / "m.onnx", out, prototypes(), metadata=ultralytics("segment"))
    (polygon,) = detect(make(path, POLYGON), images, grey)
    assert len(polygon.polygon) == 2


def test_a_segment_model_serves_a_task_of_boxes(tmp_path, images, grey):
    path = export(tmp_path / "m.onnx", segments(), prototypes(), metadata=ultralytics("segment"))
    boxes = detect(make(path, BOX), images, grey)
    assert [(b.label, b.box) for b in boxes] == [("gear", (516, 236, 248, 248)), ("nut", (640, 236, 240, 248))]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("layout", ["v8", "end2end", "v5"])
def test_masks_come_out_of_every_layout(tmp_path, images, grey, layout, dynamic, half):
    out = segments()
    if layout == "end2end":
        out = suppressed(out)
    if layout == "v5":
        wide = np.zeros((25200, 40), np.float32)
        wide[:8400] = np.insert(out, 4, 1.0, axis=0).T
        wide[:8400, 4] = wide[:8400, 5:8].max(axis=1) > 0
        out = wide
    metadata = ultralytics("segment")
    if layout == "v5":
        metadata = {"stride": "32", "names": metadata["names"]}
    path = export(tmp_path / "m.onnx", out, prototypes(), metadata=metadata, half=half, dynamic=dynamic)
    model = make(path, MASK)
    assert model.layout == layout
    whole, cut = detect(model, images, grey)
    assert (whole.label, cut.label) == ("gear", "nut")
    assert alike(whole.pixels, disc()) > 0.99


def test_prototypes_may_come_before_the_boxes(tmp_path, images, grey):
    path = export(tmp_path / "m.onnx", prototypes(), segments(), metadata=ultralytics("segment"))
    whole, _ = detect(make(path, MASK), images, grey)
    assert alike(whole.pixels, disc()) > 0.995


def test_prototypes_tell_a_segment_model_without_metadata(tmp_path):
    path = export(tmp_path / "m.onnx", segments(), prototypes())
    found = yolo.recognise(path, POLYGON)
    assert found.settings["layout"] == "v8" and found.class_count == 3 and not found.questions
    assert any("32 prototypes" in sentence for sentence in found.evidence)


# -- poses ---------------------------------------------------------------------------------------------------

POINTS = tuple(f"p{i}" for i in range(17))
POSE = Task(name="pose", type="keypoints", labels=(Label(id="person", index=0),), options=Skeleton(points=POINTS))


def poses(boxes=8400, each=3, count=17) -> np.ndarray:
    """`(5 + count · each, boxes)`: a person at image (400, 240)–(600, 400) and a double; every third point is not seen."""
    out = np.zeros((5 + count * each, boxes), np.float32)
    places = np.stack([210 + np.arange(count) * 4.0, 270 + np.arange(count) * 3.0], axis=1)
    seen = np.where(np.arange(count) % 3 == 2, 0.1, 0.9)[:, None]
    points = np.concatenate([places, seen], axis=1)[:, :each]
    for column, score in ((7, 0.9), (8, 0.8)):
        out[:4, column], out[4, column], out[5:, column] = (250, 300, 100, 80), score, points.ravel()
    return out


def expected_points(each=3, count=17) -> list[tuple[float, float, int]]:
    return [(420 + 8.0 * i, 260 + 6.0 * i, 2) if each == 2 or i % 3 != 2 else (0, 0, 0) for i in range(count)]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("each", [2, 3])
@pytest.mark.parametrize("layout", ["v8", "end2end"])
def test_keypoints_come_out_where_they_are(tmp_path, images, grey, layout, each, dynamic):
    out = poses(each=each)
    out = suppressed(out, classes=1) if layout == "end2end" else out
    metadata = ultralytics("pose", ("person",), kpt_shape=f"[17, {each}]")
    (person,) = detect(make(export(tmp_path / "m.onnx", out, metadata=metadata, dynamic=dynamic), POSE), images, grey)
    assert (person.label, person.score, person.box) == ("person", 0.9, (400, 240, 200, 160))
    np.testing.assert_allclose(person.keypoints, expected_points(each), atol=0.01)


def test_points_that_the_metadata_names_are_put_in_the_skeletons_order(tmp_path, images, grey):
    names = str({0: [*POINTS[:0:-1], "P0"]})
    metadata = ultralytics("pose", ("person",), kpt_shape="[17, 3]", kpt_names=names)
    (person,) = detect(make(export(tmp_path / "m.onnx", poses(), metadata=metadata), POSE), images, grey)
    expected = expected_points()
    np.testing.assert_allclose(person.keypoints, [expected[16], *expected[15::-1]], atol=0.01)


def test_a_point_beside_the_image_is_not_labelled(tmp_path, images, grey):
    out = poses()
    out[5, 7] = -3
    metadata = ultralytics("pose", ("person",), kpt_shape="[17, 3]")
    (person,) = detect(make(export(tmp_path / "m.onnx", out, metadata=metadata), POSE), images, grey)
    assert person.keypoints[0] == (0, 0, 0)


def test_the_skeleton_tells_the_points_of_a_pose_without_metadata(tmp_path):
    found = yolo.recognise(export(tmp_path / "m.onnx", poses()), POSE)
    assert found.settings["keypoints"] == [17, 3] and found.settings["layout"] == "v8" and found.class_count == 1


def test_points_that_could_be_pairs_or_triples_are_asked_about(tmp_path, images, grey):
    free = Task(name="pose", type="keypoints", labels=POSE.labels)
    path = export(tmp_path / "m.onnx", poses(count=4))
    found = yolo.recognise(path, free)
    (question,) = found.questions
    assert question.setting == "keypoints" and set(question.choices) == {"[4,3]", "[6,2]"}
    (person,) = detect(make(path, free, keypoints=[4, 3]), images, grey)
    np.testing.assert_allclose(person.keypoints, expected_points(count=4), atol=0.01)


def test_a_pose_of_other_points_than_the_task_has_is_an_error(tmp_path):
    path = export(tmp_path / "m.onnx", poses(count=5), metadata=ultralytics("pose", ("person",), kpt_shape="[5, 3]"))
    with pytest.raises(ModelError, match="places 5 keypoints, but the task's skeleton has 17"):
        yolo.recognise(path, POSE)


# -- rotated boxes -------------------------------------------------------------------------------------------


def turned(boxes=21504, classes=3) -> np.ndarray:
    """`(5 + classes, boxes)` on 1024×1024: a gear of 100×40 at 30 degrees, a double, and one across it, at 120."""
    out = np.zeros((5 + classes, boxes), np.float32)
    out[:4, 7], out[6, 7], out[-1, 7] = (512, 512, 100, 40), 0.9, np.deg2rad(30)
    out[:4, 8], out[6, 8], out[-1, 8] = (514, 512, 100, 40), 0.8, np.deg2rad(31)
    out[:4, 9], out[6, 9], out[-1, 9] = (512, 512, 100, 40), 0.7, np.deg2rad(120)
    return out


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("layout", ["v8", "end2end"])
def test_rotated_boxes_come_out_where_they_are(tmp_path, images, layout, half):
    item = images.add("square.png", np.full((2048, 2048, 3), 90, np.uint8))
    out = suppressed(turned(), corners=False) if layout == "end2end" else turned()
    path = export(
        tmp_path / "m.onnx", out, size=(1024, 1024), metadata=ultralytics("obb", size=(1024, 1024)), half=half
    )
    found = detect(make(path, ROTATED), images, item)
    assert [b.label for b in found] == ["gear", "gear"]
    for box, degrees in zip(found, (30, 120), strict=True):
        expected = corners((1024, 1024, 200, 80, degrees))
        assert np.abs(corners(box.rotated_box) - expected).max() < 1


def test_a_rotated_box_serves_a_task_of_boxes(tmp_path, images):
    item = images.add("square.png", np.full((1024, 1024, 3), 90, np.uint8))
    path = export(tmp_path / "m.onnx", turned(), size=(1024, 1024), metadata=ultralytics("obb", size=(1024, 1024)))
    found = detect(make(path, BOX), images, item)
    points = corners((512, 512, 100, 40, 30))
    low, high = points.min(axis=0), points.max(axis=0)
    assert len(found) == 2
    np.testing.assert_allclose(found[0].box, [*low, *(high - low)], atol=0.02)


def test_a_stretched_image_turns_the_box_with_it(tmp_path, images):
    item = images.add("tall.png", np.full((2048, 1024, 3), 90, np.uint8))
    path = export(tmp_path / "m.onnx", turned(), size=(1024, 1024), metadata=ultralytics("obb", size=(1024, 1024)))
    box = detect(make(path, ROTATED, preprocess={"fit": "stretch"}), images, item)[0].rotated_box
    along = np.array([np.cos(np.deg2rad(30)), np.sin(np.deg2rad(30)) * 2]) * 100
    assert box[:2] == (512, 1024)
    assert box[2] == pytest.approx(np.hypot(*along), abs=0.02)
    assert box[4] == pytest.approx(np.rad2deg(np.arctan2(along[1], along[0])), abs=0.02)


def test_a_task_of_rotated_boxes_tells_the_angle_without_metadata(tmp_path):
    found = yolo.recognise(export(tmp_path / "m.onnx", turned(), size=(1024, 1024)), ROTATED)
    assert found.settings["layout"] == "v8" and found.class_count == 3


def test_the_overlap_of_rotated_boxes_is_exact():
    a = np.array([100.0, 50, 40, 20, 0])
    assert overlap(a, a) == pytest.approx(1)
    assert overlap(a, np.array([100.0, 50, 40, 20, 90])) == pytest.approx(400 / 1200)
    assert overlap(a, np.array([100.0, 50, 40, 20, 180])) == pytest.approx(1, abs=1e-4)
    assert overlap(a, np.array([200.0, 50, 40, 20, 45])) == 0
    assert overlap(a, np.array([100.0, 50, 0, 20, 45])) == 0


# -- what fits what ------------------------------------------------------------------------------------------


def test_a_model_that_finds_other_things_than_the_task_asks_for_is_an_error(tmp_path):
    path = export(tmp_path / "m.onnx", np.zeros((7, 8400), np.float32), metadata=ultralytics("detect"))
    for task in (POLYGON, MASK, POSE, ROTATED):
        with pytest.raises(ModelError, match="is a model for task detect") as error:
            yolo.recognise(path, task)
        assert "type box" in str(error.value.hint)


def test_a_segment_model_without_prototypes_contradicts_itself(tmp_path):
    path = export(tmp_path / "m.onnx", segments(), metadata=ultralytics("segment"))
    with pytest.raises(ModelError, match="no output holds prototypes"):
        yolo.recognise(path, BOX)


def test_a_transformer_of_ultralytics_is_left_to_another_adapter(tmp_path):
    path = export(tmp_path / "rtdetr.onnx", np.zeros((300, 7), np.float32), metadata=ultralytics("detect"))
    assert yolo.recognise(path, BOX) is None
