"""What a file of the YOLO family is: its kind, and how its output lies, from metadata, shapes or a trial run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo
from trainset_vision.annotations import Skeleton
from trainset_vision.prelabel.adapter import class_names, declared_size, literal
from trainset_vision.prelabel.candidates import GRIDS, cells, in_pixels
from trainset_vision.prelabel.inputs import trial
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input

Layout = Literal["v5", "v8", "end2end"]
Kind = Literal["detect", "segment", "pose", "obb"]
Shape = tuple[int, int]

KINDS: Mapping[str, tuple[Kind, ...]] = {
    "box": ("detect", "segment", "pose", "obb"),
    "polygon": ("segment",),
    "mask": ("segment",),
    "keypoints": ("pose",),
    "rotated-box": ("obb",),
}
"""The kinds of models that serve a type of task."""

BASE = {"v5": 5, "v8": 4, "end2end": 6}
"""Numbers of each box beside class scores and what its kind adds: the box, and objectness or score and class."""

_SHAPES = {
    "v5": "one row for each box: centre, size, objectness and class scores",
    "v8": "one column for each box: centre, size and class scores",
    "end2end": "one row for each box that is left: corners, score and class",
}
_ADDS = {"detect": "", "segment": ", then mask coefficients", "pose": ", then keypoints", "obb": ", then an angle"}


@dataclass(frozen=True)
class Outputs:
    """Which output holds the boxes, and its (rows, columns), None where the file leaves them open; which holds the
    prototypes of masks, None for none, and how many there are, None where that is open."""

    boxes: int
    shape: Shape | None
    prototypes: int | None = None
    count: int | None = None


@dataclass(frozen=True)
class Reading:
    """What a file was read as: several layouts, or several shapes of keypoints, where nothing tells which."""

    preprocess: Preprocess
    kind: Kind
    outputs: Outputs
    layouts: tuple[Layout, ...]
    keypoints: tuple[Shape, ...]
    evidence: tuple[str, ...]
    confidence: float

    @property
    def class_count(self) -> int | None:
        """How many classes the output has room for, None where that is open or the layout does not fit."""
        layout, shape = self.layouts[0], self.outputs.shape
        adds = _adds(self.kind, self.outputs, self.keypoints)
        if shape is None or adds is None or layout == "end2end":
            return None
        count = shape[0 if layout == "v8" else 1] - BASE[layout] - adds
        return count if count > 0 else None

    def described(self, layout: Layout) -> str:
        """A layout in words."""
        words = _SHAPES[layout] + _ADDS[self.kind]
        return words.replace("corners", "centre, size") if self.kind == "obb" else words


def read(
    info: ModelInfo, task: Task, skeleton: Skeleton, layout: Layout | None = None, keypoints: Shape | None = None
) -> Reading | None:
    """What the file is for this task, None where it is no detector of this family, or of another kind.

    `layout` and `keypoints` (points, numbers of each) are known where settings give them. ModelError where the file
    contradicts itself.
    """
    takes = image_input(info)
    said = info.metadata.get("task")
    if takes is None or said not in (None, *KINDS["box"]):
        return None
    pre, evidence = _preprocess(info, takes)
    outputs = _outputs(info, takes, pre, sure=layout is not None)
    if outputs is None:
        return None
    kind = _kind(said, outputs, task)
    if kind not in KINDS.get(task.type, ()) or not _prototypes_fit(kind, outputs, info, pre, sure=said is not None):
        return None
    names = class_names(info)
    points = (keypoints,) if keypoints else _keypoints(info, outputs, task, skeleton, pre) if kind == "pose" else ()
    adds = _adds(kind, outputs, points)
    shape = outputs.shape
    if layout or shape is None or adds is None:
        if not layout or (kind == "pose" and not points):
            return None
        return Reading(pre, kind, outputs, (layout,), points, evidence, 1.0)
    if names and (said or "stride" in info.metadata):
        if kind == "detect" and shape[1] == 4 + len(names) and shape[0] != 4 + len(names):
            return None  # one row of box and class scores for each query: a transformer
        layouts, why, confidence = _by_names(shape, len(names), adds, pre)
        says = f"task {said}" if said else "a stride"
        evidence = (
            f"its metadata has {says} and {len(names)} class name{'s' * (len(names) != 1)}, as Ultralytics' tools write them",
            *evidence,
        )
    else:
        layouts, why, confidence = _by_grid(shape, adds, info, takes, pre, outputs.boxes)
    if said and names and not layouts:
        raise ModelError(
            f"{info.path.name} contradicts itself: its metadata says that it detects {_classes(len(names))}, but its "
            f"output is {shape[0]}×{shape[1]}",
            hint="export the model again",
        )
    if outputs.prototypes is not None:
        evidence = (
            *evidence,
            f"output {info.outputs[outputs.prototypes].name} holds {outputs.count} prototypes of masks",
        )
    if len(points) == 1:
        evidence = (*evidence, f"{points[0][0]} keypoints of {points[0][1]} numbers each")
    return Reading(pre, kind, outputs, layouts, points, (*evidence, why), confidence) if layouts else None


def _kind(said: str | None, outputs: Outputs, task: Task) -> Kind:
    """What its metadata says, else what its outputs and the task's type let expect."""
    for kind in KINDS["box"]:
        if kind == said:
            return kind
    if outputs.prototypes is not None:
        return "segment"
    return "pose" if task.type == "keypoints" else "obb" if task.type == "rotated-box" else "detect"


