"""Images become tensors, and what lies in the tensor is found again in the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.modality import read_rgb
from trainset_vision.prelabel.preprocess import Placement, Preprocess, load_tensor

from trainset.errors import MediaError

LETTERBOXES = ("letterbox-center", "letterbox-top-left")
FITS = (*LETTERBOXES, "stretch", "center-crop")


def picture(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """A black picture with a white rectangle: left, top, right, bottom."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return pixels


def seen(tensor: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom of what is white in `(c, h, w)`."""
    rows, columns = np.nonzero(tensor.max(axis=0) > 0.5)
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float64)


def load(pre: Preprocess, pixels: np.ndarray):
    return load_tensor(pre, lambda least: pixels, pixels.shape[1::-1])


@given(
    st.sampled_from(LETTERBOXES),
    st.integers(40, 500),
    st.integers(40, 500),
    st.tuples(*[st.floats(0.1, 0.9)] * 4),
)
def test_a_planted_box_is_found_again_within_a_pixel(fit, width, height, fractions):
    x1, x2 = sorted(int(f * width) for f in fractions[:2])
    y1, y2 = sorted(int(f * height) for f in fractions[2:])
    box = (x1, y1, x2 + 3, y2 + 3)
    tensor, placement = load(Preprocess(size=(320, 256), fit=fit), picture(width, height, box))
    pixel = max(1.0, 1 / placement.scale[0], 1 / placement.scale[1])
    assert np.abs(placement.to_image(seen(tensor)) - box).max() <= pixel + 1e-6


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(640, 480), (480, 640), (101, 333)])
def test_every_fit_maps_back(fit, size):
    width, height = size
    box = (width // 2 - 10, height // 2 - 8, width // 2 + 10, height // 2 + 8)
    tensor, placement = load(Preprocess(size=(320, 192), fit=fit), picture(width, height, box))
    assert np.abs(placement.to_image(seen(tensor)) - box).max() <= 1 / min(placement.scale) + 1e-6


def test_a_letterbox_in_the_center_is_where_ultralytics_puts_it():
    tensor, placement = load(Preprocess(size=(640, 640)), picture(1280, 720, (0, 0, 1280, 720)))
    assert seen(tensor).tolist() == [[0, 140, 640, 500]]
    assert (placement.scale, placement.offset) == ((0.5, 0.5), (0, 140))
    np.testing.assert_allclose(tensor[:, 0, 0], 114 / 255, rtol=1e-6)


def test_a_letterbox_at_the_top_left_is_where_yolox_puts_it():
    tensor, _ = load(Preprocess(size=(416, 416), fit="letterbox-top-left"), picture(640, 427, (0, 0, 640, 427)))
    assert seen(tensor).tolist() == [[0, 0, 416, 277]]


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("size", [(2561, 1707), (1999, 2603)])
def test_a_jpeg_that_was_decoded_smaller_maps_back_all_the_same(tmp_path, factor, size):
    width, height = size
    box = (width - 400, height - 500, width - 80, height - 100)
    path = tmp_path / "x.jpg"
    Image.fromarray(picture(width, height, box)).save(path, quality=95)
    shapes = []

    def read(least):
        pixels = read_rgb(path, least)
        shapes.append((pixels.shape[1], least))
        return pixels

    pre = Preprocess(size=(min(size) // factor, min(size) // factor), fit="stretch")
    tensor, placement = load_tensor(pre, read, size)
    assert shapes[0][0] == -(-width // factor) and shapes[0][1] == pre.size
    assert np.abs((placement.to_image(seen(tensor)) - box) * (*placement.scale, *placement.scale)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_before_anything_else(tmp_path, orientation):
    upright = picture(1200, 800, (900, 100, 1100, 180))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # PIL's transpositions that lead from upright to stored
    image = Image.fromarray(upright)
    if orientation > 1:
        image = image.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x.jpg", exif=exif, quality=95)
    tensor, placement = load_tensor(
        Preprocess(size=(320, 320)), lambda least: read_rgb(tmp_path / "x.jpg", least), (1200, 800)
    )
    assert np.abs(placement.to_image(seen(tensor)) - (900, 100, 1100, 180)).max() <= 1 / placement.scale[0]


@pytest.mark.parametrize("size", [(4000, 3), (3, 4000), (1, 1)])
@pytest.mark.parametrize("fit", FITS)
def test_extreme_shapes_keep_at_least_a_pixel(fit, size):
    tensor, placement = load(Preprocess(size=(64, 48), fit=fit), picture(*size, (0, 0, *size)))
    assert tensor.shape == (3, 48, 64)
    assert tensor.max() == 1
    inside = placement.to_image(np.array([[0, 0, 64, 48]]))
    assert inside[0, 0] >= 0 and inside[0, 2] <= size[0] and np.isfinite(inside).all()


def test_boxes_are_cut_at_the_edges_of_the_image():
    placement = Placement((0.5, 0.5), (0, 140), (1280, 720))
    assert placement.to_image(np.array([[-5, 100, 700, 600]])).tolist() == [[0, 0, 1280, 720]]


def test_channels_come_in_the_order_asked_for():
    pixels = np.full((4, 4, 3), (10, 20, 30), np.uint8)
    plain = {"size": (4, 4), "scale": 1.0}
    assert load(Preprocess(**plain), pixels)[0][:, 0, 0].tolist() == [10, 20, 30]
    assert load(Preprocess(**plain, channels="BGR"), pixels)[0][:, 0, 0].tolist() == [30, 20, 10]
    assert load(Preprocess(**plain, layout="NHWC"), pixels)[0][0, 0].tolist() == [10, 20, 30]
    grey = load(Preprocess(**plain, channels="GREY"), pixels)[0]
    assert grey.shape == (1, 4, 4) and grey[0, 0, 0] == round(0.299 * 10 + 0.587 * 20 + 0.114 * 30)


def test_values_are_scaled_and_normalised_by_channel_and_so_is_the_padding():
    pre = Preprocess(size=(8, 4), scale=0.5, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0), pad=100)
    tensor, _ = load(pre, np.full((4, 4, 3), (10, 20, 30), np.uint8))
    np.testing.assert_allclose(tensor[:, 0, 4], [(5 - 1) / 2, (10 - 2) / 4, (15 - 3) / 8], rtol=1e-6)
    np.testing.assert_allclose(tensor[:, 0, 0], [(50 - 1) / 2, (50 - 2) / 4, (50 - 3) / 8], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_the_tensor_has_the_type_asked_for(dtype):
    tensor, _ = load(Preprocess(size=(4, 4), scale=1.0, dtype=dtype), np.full((4, 4, 3), 200, np.uint8))
    assert tensor.dtype == dtype and tensor.flags.c_contiguous and (tensor == 200).all()


def test_a_thin_stroke_survives_shrinking_for_a_classifier():
    pixels = picture(1000, 1000, (500, 0, 503, 1000))
    tensor, _ = load(Preprocess(size=(28, 28), fit="stretch", channels="GREY"), pixels)
    assert tensor.max() > 0.05


def test_an_image_that_changed_its_size_is_refused():
    with pytest.raises(MediaError, match=r"a\.png is 640×480 now, but was registered as 800×600"):
        load_tensor(Preprocess(size=(64, 64)), lambda least: np.zeros((480, 640, 3), np.uint8), (800, 600), "a.png")


def test_an_image_of_unknown_size_is_read_whole():
    asked: list[object] = []

    def read(least):
        asked.append(least)
        return picture(300, 200, (100, 50, 200, 150))

    tensor, placement = load_tensor(Preprocess(size=(150, 150)), read, None)
    assert asked == [None] and placement.image == (300, 200)
    assert placement.to_image(seen(tensor)).tolist() == [[100, 50, 200, 150]]


def test_a_table_for_the_settings_holds_every_field():
    table = Preprocess(size=(64, 32)).table()
    assert table["size"] == [64, 32] and set(table) == set(Preprocess.__struct_fields__)
