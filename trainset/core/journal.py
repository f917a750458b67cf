"""Writing label files: append, make durable, survive Git pulling the file away, seal.

A file is appended to only until Git has seen it, by one process. A second link to it under Git's own folder keeps its
records reachable when a checkout, stash or clean removes its path.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from trainset.core.model import Header
from trainset.core.records import Chain, check, header_line, lines, read_header
from trainset.errors import RecordError, TrainsetError

ROTATE = 32 * 1024 * 1024
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid() -> str:
    """A new ULID: 48 bits of milliseconds, 80 of chance, 26 characters that sort by time (github.com/ulid/spec)."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class GitView(Protocol):
    """What a writer must know of Git."""

    def fingerprint(self) -> tuple[object, ...]:
        """Something that changes whenever HEAD or the index does."""
        ...

    def holds(self, path: Path) -> bool:
        """Whether the index or HEAD has this path."""
        ...


@dataclass(frozen=True)
class Places:
    """Where label files of a dataset lie: the `labels` folder, and the folder of live links under Git's own."""

    labels: Path
    live: Path

    def folder(self, header: Header) -> Path:
        """The folder that a file with this header belongs in."""
        folder = self.labels / header.kind
        if header.task is not None:
            folder /= header.task
        if header.kind == "decisions":
            folder = folder / (header.reviewer or "unknown") / header.started[:7]
        return folder


class Writer:
    """Appends records under one header, over as many files as Git and their size make necessary."""

    def __init__(self, places: Places, git: GitView, header: Header) -> None:
        self._places = places
        self._git = git
        self._header = header
        self._fd = -1
        self._mirror = -1
        self._path = places.labels
        self._live = places.live
        self._chain = Chain(b"", 0, b"")
        self._size = 0
        self._seen: tuple[object, ...] = ()
        self._name = ""

    @property
    def path(self) -> Path:
        """The file that is being written, or was last."""
        return self._path

    def record(self, body: bytes) -> str:
        """Append one record; its id once it is on disk."""
        identity = self.append([body])[0]
        self.sync()
        return identity

    def append(self, bodies: Sequence[bytes]) -> list[str]:
        """Append records, each the JSON object of a record without id and chain. Not durable before `sync`."""
        if not bodies:
            return []
        self._ready()
        with _locked(self._fd):
            if os.fstat(self._fd).st_size == self._size:
                return self._put(bodies)
        self._close()  # another process sealed the file
        return self.append(bodies)

    def _put(self, bodies: Sequence[bytes]) -> list[str]:
        chain = Chain(self._chain.header, self._chain.count, self._chain.value)
        out = [chain.append(body) for body in bodies]
        data = b"".join(line + b"\n" for line, _ in out)
        _write(self._fd, data, self._path)
        if self._mirror >= 0:
            _write(self._mirror, data, self._live)
        self._chain, self._size = chain, self._size + len(data)
        return [identity for _, identity in out]

    def sync(self) -> None:
        """Return once everything appended is on disk and reachable under the dataset's labels."""
        if self._fd < 0:
            return
        try:
            os.fsync(self._fd)
            if self._mirror >= 0:
                os.fsync(self._mirror)
            self._reattach()
        except OSError as error:
            raise _disk(self._path, error) from error

    def close(self) -> None:
        """Make everything durable and let go of the file; it stays unsealed until `commit` seals it."""
        self.sync()
        self._close()

    def _close(self) -> None:
        for fd in (self._fd, self._mirror):
            if fd >= 0:
                os.close(fd)
        self._fd = self._mirror = -1

    def _ready(self) -> None:
        """Have a file that may be appended to."""
        if self._fd >= 0 and self._size > ROTATE:
            self.close()
        if self._fd >= 0:
            seen = self._git.fingerprint()
            if seen != self._seen:
                self._seen = seen
                if self._git.holds(self._path):
                    self.close()
        if self._fd < 0:
            self._open()

    def _open(self) -> None:
        continues, self._name = (self._name or None), ulid()
        header = msgspec.structs.replace(
            self._header, started=now(), session=self._header.session or self._name, continues=continues
        )
        if header.kind == "runs" and header.run is None:
            header = msgspec.structs.replace(header, run=self._name)
        self._header = header
        folder = self._places.folder(header)
        self._path, self._live = folder / f"{self._name}.jsonl", self._places.live / f"{self._name}.jsonl"
        line = header_line(header) + b"\n"
        try:
            for place in (folder, self._places.live):
                make_folder(place)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            _write(self._fd, line, self._path)
            os.fsync(self._fd)
            try:
                os.link(self._path, self._live)
            except OSError:  # another file system, or one without links
                self._mirror = os.open(
                    self._live, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644
                )
                _write(self._mirror, line, self._live)
            for place in (folder, self._places.live):
                sync_folder(place)
        except OSError as error:
            self._close()
            raise _disk(self._path, error) from error
        self._chain, self._size = Chain.start(line[:-1]), len(line)
        self._seen = self._git.fingerprint()

    def _reattach(self) -> None:
        """Where the path no longer leads to our file, give the file a new path: Git may want the old one back."""
        mine = os.fstat(self._fd)
        try:
            if os.path.samestat(self._path.stat(), mine):
                return
        except FileNotFoundError:
            pass
        self._path = self._places.folder(self._header) / f"{ulid()}.jsonl"
        make_folder(self._path.parent)
        if not _link(self._live, self._path, mine):
            data = os.pread(self._fd, self._size, 0)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            _write(fd, data, self._path)
            os.fsync(fd)
            os.close(self._fd)
            self._fd = fd
        sync_folder(self._path.parent)


