"""YOLO and YOLOX models are recognised by what is in the file, and their boxes come out where the objects are."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from trainset_vision.prelabel import yolo, yolox
from trainset_vision.prelabel.candidates import cells

from trainset.core.model import Item, Task
from trainset.errors import ConfigError, ModelError
from trainset.testing import MemoryContext

BOXES = Task(name="parts", type="box")
NAMES = ("screw", "nut", "gear")
REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "/nonexistent"))


def save(path: Path, nodes, constants, shape_in, shape_out, metadata=None, dtype=TensorProto.FLOAT) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", dtype, shape_in)],
        [helper.make_tensor_value_info("output0", dtype, shape_out)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def fixed(path: Path, output: np.ndarray, *, size=(640, 640), batch=1, metadata=None, half=False, shape=None) -> Path:
    """A model that returns `output` (n, c) for every image whose mean is not 0, and NaN for black images."""
    dtype = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Div", ["mean", "mean"], ["one"]),
        helper.make_node("Reshape", ["one", "shape"], ["ones"]),
        helper.make_node("Mul", ["ones", "boxes"], ["all"]),
        helper.make_node("Cast", ["all"], ["output0"], to=dtype),
    ]
    constants = {"shape": np.array([-1, 1, 1]), "boxes": output[None].astype(np.float32)}
    size_in = size if isinstance(size[0], str) else size[::-1]
    return save(path, nodes, constants, [batch, 3, *size_in], shape or [batch, *output.shape], metadata, dtype)


def finder(path: Path, size=(320, 256), batch: int | str = "batch", metadata=None) -> Path:
    """A v8 model of two classes that really looks: its one box is the extent of what is brighter than 0.75."""

    def edges(axis: str) -> list:
        return [
            helper.make_node("ArgMax", [axis], [f"{axis}_first"], axis=1, keepdims=1),
            helper.make_node("ArgMax", [axis], [f"{axis}_last"], axis=1, keepdims=1, select_last_index=1),
            helper.make_node("Cast", [f"{axis}_first"], [f"{axis}_a"], to=TensorProto.FLOAT),
            helper.make_node("Cast", [f"{axis}_last"], [f"{axis}_l"], to=TensorProto.FLOAT),
            helper.make_node("Add", [f"{axis}_l", "one"], [f"{axis}_b"]),
            helper.make_node("Sub", [f"{axis}_b", f"{axis}_a"], [f"{axis}_size"]),
            helper.make_node("Add", [f"{axis}_a", f"{axis}_b"], [f"{axis}_sum"]),
            helper.make_node("Mul", [f"{axis}_sum", "half"], [f"{axis}_center"]),
        ]

    nodes = [
        helper.make_node("ReduceMax", ["images"], ["grey"], axes=[1], keepdims=0),
        helper.make_node("Greater", ["grey", "limit"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["bright"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["bright"], ["x"], axes=[1], keepdims=0),
        helper.make_node("ReduceMax", ["bright"], ["y"], axes=[2], keepdims=0),
        *edges("x"),
        *edges("y"),
        helper.make_node("Mul", ["x_center", "zero"], ["none"]),
        helper.make_node("Add", ["none", "score"], ["second"]),
        helper.make_node("Concat", ["x_center", "y_center", "x_size", "y_size", "none", "second"], ["row"], axis=1),
        helper.make_node("Reshape", ["row", "shape"], ["output0"]),
    ]
    constants = {name: np.float32(value) for name, value in
                 {"one": 1, "half": 0.5, "zero": 0, "limit": 0.75, "score": 0.9}.items()}  # fmt: skip
    constants["shape"] = np.array([-1, 6, 1])
    return save(path, nodes, constants, [batch, 3, size[1], size[0]], [batch, 6, 1],
                metadata or {"task": "detect", "names": "{0: 'a', 1: 'b'}", "stride": "32"})  # fmt: skip


class Images(MemoryContext):
    """A context whose media are files in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(BOXES, folder=folder)

    def add(self, name: str, pixels: np.ndarray) -> Item:
        Image.fromarray(pixels).save(self.folder / name, quality=95)
        return Item(key=f"media/{name}", meta={"width": pixels.shape[1], "height": pixels.shape[0]})


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


