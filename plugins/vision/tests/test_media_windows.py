"""Windows, 16 bits, sequences and large images, whatever the format."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Box
from trainset_vision.media import items
from trainset_vision.media.natural import natural_order
from trainset_vision.media.pixels import read_rgb, read_window
from trainset_vision.media.pyramid import around
from trainset_vision.media.raster import Raster
from trainset_vision.modality import Vision, VisionSettings
from trainset_vision.view import ImageView

from trainset.core.model import Item, Label, Task
from trainset.errors import MediaError
from trainset.plugins import Point, Rect, Size, Viewport
from trainset.testing import MemoryContext
from trainset.testing.contexts import item_of

from .media_kit import as_stored, close, encode, smooth

MODES = ["L", "LA", "P", "CMYK", "RGB", "16-bit", "16-bit RGB"]


def stored(path: Path, upright: np.ndarray, orientation: int, mode: str = "RGB") -> Path:
    """An image file of any kind and mode, to be turned by this orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = as_stored(upright, orientation)
    if mode.startswith("16-bit"):
        raw = pixels.astype(np.uint16) * 257 if mode.endswith("RGB") else pixels[..., 0].astype(np.uint16) * 257
        if path.suffix == ".png":
            data = imagecodecs.png_encode(raw)
            chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
            crc = struct.pack(">I", __import__("zlib").crc32(chunk))
            path.write_bytes(data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + crc + data[33:])
        else:
            tags = [(274, 3, 1, orientation, True)]
            tifffile.imwrite(
                path, raw, metadata=None, photometric="rgb" if raw.ndim == 3 else "minisblack", extratags=tags
            )
        return path
    image = Image.fromarray(pixels)
    image = image.quantize(200) if mode == "P" else image.convert(mode)
    image.save(path, exif=exif, **({"quality": 97} if path.suffix == ".jpg" else {}))
    return path


def modes(suffix: str) -> list[str]:
    unheard = {"jpg": {"LA", "P", "16-bit", "16-bit RGB"}, "png": {"CMYK"}, "tif": set()}[suffix]
    return [mode for mode in MODES if mode not in unheard]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "mode"), [(s, m) for s in ("jpg", "png", "tif") for m in modes(s)])
