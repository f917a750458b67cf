"""Images as items: what a scan finds and passes over, and the pixels that come out."""

from __future__ import annotations

import os
import struct
import unicodedata
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Box
from trainset_vision.modality import Vision, VisionSettings, read_rgb

from trainset.core.model import Item
from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Skipped

from .media_kit import as_stored, close, encode, smooth

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "/nowhere")) / "vision"
ITEM = Item(key="media/x")

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.TiffImagePlugin")

KINDS: list[tuple[str, str, dict[str, object]]] = [
    ("jpg", "JPEG", {}),
    ("jpeg", "JPEG", {"progressive": True}),
    ("png", "PNG", {}),
    ("webp", "WEBP", {}),
    ("webp", "WEBP", {"lossless": True}),
    ("bmp", "BMP", {}),
    ("gif", "GIF", {}),
    ("tif", "TIFF", {}),
    ("tiff", "TIFF", {"compression": "tiff_lzw"}),
    ("tiff", "TIFF", {"compression": "jpeg"}),
]


def noise(width: int = 48, height: int = 32) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scan_one(path: Path, **media: object) -> ItemDraft | Skipped:
    (found,) = Vision().scan(path, VisionSettings(**media))
    return found


def load(path: Path) -> np.ndarray:
    return Vision().load({"": path}, ITEM)


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


# -- what a scan finds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "kind", "options"), KINDS)
def test_every_format_is_found_by_its_header_and_loads_as_rgb(tmp_path, suffix, kind, options):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encode(smooth(), kind, **options))
    assert scan_one(path) == ItemDraft(parts={"": path}, meta={"width": 48, "height": 32, "format": kind.lower()})
    pixels = load(path)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert close(pixels, smooth())


def test_a_folder_is_scanned_in_a_stable_order_and_other_files_pass_in_silence(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("z.PNG", "b/a.png", "c.png"):
        (tmp_path / name).write_bytes(encode(smooth(), "PNG"))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden.png").write_bytes(b"")
    found = [draft.parts[""].relative_to(tmp_path).as_posix() for draft in Vision().scan(tmp_path, VisionSettings())]
    assert found == ["c.png", "z.PNG", "b/a.png"]


def test_a_file_without_an_image_suffix_is_skipped_when_it_is_named_itself(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert "not an image" in scan_one(path).reason


def test_content_decides_what_a_file_is_and_not_its_suffix(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(smooth(), "PNG"))
    assert scan_one(path).meta["format"] == "png"
    assert np.array_equal(load(path), smooth())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello world, this is text", "is not a JPEG"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "is not a JPEG"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, "header cannot be read"),
        (b"BM" + b"\xff" * 60, "header cannot be read"),
        (b"II*\0\xff\xff\xff\x7f", "cut short"),
        (b"GIF89a", "header cannot be read"),
    ],
)
def test_what_is_no_image_is_skipped_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert reason in scan_one(path).reason
    with pytest.raises(MediaError, match=r"a\.png"):
        load(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_skipped(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(smooth(), "PNG"))
    path.chmod(0)
    assert "Permission denied" in scan_one(path).reason


def test_a_pipe_named_like_an_image_is_not_waited_for(tmp_path):
    path = tmp_path / "a.png"
    os.mkfifo(path)
    assert list(Vision().scan(tmp_path, VisionSettings())) == []
    with pytest.raises(MediaError, match=r"a\.png.*not a file"):
        load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"a\.png.*No such file"):
        load(tmp_path / "a.png")


@pytest.mark.parametrize(
    "name",
    [
        "line\nbreak.png",
        "esc\x1b[31m.png",
        "smile \U0001f600.png",
        unicodedata.normalize("NFD", "é.png"),
        "\u202egnp.png",
    ],
)
def test_names_with_controls_and_any_script_are_items(tmp_path, name):
    (tmp_path / name).write_bytes(encode(smooth(), "PNG"))
    (draft,) = Vision().scan(tmp_path, VisionSettings())
    assert draft.parts[""].name == name
    assert load(draft.parts[""]).shape == (32, 48, 3)


