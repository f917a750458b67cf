"""What a commit, or a branch, would bring: the label files in which what is staged differs from a revision, each proved by itself.

No index, media or models are looked at, so that it takes as long as the change is large: for a hook, or a check of a branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from trainset.core.blobs import Blobs
from trainset.core.codec import Codec
from trainset.core.files import digest
from trainset.core.forgotten import Forgotten, keeps, keeps_predictions, read_forgotten
from trainset.core.history import Repository
from trainset.core.journal import Places
from trainset.core.kit import Kit
from trainset.core.records import read_header
from trainset.core.tree import StagedTree
from trainset.core.verify import Finding, Summary, labels, predictions


class Staged:
    """The label files that are staged in a dataset at `root`, against those of the revision `since`, or of the commit that
    it and HEAD have in common."""

    def __init__(self, root: Path, kit: Kit, since: str) -> None:
        self.repository = Repository(root)
        self.tree = StagedTree(self.repository)
        self.forgotten: Forgotten = read_forgotten(self.tree)
        places = Places(root / "labels", self.repository.live)
        self.codec = Codec(kit.types(), kit.type_versions(), Blobs(places, self.tree.read))
        self._since = self.repository.fork(since)

    def verify(self, summary: Summary) -> Iterator[Finding]:
        """What is wrong with them, streaming."""
        for letter, path, before in self.repository.staged(self._since):
            for finding in self._look(letter, path, before, summary):
                summary.problems += not finding.note
                yield finding

    def _look(self, letter: str, path: str, before: str, summary: Summary) -> Iterator[Finding]:
        data = b"" if letter == "D" else self.tree.read(path)
        if path.startswith("labels/blobs/"):
            name = path.rpartition("/")[2]
            if letter == "D" and not self.forgotten:
                yield Finding(path, 1, "it was deleted; label files are only ever added")
            elif letter != "D" and digest(data) != name:
                yield Finding(path, 1, "its bytes do not match its name")
            return
        if not path.endswith(".jsonl"):
            return
        speaks = path.startswith("labels/")
        if letter != "D":
            yield from labels(self, path, data, summary) if speaks else predictions(self, path, data, self._types(path))
        if letter == "D" and speaks:
            yield Finding(path, 1, "it was deleted; `trainset restore` brings it back")
        elif letter in "MT" and not self._goes_on(path, next(self.repository.blobs([before])), data):
            yield Finding(path, 1, "it differs from its commit; label files and predictions are only ever added")

    def _types(self, path: str) -> Mapping[str, int]:
        """The versions of annotation types that the run of a file of predictions wrote."""
        _, task, run = f"{path}///".split("/")[:3]
        for stamp in self.tree.files((f"labels/runs/{task}",)):
            header = read_header(self.tree.read(stamp.path).partition(b"\n")[0])
            if header is not None and header.run == run:
                return header.types
        return {}

    def _goes_on(self, path: str, before: bytes, data: bytes) -> bool:
        """Whether a file that was committed lost nothing but what was forgotten."""
        if path.startswith("predictions/"):
            return keeps_predictions(before, data, self.forgotten)
        return data.startswith(before) or (bool(self.forgotten) and keeps(before, data, self.forgotten))
