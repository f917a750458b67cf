"""From pixels to a model's input tensor, and from the tensor's coordinates back to the image's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from trainset.errors import ConfigError, MediaError
from trainset.onnx import ModelInfo

Pixels = NDArray[np.uint8]
DRAFTS = (1, 2, 4, 8)
"""The factors by which a JPEG may have been decoded smaller."""


class Preprocess(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """How an image becomes a tensor: fit it into `size`, then `(value * scale - mean) / std` for each channel.

    `size` is (width, height). `fit`: "letterbox-center" and "letterbox-top-left" keep the aspect and fill the rest with
    `pad` (0..255), "stretch" doesn't keep it, "center-crop" keeps it and cuts what stands out. `mean` and `std` hold
    one number for all channels, or one for each in the order of `channels`.
    """

    size: tuple[int, int]
    fit: Literal["letterbox-center", "letterbox-top-left", "stretch", "center-crop"] = "letterbox-center"
    pad: int = 114
    channels: Literal["RGB", "BGR", "GREY"] = "RGB"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    dtype: Literal["float32", "float16", "uint8"] = "float32"

    @property
    def depth(self) -> int:
        """The number of channels."""
        return 1 if self.channels == "GREY" else 3

    def table(self) -> dict[str, Any]:
        """All fields as a table for `trainset.toml`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in msgspec.structs.asdict(self).items()}


@dataclass(frozen=True)
class Placement:
    """Where an image lies in a tensor: `x_tensor = x_image * scale + offset`; `image` is its (width, height) in pixels."""

    scale: tuple[float, float]
    offset: tuple[float, float]
    image: tuple[int, int]

    def to_image(self, corners: NDArray[Any]) -> NDArray[np.float64]:
        """`(n, 4)` left, top, right, bottom in the tensor's pixels as `(n, 4)` in the image's, cut at its edges."""
        points = (corners.reshape(-1, 2, 2).astype(np.float64) - self.offset) / self.scale
        found: NDArray[np.float64] = points.clip(0, self.image).reshape(-1, 4)
        return found


@dataclass(frozen=True)
class ImageInput:
    """An input that takes images: its name, axes, channels (1 or 3), type, and (width, height), None where that varies."""

    name: str
    layout: Literal["NCHW", "NHWC"]
    depth: int
    dtype: Literal["float32", "float16", "uint8"]
    size: tuple[int, int] | None


def image_input(info: ModelInfo) -> ImageInput | None:
    """A model's only input if it takes images; None for other models."""
    if len(info.inputs) != 1 or len(info.inputs[0].shape) != 4:
        return None
    tensor = info.inputs[0]
    for axes, channels, height, width in (("NCHW", 1, 2, 3), ("NHWC", 3, 1, 2)):
        depth, h, w = (tensor.shape[axis] for axis in (channels, height, width))
        if depth in (1, 3) and tensor.dtype in ("float32", "float16", "uint8"):
            size = (w, h) if isinstance(w, int) and isinstance(h, int) and min(w, h) > 0 else None
            return ImageInput(tensor.name, axes, int(depth), tensor.dtype, size)  # type: ignore[arg-type]
    return None


def override(default: Preprocess, settings: Mapping[str, Any], takes: ImageInput, name: str) -> Preprocess:
    """`default` with the `preprocess` table of `trainset.toml` laid over it; ConfigError where the model cannot take that."""
    try:
        found = msgspec.convert(msgspec.structs.asdict(default) | dict(settings), Preprocess)
        wrong = _contradiction(found, takes)
    except msgspec.ValidationError as error:
        wrong = str(error)
    if wrong:
        raise ConfigError(f"preprocess of {name}: {wrong}", hint="mend it in trainset.toml")
    return found


def _contradiction(pre: Preprocess, takes: ImageInput) -> str:
    if min(pre.size) < 1:
        return f"size {list(pre.size)} must be positive"
    if takes.size and takes.size != pre.size:
        return f"size is {list(pre.size)}, but the model takes {list(takes.size)}"
    if takes.depth != pre.depth:
        return f"channels are {pre.channels}, but the model takes {takes.depth}"
    if takes.layout != pre.layout:
        return f"layout is {pre.layout}, but the model takes {takes.layout}"
    if takes.dtype != pre.dtype:
        return f"dtype is {pre.dtype}, but the model takes {takes.dtype}"
    if not {len(pre.mean), len(pre.std)} <= {1, pre.depth} or 0 in pre.std:
        return f"mean and std take 1 or {pre.depth} numbers, and std none that is 0"
    return "" if 0 <= pre.pad <= 255 else "pad must be in 0..255"


