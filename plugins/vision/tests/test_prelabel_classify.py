"""Image classifiers are recognised, their scores become probabilities, and their preprocessing can be set."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont
from trainset_vision.prelabel import classify

from trainset.core.model import Item, Label, Task
from trainset.errors import ModelError
from trainset.testing import MemoryContext

COLORS = ("red", "green", "blue")
ONE = Task(name="color", type="classify", labels=tuple(Label(id=c, index=n) for n, c in enumerate(COLORS)))
MANY = msgspec.structs.replace(ONE, many=True)
REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "/nonexistent"))


def colors(
    path: Path,
    tail: str | None = None,
    *,
    batch: int | str = "batch",
    metadata=None,
    layout: str = "NCHW",
    dtype: int = TensorProto.FLOAT,
    quantised: bool = False,
    gain: float = 4.0,
    producer: str = "",
) -> Path:
    """A classifier whose logits are `gain` times the means of the image's channels; `tail` is its last operator."""
    shape = [batch, 3, 32, 48] if layout == "NCHW" else [batch, 32, 48, 3]
    constants = {"w": np.diag(np.full(3, gain, np.float32))}
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[2, 3] if layout == "NCHW" else [1, 2], keepdims=0),
    ]
    if quantised:
        constants = {"q": np.eye(3, dtype=np.int8) * np.int8(100), "s": np.float32(gain / 100), "z": np.int8(0)}
        nodes.append(helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"]))
    nodes.append(helper.make_node("MatMul", ["m", "w"], ["y"]))
    if tail:
        nodes.append(helper.make_node(tail, ["y"], ["t"]))
    nodes.append(helper.make_node("Cast", ["t" if tail else "y"], ["scores"], to=dtype))
    graph = helper.make_graph(
        nodes,
        "colors",
        [helper.make_tensor_value_info("image", dtype, shape)],
        [helper.make_tensor_value_info("scores", dtype, [batch, 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=producer)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


ULTRALYTICS = {"task": "classify", "names": str(dict(enumerate(COLORS))), "imgsz": "[32, 48]", "stride": "1"}


class Images(MemoryContext):
    """A context whose media are files in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ONE, folder=folder)

    def add(self, name: str, pixels) -> Item:
        image = Image.fromarray(np.asarray(pixels, np.uint8))
        image.save(self.folder / name)
        return Item(key=f"media/{name}", meta={"width": image.width, "height": image.height})

    def plain(self, name: str, color: tuple[int, int, int]) -> Item:
        return self.add(name, np.full((64, 80, 3), color))


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


def make(path: Path, task: Task = ONE, **settings) -> classify.Classify:
    recognition = classify.recognise(path, task)
    assert recognition is not None
    table = {**recognition.settings, "path": str(path), **settings}
    return classify.Classify(msgspec.convert(table, classify.ClassifySettings), task)


def answers(model, context: Images, *items: Item):
    outputs = model.infer([model.prepare(item, context) for item in items])
    return [[(c.id, c.label, c.score) for c in model.decode(o, i)] for o, i in zip(outputs, items, strict=True)]


def softmax(*logits: float) -> list[float]:
    powers = np.exp(logits)
    return [round(float(p), 4) for p in powers / powers.sum()]


@pytest.mark.parametrize(("tail", "values"), [(None, "logits"), ("Softmax", "probabilities")])
def test_the_best_class_comes_with_its_probability(tmp_path, images, tail, values):
    model = make(colors(tmp_path / "m.onnx", tail, metadata=ULTRALYTICS))
    assert model.values == values
    assert answers(model, images, images.plain("g.png", (0, 255, 0))) == [[("p1", "green", softmax(0, 4, 0)[1])]]


def test_the_classes_that_are_likeliest_after_the_best_one_are_told_too(tmp_path, images):
    model = make(colors(tmp_path / "c.onnx", metadata=ULTRALYTICS))
    item = images.plain("a.png", (255, 128, 0))
    (output,) = model.infer([model.prepare(item, images)])
    found = model.decode_all(output, item)
    (best,) = found.annotations
    assert best.label == COLORS[0] and list(found.likely) == ["p1"]
    assert [name for name, _ in found.likely["p1"]] == [COLORS[1], COLORS[2]]
    assert best.score + sum(score for _, score in found.likely["p1"]) == pytest.approx(1, abs=0.01)


def test_a_batch_keeps_its_order(tmp_path, images):
    items = [images.plain(f"{n}.png", tuple(255 * (n == c) for c in range(3))) for n in range(3)]
    for batch in ("batch", 2, 1):
        model = make(colors(tmp_path / f"{batch}.onnx", batch=batch, metadata=ULTRALYTICS))
        assert [a[0][1] for a in answers(model, images, *items)] == list(COLORS)


def test_many_labels_each_stand_for_themselves(tmp_path, images):
    item = images.plain("y.png", (255, 200, 0))
    shift = {"mean": [0.5]}
    model = make(colors(tmp_path / "m.onnx", metadata=ULTRALYTICS), MANY, preprocess=shift)
    found = answers(model, images, item)[0]
    assert [label for _, label, _ in found] == ["red", "green"]
    assert found[0][2] == round(1 / (1 + np.exp(-2)), 4)
    model = make(colors(tmp_path / "s.onnx", "Sigmoid", metadata=ULTRALYTICS), MANY, preprocess=shift, score=0.85)
    assert [label for _, label, _ in answers(model, images, item)[0]] == ["red"]


def test_one_of_many_is_told_even_when_it_is_unsure_unless_a_score_is_asked_for(tmp_path, images):
    item = images.plain("x.png", (100, 100, 101))
    path = colors(tmp_path / "m.onnx", metadata=ULTRALYTICS)
    assert answers(make(path), images, item)[0][0][1] == "blue"
    assert answers(make(path, score=0.5), images, item) == [[]]


def test_the_last_operator_is_evidence_and_a_trial_run_where_there_is_none(tmp_path):
    soft = classify.recognise(colors(tmp_path / "a.onnx", "Softmax"), ONE)
    assert any("Softmax" in line for line in soft.evidence)
    logits = classify.recognise(colors(tmp_path / "b.onnx"), ONE)
    assert logits.settings["values"] == "logits" and any("do not sum to 1" in line for line in logits.evidence)


def test_a_model_without_names_gives_numbers(tmp_path, images):
    model = make(colors(tmp_path / "m.onnx"))
    assert answers(model, images, images.plain("b.png", (0, 0, 255)))[0][0][1] == "2"


def test_ultralytics_classifiers_are_cropped_in_the_middle_and_scaled_to_one(tmp_path):
    recognition = classify.recognise(colors(tmp_path / "m.onnx", metadata=ULTRALYTICS), ONE)
    pre = recognition.settings["preprocess"]
    assert (pre["fit"], pre["mean"], pre["std"], pre["size"]) == ("center-crop", [0], [1], [48, 32])
    assert (recognition.confidence, recognition.classes) == (1.0, COLORS)


def test_assumed_preprocessing_is_said(tmp_path):
    recognition = classify.recognise(colors(tmp_path / "m.onnx"), ONE)
    assert any("ImageNet" in line for line in recognition.evidence)
    assert recognition.settings["preprocess"]["mean"] == [0.485, 0.456, 0.406]
    assert recognition.confidence < 1


def test_channels_may_come_last(tmp_path, images):
    model = make(colors(tmp_path / "m.onnx", layout="NHWC"), names=COLORS)
    assert model.preprocess.layout == "NHWC"
    assert answers(model, images, images.plain("r.png", (255, 0, 0)))[0][0][1] == "red"


@pytest.mark.parametrize("changes", [{"dtype": TensorProto.FLOAT16}, {"quantised": True}])
def test_half_precision_and_quantised_models_run(tmp_path, images, changes):
    model = make(colors(tmp_path / "m.onnx", metadata=ULTRALYTICS, **changes))
    ((_, label, score),) = answers(model, images, images.plain("r.png", (255, 0, 0)))[0]
    assert label == "red" and abs(score - softmax(4, 0, 0)[0]) < 0.01


def test_infinite_scores_are_an_error(tmp_path, images):
    model = make(colors(tmp_path / "m.onnx", metadata=ULTRALYTICS, gain=float("inf")))
    with pytest.raises(ModelError, match="NaN or infinite"):
        answers(model, images, images.plain("r.png", (255, 0, 0)))


def test_logits_that_were_called_probabilities_are_an_error(tmp_path, images):
    model = make(colors(tmp_path / "m.onnx", metadata=ULTRALYTICS), values="probabilities")
    with pytest.raises(ModelError, match="no probabilities") as caught:
        answers(model, images, images.plain("r.png", (255, 0, 0)))
    assert "logits" in caught.value.hint


def test_names_that_contradict_the_scores_are_an_error(tmp_path):
    path = colors(tmp_path / "m.onnx", metadata={**ULTRALYTICS, "names": "['a', 'b']"})
    with pytest.raises(ModelError, match="names 2 classes, but it scores 3"):
        classify.recognise(path, ONE)
    with pytest.raises(ModelError, match="scores 3 classes, but has 1"):
        make(colors(tmp_path / "n.onnx"), names=["a"])


def test_other_models_and_tasks_are_left_to_others(tmp_path):
    assert classify.recognise(colors(tmp_path / "m.onnx"), Task(name="t", type="box")) is None
    assert classify.recognise(colors(tmp_path / "d.onnx", metadata={"task": "detect"}), ONE) is None


@pytest.mark.skipif(not REAL.is_dir(), reason="needs real data")
@pytest.mark.parametrize("name", ["yolox_nano", "yunet_n_640_640", "meshnet5_gw_ae", "nnsplit_zh"])
def test_real_models_of_other_kinds_are_not_taken_for_classifiers(name):
    assert classify.recognise(REAL / "models" / f"{name}.onnx", ONE) is None


@pytest.mark.skipif(not REAL.is_dir(), reason="needs real data")
@pytest.mark.parametrize(("name", "least"), [("mnist_cntk", 0.8), ("mnist", 0.7)])
def test_real_digit_classifiers_read_drawn_digits(images, name, least):
    labels = tuple(Label(id=str(n), index=n) for n in range(10))
    model = make(REAL / "models" / f"{name}.onnx", Task(name="digit", type="classify", labels=labels))
    items = []
    for digit in range(10):
        image = Image.new("L", (112, 112))
        font = ImageFont.load_default(96)
        ImageDraw.Draw(image).text((56, 56), str(digit), fill=255, anchor="mm", font=font, stroke_width=2)
        items.append(images.add(f"{digit}.png", np.asarray(image.convert("RGB"))))
    right = [a[0][1] == str(digit) for digit, a in enumerate(answers(model, images, *items))]
    assert sum(right) / 10 >= least
