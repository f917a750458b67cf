"""`verify`: what is wrong with the label files, with their history in Git and with the media at hand; and what cannot
be proved. *Consistent* means that every file agrees with itself; *anchored* that a commit holds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import DecodeError, json

from trainset.core.dataset import Dataset
from trainset.core.model import Prediction
from trainset.core.records import check, lines
from trainset.core.tree import RevisionTree, WorkTree
from trainset.errors import TrainsetError


@dataclass(frozen=True)
class Finding:
    """A problem (or a note, which takes nothing away), with the file and line where there is one."""

    file: str
    line: int
    message: str
    note: bool = False


@dataclass
class Summary:
    """What was proved: files and records consistent, files that a commit anchors, media read."""

    files: int = 0
    records: int = 0
    anchored: int = 0
    open: int = 0
    media: int = 0
    problems: int = 0
    notes: int = 0


def verify(dataset: Dataset, summary: Summary, media: bool = False) -> Iterator[Finding]:
    """Everything that is wrong, streaming; `media` reads every medium again and compares its digest."""
    for finding in (
        *_files(dataset, summary),
        *_history(dataset, summary),
        *_items(dataset),
        *_media(dataset, summary, media),
    ):
        summary.problems += not finding.note
        summary.notes += finding.note
        yield finding


def _files(dataset: Dataset, summary: Summary) -> Iterator[Finding]:
    tree = dataset.index.tree
    sealed: dict[str, tuple[str, str, int]] = {}
    for stamp in sorted(tree.files(), key=lambda s: s.path):
        data = tree.read(stamp.path)
        if stamp.path.startswith("predictions/"):
            yield from _predictions(stamp.path, data)
            continue
        header, chain, closed, faults = check(data)
        summary.files += 1
        summary.open += not closed
        summary.records += chain.count if chain else 0
        for fault in faults:
            yield Finding(stamp.path, fault.line, fault.message, fault.note)
        if header is not None and chain is not None:
            parts = stamp.path.split("/")
            if len(parts) < 3 or parts[1] != header.kind or (header.task and parts[2] != header.task):
                yield Finding(
                    stamp.path, 1, f"a file of {header.kind} for task {header.task!r} does not belong in this folder"
                )
            if header.kind == "decisions" and header.reviewer not in parts:
                yield Finding(stamp.path, 1, f"decisions of {header.reviewer!r} do not belong in this folder")
            sealed[stamp.path] = (chain.value.hex(), header.kind, chain.count)
    yield from _outcomes(dataset)


def _predictions(path: str, data: bytes) -> Iterator[Finding]:
    decoder = json.Decoder(Prediction)
    end = 0
    for number, (offset, line) in enumerate(lines(data), start=1):
        end = offset + len(line) + 1
        try:
            decoder.decode(line)
        except (DecodeError, UnicodeDecodeError) as error:
            yield Finding(path, number, f"not a prediction: {error}")
    if end < len(data):
        yield Finding(path, 0, "a torn line at the end: the run had not counted it", note=True)


def _outcomes(dataset: Dataset) -> Iterator[Finding]:
    """Predictions whose bytes are not what the run recorded, and decisions that name what is not there."""
    db = dataset.index.db
    for path, key in db.execute(
        "SELECT f.path, i.key FROM prediction p JOIN file f ON f.id=p.file AND f.present JOIN item i ON i.id=p.item WHERE EXISTS "
        "(SELECT 1 FROM outcome o JOIN file g ON g.id=o.file AND g.present WHERE o.item=p.item AND o.task=p.task AND o.run=p.run "
        "AND o.digest IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM outcome o JOIN file g ON g.id=o.file AND g.present "
        "WHERE o.item=p.item AND o.task=p.task AND o.run=p.run AND o.digest=p.digest) LIMIT 1000"
    ):
        yield Finding(path, 0, f"the prediction for {key} is not the one that its run recorded")
    for path, key in db.execute(
        "SELECT DISTINCT f.path, i.key FROM decision d JOIN file f ON f.id=d.file AND f.present JOIN item i ON i.id=d.item WHERE NOT i.alive LIMIT 1000"
    ):
        yield Finding(path, 0, f"decisions on {key}, which is not an item", note=True)


def _history(dataset: Dataset, summary: Summary) -> Iterator[Finding]:
    repository = dataset.repository
    if isinstance(dataset.index.tree, RevisionTree):
        return
    if repository.shallow():
        yield Finding(
            "labels",
            0,
            "this clone is shallow: files changed or deleted before its first commit cannot be seen",
            note=True,
        )
    for commit, letter, path in repository.rewritten("labels"):
        word = {"M": "modified", "D": "deleted", "T": "replaced"}[letter]
        yield Finding(path, 0, f"commit {commit[:10]} {word} this label file; they are only ever added")
    head = repository.head()
    committed = repository.tree(head, "labels") if head else {}
    for code, path in repository.changed(["labels"]):
        if path in committed:
            word = "is missing from the tree" if "D" in code else "differs from its commit"
            yield Finding(path, 0, f"the committed label file {word}")
    summary.anchored = len(committed)
    loose = summary.files - len(committed)
    if loose > 0:
        yield Finding(
            "labels",
            0,
            f"{loose} file(s) are in no commit yet: a record cut off at their end cannot be told",
            note=True,
        )


def _items(dataset: Dataset) -> Iterator[Finding]:
    for (key,) in dataset.index.db.execute("SELECT key FROM item WHERE clash ORDER BY key"):
        yield Finding(
            "labels/items", 0, f"two records of {key} contradict each other; `trainset add` of the file settles it"
        )
    for key, task, state in dataset.index.db.execute(
        "SELECT i.key, s.task, s.state FROM state s JOIN item i ON i.id=s.item WHERE s.state='stale' ORDER BY 1, 2"
    ):
        yield Finding(
            "labels/decisions",
            0,
            f"{key} was decided on other media bytes than it has now ({task}: {state})",
            note=True,
        )


def _media(dataset: Dataset, summary: Summary, thorough: bool) -> Iterator[Finding]:
    if not isinstance(dataset.index.tree, WorkTree):
        return
    missing = 0
    known = dict(dataset.index.db.execute(
        "SELECT o.item, o.media FROM outcome o JOIN file f ON f.id=o.file WHERE f.present AND o.media IS NOT NULL GROUP BY o.item"))  # fmt: skip
    for row in dataset.rows(None):
        item = row.item
        if item.size is None:
            continue
        try:
            paths = dataset.media.paths(item)
            size = sum(p.stat().st_size for p in paths.values())
            size = size if item.row is None else item.size  # a table may grow: its rows are compared by their digests
        except (TrainsetError, OSError):
            missing += 1
            continue
        was = item.media or known.get(row.number)
        if size != item.size:
            yield Finding(
                str(next(iter(paths.values()))),
                0,
                f"{item.key} has {size} bytes, {item.size} were registered; `trainset add` records the change",
            )
        elif thorough and was is not None:
            summary.media += 1
            place = str(next(iter(paths.values())))
            try:
                if dataset.media.digest(item) != was:
                    message = f"{item.key} has other bytes than were labelled; `trainset add` records the change"
                    yield Finding(place, 0, message)
            except TrainsetError as error:
                yield Finding(place, 0, f"{item.key} cannot be read: {error.message}")
    if missing:
        yield Finding(
            "media", 0, f"{missing} media file(s) are not on this machine: their bytes cannot be compared", note=True
        )
