"""Classes in CSV: a row for each class of an item, under a header that is recognised by its words.

Cells hold names and labels exactly, also where a spreadsheet would take them for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import get_args

from trainset.core.model import Class, State, Verdict
from trainset.errors import TrainsetError
from trainset.plugins import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Recognition
from trainset_vision.formats.reading import EDGE, Tally, match, read_head, read_text, split_name
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "image", "path", "file", "filename", "file_name", "filepath", "image_path", "item", "key"),
    "label": ("label", "class", "category", "labels", "class_name", "classname"),
    "score": ("score", "confidence"),
    "state": ("state",),
    "split": ("split", "subset"),
    "decided_by": ("decided_by", "reviewer", "annotator"),
}
_DELIMITERS = ",;\t|"
_VERDICTS: Mapping[str, Verdict] = {"flagged": "flagged", "excluded": "excluded"}


@dataclass
class _Item:
    line: int
    labels: dict[str, float | None] = field(default_factory=dict)
    state: State | None = None
    split: str | None = None
    reviewer: str | None = None


class CsvImporter:
    """Reads a CSV file (comma, semicolon, tab or bar; UTF-8, or UTF-16 with a byte order mark)."""

    def sniff(self, src: Path) -> Recognition | None:
        """A header with a column of items and one of classes."""
        if not src.is_file() or not {"name", "label"} <= _header(read_head(src))[0].keys():
            return None
        return Recognition(evidence=[f"the header of {src.name} names an item and a class"], confidence=0.9)

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The classes in the order of their first rows."""
        rows, columns = _checked(src)
        found = dict.fromkeys(
            row[columns["label"]].strip() for _, row in _rows(src, rows) if len(row) > columns["label"]
        )
        return [(None, name) for name in found if name]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each name; rows without a class count where a `state` says that somebody looked."""
        rows, columns = _checked(src)
        items: dict[str, _Item] = {}
        tally = Tally()
        for line, row in _rows(src, rows):
            cells = {what: row[index].strip() for what, index in columns.items() if index < len(row)}
            if not cells.get("name"):
                if any(cells.values()):
                    yield Problem(f"{src}:{line}", "the row names no item")
                continue
            item = items.setdefault(cells["name"], _Item(line))
            if (message := _add(item, cells)) is not None:
                yield Problem(f"{src}:{line}", message)
        for name, item in items.items():
            if item.state == "unlabelled" or (not item.labels and item.state is None):
                tally.add("items have no class and are left out", f"{src}:{item.line}")
                continue
            known, _ = match(context, (name, name.removeprefix("./"), PurePosixPath(name.replace("\\", "/")).name))
            yield Imported(
                name=known,
                annotations=[Class(label=label, score=score) for label, score in item.labels.items()],
                split=item.split,
                state=item.state,
                verdict=_VERDICTS.get(item.state or "", "accepted"),
                reviewer=item.reviewer,
            )
        yield from tally.problems(str(src))


def _header(text: str) -> tuple[dict[str, int], str]:
    """The columns that a header names, and the delimiter: the one that finds most columns."""
    found = [(_columns(text[:EDGE], delimiter), delimiter) for delimiter in _DELIMITERS]
    return max(found, key=lambda pair: ({"name", "label"} <= pair[0].keys(), len(pair[0])))


def _columns(head: str, delimiter: str) -> dict[str, int]:
    try:
        header = [
            cell.strip().lower() for cell in next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), [])
        ]
    except csv.Error:
        return {}
    named = {what: next((w for w in words if w in header), None) for what, words in _COLUMNS.items()}
    return {what: header.index(word) for what, word in named.items() if word is not None}


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


def _add(item: _Item, cells: Mapping[str, str]) -> str | None:
    """Take a row into its item; what is wrong with it, in words."""
    if (state := cells.get("state", "")) in get_args(State):
        item.state = item.state or state  # type: ignore[assignment]
    item.split = item.split or split_name(cells.get("split", "")) or cells.get("split") or None
    people = cells.get("decided_by", "").split()
    item.reviewer = item.reviewer or (people[0] if len(people) == 1 else None)
    label = cells.get("label")
    if not label:
        return None
    message, score = None, None
    if text := cells.get("score"):
        try:
            score = float(text)
        except ValueError:
            score = -1.0
        if not 0 <= score <= 1:
            message, score = f"the score {text!r} is no number in 0..1 and is left out", None
    item.labels.setdefault(label, score)
    return message


class CsvExporter:
    """Writes one CSV file: a row for each class, and one without a class for an item that has none."""

    losses = pick(LOSSES, ("types", "unusable", "attributes", "item-attributes", "tracks", "notes"))

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """To `dest`, or to `labels.csv` in it where it is a folder."""
        classes = Filter(Class, Labels(context.task), self.losses)
        path = dest / "labels.csv" if dest.is_dir() else dest
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
