"""Image classifiers: one score for each class, as logits or as probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from trainset.core.model import Annotation, Class, Item, Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect
from trainset.plugins import Context, Decoded, Recognition, chunks
from trainset_vision.prelabel.adapter import ImageModel, ModelSettings, Output, class_names, declared_size, unfit
from trainset_vision.prelabel.candidates import FAINT, OTHERS, Likely
from trainset_vision.prelabel.crops import Crops, crops
from trainset_vision.prelabel.inputs import trial
from trainset_vision.prelabel.numbers import IMAGENET, sigmoid, softmax
from trainset_vision.prelabel.preprocess import ImageInput, Preprocess, image_input

Values = Literal["logits", "probabilities"]

Said = tuple[Sequence[Class], Likely]
"""The classes of an item or object, and those that are likeliest after the best one."""


class ClassifySettings(ModelSettings, kw_only=True, frozen=True):
    """`values` says what the model returns; None finds out. `score` is the least that a class needs to be proposed: by
    default 0.5 in a task with `many` classes, where each stands for itself, and 0 for the best of all otherwise.
    `margin` is what the model sees about an object, in a task on another's objects: a share of its width and height, on
    each side."""

    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    values: Values | None = None
    margin: Annotated[float, Meta(ge=0, le=10)] = 0.1


def recognise(path: Path, task: Task) -> Recognition | None:
    """A model from one image of 1 or 3 channels to one row of two or more scores; None for anything else."""
    if task.type != "classify":
        return None
    info = inspect(path)
    guess = _preprocess(info)
    count = _class_count(info)
    if guess is None or count is None:
        return None
    pre, assumption, sure = guess
    values, reason = _values(info, pre, task)
    names = class_names(info)
    if names and len(names) != count:
        raise ModelError(
            f"{path.name} contradicts itself: its metadata names {len(names)} classes, but it scores {count}",
            hint="export the model again",
        )
    fits = len(task.active) == count
    return Recognition(
        evidence=(
            f"it takes one image and returns {count} scores" + (", one for each label of the task" if fits else ""),
            assumption,
            reason,
        ),
        settings={"values": values, "preprocess": pre.table()},
        classes=names,
        class_count=count,
        confidence=1.0 if sure else 0.7 if fits else 0.5,
    )


class Classify(ImageModel):
    """A classifier of whole images, or of the objects on them where the task asks about those."""

    def __init__(self, settings: ClassifySettings, task: Task) -> None:
        self.settings = settings
        info = inspect(Path(settings.path))
        guess = _preprocess(info)
        count = _class_count(info)
        if guess is None or count is None:
            raise unfit(info, "a classifier of images")
        super().__init__(settings, guess[0])
        self.check_names(count)
        self._count = count
        self._many = task.many
        self._least = (0.5 if task.many else 0.0) if settings.score is None else settings.score
        self.values = settings.values or _values(info, self.preprocess, task)[0]

    def prepare(self, item: Item, context: Context) -> Any:
        """A tensor; `Crops`, which `infer` reads, for a task on another's objects."""
        return super().prepare(item, context) if context.task.on is None else crops(item, context, self.settings.margin)

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Run the model: each item's part of every output, or the classes of its objects by their ids."""
        plain = iter(super().infer([prepared for prepared in batch if not isinstance(prepared, Crops)]))
        return [self._seen(prepared) if isinstance(prepared, Crops) else next(plain) for prepared in batch]

    def decode(self, output: Any, item: Item) -> Sequence[Annotation]:
        """The best class with its probability, or every class from the threshold on where the task takes `many`; for each
        object by its id, in a task that asks about objects."""
        return self.decode_all(output, item).annotations

    def decode_all(self, output: Any, item: Item) -> Decoded:
        """The same, and where there is one class, those that are likeliest after it."""
        seen: Mapping[str, Said] = output if isinstance(output, dict) else {"": self._classes(output)}
        classes = [
            msgspec.structs.replace(one, id=name or one.id) for name, (found, _) in seen.items() for one in found
        ]
        return Decoded(
            classes, likely={name or "p1": others for name, (found, others) in seen.items() if found and others}
        )

    def _seen(self, objects: Crops) -> dict[str, Said]:
        """The classes of each object. Memory holds a batch of tensors at a time, whatever the number of objects."""
        found: dict[str, Said] = {}
        for some in chunks(objects.tensors(self.preprocess), max(1, self.limits.batch)):
            outputs = super().infer([prepared for _, prepared in some])
            found.update({name: self._classes(output) for (name, _), output in zip(some, outputs, strict=True)})
        return found

    def _classes(self, output: Output) -> Said:
        scores = self.sound(output[0]).reshape(-1).astype(np.float64)
        if len(scores) != self._count:
            raise ModelError(f"{self.info.path.name}: {len(scores)} scores, but {self._count} classes")
        if self.values == "logits":
            scores = sigmoid(scores) if self._many else softmax(scores)
        elif scores.min() < -1e-3 or scores.max() > 1 + 1e-3:
            raise ModelError(
                f"{self.info.path.name}: scores from {scores.min():.3g} to {scores.max():.3g} are no probabilities",
                hint='set `values = "logits"` in its settings in trainset.toml',
            )
        order = np.argsort(-scores, kind="stable")
        best, others = (order, order[:0]) if self._many else (order[:1], order[1 : 1 + OTHERS])
        found = [
            Class(id=f"p{n}", label=self.label(int(i)), score=round(float(scores[i].clip(0, 1)), 4))
            for n, i in enumerate((i for i in best if scores[i] >= self._least), 1)
        ]
        return found, [(self.label(int(i)), round(float(scores[i]), 3)) for i in others if scores[i] >= FAINT]


