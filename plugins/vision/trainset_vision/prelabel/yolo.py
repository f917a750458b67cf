"""Detectors of the YOLO family that Ultralytics' tools export: v5, v8 to v12, and those that suppress by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainset.core.model import Item, Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Question, Recognition
from trainset_vision.annotations import Box
from trainset_vision.prelabel.adapter import Output, class_names, declared_size, probe, unfit
from trainset_vision.prelabel.detections import GRIDS, Detector, DetectorSettings, cells, from_centers, in_pixels
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input

Layout = Literal["v5", "v8", "end2end"]
_SHAPES = {
    "v5": "one row for each box: centre, size, objectness and class scores",
    "v8": "one column for each box: centre, size and class scores",
    "end2end": "one row for each box that is left: corners, score and class",
}


class YoloSettings(DetectorSettings, kw_only=True, frozen=True):
    """`layout` of the output: "v5" is N×(5+classes), "v8" (4+classes)×N, "end2end" N×6; None finds out."""

    layout: Layout | None = None


@dataclass(frozen=True)
class _Reading:
    """What a file was read as: several layouts where nothing tells which; `rows` and `columns` of its output, None
    where the file leaves them open."""

    preprocess: Preprocess
    layouts: tuple[Layout, ...]
    evidence: tuple[str, ...]
    confidence: float
    rows: int | None
    columns: int | None

    @property
    def class_count(self) -> int | None:
        """How many classes the output has room for, None where that is open or the layout does not fit."""
        wide, others = {"v5": (self.columns, 5), "v8": (self.rows, 4), "end2end": (None, 0)}[self.layouts[0]]
        return wide - others if wide and wide > others else None


def recognise(path: Path, task: Task) -> Recognition | None:
    """A Ultralytics export by its metadata, or a detector whose output shape is telling; None for anything else.

    ModelError where the metadata says that it is one, but contradicts the output.
    """
    if task.type != "box":
        return None
    info = inspect(path)
    reading = _read(info)
    if reading is None:
        return None
    names, (layout, *others) = class_names(info), reading.layouts
    settings = {"preprocess": reading.preprocess.table()}
    if others:
        choices = "; ".join(f"{name}: {_SHAPES[name]}" for name in reading.layouts)
        questions = (Question("layout", f"it is not clear how it writes boxes ({choices})", reading.layouts),)
        return Recognition(reading.evidence, settings, names, questions=questions, confidence=reading.confidence)
    return Recognition(
        evidence=(*reading.evidence, f"layout {layout}: {_SHAPES[layout]}"),
        settings={"layout": layout, **settings},
        classes=names,
        class_count=len(names) if names else reading.class_count,
        confidence=reading.confidence,
    )


class Yolo(Detector):
    """A YOLO detector whose boxes come in the tensor's pixels and whose scores are probabilities."""

    def __init__(self, settings: YoloSettings, task: Task) -> None:
        self.settings = settings
        reading = _read(inspect(Path(settings.path)), settings.layout)
        if reading is None:
            raise unfit(inspect(Path(settings.path)), "a YOLO detector")
        super().__init__(settings, reading.preprocess)
        self.layout = reading.layouts[0]
        if reading.class_count is not None:
            self.check_names(reading.class_count)

    def decode(self, output: Output, item: Item) -> Sequence[Box]:
        """Boxes in the image's pixels, best first; ModelError for values or shapes that make no sense."""
        array, placement = self.sound(output)
        rows, columns = array.shape if array.ndim == 2 else (0, 0)
        if (rows if self.layout == "v8" else columns) < 5 or (self.layout == "end2end" and columns != 6):
            raise ModelError(
                f"{self.info.path.name}: an output of shape {list(array.shape)} is not of layout {self.layout}",
                hint="set `layout` in its settings in trainset.toml",
            )
        if self.layout == "end2end":
            return self.boxes(array[:, :4], array[:, 4], array[:, 5], placement, suppress=False)
        if self.layout == "v8":
            self.check_names(rows - 4)
            array = array[:, array[4:].max(axis=0) >= self.settings.score].T
            scores = array[:, 4:]
        else:
            self.check_names(columns - 5)
            array = array[array[:, 4] >= self.settings.score]
            scores = array[:, 5:] * array[:, 4:5]
        return self.boxes(from_centers(array[:, :4]), scores.max(axis=1), scores.argmax(axis=1), placement)


