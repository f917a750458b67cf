"""YOLOX detectors: one box for each cell of three grids, objectness and class scores apart (arXiv:2107.08430)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Recognition
from trainset_vision.prelabel.adapter import class_names, unfit
from trainset_vision.prelabel.candidates import GRIDS, Candidates, cells, from_centers, in_pixels
from trainset_vision.prelabel.detections import Detector, DetectorSettings
from trainset_vision.prelabel.inputs import Arrays, trial
from trainset_vision.prelabel.preprocess import Preprocess, image_input


class YoloxSettings(DetectorSettings, kw_only=True, frozen=True):
    """`decoded` says that boxes come in the tensor's pixels, as exports with `--decode_in_inference` have them, and
    not as offsets within grid cells."""

    decoded: bool = False


def recognise(path: Path, task: Task) -> Recognition | None:
    """A detector with exactly one row (box, objectness, class scores) for each grid cell; None for anything else.

    Whether its boxes are decoded shows in a trial run: offsets stay within a few cells, pixels span the picture.
    """
    if task.type != "box":
        return None
    info = inspect(path)
    takes, pre = image_input(info), _preprocess(info)
    if (
        takes is None
        or pre is None
        or "task" in info.metadata
        or len(info.outputs) != 1
        or len(info.outputs[0].shape) != 3
    ):
        return None
    arrays = trial(info, takes, pre)
    if not arrays or arrays[0].ndim != 3 or not _strides(arrays[0].shape[1], pre.size) or arrays[0].shape[2] < 6:
        return None
    rows, columns = arrays[0].shape[1:]
    names, decoded = class_names(info), in_pixels(arrays[0], pre.size)
    if names and len(names) != columns - 5:
        return None
    return Recognition(
        evidence=(
            f"its output is {rows}×{columns}: one row of box, objectness and {columns - 5} class scores for each grid cell",
            "on an even grey picture the boxes come "
            + ("in pixels: it decodes them itself" if decoded else "as offsets within cells"),
            f"the file does not say how pixels go in: BGR in 0..255 at the top left of {pre.size[0]}×{pre.size[1]} is "
            "assumed, as in YOLOX since 0.2",
        ),
        settings={"decoded": decoded, "preprocess": pre.table()},
        classes=names,
        class_count=columns - 5,
        confidence=_confidence(info, decoded),
    )


class Yolox(Detector):
    """A YOLOX detector; its scores are probabilities already."""

    def __init__(self, settings: YoloxSettings, task: Task) -> None:
        self.decoded = settings.decoded
        info = inspect(Path(settings.path))
        if (default := _preprocess(info)) is None:
            raise unfit(info, "a YOLOX detector")
        super().__init__(settings, default)
        self._grids = {len(g): (g, s) for g, s in (_grid(self.preprocess.size, strides) for strides in GRIDS)}

    def candidates(self, arrays: Arrays) -> Candidates:
        """Boxes decoded on the grids."""
        array = self.sound(arrays)
        if array.ndim != 2 or len(array) not in self._grids or array.shape[1] < 6:
            width, height = self.preprocess.size
            raise ModelError(
                f"{self.info.path.name}: output of shape {list(array.shape)}, but YOLOX has "
                f"{min(self._grids)} rows on {width}×{height}",
                hint="check `preprocess.size`, or choose another adapter with `model add --prelabeler`",
            )
        self.check_names(array.shape[1] - 5)
        likely = np.flatnonzero(array[:, 4] >= self.least)
        grid, strides = self._grids[len(array)]
        array = array[likely]
        boxes = array[:, :4].astype(np.float64)
        if not self.decoded:
            boxes[:, :2] = (boxes[:, :2] + grid[likely]) * strides[likely]
            boxes[:, 2:] = np.exp(boxes[:, 2:].clip(max=20)) * strides[likely]
        scores = array[:, 5:] * array[:, 4:5]
        return Candidates(from_centers(boxes), scores.max(axis=1), scores.argmax(axis=1), table=scores)


def _preprocess(info: ModelInfo) -> Preprocess | None:
    takes = image_input(info)
    if takes is None or takes.depth != 3:
        return None
    return Preprocess(
        size=takes.size or (640, 640),
        fit="letterbox-top-left",
        channels="BGR",
        scale=1.0,
        layout=takes.layout,
        dtype=takes.dtype,
    )


def _strides(rows: int, size: tuple[int, int]) -> tuple[int, ...] | None:
    return next((strides for strides in GRIDS if cells(size, strides) == rows), None)


def _grid(size: tuple[int, int], strides: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cells' columns and rows `(n, 2)`, and their strides `(n, 1)`, in the order of the output."""
    corners = [np.stack(np.meshgrid(np.arange(size[0] // s), np.arange(size[1] // s)), axis=-1) for s in strides]
    flat = [c.reshape(-1, 2).astype(np.float64) for c in corners]
    return np.concatenate(flat), np.concatenate(
        [np.full((len(f), 1), s, np.float64) for f, s in zip(flat, strides, strict=True)]
    )


def _confidence(info: ModelInfo, decoded: bool) -> float:
    """Undecoded exports end in a transposition; decoded ones hold an exponential, and YOLOv6, of equal shape, does not."""
    if decoded:
        return 0.7 if "Exp" in info.operators else 0.4
    return 0.9 if info.last.get(info.outputs[0].name) == "Transpose" else 0.7