@pytest.fixture
def grey(images: Images) -> Item:
    """1280×720: on 640×640 it lies at half its size, 140 pixels from the top."""
    return images.add("grey.png", np.full((720, 1280, 3), 90, np.uint8))


def make(module, path: Path, **settings):
    """The adapter as `model add` would configure it."""
    recognition = module.recognise(path, BOXES)
    assert recognition is not None
    kind = {yolo: (yolo.Yolo, yolo.YoloSettings), yolox: (yolox.Yolox, yolox.YoloxSettings)}[module]
    table = {**recognition.settings, "path": str(path), **settings}
    return kind[0](msgspec.convert(table, kind[1]), BOXES)


def detect(model, context: Images, *items: Item):
    outputs = model.infer([model.prepare(item, context) for item in items])
    return [list(model.decode(output, item)) for output, item in zip(outputs, items, strict=True)]


def ultralytics(names=NAMES, **more: str) -> dict[str, str]:
    return {"task": "detect", "stride": "32", "names": str(dict(enumerate(names))), "imgsz": "[640, 640]", **more}


def v8(n=8400, classes=3) -> np.ndarray:
    """`(4+classes, n)` with a gear at image (400, 240)–(600, 400), a double of it, and a nut in the corner."""
    out = np.zeros((4 + classes, n), np.float32)
    out[:4, 7], out[6, 7] = (250, 300, 100, 80), 0.9
    out[:4, 8], out[6, 8] = (252, 300, 100, 80), 0.8
    out[:4, 9], out[5, 9] = (250, 300, 100, 80), 0.7
    out[:4, 99], out[5, 99] = (0, 140, 40, 40), 0.5
    out[:4, 100], out[5, 100] = (600, 400, 40, 40), 0.2
    return out


def rows(columns_first: np.ndarray) -> np.ndarray:
    """v8's output as v5 writes it, with objectness 1 where there is a box."""
    boxes, scores = columns_first[:4].T, columns_first[4:].T
    return np.concatenate([boxes, (scores.max(axis=1, keepdims=True) > 0).astype(np.float32), scores], axis=1)


EXPECTED = [
    ("p1", "gear", 0.9, (400, 240, 200, 160)),
    ("p2", "nut", 0.7, (400, 240, 200, 160)),
    ("p3", "nut", 0.5, (0, 0, 40, 40)),
]


def plain(boxes) -> list[tuple]:
    return [(b.id, b.label, round(b.score, 2), b.box) for b in boxes]


def test_v8_boxes_come_out_where_they_are(tmp_path, images, grey):
    model = make(yolo, fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics()))
    assert plain(detect(model, images, grey)[0]) == EXPECTED


def test_v5_boxes_come_out_where_they_are(tmp_path, images, grey):
    metadata = {"stride": "32", "names": "['screw', 'nut', 'gear']"}
    model = make(yolo, fixed(tmp_path / "m.onnx", rows(v8(25200)), metadata=metadata))
    assert model.layout == "v5"
    assert plain(detect(model, images, grey)[0]) == EXPECTED


def test_v5_scores_are_objectness_times_class(tmp_path, images, grey):
    out = rows(v8(25200))
    out[:, 4] *= 0.5
    model = make(yolo, fixed(tmp_path / "m.onnx", out), score=0.3)
    assert [(b.label, b.score) for b in detect(model, images, grey)[0]] == [("2", 0.45), ("1", 0.35)]


def test_suppressed_boxes_are_taken_as_they_are(tmp_path, images, grey):
    out = np.zeros((300, 6), np.float32)
    out[0] = 200, 260, 300, 340, 0.9, 2
    out[1] = 201, 260, 300, 340, 0.8, 2
    model = make(yolo, fixed(tmp_path / "m.onnx", out, metadata=ultralytics(end2end="True")))
    assert model.layout == "end2end"
    assert [(b.label, b.box) for b in detect(model, images, grey)[0]] == [
        ("gear", (400, 240, 200, 160)),
        ("gear", (402, 240, 198, 160)),
    ]


