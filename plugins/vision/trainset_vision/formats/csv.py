"""Classes in CSV: a row for each class of an item, under a header that is recognised by its words.

Cells hold names and labels exactly, also where a spreadsheet would take them for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from trainset.core.model import Class
from trainset.errors import TrainsetError
from trainset.plugins import (
    CLASS_COLUMNS,
    ClassRows,
    ExportContext,
    ImportContext,
    Imported,
    Labelled,
    Loss,
    Problem,
    Recognition,
    named_columns,
)
from trainset_vision.formats.reading import EDGE, Tally, match, read_head, read_text, split_name
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "image", "path", "file", "filename", "file_name", "filepath", "image_path", "item", "key"),
    **CLASS_COLUMNS,
}
_NAME = "labels.csv"
_DELIMITERS = ",;\t|"


class CsvImporter:
    """Reads a CSV file (comma, semicolon, tab or bar; UTF-8, or UTF-16 with a byte order mark)."""

    def sniff(self, src: Path) -> Recognition | None:
        """A header with a column of items and one of classes."""
        src = _file(src)
        if not src.is_file() or not {"name", "label"} <= _header(read_head(src))[0].keys():
            return None
        return Recognition(evidence=[f"the header of {src.name} names an item and a class"], confidence=0.9)

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The classes in the order of their first rows."""
        src = _file(src)
        rows, columns = _checked(src)
        found = dict.fromkeys(
            row[columns["label"]].strip() for _, row in _rows(src, rows) if len(row) > columns["label"]
        )
        return [(None, name) for name in found if name]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each name; rows without a class count where a `state` says that somebody looked."""
        src = _file(src)
        rows, columns = _checked(src)
        items: dict[str, ClassRows] = {}
        tally = Tally()
        for line, row in _rows(src, rows):
            cells = {what: row[index].strip() for what, index in columns.items() if index < len(row)}
            if not cells.get("name"):
                if any(cells.values()):
                    yield Problem(f"{src}:{line}", "the row names no item")
                continue
            cells["split"] = split_name(cells.get("split", "")) or cells.get("split", "")
            if (message := items.setdefault(cells["name"], ClassRows(line)).add(cells)) is not None:
                yield Problem(f"{src}:{line}", message)
        for name, item in items.items():
            if item.silent:
                tally.add("items have no class and are left out", f"{src}:{item.line}")
                continue
            known, _ = match(context, (name, name.removeprefix("./"), PurePosixPath(name.replace("\\", "/")).name))
            yield msgspec.structs.replace(item.imported(known), path=_beside(src, name))
        yield from tally.problems(str(src))


def _file(src: Path) -> Path:
    """The file itself, or the one in the folder of an export."""
    return src / _NAME if src.is_dir() else src


def _beside(src: Path, name: str) -> Path | None:
    """The image of this name beside the table, or in its folder `images`."""
    if name.startswith(("/", "\\")) or ".." in name:
        return None
    return next((path for path in (src.parent / name, src.parent / "images" / name) if path.is_file()), None)


def _header(text: str) -> tuple[dict[str, int], str]:
    """The columns that a header names, and the delimiter: the one that finds most columns."""
    found = [(_columns(text[:EDGE], delimiter), delimiter) for delimiter in _DELIMITERS]
    return max(found, key=lambda pair: ({"name", "label"} <= pair[0].keys(), len(pair[0])))


def _columns(head: str, delimiter: str) -> dict[str, int]:
    try:
        return named_columns(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), []), _COLUMNS)
    except csv.Error:
        return {}


def _checked(src: Path) -> tuple[Iterator[list[str]], dict[str, int]]:
    text = read_text(src)
    columns, delimiter = _header(text)
    if not {"name", "label"} <= columns.keys():
        raise TrainsetError(
            f"{src}: the first line names no column of items and one of classes",
            hint=f"call them {_COLUMNS['name'][0]} and {_COLUMNS['label'][0]} "
            f"(also known: {', '.join(_COLUMNS['name'][1:] + _COLUMNS['label'][1:])})",
        )
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(rows)
    return rows, columns


def _rows(src: Path, rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line that each ends on."""
    try:
        for row in rows:
            yield rows.line_num, row  # type: ignore[attr-defined]
    except csv.Error as error:
        raise TrainsetError(f"{src}:{rows.line_num}: {error}", hint="mend this line's quotes") from error  # type: ignore[attr-defined]


class CsvExporter:
    """Writes one CSV file: a row for each class, and one without a class for an item that has none."""

    losses = pick(LOSSES, ("types", "unusable", "attributes", "item-attributes", "geo", "tracks", "notes"))

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """To `dest`, or to `labels.csv` in it where it is a folder."""
        classes = Filter(Class, Labels(context.task), self.losses)
        path = dest / _NAME if dest.is_dir() else dest
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)  # lines end in CR LF (RFC 4180), and so a lone CR in a cell is quoted
            writer.writerow(_COLUMNS)
            for row in rows:
                given, lost = classes.take(row)
                yield from lost
                about = (row.state, row.split or "", " ".join(row.decided_by))
                for label, one in given:
                    writer.writerow((row.name, label.title, "" if one.score is None else repr(one.score), *about))
                if not given:
                    writer.writerow((row.name, "", "", *about))