def _prototypes_fit(kind: Kind, outputs: Outputs, info: ModelInfo, pre: Preprocess, *, sure: bool) -> bool:
    """Whether there are prototypes just where there should be; in a file that does not say so, at a quarter of its size."""
    if (outputs.prototypes is not None) != (kind == "segment"):
        if sure and kind == "segment":
            raise ModelError(
                f"{info.path.name} contradicts itself: its metadata says task segment, but no output holds prototypes",
                hint="export the model again",
            )
        return sure and kind != "segment"
    if outputs.prototypes is None or sure:
        return True
    height, width = info.outputs[outputs.prototypes].shape[2:]
    return all(not isinstance(a, int) or a * 4 == b for a, b in ((width, pre.size[0]), (height, pre.size[1])))


def _adds(kind: Kind, outputs: Outputs, points: Sequence[Shape]) -> int | None:
    """How many numbers a kind adds to each box, None where that is open."""
    if kind == "segment":
        return outputs.count
    if kind == "pose":
        return points[0][0] * points[0][1] if points else None
    return 1 if kind == "obb" else 0


def _preprocess(info: ModelInfo, takes: ImageInput) -> tuple[Preprocess, tuple[str, ...]]:
    """RGB in 0..1 in the middle of a grey square, as these models are trained, and where its size comes from."""
    size, evidence = takes.size or declared_size(info), ""
    if size is None:
        size, evidence = (640, 640), "the input size is open: 640×640 is assumed"
    elif takes.size is None:
        evidence = f"its metadata gives the input size {size[0]}×{size[1]}"
    channels: Literal["RGB", "GREY"] = "RGB" if takes.depth == 3 else "GREY"
    pre = Preprocess(size=size, channels=channels, layout=takes.layout, dtype=takes.dtype)
    return pre, (evidence,) if evidence else ()


