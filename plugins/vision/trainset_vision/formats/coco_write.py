"""COCO files, streamed: images go to the file as they come, annotations to a spool that follows them at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import msgspec

from trainset.core.model import Annotation, Label
from trainset.errors import RecordError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Skeleton, skeleton_of
from trainset_vision.formats.coco_fields import HolesError, fields, results_of
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick, size_of, split_folder
from trainset_vision.media import geo

CAPTION = "caption"
"""The attribute of an item that holds its captions, a line each."""


class CocoExporter:
    """Writes `annotations/instances_default.json`, or `instances_<split>.json` for each split that was asked for by name;
    for keypoints `person_keypoints_….json`, where readers look for them.

    Images are placed in `images/`. Proposals and auto-accepted objects that have scores also go to a results file
    beside, `predictions_<split>.json`, and captions to `captions_<split>.json`, with the same ids.
    """

    losses = pick(LOSSES, ("types", "unusable", "item-attributes", "tracks", "notes", "states")) | {
        "size": "width and height are left out where neither the item nor its file tells them",
        "holes": "a polygon with holes is written as the mask of its pixels, and left out where `size` is not known",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; memory does not grow with them."""
        labels, skeleton = Labels(context.task), skeleton_of(context.task)
        shapes: Filter[Annotation] = Filter(_Shape, labels, self.losses)  # type: ignore[arg-type]
        kind = "person_keypoints" if context.task.type == "keypoints" else "instances"
        files: dict[str | None, _File] = {}
        with ExitStack() as stack:
            for number, row in enumerate(rows, 1):
                captions = row.attributes.get(CAPTION)
                if isinstance(captions, str):
                    others = {name: value for name, value in row.attributes.items() if name != CAPTION}
                    row = replace(row, attributes=others)  # noqa: PLW2901
                objects, lost = shapes.take(row)
                yield from lost
                size = size_of(row.item, context)
                if size is None:
                    yield Loss("size", row.item.key)
                split = row.split if context.splits else None
                if split not in files:
                    files[split] = _File(dest, kind, split, stack)
                yield from files[split].add(number, row, size, objects)
                if isinstance(captions, str):
                    files[split].describe(number, captions)
                context.place(row.item, dest / "images" / row.name)
            for file in files.values() or [_File(dest, kind, None, stack)]:
                file.finish(context.task.name, labels.listed(), skeleton)


_Shape = Box | Polygon | Mask | Keypoints


class _Array:
    """A JSON array written element by element."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.count = stream, 0
        stream.write(b"[")

    def add(self, element: Mapping[str, Any]) -> None:
        self.stream.write((b"\n" if self.count == 0 else b",\n") + msgspec.json.encode(element))
        self.count += 1

    def close(self) -> None:
        self.stream.write(b"]")


class _File:
    def __init__(self, dest: Path, kind: str, split: str | None, stack: ExitStack) -> None:
        self._folder, self._stack = dest / "annotations", stack
        self._subset = "default" if split is None else split_folder(split, "")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._out = self._open(kind)
        self._out.write(b'{"images":')
        self._images = _Array(self._out)
        self._annotations = self._spool()
        self._results: _Array | None = None
        self._described: tuple[_Array, _Array] | None = None
        self._image: dict[str, Any] = {}

    def _open(self, kind: str) -> IO[bytes]:
        return self._stack.enter_context((self._folder / f"{kind}_{self._subset}.json").open("wb"))

    def _spool(self) -> _Array:
        return _Array(self._stack.enter_context(tempfile.TemporaryFile(dir=self._folder)))

    def add(
        self, number: int, row: Labelled, size: tuple[int, int] | None, objects: Sequence[tuple[Label, Annotation]]
    ) -> Iterator[Loss]:
        """An image with its objects; `size` is its width and height."""
        self._image = {"id": number, "file_name": row.name}
        if size is not None:
            self._image |= {"width": size[0], "height": size[1]}
        self._image |= geo.told(row.item.meta)
        self._images.add(self._image)
        for label, shape in objects:
            entry = {"image_id": number, "category_id": label.index + 1}
            try:
                about = fields(shape, size and (size[1], size[0]))
            except HolesError:
                yield Loss("holes", row.item.key, shape.id)
                continue
            except RecordError as error:
                yield Loss("unusable", row.item.key, f"{shape.id}: {error.message}")
                continue
            if isinstance(shape, Polygon) and isinstance(about["segmentation"], dict):
                yield Loss("holes", row.item.key, shape.id)
            if shape.score is not None:
                about["score"] = shape.score
                if row.state in ("predicted", "auto-accepted"):
                    self._result(entry | results_of(shape, about, size and (size[1], size[0])))
            self._annotations.add({"id": self._annotations.count + 1} | entry | about | _attributes(shape))

    def describe(self, number: int, captions: str) -> None:
        """The captions of the image that was added last, a line each."""
        if self._described is None:
            out = self._open("captions")
            out.write(b'{"images":')
            self._described = _Array(out), self._spool()
        images, told = self._described
        images.add(self._image)
        for line in captions.splitlines():
            told.add({"id": told.count + 1, "image_id": number, "caption": line})

    def _result(self, entry: Mapping[str, Any]) -> None:
        if self._results is None:
            self._results = _Array(self._open("predictions"))
        self._results.add(entry)

    def finish(self, task: str, labels: Sequence[Label], skeleton: Skeleton) -> None:
        """Write what follows the images."""
        info = msgspec.json.encode({"description": task})
        categories = [
            {"id": label.index + 1, "name": label.title, "supercategory": ""} | _named(skeleton) for label in labels
        ]
        _follow(self._images, self._annotations)
        self._out.write(b',\n"categories":' + msgspec.json.encode(categories) + b',\n"info":' + info + b"}\n")
        if self._described is not None:
            _follow(*self._described)
            self._described[0].stream.write(b',\n"info":' + info + b"}\n")
        if self._results is not None:
            self._results.close()


def _follow(images: _Array, annotations: _Array) -> None:
    """Let the annotations that were spooled follow the images."""
    images.close()
    annotations.close()
    annotations.stream.seek(0)
    images.stream.write(b',\n"annotations":')
    shutil.copyfileobj(annotations.stream, images.stream)


def _named(skeleton: Skeleton) -> dict[str, Any]:
    if not skeleton.points:
        return {}
    number = {name: n for n, name in enumerate(skeleton.points, 1)}
    return {"keypoints": skeleton.points, "skeleton": [[number[a], number[b]] for a, b in skeleton.edges]}


def _attributes(shape: Annotation) -> dict[str, Any]:
    """The crowd's mark where evaluators look for it, and other attributes where Datumaro and CVAT put them."""
    crowd = shape.attributes.get("iscrowd")
    others = {
        name: value for name, value in shape.attributes.items() if name != "iscrowd" or not isinstance(value, bool)
    }
    mark = {"iscrowd": int(crowd is True)}
    return mark | {"attributes": others} if others else mark
