"""From candidates in a tensor to annotations on the image: what is particular to a kind of shape, here to boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation
from trainset_vision.annotations import Box
from trainset_vision.prelabel.candidates import Candidates, survivors
from trainset_vision.prelabel.preprocess import Placement


class Boxes:
    """How boxes overlap, come back to the image, are joined across seams, and become annotations.

    Other shapes derive from this and override what differs for them; `Candidates.extra` is theirs.
    """

    def survivors(self, found: Candidates, iou: float, agnostic: bool) -> NDArray[np.intp]:
        """The indices, best first, that non-maximum suppression leaves of candidates that come best first."""
        return survivors(found.corners, found.scores, found.classes, iou, agnostic=agnostic)

    def sizes(self, found: Candidates) -> NDArray[np.float64]:
        """`(n,)`: the areas of candidates."""
        areas: NDArray[np.float64] = (found.corners[:, 2:] - found.corners[:, :2]).clip(min=0).prod(axis=1)
        return areas

    def intersections(
        self, found: Candidates, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """`(k,)`: the areas that k pairs of candidates, given by their rows, have in common."""
        a, b = found.corners[first], found.corners[second]
        sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
        areas: NDArray[np.float64] = sides.clip(min=0).prod(axis=1)
        return areas

    def placed(self, kept: Candidates, arrays: Sequence[NDArray[Any]], placement: Placement) -> Candidates:
        """Candidates in the tensor's pixels, some hundreds at most, as candidates in the image's, cut at its edges.

        `arrays` are all outputs of the model for this tensor, without the batch. `placement` may mirror.
        """
        return replace(kept, corners=placement.to_image(kept.corners))

    def united(self, parts: Candidates) -> Candidates:
        """One candidate of several parts of one object, best first, in the image's pixels."""
        corners = np.concatenate([parts.corners[:, :2].min(axis=0), parts.corners[:, 2:].max(axis=0)])
        return replace(parts.take(np.arange(1)), corners=corners[None])

    def annotation(
        self, corners: tuple[float, float, float, float], extra: Any, image: tuple[int, int], common: dict[str, Any]
    ) -> Annotation | None:
        """The annotation of one placed candidate: `corners` are rounded to 1/100 pixel, `extra` is its row, `image` the
        (width, height), and `common` its id, label and score. None where nothing of it is left."""
        left, top, right, bottom = corners
        return Box(box=(left, top, round(right - left, 2), round(bottom - top, 2)), **common)
