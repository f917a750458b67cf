"""What Git's history still holds of forgotten items, written down for the tool that rewrites it.

A rewritten history keeps everything else: lines of label files become the tombstones that they are now, found by their ids.
What follows from the tree and from history alone, so it can be written at any time, and tells nothing of what it removes.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from trainset.core.dataset import Dataset
from trainset.core.journal import make_folder
from trainset.core.records import buried, lines, parse


@dataclass(frozen=True)
class Purge:
    """Files for `git filter-repo`: what `--replace-text` puts in the place of lines, and the blobs that
    `--strip-blobs-with-ids` takes out of all revisions; None where history holds nothing of the kind."""

    replacements: Path | None
    blobs: Path | None

    @property
    def command(self) -> str:
        """What rewrites history."""
        options = (("--replace-text", self.replacements), ("--strip-blobs-with-ids", self.blobs))
        named = (f"{name} {shlex.quote(str(place))}" for name, place in options if place)
        return " ".join(["git filter-repo --force", *named])


def purge(dataset: Dataset) -> Purge | None:
    """What is to go from history, if anything is."""
    folder = dataset.repository.machine / "forget"
    found = {"replacements.txt": _replacements(dataset), "blobs.txt": _blobs(dataset)}
    if not any(found.values()):
        return None
    make_folder(folder)
    places = []
    for name, rows in found.items():
        (folder / name).write_bytes(b"".join(row + b"\n" for row in rows))
        places.append(folder / name if rows else None)
    return Purge(*places)


def _replacements(dataset: Dataset) -> list[bytes]:
    """A rule for each tombstone of a file that was another one in some commit."""
    rows: list[bytes] = []
    for stamp in dataset.tree.files(("labels",)):
        data = dataset.tree.read(stamp.path)
        if b'"forgotten":"' not in data:
            continue
        if set(dataset.repository.earlier([stamp.path])) - {dataset.repository.blob_id(data)}:
            stones = ((record[0], line) for _, line in lines(data) if (record := parse(line)) and buried(record[1]))
            rows += [b'regex:(?m)^\\{"id":"%b",.*$==>%b' % (name.encode(), line) for name, line in stones]
    return rows


def _blobs(dataset: Dataset) -> list[bytes]:
    """Git's blobs of predictions before lines were taken out, and of geometry that only forgotten items had."""
    repository, folders = dataset.repository, ("predictions", "labels/blobs")
    paths = [path for code, path in repository.changed(folders) if set(code) & {"M", "D"}]
    before = {blob for folder in folders for _, _, _, blob in repository.rewritten(folder)}
    now = {repository.blob_id((dataset.root / path).read_bytes()) for path in paths if (dataset.root / path).is_file()}
    return [blob.encode() for blob in sorted({*repository.earlier(paths), *before} - now)]
