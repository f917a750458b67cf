"""Who writes detectors whose graph ends with the objects, and what each is known to do: pixels, corners, first label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainset.onnx import ModelInfo
from trainset_vision.prelabel.inputs import others
from trainset_vision.prelabel.numbers import IMAGENET
from trainset_vision.prelabel.preprocess import ImageInput
from trainset_vision.prelabel.roles import Roles

Corners = Literal["xyxy", "yxyx", "xywh", "cxcywh"]

_IMAGENET: Mapping[str, Any] = {"mean": IMAGENET[0], "std": IMAGENET[1]}


@dataclass(frozen=True)
class Exporter:
    """`said` is the evidence in words. `pixels` is what differs from the defaults of `Preprocess`, and `size` what a model
    with open sides gets. `first` is the label of the first class. `columns` are those of rows, `unseen` those that are
    assumed where a trial run returns none."""

    said: str
    pixels: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (640, 640)
    corners: Corners = "xyxy"
    first: int = 0
    columns: str | None = None
    unseen: str | None = None


def exporter(info: ModelInfo, takes: ImageInput, roles: Roles, *, alone: bool) -> Exporter:
    """Who wrote a file, as far as it shows. `alone`: boxes come without a batch axis."""
    names = {tensor.name.lower() for tensor in info.outputs}
    beside = {name.lower() for name in others(info, takes)}
    if beside & {"scale_factor", "im_shape"} or "paddle" in info.producer.lower():
        plain = "im_shape" in beside
        return Exporter(
            "PaddleDetection writes such files; "
            + ("RT-DETR's pixels go in as 0..1" if plain else "as PicoDet's, pixels go in normalised"),
            {"fit": "stretch", **({} if plain else _IMAGENET)},
            columns="class-score-box",
        )
    if beside:
        return Exporter("RT-DETR and D-FINE are exported so, for pixels in 0..1", {"fit": "stretch"})
    if takes.layout == "NHWC" or any("detection_" in name for name in names):
        return _tensorflow(takes, names)
    if any("num_det" in name for name in names):
        return Exporter("YOLO models with an NMS in their graph are exported so, for pixels in 0..1 in a letterbox")
    if "rows" in roles.names:
        return _rows(info, roles)
    if roles.matrix:
        return Exporter("boxes for all places come unsuppressed", {"fit": "stretch"})
    if {"dets", "labels"} <= names:
        pixels = {"fit": "letterbox-top-left", "pad": 0, **_IMAGENET}
        return Exporter("MMDeploy writes such files, for normalised pixels", pixels, (800, 800))
    if alone:
        pixels = {"fit": "letterbox-top-left", "pad": 0}
        return Exporter(
            "torchvision's detectors are exported so: pixels in 0..1, label 0 is background",
            pixels,
            (800, 800),
            first=1,
        )
    return Exporter("pixels in 0..1 are assumed", {"fit": "letterbox-top-left", "pad": 0})


def _tensorflow(takes: ImageInput, names: set[str]) -> Exporter:
    lite = any("postprocess" in name for name in names)
    plain: dict[str, Any] = {"scale": 1.0} if takes.dtype == "uint8" else {"mean": (0.5,), "std": (0.5,)}
    return Exporter(
        "TensorFlow's detectors are exported so: top before left, "
        + f"labels from {0 if lite else 1}, "
        + ("bytes as they are" if takes.dtype == "uint8" else "pixels in -1..1"),
        {"fit": "stretch", **plain},
        corners="yxyx",
        first=0 if lite else 1,
    )


def _rows(info: ModelInfo, roles: Roles) -> Exporter:
    shape = next(tensor.shape for tensor in info.outputs if tensor.name == roles.names["rows"])
    if len(shape) == 4:
        return Exporter(
            "SSD's DetectionOutput writes such rows: label 0 is background, BGR bytes go in",
            {"fit": "stretch", "channels": "BGR", "scale": 1.0},
            first=1,
            columns="batch-class-score-box",
        )
    return Exporter(
        "YOLO models with an NMS in their graph are exported so, for pixels in 0..1 in a letterbox",
        unseen="batch-box-class-score",
    )
