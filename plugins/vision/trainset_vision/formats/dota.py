"""DOTA's text files: the four corners of an object in pixels, its category, and whether it is difficult.

A line is `x1 y1 x2 y2 x3 y3 x4 y4 category difficult`, clockwise from the corner that is top left as the object stands;
before them may stand `imagesource:` and `gsd:`, the metres that a pixel takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from trainset.core.model import Annotation, AttributeValue, Label
from trainset.errors import TrainsetError
from trainset.plugins import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Recognition
from trainset_vision.annotations import Box, RotatedBox
from trainset_vision.conversions import region_of
from trainset_vision.formats.fitting import declared
from trainset_vision.formats.pictures import Pictures
from trainset_vision.formats.reading import LIMIT, Tally, read_head, read_text, split_name, with_suffixes
from trainset_vision.formats.shapes import Shaper, Unfit
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, split_folder

_HEADS = re.compile(r"\s*(imagesource|gsd)\s*:\s*(.*?)\s*", re.IGNORECASE)
_LINE = re.compile(r"\s*(?:[-+.\deE]+[\s,]+){8}[^\s,]*[^\s\d.,][^\s,]*(?:[\s,]+\d)?\s*")
_ENDS_OF_FOLDERS = ("labeltxt", "labels", "annotations", "annfiles")


class DotaImporter:
    """Reads a file, a folder of them (`labelTxt`), or a root with such folders, below splits or not."""

    def sniff(self, src: Path) -> Recognition | None:
        """Text files whose first line of an object has eight numbers and a word."""
        for path in _files(src)[:20]:
            lines = [line for line in read_head(path).splitlines() if line.strip() and not _HEADS.fullmatch(line)]
            if lines and _LINE.fullmatch(lines[0]):
                return Recognition(evidence=[f"{path.name} has lines of four corners and a category"], confidence=0.9)
            if lines:
                return None
        return None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The categories that are used, in the order of the files: DOTA lists none."""
        found: dict[str, None] = {}
        for path in _files(src):
            with suppress(TrainsetError):
                found.update(
                    (_category(fields[8:])[0], None) for _, fields in _rows(read_text(path)) if len(fields) > 8
                )
        return [(None, name) for name in found]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each file."""
        files = _files(src)
        if not files:
            raise TrainsetError(f"{src}: no label files are here", hint="name the folder labelTxt or the one above it")
        tally = Tally()
        pictures, shaper = Pictures(context, src if src.is_dir() else src.parent), Shaper(context.task, tally)
        root = src if src.is_dir() else src.parent
        for path in files:
            below = path.relative_to(root)
            folders = [part for part in below.parts[:-1] if not _of_labels(part)]
            split = next((name for part in folders if (name := split_name(part))), None)
            stem = "/".join([*(part for part in folders if not split_name(part)), path.stem])
            names = (*with_suffixes(stem), *with_suffixes(path.stem))
            picture = pictures.find(names, [path.parent.parent / "images", path.parent, root.parent / "images"])
            if picture.path is None and context.find(picture.name) is None:
                yield Problem(str(path), "no image goes with this label file")
                continue
            try:
                text = read_text(path)
            except TrainsetError as error:
                yield Problem(str(path), error.message.removeprefix(f"{path}: "))
                continue
            size = picture.size and (picture.size[1], picture.size[0])
            found: list[Annotation] = []
            met = 0
            for number, fields in _rows(text):
                met += 1
                where = f"{path}:{number}"
                ring, wrong = _corners(fields)
                if wrong:
                    yield Problem(where, wrong)
                    continue
                label, difficult = _category(fields[8:])
                about = {"difficult": True} if difficult else {}
                try:
                    found.append(shaper.outline((ring,), size, where, label=label, attributes=about))
                except Unfit as error:
                    tally.add(f"{error}, and are left out", where)
            if met and not found:
                tally.add("images are left out, since none of their lines can be read", str(path))
                continue
            meta = {"width": size[0], "height": size[1]} if size else {}
            yield Imported(
                name=picture.name,
                annotations=found,
                path=picture.path,
                meta=meta,
                split=split,
                attributes=declared(context.task, _heads(text)),
            )
        yield from tally.problems(str(src))


def _of_labels(folder: str) -> bool:
    """Whether a folder's name is one of label files: `labelTxt`, `labelTxt-v1.5`, …"""
    return folder.lower().split("-v")[0].rstrip("0123456789._") in _ENDS_OF_FOLDERS


