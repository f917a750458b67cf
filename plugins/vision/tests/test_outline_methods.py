"""Outlines by every method and of every type, against drawn truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import rle
from trainset_vision.conversions import mask_area, polygon_to_mask
from trainset_vision.modality import Vision, VisionSettings
from trainset_vision.prelabel.ground import cielab, even
from trainset_vision.prelabel.outline import Outline, OutlineSettings
from trainset_vision.prelabel.reference import Reference
from trainset_vision.prelabel.touching import apart

from trainset.core.model import Item, Label, Task
from trainset.errors import ConfigError, MediaError
from trainset.testing import MemoryContext

METHODS = ("even", "otsu", "adaptive", "background")
TYPES = ("box", "polygon", "mask", "rotated-box")


def saved(path, pixels):
    Image.fromarray(np.asarray(pixels).clip(0, 255).astype(np.uint8)).save(path)
    return path


def propose(path, kind="box", **options):
    """What outline says of a picture, for a task of this type."""
    task = Task(name="t", type=kind, labels=(Label(id="part", index=0),))
    model = Outline(OutlineSettings(**options), task)
    (draft,) = Vision().scan(path, VisionSettings())
    item = Item(key=f"media/{path.name}", meta=dict(draft.meta))
    (output,) = model.infer([model.prepare(item, MemoryContext(task, folder=path.parent))])
    found = model.decode(output, item)
    assert [p for p in Vision().check(item, found) if not p.note] == []
    return found


def ground(width, height, level=90.0, noise=3.0):
    return level + np.random.default_rng(1).normal(0, noise, (height, width, 3))


def drawn(pixels, discs, colour=210.0):
    """The picture with discs (x, y, radius) in it, noisy as the rest; and the pixels of each disc."""
    masks = []
    for x, y, radius in discs:
        mask = np.zeros(pixels.shape[:2], np.uint8)
        cv2.circle(mask, (x, y), radius, 1, cv2.FILLED)
        masks.append(mask > 0)
        pixels[masks[-1]] += colour - 90.0
    return pixels, masks


def boxes(masks):
    return sorted(cv2.boundingRect(mask.astype(np.uint8)) for mask in masks)


def off(found, masks):
    """By how many pixels any edge of these boxes is beside those of the masks; they must be as many."""
    ends = [
        np.array([(x, y, x + w, y + h) for x, y, w, h in each]) for each in (sorted(a.box for a in found), boxes(masks))
    ]
    assert len(ends[0]) == len(ends[1])
    return np.abs(ends[0] - ends[1]).max()


def iou(annotation, mask):
    region = annotation.mask if hasattr(annotation, "mask") else polygon_to_mask(annotation.polygon, mask.shape)
    pixels = rle.decode(region.counts, region.size)
    return (pixels & mask).sum() / (pixels | mask).sum()


DISCS = [(80, 70, 30), (250, 110, 18), (390, 250, 45), (120, 270, 25)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("colour", [210.0, 25.0])
def test_boxes_are_right_to_a_pixel_by_every_method(tmp_path, method, colour):
    pixels, masks = drawn(ground(500, 360), DISCS, colour)
    path = saved(tmp_path / "a.png", pixels)
    empty = saved(tmp_path / "empty.png", ground(500, 360, noise=2.0))
    found = propose(path, method=method, reference=str(empty))
    assert off(found, masks) <= 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["mask", "polygon"])
def test_masks_and_polygons_follow_objects_at_the_images_own_resolution(tmp_path, method, kind):
    pixels, masks = drawn(ground(2000, 1440), [(x * 4 + 1, y * 4 + 2, r * 4) for x, y, r in DISCS])
    path = saved(tmp_path / "a.png", pixels)
    empty = saved(tmp_path / "empty.png", ground(2000, 1440, noise=2.0))
    found = propose(path, kind, method=method, reference=str(empty))
    assert len(found) == len(masks)
    assert min(max(iou(a, mask) for a in found) for mask in masks) > (0.99 if kind == "mask" else 0.97)


def test_boxes_of_a_large_image_are_exact_where_that_is_asked_for(tmp_path):
    pixels, masks = drawn(ground(3000, 2160), [(x * 6, y * 6 + 2, r * 6) for x, y, r in DISCS])
    path = saved(tmp_path / "a.png", pixels)
    found = propose(path, exact=True)
    assert off(found, masks) <= 1


@pytest.mark.parametrize("degrees", [0, 20, 45, 77])
def test_rotated_boxes_have_the_angle_and_sides_of_the_object(tmp_path, degrees):
    pixels = ground(480, 360)
    corners = cv2.boxPoints(((240.0, 180.0), (160.0, 60.0), float(degrees)))
    mask = np.zeros((360, 480), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners * 256).astype(np.int32)], 1, shift=8)
    pixels[mask > 0] += 120
    (found,) = propose(saved(tmp_path / "a.png", pixels), "rotated-box")
    cx, cy, w, h, angle = found.rotated_box
    assert (cx, cy) == pytest.approx((240.5, 180.5), abs=1)
    assert sorted((w, h)) == pytest.approx([61, 161], abs=4.5)
    turned = (angle if w > h else angle + 90) - degrees
    assert abs((turned + 90) % 180 - 90) < 2


@pytest.mark.parametrize("kind", TYPES)
def test_discs_that_touch_are_one_object_until_they_are_split(tmp_path, kind):
    touching = [(150, 150, 60), (262, 150, 55), (330, 232, 50), (60, 300, 30)]
    pixels, masks = drawn(ground(480, 360), touching)
    path = saved(tmp_path / "a.png", pixels)
    assert len(propose(path, kind)) == 2
    found = propose(path, kind, split=True)
    assert len(found) == 4
    if kind == "box":
        assert off(found, masks) <= 4
    if kind in ("mask", "polygon"):
        assert min(max(iou(a, mask) for a in found) for mask in masks) > 0.96


def test_what_has_no_neck_is_not_split(tmp_path):
    pixels = ground(480, 360)
    pixels[40:100, 40:400] += 120
    cv2.ellipse(pixels, (200, 250), (150, 40), 15, 0, 360, (210, 210, 210), cv2.FILLED)
    assert len(propose(saved(tmp_path / "a.png", pixels), split=True)) == 2


def test_holes_make_no_necks(tmp_path):
    pixels, _ = drawn(ground(480, 360), [(160, 180, 60), (276, 180, 58)])
    pixels, _ = drawn(pixels, [(160, 180, 14), (276, 185, 14)], -30.0)
    assert len(propose(saved(tmp_path / "a.png", pixels), split=True, min_area=0.005)) == 2


def test_split_objects_share_no_pixel():
    mask = np.zeros((200, 300), np.uint8)
    for x in (60, 130, 200):
        cv2.circle(mask, (x, 100), 38, 1, cv2.FILLED)
    numbers = apart(mask, np.repeat(mask[..., None] * 200, 3, 2))
    assert sorted(np.unique(numbers)) == [0, 1, 2, 3]
    assert ((numbers > 0) == (mask > 0)).all()


def test_adaptive_finds_objects_in_light_that_no_even_ground_has(tmp_path):
    y, x = np.mgrid[:360, :500]
    light = (70 * np.sin(x / 45) + 40 * np.sin(y / 60))[..., None]
    discs = [(60, 60, 12), (210, 120, 14), (330, 250, 12), (440, 90, 13), (120, 290, 14)]
    pixels, masks = drawn(ground(500, 360, 120.0) + light, discs, 130.0)
    path = saved(tmp_path / "a.png", pixels)
    options = {"method": "adaptive", "polarity": "bright", "block": 0.15}
    found = propose(path, **options)
    assert off(found, masks) <= 1
    assert min(max(iou(a, mask) for a in propose(path, "mask", **options)) for mask in masks) > 0.85
    assert sorted(a.box for a in propose(path)) != boxes(masks)


def belt(width, height, seed):
    """A conveyor belt: slats, bolts and a stain, under a camera with noise."""
    pixels = ground(width, height) + np.random.default_rng(seed).normal(0, 2, (height, width, 3))
    pixels[:, np.arange(width) % 60 < 8] -= 60
    for x in range(30, width, 60):
        cv2.circle(pixels, (x, height - 30), 9, (190, 190, 190), cv2.FILLED)
    cv2.ellipse(pixels, (width // 2, height // 3), (70, 25), 0, 0, 360, (40, 60, 40), cv2.FILLED)
    return pixels


@pytest.mark.parametrize("scale", [1, 3])
def test_on_a_belt_with_a_pattern_what_the_reference_does_not_show_is_found(tmp_path, scale):
    size = (480 * scale, 360 * scale)
    discs = [(x * scale, y * scale, r * scale) for x, y, r in [(80, 100, 30), (240, 120, 35), (390, 250, 40)]]
    pixels, masks = drawn(belt(*size, 2) + 8, discs, 190.0)
    path, reference = saved(tmp_path / "a.png", pixels), saved(tmp_path / "empty.png", belt(*size, 3))
    options = {"method": "background", "reference": str(reference)}
    found = propose(path, exact=True, **options)
    assert off(found, masks) <= 1
    assert min(max(iou(a, mask) for a in propose(path, "mask", **options)) for mask in masks) > 0.99


def test_an_empty_belt_has_nothing_on_it(tmp_path):
    path, reference = saved(tmp_path / "a.png", belt(480, 360, 2)), saved(tmp_path / "empty.png", belt(480, 360, 3))
    assert propose(path, method="background", reference=str(reference)) == []


def test_a_reference_of_another_size_is_an_error_that_names_both(tmp_path):
    path, reference = saved(tmp_path / "a.png", ground(64, 48)), saved(tmp_path / "empty.png", ground(60, 48))
    with pytest.raises(MediaError, match=r"media/a\.png: it has 64×48 pixels, the reference empty\.png 60×48"):
        propose(path, method="background", reference=str(reference))


def test_a_reference_may_be_as_large_as_the_items(tmp_path):
    size = (14_000, 13_000)
    Image.new("1", size).save(tmp_path / "empty.png")
    item = Item(key="media/a.png", meta={"width": size[0], "height": size[1]})
    Reference(tmp_path / "empty.png").check(size, item)
    with pytest.raises(MediaError, match="max-pixels"):
        Reference(tmp_path / "empty.png").check((64, 48), Item(key="media/b.png", meta={"width": 64, "height": 48}))


def test_a_reference_is_needed_and_has_to_be_a_picture(tmp_path):
    path = saved(tmp_path / "a.png", ground(64, 48))
    with pytest.raises(ConfigError, match="needs a picture"):
        propose(path, method="background")
    (tmp_path / "no.png").write_bytes(b"no")
    for name in ("no.png", "missing.png"):
        with pytest.raises(MediaError, match=name):
            propose(path, method="background", reference=str(tmp_path / name))


@pytest.mark.parametrize("method", ["even", "adaptive", "background"])
def test_polarity_takes_bright_or_dark_objects_alone(tmp_path, method):
    pixels, bright = drawn(ground(500, 360, 110.0), DISCS[:2], 210.0)
    pixels, dark = drawn(pixels, DISCS[2:], 10.0)
    path, empty = saved(tmp_path / "a.png", pixels), saved(tmp_path / "empty.png", ground(500, 360, 110.0))
    for polarity, masks in (("bright", bright), ("dark", dark)):
        found = propose(path, method=method, polarity=polarity, reference=str(empty))
        assert off(found, masks) <= 1


def test_large_holes_stay_open_and_small_ones_are_filled(tmp_path):
    pixels = ground(480, 360)
    mask = np.zeros((360, 480), np.uint8)
    cv2.circle(mask, (240, 180), 90, 1, cv2.FILLED)
    small = mask.copy()
    cv2.circle(mask, (260, 180), 30, 0, cv2.FILLED)
    cv2.circle(small, (260, 180), 30, 0, cv2.FILLED)
    cv2.circle(small, (190, 180), 4, 0, cv2.FILLED)
    pixels[small > 0] += 120
    (found,) = propose(saved(tmp_path / "a.png", pixels), "mask")
    assert iou(found, mask > 0) > 0.99
    (found,) = propose(tmp_path / "a.png", "mask", min_area=0.1)
    assert mask_area(found.mask) == pytest.approx(np.pi * 90**2, rel=0.02)


@settings(max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["flat", "noise", "blocks"]),
    st.sampled_from(METHODS),
    st.sampled_from(TYPES),
    st.booleans(),
)
def test_any_image_gives_sound_objects_or_none(tmp_path_factory, width, height, seed, look, method, kind, split):
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 90, np.uint8)
    if look == "noise":
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    if look == "blocks":
        coarse = rng.integers(0, 2, (-(-height // 5), -(-width // 5), 1), np.uint8) * np.uint8(200)
        pixels = np.repeat(coarse.repeat(5, 0).repeat(5, 1)[:height, :width], 3, 2)
    folder = tmp_path_factory.mktemp("any")
    path, empty = saved(folder / "a.png", pixels), saved(folder / "empty.png", pixels[::-1])
    found = propose(path, kind, method=method, split=split, reference=str(empty), min_area=0.0, max_area=1.0)
    assert all(0 <= a.score <= 1 for a in found)
    assert look != "flat" or found == []
    assert len({a.id for a in found}) == len(found)


def test_the_level_of_an_even_ground_is_above_its_noise():
    lab = cielab(ground(64, 48).clip(0, 255).astype(np.uint8))
    fitted = even(lab, "any")
    assert fitted.level >= fitted.noise > 0


@pytest.mark.parametrize("kind", ["tif", "jpg"])
def test_objects_of_a_very_large_image_are_drawn_without_the_whole_in_colour_spaces(tmp_path, kind):
    """60 megapixels: one object is looked at after the other, by tiles."""
    pixels = np.full((7500, 8000, 3), 90, np.uint8)
    for x, y in ((1000, 1200), (5200, 4000)):
        cv2.circle(pixels, (x, y), 500, (210, 200, 60), cv2.FILLED)
    path = tmp_path / f"a.{kind}"
    if kind == "tif":
        import tifffile

        tifffile.imwrite(path, pixels, tile=(512, 512), photometric="rgb", compression="zlib")
    else:
        Image.fromarray(pixels).save(path)
    found = propose(path, "mask")
    assert [mask_area(a.mask) for a in found] == pytest.approx([np.pi * 500**2] * 2, rel=0.005)
