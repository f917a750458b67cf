"""Writing label files: append, make durable, survive Git pulling the file away, seal.

A file is appended to only until Git has seen it, by one process. A second link to it under Git's own folder keeps its
records reachable when a checkout, stash or clean removes its path.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Protocol

import msgspec

from trainset.core.model import Header
from trainset.core.records import Chain, check, header_line, lines, read_header
from trainset.errors import RecordError, TrainsetError

ROTATE = 32 * 1024 * 1024
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid() -> str:
    """A new ULID: 48 bits of milliseconds, 80 of chance, 26 characters that sort by time (github.com/ulid/spec)."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))


def is_ulid(text: str) -> bool:
    """Whether a text has the form of a ULID, as the ids of runs have."""
    return len(text) == 26 and set(text) <= set(_CROCKFORD)


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

    def has(self, path: Path, content: Path, *, anywhere: bool = False) -> bool:
        """Whether HEAD (or, `anywhere`, any commit but a stash) has a file of this path that begins with `content`'s
        bytes."""
        ...


@dataclass(frozen=True)
class Places:
    """Where label files of a dataset lie: the `labels` folder, and the folder of live links under Git's own."""

    labels: Path
    live: Path

    def folder(self, header: Header) -> Path:
        """The folder that a file with this header belongs in; RecordError where a name would lead out of it."""
        for name in (header.task, header.reviewer):
            if name is not None and not _PLAIN.fullmatch(name):
                raise RecordError(
                    f"{name!r} cannot name a folder of label files", hint="use letters, digits, ., - and _"
                )
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
        self._durable = 0
        self._seen: tuple[object, ...] = ()
        self._lock = RLock()

    @property
    def path(self) -> Path:
        """The file that is being written, or was last."""
        return self._path

    def record(self, body: bytes) -> str:
        """Append one record; its id once it is on disk."""
        return self.record_all([body])[0]

    def record_all(self, bodies: Sequence[bytes]) -> list[str]:
        """Append records, all of them or none; their ids once they are on disk."""
        with self._lock:
            ids = self.append(bodies)
            self.sync()
        return ids

    def append(self, bodies: Sequence[bytes]) -> list[str]:
        """Append records, each the JSON object of a record without id and chain. Not durable before `sync`."""
        if not bodies:
            return []
        with self._lock:
            try:
                self._ready()
                with _locked(self._fd):
                    if os.fstat(self._fd).st_size == self._size:
                        return self._put(bodies)
                self.close()  # another process sealed the file, or took it over
                return self.append(bodies)
            except OSError as error:
                raise _disk(self._path, error) from error

    def _put(self, bodies: Sequence[bytes]) -> list[str]:
        chain = Chain(self._chain.header, self._chain.count, self._chain.value)
        rows, ids = chain.extend(bodies)
        data = b"\n".join([*rows, b""])
        try:
            for fd in self._fds():
                _write(fd, data)
        except OSError:
            self._cut(self._size)
            raise
        self._chain, self._size = chain, self._size + len(data)
        return ids

    def sync(self) -> None:
        """Return once everything appended is on disk and reachable under the dataset's labels; where that fails, what
        nobody was told of is taken back, and the next record goes into a new file."""
        with self._lock:
            if self._fd < 0:
                return
            try:
                for fd in self._fds():
                    os.fsync(fd)
                self._reattach()
                self._durable = self._size
            except OSError as error:
                with _locked(self._fd):
                    if os.fstat(self._fd).st_size == self._size:
                        self._cut(self._durable)
                self._close()
                raise _disk(self._path, error) from error

    def close(self) -> None:
        """Make everything durable and let go of the file; it stays unsealed until `commit` seals it."""
        with self._lock:
            self.sync()
            self._close()

    def _fds(self) -> list[int]:
        return [fd for fd in (self._fd, self._mirror) if fd >= 0]

    def _cut(self, size: int) -> None:
        """Take back what was never acknowledged, as far as a failing disk lets us."""
        for fd in self._fds():
            with suppress(OSError):
                os.ftruncate(fd, size)
                os.fsync(fd)

    def _close(self) -> None:
        for fd in self._fds():
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
        name = ulid()
        header = msgspec.structs.replace(
            self._header,
            started=now(),
            session=self._header.session or name,
            continues=self._path.stem if self._path.suffix else None,
        )
        if header.kind == "runs" and header.run is None:
            header = msgspec.structs.replace(header, run=name)
        line = header_line(header)
        self._seen = self._git.fingerprint()
        self._create(self._places.folder(header), name, line + b"\n")
        self._header, self._chain, self._size = header, Chain.start(line), len(line) + 1
        self._durable = self._size

    def _create(self, folder: Path, name: str, data: bytes) -> None:
        """Go on in a new file that holds `data`, durable, with a second link to it (or a copy that is written along
        where links are not possible) under Git's folder."""
        path, live = folder / f"{name}.jsonl", self._places.live / f"{name}.jsonl"
        fd = mirror = -1
        try:
            make_folder(self._places.live)
            fd = _new(path, data)
            try:
                os.link(path, live)
            except OSError:
                mirror = _new(live, data)
            for place in (folder, self._places.live):
                sync_folder(place)
        except OSError:
            for opened, made in ((fd, path), (mirror, live)):
                with suppress(OSError):
                    if opened >= 0:
                        os.close(opened)
                    made.unlink()
            raise
        self._close()
        self._fd, self._mirror, self._path, self._live = fd, mirror, path, live

    def _reattach(self) -> None:
        """Where the path no longer leads to our file, give the file a new path: Git may want the old one back. A file that
        `take_over` left empty lives on under its path."""
        mine = os.fstat(self._fd)
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(self._path.stat(), mine):
                return
        with _locked(self._fd):
            if not os.fstat(self._fd).st_size:
                return
        make_folder(self._places.live)
        with _exclusive(self._places.live):
            self._rename(self._places.folder(self._header), mine)

    def _rename(self, folder: Path, mine: os.stat_result) -> None:
        brought_back = _named(folder, mine)
        if brought_back is not None:
            self._path = brought_back
            return
        name, kept, before = ulid(), _named(self._places.live, mine), self._live
        path = folder / f"{name}.jsonl"
        try:
            if kept is None:
                raise FileNotFoundError
            make_folder(folder)
            os.link(kept, path)
        except OSError:  # no second link, or none possible: the descriptor is all there is
            self._create(folder, name, _read(self._fd, self._size))
            before.unlink(missing_ok=True)
            return
        sync_folder(folder)
        self._path, self._live = path, self._places.live / path.name
        kept.replace(self._live)