def _read(info: ModelInfo, layout: Layout | None = None) -> _Reading | None:
    """What the file is, None where it is no detector of this family; `layout` is known where settings give it."""
    takes = image_input(info)
    task = info.metadata.get("task")
    if takes is None or task not in (None, "detect"):
        return None
    pre, evidence = _preprocess(info, takes)
    shape = _shape(info, pre, trial=layout is None)
    names = class_names(info)
    if layout or shape is None:
        rows, columns = shape or (None, None)
        return _Reading(pre, (layout,), evidence, 1.0, rows, columns) if layout else None
    if names and (task or "stride" in info.metadata):
        layouts, why, confidence = _by_names(*shape, len(names), pre)
        says = "task detect" if task else "a stride"
        evidence = (
            f"its metadata has {says} and {len(names)} class names, as Ultralytics' tools write them",
            *evidence,
        )
    else:
        layouts, why, confidence = _by_grid(*shape, info, pre)
    if task and names and not layouts:
        raise ModelError(
            f"{info.path.name} contradicts itself: its metadata says that it detects {len(names)} classes, but its "
            f"output is {shape[0]}×{shape[1]}",
            hint="export the model again",
        )
    return _Reading(pre, layouts, (*evidence, why), confidence, *shape) if layouts else None


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


def _shape(info: ModelInfo, pre: Preprocess, *, trial: bool) -> tuple[int, int] | None:
    """Rows and columns of the first output, from a trial run where the file leaves them open; None for other models.

    Older YOLOv5 exports also return their feature maps, of five dimensions; those are passed over.
    """
    first, *others = [t.shape for t in info.outputs]
    if len(first) != 3 or any(len(shape) != 5 for shape in others):
        return None
    if isinstance(first[1], int) and isinstance(first[2], int):
        return first[1], first[2]
    arrays = probe(info.path, pre) if trial else None
    return (arrays[0].shape[1], arrays[0].shape[2]) if arrays and arrays[0].ndim == 3 else None


def _by_names(rows: int, columns: int, classes: int, pre: Preprocess) -> tuple[tuple[Layout, ...], str, float]:
    """The layout that has room for so many classes. N×6 may be one class in three boxes a cell, or suppressed boxes."""
    why = f"its output of {rows}×{columns} fits {classes} classes"
    anchored = rows in [3 * cells(pre.size, grid) for grid in GRIDS]
    if rows == 4 + classes:
        return ("v8",), why, 1.0
    if columns == 5 + classes and (columns != 6 or anchored):
        return ("v5",), why, 1.0
    return (("end2end",) if columns == 6 else ()), f"its output is {rows}×{columns}", 1.0


def _by_grid(rows: int, columns: int, info: ModelInfo, pre: Preprocess) -> tuple[tuple[Layout, ...], str, float]:
    """The layout whose number of boxes fits the grids of the input."""
    counts = [cells(pre.size, grid) for grid in GRIDS]
    why = f"its output is {rows}×{columns}"
    if rows in [3 * n for n in counts] and columns > 5:
        return ("v5",), f"{why}: three boxes for each cell of its grids", 0.8
    if columns in counts and rows > 4:
        return ("v8",), f"{why}: one box for each cell of its grids", 0.8
    if rows in counts:
        arrays = None if "Exp" in info.operators else probe(info.path, pre)
        alike = columns > 5 and arrays is not None and in_pixels(arrays[0], pre.size)
        return (("v5",) if alike else ()), f"{why} in pixels, one for each cell of its grids, as YOLOv6 has them", 0.5
    if columns == 6:
        return ("end2end",), f"{why}: boxes that are already suppressed", 0.8
    if min(rows, columns) > 5 and max(rows, columns) >= 4 * min(rows, columns):
        either: tuple[Layout, ...] = ("v8", "v5") if columns > rows else ("v5", "v8")
        return either, f"{why}, which no grid of its input size explains", 0.3
    return (), why, 0.0