def _outputs(info: ModelInfo, takes: ImageInput, pre: Preprocess, *, sure: bool) -> Outputs | None:
    """The only output of three dimensions and, at most, one of four; what the file leaves open shows in a trial run,
    unless the layout is `sure`.

    Older YOLOv5 exports also return their feature maps, of five dimensions; those are passed over.
    """
    shapes = [tensor.shape for tensor in info.outputs]
    boxes, prototypes = ([i for i, shape in enumerate(shapes) if len(shape) == rank] for rank in (3, 4))
    if len(boxes) != 1 or len(prototypes) > 1 or any(len(shape) not in (3, 4, 5) for shape in shapes):
        return None
    known = [shapes[boxes[0]][1:], *(shapes[i][1:2] for i in prototypes)]
    if not sure and not all(isinstance(n, int) for shape in known for n in shape):
        arrays = trial(info, takes, pre)
        if not arrays or arrays[boxes[0]].ndim != 3:
            return None
        shapes = [array.shape for array in arrays]
    rows, columns = shapes[boxes[0]][1:]
    shape = (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None
    count = shapes[prototypes[0]][1] if prototypes else None
    return Outputs(boxes[0], shape, prototypes[0] if prototypes else None, count if isinstance(count, int) else None)


def _keypoints(info: ModelInfo, outputs: Outputs, task: Task, skeleton: Skeleton, pre: Preprocess) -> tuple[Shape, ...]:
    """(points, numbers of each): what the metadata says, else all that the output, the classes and the task allow."""
    said = literal(info.metadata.get("kpt_shape", ""))
    if isinstance(said, list | tuple) and len(said) == 2 and said[1] in (2, 3) and isinstance(said[0], int):
        return ((said[0], said[1]),)
    if outputs.shape is None:
        return ()
    rows, columns = outputs.shape
    layout = _grid_layout(outputs.shape, pre) or ("v8" if columns > rows else "end2end")
    wide = (rows if layout == "v8" else columns) - BASE[layout]
    names = class_names(info)
    counts = [0] if layout == "end2end" else [len(names)] if names else [max(1, len(task.active)), 1]
    wanted = len(skeleton.points)
    found = [
        ((wide - classes) // each, each)
        for classes in counts
        for each in (3, 2)
        if wide > classes and (wide - classes) % each == 0 and wanted in (0, (wide - classes) // each)
    ]
    return tuple(dict.fromkeys(found))


def point_order(info: ModelInfo, skeleton: Skeleton) -> list[int] | None:
    """For each point of the skeleton, which of the model's it is, where the metadata names just the same points.

    None where it doesn't: then the model's order is the skeleton's.
    """
    said = literal(info.metadata.get("kpt_names", ""))
    first = next(iter(said.values()), None) if isinstance(said, Mapping) else said
    if not isinstance(first, list | tuple) or not all(isinstance(name, str) for name in first):
        return None
    own, wanted = ([name.casefold().replace("_", "-").replace(" ", "-") for name in names]
                   for names in (first, skeleton.points))  # fmt: skip
    return [own.index(name) for name in wanted] if wanted and sorted(own) == sorted(wanted) else None


def _classes(count: int) -> str:
    return f"{count} class" if count == 1 else f"{count} classes"


def _grid_layout(shape: Shape, pre: Preprocess) -> Layout | None:
    """The layout whose number of boxes fits the grids of the input."""
    counts = [cells(pre.size, grid) for grid in GRIDS]
    if shape[0] in [3 * n for n in counts]:
        return "v5"
    return "v8" if shape[1] in counts else None


def _by_names(shape: Shape, classes: int, adds: int, pre: Preprocess) -> tuple[tuple[Layout, ...], str, float]:
    """The layout that has room for so many classes. N×6 may be one class in three boxes a cell, or suppressed boxes."""
    rows, columns = shape
    why = f"its output of {rows}×{columns} fits {_classes(classes)}"
    if rows == 4 + classes + adds:
        return ("v8",), why, 1.0
    if columns == 5 + classes + adds and (columns != 6 + adds or _grid_layout(shape, pre) == "v5"):
        return ("v5",), why, 1.0
    return (("end2end",) if columns == 6 + adds else ()), f"its output is {rows}×{columns}", 1.0


def _by_grid(
    shape: Shape, adds: int, info: ModelInfo, takes: ImageInput, pre: Preprocess, boxes: int
) -> tuple[tuple[Layout, ...], str, float]:
    """The layout whose number of boxes fits the grids of the input."""
    rows, columns = shape
    why = f"its output is {rows}×{columns}"
    layout = _grid_layout(shape, pre)
    if layout == "v5" and columns > 5 + adds:
        return ("v5",), f"{why}: three boxes for each cell of its grids", 0.8
    if layout == "v8" and rows > 4 + adds:
        return ("v8",), f"{why}: one box for each cell of its grids", 0.8
    if rows in [cells(pre.size, grid) for grid in GRIDS]:
        arrays = None if "Exp" in info.operators else trial(info, takes, pre)
        alike = columns > 5 + adds and arrays is not None and in_pixels(arrays[boxes], pre.size)
        return (("v5",) if alike else ()), f"{why} in pixels, one for each cell of its grids, as YOLOv6 has them", 0.5
    if columns == 6 + adds:
        return ("end2end",), f"{why}: boxes that are already suppressed", 0.8
    if min(rows, columns) > 5 + adds and max(rows, columns) >= 4 * min(rows, columns):
        either: tuple[Layout, ...] = ("v8", "v5") if columns > rows else ("v5", "v8")
        return either, f"{why}, which no grid of its input size explains", 0.3
    return (), why, 0.0
