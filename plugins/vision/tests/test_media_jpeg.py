"""JPEGs come as Pillow decodes them, at every size, whichever decoder did it."""

import io

import numpy as np
import pytest
from PIL import Image
from trainset_vision import modality
from trainset_vision.media.turbo import decoded


def jpeg(mode, size=(67, 45), **options):
    depth = {"L": (), "RGB": (3,), "CMYK": (4,)}[mode]
    pixels = np.random.default_rng(3).integers(0, 256, (size[1] // 4 + 1, size[0] // 4 + 1, *depth), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels, mode).resize(size).save(out, "jpeg", **options)
    return out.getvalue()


def by_pillow(data, factor):
    image = Image.open(io.BytesIO(data))
    image.draft(None, (image.width // factor, image.height // factor))
    return np.asarray(image.convert("RGB"))


def empty(factor, size=(67, 45)):
    return np.zeros((-(-size[1] // factor), -(-size[0] // factor), 3), np.uint8)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}])
def test_grey_and_colour_are_exactly_what_pillow_makes_of_them(factor, mode, options):
    data, out = jpeg(mode, **options), empty(factor)
    assert decoded(data, factor, out)
    np.testing.assert_array_equal(out, by_pillow(data, factor))


def test_pixels_land_in_a_view_as_well():
    data, upright = jpeg("RGB"), np.zeros((67, 45, 3), np.uint8)
    assert decoded(data, 1, upright.transpose(1, 0, 2)[::-1])
    np.testing.assert_array_equal(upright.transpose(1, 0, 2)[::-1], by_pillow(data, 1))


def test_four_inks_and_other_sizes_are_left_to_pillow():
    assert not decoded(jpeg("CMYK"), 1, empty(1))
    assert not decoded(jpeg("RGB"), 1, empty(1, (66, 45)))


def test_damage_in_the_middle_looks_as_pillow_shows_it_and_is_no_error_of_its_own(tmp_path):
    data = jpeg("RGB", (640, 480), quality=90)
    middle = len(data) // 2
    hurt = data[:middle] + bytes(200) + data[middle + 200 :]
    (tmp_path / "a.jpg").write_bytes(hurt)
    assert not decoded(hurt, 1, empty(1, (640, 480)))
    np.testing.assert_array_equal(modality.read_rgb(tmp_path / "a.jpg"), by_pillow(hurt, 1))
