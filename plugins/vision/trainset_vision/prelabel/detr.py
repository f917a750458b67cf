"""DETR and its kin: a fixed number of queries, each a box in shares of the image and a score for each class (arXiv:2005.12872)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Question, Recognition
from trainset_vision.prelabel.adapter import class_names, declared_size, unfit
from trainset_vision.prelabel.candidates import Candidates, from_centers
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.inputs import Arrays, first, others, picture, trial_of_one
from trainset_vision.prelabel.numbers import IMAGENET, sigmoid, softmax, sums_to_one, within_unit
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess

Scores = Literal["softmax", "sigmoid", "probabilities"]

QUERIES = range(10, 1001)
"""How many there may be: detectors with a box for each cell have thousands."""

_BOXES, _SCORES = ("box", "dets"), ("logit", "score", "label", "class", "cls")
_NAMES = {"logits", "pred_logits", "pred_boxes"}


class DetrSettings(DetectorSettings, kw_only=True, frozen=True):
    """`class_scores` says what follows the classes: a "softmax" where the last class is "no object", a "sigmoid" for each,
    or nothing, since they are "probabilities"; None finds out. `no_object`: the last class is none; None: with a softmax."""

    class_scores: Scores | None = None
    no_object: bool | None = None


@dataclass(frozen=True)
class _Queries:
    """Boxes `(q, 4)` by centre and size in shares of the input, and numbers for each class `(q, c)`."""

    boxes: NDArray[Any]
    classes: NDArray[Any]


def recognise(path: Path, task: Task) -> Recognition | None:
    """A model whose queries are boxes in shares of the image beside class scores; None for anything else.

    A trial run on an even grey picture tells whether a class for "no object" wins most queries.
    """
    if task.type != "box":
        return None
    info = inspect(path)
    takes = picture(info)
    if takes is None or takes.depth != 3:
        return None
    pre = _preprocess(info, takes, None)
    arrays = trial_of_one(info, takes, pre)
    queries = _queries(arrays, [t.name for t in info.outputs]) if arrays else None
    if queries is None or not _in_shares(queries.boxes):
        return None
    count, columns = queries.classes.shape
    names = class_names(info)
    scores, no_object, why = _scores(queries.classes, names, task)
    classes = columns - no_object
    if names and len(names) not in (classes, columns):
        return None
    known = bool(_NAMES & {tensor.name for tensor in info.outputs}) or info.metadata.get("task") == "detect"
    said = (
        f"it answers with {count} queries: a box by centre and size in shares of the picture, and {columns} class scores",
        *((f"beside the image it takes {', '.join(beside)}",) if (beside := others(info, takes)) else ()),
    )
    if scores is None:
        question = Question(
            "class-scores",
            f"it is not clear what its {columns} class scores are: logits of a softmax, the last of them no object, or of a "
            "sigmoid each",
            ("softmax", "sigmoid"),
        )
        return Recognition(said, {}, names, questions=(question,), confidence=0.97 if known else 0.85)
    pre = _preprocess(info, takes, scores)
    how = "normalised by ImageNet's mean and deviation, stretched," if pre.mean[0] else "in 0..1, stretched,"
    return Recognition(
        evidence=(*said, why, f"RGB {how} is assumed: set `preprocess` if it was trained otherwise"),
        settings={"class-scores": scores, "no-object": no_object, "preprocess": pre.table()},
        classes=names and names[:classes],
        class_count=classes,
        confidence=0.97 if known else 0.85,
    )


class Detr(Detector):
    """A detector with queries; no two of them are meant to find one object, so nothing is suppressed."""

    def __init__(self, settings: DetrSettings, task: Task) -> None:
        info = inspect(Path(settings.path))
        if (takes := picture(info)) is None:
            raise unfit(info, "a detector with queries")
        scores, no_object = settings.class_scores, settings.no_object
        if scores is None:
            arrays = trial_of_one(info, takes, _preprocess(info, takes, None))
            queries = _queries(arrays, [t.name for t in info.outputs]) if arrays else None
            scores, no_object, _ = _scores(queries.classes, class_names(info), task) if queries else (None, None, "")
            if scores is None:
                raise unfit(info, "a detector with queries, or `class-scores` must say what its scores are")
        super().__init__(settings, _preprocess(info, takes, scores), takes)
        self.class_scores: Scores = scores
        self.no_object = scores == "softmax" if no_object is None else no_object

    def parts(self, arrays: Arrays, size: int) -> list[Arrays]:
        """As always, but a model for one image may leave the batch axis out."""
        return [first(arrays)] if size == 1 else super().parts(arrays, size)

    def candidates(self, arrays: Arrays) -> Candidates:
        """Each query's best class."""
        sound = [self.sound(arrays, i) for i in range(len(arrays))]
        queries = _queries(sound, [tensor.name for tensor in self.info.outputs])
        if queries is None:
            raise ModelError(
                f"{self.info.path.name}: outputs of shapes {', '.join(str(list(a.shape)) for a in arrays)} are no boxes "
                "beside class scores",
                hint="choose another adapter with `model add --prelabeler`",
            )
        scores = queries.classes
        if self.class_scores != "probabilities":
            scores = softmax(scores) if self.class_scores == "softmax" else sigmoid(scores)
        if self.no_object:
            scores = scores[:, :-1]
        if self.names and len(self.names) != queries.classes.shape[1]:
            self.check_names(scores.shape[1])
        corners = from_centers(queries.boxes) * (self.preprocess.size * 2)
        return Candidates(corners, scores.max(axis=1), scores.argmax(axis=1), suppressed=True, table=scores)


