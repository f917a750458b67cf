"""Which output of a detector is what, where its graph ends with the objects: told by shapes, types, names and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainset_vision.prelabel.numbers import within_unit

Role = Literal["boxes", "labels", "scores", "count", "masks", "rows"]
Named = Mapping[str, NDArray[Any]]

WORDS: Mapping[Role, tuple[str, ...]] = {
    "boxes": ("box", "det", "loc"),
    "labels": ("label", "class", "cls", "categor", "ids"),
    "scores": ("score", "conf", "prob"),
    "count": ("num", "count"),
}
"""One of these is in the name of an output, where names say what it is."""

_OTHERS = ("raw_", "anchor", "multiclass", "hidden")
"""What TensorFlow's detectors return beside the objects, and transformers beside their queries."""

COLUMNS: Mapping[int, tuple[str, ...]] = {
    6: ("box-score-class", "class-score-box", "box-class-score"),
    7: ("batch-box-class-score", "batch-class-score-box", "batch-class-box-score", "batch-box-score-class"),
}
"""How rows of so many numbers may be laid out."""


@dataclass(frozen=True)
class Roles:
    """The output's name for each role. `unsure` are two of which either may hold the scores and the other the labels;
    `matrix` says that scores are a number for each box and class."""

    names: Mapping[Role, str]
    unsure: tuple[str, ...] = ()
    matrix: bool = False


def roles(named: Named) -> Roles | None:
    """The roles of outputs by name, with or without batch axis; None where they are no such detector's."""
    rest = {name: a for name, a in named.items() if not any(word in name.lower() for word in _OTHERS)}
    count = next((n for n, a in rest.items() if a.size == 1 and _says(n, "count")), None)
    found: dict[Role, str] = {} if count is None else {"count": count}
    rest = {name: array for name, array in rest.items() if name != count}
    boxes = _boxes(rest)
    if boxes is None:
        rows = [
            name
            for name, a in rest.items()
            if a.ndim in (2, 3, 4) and a.shape[-1] in COLUMNS and np.issubdtype(a.dtype, np.floating)
        ]
        return Roles({**found, "rows": rows[0]}) if len(rest) == len(rows) == 1 else None
    found["boxes"] = boxes
    wide = rest[boxes].shape[-1]
    many = rest.pop(boxes).size // wide
    flat = {n: a for n, a in rest.items() if a.size == many and a.ndim in (1, 2, 3) and _is_list(a)}
    masks = [
        n
        for n, a in rest.items()
        if n not in flat and a.ndim in (3, 4) and min(a.shape[-2:]) > 1 and many in a.shape[:2]
    ]
    if len(flat) == 2 and wide == 4:
        scores = _scores(flat)
        if scores is None:
            return Roles(found, unsure=tuple(flat))
        found |= {"scores": scores, "labels": next(n for n in flat if n != scores)}
    elif len(flat) == 1 and wide == 5:
        found["labels"] = next(iter(flat))
    elif len(flat) == 1 and wide == 4 and within_unit(next(iter(flat.values()))):
        found["scores"] = next(iter(flat))
    else:
        matrix = [n for n, a in rest.items() if a.ndim in (2, 3) and many and many in a.shape[-2:] and within_unit(a)]
        return (
            Roles({**found, "scores": matrix[0]}, matrix=True) if wide == 4 and len(rest) == len(matrix) == 1 else None
        )
    return Roles({**found, "masks": masks[0]} if len(masks) == 1 else found)


def columns(rows: NDArray[Any], name: str) -> tuple[str, ...]:
    """The layouts that rows `(n, 6 or 7)` allow: classes are whole numbers, scores in 0..1, boxes have their corners in
    order."""
    if "classid_x1y1x2y2" in name.lower():
        return ("batch-class-box-score",)
    found = []
    for layout in COLUMNS[rows.shape[1]]:
        parts = split(rows, layout)
        whole = (np.rint(parts["class"]) == parts["class"]).all() and (parts["class"] >= -1).all()
        ordered = (parts["box"][:, 2:] >= parts["box"][:, :2]).all()
        if whole and ordered and within_unit(parts["score"].clip(min=0)):
            found.append(layout)
    return tuple(found)


def split(rows: NDArray[Any], layout: str) -> dict[str, NDArray[Any]]:
    """The columns of rows by word: `box` `(n, 4)`, the others `(n,)`."""
    found: dict[str, NDArray[Any]] = {}
    at = 0
    for word in layout.split("-"):
        found[word] = rows[:, at : at + 4] if word == "box" else rows[:, at]
        at += 4 if word == "box" else 1
    return found


def _is_list(array: NDArray[Any]) -> bool:
    """Whether all axes but one are of length 1."""
    return bool(sum(length != 1 for length in array.shape) <= 1)


def _boxes(named: Named) -> str | None:
    """The one output with four or five numbers a box; None where there is none, or several."""
    fit = {
        name: (_says(name, "boxes") and not _says(name, "labels"), array.ndim)
        for name, array in named.items()
        if array.ndim in (2, 3) and array.shape[-1] in (4, 5) and np.issubdtype(array.dtype, np.floating)
    }
    best = [name for name, rank in fit.items() if rank == max(fit.values())]
    return best[0] if len(best) == 1 else None


def _scores(lists: Named) -> str | None:
    """Which of two lists holds the scores: whole numbers are labels, then names tell, then the numbers themselves."""
    whole = [name for name, array in lists.items() if np.issubdtype(array.dtype, np.integer)]
    if len(whole) == 1:
        return next(name for name in lists if name not in whole)
    signs: tuple[Callable[[str], bool], ...] = (
        lambda name: _says(name, "scores") and not _says(name, "labels"),
        lambda name: not _says(name, "labels") and any(_says(other, "labels") for other in lists),
        lambda name: within_unit(lists[name]) and bool((np.rint(lists[name]) != lists[name]).any()),
    )
    for sign in signs:
        fit = [name for name in lists if sign(name)]
        if len(fit) == 1:
            return fit[0]
    return None


def _says(name: str, role: Role) -> bool:
    return any(word in name.lower() for word in WORDS[role])
