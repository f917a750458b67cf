"""Bringing back label files that history took away: a `git revert` of labels, or a merge that went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainset.core.dataset import Dataset
from trainset.core.forgetting import tidy, unused
from trainset.core.forgotten import keeps
from trainset.core.journal import ulid, write_new
from trainset.core.records import lines, parse
from trainset.errors import TrainsetError

_HEADER = 200
"""So many bytes of a file hold the name of its session, which no other file that goes on from it lacks."""


@dataclass(frozen=True)
class Restored:
    """A label file that was brought back at `path`, the commit that had taken it away, and its records."""

    path: str
    commit: str
    records: int


def lost(dataset: Dataset) -> Iterator[tuple[str, str, bytes]]:
    """(commit, path, bytes) of every state of a label file that history changed or deleted, and the tree does not hold:
    the longest of each."""
    repository = dataset.repository
    whole: dict[str, tuple[str, str, bytes]] = {}
    for commit, _, path, blob in repository.rewritten("labels"):
        data = next(repository.blobs([blob]))
        if path not in whole or len(data) > len(whole[path][2]):
            whole[path] = commit, path, data
    gone = unused(dataset, whole)
    for commit, path, data in whole.values():
        if path not in gone and not _is_here(dataset, path, data):
            yield commit, path, data


def restore(dataset: Dataset) -> list[Restored]:
    """Write back all that is lost, durably, under its old name where that is free; `commit` takes it in. Committed files
    that are missing from the tree come back too, with an empty `commit`. What was forgotten stays so."""
    if dataset.commit_id is not None:
        raise TrainsetError("a dataset opened at a revision cannot be written", hint="open it without one")
    found = []
    removed = [path for code, path in dataset.repository.changed(["labels"]) if "D" in code and code != "AD"]
    for path in removed:
        if path not in unused(dataset, removed):
            dataset.repository.restore(path)
            found.append(Restored(path, "", _records((dataset.root / path).read_bytes())))
    for commit, path, data in list(lost(dataset)):
        place = dataset.root / path
        if place.exists():
            place = place.with_name(f"{ulid()}.jsonl")
        write_new(place, data)
        found.append(Restored(place.relative_to(dataset.root).as_posix(), commit, _records(data)))
    dataset.reload()  # migrations may be among them
    tidy(dataset)
    return found


def _records(data: bytes) -> int:
    return sum(parse(line) is not None for _, line in lines(data))


def _is_here(dataset: Dataset, path: str, data: bytes) -> bool:
    """Whether a file of the tree holds these bytes, under this name or (as a writer goes on) another of its folder."""
    place = dataset.root / path
    others = (other for other in place.parent.glob("*.jsonl") if _begins(other, data[:_HEADER]))
    return any(_holds(dataset, other, data) for other in (*((place,) if place.is_file() else ()), *others))


def _holds(dataset: Dataset, path: Path, data: bytes) -> bool:
    return _begins(path, data) or (bool(dataset.forgotten) and keeps(data, path.read_bytes(), dataset.forgotten))


def _begins(path: Path, data: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(data)) == data