def _class_count(info: ModelInfo) -> int | None:
    """The scores in the only output, `(batch, n)` or `(batch, n, 1, 1)`; None for other models."""
    if len(info.outputs) != 1:
        return None
    _, *shape = info.outputs[0].shape or (1,)
    count = shape[0] if shape and all(d == 1 for d in shape[1:]) else None
    return count if isinstance(count, int) and count >= 2 else None


def _preprocess(info: ModelInfo) -> tuple[Preprocess, str, bool] | None:
    """Preprocessing, what was assumed for it, and whether the file says so itself."""
    takes = image_input(info)
    if takes is None or info.metadata.get("task", "classify") != "classify":
        return None
    size = takes.size or declared_size(info) or ((224, 224) if takes.depth == 3 else (28, 28))
    channels: Literal["RGB", "GREY"] = "RGB" if takes.depth == 3 else "GREY"
    pre = Preprocess(size=size, fit="center-crop", channels=channels, layout=takes.layout, dtype=takes.dtype)
    if "task" in info.metadata:
        return pre, "its metadata says: task classify; pixels go in as 0..1, as Ultralytics trains", True
    assumed, changes = _assumed(takes, info.producer)
    reason = f"{assumed} is assumed: the file does not say how it was trained; set `preprocess` if it was otherwise"
    return msgspec.structs.replace(pre, **changes), reason, False


def _assumed(takes: ImageInput, producer: str) -> tuple[str, dict[str, Any]]:
    """What is most usual for models that take this, and the fields of `Preprocess` that say so."""
    if takes.dtype == "uint8":
        return "bytes as they are", {"scale": 1.0}
    if takes.depth == 1 and producer == "pytorch":
        return "grey in -1..1, as is usual with PyTorch,", {"fit": "stretch", "mean": (0.5,), "std": (0.5,)}
    if takes.depth == 1:
        return "grey in 0..255", {"fit": "stretch", "scale": 1.0}
    if takes.layout == "NHWC":
        return "RGB in -1..1, as is usual with TensorFlow,", {"mean": (0.5,), "std": (0.5,)}
    return "RGB normalised by ImageNet's mean and deviation", {"mean": IMAGENET[0], "std": IMAGENET[1]}


def _values(info: ModelInfo, pre: Preprocess, task: Task) -> tuple[Values, str]:
    """What the scores are, and how that shows: in the last operator, or else in a trial run."""
    operator = info.last.get(info.outputs[0].name)
    if operator in ("Softmax", "Sigmoid"):
        return "probabilities", f"its last operator is {operator}: the scores are probabilities"
    takes = image_input(info)
    arrays = trial(info, takes, pre) if takes else None
    if arrays is None or not arrays[0].size:
        return "logits", "the scores are taken as logits"
    first = arrays[0].reshape(len(arrays[0]), -1).astype(np.float64)
    if first.min() >= 0 and np.abs(first.sum(axis=1) - 1).max() <= 1e-3:
        return "probabilities", "on an even grey picture the scores sum to 1: they are probabilities"
    squash = "a sigmoid for each" if task.many else "softmax"
    return "logits", f"on an even grey picture the scores do not sum to 1: they are logits, and {squash} follows"
