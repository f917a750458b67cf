"""COCO files, streamed: images go to the file as they come, annotations to a spool that follows them at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec

from trainset.core.model import Label
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick, size_of, split_folder


class CocoExporter:
    """Writes `annotations/instances_default.json`, or `instances_<split>.json` for each split that was asked for by name.

    Images are placed in `images/`. Proposals and auto-accepted boxes that have scores also go to a results file
    beside, `predictions_<split>.json`, with the same ids.
    """

    losses = pick(LOSSES, ("types", "unusable", "item-attributes", "tracks", "notes", "states")) | {
        "size": "width and height are left out where neither the item nor its file tells them"
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; memory does not grow with them."""
        labels = Labels(context.task)
        boxes = Filter(Box, labels, self.losses)
        files: dict[str | None, _File] = {}
        with ExitStack() as stack:
            for number, row in enumerate(rows, 1):
                objects, lost = boxes.take(row)
                yield from lost
                size = size_of(row.item, context)
                if size is None:
                    yield Loss("size", row.item.key)
                split = row.split if context.splits else None
                if split not in files:
                    files[split] = _File(_path(dest, split), stack)
                files[split].add(number, row, size, objects)
                context.place(row.item, dest / "images" / row.name)
            for file in files.values() or [_File(_path(dest, None), stack)]:
                file.finish(context.task.name, labels.listed())


def _path(dest: Path, split: str | None) -> Path:
    return dest / "annotations" / f"instances_{'default' if split is None else split_folder(split, '')}.json"


class _Array:
    """A JSON array written element by element."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.count = stream, 0
        stream.write(b"[")

    def add(self, element: dict[str, Any]) -> None:
        self.stream.write((b"\n" if self.count == 0 else b",\n") + msgspec.json.encode(element))
        self.count += 1

    def close(self) -> None:
        self.stream.write(b"]")


class _File:
    def __init__(self, path: Path, stack: ExitStack) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._stack = path, stack
        self._out: IO[bytes] = stack.enter_context(path.open("wb"))
        self._out.write(b'{"images":')
        self._images = _Array(self._out)
        self._annotations = _Array(stack.enter_context(tempfile.TemporaryFile(dir=path.parent)))  # noqa: SIM115
        self._results: _Array | None = None

    def add(
        self, number: int, row: Labelled, size: tuple[int, int] | None, objects: Sequence[tuple[Label, Box]]
    ) -> None:
        image = {"id": number, "file_name": row.name}
        self._images.add(image if size is None else image | {"width": size[0], "height": size[1]})
        for label, box in objects:
            entry = {"image_id": number, "category_id": label.index + 1, "bbox": box.box}
            if box.score is not None:
                entry["score"] = box.score
                if row.state in ("predicted", "auto-accepted"):
                    self._result(entry)
            self._annotations.add({"id": self._annotations.count + 1} | entry | _extras(box))

    def _result(self, entry: dict[str, Any]) -> None:
        if self._results is None:
            name = self._path.name.replace("instances_", "predictions_")
            self._results = _Array(self._stack.enter_context(self._path.with_name(name).open("wb")))
        self._results.add(entry)

    def finish(self, task: str, labels: Sequence[Label]) -> None:
        self._images.close()
        self._annotations.close()
        self._out.write(b',\n"annotations":')
        self._annotations.stream.seek(0)
        shutil.copyfileobj(self._annotations.stream, self._out)
        categories = [{"id": label.index + 1, "name": label.title, "supercategory": ""} for label in labels]
        self._out.write(b',\n"categories":' + msgspec.json.encode(categories))
        self._out.write(b',\n"info":' + msgspec.json.encode({"description": task}) + b"}\n")
        if self._results is not None:
            self._results.close()


def _extras(box: Box) -> dict[str, Any]:
    """The fields that evaluators ask for, and the attributes where Datumaro and CVAT put them."""
    crowd = box.attributes.get("iscrowd")
    others = {name: value for name, value in box.attributes.items() if name != "iscrowd" or not isinstance(value, bool)}
    fields = {"area": box.box[2] * box.box[3], "iscrowd": int(crowd is True), "segmentation": []}
    return fields | {"attributes": others} if others else fields
