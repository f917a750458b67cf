"""NanoDet, NanoDet-Plus and PicoDet: one cell a box, its edges as distributions, classes beside it (arXiv:2111.00902)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Question, Recognition
from trainset_vision.prelabel.adapter import class_names, declared_size, unfit
from trainset_vision.prelabel.candidates import Candidates, joined
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.distribution import Level, levels
from trainset_vision.prelabel.inputs import Arrays, first, trial_of_one
from trainset_vision.prelabel.numbers import IMAGENET, sigmoid, within_unit
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input

Family = Literal["nanodet", "nanodet-plus", "picodet"]
Scores = Literal["probabilities", "logits"]

MOST_LOGIT = 80.0
"""Logits of heads stay far below this; what goes beyond is pixels."""

_BGR: Mapping[str, Any] = {
    "channels": "BGR",
    "scale": 1.0,
    "pad": 0,
    "mean": (103.53, 116.28, 123.675),
    "std": (57.375, 57.12, 58.395),
}
_INPUT: Mapping[Family, Mapping[str, Any]] = {
    "nanodet": {**_BGR, "fit": "letterbox-center"},
    "nanodet-plus": {**_BGR, "fit": "stretch"},
    "picodet": {"fit": "stretch", "mean": IMAGENET[0], "std": IMAGENET[1]},
}
"""What differs from the defaults of `Preprocess`, as the families' own configurations have it."""

_CENTRE: Mapping[Family, float] = {"nanodet": 0.5, "nanodet-plus": 0.0, "picodet": 0.5}
"""Where in its cell, as a share of it, lies the point that distances start from."""

_SAID: Mapping[Family, str] = {
    "nanodet": "BGR less its mean, by its deviation, letterbox in the centre, as NanoDet's configurations have it,",
    "nanodet-plus": "BGR less its mean, by its deviation, stretched, as NanoDet-Plus' configurations have it,",
    "picodet": "RGB normalised by ImageNet's mean and deviation, stretched, as PicoDet's configurations have it,",
}


class NanodetSettings(DetectorSettings, kw_only=True, frozen=True):
    """`family` says where in a cell distances start from and how pixels go in; None finds out. `class_scores` says
    whether classes come before ("logits") or after the sigmoid; None finds out. `bins` of each edge's distribution."""

    family: Family | None = None
    class_scores: Scores | None = None
    bins: Annotated[int, Meta(ge=1)] = 8


@dataclass(frozen=True)
class _Reading:
    """What a file was read as: several families where nothing tells which."""

    takes: ImageInput
    families: tuple[Family, ...]
    reason: str
    levels: Sequence[Level]
    size: tuple[int, int]


def recognise(path: Path, task: Task) -> Recognition | None:
    """A detector with scores and distributions for each cell of its grids; None for anything else.

    Shapes tell the grids, a trial run tells distributions from boxes and whether the sigmoid is in the graph.
    """
    if task.type != "box":
        return None
    info = inspect(path)
    reading = _read(info, 8)
    if reading is None:
        return None
    first, names = reading.levels[0], class_names(info)
    classes, bins = first.scores.shape[1], first.sides.shape[1] // 4
    if names and len(names) != classes:
        return None
    scores: Scores = "probabilities" if _probabilities(reading.levels) else "logits"
    family, *others = reading.families
    settings: dict[str, Any] = {"class-scores": scores, "bins": max(bins, 8)}
    questions: tuple[Question, ...] = ()
    said = [reading.reason]
    if others:
        text = f"it is not clear which family it is of ({reading.reason}): they differ in half a cell and in how pixels go in"
        questions = (Question("family", text, reading.families),)
        settings["preprocess"] = {"size": list(reading.size)}
    else:
        pre = _preprocess(reading.takes, family, reading.size)
        settings |= {"family": family, "preprocess": pre.table()}
        said.append(f"{_SAID[family]} is assumed: set `preprocess` if it was trained otherwise")
    return Recognition(
        evidence=(
            f"for each cell of grids with strides {', '.join(str(level.cells.stride) for level in reading.levels)} it scores "
            f"{classes} {'class' if classes == 1 else 'classes'} and gives "
            + (f"{bins} bins for each edge" if bins > 1 else "each edge's distance"),
            "on an even grey picture class scores "
            + ("stay within 0 and 1: its sigmoid is in the graph" if scores == "probabilities" else "are logits"),
            *said,
        ),
        settings=settings,
        classes=names,
        class_count=classes,
        questions=questions,
        confidence=0.95,
    )


