"""TIFF files: what is an item, the pixels that come out, and what hostile ones must not do."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from trainset_vision.media.geo import to_map
from trainset_vision.media.items import open_item, read_item
from trainset_vision.media.pixels import read_rgb, read_window
from trainset_vision.media.raster import Raster
from trainset_vision.modality import Vision, VisionSettings

from trainset.core.files import digest_pieces
from trainset.core.model import Item
from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Skipped
from trainset.testing import check_modality


def smooth(width: int = 90, height: int = 70) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x + y) * 200 // (width + height)], 2).astype(
        "u1"
    )


def written(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, **options)
    return path


def scan(path: Path, **settings: Any) -> list[ItemDraft | Skipped]:
    return list(Vision().scan(path, VisionSettings(**settings)))


def item(draft: ItemDraft) -> Item:
    mark = f"#{draft.row}" if draft.row else ""
    return Item(key=f"media/{draft.parts[''].name}{mark}", meta=dict(draft.meta))


LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 7},
    "one strip": {},
    "tiles": {"tile": (32, 48)},
    "lzw tiles": {"tile": (32, 32), "compression": "lzw", "predictor": True},
    "deflate": {"compression": "deflate", "rowsperstrip": 16},
    "zstd": {"compression": "zstd", "tile": (16, 16)},
    "apart": {"planarconfig": "separate", "rowsperstrip": 10},
    "tiles apart": {"planarconfig": "separate", "tile": (32, 32)},
    "big": {"bigtiff": True, "tile": (32, 32)},
    "big-endian": {"byteorder": ">", "rowsperstrip": 9},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pixels_whole_and_by_windows(tmp_path, layout):
    options = dict(LAYOUTS[layout])
    pixels = smooth()
    if options.get("planarconfig"):
        pixels, stored = smooth(), np.moveaxis(smooth(), 2, 0)
    else:
        stored = pixels
    path = written(tmp_path / "a.tif", stored, photometric="rgb", **options)
    assert scan(path) == [ItemDraft(parts={"": path}, meta={"width": 90, "height": 70, "format": "tiff"})]
    assert np.array_equal(read_rgb(path), pixels)
    with Raster(path) as raster:
        assert raster.windowed
        for x, y, w, h in ((0, 0, 90, 70), (13, 5, 40, 41), (89, 69, 1, 1), (30, 30, 60, 40)):
            window = raster.read((x, y, w, h))
            assert window.flags.c_contiguous and np.array_equal(window, pixels[y : y + h, x : x + w])


def test_a_window_reads_only_the_tiles_that_it_touches(tmp_path):
    path = written(tmp_path / "a.tif", smooth(256, 256), photometric="rgb", tile=(64, 64), compression="deflate")
    whole = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        last, size = file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]
    whole[last : last + size] = bytes(size)
    path.write_bytes(whole)
    assert np.array_equal(read_window(path, (10, 20, 100, 60)), smooth(256, 256)[20:80, 10:110])
    with pytest.raises(MediaError, match=r"a\.tif.*damaged"):
        read_window(path, (200, 200, 10, 10))


@pytest.mark.parametrize("below", [True, False], ids=["sub-directories", "pages"])
def test_overviews_are_used_where_they_are_enough_and_are_no_items(tmp_path, below):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as out:
        options = {"photometric": "rgb", "tile": (16, 16), "metadata": None}
        out.write(smooth(101, 67), subifds=2 if below else 0, **options)
        for color, factor in ((100, 2), (200, 4)):
            out.write(np.full((-(-67 // factor), -(-101 // factor), 3), color, "u1"), subfiletype=1, **options)
    assert [draft.row for draft in scan(path)] == [None]
    assert (read_rgb(path, (20, 10)) == 200).all() and read_rgb(path, (20, 10)).shape == (17, 26, 3)
    assert (read_rgb(path, (40, 20)) == 100).all()
    assert np.array_equal(read_rgb(path, (60, 60)), smooth(101, 67))
    assert (read_window(path, (32, 16, 69, 51), (10, 10)) == 200).all()
    assert read_window(path, (32, 16, 69, 51), (10, 10)).shape == (13, 18, 3)
    assert read_window(path, (33, 16, 60, 40), (10, 10)).shape == (40, 60, 3), "it does not lie on whole pixels"


def deep(kind: str) -> np.ndarray:
    y, x = np.mgrid[0:60, 0:80].astype(float)
    values = (x + y) * 10 + 1000
    return {"uint16": values.astype("u2"), "int16": (values - 1500).astype("i2"), "float32": (values / 1e4).astype("f4"),
            "uint32": values.astype("u4") * 1000, "float64": values * 1e-9, "float16": (values / 100).astype("f2")}[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["uint16", "int16", "uint32", "float16", "float32", "float64"])
def test_deep_samples_are_stretched_between_percentiles_of_the_whole_image(tmp_path, kind):
    values = deep(kind)
    path = written(tmp_path / "a.tif", values, photometric="minisblack", tile=(16, 16))
    (draft,) = scan(path)
    assert draft.meta["stretch"] == "percentiles"
    shown = read_item(path, item(draft))
    low, high = np.percentile(values.astype(float), (1, 99))
    expected = np.clip((values.astype(float) - low) / (high - low) * 255, 0, 255)
    assert np.abs(shown[..., 0] - expected).max() < 1.5
    assert np.array_equal(shown[..., 0], shown[..., 2])
    with open_item(path, item(draft)) as raster:
        assert np.array_equal(raster.read((60, 40, 20, 20)), shown[40:, 60:])


def test_what_is_no_number_counts_neither_for_the_stretch_nor_as_bright(tmp_path):
    values = deep("float32")
    values[0, :5] = [np.nan, np.inf, -np.inf, 1.0, 2.0]
    shown = read_rgb(written(tmp_path / "a.tif", values, photometric="minisblack"))
    assert shown[0, 0, 0] == 0 and shown[0, 1, 0] == 255 and shown[0, 2, 0] == 0
    assert shown[30, 40, 0] not in (0, 255)


def test_the_stretch_can_be_what_the_file_declares_or_none_and_the_item_keeps_it(tmp_path):
    values = np.full((20, 20), 1000, "u2")
    path = written(tmp_path / "a.tif", values, photometric="minisblack", extratags=[(280, 3, 1, 500, True), (281, 3, 1, 1500, True)])  # fmt: skip
    (declared,), (none,) = scan(path, stretch="declared"), scan(path, stretch="none")
    assert read_item(path, item(declared))[0, 0, 0] == 128
    assert read_item(path, item(none))[0, 0, 0] == 1000 // 257 + 1


def test_a_deep_image_of_one_value_is_shown(tmp_path):
    assert read_rgb(written(tmp_path / "a.tif", np.full((9, 9), 7, "u2"), photometric="minisblack")).shape == (9, 9, 3)


@pytest.mark.parametrize("samples", [3, 4, 6])
def test_the_first_three_bands_of_a_deep_picture_are_red_green_and_blue(tmp_path, samples):
    values = np.zeros((30, 40, samples), "u2")
    values[..., :3] = smooth(40, 30).astype("u2") * 40
    values[..., 3:] = 60_000
    extra = {"extrasamples": ["unspecified"] * (samples - 3)} if samples > 3 else {}
    path = written(tmp_path / "a.tif", values, photometric="rgb", planarconfig="contig", **extra)
    assert np.abs(read_rgb(path).astype(int) - smooth(40, 30)).mean() < 12


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
def test_transparency_of_a_tiff_is_laid_over_white(tmp_path, kind):
    colour = [20, 25, 30, 128] if kind == "assocalpha" else [40, 50, 60, 128]
    values = np.full((8, 8, 4), colour, "u1")
    path = written(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[kind])
    assert np.abs(read_rgb(path)[0, 0].astype(int) - [147, 152, 157]).max() <= 1
    grey = written(
        tmp_path / "b.tif", values[..., 2:], photometric="minisblack", extrasamples=[kind], planarconfig="contig"
    )
    assert np.abs(read_rgb(grey)[0, 0].astype(int) - 157).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGB", "LA"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_every_mode_that_pillow_writes_comes_out_as_it_reads_it(tmp_path, mode, compression):
    path = tmp_path / "a.tif"
    image = Image.fromarray(smooth()).quantize(64) if mode == "P" else Image.fromarray(smooth()).convert(mode)
    image.save(path, compression=compression)
    assert np.array_equal(read_rgb(path), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_facsimiles_are_read(tmp_path, compression):
    path = tmp_path / "a.tif"
    image = Image.fromarray(smooth()).convert("1")
    image.save(path, compression=compression)
    assert np.array_equal(read_rgb(path), np.asarray(image.convert("RGB")))


def test_white_is_zero_is_turned_round(tmp_path):
    path = written(tmp_path / "a.tif", smooth()[..., 0], photometric="miniswhite")
    assert np.array_equal(read_rgb(path)[..., 1], 255 - smooth()[..., 0])


@pytest.mark.parametrize("tiled", [True, False])
def test_jpeg_in_tiff_has_the_right_colours(tmp_path, tiled):
    path = tmp_path / "a.tif"
    if tiled:
        written(path, smooth(96, 64), photometric="rgb", tile=(32, 32), compression="jpeg")
    else:
        Image.fromarray(smooth(96, 64)).save(path, compression="jpeg")
    assert np.abs(read_rgb(path).astype(int) - smooth(96, 64)).mean() < 6


# -- pages -----------------------------------------------------------------------------------------------------


def stack(path: Path, shades: list[int], **options: Any) -> Path:
    with tifffile.TiffWriter(path) as out:
        for shade in shades:
            out.write(
                np.full((12, 16), shade, "u1"), photometric="minisblack", metadata=None, contiguous=False, **options
            )
    return path


def test_pages_are_items_of_one_group_with_their_number_for_a_key(tmp_path):
    path = stack(tmp_path / "a.tif", [10, 20, 30])
    drafts = scan(path)
    assert [draft.row for draft in drafts] == ["0001", "0002", "0003"]
    assert {draft.group for draft in drafts} == {path}
    assert [read_item(path, item(draft))[0, 0, 0] for draft in drafts] == [10, 20, 30]
    check_modality(Vision(), [path], settings=VisionSettings())


def test_a_pages_digest_depends_on_nothing_but_its_own_pixels(tmp_path):
    def digests(path: Path) -> list[str]:
        return [digest_pieces(Vision().content({"": path}, item(draft))) for draft in scan(path)]

    before = digests(stack(tmp_path / "a.tif", [10, 20, 30]))
    after = digests(stack(tmp_path / "b.tif", [9, 20, 30, 40], software="another"))
    assert before[1:] == after[1:3] and before[0] != after[0] and len(set(after)) == 4


def test_a_page_that_is_gone_is_said(tmp_path):
    path = stack(tmp_path / "a.tif", [10, 20])
    gone = Item(key="media/a.tif#0007")
    with pytest.raises(MediaError, match=r"a\.tif.*no page 7"):
        read_item(path, gone)
    with pytest.raises(MediaError, match=r"a\.tif.*no page 7"):
        list(Vision().content({"": path}, gone))


def test_a_page_that_is_not_read_leaves_the_others(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as out:
        for values in (np.zeros((8, 8), "u1"), np.zeros((8, 8), "c8"), np.ones((8, 8), "u1")):
            out.write(values, photometric="minisblack", metadata=None)
    first, second, third = scan(path)
    assert (first.row, third.row) == ("0001", "0003") and second.reason.startswith("page 2: ")


# -- places ----------------------------------------------------------------------------------------------------


def geotiff(path: Path, point: bool = False, code: int = 32633, **options: Any) -> Path:
    keys = (1, 1, 0, 2, 1025, 0, 1, 2 if point else 1, 3072, 0, 1, code)
    tags = [(33550, 12, 3, (0.5, 0.25, 0.0), True), (33922, 12, 6, (0, 0, 0, 400_000.0, 5_000_000.0, 0), True),
            (34735, 3, len(keys), keys, True)]  # fmt: skip
    return written(path, smooth(), photometric="rgb", extratags=tags, **options)


def test_a_georeference_is_kept_and_places_pixels(tmp_path):
    (draft,) = scan(geotiff(tmp_path / "a.tif"))
    geo = draft.meta["geo"]
    assert geo == {"transform": [0.5, 0.0, 400_000.0, 0.0, -0.25, 5_000_000.0], "epsg": 32633}
    assert to_map(geo, [(0, 0), (10, 4)]).tolist() == [[400_000.0, 5_000_000.0], [400_005.0, 4_999_999.0]]


def test_a_georeference_of_pixel_middles_is_moved_to_their_corners(tmp_path):
    (draft,) = scan(geotiff(tmp_path / "a.tif", point=True, code=32767))
    assert draft.meta["geo"] == {"transform": [0.5, 0.0, 399_999.75, 0.0, -0.25, 5_000_000.125]}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_georeference_follows_the_orientation(tmp_path, orientation):
    path = geotiff(tmp_path / "a.tif")
    plain = scan(path)[0].meta["geo"]
    (draft,) = (
        scan(geotiff(tmp_path / "b.tif").with_name("b.tif")) if orientation == 1 else scan(turned(path, orientation))
    )
    marks = {tuple(smooth()[y, x]): (x, y) for x, y in ((3, 5), (80, 60), (40, 2))}
    upright = read_rgb(draft.parts[""])
    for colour, (x, y) in marks.items():
        (v,), (u,) = np.nonzero((upright == colour).all(2))
        assert np.allclose(to_map(draft.meta["geo"], [(u + 0.5, v + 0.5)]), to_map(plain, [(x + 0.5, y + 0.5)]))


def turned(path: Path, orientation: int) -> Path:
    """The same file, in which an orientation is declared."""
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages[0].tags.get(274) or file.pages[0].tags[296]
        file.filehandle.seek(tag.offset)
        file.filehandle.write(struct.pack("<HHIHH", 274, 3, 1, orientation, 0))
    return path


# -- hostile files ---------------------------------------------------------------------------------------------


def directory(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    return (
        struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *e) for e in entries)
        + struct.pack("<I", following)
    )


BASE = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]  # fmt: skip


def hostile(**changes: int) -> bytes:
    entries = [(tag, kind, count, changes.get(f"t{tag}", value)) for tag, kind, count, value in BASE]
    pixels = bytes(64)
    return b"II*\0" + struct.pack("<I", 72) + pixels + directory(entries, changes.get("following", 0))


def test_the_hand_made_file_is_sound(tmp_path):
    (tmp_path / "a.tif").write_bytes(hostile())
    assert read_rgb(tmp_path / "a.tif").shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"following": 72}, "is page 1 again"),
        ({"following": 1 << 31}, "cut short"),
        ({"t256": 1 << 31, "t257": 1 << 31}, "strips are needed"),
        ({"t256": 1 << 31, "t257": 1 << 31, "t278": 1 << 31}, "fewer bytes"),
        ({"t256": 0}, "damaged"),
        ({"t256": 9000, "t257": 9000}, "damaged"),
        ({"t257": 16}, "strips are needed"),
        ({"t278": 1}, "strips are needed"),
        ({"t279": 1 << 30}, "cut short"),
        ({"t273": 1 << 31}, "cut short"),
        ({"t277": 60_000}, "samples"),
        ({"t258": 7_000}, "not read"),
        ({"t262": 9}, "not read"),
    ],
)
def test_a_header_that_makes_no_sense_is_a_reason(tmp_path, changes, reason):
    path = tmp_path / "a.tif"
    path.write_bytes(hostile(**changes))
    (skipped,) = scan(path)
    assert isinstance(skipped, Skipped) and reason in skipped.reason
    with pytest.raises(MediaError, match=r"a\.tif"):
        read_rgb(path)


def test_a_longer_loop_of_pages_ends(tmp_path):
    start = 8 + 64
    first, size = directory(BASE, 0), len(directory(BASE, 0))
    data = (
        b"II*\0"
        + struct.pack("<I", start)
        + bytes(64)
        + directory(BASE, start + size)
        + directory(BASE, start + 2 * size)
    )
    (tmp_path / "a.tif").write_bytes(data + directory(BASE, start + size))
    assert "again" in scan(tmp_path / "a.tif")[0].reason and first


def test_more_pages_than_anybody_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("trainset_vision.media.tiff_directory.MOST_PAGES", 5)
    assert "more than 5 pages" in scan(stack(tmp_path / "a.tif", [1] * 6))[0].reason


def test_max_pixels_holds_for_every_page(tmp_path):
    assert "set `max-pixels` in `[media]`" in scan(stack(tmp_path / "a.tif", [1, 2]), max_pixels=100)[1].reason


def test_a_count_of_tags_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + b"\xff\xff" + bytes(100_000))
    assert "damaged" in scan(tmp_path / "a.tif")[0].reason


@pytest.mark.parametrize("layout", ["lzw tiles", "deflate", "tiles"])
def test_a_file_cut_in_its_tiles_is_skipped(tmp_path, layout):
    path = written(tmp_path / "a.tif", smooth(), photometric="rgb", **LAYOUTS[layout])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert "cut short" in scan(path)[0].reason


def test_tiles_that_a_file_leaves_out_are_empty(tmp_path):
    path = written(tmp_path / "a.tif", smooth(64, 64), photometric="rgb", tile=(32, 32))
    with tifffile.TiffFile(path, mode="r+") as file:
        for code in (324, 325):
            file.pages[0].tags[code].overwrite((0, *file.pages[0].tags[code].value[1:]))
    shown = read_rgb(path)
    assert not shown[:32, :32].any() and np.array_equal(shown[32:], smooth(64, 64)[32:])


def test_nothing_is_said_on_stderr(tmp_path, capfd):
    (tmp_path / "a.tif").write_bytes(hostile(t257=16))
    scan(tmp_path / "a.tif")
    assert capfd.readouterr() == ("", "")


def test_a_large_image_without_overviews_is_shrunk_in_bands(tmp_path, monkeypatch):
    monkeypatch.setattr("trainset_vision.media.tiff.LARGE", 1000)
    path = written(tmp_path / "a.tif", smooth(701, 503), photometric="rgb", rowsperstrip=11)
    small = read_rgb(path, (80, 60))
    assert small.shape == (63, 88, 3)
    block = smooth(701, 503)[80:88, 160:168].reshape(-1, 3).mean(0)
    assert np.abs(small[10, 20] - block).max() <= 1


def test_an_unreadable_window_is_a_programming_error(tmp_path):
    path = written(tmp_path / "a.tif", smooth(), photometric="rgb")
    with Raster(path) as raster, pytest.raises(ValueError, match="leads out"):
        raster.read((80, 0, 11, 5))


def test_a_closed_raster_reads_nothing(tmp_path):
    path = written(tmp_path / "a.tif", smooth(), photometric="rgb")
    with Raster(path) as raster:
        raster.read()
    with pytest.raises(MediaError):
        raster.read()
