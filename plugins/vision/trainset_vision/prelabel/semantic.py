"""Semantic segmentation: a class for each pixel, as numbers for each class or as the class's number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, structs
from numpy.typing import NDArray

from trainset.core.model import Annotation, Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Recognition
from trainset_vision.prelabel.adapter import class_names, declared_size, unfit
from trainset_vision.prelabel.background import leads
from trainset_vision.prelabel.candidates import Candidates, Likely, joined
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.inputs import Arrays, trial
from trainset_vision.prelabel.numbers import IMAGENET, within_unit
from trainset_vision.prelabel.pasted import Laid
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input
from trainset_vision.prelabel.regions import Values, regions

_FEATURES = ("embed", "feature", "hidden")


class SemanticSettings(DetectorSettings, kw_only=True, frozen=True):
    """`values` says what the model returns for each pixel: "logits" or "probabilities" of each class, or the class's number;
    None finds out. `background`: the first class is none, and the next has number 0. `instances`: each connected part of
    a class is an object of its own. `tolerance` is by how many pixels outlines may be simplified."""

    values: Values | None = None
    background: bool = False
    instances: bool = False
    tolerance: Annotated[float, Meta(ge=0)] = 1.0


def recognise(path: Path, task: Task) -> Recognition | None:
    """A model that returns a map of classes, or a map for each class; None for anything else."""
    if task.type not in ("mask", "polygon"):
        return None
    info = inspect(path)
    takes = image_input(info)
    if takes is None or info.metadata.get("task", "segment") not in ("segment", "semantic"):
        return None
    pre = _preprocess(info, takes)
    arrays = trial(info, takes, pre)
    if not arrays or any(word in info.outputs[0].name.lower() for word in _FEATURES):
        return None
    maps = [_planes(array, pre.size) for array in _without_batch(arrays)]
    planes = maps[0]
    if planes is None or any(other is None for other in maps):
        return None
    values, why = _values(planes, info)
    names, labels = class_names(info), [label.id for label in task.active]
    count = None if values == "classes" else len(planes)
    if names and count not in (None, len(names)) and count != len(names) + 1:
        return None
    background, said = _background(count, names, labels)
    classes = None if count is None else count - background
    named = names[1:] if names and background and leads(names) else names
    fits = values == "classes" or classes in (len(labels), len(names or ()))
    return Recognition(
        evidence=(
            f"for each pixel of a map of {planes.shape[2]}×{planes.shape[1]} it returns "
            + ("the number of a class" if count is None else f"{count} {'number' if count == 1 else 'numbers'}"),
            why,
            said,
            f"{_said(pre)} is assumed: set `preprocess` if it was trained otherwise",
        ),
        settings={"values": values, "background": background, "preprocess": pre.table()},
        classes=named,
        class_count=classes,
        confidence=0.8 if fits else 0.6,
    )


class Semantic(Detector):
    """A model of semantic segmentation: a mask or a polygon for each class, or for each connected part of one."""

    settings: SemanticSettings

    def __init__(self, settings: SemanticSettings, task: Task) -> None:
        info = inspect(Path(settings.path))
        takes = image_input(info)
        if takes is None or task.type not in ("mask", "polygon"):
            raise unfit(info, "a model of semantic segmentation for a task of masks or polygons")
        super().__init__(settings, _preprocess(info, takes), takes)
        if self.names and settings.background and leads(self.names):
            self.names = self.names[1:]
        self.values = settings.values
        if self.values is None:
            arrays = trial(info, takes, self.preprocess)
            planes = _planes(_without_batch(arrays)[0], self.preprocess.size) if arrays else None
            if planes is None:
                raise unfit(info, "a model of semantic segmentation")
            self.values, _ = _values(planes, info)
        self._apart = bool(settings.instances or settings.tile or settings.flips)
        self.shapes = Laid(self.preprocess.size, 0, settings.tolerance if task.type == "polygon" else None)

    def parts(self, arrays: Arrays, size: int) -> list[Arrays]:
        """As always, but a model for one image may leave the batch axis out."""
        return [_without_batch(arrays)] if size == 1 else super().parts(arrays, size)

    def candidates(self, arrays: Arrays) -> Candidates:
        """Each class that wins a pixel, or each of its connected parts."""
        planes = _planes(self.sound(arrays), self.preprocess.size)
        if planes is None or (self.values == "classes" and len(planes) != 1):
            raise ModelError(
                f"{self.info.path.name}: an output of shape {list(arrays[0].shape)} is no map of classes for "
                f"{self.preprocess.size[0]}×{self.preprocess.size[1]}",
                hint="check `preprocess.size` and `values` in its settings in trainset.toml",
            )
        if self.values != "classes" and len(planes) > 1:
            self.check_names(len(planes) - self.settings.background)
        found = [
            region
            for region in regions(planes, self.values or "logits", self.preprocess.size, apart=self._apart)
            if region.which >= self.settings.background
        ]
        extra = np.empty(len(found), object)
        for n, region in enumerate(found):
            extra[n] = (region.margin, region.at)
        return Candidates(
            np.array([region.corners for region in found], np.float64).reshape(-1, 4),
            np.array([region.score for region in found], np.float64),
            np.array([region.which for region in found], np.int64) - self.settings.background,
            extra,
            suppressed=True,
        )

    def annotations(
        self, found: Candidates, image: tuple[int, int], prefix: str = "p"
    ) -> list[tuple[Annotation, Likely]]:
        """One annotation a class, where its parts are no objects of their own. Numbers of classes have no scores."""
        if not self.settings.instances and len(found):
            each = [found.take(found.classes == which) for which in np.unique(found.classes)]
            found = joined([self.shapes.united(parts) for parts in each]).best_first()
        said = super().annotations(found, image, prefix)
        return [(structs.replace(a, score=None), other) for a, other in said] if self.values == "classes" else said


def _without_batch(arrays: Arrays) -> Arrays:
    """The first item's part of each output; two axes, or three of which the first is not 1, have no batch axis."""
    return [
        array[0] if (array.ndim == 4 and len(array)) or (array.ndim == 3 and len(array) == 1) else array
        for array in arrays
    ]


