"""Texts as items: a row of a table, or a plain text file."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from trainset.core.model import Annotation, Item
from trainset.errors import MediaError
from trainset.plugins import ItemDraft, Problem, Rect, Skipped, walk
from trainset_nlp.table import Table, Tables, decode, read_table

TABLES = (".csv", ".tsv")
SUFFIXES = (*TABLES, ".txt")


class TextSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """Columns of tables: `text` holds the texts (None: the one called text, or the only one), `key` names the rows
    (None: by a digest of their text), and rows of one `group` never straddle a split."""

    text: str | None = None
    key: str | None = None
    group: str | None = None


class Texts:
    """Rows of CSV and TSV tables, and text files; in UTF-8, or in what a byte order mark says.

    A text is what is stored, character by character. `meta` holds its `length` in Unicode code points, and for a row
    the column `text` that it stands in and the column `key` that names it, where one does.
    """

    def __init__(self) -> None:
        self._tables = Tables()

    def scan(self, path: Path, settings: TextSettings) -> Iterator[ItemDraft | Skipped]:
        """An item for each row of a table that has a text, and for each text file that is not empty."""
        in_folder = path.is_dir()
        for file in walk(path):
            try:
                if file.suffix.lower() in TABLES:
                    yield from _rows(file, settings)
                elif file.suffix.lower() == ".txt":
                    yield _file(file)
                elif not in_folder:
                    yield Skipped(file, f"not a text: its name ends in none of {', '.join(SUFFIXES)}")
            except MediaError as error:
                yield Skipped(file, f"{error.message.removeprefix(str(file)).lstrip(':, ')} ({error.hint})")

    def load(self, parts: Mapping[str, Path], item: Item) -> str:
        """The text. MediaError where the file cannot be read, or has no such row any more."""
        path = parts[""]
        if item.row is None:
            return decode(path)
        found = self._tables.texts(path, item.meta["text"], item.meta.get("key"))
        text = found.get(item.row)
        if text is None:
            text = next((t for key, t in found.items() if unicodedata.normalize("NFC", key) == item.row), None)
        if text is None:
            raise MediaError(f"{path} has no row {item.row!r} any more", hint="bring it back, or exclude the item")
        return text

    def frame(self, item: Item) -> Rect | None:
        """The length in code points, and a height of 1."""
        return Rect(0, 0, float(item.meta["length"]), 1) if "length" in item.meta else None

    def check(self, item: Item, annotations: Sequence[Annotation]) -> Iterator[Problem]:
        """Nothing: a class fits every text."""
        yield from ()


def _file(path: Path) -> ItemDraft | Skipped:
    text = decode(path)
    return ItemDraft(parts={"": path}, meta={"length": len(text)}) if text.strip() else Skipped(path, "it is empty")


def _rows(path: Path, settings: TextSettings) -> Iterator[ItemDraft | Skipped]:
    table = read_table(path)
    text = settings.text or _text_column(path, table)
    for column in (text, settings.key, settings.group):
        if column is not None and column not in table.columns:
            raise MediaError(f"it has no column {column!r}", hint=f"its columns: {', '.join(table.columns)}")
    named = {"text": text} | ({"key": settings.key} if settings.key else {})
    for found in table.texts(text, settings.key):
        if isinstance(found, str):
            yield Skipped(path, found)
            continue
        key, row = found
        yield ItemDraft(
            parts={"": path},
            row=key,
            content=row.cells[text].encode("utf-8", "surrogatepass"),
            group=row.cells[settings.group] or None if settings.group else None,
            meta={"length": len(row.cells[text]), **named},
        )


def _text_column(path: Path, table: Table) -> str:
    if len(table.columns) == 1:
        return table.columns[0]
    found = [column for column in table.columns if column.casefold() == "text"]
    if len(found) != 1:
        raise MediaError("it does not say which column holds the texts",
                         hint=f"`trainset add {path.name} --set text=COLUMN`; its columns: {', '.join(table.columns)}")  # fmt: skip
    return found[0]