def yolox_rows(size=(416, 416), classes=3) -> np.ndarray:
    """A screw in the cell (10, 6) of stride 8, with its centre half a cell into it; a gear at stride 32."""
    out = np.zeros((cells(size, (8, 16, 32)), 5 + classes), np.float32)
    out[6 * (size[0] // 8) + 10] = [0.5, 0.5, np.log(4), np.log(2), 0.9, 1, 0, 0]
    start = cells(size, (8, 16))
    out[start + 3 * (size[0] // 32) + 2] = [0, 1, np.log(2), np.log(1), 0.8, 0, 0, 0.5]
    return out


def test_yolox_boxes_are_decoded_on_its_grids(tmp_path, images):
    item = images.add("wide.png", np.full((416, 832, 3), 90, np.uint8))
    model = make(yolox, fixed(tmp_path / "m.onnx", yolox_rows(), size=(416, 416)))
    assert plain(detect(model, images, item)[0]) == [
        ("p1", "0", 0.9, (136, 88, 64, 32)),
        ("p2", "2", 0.4, (64, 224, 128, 64)),
    ]


def test_yolox_may_have_decoded_boxes(tmp_path, images, grey):
    out = rows(v8(8400))
    out[:, :2] = np.maximum(out[:, :2], 400)
    out[7, :4] = 250, 160, 100, 80
    out[8:, 4:] = 0
    model = make(yolox, fixed(tmp_path / "m.onnx", out))
    assert model.decoded
    assert plain(detect(model, images, grey)[0]) == [("p1", "2", 0.9, (400, 240, 200, 160))]


def test_yolox_with_a_coarser_grid_is_recognised(tmp_path):
    out = np.zeros((cells((640, 384), (8, 16, 32, 64)), 8), np.float32)
    assert yolox.recognise(fixed(tmp_path / "m.onnx", out, size=(640, 384)), BOXES)


@pytest.mark.parametrize("batch", [1, 3, "batch"])
def test_a_model_that_looks_finds_the_object_in_every_image_of_a_batch(tmp_path, images, batch):
    model = make(yolo, finder(tmp_path / "m.onnx", batch=batch))
    truth = [(600, 100, 200, 90), (30, 40, 60, 700), (0, 0, 90, 50), (111, 222, 33, 44)]
    items = []
    for n, ((x, y, w, h), size) in enumerate(
        zip(truth, [(1000, 600), (500, 900), (200, 201), (333, 400)], strict=True)
    ):
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[y : y + h, x : x + w] = 255
        items.append(images.add(f"{n}.jpg", pixels))
    found = detect(model, images, *items)
    for boxes, (x, y, w, h), item in zip(found, truth, items, strict=True):
        (box,) = boxes
        pixel = max(1, item.meta["width"] / 320, item.meta["height"] / 256)
        assert box.label == "b"
        assert np.abs(np.subtract(box.box[:2], (x, y))).max() <= pixel
        assert np.abs(np.subtract(np.add(box.box[:2], box.box[2:]), (x + w, y + h))).max() <= pixel


def test_a_draft_of_a_large_jpeg_gives_the_same_box(tmp_path, images):
    pixels = np.zeros((2003, 3001, 3), np.uint8)
    pixels[1500:1900, 2400:2990] = 255
    item = images.add("large.jpg", pixels)
    (box,) = detect(make(yolo, finder(tmp_path / "m.onnx")), images, item)[0]
    assert np.abs(np.subtract(box.box, (2400, 1500, 590, 400))).max() <= 3001 / 320


def test_half_precision_models_run(tmp_path, images, grey):
    model = make(yolo, fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics(), half=True))
    assert model.preprocess.dtype == "float16"
    assert [b.label for b in detect(model, images, grey)[0]] == ["gear", "nut", "nut"]


def test_open_axes_take_the_size_of_the_metadata(tmp_path, images, grey):
    path = fixed(tmp_path / "m.onnx", v8(), size=("height", "width"), batch="batch", metadata=ultralytics(),
                 shape=["batch", "rows", "columns"])  # fmt: skip
    model = make(yolo, path)
    assert model.preprocess.size == (640, 640) and model.layout == "v8"
    assert plain(detect(model, images, grey)[0]) == EXPECTED


def test_settings_choose_the_size_where_the_model_leaves_it_open(tmp_path):
    path = fixed(tmp_path / "m.onnx", v8(), size=("height", "width"), metadata=ultralytics())
    assert make(yolo, path, preprocess={"size": [320, 256]}).preprocess.size == (320, 256)


@pytest.mark.parametrize(
    ("output", "layout"),
    [(v8(), "v8"), (rows(v8(25200)), "v5"), (np.zeros((300, 6), np.float32), "end2end")],
)
def test_a_shape_alone_may_tell_the_layout(tmp_path, output, layout):
    recognition = yolo.recognise(fixed(tmp_path / "m.onnx", output), BOXES)
    assert recognition is not None and recognition.settings["layout"] == layout
    assert recognition.classes is None and recognition.confidence < 1
    assert recognition.class_count == (None if layout == "end2end" else 3)


def test_metadata_gives_names_and_certainty(tmp_path):
    recognition = yolo.recognise(fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics()), BOXES)
    assert (recognition.classes, recognition.class_count, recognition.confidence) == (NAMES, 3, 1.0)
    assert not recognition.questions and "3 class names" in recognition.evidence[0]


def test_one_class_in_six_columns_is_told_from_suppressed_boxes(tmp_path):
    names = ultralytics(("part",))
    many = fixed(tmp_path / "many.onnx", np.zeros((25200, 6), np.float32), metadata=names)
    few = fixed(tmp_path / "few.onnx", np.zeros((300, 6), np.float32), metadata=names)
    assert yolo.recognise(many, BOXES).settings["layout"] == "v5"
    assert yolo.recognise(few, BOXES).settings["layout"] == "end2end"


def test_a_shape_that_no_grid_explains_is_asked_about(tmp_path):
    path = fixed(tmp_path / "m.onnx", np.zeros((12, 1000), np.float32))
    recognition = yolo.recognise(path, BOXES)
    (question,) = recognition.questions
    assert "layout" not in recognition.settings
    assert question.setting == "layout" and set(question.choices) == {"v5", "v8"}
    with pytest.raises(ModelError, match="`layout` and `keypoints` must say"):
        yolo.Yolo(yolo.YoloSettings(path=str(path)), BOXES)


def test_yolox_and_yolo_do_not_take_each_others_models(tmp_path):
    assert yolo.recognise(fixed(tmp_path / "x.onnx", yolox_rows(), size=(416, 416)), BOXES) is None
    for name, output in (("v5", rows(v8(25200))), ("v8", v8())):
        assert yolox.recognise(fixed(tmp_path / f"{name}.onnx", output), BOXES) is None
        assert yolo.recognise(tmp_path / f"{name}.onnx", BOXES) is not None


@pytest.mark.parametrize("module", [yolo, yolox])
def test_other_models_are_not_recognised(tmp_path, module):
    assert module.recognise(fixed(tmp_path / "a.onnx", v8(), metadata=ultralytics(task="classify")), BOXES) is None
    assert module.recognise(fixed(tmp_path / "b.onnx", np.zeros((7, 3), np.float32)), BOXES) is None
    assert module.recognise(fixed(tmp_path / "c.onnx", v8()), Task(name="t", type="classify")) is None


@pytest.mark.parametrize("names", ["{999999999999: 'x'}", "{[]: 1}", "[1, 2]", "nonsense", "{'a': 'b'}"])
def test_metadata_that_makes_no_sense_is_passed_over(tmp_path, names):
    path = fixed(tmp_path / "m.onnx", v8(), size=("h", "w"), metadata={"names": names, "imgsz": "[0, 'x']"})
    recognition = yolo.recognise(path, BOXES)
    assert recognition.classes is None and recognition.settings["preprocess"]["size"] == [640, 640]


def test_class_numbers_that_are_left_out_keep_their_place(tmp_path):
    path = fixed(tmp_path / "m.onnx", v8(), metadata={**ultralytics(), "names": "{0: 'screw', 2: 'gear'}"})
    assert yolo.recognise(path, BOXES).classes == ("screw", "1", "gear")


def test_a_model_of_another_kind_is_an_error_that_shows_what_it_is(tmp_path):
    path = fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics(task="classify"))
    with pytest.raises(ModelError, match=r"m\.onnx is not a YOLO detector.*images.*task classify"):
        yolo.Yolo(yolo.YoloSettings(path=str(path)), BOXES)
    with pytest.raises(ModelError, match="does not exist"):
        yolox.Yolox(yolox.YoloxSettings(path=str(tmp_path / "none.onnx")), BOXES)


def test_names_that_contradict_the_output_are_an_error(tmp_path):
    path = fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics((*NAMES, "bolt")))
    with pytest.raises(ModelError, match=r"contradicts itself.* 4 classes"):
        yolo.recognise(path, BOXES)
    good = fixed(tmp_path / "good.onnx", v8(), metadata=ultralytics())
    with pytest.raises(ModelError, match="scores 3 classes, but has 2 class names"):
        make(yolo, good, names=["a", "b"])