def _named(folder: Path, inode: os.stat_result) -> Path | None:
    """The path that a file has in a folder, if any."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.inode() == inode.st_ino and os.path.samestat(Path(entry.path).stat(), inode):
                return Path(entry.path)
    return None


def _new(path: Path, data: bytes) -> int:
    """A new file that holds `data`, on disk, open for appending."""
    fd = open_new(path)
    try:
        _write(fd, data)
        os.fsync(fd)
    except OSError:
        os.close(fd)
        raise
    return fd


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _read(fd: int, size: int) -> bytes:
    found = b""
    while len(found) < size and (more := os.pread(fd, size - len(found), len(found))):
        found += more
    return found


def _disk(path: Path, error: OSError) -> TrainsetError:
    return RecordError(
        f"{error.strerror}: {path} could not be written, and nothing of this was recorded",
        hint="free some space or mend the permissions, then do it again",
    )


@contextmanager
def _locked(fd: int) -> Iterator[None]:
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """One process at a time gives names to the live files of a dataset."""
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with _locked(fd):
            yield
    finally:
        os.close(fd)


def open_new(path: Path) -> int:
    """A new file, open for appending, in a folder that is made where it is missing, or Git has just taken it away."""
    for tries_left in reversed(range(20)):
        make_folder(path.parent)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def write_new(path: Path, data: bytes) -> None:
    """A new file that holds `data`, on disk when this returns."""
    try:
        os.close(_new(path, data))
    except OSError as error:
        raise _disk(path, error) from error
    sync_folder(path.parent)


def take_over(path: Path, live: Path, change: Callable[[bytes], bytes], drafts: Path) -> None:
    """Put what `change` makes of a label file in its place, and in that of its second link, all or nothing each. A writer
    that has it open finds it empty, and goes on in a new file."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        with _locked(fd):
            before = _read(fd, os.fstat(fd).st_size)
            data = change(before)
            if data == before:
                return
            replace(path, data, drafts)
            if live.exists():
                replace(live, data, live.parent)
            if not os.fstat(fd).st_nlink:
                os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def replace(path: Path, data: bytes, drafts: Path) -> None:
    """Put `data` in the place of a file, all or nothing, and durably; it is written in the folder `drafts` first."""
    make_folder(drafts)
    draft = drafts / f".{path.name}.{os.getpid()}"
    draft.unlink(missing_ok=True)
    try:
        os.close(_new(draft, data))
        draft.replace(path)
    except OSError as error:
        raise _disk(path, error) from error
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, each durable."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileNotFoundError):  # Git, cleaning up, took its parent away
            folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable, if it is still there."""
    with suppress(FileNotFoundError):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def seal(path: Path, seconds: int | None = None) -> bool:
    """Write the end of a label file, whoever wrote it, unless it has one; False where nothing in it was acknowledged,
    RecordError where it is not sound. A live writer notices, and goes on in a new file. `seconds` is told in the end."""
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        with _locked(fd):
            data = _read(fd, os.fstat(fd).st_size)
            _, chain, sealed, faults = check(data)
            bad = next((f for f in faults if not f.note), None)
            if bad is not None:
                raise RecordError(
                    f"{path}, line {bad.line}: {bad.message}; it was not committed",
                    hint="`trainset verify` lists every such file",
                )
            if chain is None or sealed:
                return chain is not None
            try:
                _write(fd, (b"" if data.endswith(b"\n") else b"\n") + chain.end(seconds) + b"\n")
                os.fsync(fd)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, len(data))
                raise
    except OSError as error:
        raise _disk(path, error) from error
    finally:
        os.close(fd)
    return True


@dataclass(frozen=True)
class Recovered:
    """A session file that had lost its path, and the records it brought back."""

    path: Path
    records: int


def recover(places: Places, git: GitView, bury: Callable[[bytes], bytes] = bytes) -> list[Recovered]:
    """Bring back live files that have lost their path in the tree, each once whoever opens the dataset, and drop those
    that a commit holds. `bury` leaves out of a file's bytes what was forgotten meanwhile."""
    if not places.live.is_dir() or not any(places.live.glob("*.jsonl")):
        return []
    if not os.access(places.live, os.W_OK):  # nobody writes here
        return []
    with _exclusive(places.live):
        found = [_recover(places, git, live, bury) for live in sorted(places.live.glob("*.jsonl"))]
    return [recovered for recovered in found if recovered is not None]


