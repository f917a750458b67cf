"""Texts with their classes in CSV: a row for each class of a text, under a header that is recognised by its words."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from trainset.core.model import Class, State, Verdict
from trainset.errors import MediaError, TrainsetError
from trainset.plugins import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Recognition
from trainset_nlp.table import Row, Table, numbered, read_table, short_key

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "key", "item", "name"),
    "text": ("text", "sentence", "utterance", "content", "document"),
    "label": ("label", "category", "class", "intent", "labels"),
    "score": ("score", "confidence"),
    "state": ("state",),
    "split": ("split", "subset"),
    "decided_by": ("decided_by", "reviewer", "annotator"),
}
_VERDICTS: Mapping[str, Verdict] = {"flagged": "flagged", "excluded": "excluded"}


@dataclass
class _Text:
    """What the rows of one text say of it, from `line` on."""

    line: int
    labels: dict[str, float | None] = field(default_factory=dict)
    state: State | None = None
    split: str | None = None
    reviewer: str | None = None


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
        texts: dict[str, _Text] = {}
        finder = _Finder(src, context)
        for row in table.rows:
            if isinstance(row, str):
                yield Problem(str(src), row)
                continue
            cells = {what: row.cells[column] for what, column in columns.items()}
            key = finder.key(cells)
            if key is None:
                yield Problem(f"{src}:{row.line}", "the dataset has no such text: `trainset add` its table first")
            elif (message := _add(texts.setdefault(key, _Text(row.line)), cells)) is not None:
                yield Problem(f"{src}:{row.line}", message)
        empty = [t.line for t in texts.values() if _says_nothing(t)]
        if empty:
            yield Problem(f"{src}:{empty[0]}", f"{len(empty)} text(s) without a class are left out, this one first")
        for key, text in texts.items():
            if not _says_nothing(text):
                yield Imported(
                    name=key,
                    annotations=[Class(label=label, score=score) for label, score in text.labels.items()],
                    split=text.split,
                    state=text.state,
                    verdict=_VERDICTS.get(text.state or "", "accepted"),
                    reviewer=text.reviewer,
                )


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
    lower = {column.casefold(): column for column in reversed(table.columns)}
    named = {what: next((lower[w] for w in words if w in lower), None) for what, words in _COLUMNS.items()}
    return {what: column for what, column in named.items() if column is not None}


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


def _says_nothing(text: _Text) -> bool:
    return text.state == "unlabelled" or (not text.labels and text.state is None)


def _add(text: _Text, cells: Mapping[str, str]) -> str | None:
    """Take a row into what is known of a text; what is wrong with it, if something is."""
    if (state := cells.get("state", "").strip()) in get_args(State):
        text.state = cast(State, state)
    text.split = cells.get("split", "").strip() or text.split
    text.reviewer = next(iter(cells.get("decided_by", "").split()), text.reviewer)
    label, written = cells["label"].strip(), cells.get("score", "").strip()
    if not label:
        return None
    try:
        score = float(written) if written else None
    except ValueError:
        score = math.nan
    sound = score is None or 0 <= score <= 1
    text.labels.setdefault(label, score if sound else None)
    return None if sound else f"the score {written!r} is no number in 0..1 and is left out"


class CsvExporter:
    """Writes one CSV file: a row for each class of a text, and one without a class for a text that has none."""

    losses: Mapping[str, str] = {
        "types": "annotations of other types are left out",
        "attributes": "attributes of classes are left out",
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
        elif annotation.attributes:
            yield Loss("attributes", row.item.key, ", ".join(annotation.attributes))