class Nanodet(Detector):
    """A detector of the NanoDet family."""

    def __init__(self, settings: NanodetSettings, task: Task) -> None:
        info = inspect(Path(settings.path))
        takes = image_input(info)
        reading = None if takes and settings.family and settings.class_scores else _read(info, settings.bins)
        families = (settings.family,) if settings.family else reading.families if reading else ()
        if takes is None or len(families) != 1:
            raise unfit(info, "a detector of the NanoDet family" + (", or `family` must say which" if families else ""))
        (self.family,) = families
        super().__init__(settings, _preprocess(takes, self.family, _size(info, takes)), takes)
        self.bins = settings.bins
        self.class_scores: Scores = settings.class_scores or (
            "probabilities" if reading is None or _probabilities(reading.levels) else "logits"
        )

    def parts(self, arrays: Arrays, size: int) -> list[Arrays]:
        """As always, but a model for one image may leave the batch axis out."""
        return [first(arrays)] if size == 1 else super().parts(arrays, size)

    def candidates(self, arrays: Arrays) -> Candidates:
        """The boxes of all cells whose best class scores enough."""
        sound = [self.sound(arrays, i) for i in range(len(arrays))]
        names = [tensor.name for tensor in self.info.outputs]
        found = levels(sound, names, self.preprocess.size, self.bins)
        if found is None:
            width, height = self.preprocess.size
            raise ModelError(
                f"{self.info.path.name}: outputs of shapes {', '.join(str(list(a.shape)) for a in arrays)} are no scores "
                f"and {self.bins} bins for each edge in the cells of {width}×{height}",
                hint="check `preprocess.size` and `bins`, or choose another adapter with `model add --prelabeler`",
            )
        self.check_names(found[0].scores.shape[1])
        parts = []
        for level in found:
            scores = level.scores if self.class_scores == "probabilities" else sigmoid(level.scores)
            best = scores.max(axis=1)
            keep = np.flatnonzero(best >= self.least)
            corners = level.corners(keep, _CENTRE[self.family])
            parts.append(Candidates(corners, best[keep], scores[keep].argmax(axis=1), table=scores[keep]))
        return joined(parts)


def _read(info: ModelInfo, bins: int) -> _Reading | None:
    takes = image_input(info)
    if takes is None or takes.depth != 3 or "task" in info.metadata:
        return None
    size = _size(info, takes)
    arrays = trial_of_one(info, takes, _preprocess(takes, "nanodet", size))
    if not arrays:
        return None
    names = [tensor.name for tensor in info.outputs]
    found = levels(arrays, names, size, bins)
    if found is None or not _plausible(found, apart=len(arrays) > 1):
        return None
    return _Reading(takes, *_families(info, found), found, size)


def _plausible(found: Sequence[Level], *, apart: bool) -> bool:
    """Whether the numbers are scores beside distributions, and not boxes in pixels beside scores."""
    sides = np.concatenate([level.sides for level in found])
    scores = np.concatenate([level.scores for level in found])
    if not (np.isfinite(sides).all() and np.isfinite(scores).all()):
        return False
    return apart or (not within_unit(sides) and (within_unit(scores) or np.abs(scores).max() <= MOST_LOGIT))


def _probabilities(found: Sequence[Level]) -> bool:
    return all(within_unit(level.scores) for level in found)


def _families(info: ModelInfo, found: Sequence[Level]) -> tuple[tuple[Family, ...], str]:
    """The families that it may be of, and why."""
    names = [tensor.name.lower() for tensor in info.outputs]
    if "paddle" in info.producer.lower() or any("tmp_" in name or "fetch" in name for name in names):
        return ("picodet",), "PaddlePaddle's converter wrote it: PicoDet"
    four = len(found) >= 4
    if len(names) == 1:
        if four:
            return ("nanodet-plus",), "one output for four strides: NanoDet-Plus"
        return ("nanodet", "nanodet-plus"), "one output for three strides is either NanoDet's or NanoDet-Plus'"
    if any("dis_pred" in name for name in names):
        plus: Family = "nanodet-plus" if four else "nanodet"
        return (plus,), f"its outputs are named as NanoDet's, for {len(found)} strides"
    if not four:
        return ("nanodet", "picodet"), "scores and distances apart for three strides are either NanoDet's or PicoDet's"
    return (
        "picodet",
        "nanodet-plus",
    ), "scores and distances apart for four strides are either PicoDet's or NanoDet-Plus'"


def _size(info: ModelInfo, takes: ImageInput) -> tuple[int, int]:
    return takes.size or declared_size(info) or (416, 416)


def _preprocess(takes: ImageInput, family: Family, size: tuple[int, int]) -> Preprocess:
    pre = Preprocess(size=size, layout=takes.layout, dtype=takes.dtype)
    return msgspec.structs.replace(pre, **_INPUT[family])
