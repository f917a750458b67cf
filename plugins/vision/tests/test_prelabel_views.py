"""Detectors that look through windows and in the mirror: every object comes out once, and whole."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Skeleton
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.prelabel.candidates import Candidates
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.keypoints import Points
from trainset_vision.prelabel.masks import Masks
from trainset_vision.prelabel.preprocess import Preprocess
from trainset_vision.prelabel.rotated import Rotated, bounds, overlap
from trainset_vision.prelabel.seams import merged
from trainset_vision.prelabel.shapes import Boxes
from trainset_vision.prelabel.views import through_windows

from trainset.core.model import Item
from trainset.errors import MediaError

from .yolo_kit import Images, detect, export

SIZE = 160


class Looker(Detector):
    """A detector that really looks: each connected bright region of the tensor is an object, its class by colour.

    What it sees of an object that a window cuts is the piece, as with a model.
    """

    def __init__(self, path: Path, kind: str = "box", **more) -> None:
        super().__init__(
            DetectorSettings(path=str(path), names=("red", "green"), **more), Preprocess(size=(SIZE, SIZE), pad=0)
        )
        skeleton = Skeleton(points=("left", "right"), flip=(("left", "right"),))
        self.kind = kind
        self.shapes = {"box": Boxes(), "mask": Masks(self.preprocess.size, 1, None), "keypoints": Points(skeleton),
                       "rotated": Rotated()}[kind]  # fmt: skip
        self.runs = 0

    def parts(self, arrays, size):
        return [[image] for image in self.tensors]

    def feeds(self, stacked):
        self.tensors = stacked
        self.runs += len(stacked)
        return super().feeds(stacked)

    def candidates(self, arrays):
        import cv2

        (tensor,) = arrays
        rows, more, masks = [], [], []
        for index in (0, 1):
            count, parts, stats, _ = cv2.connectedComponentsWithStats((tensor[index] > 0.5).astype(np.uint8))
            for n in range(1, count):
                x, y, w, h, area = stats[n]
                if area < 6:
                    continue
                rows.append((x, y, x + w, y + h, 0.6 + 0.3 * min(1, area / 400), index))
                more.append([[x, y + h / 2, 0.9], [x + w, y + h / 2, 0.9]])
                masks.append(parts == n)
        table = np.array(rows, np.float64).reshape(-1, 6)
        extra = None
        if self.kind == "keypoints":
            extra = np.array(more, np.float64).reshape(-1, 2, 3)
        if self.kind == "mask":
            extra = np.eye(len(rows), dtype=np.float32)
            arrays.append(np.where(np.array(masks, bool).reshape(len(rows), SIZE, SIZE), 1, -1).astype(np.float32))
        if self.kind == "rotated":
            turned = [cv2.minAreaRect(np.argwhere(m)[:, ::-1].astype(np.float32) + 0.5) for m in masks]
            extra = np.array([[*c, s[0] + 1, s[1] + 1, a] for c, s, a in turned], np.float64).reshape(-1, 5)
            return Candidates(bounds(extra), table[:, 4], table[:, 5].astype(int), extra)
        return Candidates(table[:, :4], table[:, 4], table[:, 5].astype(int), extra)


@pytest.fixture
def images(tmp_path):
    return Images(tmp_path)


@pytest.fixture
def looker(tmp_path):
    path = export(tmp_path / "m.onnx", np.zeros((7, 5), np.float32), size=(SIZE, SIZE))
    return lambda kind="box", **more: Looker(path, kind, **more)


def drawn(size, boxes) -> np.ndarray:
    """A black picture with filled boxes (x, y, w, h), red and green in turn."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for n, (x, y, w, h) in enumerate(boxes):
        pixels[y : y + h, x : x + w, n % 2] = 255
    return pixels


def grid(size, step, seed=0) -> list[tuple[int, int, int, int]]:
    """Boxes of many sizes that don't touch, anywhere on an image: some longer than a window."""
    chance = np.random.default_rng(seed)
    boxes = []
    for y in range(4, size[1] - step, step):
        for x in range(4, size[0] - step, step):
            w, h = chance.integers(8, step - 8, 2)
            boxes.append((x + int(chance.integers(0, 4)), y + int(chance.integers(0, 4)), int(w), int(h)))
    return boxes


