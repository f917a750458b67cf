"""The contract of formats: what is written comes back, and what is not written is said."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Raw, json, structs

from trainset.core.codec import Codec
from trainset.core.model import Annotation, Opaque, Undecoded
from trainset.core.protocols import Exporter, Imported, Importer, Labelled, Loss, Problem, Recognition
from trainset.errors import RecordError, TrainsetError
from trainset.testing.contexts import MemoryContext
from trainset.testing.contract import ContractError, named, require

_LOUD = "what an exporter cannot write comes as a Loss of that item: lossless or loud"
_ALIKE = 0.99
"""From which similarity on a geometry counts as the one that was written: formats round."""

_MANGLED: Mapping[str, Any] = {
    "cut in half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "of random bytes": lambda data: bytes(n * 197 % 251 for n in range(4096)),
}
_MOST_FILES = 8


def check_format(
    importer: Importer | None,
    exporter: Exporter,
    rows: Sequence[Labelled],
    context: MemoryContext,
    tmp_path: Path,
    name: str = "export",
) -> None:
    """Write rows, read them again, and compare; then the same with what few formats can hold.

    `name` is the place to write to in `tmp_path`: a folder, or with an ending a file, as `export` has it. Without an
    importer only the writing is checked. The context needs the `ops` of the annotations.
    """
    context = replace(context, items=[row.item for row in rows])
    _round_trip(importer, exporter, rows, context, tmp_path / "rows" / name)
    if importer is None:
        return
    check_importer(importer, tmp_path / "rows" / name, context)
    for n, (what, row) in enumerate(_fuller(exporter, rows, context, name)):
        dest = tmp_path / f"fuller-{n}" / name
        _round_trip(importer, exporter, [row], context, dest, f" (a row with {what})")


def check_exporter(exporter: Exporter, rows: Sequence[Labelled], context: MemoryContext, dest: Path) -> list[Loss]:
    """Write rows to `dest`, a new folder or a file with an ending; what was lost."""
    method, losses = named(exporter, "write"), exporter.losses
    require(
        all(isinstance(x, str) and x for x in (*losses, *losses.values())),
        f"the losses of {named(exporter)} are {dict(losses)!r}",
        "losses say in words what becomes of each",
    )
    (dest.parent if dest.suffix else dest).mkdir(parents=True, exist_ok=True)
    beside = set(dest.parent.iterdir()) | {dest}
    lost = list(exporter.write(iter(rows), dest, context))
    require(
        dest.is_file() if dest.suffix else dest.is_dir(),
        f"{method} to {dest.name} leaves no such {'file' if dest.suffix else 'folder'}",
        "an exporter writes to `dest` where that has an ending, and else below that folder",
    )
    strays = set(dest.parent.iterdir()) - beside
    require(
        not strays,
        f"{method} leaves {sorted(path.name for path in strays)} beside {dest.name}",
        "an export is written below `dest` alone, which is moved into place as a whole",
    )
    for loss in lost:
        require(
            loss.what in losses,
            f"{method} loses {loss.what!r}, but {named(exporter)} declares {sorted(losses)}",
            "a loss is a key of the exporter's `losses`: docs and --strict use it",
        )
        require(
            loss.item in {row.item.key for row in rows},
            f"{method} loses {loss.what!r} of {loss.item!r}",
            "a loss names the key of an item that was written",
        )
    return lost


def check_importer(importer: Importer, src: Path, context: MemoryContext) -> list[Imported]:
    """Read `src`, and damaged copies of it; the items that it holds."""
    found = importer.sniff(src)
    require(
        isinstance(found, Recognition) and len(found.evidence) > 0 and 0 < found.confidence <= 1,
        f"{named(importer, 'sniff')} of {src.name} is {found!r}",
        "sniff gives the evidence that a file is in its format, with a confidence up to 1",
    )
    items, declared = _read(importer, src, context), [name for _, name in importer.classes(src)]
    require(
        len(set(declared)) == len(declared),
        f"{named(importer, 'classes')} of {src.name} are {declared}",
        "classes are the names that a file declares or uses, each once",
    )
    used = {a.label for item in items for a in item.annotations if a.label is not None}
    require(
        not declared or used <= set(declared),
        f"{named(importer, 'read')} gives the labels {sorted(used - set(declared))}, {named(importer, 'classes')} {declared}",
        "classes are what a file declares or uses: `import` makes labels of them",
    )
    _check_damaged(importer, src, context)
    return items


def _read(importer: Importer, src: Path, context: MemoryContext) -> list[Imported]:
    method = f"{named(importer, 'read')} of {src.name}"
    items = []
    for found in importer.read(src, context):
        require(isinstance(found, Imported | Problem), f"{method} yields {found!r}", "read yields Imported and Problem")
        if isinstance(found, Imported):
            annotations = _typed(found, method, context)
            items.append(structs.replace(found, annotations=annotations))
            require(
                bool(found.name), f"{method} yields an item without a name", "an item is named as the file names it"
            )
            for annotation in annotations:
                score = annotation.score
                require(
                    score is None or (math.isfinite(score) and 0 <= score <= 1),
                    f"{method} gives {found.name} the score {score!r}",
                    "a score is a finite number in 0..1",
                )
        else:
            require(
                bool(found.where and found.message),
                f"{method} yields {found!r}",
                "a problem says where it is, and what is wrong",
            )
    return items


def _typed(found: Imported, method: str, context: MemoryContext) -> list[Annotation]:
    """The item's annotations, with those decoded that are not."""
    typed: list[Annotation] = []
    for annotation in found.annotations:
        if isinstance(annotation, Undecoded):
            try:
                typed += context.decode(Codec({}).encode([annotation]))
            except RecordError as error:
                raise ContractError(
                    f"{method} gives {found.name} {annotation!r}, which is no {annotation.tag}: {error.message}",
                    "what is handed over undecoded decodes as its type's struct",
                ) from error
        else:
            typed.append(annotation)
    return typed


