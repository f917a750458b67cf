"""`verify`: what is wrong with the label files, with their history in Git and with the media at hand; and what cannot
be proved. *Consistent* means that every file agrees with itself; *anchored* that a commit holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from msgspec import DecodeError, json

from trainset.core.dataset import Dataset
from trainset.core.files import chunks, digest
from trainset.core.model import Prediction
from trainset.core.records import check, lines
from trainset.core.tree import FOLDERS, RevisionTree, WorkTree
from trainset.errors import RecordError, TrainsetError

_prediction = json.Decoder(Prediction)


_BLOB = re.compile(rb'"blob":"([0-9a-f]{32})"')


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
    for finding in chain(
        _files(dataset, summary),
        _history(dataset, summary),
        _absent(dataset),
        _items(dataset),
        _media(dataset, summary, media),
    ):
        summary.problems += not finding.note
        summary.notes += finding.note
        yield finding


def _files(dataset: Dataset, summary: Summary) -> Iterator[Finding]:
    """What is wrong with the bytes of each file, by itself and against the commit that is checked out."""
    tree, repository = dataset.index.tree, dataset.repository
    head = None if isinstance(tree, RevisionTree) else repository.head()
    committed = repository.tree(head, *FOLDERS) if head else {}
    for stamp in sorted(tree.files(), key=lambda s: s.path):
        try:
            data = tree.read(stamp.path)
        except FileNotFoundError:  # Git took it away meanwhile
            continue
        if stamp.path.startswith("predictions/"):
            yield from _predictions(dataset, stamp.path, data)
        else:
            yield from _labels(stamp.path, data, summary)
            yield from _blobs(dataset, stamp.path, data)
            summary.anchored += stamp.path in committed
        if stamp.path in committed:
            yield from _differs(dataset, stamp.path, data, committed.pop(stamp.path)[0])
    yield from _missing(dataset, [path for path in committed if path.endswith(".jsonl")])
    yield from _unread(dataset)


def _labels(path: str, data: bytes, summary: Summary) -> Iterator[Finding]:
    header, proved, sealed, faults = check(data)
    summary.files += 1
    summary.open += not sealed
    summary.records += proved.count if proved else 0
    for fault in faults:
        yield Finding(path, fault.line, fault.message, fault.note)
    if header is not None:
        parts = path.split("/")
        if len(parts) < 3 or parts[1] != header.kind or (header.task and parts[2] != header.task):
            yield Finding(path, 1, f"a file of {header.kind} for task {header.task!r} does not belong in this folder")
        if header.kind == "decisions" and header.reviewer not in parts:
            yield Finding(path, 1, f"decisions of {header.reviewer!r} do not belong in this folder")


def _blobs(dataset: Dataset, path: str, data: bytes) -> Iterator[Finding]:
    """Annotations in files of their own that are missing or changed."""
    for found in _BLOB.finditer(data):
        try:
            dataset.blobs.get(found[1].decode())
        except RecordError as error:
            yield Finding(path, data.count(b"\n", 0, found.start()) + 1, error.message)


def _differs(dataset: Dataset, path: str, data: bytes, blob: str) -> Iterator[Finding]:
    if dataset.repository.blob_id(data) == blob:
        return
    before = next(dataset.repository.blobs([blob]))
    same = next((n for n, (a, b) in enumerate(zip(before, data, strict=False)) if a != b), min(len(before), len(data)))
    grew = same == len(before) and path.startswith("labels/")
    text = (
        "it grew after it was committed; `trainset commit` gives it a name of its own"
        if grew
        else "it differs from its commit"
    )
    yield Finding(path, data.count(b"\n", 0, same) + 1, text, note=grew)


def _missing(dataset: Dataset, paths: list[str]) -> Iterator[Finding]:
    removed = {path for code, path in dataset.repository.changed(FOLDERS) if "D" in code} if paths else set()
    for path in paths:
        if path in removed:
            yield Finding(path, 0, "it is committed, but missing from the tree")
    if len(paths) > len(removed):
        text = f"{len(paths) - len(removed)} committed file(s) are not checked out here: they are not looked at"
        yield Finding("labels", 0, text, note=True)


def _unread(dataset: Dataset) -> Iterator[Finding]:
    found = dataset.index.db.execute("SELECT path, skipped FROM file WHERE present AND skipped ORDER BY path")
    for path, skipped in found:
        yield Finding(path, 0, f"{skipped} line(s) are no record that this version of trainset understands", note=True)


def _predictions(dataset: Dataset, path: str, data: bytes) -> Iterator[Finding]:
    """Lines that are not what the run recorded. What a run wrote last and was killed before it counted is none."""
    _, task, run = f"{path}///".split("/")[:3]
    said: list[tuple[int, str, str]] = []
    end = 0
    for number, (offset, line) in enumerate(lines(data), start=1):
        end = offset + len(line) + 1
        try:
            prediction = _prediction.decode(line)
        except (DecodeError, UnicodeDecodeError) as error:
            yield Finding(path, number, f"not a prediction: {error}")
            continue
        said.append((number, prediction.item, digest(prediction.annotations)))
    if end < len(data):
        yield Finding(path, data.count(b"\n") + 1, "a torn line at the end: the run had not counted it", note=True)
    recorded = _recorded(dataset, task, run, [key for _, key, _ in said])
    counted = [d in recorded.get(key, ()) for _, key, d in said]
    last = max((n for n, good in enumerate(counted) if good), default=-1)
    for n, (number, key, _) in enumerate(said):
        if not counted[n] and (n < last or (recorded.get(key) and not _at_hand(dataset, run, key, recorded[key]))):
            yield Finding(path, number, f"the prediction for {key} is not the one that its run recorded")
    loose = sum(not good for good in counted[last + 1 :])
    if loose:
        yield Finding(
            path, said[last + 1][0], f"{loose} prediction(s) at the end that their run had not counted", note=True
        )


def _recorded(dataset: Dataset, task: str, run: str, keys: list[str]) -> dict[str, set[str]]:
    """The digests of what a run says of items, by key."""
    found: dict[str, set[str]] = {}
    for some in chunks(keys, 500):
        for key, said in dataset.index.db.execute(
            "SELECT i.key, o.digest FROM item i JOIN outcome o ON o.item=i.id JOIN file f ON f.id=o.file WHERE f.present "
            f"AND o.task=? AND o.run=? AND o.digest IS NOT NULL AND i.key IN ({','.join('?' * len(some))})",
            (task, run, *some),
        ):
            found.setdefault(key, set()).add(said)
    return found


def _at_hand(dataset: Dataset, run: str, key: str, digests: set[str]) -> bool:
    rows = dataset.index.db.execute(
        "SELECT p.digest FROM item i JOIN prediction p ON p.item=i.id JOIN file f ON f.id=p.file WHERE f.present AND i.key=? "
        "AND p.run=?", (key, run))  # fmt: skip
    return any(said in digests for (said,) in rows)


def _history(dataset: Dataset, summary: Summary) -> Iterator[Finding]:
    """What history did to label files, and what it cannot tell."""
    repository = dataset.repository
    if isinstance(dataset.index.tree, RevisionTree):
        return
    if repository.shallow():
        text = "this clone is shallow: files changed or deleted before its first commit cannot be seen"
        yield Finding("labels", 0, text, note=True)
    rewritten = repository.rewritten("labels")
    head = repository.head()
    now = repository.tree(head, "labels") if head and rewritten else {}
    for commit, letter, path, blob in rewritten:
        word = {"M": "modified", "D": "deleted", "T": "replaced"}[letter]
        whole = path in now and _begins(dataset, now[path][0], blob)
        text = f"commit {commit[:10]} {word} this label file; " + (
            "all that it held is there" if whole else "they are only ever added"
        )
        yield Finding(path, 0, text, note=whole)
    loose = summary.files - summary.anchored
    if loose > 0:
        text = f"{loose} file(s) are in no commit yet: a record cut off at their end cannot be told"
        yield Finding("labels", 0, text, note=True)


def _begins(dataset: Dataset, blob: str, before: str) -> bool:
    """Whether a blob holds everything that an earlier one did."""
    return blob == before or next(dataset.repository.blobs([blob])).startswith(next(dataset.repository.blobs([before])))


def _absent(dataset: Dataset) -> Iterator[Finding]:
    """What records speak of and is not here."""
    db = dataset.index.db
    count = db.execute(
        "SELECT count(*) FROM outcome o JOIN file f ON f.id=o.file WHERE f.present AND o.digest IS NOT NULL AND NOT EXISTS (SELECT 1 "
        "FROM prediction p JOIN file g ON g.id=p.file WHERE g.present AND p.item=o.item AND p.task=o.task AND p.run=o.run AND p.digest=o.digest)"
    ).fetchone()[0]
    if count:
        text = f"{count} prediction(s) that runs recorded are not here: their bytes cannot be compared"
        yield Finding("predictions", 0, text, note=True)
    for path, key in db.execute(
        "SELECT DISTINCT f.path, i.key FROM decision d JOIN file f ON f.id=d.file AND f.present JOIN item i ON i.id=d.item "
        "WHERE NOT i.alive LIMIT 1000"
    ):
        yield Finding(path, 0, f"decisions on {key}, which is not an item", note=True)


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
