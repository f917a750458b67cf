"""Texts with their classes in CSV: a row for each class of a text, under a header that is recognised by its words."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from trainset.core.model import Class
from trainset.errors import MediaError, TrainsetError
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
from trainset_nlp.table import Row, Table, numbered, read_table, short_key

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "key", "item", "name"),
    "text": ("text", "sentence", "utterance", "content", "document"),
    **CLASS_COLUMNS,
}


class CsvImporter:
    """Reads a table of texts and classes (comma, semicolon, tab or bar; UTF-8, or UTF-16 with a byte order mark).

    A text is known by the cell that names it, or by what it says; the dataset must have it already.
    """

    def sniff(self, src: Path) -> Recognition | None:
        """A header with a column of texts (or of their names) and one of classes."""
        try:
            found = _named(read_table(src)) if src.is_file() else {}
        except (TrainsetError, OSError):
            return None
        if "label" not in found or not {"id", "text"} & found.keys():
            return None
        return Recognition(evidence=[f"the header of {src.name} names a text and a class"], confidence=0.9)

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The classes in the order of their first rows."""
        table, columns = _checked(src)
        found = (row.cells[columns["label"]].strip() for row in table.rows if isinstance(row, Row))
        return [(None, name) for name in dict.fromkeys(found) if name]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each text; rows without a class count where a `state` says that somebody looked."""
        table, columns = _checked(src)
        texts: dict[str, ClassRows] = {}
        finder = _Finder(src, context)
        for row in table.rows:
            if isinstance(row, str):
                yield Problem(str(src), row)
                continue
            cells = {what: row.cells[column] for what, column in columns.items()}
            key = finder.key(cells)
            if key is None:
                yield Problem(f"{src}:{row.line}", "the dataset has no such text: `trainset add` its table first")
            elif (message := texts.setdefault(key, ClassRows(row.line)).add(cells)) is not None:
                yield Problem(f"{src}:{row.line}", message)
        empty = [t.line for t in texts.values() if t.silent]
        if empty:
            yield Problem(f"{src}:{empty[0]}", f"{len(empty)} text(s) without a class are left out, this one first")
        yield from (text.imported(key) for key, text in texts.items() if not text.silent)


class _Finder:
    """Finds the items of rows: by name, or as the scan names a row, by a digest of its text and the count of its like."""

    def __init__(self, src: Path, context: ImportContext) -> None:
        self._file, self._context = src.name, context
        self._same: Counter[str] = Counter()

    def key(self, cells: Mapping[str, str]) -> str | None:
        """The key of a row's item."""
        names = [name] if (name := cells.get("id", "").strip()) else []
        if text := cells.get("text", ""):
            short = short_key(text)
            self._same[short] += 1
            names.append(numbered(short, self._same[short]))
        found = (self._context.find(way) for name in names for way in (f"{self._file}#{name}", name))
        return next((item.key for item in found if item is not None), None)


def _named(table: Table) -> dict[str, str]:
    """The columns of a table by what they hold."""
    return {what: table.columns[at] for what, at in named_columns(table.columns, _COLUMNS).items()}


def _checked(src: Path) -> tuple[Table, dict[str, str]]:
    try:
        table = read_table(src)
    except OSError as error:
        raise TrainsetError(f"{src}: it cannot be read: {error.strerror}", hint="name an existing file") from error
    columns = _named(table)
    if "label" not in columns or not {"id", "text"} & columns.keys():
        raise TrainsetError(
            f"{src}: the first line names no column of texts and one of classes",
            hint=f"call them text and label (also known: {', '.join(_COLUMNS['text'][1:] + _COLUMNS['label'][1:])})",
        )
    return table, columns


class CsvExporter:
    """Writes one CSV file: a row for each class of a text, and one without a class for a text that has none."""

    losses: Mapping[str, str] = {
        "types": "annotations of other types are left out",
        "attributes": "attributes of classes are left out",
        "tracks": "track ids are left out",
        "item-attributes": "attributes of the text as a whole are left out",
        "notes": "notes are left out",
        "texts": "the cell of a text that this machine cannot read is empty",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """To `dest`, or to `labels.csv` in it where it is a folder."""
        path = dest / "labels.csv" if dest.is_dir() else dest
        with path.open("w", encoding="utf-8", newline="", errors="surrogatepass") as stream:
            writer = csv.writer(stream)
            writer.writerow(_COLUMNS)
            for row in rows:
                key = row.item.key
                text = ""
                try:
                    text = context.media.load(row.item)
                except MediaError as error:
                    yield Loss("texts", key, error.message)
                yield from _lost(row)
                about = (row.state, row.split or "", " ".join(row.decided_by))
                classes = [a for a in row.annotations if isinstance(a, Class)]
                for one in classes:
                    label = context.task.label(one.label) if one.label else None
                    score = "" if one.score is None else repr(one.score)
                    writer.writerow((row.name, text, label.title if label else one.label, score, *about))
                if not classes:
                    writer.writerow((row.name, text, "", "", *about))


def _lost(row: Labelled) -> Iterator[Loss]:
    if row.note:
        yield Loss("notes", row.item.key, row.note)
    if row.attributes:
        yield Loss("item-attributes", row.item.key, ", ".join(row.attributes))
    for annotation in row.annotations:
        if not isinstance(annotation, Class):
            yield Loss("types", row.item.key, annotation.id)
            continue
        if annotation.attributes:
            yield Loss("attributes", row.item.key, ", ".join(annotation.attributes))
        if annotation.track is not None:
            yield Loss("tracks", row.item.key, annotation.track)