def _planes(array: NDArray[Any], size: tuple[int, int]) -> NDArray[Any] | None:
    """An output without batch axis as one map for each class `(c, h, w)`, None where it is none of an input of
    (width, height): maps have its aspect, and at most its size."""
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or not array.size:
        return None
    for maps in (array, array.transpose(2, 0, 1)):
        _, high, wide = maps.shape
        alike = abs(wide * size[1] - high * size[0]) <= max(size)
        if alike and 1 < high <= size[1] and 1 < wide <= size[0]:
            return maps
    return None


def _values(planes: NDArray[Any], info: ModelInfo) -> tuple[Values, str]:
    """What the numbers are, and how that shows: in the last operator or the type, or else in a trial run."""
    operator = info.last.get(info.outputs[0].name, "")
    whole = np.issubdtype(planes.dtype, np.integer)
    if len(planes) == 1 and (whole or operator == "ArgMax" or _whole(planes)):
        return "classes", "the number is a class's"
    if operator in ("Softmax", "Sigmoid"):
        return "probabilities", f"its last operator is {operator}: they are probabilities"
    if operator not in ("Conv", "ConvTranspose") and within_unit(planes):
        return "probabilities", "on an even grey picture they stay within 0 and 1: they are probabilities"
    return "logits", "they are logits"


def _whole(planes: NDArray[Any]) -> bool:
    """Whether floats are numbers of classes."""
    return bool(planes.min() >= 0 and planes.max() > 1 and (np.rint(planes) == planes).all())


def _background(count: int | None, names: Sequence[str] | None, labels: Sequence[str]) -> tuple[bool, str]:
    """Whether the first class is none, and how that shows."""
    if names and leads(names):
        return True, f"its first class name is {names[0]!r}: it is not proposed"
    if count is None:
        none = not names and not leads(labels)
        return none, "number 0 is background, class 0 has number 1" if none else "number 0 is the first class"
    if count > 1 and count == len(names or labels) + 1:
        whose = "names" if names else "labels of the task"
        return True, f"it has one class more than there are {whose}: the first is background"
    return False, "its first class is one like the others"


def _said(pre: Preprocess) -> str:
    if pre.dtype == "uint8" or pre.scale == 1:
        return f"{pre.channels} in 0..255, stretched,"
    return f"{pre.channels} {'normalised by ImageNet' if pre.mean == IMAGENET[0] else 'in -1..1' if pre.mean[0] else 'in 0..1'}, stretched,"


def _preprocess(info: ModelInfo, takes: ImageInput) -> Preprocess:
    """How pixels go in, as is most usual for models that take this."""
    size = takes.size or declared_size(info) or (512, 512)
    pre = Preprocess(size=size, fit="stretch", layout=takes.layout, dtype=takes.dtype)
    if takes.depth == 1:
        return structs.replace(pre, channels="GREY")
    if takes.dtype == "uint8":
        return structs.replace(pre, scale=1.0)
    if takes.layout == "NHWC":
        return structs.replace(pre, mean=(0.5,), std=(0.5,))
    return structs.replace(pre, mean=IMAGENET[0], std=IMAGENET[1])
