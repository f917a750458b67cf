"""From pixels to a model's input tensor, and from the tensor's coordinates back to the image's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from trainset.errors import ConfigError, MediaError, ModelError
from trainset.onnx import ModelInfo
from trainset_vision.media.shrink import FACTORS

Pixels = NDArray[np.uint8]
MOST_SIDE = 8192
"""The longest side, in pixels, of a picture that a model is given: what is more is a mistake that fills the memory."""


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
    """Where an image lies in a tensor: `x_tensor = x_image * scale + offset`; a negative scale mirrors it.

    `image` is its (width, height) in pixels. `window` is the part of it that the tensor shows, left, top, right, bottom:
    None for all of it.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]
    image: tuple[int, int]
    window: tuple[int, int, int, int] | None = None

    def to_image(self, corners: NDArray[Any]) -> NDArray[np.float64]:
        """`(n, 4)` left, top, right, bottom in the tensor's pixels as `(n, 4)` in the image's, cut at the edges of what
        the tensor shows."""
        points = self.points(corners.reshape(-1, 2, 2))
        if min(self.scale) < 0:
            points.sort(axis=1)
        low, high = ((0, 0), self.image) if self.window is None else (self.window[:2], self.window[2:])
        found: NDArray[np.float64] = points.clip(low, high).reshape(-1, 4)
        return found

    def points(self, places: NDArray[Any]) -> NDArray[np.float64]:
        """`(..., 2)` x and y in the tensor's pixels as `(..., 2)` in the image's, wherever that is."""
        found: NDArray[np.float64] = (places.astype(np.float64) - self.offset) / self.scale
        return found

    def mirrored(self, width: int) -> Placement:
        """The placement in a tensor of this width that shows the same from right to left."""
        return replace(self, scale=(-self.scale[0], self.scale[1]), offset=(width - self.offset[0], self.offset[1]))

    def within(self, window: tuple[int, int, int, int], image: tuple[int, int]) -> Placement:
        """The placement of a larger image, of which this one is the part left, top, right, bottom."""
        offset = tuple(o - at * s for o, at, s in zip(self.offset, window[:2], self.scale, strict=True))
        return replace(self, offset=(offset[0], offset[1]), image=image, window=window)


@dataclass(frozen=True)
class ImageInput:
    """An input that takes images: its name, axes, channels (1 or 3), type, and (width, height), None where that varies."""

    name: str
    layout: Literal["NCHW", "NHWC"]
    depth: int
    dtype: Literal["float32", "float16", "uint8"]
    size: tuple[int, int] | None


def image_input(info: ModelInfo, *, alone: bool = True) -> ImageInput | None:
    """A model's only input if it takes images; None for other models. Not `alone`: its only one of four axes."""
    found = [tensor for tensor in info.inputs if len(tensor.shape) == 4]
    if len(found) != 1 or (alone and len(info.inputs) != 1):
        return None
    tensor = found[0]
    for axes, channels, height, width in (("NCHW", 1, 2, 3), ("NHWC", 3, 1, 2)):
        depth, h, w = (tensor.shape[axis] for axis in (channels, height, width))
        if isinstance(depth, str) and "channel" in depth:
            depth = 3
        if depth in (1, 3) and tensor.dtype in ("float32", "float16", "uint8"):
            size = (w, h) if isinstance(w, int) and isinstance(h, int) and min(w, h) > 0 else None
            if size and max(size) > MOST_SIDE:
                raise ModelError(f"{info.path.name} takes pictures of {w}×{h}, and sides are {MOST_SIDE:,} pixels at most",
                                 hint="export the model for smaller ones")  # fmt: skip
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
    if not 0 < min(pre.size) <= max(pre.size) <= MOST_SIDE:
        return f"size is {list(pre.size)}, and sides are 1 to {MOST_SIDE:,} pixels"
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

    `read(at_least)` gives `(h, w, 3)` RGB, which may be `size` divided (rounding up) by one of `FACTORS` as long as
    it has `at_least` that (width, height); MediaError where it gives another size.
    """
    pixels = read(needed(pre, size) if size else None)
    height, width = pixels.shape[:2]
    if size is None:
        return tensor_of(pre, pixels, 1, (width, height))
    for factor in FACTORS:
        if (width, height) == (-(-size[0] // factor), -(-size[1] // factor)):
            return tensor_of(pre, pixels, factor, size)
    raise changed(name, (width, height), size)


def changed(name: str, now: tuple[int, int], was: tuple[int, int]) -> MediaError:
    """The error that an image has another (width, height) than it was registered with."""
    return MediaError(
        f"{name} is {now[0]}×{now[1]} now, but was registered as {was[0]}×{was[1]}", hint="run `trainset add` again"
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


def needed(pre: Preprocess, size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which an image must be read so that nothing is enlarged that was not small already."""
    (_, _, w, h), (_, _, to_w, to_h) = _fit(pre, *size)
    return min(size[0], -(-size[0] * to_w // w)), min(size[1], -(-size[1] * to_h // h))


def _sampling(pre: Preprocess, size: tuple[int, int], to: tuple[int, int]) -> int:
    """Detectors were trained with plain bilinear sampling; thin strokes for classifiers must not fall between pixels."""
    shrinks = to[0] < size[0] or to[1] < size[1]
    return int(cv2.INTER_AREA if shrinks and not pre.fit.startswith("letterbox") else cv2.INTER_LINEAR)


def _normalised(pre: Preprocess, part: Pixels, left: int, top: int) -> NDArray[Any]:
    """`part` at (left, top) of a padded tensor, `(c, h, w)` or `(h, w, c)`."""
    height, width = part.shape[:2]
    planes = np.empty((pre.depth, height, width), np.uint8)
    if pre.channels == "GREY":
        cv2.cvtColor(part, cv2.COLOR_RGB2GRAY, planes[0])
    else:
        cv2.split(part, list(planes if pre.channels == "RGB" else planes[::-1]))
    gain = np.float32(pre.scale) / np.asarray(pre.std, np.float32)
    bias = -np.asarray(pre.mean, np.float32) / np.asarray(pre.std, np.float32)
    gain, bias = (np.broadcast_to(each, pre.depth)[:, None, None] for each in (gain, bias))
    tensor = np.empty((pre.depth, pre.size[1], pre.size[0]), np.float32)
    if (width, height) != pre.size:
        tensor[:] = pre.pad * gain + bias
    inside = tensor[:, top : top + height, left : left + width]
    np.multiply(planes, gain, out=inside)
    if bias.any():
        np.add(inside, bias, out=inside)
    if pre.dtype == "uint8":
        tensor = tensor.round().clip(0, 255)
    ordered = tensor if pre.layout == "NCHW" else tensor.transpose(1, 2, 0)
    return np.ascontiguousarray(ordered, pre.dtype)
