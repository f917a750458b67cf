"""YuNet face detectors: a box and five landmarks for each face (doi:10.1007/s11633-023-1423-y)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Recognition
from trainset_vision.annotations import skeleton_of
from trainset_vision.prelabel.adapter import declared_size, unfit
from trainset_vision.prelabel.candidates import Candidates, from_centers
from trainset_vision.prelabel.detections import Detector, DetectorSettings, Share
from trainset_vision.prelabel.grids import by_stride
from trainset_vision.prelabel.inputs import Arrays, first, trial_of_one
from trainset_vision.prelabel.keypoints import Points
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input

LANDMARKS = ("right-eye", "left-eye", "nose", "right-mouth", "left-mouth")
"""The points in the model's order; right and left are the person's own."""

PRIORS = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
"""Sides of the prior boxes in each cell, by stride, of the models before 2023."""

VARIANCES = (0.1, 0.2)
"""What their offsets and the logarithms of their sizes are multiplied by."""


class FacesSettings(DetectorSettings, kw_only=True, frozen=True):
    """Settings of every detector. By default a face needs a score of 0.6."""

    score: Share = 0.6
    iou: Share = 0.3


@dataclass(frozen=True)
class _Faces:
    """All candidates of one image: scores `(n,)`, boxes by centre and size `(n, 4)` and landmarks `(n, 5, 2)` in pixels."""

    scores: NDArray[np.float64]
    boxes: NDArray[np.float64]
    landmarks: NDArray[np.float64]


def recognise(path: Path, task: Task) -> Recognition | None:
    """A model with two scores, a box and five landmarks for each cell, or for each prior box; None for anything else.

    ModelError where the task's skeleton is not of five points.
    """
    if task.type not in ("box", "keypoints"):
        return None
    info = inspect(path)
    takes = image_input(info)
    if takes is None or takes.depth != 3 or len(info.outputs) not in (3, 9, 12):
        return None
    pre = _preprocess(info, takes)
    arrays = trial_of_one(info, takes, pre)
    if not arrays or _faces(arrays, [t.name for t in info.outputs], pre.size) is None:
        return None
    _order(task, path.name)
    named = next((label.id for label in task.active if "face" in (label.id.casefold(), label.title.casefold())), None)
    grids = "each cell of three grids" if len(arrays) == 12 else "each prior box of four grids"
    return Recognition(
        evidence=(
            f"for {grids} it gives two scores, a box and ten numbers for five landmarks, as YuNet does",
            f"BGR in 0..255 at the top left of {pre.size[0]}×{pre.size[1]}, as OpenCV feeds it",
        ),
        settings={"preprocess": pre.table()} | ({"names": ["face"]} if named else {}),
        classes=("face",) if named else None,
        class_count=1,
        confidence=1.0,
    )


class Faces(Detector):
    """A YuNet face detector: boxes, or keypoints in a task of that type."""

    def __init__(self, settings: FacesSettings, task: Task) -> None:
        info = inspect(Path(settings.path))
        if (takes := image_input(info)) is None:
            raise unfit(info, "a YuNet face detector")
        super().__init__(settings, _preprocess(info, takes), takes)
        self._order = _order(task, info.path.name)
        if task.type == "keypoints":
            self.shapes = Points(skeleton_of(task))

    def parts(self, arrays: Arrays, size: int) -> list[Arrays]:
        """As always, but a model for one image may leave the batch axis out."""
        return [first(arrays)] if size == 1 else super().parts(arrays, size)

    def candidates(self, arrays: Arrays) -> Candidates:
        """Faces whose score, the root of both scores' product, is enough; landmarks with a confidence of 1."""
        sound = [self.sound(arrays, i) for i in range(len(arrays))]
        faces = _faces(sound, [tensor.name for tensor in self.info.outputs], self.preprocess.size)
        if faces is None:
            width, height = self.preprocess.size
            raise ModelError(
                f"{self.info.path.name}: outputs of shapes {', '.join(str(list(a.shape)) for a in arrays)} are not "
                f"YuNet's for {width}×{height}",
                hint="check `preprocess.size`, or choose another adapter with `model add --prelabeler`",
            )
        keep = np.flatnonzero(faces.scores >= self.least)
        points = faces.landmarks[keep][:, self._order]
        sure = np.ones((*points.shape[:2], 1))
        return Candidates(
            from_centers(faces.boxes[keep]),
            faces.scores[keep],
            np.zeros(len(keep), np.intp),
            np.concatenate([points, sure], axis=-1),
        )