def test_a_name_that_is_not_utf8_is_skipped(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        Path(os.fsdecode(raw)).write_bytes(encode(smooth(), "PNG"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (skipped,) = Vision().scan(tmp_path, VisionSettings())
    assert "not valid UTF-8" in skipped.reason


# -- damaged and hostile files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "kind", "options"), KINDS)
def test_a_file_cut_anywhere_is_skipped_or_refused(tmp_path, suffix, kind, options):
    path = tmp_path / f"a.{suffix}"
    whole = encode(noise(), kind, **options)
    path.write_bytes(whole)
    pixels = load(path)
    found = 0
    cuts = sorted({len(whole) - 1, *range(1, len(whole), max(1, len(whole) // 60))})
    for cut in cuts:
        path.write_bytes(whole[:cut])
        if isinstance(scan_one(path), Skipped):
            found += 1
            continue
        try:
            assert np.array_equal(load(path), pixels), "missing bytes changed pixels, and nobody noticed"
        except MediaError as error:
            assert str(path) in error.message
    assert found >= 0.9 * len(cuts)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_never_raise_anything_but_a_media_error(tmp_path, data):
    suffix, kind, options = data.draw(st.sampled_from(KINDS))
    content = bytearray(encode(noise(24, 16), kind, **options))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content), 300) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    if isinstance(scan_one(path, max_pixels=1_000_000), ItemDraft):
        try:
            read_rgb(path, max_pixels=1_000_000)
        except MediaError as error:
            assert str(path) in error.message


@pytest.mark.parametrize(("suffix", "kind", "options"), KINDS)
def test_rubbish_after_the_image_does_no_harm(tmp_path, suffix, kind, options):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encode(smooth(), kind, **options))
    clean = load(path)
    path.write_bytes(path.read_bytes() + b"\0trailer\n" * 20)
    assert isinstance(scan_one(path), ItemDraft)
    assert np.array_equal(load(path), clean)


@pytest.mark.parametrize("side", [100_000, 20_000])
def test_a_decompression_bomb_is_refused_by_its_header_without_a_warning(tmp_path, side):
    path = tmp_path / "a.png"
    path.write_bytes(png_header(side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "more than max-pixels allows" in scan_one(path).reason
        with pytest.raises(MediaError, match="max-pixels"):
            load(path)


def test_max_pixels_can_be_set_both_ways(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(smooth(), "PNG"))
    assert isinstance(scan_one(path, max_pixels=48 * 32 - 1), Skipped)
    assert isinstance(scan_one(path, max_pixels=48 * 32), ItemDraft)


def test_an_image_that_was_registered_under_a_higher_limit_still_loads(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encode(smooth(), "PNG"))
    monkeypatch.setattr("trainset_vision.media.items.MAX_PIXELS", 10)
    with pytest.raises(MediaError):
        Vision().load({"": path}, ITEM)
    assert Vision().load({"": path}, Item(key="media/x", meta={"width": 48, "height": 32})).shape == (32, 48, 3)


# -- orientation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_to_pixels_and_to_the_size(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encode(as_stored(smooth(), orientation), kind, exif=exif, **options))
    draft = scan_one(path)
    assert (draft.meta["width"], draft.meta["height"]) == (48, 32)
    assert load(path).flags.c_contiguous
    assert close(load(path), smooth(), 4)
    assert close(read_rgb(path, at_least=(40, 30)), smooth(), 4)


def test_a_png_whose_exif_follows_its_pixels_is_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(as_stored(smooth(), 6), "PNG", exif=exif)
    at = data.index(b"eXIf") - 4
    size = struct.unpack(">I", data[at : at + 4])[0] + 12
    chunk, end = data[at : at + size], len(data) - 12
    path = tmp_path / "a.png"
    path.write_bytes(data[:at] + data[at + size : end] + chunk + data[end:])
    assert scan_one(path).meta["width"] == 48
    assert np.array_equal(load(path), smooth())


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x05", b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_counts_as_none(tmp_path, exif):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(smooth(), "JPEG", exif=exif))
    assert scan_one(path).meta["width"] == 48
    assert close(load(path), smooth())


# -- colour ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    suffix = "jpg" if mode in ("CMYK", "YCbCr") else "png"
    path = tmp_path / f"a.{suffix}"
    grey = smooth()[..., 0]
    if mode == "I;16":
        Image.fromarray(grey.astype(np.uint16) * 257).save(path)
    elif mode == "P":
        Image.fromarray(smooth()).quantize(256).save(path)
    else:
        Image.fromarray(smooth()).convert(mode).save(path)
    assert isinstance(scan_one(path), ItemDraft)
    luminance = np.asarray(Image.fromarray(smooth()).convert("L"))
    expected = {
        "1": np.repeat(np.asarray(Image.fromarray(smooth()).convert("1"))[..., None] * np.uint8(255), 3, 2),
        "L": np.repeat(luminance[..., None], 3, 2),
        "LA": np.repeat(luminance[..., None], 3, 2),
        "I;16": np.repeat(grey[..., None], 3, 2),
    }.get(mode, smooth())
    pixels = load(path)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert close(pixels, expected, 12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparency_is_laid_over_white(tmp_path, mode):
    path = tmp_path / "a.png"
    if mode == "P":
        image = Image.new("P", (4, 4), 1)
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.save(path, transparency=bytes([255, 128]))
        expected = [148, 153, 158]
    elif mode == "RGB":
        Image.new("RGB", (4, 4), (1, 2, 3)).save(path, transparency=(1, 2, 3))
        expected = [255, 255, 255]
    else:
        Image.new(mode, (4, 4), (40, 50, 60, 128) if mode == "RGBA" else (40, 128)).save(path)
        expected = [148, 153, 158] if mode == "RGBA" else [148, 148, 148]
    assert np.abs(load(path)[0, 0].astype(int) - expected).max() <= 1


def test_an_inverted_cmyk_jpeg_of_photoshop_has_the_right_colours(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path, quality=95)
    assert b"Adobe" in path.read_bytes()
    assert np.abs(load(path)[8, 8].astype(int) - [255, 0, 0]).max() < 8


def test_a_palette_gif_and_an_animation_give_the_first_frame(tmp_path):
    path = tmp_path / "a.gif"
    red, blue = (Image.new("RGB", (6, 4), color) for color in ("red", "blue"))
    red.save(path, save_all=True, append_images=[blue])
    assert load(path)[0, 0].tolist() == [255, 0, 0]


# -- smaller reads ---------------------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 700), st.integers(1, 500), st.sampled_from([1, 6]))
def test_a_draft_is_never_smaller_than_asked(tmp_path, width, height, orientation):
    path = tmp_path / f"{orientation}.jpg"
    if not path.exists():
        exif = Image.Exif()
        exif[0x0112] = orientation
        path.write_bytes(encode(as_stored(smooth(701, 503), orientation), "JPEG", exif=exif))
    pixels = read_rgb(path, at_least=(width, height))
    assert pixels.shape[1] >= width and pixels.shape[0] >= height
    if width < 80 and height < 60:
        assert pixels.shape == (63, 88, 3)


def test_asking_for_more_than_there_is_gives_the_full_size(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(smooth(), "JPEG"))
    assert read_rgb(path, at_least=(5000, 5000)).shape == (32, 48, 3)


def test_many_threads_read_at_once(tmp_path):
    paths = [tmp_path / f"{n}.{suffix}" for n, (suffix, _, _) in enumerate(KINDS)]
    for path, (_, kind, options) in zip(paths, KINDS, strict=True):
        path.write_bytes(encode(smooth(), kind, **options))
    with ThreadPoolExecutor(8) as pool:
        assert all(close(pixels, smooth()) for pixels in pool.map(read_rgb, paths * 20))


# -- checks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 0, 48, 32), None),
        ((1.5, 2.5, 3.25, 4), None),
        ((0, 0, 48.005, 32), None),
        ((1, 1, 0, 4), "no area"),
        ((1, 1, -3, 4), "no area"),
        ((40, 1, 9, 4), "stands out"),
        ((-1, 1, 9, 4), "stands out"),
        ((100, 100, 9, 4), "lies beside"),
        ((float("nan"), 1, 9, 4), "finite"),
        ((1, 1, float("inf"), 4), "finite"),
    ],
)
def test_boxes_that_make_no_sense_are_problems(box, message):
    item = Item(key="media/x", meta={"width": 48, "height": 32})
    problems = list(Vision().check(item, [Box(id="a1", label="x", box=box)]))
    assert [p.where for p in problems] == (["a1"] if message else [])
    assert all(message in p.message for p in problems)


# -- real data -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.is_dir(), reason="TRAINSET_REAL_DATA is not set")
@pytest.mark.parametrize(("folder", "count"), [("coco48/images", 48), ("bccd/images", 120)])
def test_real_photographs_are_found_and_load_at_the_declared_size(folder, count):
    drafts = list(Vision().scan(REAL / folder, VisionSettings()))
    assert len(drafts) == count
    for draft in drafts:
        assert load(draft.parts[""]).shape == (draft.meta["height"], draft.meta["width"], 3)