def _files(src: Path) -> list[Path]:
    if not src.is_dir():
        return [src] if src.suffix.lower() == ".txt" else []
    files = sorted(path for path in src.rglob("*.txt") if path.is_file())
    inside = [path for path in files if any(_of_labels(part) for part in path.relative_to(src).parts[:-1])]
    return inside or [path for path in files if path.parent == src]


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of objects with their numbers, split at blanks or commas."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not _HEADS.fullmatch(line):
            yield number, re.split(r"[\s,]+", line.strip().strip(","))


def _heads(text: str) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    for line in text.splitlines()[:2]:
        if (head := _HEADS.fullmatch(line)) and head[2].lower() not in ("", "null", "none"):
            key, value = head[1].lower(), head[2]
            try:
                found[key] = float(value) if key == "gsd" else value
            except ValueError:
                continue
    return found


def _corners(fields: Sequence[str]) -> tuple[tuple[float, ...], str | None]:
    if len(fields) < 9:
        return (), f"{len(fields)} fields, where an object has four corners and a category"
    try:
        ring = tuple(map(float, fields[:8]))
    except ValueError:
        return (), "the corners are not eight numbers"
    if not all(math.isfinite(value) and abs(value) < LIMIT for value in ring):
        return (), "a corner lies outside of any image"
    return ring, None


def _category(fields: Sequence[str]) -> tuple[str, bool]:
    """The category and whether it is difficult: a whole number, which old files do not have. Categories have no blanks by
    DOTA's rules, and may have some in what other tools write."""
    if len(fields) == 1 or not re.fullmatch(r"\d+(\.0*)?", fields[-1]):
        return " ".join(fields), False
    return " ".join(fields[:-1]), float(fields[-1]) != 0


class DotaExporter:
    """Writes `labelTxt/<image>.txt`, an empty file where there is nothing; with splits below folders of their names."""

    losses: Mapping[str, str] = pick(
        LOSSES, ("types", "unusable", "geo", "scores", "tracks", "notes", "states", "renamed")
    ) | {
        "attributes": "attributes other than the flag difficult are left out",
        "item-attributes": "attributes of the item other than imagesource (text) and gsd (number) are left out",
        "blanks": "blanks in the name of a label are written as hyphens",
        "splits": "a split of another name than train, val and test is later taken for a folder",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        names = _names(context.task.labels)
        labels, stems, texts = Labels(context.task), Stems(), Texts()
        shapes: Filter[Annotation] = Filter((RotatedBox, Box), labels, self.losses, {"difficult": bool})
        (dest / "labelTxt").mkdir(parents=True, exist_ok=True)
        for row in rows:
            heads = {key: value for key, value in row.attributes.items() if _kept(key, value)}
            objects, lost = shapes.take(row)
            others = ", ".join(key for key in row.attributes if key not in heads)
            yield from (loss for loss in lost if loss.what != "item-attributes")
            if others:
                yield Loss("item-attributes", row.item.key, others)
            if row.split and split_name(row.split) != row.split:
                yield Loss("splits", row.item.key, row.split)
            folder = split_folder(row.split, "") if row.split else ""
            name, lost = stems.name(row, folder)
            yield from lost
            lines = [f"{key}:{value}\n" for key, value in sorted(heads.items(), reverse=True)]
            for label, shape in objects:
                corners = region_of(shape)[0]
                if names[label.id] != label.title:
                    yield Loss("blanks", row.item.key, label.title)
                difficult = int(shape.attributes.get("difficult") is True)
                lines.append(f"{' '.join(map(repr, corners))} {names[label.id]} {difficult}\n")
            texts.write((dest / folder / "labelTxt" / name).with_suffix(".txt"), "".join(lines))
            context.place(row.item, dest / folder / "images" / name)


def _kept(key: str, value: AttributeValue) -> bool:
    """Whether an attribute of an item can be a line before the objects: it must read as what it is."""
    return _heads(f"{key}:{value}").get(key) == value


def _names(labels: Iterable[Label]) -> dict[str, str]:
    """Names without blanks and commas, which part fields. TrainsetError where two labels get the same."""
    found: dict[str, str] = {}
    for label in labels:
        name = re.sub(r"[\s,]+", "-", label.title)
        if name in found.values():
            raise TrainsetError(f"two labels are called {name!r} without blanks", hint="give one of them another name")
        found[label.id] = name
    return found
