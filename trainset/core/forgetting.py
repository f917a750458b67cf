"""`forget`: an item and all that was said of it leave the dataset as it is now, for good; what Git's history holds stays.

First a record of `labels/forgotten` is durable: from then on nothing tells of the item. Then its lines are taken out of every
file, one file after the other. What is interrupted is finished by the next `tidy`, which needs no key.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from trainset.core.dataset import Dataset
from trainset.core.features import FeatureStore
from trainset.core.forgotten import bury, item_of, met, read_forgotten, salted, unsaid
from trainset.core.journal import replace, take_over, ulid
from trainset.core.leases import Leases
from trainset.core.model import ForgottenItem
from trainset.core.records import check
from trainset.errors import RecordError, TrainsetError

_BLOBS = "labels/blobs/"
_BLOB = re.compile(rb'"blob":"([0-9a-f]{32})"')


@dataclass
class Cleared:
    """What was done: records that became tombstones and the label files that they are in, lines of predictions and
    their files, blobs, edits that were not decided, cached vectors, and whether the index could be scrubbed."""

    records: int = 0
    files: list[str] = field(default_factory=list)
    predictions: int = 0
    predicted: list[str] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    drafts: int = 0
    vectors: int = 0
    scrubbed: bool = True


def media_of(dataset: Dataset, key: str) -> list[Path]:
    """The files of an item on this machine, which `forget` leaves where they are."""
    try:
        return list(dataset.media.paths(dataset.item(key)).values())
    except (TrainsetError, OSError):
        return []


def forget(dataset: Dataset, keys: Sequence[str]) -> Cleared:
    """Forget items, by key; TrainsetError where a session or a run has them open, and then nothing was done."""
    _check(dataset)
    _not_open(dataset, keys)
    salt = dataset.forgotten.salt or _salt(dataset)
    writer = dataset.writer(dataset.header("forgotten"))
    encoded = (msgspec.json.encode(ForgottenItem(item=salted(key, salt), salt=salt)) for key in keys)
    writer.record_all(list(encoded))
    writer.close()
    return tidy(dataset, keys)


def tidy(dataset: Dataset, keys: Iterable[str] = ()) -> Cleared:
    """Take out what is left of forgotten items, in this clone: after a merge, or where it was interrupted. `keys`, where
    they are known, are looked for in torn lines too."""
    if dataset.commit_id is None and dataset.repository.under_way():
        settle(dataset)
    dataset.index.refresh()
    done = Cleared()
    if not dataset.forgotten:
        return done
    _check(dataset)
    named: set[str] = set()
    for path in _files(dataset, keys):
        if path.startswith("predictions/"):
            _clear_predictions(dataset, path, done)
        else:
            named |= _clear(dataset, path, keys, done)
    for name in sorted(named - _used(dataset, named)):
        _unlink(dataset, name, done)
    _clear_machine(dataset, done)
    dataset.index.refresh()
    done.scrubbed = dataset.index.scrub()
    return done


def settle(dataset: Dataset) -> None:
    """In the middle of a merge: settle the files in which both sides forgot items, on lines side by side."""
    forgotten = read_forgotten(dataset.tree)
    for path, (ours, theirs) in dataset.repository.unmerged().items() if forgotten else ():
        if path.startswith("predictions/"):
            sides = {unsaid(side, forgotten)[0] for side in (ours, theirs)}
            found = sides.pop() if len(sides) == 1 else None
        else:
            found = met(ours, theirs, forgotten) if path.startswith("labels/") else None
        if found is not None:
            replace(dataset.root / path, found, dataset.root / ".trainset")
            dataset.repository.settled(path)


def left(dataset: Dataset) -> int:
    """How many records speak of forgotten items, and wait for `tidy`."""
    return int(dataset.index.db.execute("SELECT coalesce(sum(forgotten), 0) FROM file WHERE present").fetchone()[0])


def unused(dataset: Dataset, paths: Iterable[str]) -> set[str]:
    """Those of these paths that are of blobs which no record names, in a dataset that forgot items: they were theirs."""
    names = {path.rpartition("/")[2]: path for path in paths if path.startswith(_BLOBS)} if dataset.forgotten else {}
    return set(names.values()) - {names[name] for name in _used(dataset, set(names))}


def _check(dataset: Dataset) -> None:
    if dataset.commit_id is not None:
        raise TrainsetError("a dataset opened at a revision cannot be written", hint="open it without one")


def _not_open(dataset: Dataset, keys: Iterable[str]) -> None:
    wanted = set(keys)
    for task in dataset.config.tasks:
        for key, who in Leases(dataset.repository.machine / "leases", task, "").others().items():
            if key in wanted:
                raise TrainsetError(
                    f"{who} has {key} open for task {task!r}", hint="leave it there, then do this again"
                )


def _salt(dataset: Dataset) -> str:
    """The name of the first file of items: clones that forget the same item before they meet write the same."""
    return min((path.stem for path in (dataset.root / "labels" / "items").glob("*.jsonl")), default=ulid())


def _files(dataset: Dataset, keys: Iterable[str]) -> list[str]:
    """The files that speak of forgotten items, or of these in a torn line at their end."""
    needles = [msgspec.json.encode(key)[1:-1] for key in keys]
    rows = dataset.index.db.execute("SELECT path, forgotten, end FROM file WHERE present AND (forgotten OR size>end)")
    return [path for path, count, end in rows.fetchall()
            if count or any(needle in dataset.tree.read(path, end) for needle in needles)]  # fmt: skip


def _clear(dataset: Dataset, path: str, keys: Iterable[str], done: Cleared) -> set[str]:
    """Put tombstones into a label file; the blobs that the records named."""
    file, blobs = dataset.root / path, set[str]()

    def change(data: bytes) -> bytes:
        _, _, _, faults = check(data)
        bad = next((fault for fault in faults if not fault.note), None)
        if bad is not None:
            raise RecordError(f"{path}, line {bad.line}: {bad.message}; nothing was forgotten in it",
                              hint="`trainset verify` says what mends it; then `trainset forget` goes on")  # fmt: skip
        after, graves = bury(data, dataset.forgotten)
        blobs.update(*(grave.blobs for grave in graves))
        done.records += len(graves)
        done.files.append(path)
        return after if graves else data[: data.rfind(b"\n") + 1]

    take_over(file, dataset.places.live / file.name, change, dataset.root / ".trainset")
    return blobs


def _clear_predictions(dataset: Dataset, path: str, done: Cleared) -> None:
    file = dataset.root / path
    with file.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainsetError(
                f"a run is still writing {path}", hint="when it has ended, `trainset forget` goes on"
            ) from None
        after, count = unsaid(stream.read(), dataset.forgotten)
        replace(file, after, dataset.root / ".trainset")
    done.predictions += count
    done.predicted.append(path)


def _used(dataset: Dataset, names: set[str]) -> set[str]:
    """Those of these blobs that a record names."""
    found: set[str] = set()
    for stamp in dataset.tree.files(("labels",)) if names else ():
        with suppress(FileNotFoundError):
            found |= names & {name.decode() for name in _BLOB.findall(dataset.tree.read(stamp.path))}
    return found


def _unlink(dataset: Dataset, name: str, done: Cleared) -> None:
    for folder in (dataset.places.labels, dataset.places.live):
        path = folder / "blobs" / name
        if path.exists():
            path.unlink()
            done.blobs += [name] if folder == dataset.places.labels else []


def _clear_machine(dataset: Dataset, done: Cleared) -> None:
    """What this machine keeps beside the dataset: edits that were not decided, and vectors."""
    for path in (dataset.repository.machine / "drafts").rglob("*.json"):
        with suppress(OSError):
            if (key := item_of(path.read_bytes())) is not None and dataset.forgotten.holds(key):
                path.unlink()
                done.drafts += 1
    folder = dataset.cache() / "features"
    if folder.is_dir():
        store = FeatureStore(folder)
        try:
            done.vectors = store.drop(dataset.forgotten.holds)
        finally:
            store.close()
