"""Label Studio's JSON: a task an item, with percent of its image; streamed, as a list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from trainset.core.model import Annotation, AttributeValue, Class, Label
from trainset.errors import RecordError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox, skeleton_of
from trainset_vision.conversions import box_of
from trainset_vision.formats import plain_shapes
from trainset_vision.formats.fitting import Size
from trainset_vision.formats.label_studio_brush import MAX_PIXELS, encode
from trainset_vision.formats.plain_shapes import plain
from trainset_vision.formats.writing import ANSWERED, LOSSES, Filter, Labels, pick, size_of
from trainset_vision.media import geo

_Shape = Box | RotatedBox | Polygon | Polyline | Mask | Keypoints | Class


class LabelStudioExporter:
    """Writes `tasks.json`, and the images to `images/`, where its addresses look for them (`/data/local-files/?d=images/…`).

    What a model proposes is a prediction, an answer an annotation; an item without an answer has neither.
    """

    losses = (
        pick(LOSSES, ("types", "unusable", "item-attributes", "tracks", "notes"))
        | pick(plain_shapes.LOSSES, ("rings", "visibility"))
        | {
            "size": "items with objects whose width and height are not known are left out",
            "box-of-keypoints": "keypoints without a box get the one about their points, which holds their label",
            "attributes": "attributes of classes of the whole image are left out",
            "splits": "splits are left out",
        }
    )

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; memory does not grow with them."""
        labels, names = Labels(context.task), skeleton_of(context.task).points
        shapes: Filter[Annotation] = Filter(_Shape, labels, self.losses)  # type: ignore[arg-type]
        dest.mkdir(parents=True, exist_ok=True)
        with (dest / "tasks.json").open("wb") as out:
            out.write(b"[")
            count = 0
            for row in rows:
                objects, lost = shapes.take(row)
                yield from (loss for loss in lost if loss.what != "attributes")
                size = size_of(row.item, context)
                if size is None and any(not isinstance(shape, Class) for _, shape in objects):
                    yield Loss("size", row.item.key)
                    continue
                if row.split is not None:
                    yield Loss("splits", row.item.key, row.split)
                ready, lost = plain(objects, row.item.key, size and (size[1], size[0]))
                yield from lost
                results: list[dict[str, Any]] = []
                for label, shape in ready:
                    yield from _lost(row, shape, names)
                    try:
                        results += _Region(
                            context.task.name, len(results) + 1, label, size and (size[1], size[0]), names
                        ).of(shape)
                    except RecordError as error:
                        yield Loss("unusable", row.item.key, f"{shape.id}: {error.message}")
                count += 1
                out.write((b"\n" if count == 1 else b",\n") + msgspec.json.encode(_task(row, count, results)))
                context.place(row.item, dest / "images" / row.name)
            out.write(b"\n]\n")


