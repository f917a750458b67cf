"""Image folders of Hugging Face: images with a `metadata.jsonl`, `metadata.csv` or `metadata.parquet` beside them.

A row names its image in `file_name`, and has the class of the whole in `label` or boxes in `objects`: lists `bbox` of
[x, y, width, height] in pixels and `categories`, names or numbers. Numbers mean what the data card in `README.md` says, else
the task's export indices.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import yaml  # type: ignore[import-untyped]

from trainset.core.model import Class, State
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition, walk
from trainset_vision.formats import fitting
from trainset_vision.formats.fitting import Gathering
from trainset_vision.formats.hf_imagefolder_write import HfImagefolderExporter
from trainset_vision.formats.pictures import Pictures
from trainset_vision.formats.reading import Left, read_bytes, read_text, split_name
from trainset_vision.media import geo

__all__ = ["HfImagefolderExporter", "HfImagefolderImporter"]

Row = Mapping[str, Any]

_FILES = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_SPLITS = {"dev": "val", "testing": "test", "eval": "test", "evaluation": "test"}
_CATEGORIES = ("categories", "category", "category_id", "category_ids", "label", "labels", "class", "classes")
_LABELS = ("label", "labels")
_SCORES = ("score", "scores")


class HfImagefolderImporter:
    """Reads such a folder, with a metadata file in it or in the folder of each split, or the file itself."""

    def sniff(self, src: Path) -> Recognition | None:
        """A metadata file whose rows have a `file_name`."""
        for path in _files(src):
            try:
                row = next(iter(_rows(path)), None)
            except TrainsetError:
                continue
            if isinstance(row, Mapping) and _name_of(row):
                return Recognition(evidence=[f"the rows of {path.name} name images in file_name"])
        return None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The classes of the data card, with their numbers, and those that rows name besides, as they come."""
        names = _names(src)
        found: dict[str, int | None] = {name: number for number, name in names.items()}
        for path in _checked(src):
            for row in _rows(path):
                if isinstance(row, Mapping):
                    for said in chain(_categories(row), _labels(row)):
                        number = _numbered(said)
                        if number is None and isinstance(said, str):
                            found.setdefault(said, None)
                        elif number is not None and number not in names:
                            found.setdefault(str(number), number)
        return [(number, name) for name, number in found.items()]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each row; one whose objects or label are missing or null is unlabelled."""
        names = _names(src) or {label.index: label.title for label in context.task.labels}
        for path in _checked(src):
            yield from _Reader(context, src, path, names).items()


def _files(src: Path) -> list[Path]:
    if not src.is_dir():
        return [src] if src.name in _FILES else []
    return [path for path in walk(src) if path.name in _FILES]


def _checked(src: Path) -> list[Path]:
    found = _files(src)
    if not found:
        raise TrainsetError(f"{src}: no {', '.join(_FILES)} is here", hint="name the folder of the images")
    return found


def _rows(path: Path) -> Iterator[Row | str]:
    """The rows of a file, or why a line is none."""
    if path.suffix == ".jsonl":
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if line.strip():
                yield _decoded(line, f"line {number}")
    elif path.suffix == ".csv":
        text = read_text(path)
        try:
            for cells in csv.DictReader(io.StringIO(text, newline=""), strict=True):
                yield {name: _cell(name, cell) for name, cell in cells.items()}
        except csv.Error as error:
            raise TrainsetError(f"{path}: it is no CSV: {error}", hint="save it as CSV with commas") from error
    else:
        yield from _parquet(path)


def _cell(name: str, text: Any) -> Any:
    """A cell's value: class numbers are text to a CSV."""
    return int(text) if name in _LABELS and isinstance(text, str) and text.isdecimal() and len(text) < 10 else text