def _queries(arrays: Arrays, names: Sequence[str]) -> _Queries | None:
    """Boxes and classes in outputs without batch axis: two of equal length, or one with the box first."""
    floats = [(n.lower(), a) for n, a in zip(names, arrays, strict=True) if np.issubdtype(a.dtype, np.floating)]
    flat = [(name, array) for name, array in floats if array.ndim == 2 and "hidden" not in name]
    if len(arrays) == len(flat) == 1:
        array = flat[0][1]
        probable = array.shape[1] > 4 and len(array) in QUERIES and array.any() and within_unit(array[:, 4:])
        return _Queries(array[:, :4], array[:, 4:]) if probable else None
    pairs = [
        (_named(name, _BOXES) + _named(other, _SCORES), _Queries(box, classes))
        for name, box in flat
        for other, classes in flat
        if box is not classes and box.shape[1] == 4 and len(box) == len(classes) and len(box) in QUERIES
    ]
    if not pairs or (len(flat) == 2 and len(pairs) == 2 and pairs[0][0] == pairs[1][0]):
        return None
    return max(pairs, key=lambda pair: pair[0])[1]


def _named(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name for word in words)


def _in_shares(boxes: NDArray[Any]) -> bool:
    """Whether boxes by centre and size lie in the picture: not in pixels, and not all by corners either."""
    sound = np.isfinite(boxes).all() and boxes.size and boxes.min() >= -0.1 and boxes.max() <= 1.1
    return bool(sound) and not bool((boxes[:, 2:] > boxes[:, :2]).all())


def _scores(classes: NDArray[Any], names: Sequence[str] | None, task: Task) -> tuple[Scores | None, bool, str]:
    """What class scores are, whether the last is "no object", and how that shows; None where nothing tells."""
    columns = classes.shape[1]
    if within_unit(classes):
        if columns > 1 and sums_to_one(classes):
            return "probabilities", True, "its class scores sum to 1: they are probabilities, the last of no object"
        return "probabilities", False, "its class scores stay within 0 and 1: they are probabilities"
    last = (classes.argmax(axis=1) == columns - 1).mean()
    if columns > 1 and last > 0.5:
        return (
            "softmax",
            True,
            "on an even grey picture the last class wins most queries: it is no object's, of a softmax",
        )
    size = len(names) if names else len(task.active)
    whose = "names" if names else "labels of the task"
    unsure = np.median(classes.max(axis=1)) < 0
    if size == columns:
        return "sigmoid", False, f"it scores as many classes as there are {whose}: a sigmoid for each follows"
    if size == columns - 1 and not unsure:
        return "softmax", True, f"it scores one class more than there are {whose}: no object, of a softmax"
    if unsure and size != columns - 1:
        return "sigmoid", False, "on an even grey picture most queries are sure of no class: a sigmoid for each follows"
    return None, False, ""


def _preprocess(info: ModelInfo, takes: ImageInput, scores: Scores | None) -> Preprocess:
    """How pixels go in: as DETR takes them, or in 0..1, as RT-DETR and what came after it do."""
    detr = scores == "softmax" or bool(others(info, takes)) or "dets" in {tensor.name for tensor in info.outputs}
    size = takes.size or declared_size(info) or ((800, 800) if detr else (640, 640))
    mean, std = IMAGENET if detr else ((0.0,), (1.0,))
    return Preprocess(size=size, fit="stretch", layout=takes.layout, dtype=takes.dtype, mean=mean, std=std)
