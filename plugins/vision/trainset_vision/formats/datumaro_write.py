"""Datumaro's JSON, streamed: a file a split, whose items are written as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from trainset.core.model import Annotation, Class, Label
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox, Skeleton, skeleton_of
from trainset_vision.formats import plain_shapes
from trainset_vision.formats.fitting import Size
from trainset_vision.formats.plain_shapes import plain
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick, size_of, split_folder
from trainset_vision.formats.yolo_layout import unused
from trainset_vision.media import geo

CAPTION = "caption"
"""The attribute of an item that holds its captions, a line each."""

_DEFAULT = "default"
_IMAGES = 2
"""Datumaro's number for images as the type of media."""

_RESERVED = ("score", "track_id", "rotation")

_Shape = Box | RotatedBox | Polygon | Polyline | Mask | Keypoints | Class


class DatumaroExporter:
    """Writes `annotations/<split>.json` and the images to `images/<split>`; items without a split are in `default`.

    Parts of one polygon, and keypoints and their box, are annotations of one group. Scores, tracks and the angle of turned
    boxes are the attributes `score`, `track_id` and `rotation`, as CVAT and Datumaro keep them.
    """

    losses = (
        pick(LOSSES, ("types", "unusable", "notes", "states"))
        | pick(plain_shapes.LOSSES, ("holes",))
        | {
            "size": "width and height are left out where neither the item nor its file tells them",
            "attributes": "attributes called `score`, `track_id` or `rotation` are left out, which Datumaro has a use for",
        }
    )

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; memory holds their names alone."""
        labels, skeleton = Labels(context.task), skeleton_of(context.task)
        shapes: Filter[Annotation] = Filter(_Shape, labels, self.losses)  # type: ignore[arg-type]
        (dest / "annotations").mkdir(parents=True, exist_ok=True)
        files: dict[str, _File] = {}
        with ExitStack() as stack:
            for row in rows:
                objects, lost = shapes.take(row)
                yield from (loss for loss in lost if loss.what != "attributes")
                size = size_of(row.item, context)
                if size is None:
                    yield Loss("size", row.item.key)
                ready, lost = plain(objects, row.item.key, size and (size[1], size[0]), parts=True)
                yield from lost
                subset = split_folder(row.split, _DEFAULT)
                if subset not in files:
                    path = dest / "annotations" / f"{subset}.json"
                    files[subset] = _File(stack.enter_context(path.open("wb")))
                for _, shape in ready:
                    if dropped := _taken(shape):
                        yield Loss("attributes", row.item.key, ", ".join(dropped))
                files[subset].add(row, size and (size[1], size[0]), ready)
                context.place(row.item, dest / "images" / subset / row.name)
            if not files:
                files[_DEFAULT] = _File(stack.enter_context((dest / "annotations" / f"{_DEFAULT}.json").open("wb")))
            for file in files.values():
                file.finish(labels.listed(), skeleton)


def _taken(shape: Annotation) -> list[str]:
    return [name for name in _RESERVED if shape.attributes.get(name) is not None]


def _whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0 and value != 0


class _File:
    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._ids, self._count = out, set[str](), 0
        out.write(b'{"dm_format_version":"1.0","media_type":%d,"infos":{},"items":[' % _IMAGES)

    def add(self, row: Labelled, size: Size | None, objects: Sequence[tuple[Label, Annotation]]) -> None:
        """An image with its objects."""
        id = str(PurePosixPath(row.name).with_suffix(""))
        id = id if id not in self._ids else row.name
        self._ids.add(id)
        image: dict[str, Any] = {"path": row.name} | ({} if size is None else {"size": size})
        attributes: dict[str, Any] = geo.told(row.item.meta)
        annotations = [one for n, (label, shape) in enumerate(objects, 1) for one in _annotations(n, label, shape)]
        attributes |= {
            name: value for name, value in row.attributes.items() if name != CAPTION or not isinstance(value, str)
        }
        captions = row.attributes.get(CAPTION)
        for line in captions.splitlines() if isinstance(captions, str) else ():
            annotations.append({"id": 0, "type": "caption", "attributes": {}, "group": 0, "caption": line})
        entry = {"id": id, "annotations": annotations, "attr": attributes, "image": image}
        self._out.write((b",\n" if self._count else b"\n") + msgspec.json.encode(entry))
        self._count += 1

    def finish(self, labels: Sequence[Label], skeleton: Skeleton) -> None:
        """Write what follows the items."""
        titles = {label.index: label.title for label in labels}
        names = [titles.get(index, unused(index)) for index in range(max(titles, default=-1) + 1)]
        found: dict[str, Any] = {
            "label": {
                "labels": [{"name": name, "parent": "", "attributes": []} for name in names],
                "label_groups": [],
                "attributes": [],
            }
        }
        if skeleton.points:
            number = {name: n for n, name in enumerate(skeleton.points, 1)}
            joints = [[number[a], number[b]] for a, b in skeleton.edges]
            points = [{"label_id": index, "labels": skeleton.points, "joints": joints} for index in titles]
            found["points"] = {"items": points}
        self._out.write(b'\n],"categories":' + msgspec.json.encode(found) + b"}\n")


def _annotations(number: int, label: Label, shape: Annotation) -> list[dict[str, Any]]:
    """The annotations that make an object, the `number`th of its image."""
    attributes: dict[str, Any] = {name: value for name, value in shape.attributes.items() if value is not None}
    for name in _RESERVED:
        attributes.pop(name, None)
    order = attributes.pop("z_order") if _whole(attributes.get("z_order")) else 0
    if shape.score is not None:
        attributes["score"] = shape.score
    if shape.track is not None:
        attributes["track_id"] = shape.track
    about = {"id": number, "group": 0, "label_id": label.index, "attributes": attributes}
    about["z_order"] = int(order)
    match shape:
        case Box():
            return [about | {"type": "bbox", "bbox": shape.box}]
        case RotatedBox():
            cx, cy, w, h, degrees = shape.rotated_box
            about["attributes"] = attributes | {"rotation": degrees % 360}
            return [about | {"type": "bbox", "bbox": (cx - w / 2, cy - h / 2, w, h)}]
        case Polygon():
            about["group"] = number if len(shape.polygon) > 1 else 0
            return [about | {"type": "polygon", "points": ring} for ring in shape.polygon]
        case Polyline():
            return [about | {"type": "polyline", "points": shape.polyline}]
        case Mask():
            return [about | {"type": "mask", "rle": {"counts": shape.mask.counts, "size": shape.mask.size}}]
        case Keypoints():
            places = [value for x, y, _ in shape.keypoints for value in (x, y)]
            seen = [visible for _, _, visible in shape.keypoints]
            boxed = isinstance(shape.box, tuple)
            about["group"] = number if boxed else 0
            found = [about | {"type": "points", "points": places, "visibility": seen}]
            return found + ([about | {"type": "bbox", "bbox": shape.box}] if boxed else [])
    return [{name: value for name, value in about.items() if name != "z_order"} | {"type": "label"}]
