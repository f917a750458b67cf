"""JSON Lines: a line an item with its answer, and nothing lost.

A line holds the item as it is registered (`key`, `parts`, `group`, `split`, `media`, `size`, `meta`) and what is known of
it: `task`, `state`, `decided_by`, `record`, `annotations` as they are stored, `attributes` and `note`. What is empty is
left out, but for `annotations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from trainset.core.codec import Codec, with_ids
from trainset.core.model import Annotation, AttributeValue, Item, State, Verdict
from trainset.core.protocols import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Recognition
from trainset.core.records import UNREADABLE
from trainset.errors import RecordError, TrainsetError

_ITEM_FIELDS = Item.__struct_fields__
_VERDICTS: Mapping[str, Verdict] = {"flagged": "flagged", "excluded": "excluded", "rejected": "rejected"}

_NAME = "labels.jsonl"
_BOM = b"\xef\xbb\xbf"
_LONGEST = 1 << 24
"""How far a first line is read to find out whether it is one of this format."""


class Line(Item, kw_only=True, omit_defaults=True, frozen=True):
    """A line of the file."""

    task: str
    state: State
    annotations: Raw
    decided_by: tuple[str, ...] = ()
    record: str | None = None
    attributes: dict[str, AttributeValue] = msgspec.field(default_factory=dict)
    note: str | None = None


class _Labelled(Struct):
    label: str | None = None


class _Classes(Struct):
    annotations: list[_Labelled]


class JsonlImporter:
    """Reads what `JsonlExporter` writes."""

    def sniff(self, src: Path) -> Recognition | None:
        """A first line with an item's key, its state and its annotations."""
        src = _file(src)
        try:
            with src.open("rb") as stream:
                msgspec.json.decode(stream.readline(_LONGEST).removeprefix(_BOM), type=Line)
        except (OSError, *UNREADABLE):
            return None
        return Recognition(evidence=[f"the first line of {src.name} is an item with its state and annotations"])

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The labels that are used, in the order of their first use."""
        found: dict[str, None] = {}
        for _, line in _lines(_file(src)):
            try:
                used = msgspec.json.decode(line, type=_Classes).annotations
            except UNREADABLE:
                continue
            found.update(dict.fromkeys(one.label for one in used if one.label is not None))
        return [(None, name) for name in found]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item a line; unlabelled ones are passed over. Annotations of unknown types stay as they are."""
        src, decoder = _file(src), msgspec.json.Decoder(Line)
        for number, text in _lines(src):
            try:
                line = decoder.decode(text)
                annotations = context.decode(bytes(line.annotations))
            except UNREADABLE as error:
                yield Problem(f"{src}:{number}", f"not a line of this format: {error}")
                continue
            except RecordError as error:
                yield Problem(f"{src}:{number}", error.message)
                continue
            if line.state != "unlabelled":
                yield _imported(line, annotations)


def _file(src: Path) -> Path:
    """The file itself, or the one in the folder of an export."""
    return src / _NAME if src.is_dir() else src


def _lines(src: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with src.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if text := line.removeprefix(_BOM).strip():
                    yield number, text
    except OSError as error:
        raise TrainsetError(f"{src}: it cannot be read: {error.strerror}", hint="name an existing file") from error


def _imported(line: Line, annotations: Sequence[Annotation]) -> Imported:
    return Imported(
        name=line.key,
        annotations=annotations,
        meta=line.meta,
        split=line.split,
        group=line.group,
        state=line.state,
        verdict=_VERDICTS.get(line.state, "accepted"),
        attributes=line.attributes,
        reviewer=line.decided_by[0] if len(line.decided_by) == 1 else None,
        note=line.note,
    )


class JsonlExporter:
    """Writes one file, and loses nothing. Media stay where they are: an item is known by its key and digest."""

    losses: Mapping[str, str] = {}
    keeps_ids: Literal[True] = True

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """To `dest`, or to `labels.jsonl` in it where it is a folder."""
        path = dest / _NAME if dest.is_dir() else dest
        path.parent.mkdir(parents=True, exist_ok=True)
        codec = Codec({})
        with path.open("wb") as stream:
            for row in rows:
                stream.write(msgspec.json.encode(_line(row, context.task.name, codec)) + b"\n")
        yield from ()


def _line(row: Labelled, task: str, codec: Codec) -> Line:
    item = {name: getattr(row.item, name) for name in _ITEM_FIELDS}
    return Line(
        **item | {"split": row.split if row.split is not None else row.item.split},
        task=task,
        state=row.state,
        annotations=Raw(codec.encode(with_ids(row.annotations))),
        decided_by=tuple(row.decided_by),
        record=row.record,
        attributes=dict(row.attributes),
        note=row.note,
    )
