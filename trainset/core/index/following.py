"""Following files: what changed since the index last looked, and into the base tables with that alone."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any

from trainset.core.files import chunks, digest
from trainset.core.forgotten import Forgotten
from trainset.core.index.database import BASE
from trainset.core.index.reading import Reading
from trainset.core.records import lines, read_header
from trainset.core.tree import Stamp, Tree, Windows

_RACY = 100_000_000
"""A file that changed less than so many ns ago may change again without its ctime showing it."""
_COLUMNS = "path, id, size, changed, inode, present, last, end, tail, whole"


class Follower:
    """Takes the files of `tree` into the base tables of `db`, inside the caller's transaction.

    The numbers of items that it bears on are put into the temporary table `touched`. `changed` says whether any file
    was taken in, or taken away. What speaks of `forgotten` items is counted, and passed over.
    """

    def __init__(self, db: sqlite3.Connection, tree: Tree, windows: Windows, forgotten: Forgotten) -> None:
        self._db, self._tree, self._windows, self._forgotten = db, tree, windows, forgotten
        self.changed = False

    def all(self) -> None:
        """Follow every file there is; those that the index knows beside them are gone."""
        known = {row[0]: row for row in self._db.execute(f"SELECT {_COLUMNS} FROM file")}
        for stamp in self._tree.files():
            row = known.pop(stamp.path, None)
            if not self._follow(stamp, row) and row:
                known[stamp.path] = row
        self._gone(known.values())

    def some(self, stamps: Iterable[Stamp]) -> None:
        """Follow these files alone."""
        for stamp in stamps:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM file WHERE path=?", (stamp.path,)).fetchone()
            if not self._follow(stamp, row) and row:
                self._gone([row])

    def _follow(self, stamp: Stamp, row: tuple[Any, ...] | None) -> bool:
        """Whether the file was there: Git may have taken it away since it was listed."""
        if row is None or row[2:6] != (stamp.size, stamp.changed, stamp.inode, 1):
            try:
                self._take(stamp, row)
            except FileNotFoundError:
                return False
        return True

    def _gone(self, rows: Iterable[tuple[Any, ...]]) -> None:
        for row in rows:
            if row[5]:
                self._touch(row[1])
                self._db.execute("UPDATE file SET present=0 WHERE id=?", (row[1],))
                self.changed = True

    def _take(self, stamp: Stamp, row: tuple[Any, ...] | None) -> None:
        """Read a file that is new or looks different: from where we know it, if what we know is still there."""
        start = self._confirmed(stamp, row) if row else 0
        data = self._tree.read(stamp.path, start)
        self._windows.forget(stamp.path)
        self.changed = True
        if row is None:
            number = int(self._db.execute("INSERT INTO file (path) VALUES (?)", (stamp.path,)).lastrowid or 0)
        else:
            number = row[1]
            if start == 0 or not row[5]:
                self._touch(number)
        if start == 0:
            for table in BASE if row else ():
                self._db.execute(f"DELETE FROM {table} WHERE file=?", (number,))
            self._db.execute("UPDATE file SET records=0, skipped=0, last=0, end=0, tail='', whole='', sealed=0, forgotten=0, kind=NULL "
                             "WHERE id=?", (number,))  # fmt: skip
        settled = stamp.changed if time.time_ns() - stamp.changed > _RACY else -1
        self._db.execute("UPDATE file SET size=?, changed=?, inode=?, present=1 WHERE id=?",
                         (stamp.size, settled, stamp.inode, number))  # fmt: skip
        if data:
            self._read(number, stamp.path, data, start)

    def _confirmed(self, stamp: Stamp, row: tuple[Any, ...]) -> int:
        """How many bytes of a file that looks different are those we know: all that we knew, or none. A file that grew
        is known by its last line, whose chain speaks for all before it; any other by the digest of the whole."""
        _, _, size, _, inode, _, last, end, tail, whole = row
        if not 0 < end <= stamp.size:
            return 0
        start, known = (last, tail) if stamp.inode == inode and stamp.size > size else (0, whole)
        return end if digest(self._tree.read(stamp.path, start, end - start)) == known else 0

    def _touch(self, file: int) -> None:
        for table in BASE:
            self._db.execute(f"INSERT OR IGNORE INTO temp.touched SELECT item FROM {table} WHERE file=?", (file,))

    def _read(self, file: int, path: str, data: bytes, start: int) -> None:
        reading = Reading(file, data, start, self._ids)
        if path.startswith("predictions/"):
            _, task, run = (f"{path}///".split("/"))[:3]
            self._db.execute("UPDATE file SET kind='predictions', task=?, run=? WHERE id=?", (task, run, file))
            portions = reading.predictions(task, run)
        else:
            if start == 0:
                line = next(lines(data), (0, b""))[1]
            else:
                line = self._db.execute("SELECT header FROM file WHERE id=?", (file,)).fetchone()[0]
            header = read_header(line)
            if header is None:
                return
            if start == 0:
                self._db.execute("UPDATE file SET kind=?, task=?, reviewer=?, rule=?, run=?, started=?, header=? WHERE id=?",
                                 (header.kind, header.task, header.reviewer, header.rule is not None, header.run, header.started,
                                  line, file))  # fmt: skip
            portions = reading.label_file(header)
        for table, rows in portions:
            if rows:
                self._db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
                self._db.executemany("INSERT OR IGNORE INTO temp.touched VALUES (?)", ((row[0],) for row in rows))
        self._note(file, path, data, reading, start)

    def _note(self, file: int, path: str, data: bytes, reading: Reading, start: int) -> None:
        """Keep how far a file was read, and what it is confirmed by the next time."""
        if reading.end > start:
            self._db.execute("UPDATE file SET last=?, end=?, tail=?, records=records+?, skipped=skipped+?, forgotten=forgotten+?, "
                             "sealed=max(sealed, ?) WHERE id=?",
                             (reading.last, reading.end, digest(reading.tail), reading.records, reading.skipped, reading.forgotten,
                              reading.sealed, file))  # fmt: skip
        end, sealed = self._db.execute("SELECT end, sealed FROM file WHERE id=?", (file,)).fetchone()
        whole = ""
        if start == 0 or sealed:
            whole = digest(data[:end] if start == 0 else self._tree.read(path, 0, end))
        self._db.execute("UPDATE file SET whole=? WHERE id=?", (whole, file))

    def _ids(self, keys: Sequence[str]) -> dict[str, int]:
        if not self._forgotten:
            return self._numbered(keys)
        known = self._numbers(keys)  # none of which is forgotten: their digests need not be taken
        return known | self._numbered([k for k in keys if k not in known and not self._forgotten.holds(k)])

    def _numbered(self, keys: Sequence[str]) -> dict[str, int]:
        self._db.executemany("INSERT OR IGNORE INTO item (key) VALUES (?)", ((k,) for k in keys))
        return self._numbers(keys)

    def _numbers(self, keys: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in chunks(dict.fromkeys(keys), 500):
            marks = ",".join("?" * len(some))
            found.update(self._db.execute(f"SELECT key, id FROM item WHERE key IN ({marks})", some))
        return found
