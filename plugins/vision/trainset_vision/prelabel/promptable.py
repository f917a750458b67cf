"""Promptable segmentation: what a box or a point shows on an image becomes a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, structs
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item, Task
from trainset.errors import ModelError
from trainset.onnx import ModelInfo, inspect, model_digest
from trainset.plugins import Context, Limits, Question, Recognition
from trainset_vision.annotations import Keypoints
from trainset_vision.conversions import box_of
from trainset_vision.prelabel.adapter import ImageModel, ModelSettings, Prepared, unfit
from trainset_vision.prelabel.candidates import Candidates
from trainset_vision.prelabel.inputs import picture
from trainset_vision.prelabel.masks import Masks
from trainset_vision.prelabel.numbers import IMAGENET
from trainset_vision.prelabel.pasted import laid
from trainset_vision.prelabel.preprocess import ImageInput, Placement, Preprocess
from trainset_vision.prelabel.promptable_decoder import Decoder, Seen, images_of, is_decoder, wiring
from trainset_vision.prelabel.shapes import Boxes

SIDE = 1024
"""The side of the pictures that these models are trained on."""

_TASKS = ("mask", "polygon", "box")


class SamSettings(ModelSettings, kw_only=True, frozen=True):
    """`decoder` is the file of the second half, in the encoder's folder, and `decoder-digest` what it was when it was added;
    `tolerance` is by how many pixels outlines may be simplified."""

    decoder: str
    decoder_digest: str | None = None
    tolerance: Annotated[float, Meta(ge=0)] = 1.0


def recognise(path: Path, task: Task) -> Recognition | None:
    """An encoder whose decoder lies beside it; None for anything else. ModelError for a decoder, which says what to add."""
    if task.type not in _TASKS:
        return None
    info = inspect(path)
    if is_decoder(info):
        raise ModelError(
            f"{path.name} is the second half of a promptable model: it takes {', '.join(t.name for t in images_of(info))}",
            hint="add the encoder, and leave this file in its folder",
        )
    takes = picture(info)
    if takes is None or not any("embed" in tensor.name.lower() for tensor in info.outputs):
        return None
    found = _decoders(path, info)
    pre, said = _preprocess(takes, info)
    if not found and not any(len(t.shape) == 4 and t.shape[1] == 256 for t in info.outputs):
        return None
    settings: dict[str, Any] = {"preprocess": pre.table()}
    questions: tuple[Question, ...] = ()
    if len(found) == 1:
        settings |= {"decoder": found[0].name, "decoder-digest": model_digest(found[0])}
    else:
        text = "which file of its folder is its decoder, the model that takes points and their labels?"
        questions = (Question("decoder", text, tuple(p.name for p in found) or ("FILE.onnx",)),)
    return Recognition(
        evidence=(
            f"it is the encoder of a promptable model: it returns {', '.join(t.name for t in info.outputs)}",
            f"its decoder is {found[0].name}" if len(found) == 1 else "its decoder is to be named",
            said,
            *(
                ("its decoder knows points only: boxes go in by their centres",)
                if found and _points_only(found[0])
                else ()
            ),
            "it proposes a mask for each box or point: name the task, model or run that they are of as `prompts` of the model",
        ),
        settings=settings,
        questions=questions,
        classes=tuple(label.id for label in task.active),
        confidence=0.95,
    )


class Sam(ImageModel):
    """An encoder and its decoder as a `Promptable`."""

    def __init__(self, settings: SamSettings, task: Task) -> None:
        info = inspect(Path(settings.path))
        takes = picture(info)
        if takes is None or task.type not in _TASKS:
            raise unfit(info, "the encoder of a promptable model for a task of masks, polygons or boxes")
        super().__init__(settings, _preprocess(takes, info)[0], takes)
        place = info.path.parent / settings.decoder
        if place.parent != info.path.parent:
            raise ModelError(f"decoder {settings.decoder!r} leads out of the folder of {info.path.name}",
                             hint="it is the name of a file in the encoder's folder")  # fmt: skip
        if settings.decoder_digest not in (None, model_digest(place)):
            raise ModelError(f"{place} is not the decoder that the model was added with", hint="add the model again")
        self._decoder = Decoder(place, settings.providers, self.preprocess.size)
        found = wiring(info, self._decoder.info)
        if found is None:
            raise ModelError(
                f"{place.name} and {info.path.name} are no pair: it takes {', '.join(t.name for t in images_of(self._decoder.info))}",
                hint="set `decoder` to the file that was exported with this encoder",
            )
        self._wiring: Mapping[str, str] = found
        self._shapes = Masks(self.preprocess.size, 0, settings.tolerance if task.type == "polygon" else None)
        self._boxes = task.type == "box"

    @property
    def limits(self) -> Limits:
        """One image at a time: its encoding takes seconds and a lot of memory."""
        return replace(super().limits, batch=1)

    def prepare(self, item: Item, context: Context) -> Prepared:
        """The tensor; what the image leaves free of it is 0 after normalisation. Thread-safe; MediaError names the file."""
        tensor, placement = super().prepare(item, context)
        width, height = _content(placement, self.preprocess.size)
        if self.preprocess.layout == "NCHW":
            tensor[:, height:], tensor[:, :, width:] = 0, 0
            return tensor, placement
        free = self.takes.size is None
        return (tensor[:height, :width] if free else tensor), placement

    def infer(self, batch: Sequence[Prepared]) -> Sequence[Any]:
        """What `encode` makes of each. Thread-safe; ModelError where a run fails."""
        return [self.encode(prepared) for prepared in batch]

    def encode(self, prepared: Prepared) -> Encoded:
        """What the decoder needs to know of the image."""
        tensor, placement = prepared
        arrays = self.session.run(self.feeds(tensor[None]))
        named = {t.name: self.sound(arrays, n) for n, t in enumerate(self.info.outputs)}
        return Encoded({wanted: named[given] for wanted, given in self._wiring.items()}, placement)

    def prompt(self, encoded: Encoded, prompts: Sequence[Annotation]) -> Sequence[Annotation]:
        """A mask or polygon, or the box about the mask, for each object that is shown: by a box (of any annotation with a place), or by keypoints, of
        which visible ones lie on it and hidden ones beside it. Its score is the model's own estimate of the IoU."""
        objects: dict[str, list[Annotation]] = {}
        for n, one in enumerate(prompts):
            objects.setdefault(one.id or f"\0{n}", []).append(one)
        found = []
        for some in objects.values():
            points, labels = _points(some)
            if len(labels):
                annotation = self._one(encoded, points, labels, some[0])
                found += [annotation] if annotation is not None else []
        return found

    def decode(self, output: Any, item: Item) -> Sequence[Annotation]:
        """Nothing: without prompts there is nothing to say."""
        return ()

    def _one(
        self, encoded: Encoded, points: NDArray[np.float64], labels: NDArray[np.int64], shown: Annotation
    ) -> Annotation | None:
        place = encoded.placement
        width, height = place.image
        inside = points.clip(0, (width, height)) * place.scale + place.offset
        seen = self._decoder.mask(encoded.images, inside, labels, _content(place, self.preprocess.size))
        corners = _extent(seen)
        if corners is None:
            return None
        score = None if np.isnan(seen.score) else round(min(1.0, max(0.0, seen.score)), 4)
        one = Candidates(corners[None], np.ones(1), np.zeros(1, int))
        put = laid(one, seen.logits, (0.0, 0.0, seen.right, seen.bottom), place)
        common = {"id": shown.id, "label": shown.label, "score": score}
        left, top, right, bottom = put.corners[0].tolist()
        extra: Any = put.extra
        if self._boxes:
            crop = extra[0].trimmed()
            return None if crop is None else Boxes().annotation(crop.part, None, place.image, common)
        return self._shapes.annotation((left, top, right, bottom), extra[0], place.image, common)