def same(found, truth, within=1.01) -> None:
    """Every true box comes out once, within so many pixels, and nothing else."""
    left = [np.array(b.box) for b in found]
    assert len(left) == len(truth)
    for box in truth:
        away = [np.abs(np.r_[b[:2] - box[:2], b[:2] + b[2:] - np.add(box[:2], box[2:])]).max() for b in left]
        assert min(away) <= within, box
        left.pop(int(np.argmin(away)))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("overlap", [0.1, 0.2, 0.5])
def test_objects_across_seams_come_out_once_and_whole(images, looker, suffix, overlap):
    truth = grid((700, 500), 60)
    item = images.add(f"x.{suffix}", drawn((700, 500), truth))
    model = looker(tile=True, overlap=overlap, max_detections=1000)
    same(detect(model, images, item), truth, within=1.01 if suffix != "jpg" else 3)


def test_an_object_longer_than_several_windows_is_one(images, looker):
    truth = [(20, 30, 600, 50), (40, 150, 30, 300), (300, 140, 350, 330)]
    item = images.add("x.png", drawn((700, 500), truth))
    same(detect(looker(tile=SIZE), images, item), truth)


def test_small_objects_beside_each_other_at_a_seam_stay_apart(images, looker):
    truth = [(n, y, 5, 5) for n in range(100, 220, 8) for y in range(100, 220, 8)]
    pixels = np.zeros((400, 400, 3), np.uint8)
    for x, y, w, h in truth:
        pixels[y : y + h, x : x + w, 0] = 255
    item = images.add("x.png", pixels)
    same(detect(looker(tile=SIZE, max_detections=5000), images, item), truth)


def test_windows_of_twice_the_input_are_read_at_half(images, looker):
    truth = grid((1400, 1000), 120)
    item = images.add("x.jpg", drawn((1400, 1000), truth))
    same(detect(looker(tile=2 * SIZE, max_detections=1000), images, item), truth, within=4)


def test_an_image_no_larger_than_the_tile_is_looked_at_once(images, looker):
    model = looker(tile=SIZE)
    same(detect(model, images, images.add("x.png", drawn((160, 120), [(30, 40, 50, 60)]))), [(30, 40, 50, 60)])
    assert model.runs == 1


def test_masks_are_united_across_seams(images, looker):
    pixels = np.zeros((420, 560, 3), np.uint8)
    y, x = np.mgrid[:420, :560]
    disc, ring = np.hypot(x - 200, y - 200) < 120, (np.abs(np.hypot(x - 440, y - 130) - 80) < 12)
    pixels[disc, 0] = pixels[ring, 1] = 255
    found = detect(looker("mask", tile=SIZE), images, images.add("x.png", pixels))
    masks = {a.label: a.pixels for a in found}
    assert len(found) == 2
    for label, truth in (("red", disc), ("green", ring)):
        assert (masks[label] & truth).sum() / (masks[label] | truth).sum() > 0.98


def test_rotated_boxes_are_united_across_seams(images, looker):
    import cv2

    pixels = np.zeros((500, 500, 3), np.uint8)
    truth = corners((250, 250, 400, 40, 30))
    cv2.fillPoly(pixels, [truth.round().astype(np.int32)], (255, 0, 0))
    (found,) = detect(looker("rotated", tile=SIZE), images, images.add("x.png", pixels))
    assert overlap(np.array(found.rotated_box), np.array([250, 250, 400, 40, 30.0])) > 0.5


def test_rotated_pieces_in_one_line_make_one_exact_box():
    along = np.array([np.cos(np.deg2rad(30)), np.sin(np.deg2rad(30))])
    extra = np.array([[*(np.array([200, 200]) + along * at), 120, 20, 30] for at in (0, 80, 160)])
    whole = Rotated().united(Candidates(bounds(extra), np.array([0.9, 0.8, 0.7]), np.zeros(3, int), extra))
    expected = corners((*(np.array([200, 200]) + along * 80), 280, 20, 30))
    assert np.abs(np.sort(corners(whole.extra[0]), axis=0) - np.sort(expected, axis=0)).max() < 0.01


@pytest.mark.parametrize("kind", ["box", "mask", "rotated"])
def test_the_mirror_shows_each_object_in_the_same_place(images, looker, kind):
    truth = [(20, 30, 50, 40), (100, 90, 30, 60)]
    item = images.add("x.png", drawn((200, 170), truth))
    model = looker(kind, flips=True)
    found = detect(model, images, item)
    assert model.runs == 2
    plain = detect(looker(kind), images, item)
    assert [a.label for a in found] == [a.label for a in plain]
    if kind == "box":
        same(found, truth, within=1.5)


