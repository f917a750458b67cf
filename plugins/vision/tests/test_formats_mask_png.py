"""Masks as images: numbers, palettes, colours, one for each class, and what lies in between."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Mask, Rle, rle
from trainset_vision.formats.label_image import read_label_image
from trainset_vision.formats.legend import read_legend
from trainset_vision.formats.mask_png import MaskPngExporter, MaskPngImporter

from trainset.core.model import Label, Task
from trainset.errors import MediaError, TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import read, round_trip, row, task

SIZE = (64, 48)


def context(*titles):
    return MemoryContext(task(*(titles or ("road", "car")), type="mask"))


def dataset(root, image, legend=None, mask="masks/a.png"):
    for name, made in (("images/a.jpg", Image.new("RGB", SIZE)), (mask, image)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        made.save(root / name)
    if legend:
        (root / legend[0]).write_text(legend[1])
    return root


def numbers(**places):
    values = np.zeros(SIZE[::-1], np.uint8)
    for value, rows in places.items():
        values[slice(*rows)] = int(value[1:])
    return values


def found(root, ctx=None):
    items, problems = read(MaskPngImporter(), root, ctx or context())
    return {a.label: int(a.pixels.sum()) for i in items for a in i.annotations}, [p.message for p in problems]


def test_without_a_legend_numbers_are_export_indices_plus_one(tmp_path):
    root = dataset(tmp_path, Image.fromarray(numbers(v1=(0, 10), v2=(10, 15), v255=(15, 16))))
    assert found(root)[0] == {"road": 640, "car": 320} and "64 pixels are void" in found(root)[1][0]


def test_black_and_white_is_the_only_class(tmp_path):
    root = dataset(tmp_path, Image.fromarray(numbers(v255=(0, 10))))
    assert found(root, context("crack")) == ({"crack": 640}, [])


CAMVID = "64 128 64\tAnimal\n192 0 128\t\tArchway\n0 0 0\tVoid\n"
VOC = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nAnimal:64,128,64::\nArchway:192,0,128::\n"
TABLE = "name,r,g,b\nAnimal,64,128,64\nArchway,192,0,128\n"
JSON = '[{"class_name": "Animal", "color": "#408040ff"}, {"class_name": "Archway", "color": [192, 0, 128]}]'
MAP = '{"Animal": [64, 128, 64], "Archway": "#C00080"}'


@pytest.mark.parametrize(
    "legend",
    [("label_colors.txt", CAMVID), ("labelmap.txt", VOC), ("class_dict.csv", TABLE), ("label_classes.json", JSON), ("legend.json", MAP)],
)  # fmt: skip
@pytest.mark.parametrize("indexed", [False, True])
def test_colours_mean_what_the_legend_says(tmp_path, legend, indexed):
    pixels = np.zeros((*SIZE[::-1], 3), np.uint8)
    pixels[:10], pixels[10:15] = (64, 128, 64), (192, 0, 128)
    image = Image.fromarray(pixels)
    root = dataset(tmp_path, image.quantize(8) if indexed else image, legend)
    assert found(root) == ({"Animal": 640, "Archway": 320}, [])
    assert [name for _, name in MaskPngImporter().classes(root)] == ["Animal", "Archway"]


@pytest.mark.parametrize(
    "legend",
    [("_classes.csv", "Pixel Value, Class\n0, background\n3, Animal\n7, Archway\n"), ("classes.json", '{"3": "Animal", "7": "Archway"}'),
     ("label_classes.json", '[{"png_index": 3, "class_name": "Animal"}, {"png_index": 7, "class_name": "Archway"}]')],
)  # fmt: skip
def test_numbers_mean_what_the_legend_says(tmp_path, legend):
    root = dataset(tmp_path, Image.fromarray(numbers(v3=(0, 10), v7=(10, 15))), legend)
    assert found(root) == ({"Animal": 640, "Archway": 320}, [])


def test_grey_levels_between_classes_are_counted_and_never_taken_for_the_nearest(tmp_path):
    root = dataset(tmp_path, Image.fromarray(numbers(v1=(0, 10), v2=(10, 15), v77=(15, 18), v3=(20, 21))))
    classes, problems = found(root)
    assert classes == {"road": 640, "car": 320}
    assert "256 pixels are left out" in problems[0] and "77 192 times, nearest to car" in problems[0]


def test_a_mask_of_nothing_but_strange_values_is_no_empty_answer(tmp_path):
    items, problems = read(MaskPngImporter(), dataset(tmp_path, Image.fromarray(numbers(v9=(0, 5)))), context())
    assert not items and "images are left out" in problems[-1].message


def test_a_mask_for_each_class_by_folder_and_by_name(tmp_path):
    black_and_white = Image.fromarray(numbers(v255=(0, 10)))
    root = dataset(tmp_path / "folders", black_and_white, mask="masks/road/a.png")
    dataset(root, Image.fromarray(numbers(v255=(10, 15))), mask="masks/car/a.png")
    assert found(root) == ({"road": 640, "car": 320}, []) or found(root) == ({"car": 320, "road": 640}, [])
    assert {name for _, name in MaskPngImporter().classes(root)} == {"road", "car"}
    root = dataset(tmp_path / "names", black_and_white, mask="masks/a_road.png")
    assert found(root) == ({"road": 640}, [])


def test_masks_may_lie_beside_images(tmp_path):
    root = dataset(
        tmp_path,
        Image.fromarray(numbers(v1=(0, 10))),
        ("_classes.csv", "Pixel Value, Class\n0, background\n1, road\n"),
        "images/a_mask.png",
    )
    assert found(root) == ({"road": 640}, [])


def test_a_mask_of_another_size_or_without_an_image_is_named(tmp_path):
    root = dataset(tmp_path, Image.new("L", SIZE[::-1]))
    Image.new("L", SIZE).save(root / "masks" / "lost.png")
    items, problems = read(MaskPngImporter(), root, context())
    assert not items and "EXIF" in problems[0].message and "no image goes" in problems[1].message


def test_colours_without_a_legend_are_an_error(tmp_path):
    with pytest.raises(TrainsetError, match="colours mean"):
        found(dataset(tmp_path, Image.new("RGB", SIZE, (1, 2, 3))))


@pytest.mark.parametrize("text", ["", "name,r,g,b\na,1,2,x\n", "name,r,g,b\na,1,2,999\n", "x,y\n1,2\n", "name,r,g,b\n"])
def test_a_legend_that_makes_no_sense_is_named(tmp_path, text):
    (tmp_path / "legend.csv").write_text(text)
    with pytest.raises(TrainsetError, match=r"legend\.csv"):
        read_legend(tmp_path / "legend.csv")


@pytest.mark.parametrize("text", ["{", "[1]", "3", "[" * 100_000, '{"a": 1e999}', '{"a": [1, 2]}'])
def test_json_that_makes_no_sense_is_named(tmp_path, text):
    (tmp_path / "legend.json").write_text(text)
    with pytest.raises(TrainsetError, match=r"legend\.json"):
        read_legend(tmp_path / "legend.json")
    assert MaskPngImporter().sniff(tmp_path) is None


def test_numbers_of_four_bits_are_not_stretched(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 4, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0\x01\x2f")) + chunk(b"IEND", b"")
    )  # fmt: skip
    assert read_label_image(tmp_path / "a.png").values.tolist() == [[0, 1, 2, 15]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGB", "RGBA"])
def test_masks_of_all_kinds_of_pixels_are_read(tmp_path, mode):
    image = Image.new("L", (4, 3)).convert("I" if mode.startswith("I") else mode)
    image.convert(mode).save(tmp_path / "a.png")
    found = read_label_image(tmp_path / "a.png")
    assert found.size == (3, 4) and not found.values.any()


def test_a_mask_that_says_it_is_enormous_is_refused(tmp_path):
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(MediaError, match="more than max-pixels allows"):
        read_label_image(tmp_path / "a.png")


def test_more_than_255_classes_take_16_bits(tmp_path):
    labels = (Label(id="a", index=2), Label(id="b", index=400))
    ctx = MemoryContext(Task(name="t", type="mask", labels=labels))
    there = np.zeros((48, 64), bool)
    there[3:5] = True
    rows = [row([Mask(id="m", label="b", mask=Rle((48, 64), rle.encode(there)))], width=64, height=48)]
    items, lost, problems = round_trip(MaskPngImporter(), MaskPngExporter(), rows, tmp_path, ctx)
    assert (items["a.jpg"].annotations[0].pixels == there).all() and items["a.jpg"].annotations[0].label == "b"
    assert not lost and not problems


@settings(max_examples=40)
@given(values=st.lists(st.lists(st.integers(0, 3), min_size=7, max_size=7), min_size=5, max_size=5))
def test_masks_of_classes_come_back_pixel_by_pixel(tmp_path_factory, values):
    pixels = np.array(values)
    ctx = context("a", "b", "c")
    masks = [
        Mask(id=f"m{n}", label=f"l{n - 1}", mask=Rle((5, 7), rle.encode(pixels == n)))
        for n in (1, 2, 3)
        if (pixels == n).any()
    ]
    dest = tmp_path_factory.mktemp("out")
    items, lost, problems = round_trip(MaskPngImporter(), MaskPngExporter(), [row(masks, width=7, height=5)], dest, ctx)
    assert not lost and not problems
    assert [(a.label, a.mask) for a in items["a.jpg"].annotations] == [
        (ctx.task.label(m.label).title, m.mask) for m in masks
    ]