def forget(places: Places, git: GitView, committed: Iterable[Path]) -> None:
    """Drop the live files of label files that a commit holds now."""
    if not places.live.is_dir():
        return
    with _exclusive(places.live):
        for path in committed:
            live = places.live / path.name
            if live.is_file() and git.has(path, live):
                live.unlink()


def _recover(places: Places, git: GitView, live: Path, bury: Callable[[bytes], bytes]) -> Recovered | None:
    with live.open("rb") as stream:
        header = read_header(stream.readline().rstrip(b"\n"))
    if header is None:  # nothing in it was ever acknowledged
        return None
    folder = places.folder(header)
    home = folder / live.name
    attached = _named(folder, live.stat()) is not None
    whole = live.read_bytes()
    data = whole if attached else bury(whole)
    if data != whole:
        replace(live, data, places.live)
    if git.has(home, live):
        live.unlink()
        return None
    records = sum(1 for _ in lines(data)) - 1
    if attached or not records or (home.is_file() and home.read_bytes().startswith(data)):
        return None
    if git.has(home, live, anywhere=True):
        live.unlink()
        return None
    make_folder(folder)
    path = folder / f"{ulid()}.jsonl"  # a new name: Git may want the old one back
    try:
        os.link(live, path)
    except OSError:
        os.close(_new(path, data))
    sync_folder(folder)
    live.replace(places.live / path.name)
    return Recovered(path, records)
