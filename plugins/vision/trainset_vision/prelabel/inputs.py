"""Inputs beside the image: sizes, scales and masks that exported detectors want to be told; and trial runs with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.errors import ModelError
from trainset.onnx import ModelInfo, Session, Tensor
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input, tensor_of

Arrays = list[NDArray[Any]]
Size = tuple[int, int]

_VALUES: Mapping[str, Callable[[Size], list[int]]] = {
    "scale_factor": lambda size: [1, 1],
    "im_shape": lambda size: [size[1], size[0]],
    "image_shape": lambda size: [size[1], size[0]],
    "im_info": lambda size: [size[1], size[0], 1],
    "orig_target_sizes": lambda size: [size[0], size[1]],
}
"""One row for each image, from the input's (width, height): with it boxes come in the input's pixels. PaddleDetection
says height before width, the exports of RT-DETR and D-FINE width before height."""

_MASKS = ("pixel_mask",)
"""Which pixels are the image's and not padding's: all of them."""


def picture(info: ModelInfo) -> ImageInput | None:
    """The input for images of a model whose other inputs are all known; None for other models.

    Beside one of four axes it may be one of three, of a model that takes one image without a batch axis.
    """
    takes = image_input(info, alone=False) or _unbatched(info)
    if takes is None or not all(_known(tensor) for tensor in info.inputs if tensor.name != takes.name):
        return None
    return takes


def feeds(info: ModelInfo, takes: ImageInput, stacked: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """All inputs for a batch of tensors `(b, c, h, w)` or `(b, h, w, c)`; its first alone where the model takes one."""
    count, *shape = stacked.shape
    size = (shape[2], shape[1]) if takes.layout == "NCHW" else (shape[1], shape[0])
    out = {}
    for tensor in info.inputs:
        if tensor.name == takes.name:
            out[tensor.name] = stacked if len(tensor.shape) == 4 else stacked[0]
        elif _key(tensor) in _MASKS:
            sides = [n if isinstance(n, int) else own for n, own in zip(tensor.shape[1:], size[::-1], strict=True)]
            out[tensor.name] = np.ones((count, *sides), tensor.dtype)
        else:
            row = np.array(_VALUES[_key(tensor)](size), tensor.dtype)
            out[tensor.name] = np.tile(row, (count, 1)) if len(tensor.shape) == 2 else row
    return out


def others(info: ModelInfo, takes: ImageInput) -> tuple[str, ...]:
    """The names of the inputs beside the image."""
    return tuple(tensor.name for tensor in info.inputs if tensor.name != takes.name)


def trial(info: ModelInfo, takes: ImageInput, pre: Preprocess) -> Arrays | None:
    """What a model returns for one even grey picture, with batch, to learn shapes and ranges that its file leaves open.

    None where it does not run on it.
    """
    grey = np.full((pre.size[1], pre.size[0], 3), 114, np.uint8)
    tensor, _ = tensor_of(pre, grey, 1, pre.size)
    stat = info.path.stat()
    try:
        session = _session(info.path.absolute(), (stat.st_mtime_ns, stat.st_size, stat.st_ino))
        batch = session.batch if batched(info, takes) else 1
        return session.run(feeds(info, takes, np.stack([tensor] * (batch or 1))))
    except ModelError:
        return None


@lru_cache(maxsize=1)
def _session(path: Path, stamp: tuple[int, ...]) -> Session:
    """The model for trial runs: most adapters make one before they know whether a file is theirs, and loading it takes
    long. `stamp` tells another file of the same name apart."""
    return Session(path)


def trial_of_one(info: ModelInfo, takes: ImageInput, pre: Preprocess) -> Arrays | None:
    """What a trial run returns, without batch; None where it does not run."""
    arrays = trial(info, takes, pre)
    batch = _named(info, takes.name).shape[0]
    return None if arrays is None else first(arrays, batch if isinstance(batch, int) else 1)


def first(arrays: Arrays, size: int = 1) -> Arrays:
    """The first item's part of outputs for a batch of `size`: those of two axes or fewer are taken to have no batch axis."""
    return [array[0] if array.ndim > 2 and len(array) == size else array for array in arrays]


def batched(info: ModelInfo, takes: ImageInput) -> bool:
    """Whether the input for images has a batch axis."""
    return len(_named(info, takes.name).shape) == 4


def _named(info: ModelInfo, name: str) -> Tensor:
    return next(tensor for tensor in info.inputs if tensor.name == name)


def _key(tensor: Tensor) -> str:
    return tensor.name.lower().removesuffix(":0")


def _known(tensor: Tensor) -> bool:
    key = _key(tensor)
    return (key in _VALUES and len(tensor.shape) in (1, 2)) or (key in _MASKS and len(tensor.shape) == 3)


def _unbatched(info: ModelInfo) -> ImageInput | None:
    found = [t for t in info.inputs if len(t.shape) == 3 and t.dtype in ("float32", "float16", "uint8")]
    if len(found) != 1:
        return None
    tensor = found[0]
    for axes, depth, sides in (
        ("NCHW", tensor.shape[0], tensor.shape[1:]),
        ("NHWC", tensor.shape[2], tensor.shape[:2]),
    ):
        if depth in (1, 3):
            high, wide = sides
            size = (wide, high) if isinstance(wide, int) and isinstance(high, int) and min(wide, high) > 0 else None
            return ImageInput(tensor.name, axes, int(depth), tensor.dtype, size)  # type: ignore[arg-type]
    return None
