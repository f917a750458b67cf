"""Detectors of the YOLO family that Ultralytics' tools export: v5, v8 to v12 and those that suppress by themselves; of
boxes, instance masks, poses and rotated boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import inspect
from trainset.plugins import Question, Recognition
from trainset_vision.annotations import Skeleton, skeleton_of
from trainset_vision.prelabel.adapter import class_names, unfit
from trainset_vision.prelabel.candidates import Candidates, from_centers
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.inputs import Arrays
from trainset_vision.prelabel.keypoints import Points
from trainset_vision.prelabel.masks import Masks
from trainset_vision.prelabel.rotated import Bounds, Rotated, bounds
from trainset_vision.prelabel.shapes import Boxes
from trainset_vision.prelabel.yolo_reading import BASE, KINDS, Layout, Reading, point_order, read


class YoloSettings(DetectorSettings, kw_only=True, frozen=True):
    """`layout` of the output: "v5" is N×(5+classes), "v8" (4+classes)×N, "end2end" N×6, each longer by what the kind of
    model adds; None finds out. `keypoints` are how many points a pose has, and how many numbers each (2 or 3).
    `tolerance`, in pixels, is how far an outline may be simplified."""

    layout: Layout | None = None
    keypoints: tuple[Annotated[int, Meta(ge=1)], Literal[2, 3]] | None = None
    tolerance: Annotated[float, Meta(ge=0)] = 1.0


def recognise(path: Path, task: Task) -> Recognition | None:
    """A Ultralytics export by its metadata, or a detector whose output shape is telling; None for anything else.

    ModelError where the metadata says that it is one, but contradicts the output or finds other things than the task's.
    """
    if task.type not in KINDS:
        return None
    info = inspect(path)
    said = info.metadata.get("task")
    if said in KINDS["box"] and said not in KINDS[task.type]:
        raise ModelError(
            f"{path.name} is a model for task {said}, as its metadata says, and cannot propose what task {task.name!r} "
            f"of type {task.type} asks for",
            hint=f"it serves tasks of type {' or '.join(t for t, kinds in KINDS.items() if said in kinds)}",
        )
    skeleton = skeleton_of(task)
    reading = read(info, task, skeleton)
    if reading is None:
        return None
    names, (layout, *others) = class_names(info), reading.layouts
    settings: dict[str, object] = {"preprocess": reading.preprocess.table()}
    evidence, questions = reading.evidence, []
    if others:
        choices = "; ".join(f"{name}: {reading.described(name)}" for name in reading.layouts)
        questions.append(Question("layout", f"it is not clear how it writes boxes ({choices})", reading.layouts))
    else:
        settings["layout"] = layout
        evidence = (*evidence, f"layout {layout}: {reading.described(layout)}")
    if len(reading.keypoints) > 1:
        shapes = [f"[{points},{each}]" for points, each in reading.keypoints]
        questions.append(Question("keypoints", "it is not clear how many keypoints of how many numbers it has", shapes))
    elif reading.keypoints:
        settings["keypoints"] = list(reading.keypoints[0])
        _check_points(path.name, reading.keypoints[0][0], skeleton)
        if point_order(info, skeleton) is not None:
            evidence = (*evidence, "its metadata names the points of the task's skeleton")
    return Recognition(
        evidence=evidence,
        settings=settings,
        classes=names,
        class_count=None if questions else len(names) if names else reading.class_count,
        questions=questions,
        confidence=reading.confidence,
    )


class Yolo(Detector):
    """A YOLO detector whose boxes come in the tensor's pixels and whose scores are probabilities."""

    settings: YoloSettings

    def __init__(self, settings: YoloSettings, task: Task) -> None:
        skeleton = skeleton_of(task)
        info = inspect(Path(settings.path))
        reading = read(info, task, skeleton, settings.layout, settings.keypoints)
        if reading is None or len(reading.layouts) > 1 or len(reading.keypoints) > 1:
            what = f"a YOLO detector for tasks of type {task.type}"
            raise unfit(info, what + (", or `layout` and `keypoints` must say how its output lies" if reading else ""))
        super().__init__(settings, reading.preprocess)
        self.layout = reading.layouts[0]
        self._reading = reading
        if reading.kind == "pose":
            _check_points(info.path.name, reading.keypoints[0][0], skeleton)
        self.shapes = _shapes(reading, task, skeleton, self.preprocess.size, settings.tolerance)
        self._order = point_order(info, skeleton)
        self._plain = type(self.shapes) is Boxes
        if reading.class_count is not None:
            self.check_names(reading.class_count)

    def candidates(self, arrays: Arrays) -> Candidates:
        """Boxes as the layout has them."""
        array = self.sound(arrays, self._reading.outputs.boxes)
        array = array.T if self.layout == "v8" and array.ndim == 2 else array
        if isinstance(self.shapes, Masks):
            self.sound(arrays, self.shapes.which)
        adds, base = self._adds(arrays), BASE[self.layout]
        classes = array.shape[-1] - base - adds
        if array.ndim != 2 or (classes != 0 if self.layout == "end2end" else classes < 1):
            shape = list(arrays[self._reading.outputs.boxes].shape)
            raise ModelError(
                f"{self.info.path.name}: an output of shape {shape} is not of layout {self.layout}",
                hint="set `layout` in its settings in trainset.toml",
            )
        if self.layout == "end2end":
            return self._candidates(array[:, :4], array[:, 4], array[:, 5].astype(int), array[:, 6:])
        self.check_names(classes)
        likely = (array[:, base : base + classes].max(axis=1) if self.layout == "v8" else array[:, 4]) >= self.least
        array = array[likely]
        scores = array[:, base : base + classes]
        if self.layout == "v5":
            scores = scores * array[:, 4:5]
        found = self._candidates(array[:, :4], scores.max(axis=1), scores.argmax(axis=1), array[:, base + classes :])
        return replace(found, table=scores)

    def _candidates(
        self,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        classes: NDArray[np.intp],
        more: NDArray[np.floating],
    ) -> Candidates:
        """Boxes and what the kind of model adds, as `shapes` takes it."""
        suppressed = self.layout == "end2end"
        if self._reading.kind == "obb":
            turned = np.concatenate([boxes, np.rad2deg(more)], axis=1)
            return Candidates(bounds(turned), scores, classes, turned, suppressed)
        corners = boxes if suppressed else from_centers(boxes)
        if self._plain:
            return Candidates(corners, scores, classes, suppressed=suppressed)
        if self._reading.kind == "pose":
            points = more.reshape(len(more), *self._reading.keypoints[0])
            points = points if self._order is None else points[:, self._order]
            more = points if points.shape[2] == 3 else np.concatenate([points, np.ones_like(points[..., :1])], axis=2)
        return Candidates(corners, scores, classes, more, suppressed)

    def _adds(self, arrays: Arrays) -> int:
        """How many numbers each box has beside itself and its scores."""
        reading = self._reading
        if reading.outputs.prototypes is not None and reading.kind == "segment":
            return len(arrays[reading.outputs.prototypes])
        return {"pose": int(np.prod(reading.keypoints[:1])), "obb": 1}.get(reading.kind, 0)


def _shapes(reading: Reading, task: Task, skeleton: Skeleton, size: tuple[int, int], tolerance: float) -> Boxes:
    if reading.kind == "obb":
        return Rotated() if task.type == "rotated-box" else Bounds()
    if task.type == "keypoints":
        return Points(skeleton)
    if task.type in ("polygon", "mask") and reading.outputs.prototypes is not None:
        return Masks(size, reading.outputs.prototypes, None if task.type == "mask" else tolerance)
    return Boxes()


def _check_points(name: str, points: int, skeleton: Skeleton) -> None:
    """ModelError where the model places another number of points than the task names."""
    if skeleton.points and len(skeleton.points) != points:
        raise ModelError(
            f"{name} places {points} keypoints, but the task's skeleton has {len(skeleton.points)}",
            hint="list the model's points, in its order, as the task's `points` in trainset.toml",
        )