def test_yolox_names_must_be_as_many_as_its_classes(tmp_path, images, grey):
    model = make(yolox, fixed(tmp_path / "m.onnx", yolox_rows(), size=(416, 416)), names=["a"])
    with pytest.raises(ModelError, match="scores 3 classes, but has 1"):
        detect(model, images, grey)


def test_names_in_the_settings_replace_those_of_the_file(tmp_path, images, grey):
    model = make(yolo, fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics()), names=["x", "y", "z"])
    assert [b.label for b in detect(model, images, grey)[0]] == ["z", "y", "y"]


def test_a_class_without_a_name_is_an_error(tmp_path, images, grey):
    out = np.zeros((300, 6), np.float32)
    out[0] = 200, 260, 300, 340, 0.9, 7
    model = make(yolo, fixed(tmp_path / "m.onnx", out, metadata=ultralytics()))
    with pytest.raises(ModelError, match="predicts class 7, but has 3 class names"):
        detect(model, images, grey)


@pytest.mark.parametrize("batch", [1, "batch"])
def test_nan_for_one_image_is_an_error_for_that_image_alone(tmp_path, images, batch):
    model = make(yolo, fixed(tmp_path / "m.onnx", v8(), batch=batch, metadata=ultralytics()))
    good = images.add("good.png", np.full((640, 640, 3), 9, np.uint8))
    black = images.add("black.png", np.zeros((640, 640, 3), np.uint8))
    outputs = model.infer([model.prepare(item, images) for item in (good, black, good)])
    assert len(model.decode(outputs[0], good)) == len(model.decode(outputs[2], good)) == 3
    with pytest.raises(ModelError, match=r"m\.onnx: output 'output0' has NaN"):
        model.decode(outputs[1], black)


