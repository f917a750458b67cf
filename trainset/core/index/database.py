"""The database of the index: its tables, and a connection for every thread. Nothing is stored only there.

Base tables hold what each file says, by byte offset, also of files that a checkout took away. Derived tables (`item`'s
facts, `state`, `asked` for tasks on another's objects, what routing adds: `finding`, `rank`, `queue`, and what items are
assigned by: `unit`) follow from those of the files that are there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import local
from typing import Literal

from trainset.errors import RecordError

SCHEMA = 8

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT UNIQUE, size INT, changed INT, inode INT, present INT, kind TEXT,
    task TEXT, reviewer TEXT, rule INT, run TEXT, started TEXT, header BLOB, records INT, skipped INT, last INT, end INT, tail TEXT,
    whole TEXT, sealed INT, forgotten INT NOT NULL DEFAULT 0);
CREATE INDEX file_kind ON file (kind);
CREATE TABLE item (id INTEGER PRIMARY KEY, key TEXT UNIQUE, alive INT NOT NULL DEFAULT 0, clash INT NOT NULL DEFAULT 0,
    split TEXT, grp TEXT, media TEXT, size INT, file INT, offset INT, length INT);
CREATE INDEX item_alive ON item (split) WHERE alive;
CREATE INDEX item_gone ON item (id) WHERE NOT alive;
CREATE TABLE item_record (item INT, file INT, offset INT, length INT, rid TEXT, ons TEXT, change TEXT, split TEXT, grp TEXT,
    media TEXT, size INT);
CREATE INDEX item_record_item ON item_record (item);
CREATE INDEX item_record_file ON item_record (file);
CREATE TABLE decision (item INT, task TEXT, file INT, offset INT, length INT, rid TEXT, verdict TEXT, object TEXT,
    objects TEXT, ons TEXT, ofs TEXT, media TEXT, run TEXT, digest TEXT, reason TEXT, ids TEXT, labels TEXT, attrs TEXT);
CREATE INDEX decision_item ON decision (item, task);
CREATE INDEX decision_file ON decision (file);
CREATE INDEX decision_rid ON decision (rid);
CREATE TABLE outcome (item INT, task TEXT, file INT, run TEXT, media TEXT, ofs TEXT, digest TEXT, error TEXT, dropped INT);
CREATE INDEX outcome_item ON outcome (item, task);
CREATE INDEX outcome_file ON outcome (file);
CREATE TABLE prediction (item INT, task TEXT, file INT, offset INT, length INT, run TEXT, digest TEXT, low REAL,
    high REAL, labels TEXT, attrs TEXT);
CREATE INDEX prediction_item ON prediction (item, task, run);
CREATE INDEX prediction_file ON prediction (file);
CREATE TABLE lot (item INT, task TEXT, file INT);
CREATE INDEX lot_item ON lot (item, task);
CREATE INDEX lot_file ON lot (file);
CREATE TABLE state (task TEXT, item INT, state TEXT, reasons TEXT, decided_by TEXT, answer TEXT, live TEXT, past TEXT, run TEXT,
    digest TEXT, low REAL, high REAL, labels TEXT, attrs TEXT, human INT, PRIMARY KEY (task, item)) WITHOUT ROWID;
CREATE INDEX state_state ON state (task, state, labels, low);
CREATE TABLE asked (task TEXT, item INT, ofs TEXT, objects TEXT, orphans TEXT, PRIMARY KEY (task, item)) WITHOUT ROWID;
CREATE TABLE finding (task TEXT, item INT, rule TEXT, object TEXT, reason TEXT);
CREATE INDEX finding_item ON finding (task, item);
CREATE INDEX finding_rule ON finding (task, rule, item);
CREATE TABLE stat (key TEXT PRIMARY KEY, mtime INT) WITHOUT ROWID;
CREATE TABLE rank (task TEXT, item INT, priority REAL, reason TEXT, PRIMARY KEY (task, item)) WITHOUT ROWID;
CREATE TABLE queue (task TEXT PRIMARY KEY, items BLOB);
CREATE TABLE unit (hashes BLOB);
"""
BASE = ("item_record", "decision", "outcome", "prediction", "lot")
"""The tables whose rows name the item and the file that they come from."""


class Database:
    """The SQLite file at `place`, or one in memory (":memory:") that all threads share."""

    def __init__(self, place: Path | str) -> None:
        self.place = place
        self.made = 0
        """How many times it was made anew: row numbers do not outlive that."""
        self._own = local()
        self._shared = None if isinstance(place, Path) else self._connect()
        _ = self.connection

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection: it sees nothing of what another thread is in the middle of writing."""
        if self._shared is not None:
            return self._shared
        made, found = getattr(self._own, "connection", (-1, None))
        if found is None or made != self.made:
            found = self._connect()
            self._own.connection = (self.made, found)
        return found

    def _connect(self) -> sqlite3.Connection:
        """The database, made anew where it is damaged or of another schema."""
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise self.unusable(error) from error
        self._discard()
        return self._open()

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.place}{suffix}").unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.place, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA cache_size=-16384")
            if _version(db) not in (0, SCHEMA):
                raise sqlite3.DatabaseError("another schema")
            if _version(db) == 0:
                with transaction(db):
                    for statement in _TABLES.split(";") if _version(db) == 0 else ():
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version={SCHEMA}")
        except BaseException:
            db.close()
            raise
        return db

    def lost(self, error: sqlite3.DatabaseError) -> bool:
        """Whether an error means that the database is damaged or gone, rather than locked or out of space."""
        gone = isinstance(self.place, Path) and not self.place.exists()
        return gone or not isinstance(error, sqlite3.OperationalError)

    def make_anew(self) -> None:
        """Start from an empty database, also where it was removed together with its folder."""
        self.connection.close()
        Path(self.place).parent.mkdir(parents=True, exist_ok=True)
        self._discard()
        self.made += 1

    def unusable(self, error: sqlite3.Error) -> RecordError:
        """The error that tells a person of one that is SQLite's."""
        return RecordError(f"the index {self.place} cannot be used: {error}; label files are not touched by this",
                           hint="free some space, wait for the other process, or remove it: it is only a cache")  # fmt: skip

    def close(self) -> None:
        """Let go of this thread's connection."""
        self.connection.close()
        self._own = local()


@contextmanager
def transaction(db: sqlite3.Connection, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE") -> Iterator[None]:
    """All or nothing. An immediate one keeps every other process from writing; a deferred one serves temporary tables."""
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
