"""The set of label files that a reader sees: those of the working tree, or those of a revision in Git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trainset.core.history import Repository

FOLDERS = ("labels", "predictions")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as a listing shows it: its path below the dataset's root, and what changes when its bytes do."""

    path: str
    size: int
    mtime: int
    inode: int


class Tree(Protocol):
    """Files below the dataset's root."""

    def files(self) -> Iterator[Stamp]:
        """Every record file there is."""
        ...

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a file; FileNotFoundError where there is none."""
        ...


class WorkTree:
    """The files on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> Iterator[Stamp]:
        """Every record file below `labels` and `predictions`."""
        pending = [str(self._root / name) for name in FOLDERS]
        start = len(str(self._root)) + 1
        while pending:
            try:
                entries = os.scandir(pending.pop())
            except FileNotFoundError:
                continue
            with entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.endswith(".jsonl"):
                        s = entry.stat()
                        yield Stamp(entry.path[start:], s.st_size, s.st_mtime_ns, s.st_ino)

    def stamp(self, path: str) -> Stamp:
        """The stamp of one file."""
        s = (self._root / path).stat()
        return Stamp(path, s.st_size, s.st_mtime_ns, s.st_ino)

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a file on disk."""
        with (self._root / path).open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)


class RevisionTree:
    """The files of a commit, read out of Git's object store without touching the working tree."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self._files = {p: b for p, b in repository.tree(commit, *FOLDERS).items() if p.endswith(".jsonl")}
        self._last: tuple[str, bytes] = ("", b"")

    def files(self) -> Iterator[Stamp]:
        """Every record file of the commit."""
        for path, (_, size) in self._files.items():
            yield Stamp(path, size, 0, 0)

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a file at the commit; the last file read is kept, since readers go through a file in order."""
        if self._last[0] != path:
            if path not in self._files:
                raise FileNotFoundError(path)
            self._last = (path, next(self._repository.blobs([self._files[path][0]])))
        data = self._last[1][offset:]
        return data if length < 0 else data[:length]