def test_windows_are_parts_of_the_upright_whole(tmp_path, suffix, mode, orientation):
    path = stored(tmp_path / f"a.{suffix}", smooth(52, 38), orientation, mode)
    (draft,) = Vision().scan(path, VisionSettings(stretch="none"))
    assert (draft.meta["width"], draft.meta["height"]) == (52, 38)
    one = item_of(draft, tmp_path)
    whole = items.read_item(path, one)
    expected = smooth(52, 38)
    if mode in ("L", "LA"):
        expected = np.asarray(Image.fromarray(expected).convert("L").convert("RGB"))
    elif mode == "16-bit":
        expected = np.repeat(expected[..., :1], 3, 2)
    assert close(whole, expected, 9)
    with items.open_item(path, one) as raster:
        assert raster.size == (52, 38)
        for x, y, w, h in ((0, 0, 52, 38), (7, 3, 21, 30), (51, 37, 1, 1), (0, 20, 52, 2)):
            window = raster.read((x, y, w, h))
            assert window.flags.c_contiguous and np.array_equal(window, whole[y : y + h, x : x + w])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_window_that_comes_smaller_covers_what_was_asked(tmp_path, data):
    orientation = data.draw(st.integers(1, 8))
    path = tmp_path / f"{orientation}.jpg"
    if not path.exists():
        stored(path, smooth(704, 512), orientation)
    x, y = data.draw(st.integers(0, 86)) * 8, data.draw(st.integers(0, 62)) * 8
    w, h = data.draw(st.integers(1, 704 - x)), data.draw(st.integers(1, 512 - y))
    least = data.draw(st.integers(1, w)), data.draw(st.integers(1, h))
    window = read_window(path, (x, y, w, h), least)
    assert window.shape[1] >= least[0] and window.shape[0] >= least[1]
    factor = next(f for f in (1, 2, 4, 8) if window.shape[:2] == (-(-h // f), -(-w // f)))
    full = smooth(704, 512)[y : y + h, x : x + w]
    inside = window[: h // factor, : w // factor].astype(int)
    blocks = full[: h // factor * factor, : w // factor * factor].astype(float)
    means = blocks.reshape(h // factor, factor, w // factor, factor, 3).mean((1, 3))
    assert inside.size == 0 or np.abs(inside - means).max() < 12


def test_the_second_window_of_a_jpeg_decodes_nothing(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.jpg", smooth(), 6)
    with Raster(path) as raster:
        first = raster.read((3, 4, 20, 20))
        monkeypatch.setattr("trainset_vision.media.whole.Whole._decode", None)
        assert np.array_equal(raster.read((3, 4, 20, 20)), first)
        assert raster.read((0, 0, 48, 32), at_least=(10, 8)).shape == (8, 12, 3), "what is there is shrunk"


@pytest.mark.parametrize("colour", ["L", "LA", "RGB", "RGBA"])
def test_png_of_16_bits_is_stretched_and_keeps_what_8_bits_would_lose(tmp_path, colour):
    ramp = np.linspace(1000, 1255, 64 * 64).reshape(64, 64).astype("u2")
    channels = {"L": ramp, "LA": np.dstack([ramp, np.full_like(ramp, 65535)]), "RGB": np.dstack([ramp] * 3),
                "RGBA": np.dstack([ramp] * 3 + [np.full_like(ramp, 65535)])}[colour]  # fmt: skip
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(channels))
    (draft,) = Vision().scan(path, VisionSettings())
    assert draft.meta["stretch"] == "percentiles"
    shown = Vision().load({"": path}, item_of(draft, tmp_path))
    assert len(np.unique(shown)) > 200
    assert (Vision().load({"": path}, Item(key="media/a.png", meta={"stretch": "none"})) <= 5).all()


def test_a_deep_png_that_is_cut_is_refused(tmp_path):
    path = tmp_path / "a.png"
    data = imagecodecs.png_encode(np.random.default_rng(1).integers(0, 65536, (40, 40), dtype=np.uint16))
    path.write_bytes(data[: len(data) // 2])
    assert "damaged" in next(Vision().scan(path, VisionSettings())).reason
    with pytest.raises(MediaError, match=r"a\.png"):
        read_rgb(path)


# -- sequences -------------------------------------------------------------------------------------------------


def test_frames_of_a_folder_are_one_group_in_the_order_of_their_numbers(tmp_path):
    for name in ("a/f10.png", "a/f9.png", "a/f1.png", "b/2.png", "b/11.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encode(smooth(), "PNG"))
    found = list(Vision().scan(tmp_path, VisionSettings(group_by="folder")))
    assert [d.parts[""].relative_to(tmp_path).as_posix() for d in found] == ["a/f1.png", "a/f9.png", "a/f10.png", "b/2.png", "b/11.png"]  # fmt: skip
    assert [item_of(d, tmp_path).group for d in found] == ["media/a"] * 3 + ["media/b"] * 2
    assert {d.group for d in Vision().scan(tmp_path, VisionSettings())} == {None}


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), unique=True))
def test_the_natural_order_is_total_and_takes_any_name(names):
    files = [Path("/x") / name for name in names if name not in (".", "..")]
    assert list(natural_order(files)) == list(natural_order(sorted(files, reverse=True)))


# -- large images ----------------------------------------------------------------------------------------------


@pytest.fixture
def small_is_large(monkeypatch):
    monkeypatch.setattr(items, "LARGE", 1000)
    monkeypatch.setattr("trainset_vision.media.pyramid._OVERVIEW", 1 << 14)
    monkeypatch.setattr("trainset_vision.media.pyramid._GRID", 32)


def view_of(path: Path, size: tuple[int, int], *boxes: Box) -> tuple[ImageView, MemoryContext, Item]:
    item = Item(key=f"media/{path.name}", meta={"width": size[0], "height": size[1]})
    context: Any = MemoryContext(Task(name="t", type="box", labels=(Label(id="a", index=0),)), folder=path.parent)
    view = ImageView()
    view.open(item, {"proposal": boxes}, context)
    return view, context, item


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png"])
def test_a_large_image_is_shown_coarsely_and_finely_where_one_looks_closely(tmp_path, small_is_large, suffix):
    path = stored(tmp_path / f"a.{suffix}", smooth(700, 500), 6)
    view, _, _ = view_of(path, (700, 500))
    (coarse,) = view.scene(Viewport(Size(20, 8))).pictures
    assert coarse.pixels.size < 700 * 500 and coarse.place.right >= 700
    close_look = Viewport(Size(100, 40), Rect(301.5, 207.25, 60, 40))
    (fine,) = view.scene(close_look).pictures
    x, y = int(fine.place.x), int(fine.place.y)
    assert x <= 301 and y <= 207 and fine.place.right >= 361.5 and fine.place.bottom >= 247.25
    height, width = fine.pixels.shape[:2]
    assert (width, height) == (fine.place.width, fine.place.height)
    assert close(fine.pixels, smooth(700, 500)[y : y + height, x : x + width], 4)
    assert view.scene(close_look).pictures[0].pixels is fine.pixels, "the same array every time"
    moved = view.scene(Viewport(Size(100, 40), Rect(310, 215, 40, 30))).pictures[0]
    assert moved.pixels is fine.pixels, "and as long as it holds what is looked at"


def test_the_thumbnail_of_an_object_reads_its_window_of_a_large_image(tmp_path, small_is_large):
    path = stored(tmp_path / "a.tif", smooth(700, 500), 1)
    box = Box(id="a1", label="a", box=(600, 400, 40, 30))
    view, context, item = view_of(path, (700, 500), box)
    scene = view.thumbnail(item, box, Size(20, 8), context)
    (picture,) = scene.pictures
    assert picture.place.x <= scene.extent.x and picture.place.right >= scene.extent.right
    assert picture.place.width < 300
    assert scene.shapes[0].points[0] == Point(600, 400)


def test_a_large_image_is_not_loaded_ahead_and_a_common_one_is():
    common, large = (Item(key="media/x", meta={"width": w, "height": h}) for w, h in ((4000, 3000), (12000, 9000)))
    assert Vision().weight(common) < 1 << 27 < Vision().weight(large)


def test_a_shared_image_is_read_anew_when_its_file_changes(tmp_path, small_is_large):
    path = tmp_path / "a.png"
    item = Item(key="media/a.png", meta={"width": 50, "height": 40})
    for shade in (10, 200):
        Image.new("RGB", (50, 40 + shade), (shade, 0, 0)).save(path)
        with items.shared_item(path, item) as raster:
            assert raster.read((0, 0, 5, 5))[0, 0, 0] == shade


@given(st.integers(1, 500), st.integers(1, 500), st.floats(-600, 600), st.floats(-600, 600), st.floats(0, 700), st.floats(0, 700))  # fmt: skip
def test_the_window_around_a_region_lies_in_the_image_and_holds_what_of_it_does(width, height, x, y, w, h):
    left, top, across, down = around(Rect(x, y, w, h), (width, height), 64)
    assert across > 0 < down and left >= 0 <= top and left + across <= width and top + down <= height
    assert left % 64 == 0 == top % 64
    if 0 <= x < width and 0 <= y < height:
        assert left <= x and top <= y and left + across >= min(x + w, width) and top + down >= min(y + h, height)