def load_tensor(
    pre: Preprocess,
    read: Callable[[tuple[int, int] | None], Pixels],
    size: tuple[int, int] | None,
    name: str = "the image",
) -> tuple[NDArray[Any], Placement]:
    """Read and preprocess one image of (width, height) `size`, where that is known: the tensor without batch, and where
    the image lies in it.

    `read(at_least)` gives `(h, w, 3)` RGB, which may be `size` divided (rounding up) by 2, 4 or 8 as long as it has
    `at_least` that (width, height); MediaError where it gives another size.
    """
    pixels = read(_needed(pre, size) if size else None)
    height, width = pixels.shape[:2]
    if size is None:
        return tensor_of(pre, pixels, 1, (width, height))
    for factor in DRAFTS:
        if (width, height) == (-(-size[0] // factor), -(-size[1] // factor)):
            return tensor_of(pre, pixels, factor, size)
    raise MediaError(
        f"{name} is {width}×{height} now, but was registered as {size[0]}×{size[1]}", hint="run `trainset add` again"
    )


def tensor_of(pre: Preprocess, pixels: Pixels, factor: int, size: tuple[int, int]) -> tuple[NDArray[Any], Placement]:
    """Preprocess pixels, each of which covers `factor` × `factor` pixels of the image."""
    height, width = pixels.shape[:2]
    (x, y, w, h), (left, top, to_w, to_h) = _fit(pre, width, height)
    part = pixels[y : y + h, x : x + w]
    if (w, h) != (to_w, to_h):
        part = np.asarray(cv2.resize(part, (to_w, to_h), interpolation=_sampling(pre, (w, h), (to_w, to_h))), np.uint8)
    scale = (to_w / w, to_h / h)
    placement = Placement((scale[0] / factor, scale[1] / factor), (left - x * scale[0], top - y * scale[1]), size)
    return _normalised(pre, part, left, top), placement


def _fit(pre: Preprocess, width: int, height: int) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Which part (x, y, w, h) of an image goes to which rectangle of the tensor."""
    to_w, to_h = pre.size
    if pre.fit == "stretch":
        return (0, 0, width, height), (0, 0, to_w, to_h)
    if pre.fit == "center-crop":
        ratio = max(to_w / width, to_h / height)
        w, h = (max(1, min(full, round(to / ratio))) for full, to in ((width, to_w), (height, to_h)))
        return ((width - w) // 2, (height - h) // 2, w, h), (0, 0, to_w, to_h)
    ratio = min(to_w / width, to_h / height)
    if pre.fit == "letterbox-top-left":
        return (0, 0, width, height), (0, 0, max(1, int(width * ratio)), max(1, int(height * ratio)))
    w, h = max(1, round(width * ratio)), max(1, round(height * ratio))
    return (0, 0, width, height), (round((to_w - w) / 2 - 0.1), round((to_h - h) / 2 - 0.1), w, h)


def _needed(pre: Preprocess, size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which an image must be read so that nothing is enlarged that was not small already."""
    (_, _, w, h), (_, _, to_w, to_h) = _fit(pre, *size)
    return min(size[0], -(-size[0] * to_w // w)), min(size[1], -(-size[1] * to_h // h))


def _sampling(pre: Preprocess, size: tuple[int, int], to: tuple[int, int]) -> int:
    """Detectors were trained with plain bilinear sampling; thin strokes for classifiers must not fall between pixels."""
    shrinks = to[0] < size[0] or to[1] < size[1]
    return int(cv2.INTER_AREA if shrinks and not pre.fit.startswith("letterbox") else cv2.INTER_LINEAR)


def _normalised(pre: Preprocess, part: Pixels, left: int, top: int) -> NDArray[Any]:
    """`part` at (left, top) of a padded tensor, `(c, h, w)` or `(h, w, c)`."""
    planes = (cv2.cvtColor(part, cv2.COLOR_RGB2GRAY),) if pre.channels == "GREY" else cv2.split(part)
    if pre.channels == "BGR":
        planes = planes[::-1]
    gain = np.float32(pre.scale) / np.asarray(pre.std, np.float32)
    bias = -np.asarray(pre.mean, np.float32) / np.asarray(pre.std, np.float32)
    gain, bias = np.broadcast_to(gain, pre.depth), np.broadcast_to(bias, pre.depth)
    height, width = part.shape[:2]
    tensor = np.empty((pre.depth, pre.size[1], pre.size[0]), np.float32)
    for plane, out, a, b in zip(planes, tensor, gain, bias, strict=True):
        if (width, height) != pre.size:
            out.fill(pre.pad * a + b)
        inside = out[top : top + height, left : left + width]
        np.multiply(plane, a, out=inside)
        if b:
            inside += b
    if pre.dtype == "uint8":
        tensor = tensor.round().clip(0, 255)
    ordered = tensor if pre.layout == "NCHW" else tensor.transpose(1, 2, 0)
    return np.ascontiguousarray(ordered, pre.dtype)