class Mirror(Looker):
    """A detector that finds things in the mirror only."""

    def found(self, arrays, placement):
        seen = super().found(arrays, placement)
        return seen if placement.scale[0] < 0 else seen.take(np.zeros(len(seen), bool))


@pytest.mark.parametrize("kind", ["box", "mask", "rotated", "keypoints"])
@pytest.mark.parametrize("size", [(200, 170), (170, 200)])
def test_what_only_the_mirror_shows_is_turned_back(images, looker, tmp_path, kind, size):
    item = images.add("x.png", drawn(size, [(20, 30, 50, 40), (90, 90, 40, 60)]))
    looker()
    found = detect(Mirror(tmp_path / "m.onnx", kind, flips=True), images, item)
    plain = detect(Looker(tmp_path / "m.onnx", kind), images, item)
    assert len(found) == len(plain) == 2
    for a, b in zip(found, plain, strict=True):
        assert a.label == b.label
        if kind == "box":
            np.testing.assert_allclose(a.box, b.box, atol=1.5)
        if kind == "keypoints":
            np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1.5)
            assert a.keypoints[0][0] < a.keypoints[1][0]
        if kind == "mask":
            assert (a.pixels & b.pixels).sum() / (a.pixels | b.pixels).sum() > 0.95
        if kind == "rotated":
            low, high = corners(a.rotated_box).min(axis=0), corners(b.rotated_box).min(axis=0)
            np.testing.assert_allclose(low, high, atol=1.5)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(64, 700), st.floats(0, 0.8))
@settings(max_examples=60)
def test_windows_cover_the_image_and_share_what_they_should(width, height, tile, overlap):
    windows, factor = through_windows((width, height), tile, overlap, Preprocess(size=(320, 320)))
    columns = sorted({(left, right) for left, _, right, _ in windows})
    rows = sorted({(top, bottom) for _, top, _, bottom in windows})
    assert len(windows) == len(columns) * len(rows)
    for ends, side in ((columns, width), (rows, height)):
        assert ends[0][0] == 0 and ends[-1][1] == side
        for (start, end), (following, _) in pairwise(ends):
            assert start < following and end - following >= int(tile * overlap) - factor
            assert start % factor == 0 and (end % factor == 0 or end == side)
        assert max(end - start for start, end in ends) <= tile + 2 * factor


def test_an_image_that_changed_is_an_error(images, looker):
    item = images.add("x.png", drawn((400, 300), []))
    wrong = Item(key=item.key, meta={"width": 401, "height": 300})
    with pytest.raises(MediaError, match="400×300 now, but was registered as 401×300"):
        looker(tile=SIZE).prepare(wrong, images)


def test_a_piece_of_one_object_does_not_swallow_its_neighbour():
    windows = [(0, 0, 100, 100), (80, 0, 180, 100)]
    left = Candidates(np.array([[70.0, 10, 100, 30]]), np.array([0.9]), np.array([0]))
    right = Candidates(np.array([[80.0, 40, 110, 60]]), np.array([0.8]), np.array([0]))
    found = merged(list(zip(windows, [left, right], strict=True)), (180, 100), Boxes(), 0.5, agnostic=False)
    assert len(found) == 2


@pytest.mark.parametrize(("classes", "agnostic", "count"), [((0, 0), False, 1), ((0, 1), False, 2), ((0, 1), True, 1)])
def test_pieces_of_two_classes_are_one_object_only_where_classes_do_not_matter(classes, agnostic, count):
    windows = [(0, 0, 100, 100), (80, 0, 180, 100)]
    parts = [
        Candidates(np.array([[60.0, 10, 100, 30]]), np.array([0.9]), np.array([classes[0]])),
        Candidates(np.array([[80.0, 10, 150, 30]]), np.array([0.8]), np.array([classes[1]])),
    ]
    found = merged(list(zip(windows, parts, strict=True)), (180, 100), Boxes(), 0.5, agnostic=agnostic)
    assert len(found) == count
    if count == 1:
        assert found.corners.tolist() == [[60, 10, 150, 30]]


def test_a_tiff_is_read_by_windows(images, looker, tmp_path):
    truth = [(600, 700, 120, 40)]
    Image.fromarray(drawn((1500, 1200), truth)).save(tmp_path / "big.tif", compression="tiff_deflate")
    item = Item(key="media/big.tif", meta={"width": 1500, "height": 1200})
    same(detect(looker(tile=SIZE), images, item), truth)


def test_a_detector_that_joins_no_windows_imports_no_scipy():
    code = "import sys, trainset_vision.prelabel.yolo; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
