"""Models of the YOLO family in ONNX, shaped as real exports are, with objects planted in their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from trainset_vision.prelabel import yolo

from trainset.core.model import Item, Task
from trainset.testing import MemoryContext

NAMES = ("screw", "nut", "gear")


def export(
    path: Path,
    *outputs: np.ndarray,
    size: tuple[int, int] = (640, 640),
    metadata: dict[str, str] | None = None,
    half: bool = False,
    dynamic: bool = False,
) -> Path:
    """A model that returns these outputs (without the batch) for every image, named and typed as Ultralytics' are."""
    dtype = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["none"]),
        helper.make_node("Add", ["none", "one"], ["ones"]),
    ]
    constants: dict[str, np.ndarray] = {"zero": np.float32(0), "one": np.float32(1)}
    infos = []
    for n, output in enumerate(outputs):
        constants |= {f"shape{n}": np.array([-1] + [1] * output.ndim), f"value{n}": output[None].astype(np.float32)}
        nodes += [
            helper.make_node("Reshape", ["ones", f"shape{n}"], [f"ones{n}"]),
            helper.make_node("Mul", [f"ones{n}", f"value{n}"], [f"all{n}"]),
            helper.make_node("Cast", [f"all{n}"], [f"output{n}"], to=dtype),
        ]
        shape = ["batch", *(f"axis{n}{d}" for d in range(output.ndim))] if dynamic else [1, *output.shape]
        infos.append(helper.make_tensor_value_info(f"output{n}", dtype, shape))
    shape_in = ["batch", 3, "height", "width"] if dynamic else [1, 3, size[1], size[0]]
    initial = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(
        nodes, "main_graph", [helper.make_tensor_value_info("images", dtype, shape_in)], infos, initial
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="pytorch")
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def ultralytics(
    task: str, names: Sequence[str] = NAMES, size: tuple[int, int] = (640, 640), **more: str
) -> dict[str, str]:
    """The metadata of an export by Ultralytics' tools."""
    return {
        "description": "Ultralytics model",
        "stride": "32",
        "task": task,
        "batch": "1",
        "imgsz": str([size[1], size[0]]),
        "names": str(dict(enumerate(names))),
        **more,
    }


def make(path: Path, task: Task, **settings: object) -> yolo.Yolo:
    """The adapter as `model add` configures it."""
    recognition = yolo.recognise(path, task)
    assert recognition is not None
    table = {**recognition.settings, "path": str(path), **settings}
    return yolo.Yolo(msgspec.convert(table, yolo.YoloSettings), task)


class Images(MemoryContext):
    """A context whose media are files in a folder."""

    def __init__(self, folder: Path, task: Task | None = None) -> None:
        super().__init__(task or Task(name="t", type="box"), folder=folder)

    def add(self, name: str, pixels: np.ndarray) -> Item:
        """Write an image, and its item."""
        Image.fromarray(pixels).save(self.folder / name, quality=95)
        return Item(key=f"media/{name}", meta={"width": pixels.shape[1], "height": pixels.shape[0]})


def detect(model, context: Images, item: Item) -> list:
    """What the model proposes for one image."""
    (output,) = model.infer([model.prepare(item, context)])
    return list(model.decode(output, item))