def _link(live: Path, path: Path, mine: os.stat_result) -> bool:
    try:
        if not os.path.samestat(live.stat(), mine):
            return False
        os.link(live, path)
    except OSError:
        return False
    return True


def _write(fd: int, data: bytes, path: Path) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise _disk(path, error) from error


def _disk(path: Path, error: OSError) -> TrainsetError:
    return RecordError(
        f"{path} could not be written: {error.strerror}; nothing of this was recorded",
        hint="free some space or mend the permissions, then do it again",
    )


@contextmanager
def _locked(fd: int) -> Iterator[None]:
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, each durable."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def seal(path: Path) -> bool:
    """Write the end of a label file, whoever wrote it; False where it is sealed already, RecordError where it is not
    sound. A live writer notices, and goes on in a new file."""
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        with _locked(fd):
            data = path.read_bytes()
            _, chain, sealed, faults = check(data)
            bad = [f for f in faults if not f.note]
            if chain is None or bad:
                where = f"{path}, line {bad[0].line}: {bad[0].message}" if bad else f"{path} has no header"
                raise RecordError(f"{where}; it was not committed", hint="`trainset verify` lists every such file")
            if sealed:
                return False
            end = b"" if data.endswith(b"\n") else b"\n"
            _write(fd, end + chain.end() + b"\n", path)
            os.fsync(fd)
    finally:
        os.close(fd)
    return True


@dataclass(frozen=True)
class Recovered:
    """A session file that had lost its path, and the records it brought back."""

    path: Path
    records: int


def orphans(places: Places) -> list[Path]:
    """Live files whose bytes are in no label file of the tree."""
    if not places.live.is_dir():
        return []
    return [live for live in sorted(places.live.glob("*.jsonl")) if not _attached(places, live)]


def _attached(places: Places, live: Path) -> bool:
    with live.open("rb") as stream:
        header = read_header(stream.readline().rstrip(b"\n"))
    if header is None:  # nothing in it was ever acknowledged
        return True
    mine = live.stat()
    folder = places.folder(header)
    home = folder / live.name
    if home.is_file() and home.stat().st_size >= mine.st_size:
        with home.open("rb") as stream:
            if stream.read(mine.st_size) == live.read_bytes():
                return True
    return folder.is_dir() and any(entry.inode() == mine.st_ino for entry in os.scandir(folder))


def recover(places: Places, live: Path) -> Recovered:
    """Give an orphaned live file a path in the tree again, under a new name."""
    data = live.read_bytes()
    first = next(lines(data))
    header = read_header(first[1])
    if header is None:
        raise RecordError(f"{live} has no header", hint="look at it, and remove it by hand")
    path = places.folder(header) / f"{ulid()}.jsonl"
    make_folder(path.parent)
    try:
        os.link(live, path)
    except OSError:
        path.write_bytes(data)
    sync_folder(path.parent)
    return Recovered(path, sum(1 for _ in lines(data)) - 1)
