"""The store of vectors: a cache of what embedders made of media, known by the bytes that it was made of.

An SQLite database knows which row of which file holds the vector of which media, and each embedder has a file of float32
rows that only grows. Nothing is lost where it is deleted: vectors are made again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from trainset.core.files import chunks
from trainset.core.index import scrub, transaction
from trainset.core.journal import ulid

SCHEMA = 1
_AT_ONCE = 500
_TABLES = """
CREATE TABLE IF NOT EXISTS media (item TEXT PRIMARY KEY, stamp TEXT, digest TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS space (id INTEGER PRIMARY KEY, name TEXT UNIQUE, file TEXT, width INT,
    count INT NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS vector (space INT, media TEXT, place INT, error TEXT, PRIMARY KEY (space, media)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Entry:
    """What is known of media: the row of its vector, or why there is none."""

    place: int | None
    error: str | None = None


class FeatureStore:
    """The store in `folder`. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = RLock()
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        place = self.folder / "features.sqlite"
        with suppress(sqlite3.DatabaseError):
            return self._connect(place)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{place}{suffix}").unlink(missing_ok=True)
        return self._connect(place)

    def _connect(self, place: Path) -> sqlite3.Connection:
        db = sqlite3.connect(place, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA journal_mode=WAL")
            if db.execute("PRAGMA user_version").fetchone()[0] not in (0, SCHEMA):
                raise sqlite3.DatabaseError("another schema")
            db.executescript(f"{_TABLES}PRAGMA user_version={SCHEMA};")
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    # -- digests ----------------------------------------------------------------------------------------------

    def digests(self, stamps: Mapping[str, str]) -> dict[str, str]:
        """The digests of items (by key) whose files are as they were when these were taken."""
        found: dict[str, str] = {}
        with self._lock:
            for some in chunks(stamps, _AT_ONCE):
                query = f"SELECT item, stamp, digest FROM media WHERE item IN ({','.join('?' * len(some))})"
                found.update(
                    {key: taken for key, stamp, taken in self._db.execute(query, some) if stamps[key] == stamp}
                )
        return found

    def note(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Keep digests: item, stamp of its files, digest."""
        with self._lock, transaction(self._db):
            self._db.executemany("INSERT OR REPLACE INTO media VALUES (?, ?, ?)", rows)

    def drop(self, gone: Callable[[str], bool]) -> int:
        """Forget items, by key: their digests, the vectors of media that no other item has, and what was built over vectors.
        How many items that were."""
        with self._lock:
            rows = self._db.execute("SELECT item, digest FROM media").fetchall()
            items = [item for item, _ in rows if gone(item)]
            if not items:
                return 0
            kept = {taken for item, taken in rows if item not in set(items)}
            lost = [(taken,) for item, taken in rows if item in set(items) and taken not in kept]
            with transaction(self._db):
                for file, width, place in self._places(lost):
                    _blank(self.folder / f"{file}.f32", place, width)
                self._db.executemany("DELETE FROM vector WHERE media=?", lost)
                self._db.executemany("DELETE FROM media WHERE item=?", [(item,) for item in items])
            for path in self.folder.iterdir():
                if path.suffix in (".faiss", ".npz"):
                    path.unlink()
            scrub(self._db)
        return len(items)

    def _places(self, media: Iterable[tuple[str]]) -> list[tuple[str, int, int]]:
        query = "SELECT s.file, s.width, v.place FROM vector v JOIN space s ON s.id=v.space WHERE v.media=? AND v.place IS NOT NULL"
        return [row for taken in media for row in self._db.execute(query, taken)]

    # -- vectors ----------------------------------------------------------------------------------------------

    def space(self, name: str) -> Space:
        """The vectors that one embedder made; `name` stands for its model, its settings and its code."""
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO space (name, file) VALUES (?, ?)", (name, ulid()))
            (number,) = self._db.execute("SELECT id FROM space WHERE name=?", (name,)).fetchone()
        return Space(self.folder, self._db, self._lock, number)


class Space:
    """Vectors of one width, by the digests of the media that they describe."""

    def __init__(self, folder: Path, db: sqlite3.Connection, lock: RLock, number: int) -> None:
        self._folder, self._db, self._lock, self._number = folder, db, lock, number

    def _state(self) -> tuple[Path, int, int]:
        """The file of vectors, how many numbers each has (0 as long as there is none), and how many there are.

        Where the file does not hold them (any more), the space begins anew: what was built over their rows holds no longer.
        """
        with self._lock:
            query = "SELECT file, coalesce(width, 0), count FROM space WHERE id=?"
            file, width, count = self._db.execute(query, (self._number,)).fetchone()
            path = self._folder / f"{file}.f32"
            if not count or (path.exists() and path.stat().st_size >= count * width * 4):
                return path, width, count
            self._db.execute("DELETE FROM vector WHERE space=? AND place IS NOT NULL", (self._number,))
            self._db.execute("UPDATE space SET file=?, count=0 WHERE id=?", (ulid(), self._number))
            return self._state()

    @property
    def path(self) -> Path:
        """The file of vectors; another one where the space had to begin anew."""
        return self._state()[0]

    @property
    def width(self) -> int:
        """How many numbers a vector has; 0 as long as there is none."""
        return self._state()[1]

    def known(self, media: Iterable[str]) -> dict[str, Entry]:
        """What there is for media by digest."""
        found: dict[str, Entry] = {}
        with self._lock:
            self._state()
            for some in chunks(media, _AT_ONCE):
                query = (
                    f"SELECT media, place, error FROM vector WHERE space=? AND media IN ({','.join('?' * len(some))})"
                )
                rows = self._db.execute(query, (self._number, *some))
                found.update({taken: Entry(place, error) for taken, place, error in rows})
        return found

    def items(self) -> dict[str, int | None]:
        """Items by key, as their media were when they were looked at last: each with its row, None where that failed."""
        query = "SELECT m.item, v.place FROM media m JOIN vector v ON v.space=? AND v.media=m.digest"
        with self._lock:
            self._state()
            return dict(self._db.execute(query, (self._number,)))

    def put(self, vectors: Mapping[str, NDArray[np.float32] | str]) -> None:
        """Keep vectors `(d,)` of the space's width, or why there is none, by media digest."""
        made = {taken: v for taken, v in vectors.items() if not isinstance(v, str)}
        with self._lock, transaction(self._db):
            path, _, place = self._state()
            if made:
                width = len(next(iter(made.values())))
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
                with os.fdopen(fd, "wb") as stream:
                    stream.seek(place * width * 4)
                    stream.write(np.stack(list(made.values())).astype("<f4").tobytes())
                self._db.execute(
                    "UPDATE space SET width=?, count=? WHERE id=?", (width, place + len(made), self._number)
                )
            rows: list[tuple[int, str, int | None, str | None]] = []
            rows += [(self._number, taken, place + n, None) for n, taken in enumerate(made)]
            rows += [(self._number, taken, None, v) for taken, v in vectors.items() if isinstance(v, str)]
            self._db.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?, ?, ?)", rows)

    def vectors(self) -> NDArray[np.float32]:
        """`(n, d)`, mapped from the file: every vector that was ever made, by row."""
        path, width, count = self._state()
        if not count:
            return np.empty((0, width), np.float32)
        return np.memmap(path, "<f4", "r", shape=(count, width))


def _blank(path: Path, place: int, width: int) -> None:
    """Write zeros over a vector that stands for nothing any more."""
    with suppress(FileNotFoundError), path.open("r+b") as stream:
        stream.seek(place * width * 4)
        stream.write(bytes(width * 4))
