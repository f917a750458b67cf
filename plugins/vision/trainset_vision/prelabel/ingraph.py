"""Detectors whose graph ends with the objects themselves: boxes, labels and scores, as lists or as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta, field
from numpy.typing import NDArray

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Limits, Question, Recognition
from trainset_vision.prelabel.adapter import Output, Prepared, class_names, declared_size, unfit
from trainset_vision.prelabel.background import leads
from trainset_vision.prelabel.candidates import Candidates, from_centers
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.exporters import Corners, Exporter, exporter
from trainset_vision.prelabel.inputs import Arrays, batched, others, picture, trial
from trainset_vision.prelabel.numbers import sums_to_one
from trainset_vision.prelabel.objects import objects, table
from trainset_vision.prelabel.pasted import Pasted
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess
from trainset_vision.prelabel.roles import Named, Role, Roles, columns, roles

SHARES = 1.5
"""Coordinates up to this are shares of the input: in pixels, no boxes are so small and all at its corner."""


class IngraphSettings(DetectorSettings, kw_only=True, frozen=True):
    """`outputs` names the outputs with `boxes`, `labels`, `scores`, `count` and `masks`, or with `rows` whose `columns` are
    "batch", "box", "class" and "score" in their order, joined by dashes. `corners` is what the four numbers of a box are,
    `units` whether they count the input's pixels or are shares of it; "auto" sees that in each image. `first_class` is the
    label of the model's first class: smaller ones are background or padding. `tolerance` is by how many pixels outlines of
    masks may be simplified."""

    outputs: dict[Role, str] = field(default_factory=dict)
    columns: str | None = None
    corners: Corners = "xyxy"
    units: Literal["auto", "pixels", "shares"] = "auto"
    first_class: Annotated[int, Meta(ge=0)] = 0
    tolerance: Annotated[float, Meta(ge=0)] = 1.0


@dataclass(frozen=True)
class _Reading:
    """What a file was read as: `layouts` are those that rows allow, empty where there are none; `arrays` a trial run's."""

    takes: ImageInput
    preprocess: Preprocess
    roles: Roles
    exporter: Exporter
    layouts: tuple[str, ...]
    arrays: Named


def recognise(path: Path, task: Task) -> Recognition | None:
    """A model that returns boxes, labels and scores; None for anything else.

    A task of masks or polygons needs masks beside them. A trial run on an even grey picture tells what names and shapes
    leave open.
    """
    if task.type not in ("box", "mask", "polygon"):
        return None
    info = inspect(path)
    reading = _read(info)
    if reading is None or (task.type != "box" and "masks" not in reading.roles.names):
        return None
    names, found = class_names(info), reading.exporter
    first, why = _first_class(reading, names, task)
    count = _class_count(reading, first)
    if count is not None and first not in (0, 1):
        return None
    pre = reading.preprocess
    settings: dict[str, Any] = {
        "outputs": dict(reading.roles.names),
        "corners": found.corners,
        "first-class": first,
        "preprocess": pre.table(),
    }
    questions: list[Question] = []
    if reading.roles.unsure:
        text = (
            f"it is not clear which output holds the scores, and which the labels: {' or '.join(reading.roles.unsure)}"
        )
        questions.append(Question("outputs.scores", text, reading.roles.unsure))
    elif len(reading.layouts) > 1:
        questions.append(Question("columns", "it is not clear what the columns of its rows are", reading.layouts))
    elif reading.layouts:
        settings["columns"] = reading.layouts[0]
    said = ", ".join(f"{role} in {name}" for role, name in reading.roles.names.items())
    beside = others(info, reading.takes)
    return Recognition(
        evidence=(
            f"its outputs are {said}",
            *((f"beside the image it takes {', '.join(beside)}",) if beside else ()),
            f"{found.said}: {pre.channels} {pre.fit} on {pre.size[0]}×{pre.size[1]} is assumed; set `preprocess` if it was otherwise",
            why,
        ),
        settings=settings,
        classes=names,
        class_count=count,
        questions=questions,
        confidence=0.6 if reading.roles.matrix else 0.9,
    )


