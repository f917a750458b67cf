"""Vectors by any ONNX model of images: CLIP's and DINO's encoders, classifiers without their head, and the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Limits, Media, Question, Recognition
from trainset_vision.prelabel.adapter import ImageModel, ModelSettings, Prepared, class_names, declared_size, unfit
from trainset_vision.prelabel.inputs import picture, trial
from trainset_vision.prelabel.numbers import IMAGENET
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess

Pooling = Literal["none", "cls", "mean"]
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and standard deviation of CLIP's training images, RGB in 0..1."""
_BEST = ("image_embeds", "embedding", "pooler", "pooled", "feature", "embed")
"""What the output that is meant for comparing is called, the most telling first."""


class OnnxSettings(ModelSettings, kw_only=True, frozen=True):
    """`output` names the output that is the vector, None where there is one. `pooling` makes a vector of what has several:
    "cls" takes the first token, "mean" the mean of all tokens, or of all places of a map."""

    output: str | None = None
    pooling: Pooling = "none"


def recognise(path: Path) -> Recognition | None:
    """A model from one image to one vector, tokens or a map of features; None for anything else."""
    info = inspect(path)
    takes = picture(info)
    if takes is None:
        return None
    pre, said = _preprocess(info, takes)
    arrays = trial(info, takes, pre)
    found = {} if arrays is None else {t.name: a[0] for t, a in zip(info.outputs, arrays, strict=True) if len(a) == 1}
    kinds = {name: kind for name, array in found.items() if (kind := _kind(array)) is not None}
    if not kinds or len(found) != len(info.outputs):
        return None
    name, questions = _output(kinds)
    kind = kinds[name]
    width = found[name].shape[0 if kind == "map" else -1] if kind != "vector" else found[name].size
    settings: dict[str, Any] = {"preprocess": pre.table()}
    if len(info.outputs) > 1:
        settings["output"] = name
    if kind == "map":
        settings["pooling"] = "mean"
    if kind == "tokens":
        text = f"the output {name!r} has {len(found[name])} tokens an image: take the first (class) token, or the mean of all?"
        questions = [*questions, Question("pooling", text, ("cls", "mean"))]
    words = {"vector": "a vector", "tokens": "tokens", "map": "a map of features"}
    return Recognition(
        evidence=(
            f"from one image it makes {words[kind]} of {width} numbers ({name})",
            f"{said} is assumed: set `preprocess` if it was trained otherwise",
        ),
        settings={k: v for k, v in settings.items() if not any(q.setting == k for q in questions)},
        questions=questions,
        confidence=_confidence(info, name),
    )


def _confidence(info: ModelInfo, output: str) -> float:
    """How sure it is that this is no classifier: those have names of classes, or end in probabilities."""
    if class_names(info) or info.last.get(output) in ("Softmax", "Sigmoid"):
        return 0.1
    return 0.9 if any(word in output.lower() for word in (*_BEST, "hidden", "token")) else 0.45


class OnnxEmbedder:
    """An image model as an `Embedder`."""

    def __init__(self, settings: OnnxSettings) -> None:
        info = inspect(Path(settings.path))
        takes = picture(info)
        if takes is None:
            raise unfit(info, "a model of images")
        self._model = ImageModel(settings, _preprocess(info, takes)[0], takes)
        self._pooling = settings.pooling
        names = [tensor.name for tensor in info.outputs]
        if settings.output is not None and settings.output not in names:
            raise ModelError(
                f"{info.path.name} has no output {settings.output!r}", hint=f"`output` is one of: {', '.join(names)}"
            )
        self._which = names.index(settings.output) if settings.output is not None else 0

    @property
    def limits(self) -> Limits:
        """Those of every image model."""
        return self._model.limits

    def providers(self) -> Sequence[str]:
        """The execution providers that run the model."""
        return self._model.providers()

    def prepare(self, item: Item, media: Media) -> Prepared:
        """The tensor. Thread-safe; MediaError names the file."""
        return self._model.tensor(item, media)

    def infer(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """`(n, d)` float32. Thread-safe; ModelError where a run fails or gives no finite vector."""
        return np.stack([self._vector(arrays) for arrays, _ in self._model.infer(batch)])

    def _vector(self, arrays: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        array = self._model.sound(list(arrays), self._which)
        kind = _kind(array)
        if kind == "tokens" and self._pooling != "none":
            return np.asarray(array[0] if self._pooling == "cls" else array.mean(axis=0), np.float32)
        if kind == "map" and self._pooling == "mean":
            return np.asarray(array.mean(axis=(1, 2)), np.float32)
        if kind == "vector":
            return np.asarray(array.ravel(), np.float32)
        raise ModelError(
            f"{self._model.info.path.name} gives {list(array.shape)} for an image, which is no vector",
            hint='set `pooling` in its settings in trainset.toml: "cls" or "mean" for tokens, "mean" for a map',
        )


def _kind(array: NDArray[Any]) -> Literal["vector", "tokens", "map"] | None:
    """What one image's part of an output is: (d) or (d, 1, 1), tokens (t, d), a map (d, h, w)."""
    if not np.issubdtype(array.dtype, np.floating) or array.size < 2:
        return None
    if sum(side > 1 for side in array.shape) == 1 and (array.ndim == 1 or array.shape[0] > 1 or array.ndim == 2):
        return "vector"
    if array.ndim == 2:
        return "tokens"
    return "map" if array.ndim == 3 and array.shape[0] >= 32 else None


def _output(kinds: Mapping[str, str]) -> tuple[str, list[Question]]:
    """The output to compare images by: the only vector, or the one whose name says so; with a question where several may."""
    for kind in ("vector", "tokens", "map"):
        names = [name for name, found in kinds.items() if found == kind]
        for word in _BEST:
            told = [name for name in names if word in name.lower()]
            if len(told) == 1:
                return told[0], []
        if len(names) == 1:
            return names[0], []
        if names:
            return names[0], [Question("output", "several outputs may be the vector", tuple(names))]
    raise ValueError("no output is a vector")


def _preprocess(info: ModelInfo, takes: ImageInput) -> tuple[Preprocess, str]:
    """How pixels go in, as is most usual for models like this, and that in words."""
    size = takes.size or declared_size(info) or (224, 224)
    pre = Preprocess(size=size, fit="center-crop", layout=takes.layout, dtype=takes.dtype)
    if takes.depth == 1:
        return structs.replace(pre, channels="GREY"), "grey in 0..1"
    if takes.dtype == "uint8":
        return structs.replace(pre, scale=1.0), "RGB in 0..255"
    named = f"{info.path.name} {info.producer} {' '.join(t.name for t in info.outputs)}".lower()
    if "clip" in named or "image_embeds" in named:
        return structs.replace(pre, mean=CLIP[0], std=CLIP[1]), "RGB normalised as for CLIP"
    if takes.layout == "NHWC":
        return structs.replace(pre, mean=(0.5,), std=(0.5,)), "RGB in -1..1"
    return structs.replace(pre, mean=IMAGENET[0], std=IMAGENET[1]), "RGB normalised by ImageNet"
