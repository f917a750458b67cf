"""Annotations too large for a line, in files of their own under `labels/blobs`, named by the digest of their bytes.

Like label files they are only ever added, are durable before the record that names them, and keep a second link under
Git's folder until a commit holds them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from trainset.core.files import digest
from trainset.core.journal import GitView, Places, make_folder, sync_folder
from trainset.errors import RecordError

LIMIT = 64 * 1024
FOLDER = "blobs"


class Blobs:
    """The blobs of a dataset. `read` gives the bytes of a path below its root, in the tree or at the revision that is
    open."""

    def __init__(self, places: Places, read: Callable[[str], bytes]) -> None:
        self._folder, self._live, self._read = places.labels / FOLDER, places.live / FOLDER, read
        self._drafts = places.labels.parent / ".trainset"

    def put(self, data: bytes) -> str:
        """Store `data`; its digest, once it is on disk."""
        name = digest(data)
        path = self._folder / name
        if not (path.is_file() and path.read_bytes() == data):
            try:
                for folder in (self._folder, self._live):
                    make_folder(folder)
                self._write(path, data)
                self._link(path, self._live / name)
                for folder in (self._folder, self._live):
                    sync_folder(folder)
            except OSError as error:
                raise RecordError(
                    f"{path} could not be written: {error.strerror}", hint="free some space, then do it again"
                ) from error
        return name

    def get(self, name: str) -> bytes:
        """The bytes of this digest; RecordError where they are missing or others."""
        path = f"labels/{FOLDER}/{name}"
        try:
            data = self._read(path)
        except FileNotFoundError:
            raise RecordError(f"{path} is missing", hint=f"`git checkout HEAD -- {path}` brings it back") from None
        if digest(data) != name:
            raise RecordError(
                f"{path} was changed: its bytes do not match its name", hint=f"`git checkout HEAD -- {path}`"
            )
        return data

    def recover(self, git: GitView) -> None:
        """Give blobs back that Git took away before a commit held them, and let go of those that one holds."""
        for live in sorted(self._live.iterdir()) if self._live.is_dir() else ():
            path = self._folder / live.name
            with suppress(FileNotFoundError):  # another process let go of it just now
                if git.has(path, live) or (not path.exists() and git.has(path, live, anywhere=True)):
                    live.unlink()
                elif not path.exists():
                    make_folder(self._folder)
                    self._link(live, path)
                    sync_folder(self._folder)

    def _write(self, path: Path, data: bytes) -> None:
        self._drafts.mkdir(exist_ok=True)
        draft = self._drafts / f"{path.name}.{os.getpid()}"
        _durable(draft, data)
        draft.replace(path)

    def _link(self, path: Path, other: Path) -> None:
        if not other.exists():
            try:
                os.link(path, other)
            except OSError:  # another file system, or one without links
                _durable(other, path.read_bytes())


def _durable(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
