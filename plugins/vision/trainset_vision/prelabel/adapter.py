"""What all ONNX adapters for images share: a session, preprocessing, batches, and checks of what comes out."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, Session
from trainset.plugins import Context, Limits, Media
from trainset_vision.media.items import read_item
from trainset_vision.prelabel.inputs import Arrays, batched, feeds
from trainset_vision.prelabel.preprocess import (
    MOST_SIDE,
    ImageInput,
    Placement,
    Preprocess,
    image_input,
    load_tensor,
    override,
)

GPU_BATCH = 8
MOST_CLASSES = 1_000_000
_cores = getattr(os, "process_cpu_count", os.cpu_count)
Prepared = tuple[NDArray[Any], Placement]
Output = tuple[Arrays, Placement]


class ModelSettings(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    """Settings of every model: its file, where it runs, class names, and what differs from the preprocessing found.

    `names` replace the class names that the file has; `preprocess` may hold any field of `Preprocess`.
    """

    path: str
    providers: tuple[str, ...] = ("cpu",)
    names: tuple[str, ...] | None = None
    preprocess: dict[str, Any] = {}


class ImageModel:
    """An image model as a `Prelabeler`, all but `decode`."""

    def __init__(self, settings: ModelSettings, default: Preprocess, takes: ImageInput | None = None) -> None:
        """`takes` is the input for images, where the model has others beside it."""
        self.session = Session(Path(settings.path), settings.providers)
        self.info = self.session.info
        if (takes := takes or image_input(self.info)) is None:
            raise unfit(self.info, "a model of images")
        self.takes = takes
        self.batch = self.session.batch if batched(self.info, takes) else 1
        self.preprocess = override(default, settings.preprocess, takes, self.info.path.name)
        self.names = settings.names or class_names(self.info)

    @property
    def limits(self) -> Limits:
        """One image a run on a CPU, where batches gain nothing; several on anything else, if the model allows it."""
        cpu_only = set(self.session.providers) == {"CPUExecutionProvider"}
        batch = self.batch or (1 if cpu_only else GPU_BATCH)
        width, height = self.preprocess.size
        return Limits(batch=batch, concurrency=_cores() or 1, bytes_per_item=48 * width * height)

    def providers(self) -> Sequence[str]:
        """The execution providers that run the model."""
        return self.session.providers

    def prepare(self, item: Item, context: Context) -> Prepared:
        """Read an image, no larger than needed, and make the tensor. Thread-safe; MediaError names the file."""
        return self.tensor(item, context.media)

    def tensor(self, item: Item, media: Media) -> Prepared:
        """The same, which asks for nothing but the media."""
        path = media.path(item)
        width, height = item.meta.get("width"), item.meta.get("height")
        size = (int(width), int(height)) if width and height else None
        return load_tensor(self.preprocess, lambda least: read_item(path, item, least), size, str(path))

    def infer(self, batch: Sequence[Prepared]) -> Sequence[Output]:
        """Run the model: each item's part of every output. Thread-safe; ModelError where a run fails."""
        size = self.batch or max(1, len(batch))
        return [output for at in range(0, len(batch), size) for output in self._run(batch[at : at + size])]

    def _run(self, batch: Sequence[Prepared]) -> list[Output]:
        tensors = [tensor for tensor, _ in batch]
        size = self.batch or len(tensors)
        padding = [np.zeros_like(tensors[0])] * (size - len(tensors))
        stacked = tensors[0][None] if size == 1 else np.stack(tensors + padding)  # a copy of one would gain nothing
        placements = [placement for _, placement in batch]
        parts = self.parts(self.session.run(self.feeds(stacked)), size)
        return list(zip(parts, placements, strict=False))

    def feeds(self, stacked: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What goes into the model for a batch of tensors: they, and what else it takes."""
        return feeds(self.info, self.takes, stacked)

    def parts(self, arrays: Arrays, size: int) -> list[Arrays]:
        """Each item's part of every output of a batch of this size; ModelError where an output has no such axis.

        A model whose outputs have no batch axis overrides this.
        """
        for tensor, array in zip(self.info.outputs, arrays, strict=True):
            if array.ndim == 0 or len(array) != size:
                raise ModelError(
                    f"{self.info.path.name}: output {tensor.name!r} has shape {list(array.shape)} for a batch of {size}",
                    hint="export the model with a fixed batch of 1",
                )
        return [[array[i] for array in arrays] for i in range(size)]

    def sound(self, arrays: Arrays, which: int = 0) -> NDArray[Any]:
        """One output of one item, in floats of at least 32 bits; ModelError where they are not finite."""
        found = arrays[which].astype(np.float32) if arrays[which].dtype == np.float16 else arrays[which]
        if not np.isfinite(found).all():
            raise ModelError(
                f"{self.info.path.name}: output {self.info.outputs[which].name!r} has NaN or infinite values",
                hint="check `preprocess`, or export the model in float32",
            )
        return found

    def check_names(self, count: int) -> None:
        """ModelError where the model scores another number of classes than there are names."""
        if self.names and len(self.names) != count:
            raise ModelError(
                f"{self.info.path.name} scores {count} classes, but has {len(self.names)} class names",
                hint="list all class names, in the model's order, as `names` in its settings in trainset.toml",
            )

    def label(self, index: int) -> str:
        """The name of a class, or its number where there are no names; ModelError for a class that does not exist."""
        if not self.names:
            return str(index)
        if not 0 <= index < len(self.names):
            raise ModelError(
                f"{self.info.path.name} predicts class {index}, but has {len(self.names)} class names",
                hint="list all class names, in the model's order, as `names` in its settings in trainset.toml",
            )
        return self.names[index]


def class_names(info: ModelInfo) -> tuple[str, ...] | None:
    """The class names in a model's metadata, a list or a table by number under `names`, `labels` or `classes`.

    A number that the table leaves out has itself for a name.
    """
    for key in ("names", "labels", "classes"):
        found = literal(info.metadata.get(key, ""))
        if isinstance(found, Mapping):
            numbered = {int(k): v for k, v in found.items() if str(k).isdecimal()}
            size = max(numbered, default=-1) + 1
            found = [numbered.get(i, str(i)) for i in range(size)] if size <= MOST_CLASSES else None
        if isinstance(found, list | tuple) and found and all(isinstance(name, str) for name in found):
            return tuple(found)
    return None


def declared_size(info: ModelInfo) -> tuple[int, int] | None:
    """The (width, height) that Ultralytics' tools write into the metadata as `imgsz`, None where they did not.

    ModelError for a size that no picture is made to.
    """
    found = literal(info.metadata.get("imgsz", ""))
    if isinstance(found, list | tuple) and len(found) == 2 and all(isinstance(n, int) for n in found):
        if not 0 < min(found) <= max(found) <= MOST_SIDE:
            raise ModelError(
                f"{info.path.name}: its metadata gives the input size {str(found)[:80]}, and sides are 1 to {MOST_SIDE:,} pixels",
                hint="export the model again",
            )
        return found[1], found[0]
    return None


def unfit(info: ModelInfo, what: str) -> ModelError:
    """The error that a model is not `what` an adapter needs."""
    sides = (", ".join(f"{t.name} {list(t.shape)}" for t in side) for side in (info.inputs, info.outputs))
    task = f", task {info.metadata['task']}" if "task" in info.metadata else ""
    return ModelError(
        f"{info.path.name} is not {what}: {' → '.join(sides)}{task}",
        hint="`trainset model add` says which adapter fits a model",
    )


def literal(text: str) -> Any:
    """A Python or JSON literal, None where it is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
