"""What numbers and colours in masks mean: the lists of classes that tools put beside them.

Known are VOC's `labelmap.txt` (`label:r,g,b:parts:actions`), CamVid's `label_colors.txt` (`r g b name`), tables with a
header (`name,r,g,b`, Roboflow's `Pixel Value, Class`), and JSON: an object from names to colours or numbers or back, or a
list of objects with a name and a colour or a number.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainset.errors import TrainsetError
from trainset_vision.formats.label_image import Colour
from trainset_vision.formats.reading import read_text

FILES = (
    "legend.csv", "labelmap.txt", "label_colors.txt", "class_dict.csv", "_classes.csv", "classes.csv", "label_classes.json",
    "legend.json", "classes.json", "labelmap.json", "class_colors.json", "colormap.json", "classes.txt",
)  # fmt: skip
"""Names that lists of classes have, the ones that say most first."""

_NAMES = ("name", "class_name", "class", "label", "category", "title")
_VALUES = ("value", "pixel value", "png_index", "index", "id", "pixel", "trainid", "number")
_COLOURS = ("color", "colour", "rgb", "color_rgb")
_BACKGROUND = {"background", "__background__", "unlabeled", "unlabelled", "void", "ignore", "ignored", "_background_"}
_HEX = re.compile(r"#?([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?")
_ROW = re.compile(r"\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})[\s,:]+(.+?)\s*")


@dataclass(frozen=True)
class Entry:
    """A class of a legend: its number, its colour, or both."""

    name: str
    value: int | None = None
    colour: Colour | None = None

    @property
    def background(self) -> bool:
        """Whether it is what belongs to no class, by its name, and no number says otherwise."""
        return self.name.strip().lower() in _BACKGROUND and self.value in (None, 0, 255)


@dataclass(frozen=True)
class Legend:
    """The classes, in the order of the file. `path` is None where there is no such file."""

    entries: Sequence[Entry] = ()
    path: Path | None = None
    lines: dict[int, Entry] = field(default_factory=dict)
    """Entries by their line, which grey masks without numbers of their own use."""


def find_legend(folders: Iterable[Path]) -> Legend:
    """The first list of classes in some folders that can be read as one; an empty legend where there is none.

    TrainsetError for a list that has a known name and makes no sense.
    """
    for folder in folders:
        for name in FILES:
            if (folder / name).is_file():
                return read_legend(folder / name)
    return Legend()


def read_legend(path: Path) -> Legend:
    """The legend in a file; TrainsetError names one that has no class."""
    text = read_text(path)
    try:
        found = list(_json(json.loads(text)) if path.suffix.lower() == ".json" else _lines(text, path))
    except (ValueError, RecursionError, csv.Error) as error:
        raise TrainsetError(f"{path}: it is no list of classes: {error}", hint="a line is value,name,r,g,b") from error
    entries = [entry for entry in found if entry.name.strip()]
    if not entries:
        raise TrainsetError(f"{path}: it lists no classes", hint="a line is value,name,r,g,b, below such a header")
    numbered = path.suffix.lower() == ".txt" and all(entry.value is None for entry in entries)
    return Legend(entries, path, dict(enumerate(entries)) if numbered else {})


# -- text ----------------------------------------------------------------------------------------------------


def _lines(text: str, path: Path) -> Iterator[Entry]:
    if path.suffix.lower() == ".csv":
        yield from _table(text)
        return
    for line in (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")):
        name, *rest = line.split(":")
        if row := _ROW.fullmatch(line):
            yield Entry(row[4], colour=_colour([int(row[n]) for n in (1, 2, 3)]))
        elif rest:
            yield Entry(
                name.strip(), colour=_colour([int(part) for part in rest[0].split(",")]) if rest[0].strip() else None
            )
        else:
            yield Entry(line.strip())


def _table(text: str) -> Iterator[Entry]:
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    header = [cell.strip().lower() for cell in next(rows, [])]
    name, value = _first(header, _NAMES), _first(header, _VALUES)
    channels = [_first(header, (channel, channel[0])) for channel in ("red", "green", "blue")]
    if name is None:
        raise ValueError("its header has no column called name or class")
    for row in rows:
        cells = {n: cell.strip() for n, cell in enumerate(row)}
        given = [cells.get(n, "") for n in channels if n is not None]
        colour = _colour([int(cell) for cell in given]) if len(given) == 3 and all(given) else None
        number = cells.get(value, "") if value is not None else ""
        yield Entry(cells.get(name, ""), int(number) if number else None, colour)


def _first(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


# -- JSON ----------------------------------------------------------------------------------------------------


def _json(document: Any) -> Iterator[Entry]:
    if isinstance(document, dict):
        inner = next((document[key] for key in ("classes", "labels", "categories", "items") if key in document), None)
        if isinstance(inner, list | dict):
            document = inner
    if isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, str) and key.strip().isdecimal():
                yield Entry(value, int(key))
            elif isinstance(value, dict):
                yield _described({"name": key} | value)
            elif isinstance(value, int) and not isinstance(value, bool):
                yield Entry(key, value)
            else:
                yield Entry(key, colour=_colour(value))
    elif isinstance(document, list):
        for value, one in enumerate(document):
            yield Entry(one, value) if isinstance(one, str) else _described(one)
    else:
        raise ValueError("it is neither an object nor a list")


def _described(one: Any) -> Entry:
    if not isinstance(one, dict):
        raise ValueError("an entry is neither a name nor an object")
    fields = {str(key).lower(): value for key, value in one.items()}
    name = next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), "")
    value = next((fields[key] for key in _VALUES if isinstance(fields.get(key), int)), None)
    colour = next((fields[key] for key in _COLOURS if fields.get(key) is not None), None)
    return Entry(name, value, None if colour is None else _colour(colour))


def _colour(said: Any) -> Colour:
    if isinstance(said, str) and (found := _HEX.fullmatch(said.strip())):
        said = list(bytes.fromhex(found[1]))
    if (
        not isinstance(said, list)
        or len(said) not in (3, 4)
        or not all(isinstance(n, int) and 0 <= n < 256 for n in said)
    ):
        raise ValueError(f"{str(said)[:40]} is no colour of three numbers from 0 to 255")
    return said[0], said[1], said[2]