def _check_damaged(importer: Importer, src: Path, context: MemoryContext) -> None:
    """Whatever the bytes, a reader names what is wrong: it raises no error of its own."""
    contract = "what cannot be read comes as a Problem, or as a TrainsetError that names the file; sniff says None"
    with TemporaryDirectory() as folder:
        nothing = [Path(folder) / "nowhere", Path(folder) / f"nowhere{src.suffix}", Path(folder) / "empty"]
        nothing[-1].mkdir()
        for path in nothing:
            require(
                _survives(importer, path, context, contract) is None,
                f"{named(importer, 'sniff')} recognises nothing at all",
                contract,
            )
        copy = Path(folder) / "copy" / src.name
        copy.parent.mkdir()
        (shutil.copytree if src.is_dir() else shutil.copyfile)(src, copy)
        files = sorted(path for path in (copy.rglob("*") if copy.is_dir() else [copy]) if path.is_file())
        for path in files[:_MOST_FILES]:
            whole = path.read_bytes()
            for what, mangle in _MANGLED.items():
                path.write_bytes(mangle(whole))
                _survives(importer, copy, context, contract, f" with {path.name} {what}")
            path.write_bytes(whole)


def _survives(
    importer: Importer, src: Path, context: MemoryContext, contract: str, how: str = ""
) -> Recognition | None:
    sniffed = None
    for method in ("sniff", "classes", "read"):
        try:
            if method == "sniff":
                sniffed = importer.sniff(src)
            elif method == "classes":
                importer.classes(src)
            else:
                _read(importer, src, context)
        except Exception as error:
            fine = isinstance(error, TrainsetError) and method != "sniff"
            require(
                fine, f"{named(importer, method)} of {src.name}{how} raises {type(error).__name__}: {error}", contract
            )
    return sniffed