def test_an_output_of_another_shape_is_an_error(tmp_path, images, grey):
    path = fixed(tmp_path / "m.onnx", np.zeros((3, 50), np.float32), metadata=ultralytics())
    with pytest.raises(ModelError, match=r"shape \[3, 50\] is not of layout v8"):
        detect(yolo.Yolo(yolo.YoloSettings(path=str(path), layout="v8"), BOXES), images, grey)
    path = fixed(tmp_path / "x.onnx", np.zeros((51, 8), np.float32))
    with pytest.raises(ModelError, match="YOLOX has 8400 rows on 640×640"):
        detect(yolox.Yolox(yolox.YoloxSettings(path=str(path)), BOXES), images, grey)


def test_a_model_that_merges_the_images_of_a_batch_is_an_error(tmp_path, images, grey):
    path = fixed(tmp_path / "m.onnx", v8(), batch="batch", metadata=ultralytics())
    model = make(yolo, path)
    model.session.run = lambda feeds: [np.zeros((8400, 7), np.float32)]
    with pytest.raises(ModelError, match="for a batch of 1"):
        detect(model, images, grey)


def test_scores_that_are_no_probabilities_are_an_error(tmp_path, images, grey):
    model = make(yolo, fixed(tmp_path / "m.onnx", v8() * 10, metadata=ultralytics()))
    with pytest.raises(ModelError, match="no probabilities"):
        detect(model, images, grey)


def test_at_most_so_many_objects_are_proposed(tmp_path, images, grey):
    model = make(yolo, fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics()), score=0.0, **{"max-detections": 2})
    assert [b.score for b in detect(model, images, grey)[0]] == [0.9, 0.7]


def test_a_preprocess_setting_that_cannot_be_is_an_error(tmp_path):
    path = fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics())
    for table, message in (
        ({"size": [320, 320]}, "model takes .640, 640"),
        ({"channels": "CMYK"}, "CMYK"),
        ({"chanels": "RGB"}, "chanels"),
        ({"dtype": "float16"}, "model takes float32"),
        ({"std": [0]}, "std"),
        ({"mean": [1, 2]}, "mean and std"),
    ):
        with pytest.raises(ConfigError, match=message):
            yolo.Yolo(yolo.YoloSettings(path=str(path), preprocess=table), BOXES)