def _task(row: Labelled, number: int, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    data = {"image": f"/data/local-files/?d={quote(f'images/{row.name}')}"} | geo.told(row.item.meta)
    task: dict[str, Any] = {"id": number, "data": data}
    about: dict[str, Any] = {"result": results}
    answered = row.state in ANSWERED
    task["annotations"] = [about | {"was_cancelled": False, "ground_truth": False}] if answered else []
    task["predictions"] = (
        [about | {"model_version": "trainset"}] if not answered and (results or row.state == "predicted") else []
    )
    return task


def _lost(row: Labelled, shape: Annotation, names: Sequence[str]) -> Iterator[Loss]:
    if isinstance(shape, Class) and any(value is not None for value in shape.attributes.values()):
        yield Loss("attributes", row.item.key, ", ".join(shape.attributes))
    if isinstance(shape, Keypoints):
        if not isinstance(shape.box, tuple):
            yield Loss("box-of-keypoints", row.item.key, shape.id)
        if any(visible == 1 or (visible == 0 and not names) for _, _, visible in shape.keypoints):
            yield Loss("visibility", row.item.key, shape.id)


class _Region:
    """The results of one object."""

    def __init__(self, task: str, number: int, label: Label, size: Size | None, names: Sequence[str]) -> None:
        self._task = task
        self._id, self._label, self._names = f"r{number}", label.title, names
        self._size = size or (100, 100)
        self._about: dict[str, Any] = {"to_name": "image", "origin": "manual"}
        if size is not None:
            self._about |= {"original_width": size[1], "original_height": size[0], "image_rotation": 0}

    def of(self, shape: Annotation) -> list[dict[str, Any]]:
        """The results that make the object. RecordError where its mask cannot be packed."""
        found = self._shape(shape)
        if shape.score is not None:
            found[0]["score"] = shape.score
        about = {name: found[0]["value"][name] for name in ("x", "y", "width", "height") if name in found[0]["value"]}
        attributes = {} if isinstance(shape, Class) else shape.attributes
        for name, value in attributes.items():
            if value is not None:
                kind, said = _answer(value)
                found.append(self._about | {"id": self._id, "from_name": name, "type": kind, "value": about | said})
        return found

    def _result(self, kind: str, value: dict[str, Any], id: str = "", label: str = "") -> dict[str, Any]:
        about = {"id": id or self._id, "from_name": self._task, "type": kind}
        return self._about | about | {"value": value | {kind: [label or self._label]}}

    def _shape(self, shape: Annotation) -> list[dict[str, Any]]:
        match shape:
            case Box():
                x, y, w, h = shape.box
                return [self._box(x, y, w, h, 0.0)]
            case RotatedBox():
                cx, cy, w, h, degrees = shape.rotated_box
                cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
                return [self._box(cx - (w * cos - h * sin) / 2, cy - (w * sin + h * cos) / 2, w, h, degrees % 360)]
            case Polygon():
                return [self._result("polygonlabels", {"points": self._points(shape.polygon[0]), "closed": True})]
            case Polyline():
                return [self._result("polygonlabels", {"points": self._points(shape.polyline), "closed": False})]
            case Mask():
                if self._size[0] * self._size[1] > MAX_PIXELS:
                    raise RecordError("the image is too large for a mask of Label Studio")
                return [self._result("brushlabels", {"format": "rle", "rle": encode(shape.mask)})]
            case Keypoints():
                return self._keypoints(shape)
        return [self._result("choices", {})]

    def _keypoints(self, shape: Keypoints) -> list[dict[str, Any]]:
        around = shape.box if isinstance(shape.box, tuple) else box_of(shape)
        if around is None:
            raise RecordError("none of its points is labelled")
        names = self._names or [str(n + 1) for n in range(len(shape.keypoints))]
        found = [self._box(*around, 0.0)]
        for n, (name, (x, y, visible)) in enumerate(zip(names, shape.keypoints, strict=False), 1):
            if visible:
                value = {"x": self._across(x), "y": self._down(y), "width": 0.5}
                point = self._result("keypointlabels", value, f"{self._id}-{n}", name)
                found.append(point | {"from_name": f"{self._task}-points", "parentID": self._id})
        return found

    def _box(self, x: float, y: float, w: float, h: float, degrees: float) -> dict[str, Any]:
        value = {"x": self._across(x), "y": self._down(y), "width": self._across(w), "height": self._down(h)}
        return self._result("rectanglelabels", value | {"rotation": degrees})

    def _points(self, flat: Sequence[float]) -> list[list[float]]:
        return [[self._across(flat[n]), self._down(flat[n + 1])] for n in range(0, len(flat), 2)]

    def _across(self, pixels: float) -> float:
        return pixels / self._size[1] * 100

    def _down(self, pixels: float) -> float:
        return pixels / self._size[0] * 100


def _answer(value: AttributeValue) -> tuple[str, dict[str, Any]]:
    """The type and the value of an answer about a region."""
    if isinstance(value, bool):
        return "choices", {"choices": [str(value).lower()]}
    if isinstance(value, str):
        return "textarea", {"text": [value]}
    return "number", {"number": value}