def _decoded(line: str, where: str) -> Row | str:
    try:
        row = msgspec.json.decode(line.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        return f"{where} is no JSON: {error}"
    return row if isinstance(row, Mapping) else f"{where} is no JSON object"


def _parquet(path: Path) -> Iterator[Row]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise TrainsetError(f"{path}: reading Parquet takes pyarrow", hint="pip install pyarrow") from error
    try:
        for batch in parquet.ParquetFile(io.BytesIO(read_bytes(path))).iter_batches():
            yield from batch.to_pylist()
    except (ValueError, OSError) as error:
        raise TrainsetError(f"{path}: it is no Parquet: {error}", hint="save it again") from error


def _names(src: Path) -> dict[int, str]:
    """The names of class numbers in the data card beside or above the metadata."""
    folder = src if src.is_dir() else src.parent
    for card in (folder / "README.md", folder.parent / "README.md"):
        if card.is_file():
            _, mark, rest = read_text(card).partition("---")
            head, end, _ = rest.partition("\n---")
            try:
                found = _class_labels(yaml.safe_load(head)) if mark and end else None
            except (yaml.YAMLError, RecursionError, ValueError):
                found = None
            if found:
                return found
    return {}


def _class_labels(node: Any, depth: int = 0) -> dict[int, str] | None:
    """The first `class_label: {names: …}` anywhere in a data card."""
    if depth > 20:
        return None
    if isinstance(node, Mapping):
        label = node.get("class_label")
        names = label.get("names") if isinstance(label, Mapping) else None
        if isinstance(names, Mapping):
            return {int(number): str(name) for number, name in names.items() if str(number).isdecimal()}
        if isinstance(names, list):
            return {number: str(name) for number, name in enumerate(names)}
    inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return next((found for one in inner if (found := _class_labels(one, depth + 1))), None)


def _name_of(row: Row) -> str | None:
    """A row's image: `file_name`, or the only column that ends so."""
    if isinstance(row.get("file_name"), str):
        return str(row["file_name"]) or None
    others = [value for name, value in row.items() if isinstance(name, str) and name.endswith("_file_name")]
    return others[0] if len(others) == 1 and isinstance(others[0], str) and others[0] else None


def _objects(row: Row) -> list[Mapping[str, Any]] | None:
    """The objects of a row one by one, from a table of lists or a list of tables; None where there is no such column."""
    found = row.get("objects")
    if isinstance(found, str) and found.strip():
        found = _decoded(f'{{"objects":{found}}}', "objects")
        found = found.get("objects") if isinstance(found, Mapping) else None
    if isinstance(found, list):
        return [one for one in found if isinstance(one, Mapping)]
    if not isinstance(found, Mapping):
        return None
    columns = {name: values for name, values in found.items() if isinstance(values, list)}
    count = len(columns.get("bbox", ()))
    return [{name: values[n] for name, values in columns.items() if n < len(values)} for n in range(count)]


def _categories(row: Row) -> Iterator[Any]:
    return (_first(one, _CATEGORIES) for one in _objects(row) or ())


def _labels(row: Row) -> list[Any]:
    """The classes of the whole image."""
    found = _first(row, _LABELS)
    if found is None or found == "":
        return []
    return found if isinstance(found, list) else [found]


def _first(row: Row, names: Sequence[str]) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _numbered(said: Any) -> int | None:
    """A class number."""
    return said if isinstance(said, int) and not isinstance(said, bool) else None


class _Reader:
    def __init__(self, context: ImportContext, src: Path, path: Path, names: Mapping[int, str]) -> None:
        self._task, self._path, self._names = context.task, path, names
        self._found = Gathering(context.task, path.name)
        self._pictures = Pictures(context, src, [src])
        self._below = path.parent.relative_to(src).as_posix() if src.is_dir() else "."
        folders = reversed(path.parent.relative_to(src.parent if src.is_dir() else src.parent.parent).parts)
        splits = (split_name(name) or _SPLITS.get(name.lower()) for name in folders)
        self._split = next((split for split in splits if split), None)

    def items(self) -> Iterator[Imported | Problem]:
        """What the rows say."""
        for number, row in enumerate(_rows(self._path), 1):
            if isinstance(row, str):
                yield Problem(str(self._path), row)
                continue
            name = _name_of(row)
            if name is None:
                self._found.tally.add("rows name no image in file_name and are left out", f"row {number}")
                continue
            yield from self._item(row, name)
        yield from self._found.tally.problems(str(self._path))

    def _item(self, row: Row, name: str) -> Iterator[Imported | Problem]:
        below = [] if self._below == "." else [f"{self._below}/{name}"]
        base = name.replace("\\", "/").rpartition("/")[2]
        picture = self._pictures.find([*below, name, base], [self._path.parent])
        self._found.open(name)
        state: State | None = None
        if self._task.type == "classify":
            labels = _labels(row)
            state = None if labels or isinstance(_first(row, _LABELS), list) else "unlabelled"
            for said in labels:
                with self._found.one("its label"):
                    self._found.take(Class(label=self._name(said), score=self._found.score(_score(row))))
        else:
            objects = _objects(row)
            state = "unlabelled" if objects is None else None
            for number, one in enumerate(objects or (), 1):
                with self._found.one(f"object {number}"):
                    self._object(one)
        taken = yield from self._found.done()
        if taken is not None:
            plain = {k: v for k, v in row.items() if isinstance(k, str) and isinstance(v, str | float | int | bool)}
            yield Imported(
                name=picture.name,
                annotations=taken,
                path=picture.path,
                meta=geo.told(row),
                split=self._split,
                state=state,
                attributes=fitting.declared(self._task, plain),
            )

    def _object(self, one: Mapping[str, Any]) -> None:
        x, y, w, h = fitting.numbers(one.get("bbox"), 4)
        label, score = self._name(_first(one, _CATEGORIES)), self._found.score(_first(one, _SCORES))
        self._found.take(fitting.box(x, y, w, h, label=label, score=score))

    def _name(self, said: Any) -> str | None:
        number = _numbered(said)
        if number is not None:
            return self._names.get(number) or str(number)
        if said is not None and not isinstance(said, str):
            raise Left("categories are neither names nor numbers")
        return said


def _score(row: Row) -> Any:
    score = row.get("score")
    try:
        return float(score) if isinstance(score, str) and score else score
    except ValueError:
        return -1.0
