"""Image folders of Hugging Face: a folder a split, with the images and a `metadata.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec

from trainset.core.model import Annotation, Class, Label
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box
from trainset_vision.formats.plain_shapes import plain
from trainset_vision.formats.reading import split_name
from trainset_vision.formats.writing import ANSWERED, LOSSES, Filter, Labels, pick, split_folder
from trainset_vision.media import geo


class HfImagefolderExporter:
    """Writes `<split>/metadata.jsonl` and the images beside it; items without a split are in `train`.

    Objects and labels are named, not numbered. Those of items without an answer are null.
    """

    losses = pick(LOSSES, ("types", "unusable", "attributes", "item-attributes", "tracks", "notes")) | {
        "splits": "a split of another name than train, val and test is not one to Hugging Face's loader",
        "several": "of several classes of an image, in a task that takes one, only the first is written",
        "none": "in a task that takes one class, an item that a person left without is written like one without an answer",
        "scores": "the scores of classes of the whole image are left out where there are several",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; memory does not grow with them."""
        task = context.task
        kind: type[Annotation] = Class if task.type == "classify" else Box
        shapes = Filter(kind, Labels(task), self.losses)
        files: dict[str, IO[bytes]] = {}
        with ExitStack() as stack:
            for row in rows:
                objects, lost = shapes.take(row)
                yield from (loss for loss in lost if loss.what != "scores")
                folder = split_folder(row.split, "train")
                if row.split is not None and split_name(row.split) != row.split:
                    yield Loss("splits", row.item.key, row.split)
                if folder not in files:
                    (dest / folder).mkdir(parents=True, exist_ok=True)
                    files[folder] = stack.enter_context((dest / folder / "metadata.jsonl").open("wb"))
                entry: dict[str, Any] = {"file_name": row.name} | geo.told(row.item.meta)
                if task.type == "classify":
                    yield from _lost_of_classes(row, objects, task.many)
                    entry |= _labels(row, objects, task.many)
                else:
                    ready, lost = plain(objects, row.item.key, None)
                    yield from lost
                    entry["objects"] = _objects(ready) if ready or row.state in ANSWERED else None
                files[folder].write(msgspec.json.encode(entry) + b"\n")
                context.place(row.item, dest / folder / row.name)
            if not files:
                (dest / "train").mkdir(parents=True, exist_ok=True)
                (dest / "train" / "metadata.jsonl").touch()


def _lost_of_classes(row: Labelled, given: Sequence[tuple[Label, Annotation]], many: bool) -> Iterator[Loss]:
    if not many and len(given) > 1:
        yield Loss("several", row.item.key, ", ".join(label.title for label, _ in given[1:]))
    if not many and not given and row.state in ANSWERED:
        yield Loss("none", row.item.key)
    if many and any(one.score is not None for _, one in given):
        yield Loss("scores", row.item.key)


def _labels(row: Labelled, given: Sequence[tuple[Label, Annotation]], many: bool) -> dict[str, Any]:
    """The columns of an image's classes: a list in a task that takes several."""
    if many:
        return {"labels": [label.title for label, _ in given] if given or row.state in ANSWERED else None}
    score = given[0][1].score if given else None
    return {"label": given[0][0].title if given else None} | ({} if score is None else {"score": score})


def _objects(given: Sequence[tuple[Label, Annotation]]) -> dict[str, Any]:
    """The columns of an image's objects."""
    found: dict[str, Any] = {
        "bbox": [shape.box for _, shape in given if isinstance(shape, Box)],
        "categories": [label.title for label, _ in given],
    }
    if any(shape.score is not None for _, shape in given):
        found["scores"] = [shape.score for _, shape in given]
    return found