class Ingraph(Detector):
    """A detector that returns objects. It runs one image at a time: their number differs, so batches don't stack."""

    settings: IngraphSettings

    def __init__(self, settings: IngraphSettings, task: Task) -> None:
        info = inspect(Path(settings.path))
        if (takes := picture(info)) is None:
            raise unfit(info, "a detector that returns objects")
        outputs, self.columns = dict(settings.outputs), settings.columns
        default = _plain(info, takes)
        if not ({"boxes", "labels"} <= outputs.keys() or ("rows" in outputs and self.columns)):
            if (reading := _read(info)) is None:
                raise unfit(info, "a detector that returns objects")
            default, found = reading.preprocess, reading.roles
            if outputs.get("scores") in found.unsure:
                outputs["labels"] = next(name for name in found.unsure if name != outputs["scores"])
            outputs = {**found.names, **outputs}
            self.columns = self.columns or (reading.layouts[0] if len(reading.layouts) == 1 else None)
            if (found.unsure and "labels" not in outputs) or ("rows" in outputs and not self.columns):
                raise unfit(info, "a detector that returns objects, or `outputs` and `columns` must say which is which")
        super().__init__(settings, default, takes)
        at = {tensor.name: i for i, tensor in enumerate(info.outputs)}
        if wrong := [name for name in outputs.values() if name not in at]:
            raise ModelError(
                f"{info.path.name} has no output {wrong[0]!r}", hint=f"its outputs are {', '.join(at)}: mend `outputs`"
            )
        self._at = {role: at[name] for role, name in outputs.items()}
        if task.type != "box":
            if "masks" not in self._at:
                raise unfit(info, "a model that returns masks")
            tolerance = settings.tolerance if task.type == "polygon" else None
            self.shapes = Pasted(self.preprocess.size, self._at["masks"], tolerance)
        self._masks = task.type != "box"

    @property
    def limits(self) -> Limits:
        """One image a run."""
        return replace(super().limits, batch=1)

    def _run(self, batch: Sequence[Prepared]) -> list[Output]:
        return [output for prepared in batch for output in super(Ingraph, self)._run([prepared])]

    def parts(self, arrays: Arrays, size: int) -> list[Arrays]:
        """The outputs as they are: their roles tell what a batch axis would."""
        return [arrays] if size == 1 or not batched(self.info, self.takes) else super().parts(arrays, size)

    def candidates(self, arrays: Arrays) -> Candidates:
        """The objects, without background and padding."""
        named = {role: self.sound(arrays, at) for role, at in self._at.items()}
        try:
            found = objects(named, self.columns, self.settings.first_class)
        except ValueError as error:
            raise ModelError(
                f"{self.info.path.name} returns {error}",
                hint="set `outputs` and `columns` in its settings in trainset.toml, or choose another adapter",
            ) from error
        classes = found.labels - self.settings.first_class
        keep = np.flatnonzero((classes >= 0) & (found.scores >= self.least))
        return Candidates(
            self._corners(found.boxes)[keep],
            found.scores[keep].astype(np.float64),
            classes[keep],
            keep if self._masks else None,
            suppressed=found.suppressed,
            table=None if found.table is None else found.table[keep],
        )

    def _corners(self, boxes: NDArray[Any]) -> NDArray[np.float64]:
        """Left, top, right, bottom in the tensor's pixels."""
        found = boxes.astype(np.float64)
        if self.settings.corners == "yxyx":
            found = found[:, [1, 0, 3, 2]]
        elif self.settings.corners == "cxcywh":
            found = from_centers(found)
        elif self.settings.corners == "xywh":
            found = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)
        shares = self.settings.units == "shares" or (self.settings.units == "auto" and _in_shares(boxes))
        return found * (self.preprocess.size * 2) if shares else found


def _read(info: ModelInfo) -> _Reading | None:
    takes = picture(info)
    if takes is None or takes.depth != 3 or info.metadata.get("task", "detect") != "detect":
        return None
    arrays = trial(info, takes, _plain(info, takes))
    if arrays is None:
        return None
    named = {tensor.name: array for tensor, array in zip(info.outputs, arrays, strict=True)}
    found = roles(named)
    if found is None:
        return None
    main = named[found.names.get("boxes") or found.names["rows"]]
    who = exporter(info, takes, found, alone=main.ndim == 2)
    layouts: tuple[str, ...] = ()
    if "rows" in found.names:
        rows = main.reshape(-1, main.shape[-1])
        rows = rows[rows.any(axis=1)]
        allowed = columns(rows, found.names["rows"])
        usual = who.columns or (None if len(rows) else who.unseen)
        layouts = (usual,) if usual in allowed else allowed
        single = len(arrays) == 1 and main.ndim == 3 and not others(info, takes)
        if not layouts or (single and "box-score-class" in layouts):
            return None
    size = takes.size or declared_size(info) or who.size
    pre = Preprocess(size=size, layout=takes.layout, dtype=takes.dtype, **who.pixels)
    return _Reading(takes, pre, found, who, layouts, named)


def _plain(info: ModelInfo, takes: ImageInput) -> Preprocess:
    """Pixels as they go in where nothing is known: for a trial, or beneath what settings say."""
    return Preprocess(size=takes.size or declared_size(info) or (640, 640), layout=takes.layout, dtype=takes.dtype)


def _first_class(reading: _Reading, names: Sequence[str] | None, task: Task) -> tuple[int, str]:
    """The label of the first class, and how that shows: in names, in what a trial run labels, or by who wrote the file."""
    if names and leads(names):
        return 0, f"its first class name is {names[0]!r}: labels count from there"
    usual = reading.exporter.first
    rows = _table(reading)
    if rows is not None and names:
        return rows.shape[1] - len(names), f"it scores {rows.shape[1]} classes and has {len(names)} names"
    if rows is not None and rows.shape[1] > 1 and sums_to_one(rows):
        return 1, "its scores sum to 1 for each box: the first is background's"
    if "labels" not in reading.roles.names:
        return usual, f"classes count from {usual}"
    labels = reading.arrays[reading.roles.names["labels"]]
    scores = reading.arrays.get(reading.roles.names.get("scores", ""))
    seen = labels[scores >= 0.05] if scores is not None and scores.shape == labels.shape else labels.ravel()[:0]
    size = len(names) if names else len(task.active)
    if len(seen) and usual == 1 and seen.min() == 0:
        return 0, "in a trial run it says label 0: classes count from 0"
    if len(seen) and usual == 0 and seen.min() > 0 and seen.max() == size:
        return 1, f"in a trial run it says label {size}, and there are {size}: classes count from 1"
    return usual, f"labels count from {usual}, as is usual there: set `first-class` if not"


def _class_count(reading: _Reading, first: int) -> int | None:
    """How many classes it scores: open where it returns labels."""
    rows = _table(reading)
    return None if rows is None else rows.shape[1] - first


def _table(reading: _Reading) -> NDArray[Any] | None:
    """The scores of each box and class, None where there are none such."""
    if not reading.roles.matrix:
        return None
    boxes, scores = (reading.arrays[reading.roles.names[role]] for role in ("boxes", "scores"))
    return table(scores, boxes.size // 4)


def _in_shares(boxes: NDArray[Any]) -> bool:
    return boxes.size > 0 and bool(np.abs(boxes).max() <= SHARES)
