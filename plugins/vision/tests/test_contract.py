"""Everything that the distribution registers keeps the contract of plugins."""

from importlib import import_module

import numpy as np
import pytest
from PIL import Image
from trainset_vision import plugin
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.demo import Belt
from trainset_vision.modality import Vision, VisionSettings
from trainset_vision.prelabel.outline import Outline, OutlineSettings
from trainset_vision.view import ImageView

from trainset.core.model import Attribute, Class, Label, Task
from trainset.plugins import Labelled
from trainset.testing import (
    MemoryContext,
    check_annotations,
    check_demo,
    check_format,
    check_modality,
    check_plugin,
    check_prelabeler,
    check_view,
    items_in,
)

LABELS = (
    Label(id="screw", index=0, name="Machine screw"),
    Label(id="nut", index=1),
    Label(id="bolt", index=2, retired=True),
)
PARTS = Task(
    name="parts",
    type="box",
    labels=LABELS,
    attributes=(
        Attribute(name="bent", type="flag"),
        Attribute(name="length", type="number", labels=("screw",)),
        Attribute(name="side", type="choice", choices=("left", "right")),
    ),
)
BOXES = (
    Box(id="a1", label="screw", score=0.9, box=(10, 20, 30.5, 20)),
    Box(id="a2", label="nut", box=(20, 25, 30, 20)),
    Box(id="b7", label="screw", box=(0, 0, 5, 5)),
)
CLASSES = (Class(id="p1", label="screw", score=0.5),)


@pytest.fixture
def media(tmp_path):
    """Three images of different sizes with a light patch each, and beside their folder damaged ones."""
    folder = tmp_path / "media"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for n, (width, height) in enumerate([(120, 80), (64, 64), (200, 150)]):
        pixels = noise.integers(88, 92, (height, width, 3)).astype(np.uint8)
        pixels[20:45, 10:50] = 220
        Image.fromarray(pixels).save(folder / f"{n}.png")
    sound = (folder / "0.png").read_bytes()
    for name, data in (
        ("cut.png", sound[:90]),
        ("short.png", sound[:-60]),
        ("no.jpg", b"no image"),
        ("empty.gif", b""),
    ):
        (tmp_path / name).write_bytes(data)
    return folder


@pytest.fixture
def context(media):
    found = items_in(media, Vision(), VisionSettings())
    return MemoryContext(
        PARTS, found, folder=media, modality=Vision(), ops={Box: BoxOps()}, media_mode="copy"
    )  # fmt: skip


def rows(context, *answers):
    return [
        Labelled(item=item, name=item.path(), annotations=some, state="reviewed")
        for item, some in zip(context.items, answers, strict=True)
    ]


def test_the_plugin():
    check_plugin(plugin)


def test_the_modality(media):
    damaged = [media.parent / name for name in ("cut.png", "short.png", "no.jpg", "empty.gif")]
    check_modality(Vision(), sorted(media.iterdir()), damaged, VisionSettings())


def test_boxes(context):
    check_annotations(Box, BoxOps(), [*BOXES, Box(box=(5, 5, 0, 9))], context.items[0])


def test_the_outline_prelabeler(context):
    check_prelabeler(Outline(OutlineSettings(), PARTS), context.items, context, ["screw", "nut"])


@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_formats_of_boxes(context, tmp_path, name):
    module = import_module(f"trainset_vision.formats.{name}")
    importer, exporter = (getattr(module, f"{name.title()}{kind}")() for kind in ("Importer", "Exporter"))
    plain = [Box(id=b.id, label=b.label, box=b.box) for b in BOXES]
    check_format(importer, exporter, rows(context, plain, (), plain[:1]), context, tmp_path)


@pytest.mark.parametrize(("name", "place"), [("csv", "labels.csv"), ("folder", "images")])
def test_formats_of_classes(context, tmp_path, name, place):
    context.task = Task(name="kind", type="classify", labels=LABELS)
    module = import_module(f"trainset_vision.formats.{name}")
    importer, exporter = (getattr(module, f"{name.title()}{kind}")() for kind in ("Importer", "Exporter"))
    answers = rows(context, [Class(label="screw")], (), [Class(label="nut")])
    check_format(importer, exporter, answers, context, tmp_path, place)


def test_the_view_of_boxes(context):
    other = [Box(id="a1", label="nut", score=0.4, box=(70, 40, 20, 20)), Box(id="a2", score=0.2, box=(71, 40, 20, 20))]
    check_view(ImageView, context.items[0], {"yolo": BOXES, "yolox": other}, context)


@pytest.mark.parametrize("many", [False, True])
def test_the_view_of_classes(context, many):
    context.task = Task(name="kind", type="classify", labels=LABELS, many=many)
    check_view(ImageView, context.items[0], {"classify": CLASSES}, context)


def test_the_demo(tmp_path, monkeypatch):
    monkeypatch.setattr("trainset_vision.demo.belt.ITEMS", 8)
    check_demo(Belt, Vision(), tmp_path, VisionSettings())
