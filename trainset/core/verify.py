"""`verify`: what is wrong with the label files, with their history in Git and with the media at hand; and what cannot
be proved. *Consistent* means that every file agrees with itself; *anchored* that a commit holds it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from msgspec import UNSET, Raw, UnsetType, json

from trainset.core.codec import Codec
from trainset.core.dataset import Dataset
from trainset.core.files import chunks, digest
from trainset.core.forgetting import unused
from trainset.core.forgotten import Forgotten, item_of, keeps, keeps_predictions
from trainset.core.index.digests import KNOWN
from trainset.core.mending import mend
from trainset.core.model import (
    Decision,
    ForgottenItem,
    Header,
    ItemRecord,
    LotEntry,
    Migration,
    Outcome,
    Prediction,
    is_item,
    is_key,
)
from trainset.core.records import SCHEMA, UNREADABLE, buried, check, lines, parse, read_header
from trainset.core.tree import FOLDERS, RevisionTree, WorkTree
from trainset.errors import RecordError, TrainsetError

_RECORDS: Mapping[str, json.Decoder[Any]] = {
    "items": json.Decoder(ItemRecord),
    "decisions": json.Decoder(Decision),
    "runs": json.Decoder(Outcome),
    "lots": json.Decoder(LotEntry),
    "migrations": json.Decoder(Migration),
    "forgotten": json.Decoder(ForgottenItem),
}
_FORGOTTEN = "it speaks of an item that was forgotten; `trainset forget` clears it"
_prediction = json.Decoder(Prediction)


@dataclass(frozen=True)
class Finding:
    """A problem (or a note, which takes nothing away), with the file and line where there is one."""

    file: str
    line: int
    message: str
    note: bool = False


class Known(Protocol):
    """What records are judged by: how annotations are read, and what was forgotten."""

    @property
    def codec(self) -> Codec:
        """Reads annotations."""
        ...

    @property
    def forgotten(self) -> Forgotten:
        """The items of which nothing may tell any more."""
        ...


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


def verify(dataset: Dataset, summary: Summary, media: bool | None = False) -> Iterator[Finding]:
    """Everything that is wrong, streaming; `media` reads every medium again and compares its digest, None looks at none."""
    for finding in chain(
        _files(dataset, summary),
        _history(dataset, summary),
        _absent(dataset),
        _items(dataset),
        _contradictions(dataset),
        _orphans(dataset),
        () if media is None else _media(dataset, summary, media),
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
            yield from _counted(dataset, stamp.path, data)
        else:
            sound = yield from labels(dataset, stamp.path, data, summary)
            if not (sound or isinstance(tree, RevisionTree)) and (advice := mend(dataset, stamp.path)):
                yield Finding(stamp.path, 0, advice, note=True)
            summary.anchored += stamp.path in committed
        if stamp.path in committed:
            yield from _differs(dataset, stamp.path, data, committed.pop(stamp.path)[0])
    yield from _missing(dataset, [path for path in committed if path.endswith(".jsonl")])


def labels(known: Known, path: str, data: bytes, summary: Summary) -> Generator[Finding, None, bool]:
    """What is wrong with a label file; whether its bytes are those that were written."""
    header, proved, sealed, faults = check(data)
    summary.files += 1
    summary.open += not sealed
    summary.records += proved.count if proved else 0
    sound = all(fault.note for fault in faults)
    for fault in faults:
        yield Finding(path, fault.line, fault.message, fault.note)
    if header is None:
        return sound
    parts = path.split("/")
    if len(parts) < 3 or parts[1] != header.kind or (header.task and parts[2] != header.task):
        yield Finding(path, 1, f"a file of {header.kind} for task {header.task!r} does not belong in this folder")
    if header.kind == "decisions" and header.reviewer not in parts:
        yield Finding(path, 1, f"decisions of {header.reviewer!r} do not belong in this folder")
    if header.trainset > SCHEMA:
        yield Finding(path, 1, "a newer version of trainset wrote it: what its records say is not judged", note=True)
        return sound
    faulty = {fault.line for fault in faults}
    for number, (_, line) in enumerate(lines(data), start=1):
        record = None if number in faulty else parse(line)
        if record is not None and (wrong := _unusable(known, header, record[1])):
            yield Finding(path, number, wrong)
    return sound


def _unusable(known: Known, header: Header, body: bytes) -> str | None:
    """Why nobody can use what a record says, however well it is chained; None where one can."""
    if (mark := buried(body)) is not None:
        return None if known.forgotten.names(mark) else "a record was taken away as if its item had been forgotten"
    if known.forgotten and (key := item_of(body)) is not None and known.forgotten.holds(key):
        return _FORGOTTEN
    if header.kind not in _RECORDS:
        return None
    try:
        record = _RECORDS[header.kind].decode(body)
        if isinstance(record, ItemRecord):
            return None if is_item(record.item) else f"item {record.item.key!r} does not lead below its source"
        if isinstance(record, Migration | ForgottenItem):
            return None
        if not is_key(record.item):
            return f"{record.item!r} is no item's key"
        if isinstance(record, Decision):
            return _unsaid(record) or _mistyped(known, record.annotations, header.types)
    except UNREADABLE as error:
        return f"not a record of {header.kind} that can be used: {error}"
    return None


def _unsaid(decision: Decision) -> str | None:
    answers = decision.verdict in ("accepted", "corrected")
    return f"{decision.verdict} without annotations" if answers and decision.annotations is UNSET else None


def _mistyped(known: Known, raw: Raw | UnsetType, types: Mapping[str, int]) -> str | None:
    """What is wrong with annotations as they are stored."""
    if isinstance(raw, UnsetType):
        return None
    try:
        ids = [a.id for a in known.codec.decode(raw, types, strict=True)]
    except RecordError as error:
        return error.message
    return None if len({*ids, ""}) == len(ids) + 1 else "annotations without an id of their own"


def _differs(dataset: Dataset, path: str, data: bytes, blob: str) -> Iterator[Finding]:
    if dataset.repository.blob_id(data) == blob:
        return
    before, forgotten = next(dataset.repository.blobs([blob])), dataset.forgotten
    if forgotten and (keeps if path.startswith("labels/") else keeps_predictions)(before, data, forgotten):
        yield Finding(path, 0, "what it said of forgotten items is out, and not committed yet", note=True)
        return
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


@dataclass(frozen=True)
class _Said:
    """A line of predictions: its number, the item, and the digest of what it says."""

    line: int
    key: str
    digest: str


def predictions(
    known: Known, path: str, data: bytes, types: Mapping[str, int]
) -> Generator[Finding, None, list[_Said]]:
    """Lines of a file of predictions that nobody can use; those that can be used. `types` are the versions of annotation
    types that their run wrote."""
    said: list[_Said] = []
    for number, (_, line) in enumerate(lines(data), start=1):
        try:
            prediction = _prediction.decode(line)
        except UNREADABLE as error:
            yield Finding(path, number, f"not a prediction: {error}")
            continue
        if known.forgotten.holds(prediction.item):
            yield Finding(path, number, _FORGOTTEN)
            continue
        wrong = None if is_key(prediction.item) else f"{prediction.item!r} is no item's key"
        if wrong := wrong or _mistyped(known, prediction.annotations, types):
            yield Finding(path, number, wrong)
        said.append(_Said(number, prediction.item, digest(prediction.annotations)))
    return said


def _counted(dataset: Dataset, path: str, data: bytes) -> Iterator[Finding]:
    """Lines that are not what the run recorded. What a run wrote last and was killed before it counted is none."""
    _, task, run = f"{path}///".split("/")[:3]
    said = yield from predictions(dataset, path, data, _types(dataset, run))
    if data and not data.endswith(b"\n"):
        yield Finding(path, data.count(b"\n") + 1, "a torn line at the end: the run had not counted it", note=True)
    recorded = _recorded(dataset, task, run, [one.key for one in said])
    counted = [one.digest in recorded.get(one.key, ()) for one in said]
    last = max((n for n, good in enumerate(counted) if good), default=-1)
    for n, one in enumerate(said):
        known = recorded.get(one.key)
        if not counted[n] and (n < last or (known and not _at_hand(dataset, run, one.key, known))):
            yield Finding(path, one.line, f"the prediction for {one.key} is not the one that its run recorded")
    loose = sum(not good for good in counted[last + 1 :])
    if loose:
        yield Finding(
            path, said[last + 1].line, f"{loose} prediction(s) at the end that their run had not counted", note=True
        )


def _types(dataset: Dataset, run: str) -> Mapping[str, int]:
    """The versions of annotation types that a run wrote."""
    found = dataset.index.db.execute("SELECT header FROM file WHERE kind='runs' AND run=? AND present LIMIT 1", (run,))
    header = next((read_header(raw) for (raw,) in found), None)
    return header.types if header else {}


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
    gone = unused(dataset, [path for _, letter, path, _ in rewritten if letter == "D"])
    for commit, letter, path, blob in rewritten:
        word = {"M": "modified", "D": "deleted", "T": "replaced"}[letter]
        if letter == "D" and path in gone:
            yield Finding(path, 0, f"commit {commit[:10]} deleted this blob, which was of a forgotten item", note=True)
            continue
        whole = path in now and _begins(dataset, now[path][0], blob)
        text = f"commit {commit[:10]} {word} this label file; " + (
            "all that it held is there" + (", but for forgotten items" if dataset.forgotten else "")
            if whole
            else "they are only ever added"
        )
        yield Finding(path, 0, text, note=whole)
    loose = summary.files - summary.anchored
    if loose > 0:
        text = f"{loose} file(s) are in no commit yet: a record cut off at their end cannot be told"
        yield Finding("labels", 0, text, note=True)


def _begins(dataset: Dataset, blob: str, before: str) -> bool:
    """Whether a blob holds everything that an earlier one did, but for what was forgotten."""
    if blob == before:
        return True
    now, was = (next(dataset.repository.blobs([one])) for one in (blob, before))
    return now.startswith(was) or (bool(dataset.forgotten) and keeps(was, now, dataset.forgotten))


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
    for key, task, reasons in dataset.index.db.execute(
        "SELECT i.key, s.task, s.reasons FROM state s JOIN item i ON i.id=s.item WHERE s.state='stale' ORDER BY 1, 2"
    ):
        yield Finding("labels/decisions", 0, f"{key} ({task}): {', '.join(json.decode(reasons))}", note=True)


def _contradictions(dataset: Dataset) -> Iterator[Finding]:
    for task, migrations in dataset.migrations.items():
        for text in migrations.contradictions():
            yield Finding(
                f"labels/migrations/{task}", 0, f"{text}; `trainset task rename-label {task} OLD NEW` settles it"
            )


def _orphans(dataset: Dataset) -> Iterator[Finding]:
    """Answers to objects that were removed since: they are not part of any answer, and nothing is lost of them."""
    for task in (t for t in dataset.config.tasks.values() if t.on):
        for key, orphans in dataset.index.db.execute(
            "SELECT i.key, a.orphans FROM asked a JOIN item i ON i.id=a.item WHERE a.task=? AND a.orphans<>'' ORDER BY 1",
            (task.name,),
        ).fetchall():
            for rid, name in json.decode(orphans):
                path, offset, who = dataset.index.db.execute(
                    "SELECT f.path, d.offset, f.reviewer FROM decision d JOIN file f ON f.id=d.file WHERE d.rid=? AND f.present LIMIT 1",
                    (rid,),
                ).fetchone()
                line = dataset.index.tree.read(path, 0, offset).count(b"\n") + 1
                text = f"{who} answered {task.name!r} for object {name!r} of {key}, which is none of its {task.on} any more"
                yield Finding(path, line, text, note=True)


def _media(dataset: Dataset, summary: Summary, thorough: bool) -> Iterator[Finding]:
    if not isinstance(dataset.index.tree, WorkTree):
        return
    missing = 0
    known = dict(dataset.index.db.execute(f"SELECT i.id, {KNOWN} FROM item i WHERE i.alive")) if thorough else {}
    for row in dataset.rows(None):
        item, was = row.item, known.get(row.number)
        if item.size is None and was is None:
            continue
        try:
            paths = dataset.media.paths(item)
            size = sum(p.stat().st_size for p in paths.values())
        except (TrainsetError, OSError):
            missing += 1
            continue
        if (
            item.size not in (None, size) and item.row is None
        ):  # a table may grow: its rows are compared by their digests
            yield Finding(
                str(next(iter(paths.values()))),
                0,
                f"{item.key} has {size} bytes, {item.size} were registered; `trainset add` records the change",
            )
        elif was is not None:
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
