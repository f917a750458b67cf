"""LabelMe files: JSON beside each image, without the image in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainset.core.model import Annotation, Class
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox, skeleton_of
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.conversions import box_of
from trainset_vision.formats import plain_shapes
from trainset_vision.formats.fitting import Size
from trainset_vision.formats.labelme_masks import picture_of
from trainset_vision.formats.plain_shapes import plain
from trainset_vision.formats.row_masks import window
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, size_of
from trainset_vision.media import geo

_VERSION = "5.5.0"
"""LabelMe wants its own version in a file."""

_Shape = Box | RotatedBox | Polygon | Polyline | Mask | Keypoints | Class


class LabelmeExporter:
    """Writes a JSON file and the image beside it to `images/`: readers take every JSON file of a folder for one of LabelMe.

    Parts of one polygon are polygons of one group.
    """

    losses = (
        pick(LOSSES, ("types", "unusable", "item-attributes", "scores", "tracks", "notes", "states", "renamed"))
        | pick(plain_shapes.LOSSES, ("holes",))
        | {
            "attributes": "attributes of objects other than flags that are set, and the text `description`, are left out",
            "size": "width and height, and masks with them, are left out where neither the item nor its file tells them",
            "box-of-keypoints": "keypoints without a box get the one about their points, which holds their label",
            "visibility": "of points without names those that are not visible are written as visible ones",
            "splits": "splits are left out",
        }
    )

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        labels, names = Labels(context.task), skeleton_of(context.task).points
        shapes: Filter[Annotation] = Filter(_Shape, labels, self.losses, {"description": str})  # type: ignore[arg-type]
        stems, texts = Stems(), Texts()
        folder = dest / "images"
        folder.mkdir(parents=True, exist_ok=True)
        for row in rows:
            objects, lost = shapes.take(row)
            yield from (loss for loss in lost if loss.what != "attributes")
            name, lost = stems.name(row)
            yield from lost
            size = size_of(row.item, context)
            if size is None:
                yield Loss("size", row.item.key)
            if row.split is not None:
                yield Loss("splits", row.item.key, row.split)
            ready, lost = plain(objects, row.item.key, size and (size[1], size[0]), parts=True)
            yield from lost
            written: list[dict[str, Any]] = []
            flags: dict[str, bool] = {}
            for number, (label, shape) in enumerate(ready, 1):
                if isinstance(shape, Class):
                    flags[label.title] = True
                    yield from _lost_of_class(row, shape)
                    continue
                if isinstance(shape, Mask) and size is None:
                    continue
                yield from _lost(row, shape, names)
                written += _shapes(shape, label.title, number, names)
            texts.write(
                (folder / name).with_suffix(".json"),
                _document(name, size and (size[1], size[0]), written, flags, geo.told(row.item.meta)),
            )
            context.place(row.item, folder / name)


def _document(
    name: str, size: Size | None, shapes: Sequence[dict[str, Any]], flags: dict[str, bool], more: Mapping[str, Any]
) -> str:
    """The text of a file; what is `more` LabelMe keeps as it is."""
    about = {
        "version": _VERSION,
        "flags": flags,
        "shapes": shapes,
        "imagePath": Path(name).name,
        "imageData": None,
        "imageHeight": size and size[0],
        "imageWidth": size and size[1],
        **more,
    }
    return msgspec.json.format(msgspec.json.encode(about), indent=2).decode() + "\n"


def _lost_of_class(row: Labelled, shape: Class) -> Iterator[Loss]:
    if any(value is not None for value in shape.attributes.values()):
        yield Loss("attributes", row.item.key, ", ".join(shape.attributes))


def _lost(row: Labelled, shape: Annotation, names: Sequence[str]) -> Iterator[Loss]:
    kept = {name for name, value in shape.attributes.items() if value is True}
    kept |= {
        name for name, value in shape.attributes.items() if name == "description" and isinstance(value, str) and value
    }
    if dropped := [name for name, value in shape.attributes.items() if name not in kept and value is not None]:
        yield Loss("attributes", row.item.key, ", ".join(dropped))
    if isinstance(shape, Keypoints):
        if isinstance(shape.box, tuple) != bool(names):
            yield Loss("box-of-keypoints", row.item.key, shape.id)
        if not names and any(visible != 2 for _, _, visible in shape.keypoints):
            yield Loss("visibility", row.item.key, shape.id)


def _shapes(shape: Annotation, label: str, number: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """The shapes that make an object, the `number`th of its image."""
    description = shape.attributes.get("description")
    flags = {name: True for name, value in shape.attributes.items() if value is True}
    about: dict[str, Any] = {"label": label, "group_id": None, "flags": flags}
    about["description"] = description if isinstance(description, str) else ""
    match shape:
        case Box():
            return [about | _drawn("rectangle", _diagonal(shape.box))]
        case RotatedBox():
            return [about | _drawn("oriented_rectangle", corners(shape.rotated_box).ravel().tolist())]
        case Polygon():
            about["group_id"] = number if len(shape.polygon) > 1 else None
            return [about | _drawn("polygon", ring) for ring in shape.polygon]
        case Polyline():
            kind = "line" if len(shape.polyline) == 4 else "linestrip"
            return [about | _drawn(kind, shape.polyline)]
        case Mask():
            part, left, top = window(shape.mask)
            ends = (left, top, left + part.shape[1] - 1, top + part.shape[0] - 1)
            return [about | _drawn("mask", ends) | {"mask": picture_of(part)}]
        case Keypoints():
            return _keypoints(shape, about, number, names)
    return []


def _keypoints(shape: Keypoints, about: dict[str, Any], number: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """Named points as points of a group with a rectangle, others as the points of one shape."""
    if not names:
        return [about | _drawn("points", [value for x, y, _ in shape.keypoints for value in (x, y)])]
    around = shape.box if isinstance(shape.box, tuple) else box_of(shape)
    about["group_id"] = number
    found = [about | _drawn("rectangle", _diagonal(around or (0.0, 0.0, 0.0, 0.0)))]
    for name, (x, y, visible) in zip(names, shape.keypoints, strict=False):
        if visible:
            hidden = {"occluded": True} if visible == 1 else {}
            point = {"label": name, "group_id": number, "flags": hidden, "description": ""}
            found.append(point | _drawn("point", (x, y)))
    return found


def _diagonal(box: Sequence[float]) -> tuple[float, ...]:
    x, y, w, h = box
    return x, y, x + w, y + h


def _drawn(kind: str, flat: Sequence[float]) -> dict[str, Any]:
    points = [[flat[n], flat[n + 1]] for n in range(0, len(flat), 2)]
    return {"points": points, "shape_type": kind, "mask": None}
