"""The set of label files that a reader sees: those of the working tree, or those of a revision in Git."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

from trainset.core.history import Repository

FOLDERS = ("labels", "predictions")
_WINDOW = 1 << 16
_WINDOWS = 64
_KEPT = 1 << 27


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file as a listing shows it: its path below the dataset's root, and what changes when its bytes do.

    `changed` is its ctime in ns: unlike mtime, nobody can set it back.
    """

    path: str
    size: int
    changed: int
    inode: int


class Tree(Protocol):
    """Files below the dataset's root."""

    def files(self, folders: Sequence[str] = FOLDERS) -> Iterator[Stamp]:
        """Every record file there is below these folders."""
        ...

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a file; FileNotFoundError where there is none."""
        ...


class WorkTree:
    """The files on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self, folders: Sequence[str] = FOLDERS) -> Iterator[Stamp]:
        """Every record file below these folders; what Git takes away meanwhile is passed over."""
        pending = [str(self._root / name) for name in folders]
        start = len(str(self._root)) + 1
        while pending:
            try:
                entries = os.scandir(pending.pop())
            except (FileNotFoundError, NotADirectoryError):
                continue
            with entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.endswith(".jsonl") and entry.path[start:].isprintable():
                        try:
                            s = entry.stat()
                        except FileNotFoundError:
                            continue
                        yield Stamp(entry.path[start:], s.st_size, s.st_ctime_ns, s.st_ino)

    def stamp(self, path: str) -> Stamp:
        """The stamp of one file."""
        s = (self._root / path).stat()
        return Stamp(path, s.st_size, s.st_ctime_ns, s.st_ino)

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a file on disk."""
        with (self._root / path).open("rb") as stream:
            stream.seek(offset)
            return stream.read(length)


class RevisionTree:
    """The files of a commit, read out of Git's object store without touching the working tree."""

    def __init__(self, repository: Repository, commit: str) -> None:
        self._repository = repository
        self._files = repository.tree(commit, *FOLDERS)
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def files(self, folders: Sequence[str] = FOLDERS) -> Iterator[Stamp]:
        """Every record file of the commit below these folders."""
        below = tuple(f"{folder}/" for folder in folders)
        for path, (_, size) in self._files.items():
            if path.endswith(".jsonl") and path.startswith(below):
                yield Stamp(path, size, 0, 0)

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a file at the commit; what was read last is kept, up to 128 MB."""
        with self._lock:
            if path not in self._kept:
                if path not in self._files:
                    raise FileNotFoundError(path)
                self._kept[path] = next(self._repository.blobs([self._files[path][0]]))
                while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(path)
            data = self._kept[path]
        return data[offset:] if length < 0 else data[offset : offset + length]


class StagedTree:
    """The files that are staged, read out of Git's object store."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._files = repository.index_tree()

    def files(self, folders: Sequence[str] = FOLDERS) -> Iterator[Stamp]:
        """Every record file that is staged below these folders; of none is the size known."""
        below = tuple(f"{folder}/" for folder in folders)
        for path in self._files:
            if path.endswith(".jsonl") and path.startswith(below):
                yield Stamp(path, 0, 0, 0)

    def read(self, path: str, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a staged file."""
        if path not in self._files:
            raise FileNotFoundError(path)
        data = next(self._repository.blobs([self._files[path]]))[offset:]
        return data if length < 0 else data[:length]


class Windows:
    """Short ranges of a tree's files, read through windows of 64 kB: readers go through several files at once, each in
    order. Safe to share between threads."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._kept: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._lock = Lock()

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of a file; FileNotFoundError where there is none."""
        with self._lock:
            start, data = self._kept.get(path, (0, b""))
        if not start <= offset <= offset + length <= start + len(data):
            start, data = offset, self._tree.read(path, offset, max(length, _WINDOW))
            with self._lock:
                self._kept[path] = (start, data)
                self._kept.move_to_end(path)
                if len(self._kept) > _WINDOWS:
                    self._kept.popitem(last=False)
        return data[offset - start : offset - start + length]

    def forget(self, path: str) -> None:
        """Drop what is kept of a file that changed."""
        with self._lock:
            self._kept.pop(path, None)
