"""YOLO labels as Ultralytics lays them out: a `data.yaml`, images, and a text file of rows for each (see `yolo_rows`)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from trainset.core.model import Annotation, Item, Task
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.formats.reading import Tally, match, read_text, size_in_meta, size_of_file, with_suffixes
from trainset_vision.formats.shapes import Unfit
from trainset_vision.formats.yolo_layout import (
    Layout,
    Picture,
    class_names,
    describes,
    find_darknet,
    find_layout,
    keypoints,
    label_files,
    looks_like_labels,
    split_of,
    unused,
)
from trainset_vision.formats.yolo_rows import BadRow, Rows
from trainset_vision.formats.yolo_write import YoloExporter

__all__ = ["YoloExporter", "YoloImporter"]


class YoloImporter:
    """Reads a `data.yaml`, the folder of one, or a bare folder of label files."""

    def sniff(self, src: Path) -> Recognition | None:
        """A YAML file with class names, an `obj.data`, or text files of box lines."""
        if found := describes(src):
            return Recognition(evidence=[f"{found[0].name} lists class names and splits"])
        if (darknet := find_darknet(src)) is not None:
            return Recognition(evidence=[f"{darknet.name} names a list of classes and lists of images, for Darknet"])
        if src.is_dir():
            folder = src / "labels" if (src / "labels").is_dir() else src
            if (label := next((p for p in label_files(folder) if looks_like_labels(p)), None)) is not None:
                return Recognition(
                    evidence=[f"{label.name} has lines of a class and four fractions or more"], confidence=0.8
                )
        return None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The classes of the file that lists them, in its order; none where no file does."""
        names = class_names(src) or {}
        return [(number, name) for number, name in names.items() if name != unused(number)]

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """The keypoints' names and the pairs that change places in a mirrored image, where `data.yaml` has them."""
        described = keypoints(src) if task.type == "keypoints" else None
        if described is None:
            return {}
        return {"points": list(described.names)} | ({"flip": described.flip} if described.flip else {})

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each image. Where no file names the classes, numbers are the task's export indices."""
        layout = find_layout(src)
        yield from layout.problems
        names = layout.names
        if names is None:
            names = {label.index: label.title for label in context.task.labels}
            if not names:
                raise TrainsetError(
                    f"{src}: no file says what the class numbers mean",
                    hint="add a data.yaml or a classes.txt, or give the task its labels first",
                )
        reader = _Reader(layout, names, src, context)
        taken: set[str] = set()
        for picture in layout.pictures():
            if isinstance(picture, Problem):
                yield picture
                continue
            taken.add(str(picture.label))
            yield from reader.picture(picture)
        yield from reader.orphans(taken)
        yield from reader.tally.problems(layout.where)


class _Reader:
    def __init__(self, layout: Layout, names: Mapping[int, str], src: Path, context: ImportContext) -> None:
        self.tally = Tally()
        self._layout, self._context = layout, context
        described = keypoints(src)
        self._rows = Rows(context.task, names, described.shape if described else None, self.tally)

    def picture(self, picture: Picture) -> Iterator[Imported | Problem]:
        """The item of an image that is on disk or in the dataset."""
        name, item = match(self._context, picture.names)
        path = picture.path if picture.path.is_file() else None
        if path is None and item is None:
            self.tally.add("images are listed but not there", str(picture.path))
        elif picture.label.is_file():
            yield from self._labelled(name, item, path, picture.label, picture.split)
        elif self._layout.declared:
            message = "images have no label file: nothing is on them, as Ultralytics understands it"
            self.tally.add(message, name, note=True)
            yield Imported(name=name, annotations=(), path=path, split=picture.split)
        else:
            self.tally.add("images have no label file and are left out", name)

    def orphans(self, taken: set[str]) -> Iterator[Imported | Problem]:
        """Items of label files that have no image beside them; the dataset may have it elsewhere."""
        for source in self._layout.sources:
            for label in label_files(source.labels) if source.labels else ():
                if str(label) in taken:
                    continue
                taken.add(str(label))
                below = label.relative_to(source.labels or label.parent)
                stem = below.with_suffix("").as_posix()
                stems = dict.fromkeys((stem, stem.partition("/")[2], below.stem))
                _, item = match(self._context, (n for s in stems if s for n in with_suffixes(s)))
                if item is None:
                    yield Problem(str(label), "no image goes with this label file")
                else:
                    name = stem + PurePosixPath(item.path()).suffix
                    yield from self._labelled(name, item, None, label, source.split or split_of(below))

    def _labelled(
        self, name: str, item: Item | None, path: Path | None, label: Path, split: str | None
    ) -> Iterator[Imported | Problem]:
        size = size_in_meta(item.meta) if item is not None else None
        if size is None and path is not None:
            size = size_of_file(path)
        if size is None:
            yield Problem(str(label), f"the size of {name} is not known: its objects cannot be placed")
            return
        try:
            lines = [(n, line) for n, line in enumerate(read_text(label).splitlines(), 1) if line.strip()]
        except TrainsetError as error:
            yield Problem(str(label), error.message.removeprefix(f"{label}: "))
            return
        found = yield from self._annotations(lines, label, size)
        if found or not lines:
            meta = {"width": size[0], "height": size[1]}
            yield Imported(name=name, annotations=found, path=path, meta=meta, split=split)
        else:
            self.tally.add("images are left out, since none of their lines can be read", name)

    def _annotations(
        self, lines: Sequence[tuple[int, str]], label: Path, size: tuple[int, int]
    ) -> Generator[Problem, None, list[Annotation]]:
        found = []
        for number, line in lines:
            where = f"{label}:{number}"
            try:
                found.append(self._rows.read([float(part) for part in line.split()], size, where))
            except ValueError:
                yield Problem(where, "not a line of numbers")
            except BadRow as error:
                yield Problem(where, str(error))
            except Unfit as error:
                self.tally.add(f"{error}, and are left out", where)
        return found