@dataclass(frozen=True)
class Encoded:
    """What a decoder is told of an image, by its inputs' names, and where the image lies in the tensor."""

    images: Mapping[str, NDArray[Any]]
    placement: Placement


def _points(prompts: Sequence[Annotation]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Places `(n, 2)` in the image's pixels that show one object, and their labels as decoders know them."""
    points: list[tuple[float, float]] = []
    labels: list[int] = []
    for one in prompts:
        if isinstance(one, Keypoints):
            placed = [(x, y, v) for x, y, v in one.keypoints if v]
            points += [(x, y) for x, y, _ in placed]
            labels += [int(v == 2) for _, _, v in placed]
        elif (box := box_of(one)) is not None:
            x, y, w, h = box
            points += [(x, y), (x + w, y + h)]
            labels += [2, 3]
    return np.array(points, np.float64).reshape(-1, 2), np.array(labels, np.int64)


def _content(placement: Placement, size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) of the tensor's top left part that shows the image."""
    sides = (round(n * s) for n, s in zip(placement.image, placement.scale, strict=True))
    width, height = (min(full, max(1, n)) for full, n in zip(size, sides, strict=True))
    return width, height


def _extent(seen: Seen) -> NDArray[np.float64] | None:
    """Left, top, right, bottom in the tensor's pixels that the mask surely lies within; None where there is no mask."""
    rows, columns = np.flatnonzero((seen.logits > 0).any(axis=1)), np.flatnonzero((seen.logits > 0).any(axis=0))
    if not len(rows):
        return None
    x, y = seen.right / seen.logits.shape[1], seen.bottom / seen.logits.shape[0]
    return np.array([(columns[0] - 1) * x, (rows[0] - 1) * y, (columns[-1] + 2) * x, (rows[-1] + 2) * y])


def _decoders(path: Path, info: ModelInfo) -> list[Path]:
    """The models of a folder that this encoder's outputs fit: of several, those whose names are most like its own."""
    found = []
    for other in sorted(path.parent.glob("*.onnx")):
        if other.name == path.name:
            continue
        try:
            told = inspect(other)
        except ModelError:  # something else that lies there
            continue
        if is_decoder(told) and wiring(info, told) is not None:
            found.append(other)
    stem = path.stem.lower().replace("encoder", "decoder")
    return [p for p in found if p.stem.lower() == stem] or found


def _points_only(decoder: Path) -> bool:
    return any(tensor.name == "input_points" for tensor in inspect(decoder).inputs)


def _preprocess(takes: ImageInput, info: ModelInfo) -> tuple[Preprocess, str]:
    """How pixels go in, and that in words."""
    several = any(name.startswith("high_res") for name in (t.name for t in info.outputs))
    fit = "stretch" if several else "letterbox-top-left"
    how = "stretched to" if several else "with its longest side at"
    pre = Preprocess(size=takes.size or (SIDE, SIDE), fit=fit, layout=takes.layout, dtype=takes.dtype, pad=0)  # type: ignore[arg-type]
    side = max(pre.size)
    if takes.dtype == "uint8" or takes.layout == "NHWC":
        return structs.replace(pre, scale=1.0), f"RGB in 0..255, {how} {side}, is assumed: set `preprocess` otherwise"
    said = f"RGB normalised by ImageNet, {how} {side}, is assumed: set `preprocess` otherwise"
    return structs.replace(pre, mean=IMAGENET[0], std=IMAGENET[1]), said
