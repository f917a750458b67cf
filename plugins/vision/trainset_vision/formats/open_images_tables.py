"""Open Images' CSV files: which of them are tables of what, and their rows image by image."""

from __future__ import annotations

import csv
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from trainset.errors import TrainsetError
from trainset_vision.formats.reading import encoding_of, read_head, split_name

FLAGS = {
    "IsOccluded": "occluded", "IsTruncated": "truncated", "IsGroupOf": "is_group_of", "IsDepiction": "is_depiction",
    "IsInside": "is_inside",
}  # fmt: skip
"""Columns of flags, and the attributes that Datumaro and CVAT make of them."""

_COLUMNS: Mapping[str, Sequence[str]] = {
    "masks": ("MaskPath", "ImageID", "LabelName"),
    "boxes": ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"),
    "relations": ("ImageID", "LabelName1", "LabelName2"),
    "points": ("ImageId", "X", "Y", "Label"),
    "classes": ("ImageID", "LabelName", "Confidence"),
    "images": ("ImageID",),
}
"""What tables are known by; the first of these that a header has."""

_NOT_READ = ("relations", "points")


@dataclass(frozen=True)
class Table:
    """A CSV file. `split` and `machine` (whether a machine made it) are what its name says."""

    path: Path
    kind: str
    split: str | None
    machine: bool

    def rows(self) -> Iterator[Mapping[str, str]]:
        """The rows by column, those without an image or a class left out."""
        for _, row in self.numbered():
            yield row

    def numbered(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """The rows with their line's number. TrainsetError for a quote that does not end."""
        csv.field_size_limit(min(sys.maxsize, 1 << 24))
        with _opened(self.path) as stream:
            lines = (line.replace("\0", "") for line in stream)
            reader = csv.DictReader(lines, restval="", skipinitialspace=True)
            try:
                reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
                for row in reader:
                    if row["ImageID"]:
                        yield reader.line_num, {key: value for key, value in row.items() if key is not None}
            except csv.Error as error:
                raise TrainsetError(f"{self.path}:{reader.line_num}: {error}", hint="mend the quotes above") from error


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        encoding = encoding_of(stream.read(2))
    return path.open(encoding=encoding, errors="replace", newline="")


def find_tables(src: Path) -> list[Table]:
    """The tables that `src` is, or that lie in its folder or in `annotations` and the splits below."""
    if src.is_dir():
        below = (src, *(src / name for name in ("annotations", "train", "validation", "test")))
        paths = [path for folder in below if folder.is_dir() for path in sorted(folder.glob("*.csv"))]
    else:
        paths = [src] if src.suffix.lower() == ".csv" else []
    found = [Table(path, kind, _split(path), "machine" in path.stem) for path in paths if (kind := _kind(path))]
    said = [table for table in found if table.kind not in ("images", *_NOT_READ)]
    return [*said, *(table for table in found if table.kind == "images")] if said else []


def _kind(path: Path) -> str | None:
    header = {cell.strip().strip('"') for cell in (read_head(path).splitlines() or [""])[0].split(",")}
    return next((kind for kind, columns in _COLUMNS.items() if header.issuperset(columns)), None)


def _split(path: Path) -> str | None:
    parts = path.stem.split("-")
    parts = parts[1:] if parts[0].startswith("oid") else parts
    return split_name(parts[0]) or split_name(path.parent.name)


def descriptions(src: Path) -> dict[str, str]:
    """The names of classes by their ids, from `class-descriptions.csv` or a file called like it, with or without a header."""
    root = src if src.is_dir() else src.parent
    found: dict[str, str] = {}
    for folder in (root, root / "annotations", root / "metadata", root.parent):
        for path in sorted(folder.glob("*class-descriptions*.csv")) if folder.is_dir() and not found else ():
            with _opened(path) as stream:
                rows = [row for row in csv.reader(line.replace("\0", "") for line in stream) if len(row) > 1]
            found |= {one: name for one, name, *_ in rows if (one, name) != ("LabelName", "DisplayName")}
    return found


def rows_by_image(
    tables: Sequence[Table], listed: Sequence[Table]
) -> Iterator[tuple[str, str | None, bool, list[tuple[str, Mapping[str, str]]]]]:
    """Each image with its split, whether all that is said of it is a machine's, and its rows, each with where it stands.

    Rows of one image need not stand together: they are gathered in a file, so that memory does not grow with them. Images
    that are `listed` and have no row come with none.
    """
    with tempfile.TemporaryDirectory() as folder, closing(sqlite3.connect(f"{folder}/rows.db")) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute(
            "CREATE TABLE row (image TEXT, number INTEGER PRIMARY KEY, source INTEGER, line INTEGER, fields BLOB)"
        )
        for source, table in enumerate([*tables, *listed]):
            db.executemany(
                "INSERT INTO row (image, source, line, fields) VALUES (?, ?, ?, ?)",
                (
                    (row["ImageID"], source, line, msgspec.json.encode(row) if source < len(tables) else b"")
                    for line, row in table.numbered()
                ),
            )
        db.execute("CREATE INDEX by_image ON row (image, number)")
        image: str | None = None
        found: list[tuple[int, int, bytes]] = []
        for name, *rest in db.execute("SELECT image, source, line, fields FROM row ORDER BY image, number"):
            if image is not None and name != image:
                yield _one(image, found, tables, listed)
                found = []
            image = name
            found.append((rest[0], rest[1], rest[2]))
        if image is not None:
            yield _one(image, found, tables, listed)


def _one(
    image: str, found: Sequence[tuple[int, int, bytes]], tables: Sequence[Table], listed: Sequence[Table]
) -> tuple[str, str | None, bool, list[tuple[str, Mapping[str, str]]]]:
    sources = [*tables, *listed]
    split = next((sources[source].split for source, _, _ in found if sources[source].split), None)
    rows: list[tuple[str, Mapping[str, str]]] = [
        (f"{sources[source].path}:{line}", msgspec.json.decode(fields, type=dict[str, str]))
        for source, line, fields in found
        if fields
    ]
    machine = bool(rows) and all(sources[source].machine for source, _, fields in found if fields)
    return image, split, machine, rows
