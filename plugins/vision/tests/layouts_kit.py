"""Small ONNX files with the inputs and outputs of real exports, and objects planted in what they return."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from trainset.core.model import Item, Label, Task
from trainset.plugins import Recognition
from trainset.testing import MemoryContext

TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8,
         "int64": TensorProto.INT64, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}  # fmt: skip
ADAPTERS = {"yolo": "Yolo", "yolox": "Yolox", "nanodet": "Nanodet", "detr": "Detr", "ingraph": "Ingraph",
            "faces": "Faces", "semantic": "Semantic", "classify": "Classify"}  # fmt: skip
NAMES = ("screw", "nut", "gear")


def task(kind: str = "box", labels: Sequence[str] = NAMES, options: Any = None) -> Task:
    """A task with these labels."""
    found = tuple(Label(id=name, index=i) for i, name in enumerate(labels))
    return Task(name="parts", type=kind, labels=found, **({} if options is None else {"options": options}))


def returning(
    path: Path,
    outputs: Mapping[str, np.ndarray],
    inputs: Mapping[str, tuple[str, Sequence[int | str]]] | None = None,
    *,
    producer: str = "pytorch",
    metadata: Mapping[str, str] | None = None,
    shapes: Mapping[str, Sequence[int | str]] | None = None,
    last: str = "Identity",
) -> Path:
    """A model that returns these arrays, batch axis included where there is one, whatever image comes in.

    `inputs` are types and shapes, by default an image of 640×640. `shapes` are declared instead of the arrays' own.
    """
    inputs = inputs or {"images": ("float32", [1, 3, 640, 640])}
    graph = helper.make_graph(
        [helper.make_node(last, [f"value_{name}"], [name]) for name in outputs],
        "main_graph",
        [helper.make_tensor_value_info(name, TYPES[kind], shape) for name, (kind, shape) in inputs.items()],
        [
            helper.make_tensor_value_info(name, TYPES[str(a.dtype)], (shapes or {}).get(name, a.shape))
            for name, a in outputs.items()
        ],
        [numpy_helper.from_array(array, f"value_{name}") for name, array in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=producer)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return path


def recognise(name: str, path: Path, asked: Task) -> Recognition | None:
    """What the adapter of this name makes of a file."""
    return importlib.import_module(f"trainset_vision.prelabel.{name}").recognise(path, asked)


def adapter(name: str, path: Path, asked: Task, **settings: Any) -> Any:
    """The adapter as `model add` configures it, with settings of one's own over that."""
    found = recognise(name, path, asked)
    assert found is not None, f"{name} does not recognise {path.name}"
    open_questions = [q.setting for q in found.questions if q.setting.split(".")[0] not in settings]
    assert not open_questions, found.questions
    module = importlib.import_module(f"trainset_vision.prelabel.{name}")
    stem = ADAPTERS[name]
    table = {**found.settings, "path": str(path)}
    for key, value in settings.items():
        table[key] = {**table[key], **value} if isinstance(value, dict) and key in table else value
    return getattr(module, stem)(msgspec.convert(table, getattr(module, f"{stem}Settings")), asked)


class Pictures(MemoryContext):
    """A context whose media are even grey pictures."""

    def __init__(self, folder: Path) -> None:
        super().__init__(task(), folder=folder)

    def grey(self, width: int, height: int) -> Item:
        """A picture of this size."""
        name = f"{width}x{height}.png"
        Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(self.folder / name)
        return Item(key=f"media/{name}", meta={"width": width, "height": height})


def proposals(model: Any, context: MemoryContext, item: Item) -> list[Any]:
    """What the adapter proposes for an item."""
    return list(model.decode(model.infer([model.prepare(item, context)])[0], item))


def boxes(model: Any, context: MemoryContext, item: Item) -> list[tuple[str, float, tuple[float, ...]]]:
    """Label, score and box of what it proposes."""
    return [(a.label, round(a.score, 2), a.box) for a in proposals(model, context, item)]
