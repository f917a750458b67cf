"""Objects out of outputs whose roles are known: boxes, scores and labels, a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset_vision.prelabel.roles import Role, split

Outputs = Mapping[Role, NDArray[Any]]


@dataclass(frozen=True)
class Objects:
    """Boxes `(n, 4)` as they come, scores and labels `(n,)`; `suppressed` where the graph dropped doubles. `table` `(n, c)` are
    the scores of all classes, where it gives them."""

    boxes: NDArray[Any]
    scores: NDArray[Any]
    labels: NDArray[Any]
    suppressed: bool
    table: NDArray[Any] | None = None


def objects(outputs: Outputs, columns: str | None, first: int) -> Objects:
    """The objects in outputs of one image, with or without batch axis.

    `columns` are those of rows, as in `roles.COLUMNS`; `first` is the label of the first class. ValueError for shapes that
    do not belong together says what the outputs are.
    """
    limit = int(outputs["count"].ravel()[0]) if "count" in outputs else None
    if "rows" in outputs:
        return _of_rows(outputs["rows"], columns or "", limit)
    boxes = outputs["boxes"].reshape(-1, outputs["boxes"].shape[-1])
    if boxes.shape[1] not in (4, 5):
        raise ValueError(f"boxes of {boxes.shape[1]} numbers")
    if boxes.shape[1] == 4 and "scores" not in outputs:
        raise ValueError("boxes without scores")
    boxes, scores = boxes[:, :4], boxes[:, 4] if boxes.shape[1] == 5 else outputs["scores"]
    if "labels" not in outputs and scores.size != len(boxes):
        return _of_table(boxes, scores, first)
    labels = outputs["labels"] if "labels" in outputs else np.full(len(boxes), first)
    if not len(boxes) == scores.size == labels.size:
        raise ValueError(f"{len(boxes)} boxes, {scores.size} scores and {labels.size} labels")
    whole = np.rint(labels.ravel()).astype(np.int64)
    return Objects(boxes[:limit], scores.ravel()[:limit], whole[:limit], suppressed="labels" in outputs)


def _of_rows(rows: NDArray[Any], columns: str, limit: int | None) -> Objects:
    rows = rows.reshape(-1, rows.shape[-1])[:limit]
    words = columns.split("-")
    if not {"box", "score", "class"} <= set(words) or len(words) + 3 != rows.shape[1]:
        raise ValueError(f"rows of {rows.shape[1]} numbers, but `columns` is {columns!r}")
    parts = split(rows, columns)
    here = parts["batch"] == 0 if "batch" in parts else np.ones(len(rows), np.bool_)
    labels = np.rint(parts["class"]).astype(np.int64)
    return Objects(parts["box"][here], parts["score"][here], labels[here], suppressed=True)


def _of_table(boxes: NDArray[Any], scores: NDArray[Any], first: int) -> Objects:
    """Each box with its best class."""
    rows = table(scores, len(boxes))
    if rows is None or rows.shape[1] <= first:
        raise ValueError(f"{len(boxes)} boxes and scores of shape {list(scores.shape)}")
    labels = rows[:, first:].argmax(axis=1) + first
    return Objects(boxes, rows[np.arange(len(boxes)), labels], labels, suppressed=False, table=rows[:, first:])


def table(scores: NDArray[Any], boxes: int) -> NDArray[Any] | None:
    """Scores of so many boxes, a row each, that may come as columns; None where they are for other ones."""
    rows = scores.reshape(-1, max(1, scores.shape[-1]))
    rows = rows if len(rows) == boxes else rows.T
    return rows if len(rows) == boxes else None
