"""The second half of a promptable model: from what an encoder made of an image, and points on it, to a mask.

The decoders of Segment Anything (Kirillov et al. 2023, arXiv:2304.02643) and of its kin: MobileSAM, SAM 2. A box goes in as
its two corners, labelled 2 and 3; a point on the object has label 1, one beside it 0; where there is no box, a point
labelled -1 stands for none. Exports by Transformers name their inputs otherwise, have one axis more, and know no corners:
a box goes in as its centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainset.errors import ModelError
from trainset.onnx import ModelInfo, Session, Tensor, inspect
from trainset_vision.prelabel.adapter import unfit

Role = Literal["points", "labels", "mask", "has-mask", "size"]
_ROLES: Mapping[str, Role] = {
    "point_coords": "points",
    "point_labels": "labels",
    "input_points": "points",
    "input_labels": "labels",
    "mask_input": "mask",
    "has_mask_input": "has-mask",
    "orig_im_size": "size",
}
_NO_POINT = -1
MOST_POINTS = 2
"""With more points than so many, the first of four masks is taken, which is the one for objects shown closely."""


@dataclass(frozen=True)
class Seen:
    """A mask as a decoder gives it: numbers that are positive on the object, `(h, w)`, for the part of the encoder's tensor
    that reaches from its top left corner to (right, bottom); and the share of it that the model thinks is right."""

    logits: NDArray[np.float32]
    right: float
    bottom: float
    score: float


def is_decoder(info: ModelInfo) -> bool:
    """Whether a model takes points and their labels beside what an encoder made."""
    roles = [_ROLES[t.name] for t in info.inputs if t.name in _ROLES]
    return {"points", "labels"} <= set(roles) and len(roles) < len(info.inputs)


def images_of(info: ModelInfo) -> list[Tensor]:
    """A decoder's inputs for what an encoder made of an image."""
    return [tensor for tensor in info.inputs if tensor.name not in _ROLES]


def wiring(encoder: ModelInfo, decoder: ModelInfo) -> dict[str, str] | None:
    """For each of the decoder's inputs the encoder's output of its name, or the only one of its shape; None where the two
    are no pair."""
    outputs = {tensor.name: tensor for tensor in encoder.outputs}
    found: dict[str, str] = {}
    for wanted in images_of(decoder):
        like = [name for name, t in outputs.items() if _fits(t, wanted)]
        if wanted.name in like:
            found[wanted.name] = wanted.name
        elif len(like) == 1:
            found[wanted.name] = like[0]
        else:
            return None
    return found


def _fits(given: Tensor, wanted: Tensor) -> bool:
    return len(given.shape) == len(wanted.shape) and all(
        isinstance(a, str) or isinstance(b, str) or a == b for a, b in zip(given.shape, wanted.shape, strict=True)
    )


class Decoder:
    """A decoder, ready to run for tensors of (width, height) `size`. Threads may share it."""

    def __init__(self, path: Path, providers: Sequence[str], size: tuple[int, int]) -> None:
        info = inspect(path)
        if not is_decoder(info):
            raise unfit(info, "a decoder of points and boxes")
        self._session = Session(path, providers)
        self.info, self._size = info, size
        self.corners = not any(tensor.name == "input_points" for tensor in info.inputs)

    def mask(
        self,
        images: Mapping[str, NDArray[Any]],
        points: NDArray[np.float64],
        labels: NDArray[np.int64],
        content: tuple[int, int],
    ) -> Seen:
        """The mask of the object that `points` `(n, 2)`, in the tensor's pixels, and their `labels` show.

        `content` is the (width, height) of the tensor that the image takes. ModelError for what makes no sense.
        """
        if not self.corners:
            points, labels = _centres(points, labels)
        elif not np.isin(labels, (2, 3)).any():
            points = np.concatenate([points, np.zeros((1, 2))])
            labels = np.append(labels, _NO_POINT)
        feeds = {t.name: images[t.name] if t.name in images else self._fed(t, points, labels, content)
                 for t in self.info.inputs}  # fmt: skip
        return self._read(self._session.run(feeds), len(labels), content)

    def _fed(
        self, tensor: Tensor, points: NDArray[np.float64], labels: NDArray[np.int64], content: tuple[int, int]
    ) -> NDArray[Any]:
        sides = [n if isinstance(n, int) else None for n in tensor.shape]
        value: NDArray[Any]
        match _ROLES[tensor.name]:
            case "points":
                value = points.reshape(*[1] * (len(sides) - 2), *points.shape)
            case "labels":
                value = labels.reshape(*[1] * (len(sides) - 1), len(labels))
            case "size":
                value = np.array(content[::-1])
            case "has-mask":
                value = np.zeros(1)
            case "mask":
                value = np.zeros([1, 1, *(n or self._size[1] // 4 for n in sides[2:])])
        return value.astype(tensor.dtype)

    def _read(self, arrays: Sequence[NDArray[Any]], points: int, content: tuple[int, int]) -> Seen:
        named = {t.name.lower(): a[0] if a.ndim == 5 else a for t, a in zip(self.info.outputs, arrays, strict=True)}
        maps = {name: a for name, a in named.items() if a.ndim == 4}
        low = next((a for name, a in maps.items() if "low_res" in name), None)
        masks = low if low is not None else next(iter(maps.values()), None)
        scores = next((a for name, a in named.items() if "iou" in name or "score" in name), None)
        if masks is None or not masks.size:
            raise unfit(self.info, "a decoder that returns masks")
        planes = masks[0].astype(np.float32)
        sure = np.full(len(planes), np.nan) if scores is None else scores.reshape(-1).astype(np.float64)
        if len(sure) != len(planes) or not np.isfinite(planes).all() or not np.isfinite(sure[~np.isnan(sure)]).all():
            raise ModelError(
                f"{self.info.path.name}: masks {list(masks.shape)} and scores {len(sure)} do not belong together, or are not finite",
                hint="export the decoder again, in float32",
            )
        which = self._best(sure, points)
        full = low is None and planes.shape[1:] == content[::-1] and content != self._size
        right, bottom = content if full else self._size
        return Seen(planes[which], right, bottom, float(sure[which]))

    @staticmethod
    def _best(sure: NDArray[np.float64], points: int) -> int:
        """Of four masks the first is for objects shown closely, the others are readings of what is shown loosely."""
        if len(sure) == 4 and points > MOST_POINTS:
            return 0
        first = 1 if len(sure) == 4 else 0
        return first + int(np.nan_to_num(sure[first:]).argmax())


def _centres(points: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The same with each box's corners replaced by a point on the object, in the middle of the box."""
    first = np.flatnonzero(labels == 2)
    plain = labels < 2
    middle = (points[first] + points[first + 1]) / 2
    return np.concatenate([points[plain], middle]), np.concatenate([labels[plain], np.ones(len(first), np.int64)])
