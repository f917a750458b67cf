"""Classes of the objects on an image: what a model is shown of each, and what a reviewer sees and answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trainset_vision.annotations import Box, BoxOps, Polygon, PolygonOps, RotatedBox
from trainset_vision.modality import Vision
from trainset_vision.prelabel.crops import around, crops
from trainset_vision.view import ImageView

from trainset.core.model import Class, Item, Label, Task
from trainset.plugins import Change, Effect, Point, Rect, Size, Viewport
from trainset.testing import MemoryContext, check_view

WIDTH, HEIGHT = 200, 100
ITEM = Item(key="media/a.png", meta={"width": WIDTH, "height": HEIGHT})
TASK = Task(
    name="color",
    type="classify",
    on="garments",
    labels=tuple(Label(id=c, index=n, name=c.title()) for n, c in enumerate(("red", "green", "blue"))),
)
OBJECTS = (
    Box(id="a1", label="shirt", box=(10, 10, 40, 30)),
    Polygon(id="a2", label="dress", polygon=((80, 10, 120, 10, 120, 50, 80, 50),)),
    Box(id="a3", label="shirt", box=(150.5, 20.5, 30, 40)),
)
FIT = Viewport(Size(100, 25), Rect(0, 0, WIDTH, HEIGHT), unit=2.0)


def context(objects=OBJECTS, **more) -> MemoryContext:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return MemoryContext(
        TASK, loaded={ITEM.key: pixels}, ops={Box: BoxOps(), Polygon: PolygonOps()}, about={ITEM.key: objects}, **more
    )


# -- what a model is shown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "margin", "window"),
    [
        (Rect(10, 10, 40, 30), 0, (10, 10, 40, 30)),
        (Rect(10, 10, 40, 30), 0.1, (6, 7, 48, 36)),
        (Rect(10.2, 10.7, 40, 30), 0, (10, 10, 41, 31)),
        (Rect(-5, 90, 20, 30), 0, (0, 90, 15, 10)),
        (Rect(3, 3, 0.2, 0.2), 0, (3, 3, 1, 1)),
        (Rect(10, 10, 40, 30), 10, (0, 0, 200, 100)),
        (Rect(200, 10, 5, 5), 0, None),
        (Rect(-9, 10, 5, 5), 0, None),
    ],
)
def test_a_crop_is_the_pixels_that_an_object_touches_with_a_margin_within_the_image(place, margin, window):
    assert around(place, margin, (WIDTH, HEIGHT)) == window


@pytest.fixture
def classify():
    from trainset_vision.prelabel import classify

    return classify


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    """Grey, with a red, a green and a blue object."""
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for channel, (x, y, w, h) in enumerate(((10, 10, 40, 30), (80, 10, 40, 40), (150, 20, 31, 41))):
        pixels[y : y + h, x : x + w] = np.eye(3, dtype=np.uint8)[channel] * 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path


@pytest.mark.parametrize("batch", ["batch", 2, 1])
def test_each_object_gets_its_own_class_under_its_own_id(classify, painted, batch):
    from .test_prelabel_classify import colors

    model = colors(painted / "m.onnx", "Softmax", batch=batch, metadata={"names": "['red', 'green', 'blue']"})
    settings = classify.ClassifySettings(
        path=str(model), preprocess={"scale": 1 / 255, "mean": [0.0], "std": [1.0]}, margin=0
    )
    labeller = classify.Classify(settings, TASK)
    (output,) = labeller.infer([labeller.prepare(ITEM, context(folder=painted))])
    found = labeller.decode(output, ITEM)
    assert [(a.id, a.label) for a in found] == [("a1", "red"), ("a2", "green"), ("a3", "blue")]
    assert all(isinstance(a, Class) and a.score is not None and a.score > 0.9 for a in found)


def test_tensors_are_made_one_by_one_as_they_are_asked_for(classify, painted):
    from trainset_vision.prelabel.preprocess import Preprocess

    many = tuple(Box(id=f"a{n}", label="shirt", box=(n % 150, n % 60, 20, 20)) for n in range(5000))
    lazily = crops(ITEM, context(many, folder=painted), 0).tensors(Preprocess(size=(2000, 2000)))
    assert next(lazily)[0] == "a0"
    lazily.close()


def test_an_object_outside_of_the_image_gets_no_class(classify, painted):
    from trainset_vision.prelabel.preprocess import Preprocess

    objects = (Box(id="a1", label="shirt", box=(500, 10, 20, 20)), Box(id="a2", label="shirt", box=(1, 1, 5, 5)))
    seen = crops(ITEM, context(objects, folder=painted), 0).tensors(Preprocess(size=(8, 8)))
    assert [name for name, _ in seen] == ["a2"]


# -- what a reviewer sees -----------------------------------------------------------------------------------------


def opened(*answers: Class, objects=OBJECTS) -> ImageView:
    view = ImageView()
    view.open(ITEM, {"proposal": answers}, context(objects))
    view.scene(FIT)
    return view


def selected(view: ImageView) -> str | None:
    return next((line.id for line in view.lines() if line.selected), None)


def test_objects_are_drawn_by_their_own_shapes_and_dashed_where_they_have_no_answer():
    view = opened(Class(id="a2", label="green", score=0.91))
    shapes = view.scene(FIT).shapes
    assert [(s.kind, s.text, s.color, s.weak) for s in shapes] == [
        ("polygon", "2 dress: Green .91", 1, False),
        ("box", "3 shirt: no answer", 0, True),
        ("box", "1 shirt: no answer", 0, True),
    ]
    assert shapes[-1].selected


def test_a_rotated_box_is_drawn_as_it_lies():
    view = opened(objects=(RotatedBox(id="a1", rotated_box=(50, 50, 30, 10, 30)),))
    assert [s.kind for s in view.scene(FIT).shapes][:1] == ["polygon"]


def test_a_label_answers_for_the_selected_object_and_goes_on_to_the_next_without_an_answer():
    view = opened(Class(id="a2", label="green"))
    assert selected(view) == "a1"
    change = view.do("label", argument="red")
    assert isinstance(change, Change)
    assert selected(view) == "a3"
    view.do("label", argument="blue")
    assert [(a.id, a.label) for a in view.annotations()] == [("a1", "red"), ("a2", "green"), ("a3", "blue")]
    assert selected(view) == "a3"
    view.undo(change)
    assert [(a.id, a.label) for a in view.annotations()] == [("a2", "green")]


def test_objects_are_selected_in_order_and_by_the_pointer():
    view = opened()
    assert [selected(view), *(view.do("next") and selected(view) for _ in range(3))] == ["a1", "a2", "a3", "a1"]
    view.do("previous")
    assert selected(view) == "a3"
    view.do("press", Point(100, 30))
    assert selected(view) == "a2"


def test_a_thumbnail_of_an_answer_is_one_of_its_object(painted):
    about = context(folder=painted)
    scene = ImageView().thumbnail(ITEM, Class(id="a2", label="green"), Size(20, 8), about)
    assert [(s.kind, s.color) for s in scene.shapes] == [("polygon", 1)]
    assert scene.extent.width < WIDTH


def test_the_view_keeps_the_contract(painted):
    answers = [Class(id=name, label="green", score=0.5) for name in ("a1", "a2", "a3")]
    for versions in ({"model": answers, "other": answers[:1]}, {"new": ()}):
        check_view(ImageView, ITEM, versions, context(folder=painted), Vision(), sequences=5)


def test_an_answer_is_corrected_and_taken_away():
    view = opened(Class(id="a1", label="red", score=0.4))
    view.do("select", argument="a1")
    view.do("label", argument="blue")
    assert view.annotations() == (Class(id="a1", label="blue"),)
    view.do("select", argument="a1")
    view.do("delete")
    assert view.annotations() == ()


def test_the_selected_object_is_shown_closely():
    view = opened()
    effect = view.do("zoom-object")
    assert isinstance(effect, Effect)
    assert effect.region is not None
    assert effect.region.x <= 10
    assert effect.region.right >= 50
    assert effect.region.width < WIDTH