def _faces(arrays: Sequence[NDArray[Any]], names: Sequence[str], size: tuple[int, int]) -> _Faces | None:
    """What outputs without batch axis say; None where they are not a YuNet's."""
    return _on_priors(arrays, size) if len(arrays) == 3 else _in_cells(arrays, names, size)


def _in_cells(arrays: Sequence[NDArray[Any]], names: Sequence[str], size: tuple[int, int]) -> _Faces | None:
    """Models since 2023: twelve outputs, four for each stride. Offsets are in cells, sizes their logarithms."""
    grids = by_stride(arrays, names, size)
    if grids is None or any(sorted(rows.shape[1] for _, rows in cells.parts) != [1, 1, 4, 10] for cells in grids):
        return None
    scores, boxes, landmarks = [], [], []
    for cells in grids:
        one, other, box, points = (rows for _, rows in sorted(cells.parts, key=lambda part: part[1].shape[1]))
        corner = cells.points(0.0)
        scores.append(_score(one, other))
        boxes.append(np.concatenate([box[:, :2] + corner, np.exp(box[:, 2:].clip(max=20))], axis=1) * cells.stride)
        landmarks.append((points.reshape(-1, 5, 2) + corner[:, None]) * cells.stride)
    return _Faces(*(np.concatenate(each) for each in (scores, boxes, landmarks)))


def _on_priors(arrays: Sequence[NDArray[Any]], size: tuple[int, int]) -> _Faces | None:
    """Models before 2023: offsets from prior boxes, scores of two classes, and overlaps."""
    priors = _priors(size)
    by_width = {array.shape[1]: array for array in arrays if array.ndim == 2 and len(array) == len(priors)}
    if sorted(by_width) != [1, 2, 14]:
        return None
    offsets, sides = by_width[14].astype(np.float64), priors[:, 2:]
    boxes = np.concatenate(
        [
            priors[:, :2] + offsets[:, :2] * VARIANCES[0] * sides,
            sides * np.exp(offsets[:, 2:4].clip(max=50) * VARIANCES[1]),
        ],
        axis=1,
    )
    landmarks = priors[:, None, :2] + offsets[:, 4:].reshape(-1, 5, 2) * VARIANCES[0] * sides[:, None]
    return _Faces(_score(by_width[2][:, 1:], by_width[1]), boxes, landmarks)


def _priors(size: tuple[int, int]) -> NDArray[np.float64]:
    """`(n, 4)`: centre and sides of the prior boxes in pixels, cell by cell."""
    found = []
    for stride, sides in PRIORS.items():
        wide, high = ((n + 1) // 2 // (stride // 2) for n in size)  # as poolings halve it
        y, x, side = np.meshgrid(np.arange(high), np.arange(wide), np.array(sides, np.float64), indexing="ij")
        found.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, side, side], axis=-1).reshape(-1, 4))
    return np.concatenate(found)


def _score(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sqrt(one[:, 0].astype(np.float64).clip(0, 1) * other[:, 0].clip(0, 1))
    return found


def _preprocess(info: ModelInfo, takes: ImageInput) -> Preprocess:
    return Preprocess(
        size=takes.size or declared_size(info) or (640, 640),
        fit="letterbox-top-left",
        pad=0,
        channels="BGR",
        scale=1.0,
        layout=takes.layout,
        dtype=takes.dtype,
    )


def _order(task: Task, model: str) -> list[int]:
    """The model's landmark for each point of the task's skeleton: by name where names tell, else as they come."""
    points = skeleton_of(task).points if task.type == "keypoints" else ()
    words = [set(name.lower().replace("_", "-").replace(" ", "-").split("-")) for name in points]
    found = [[i for i, landmark in enumerate(LANDMARKS) if set(landmark.split("-")) <= own] for own in words]
    if all(len(matches) == 1 for matches in found) and points:
        return [matches[0] for matches in found]
    if len(points) in (0, len(LANDMARKS)):
        return list(range(len(LANDMARKS)))
    raise ModelError(
        f"{model} finds the points {', '.join(LANDMARKS)}, but task {task.name!r} has {', '.join(points)}",
        hint="name the task's points so, or some of them, in trainset.toml",
    )
