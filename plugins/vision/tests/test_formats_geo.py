"""Where on Earth an image lies goes through the formats that have a place for it, and is said to be lost by the others."""

from importlib import import_module

import pytest
from PIL import Image
from trainset_vision.media import geo
from trainset_vision.plugin import trainset_formats

from trainset.core.model import Class, Item
from trainset.plugins import Labelled
from trainset.testing import MemoryContext

from .formats_kit import box, read, task

GEO = {"transform": [0.5, 0.0, 400_000.0, 0.0, -0.25, 5_000_000.0], "epsg": 32633}
HOLD = ("coco", "datumaro", "label-studio", "labelme", "hf-imagefolder")
FORMATS = {spec.name: spec for spec in trainset_formats() if spec.exporter}


def made(path):
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)()


def written(name, meta, dest):
    """The losses of writing an item with this `meta`, and what is read of it where nothing is registered."""
    spec = FORMATS[name]
    kind = "classify" if spec.carries == ("class",) else "box"
    answer = Class(label="l0") if kind == "classify" else box(1, 2, 3, 4)
    about = Item(key="media/a.tif", meta={"width": 64, "height": 48} | meta)
    context = MemoryContext(task("roof", type=kind), [about], folder=dest.parent, media_mode="copy")
    Image.new("L", (64, 48)).save(dest.parent / "a.tif")
    dest.mkdir()
    lost = list(made(spec.exporter).write(iter([Labelled(item=about, name="a.tif", annotations=[answer],
                                                         state="reviewed")]), dest, context))  # fmt: skip
    return lost, lambda: read(made(spec.importer), dest, MemoryContext(context.task, []))[0]


@pytest.mark.parametrize("name", HOLD)
def test_a_georeference_comes_back(name, tmp_path):
    lost, back = written(name, {"geo": GEO}, tmp_path / "out")
    (item,) = back()
    assert item.meta["geo"] == GEO and "geo" not in item.attributes
    assert "geo" not in {loss.what for loss in lost}


@pytest.mark.parametrize("name", HOLD)
def test_items_without_a_georeference_get_none(name, tmp_path):
    _, back = written(name, {}, tmp_path / "out")
    assert "geo" not in back()[0].meta


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - set(HOLD)))
def test_other_formats_say_that_it_is_lost(name, tmp_path):
    assert [loss.item for loss in written(name, {"geo": GEO}, tmp_path / "out")[0] if loss.what == "geo"] == [
        "media/a.tif"
    ]


@pytest.mark.parametrize(
    "stated",
    [None, "here", {}, {"transform": [1, 2]}, {"transform": [1, 0, float("nan"), 0, 1, 0]}, {"transform": "abcdef"}],
)
def test_what_makes_no_sense_is_no_georeference(stated):
    assert geo.told({"geo": stated}) == {}


def test_a_georeference_without_a_known_system_keeps_its_transform():
    assert geo.told({"geo": {"transform": [1, 0, 0, 0, 1, 0], "epsg": None}}) == {
        "geo": {"transform": [1.0, 0, 0, 0, 1.0, 0]}
    }
