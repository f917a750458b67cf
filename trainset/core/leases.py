"""Which items the live sessions of a clone have open.

A session's lease is a file that it keeps locked, so that the lease ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from trainset.core.journal import ulid


class Lease(msgspec.Struct, kw_only=True, frozen=True):
    """What one session has open: the keys of items of a task, and who sits where."""

    reviewer: str
    task: str
    items: tuple[str, ...]
    process: int
    host: str


_lease = msgspec.json.Decoder(Lease)


class Leases:
    """The leases of one session on a task, among those of others in the same `folder`.

    Where no file can be written or locked there are no leases, and review goes on without.
    """

    def __init__(self, folder: Path, task: str, reviewer: str) -> None:
        self._folder, self._task, self._reviewer = folder, task, reviewer
        self._path = folder / f"{ulid()}.json"
        self._fd = -1

    def hold(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Have these items open, and no others; those of them that somebody else has open, with who that is."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _one_at_a_time(self._folder):
                self._write(keys)
                found = self._others()
        except OSError:
            return {}
        return {key: found[key] for key in keys if key in found}

    def others(self) -> Mapping[str, str]:
        """The items of the task that other sessions have open, by key, each with who has."""
        try:
            with _one_at_a_time(self._folder):
                return self._others()
        except OSError:
            return {}

    def close(self) -> None:
        """Let go of what is held."""
        if self._fd >= 0:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1

    def _write(self, keys: Sequence[str]) -> None:
        if self._fd < 0:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # others would take what is not locked for a dead session's
                os.close(fd)
                raise
            self._fd = fd
        lease = Lease(
            reviewer=self._reviewer, task=self._task, items=tuple(keys), process=os.getpid(), host=platform.node()
        )
        data = msgspec.json.encode(lease)
        os.pwrite(self._fd, data, 0)
        os.ftruncate(self._fd, len(data))

    def _others(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in self._folder.glob("*.json"):
            if path == self._path or (data := _live(path)) is None:
                continue
            with suppress(msgspec.DecodeError):
                lease = _lease.decode(data)
                if lease.task == self._task:
                    found.update(dict.fromkeys(lease.items, lease.reviewer))
        return found


def _live(path: Path) -> bytes | None:
    """What a lease says; None where its process is gone, and then the file is removed."""
    with suppress(FileNotFoundError), path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return stream.read()
        path.unlink(missing_ok=True)
    return None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two sessions that look for their next item at the same moment do so one after the other."""
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