def test_part_of_a_preprocess_table_leaves_the_rest_as_recognised(tmp_path):
    path = fixed(tmp_path / "m.onnx", yolox_rows(), size=(416, 416))
    model = yolox.Yolox(yolox.YoloxSettings(path=str(path), preprocess={"channels": "RGB"}), BOXES)
    assert (model.preprocess.channels, model.preprocess.scale, model.preprocess.fit) == (
        "RGB",
        1.0,
        "letterbox-top-left",
    )


def test_a_cpu_takes_one_image_a_run_and_a_fixed_batch_is_filled(tmp_path):
    assert make(yolo, finder(tmp_path / "a.onnx")).limits.batch == 1
    assert make(yolo, finder(tmp_path / "b.onnx", batch=4)).limits.batch == 4
    assert make(yolo, finder(tmp_path / "a.onnx")).providers() == ("CPUExecutionProvider",)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs real data")
def test_yolox_nano_finds_most_of_what_people_marked():
    folder = REAL / "vision" / "coco48"
    path = REAL / "models" / "yolox_nano.onnx"
    assert yolo.recognise(path, BOXES) is None
    model = make(yolox, path, score=0.3)
    context = Images(folder / "images")
    found = marked = 0
    for file in sorted((folder / "images").iterdir())[:12]:
        width, height = Image.open(file).size
        boxes = detect(model, context, Item(key=f"m/{file.name}", meta={"width": width, "height": height}))[0]
        labels = folder / "labels" / f"{file.stem}.txt"
        for line in labels.read_text().splitlines() if labels.exists() else ():
            index, *place = line.split()
            cx, cy, w, h = np.array(place, float) * (width, height, width, height)
            if w * h < 96 * 96:
                continue
            marked += 1
            found += any(b.label == index and overlap(b.box, (cx - w / 2, cy - h / 2, w, h)) > 0.5 for b in boxes)
    assert found / marked > 0.7


@pytest.mark.skipif(not REAL.is_dir(), reason="needs real data")
@pytest.mark.parametrize("name", ["yunet_n_640_640", "mnist_cntk", "mnist", "meshnet5_gw_ae", "nnsplit_zh"])
def test_real_models_of_other_kinds_are_not_taken_for_detectors(name):
    for module in (yolo, yolox):
        assert module.recognise(REAL / "models" / f"{name}.onnx", BOXES) is None


def overlap(a, b) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    inside = max(0, width) * max(0, height)
    return inside / (a[2] * a[3] + b[2] * b[3] - inside)


def test_single_classes_may_have_scores_of_their_own(tmp_path, images, grey):
    path = fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics())
    assert [b.label for b in detect(make(yolo, path, scores={"nut": 0.6}), images, grey)[0]] == ["gear", "nut"]
    lower = detect(make(yolo, path, score=0.95, scores={"Nut": 0.15}), images, grey)[0]
    assert [(b.label, round(b.score, 2)) for b in lower] == [("nut", 0.7), ("nut", 0.5), ("nut", 0.2)]


def test_a_score_for_a_class_that_the_model_does_not_have_is_an_error(tmp_path):
    path = fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics())
    with pytest.raises(ConfigError, match="no class 'bolt'") as error:
        make(yolo, path, scores={"bolt": 0.5})
    assert "screw, nut, gear" in str(error.value.hint)


def test_classes_without_names_have_their_numbers_in_scores(tmp_path, images, grey):
    path = fixed(tmp_path / "m.onnx", v8())
    assert [b.label for b in detect(make(yolo, path, scores={"1": 0.6}), images, grey)[0]] == ["2", "1"]


def test_suppression_may_be_agnostic_of_classes(tmp_path, images, grey):
    path = fixed(tmp_path / "m.onnx", v8(), metadata=ultralytics())
    found = detect(make(yolo, path, agnostic=True), images, grey)[0]
    assert [(b.label, round(b.score, 2)) for b in found] == [("gear", 0.9), ("nut", 0.5)]


@pytest.mark.parametrize("table", [{"tile": 8}, {"overlap": 1.0}, {"score": 2}, {"iou": -1}, {"scores": {"a": 7}}])
def test_settings_that_cannot_be_are_refused(tmp_path, table):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": "m.onnx", **table}, yolo.YoloSettings)
