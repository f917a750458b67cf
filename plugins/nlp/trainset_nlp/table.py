"""Tables of texts: how a CSV or TSV file is decoded, split into rows, and its rows named.

Cells are kept exactly as they are stored. A table that is damaged anywhere is refused as a whole, with the line.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from trainset.errors import MediaError
from trainset.plugins import digest

_LONGEST = 1 << 30
"""Characters that a cell may have; the csv module's own limit is 131,072."""

_KEPT = 4
_DIGITS = 16


def decode(path: Path) -> str:
    """A file's text: UTF-8, or what its byte order mark says; no other character is changed. MediaError names the byte."""
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise MediaError(f"{path}: byte {error.start} is not {name}", hint="save the file as UTF-8") from error


@dataclass(frozen=True)
class Row:
    """A row of a table: the line that it ends on, and its cells by column."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """The header of a table, and its rows, or for a row that does not fit the header the reason why."""

    columns: tuple[str, ...]
    rows: tuple[Row | str, ...]

    def texts(self, text: str, key: str | None) -> Iterator[tuple[str, Row] | str]:
        """(row key, row) of every row that has a text in column `text`, or why it has none.

        A key is the cell in column `key`, or without one a digest of the text, numbered from the second row with the
        same text on: so that moving, adding and removing other rows changes no key.
        """
        taken: dict[str, int] = {}
        same: Counter[str] = Counter()
        for row in self.rows:
            if isinstance(row, str):
                yield row
            elif not row.cells[text].strip():
                yield f"line {row.line} has no text"
            elif key is None:
                short = short_key(row.cells[text])
                same[short] += 1
                yield numbered(short, same[short]), row
            elif not (name := row.cells[key].strip()):
                yield f"line {row.line} has no {key}"
            elif name in taken:
                yield f"line {row.line} has the same {key} as line {taken[name]}: {name}"
            else:
                taken[name] = row.line
                yield name, row


def short_key(text: str) -> str:
    """A row's key by what its text says: the beginning of its digest."""
    return digest(text.encode("utf-8", "surrogatepass"))[:_DIGITS]


def numbered(key: str, number: int) -> str:
    """The key of the n-th row with the same text."""
    return key if number == 1 else f"{key}-{number}"


def read_table(path: Path) -> Table:
    """The table in a file; blank lines are passed over. MediaError names the line where it is no table."""
    text = decode(path)
    csv.field_size_limit(_LONGEST)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text), strict=True)
    try:
        columns = tuple(cell.strip() for cell in next(lines, ()))
        if not any(columns):
            raise MediaError(f"{path}: the first line names no columns", hint="a table begins with their names")
        if len(set(columns)) < len(columns):
            raise MediaError(f"{path}: two columns have one name", hint="rename one of them")
        return Table(columns, tuple(_row(columns, lines.line_num, cells) for cells in lines if any(cells)))
    except csv.Error as error:
        raise MediaError(f"{path}, line {lines.line_num}: {error}", hint="quotes in a cell are doubled") from error


def _row(columns: tuple[str, ...], line: int, cells: list[str]) -> Row | str:
    if len(cells) != len(columns):
        return f"line {line} has {len(cells)} cell(s), the header {len(columns)}"
    return Row(line, dict(zip(columns, cells, strict=True)))


def _delimiter(path: Path, text: str) -> str:
    """A tab in .tsv; else the one of comma, semicolon, tab and bar that the first line has most of."""
    head = text[: text.find("\n")] if "\n" in text else text
    return "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=head.count)


class Tables:
    """Texts by row key, of the few tables that were looked at last. A file that changed is read again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], Mapping[str, str]] = OrderedDict()
        self._lock = Lock()

    def texts(self, path: Path, text: str, key: str | None) -> Mapping[str, str]:
        """Row keys and texts of a table, parsed once whatever the number of threads that ask."""
        found = path.stat()
        name = (path, found.st_mtime_ns, found.st_size, text, key)
        return self._get(name, partial(_texts, path, text, key))

    def _get(self, name: tuple[object, ...], make: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
        with self._lock:
            if name not in self._kept:
                self._kept[name] = make()
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[name]


def _texts(path: Path, text: str, key: str | None) -> dict[str, str]:
    table = read_table(path)
    if missing := {text, key or text} - set(table.columns):
        raise MediaError(
            f"{path} has no column {min(missing)!r} any more", hint="bring it back, or add the table again"
        )
    return {found[0]: found[1].cells[text] for found in table.texts(text, key) if not isinstance(found, str)}