def _fuller(
    exporter: Exporter, rows: Sequence[Labelled], context: MemoryContext, name: str
) -> Iterator[tuple[str, Labelled]]:
    """A row with annotations, with one thing more each time that a format may not hold."""
    with TemporaryDirectory() as folder:
        dest = Path(folder)
        plain = (
            row for n, row in enumerate(rows)
            if row.annotations and not check_exporter(exporter, [row], context, dest / str(n) / name)
        )  # fmt: skip
        row = next(plain, None)
    if row is None:
        raise ContractError(
            "no row has annotations that are written without loss", "a check needs rows that the format can hold"
        )
    changes: Mapping[str, Mapping[str, Any]] = {
        "scores": {"score": 0.75},
        "attributes of objects": {"attributes": {"bent": True}},
        "tracks": {"track": "t1"},
    }
    for what, change in changes.items():
        yield what, replace(row, annotations=[structs.replace(a, **change) for a in row.annotations])
    yield "a note", replace(row, note="half hidden")
    yield "an attribute of the item", replace(row, attributes={"blurred": True})
    raw = {"type": "nobody.knows", "id": "o1", "label": row.annotations[0].label}
    strange = Opaque(id="o1", label=raw["label"], kind="nobody.knows", raw=Raw(json.encode(raw)))
    yield "an annotation of another type", replace(row, annotations=[*row.annotations, strange])
    yield (
        "an annotation of a label that the task lacks",
        replace(row, annotations=[structs.replace(row.annotations[0], label="no-label-of-the-task")]),
    )


def _round_trip(
    importer: Importer | None,
    exporter: Exporter,
    rows: Sequence[Labelled],
    context: MemoryContext,
    dest: Path,
    about: str = "",
) -> None:
    lost = {loss.item for loss in check_exporter(exporter, rows, context, dest)}
    if importer is None or len(lost) == len(rows):
        return
    back: dict[str, list[Imported]] = {}
    for found in _read(importer, dest, context):
        item = context.find(found.name)
        require(
            item is not None,
            f"{named(importer, 'read')} gives {found.name!r}, which no item is found by{about}",
            "an item is named so that the dataset finds it: by key, path or file name",
        )
        back.setdefault(item.key if item else "", []).append(found)
    for row in rows:
        got = back.get(row.item.key, [])
        require(
            len(got) < 2,
            f"{named(importer, 'read')} gives {row.item.key} {len(got)} times{about}",
            "an item comes once",
        )
        if row.item.key not in lost:
            pair = f"{named(exporter)} and {named(importer)}"
            require(len(got) == 1, f"{row.item.key} does not come back from {pair}{about}", _LOUD)
            _check_row(pair, row, got[0], context, about)


def _check_row(pair: str, row: Labelled, got: Imported, context: MemoryContext, about: str) -> None:
    """What came back of a row of which nothing was said to be lost."""
    key = f"{row.item.key}{about}"
    wrote, read = list(row.annotations), _typed(got, pair, context)
    labels = sorted(str(_label(a, context)) for a in wrote), sorted(str(_label(a, context)) for a in read)
    require(labels[0] == labels[1], f"{pair} make {labels[1]} of the labels {labels[0]} of {key}", _LOUD)
    for what, before, after in (
        ("note", row.note, got.note),
        ("attributes", dict(row.attributes), dict(got.attributes)),
    ):
        require(before == after, f"{pair} make {after!r} of the {what} {before!r} of {key}", _LOUD)
    alike = context.similarity(wrote, read, row.item)
    for annotation, near in zip(wrote, alike, strict=True):
        twins = [
            b
            for b, s in zip(read, near, strict=True)
            if s >= _ALIKE and _label(b, context) == _label(annotation, context)
        ]
        require(bool(twins), f"{pair} make {read!r} of {annotation!r} of {key}", _LOUD)
        require(
            any(_alike(annotation, b) for b in twins), f"{pair} make {twins[0]!r} of {annotation!r} of {key}", _LOUD
        )


def _label(annotation: Annotation, context: MemoryContext) -> str | None:
    label = context.task.label(annotation.label) if annotation.label else None
    return label.id if label else annotation.label


def _alike(a: Annotation, b: Annotation) -> bool:
    scores = a.score == b.score or (
        a.score is not None and b.score is not None and math.isclose(a.score, b.score, abs_tol=1e-3)
    )
    return scores and dict(a.attributes) == dict(b.attributes) and a.track == b.track
