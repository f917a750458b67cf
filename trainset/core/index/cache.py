"""The index as the rest sees it: brought up to date, asked for runs and for single records."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from threading import RLock, get_ident
from typing import Any

import msgspec

from trainset.core.files import digest
from trainset.core.forgotten import FOLDER, Forgotten, read_forgotten
from trainset.core.index.database import Database, transaction
from trainset.core.index.folding import Alike, fold_items, fold_states
from trainset.core.index.following import Follower
from trainset.core.index.purging import purge, scrub
from trainset.core.index.runs import RunInfo, read_runs
from trainset.core.index.slices import take
from trainset.core.migrations import Migrations
from trainset.core.model import Item, ItemRecord, Task
from trainset.core.pause import collector_paused
from trainset.core.records import parse
from trainset.core.tree import Stamp, Tree, Windows
from trainset.errors import RecordError

_item = msgspec.json.Decoder(ItemRecord)


class ChangedError(RecordError):
    """A file is not what the index knows any more."""


class Index:
    """The cache at `database` (":memory:" for a revision) over the files of `tree`.

    `same(task, item, ids, ids)` tells whether the annotations of two sets of decisions are equivalent; `migrations` are
    those of each task that has any; `key` names whatever else the fold depends on (plugin versions). What is forgotten by
    the records of `beside`, the dataset as it is on disk, is so at a revision too.
    """

    def __init__(
        self,
        database: Path | str,
        tree: Tree,
        tasks: Mapping[str, Task],
        same: Alike,
        key: str = "",
        migrations: Mapping[str, Migrations] | None = None,
        beside: Tree | None = None,
    ) -> None:
        self.tree = tree
        self._beside = beside
        self._listed: list[Stamp] | None = None
        self.forgotten = Forgotten()
        self._tasks = tasks
        self._same = same
        self._migrations = migrations or {}
        changed = [(name, *found.records) for name, found in self._migrations.items()]
        self._fold_key = digest(
            f"{key} {[(t.name, t.definition, t.propose, t.agree_above) for t in tasks.values()]} {changed}".encode()
        )
        self._lock = RLock()
        self._windows = Windows(tree)
        self._runs: dict[str, RunInfo] | None = None
        self._version = (0, -1)
        self._database = Database(database)

    @property
    def db(self) -> sqlite3.Connection:
        """This thread's connection: it sees nothing of what another thread is in the middle of writing."""
        return self._database.connection

    @property
    def place(self) -> Path | str:
        """Where the database lies."""
        return self._database.place

    @property
    def made(self) -> int:
        """How many times the database was made anew since it was opened: row numbers do not outlive that."""
        return self._database.made

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def refresh(self, only: Iterable[Stamp] | None = None) -> int:
        """Take in what changed on disk (or in the files named in `only`); the number of items that were refolded."""
        stamps = None if only is None else list(only)
        with self._lock, collector_paused():
            try:
                return self._refresh(stamps)
            except ChangedError:  # by Git, while it was read
                self._runs = None  # they are of a transaction that came to nothing
                return self._refresh(None)
            except sqlite3.DatabaseError as error:
                self._runs = None
                if not self._database.lost(error):
                    raise self._database.unusable(error) from error
            self._database.make_anew()
            return self._refresh(None)

    def _refresh(self, only: list[Stamp] | None) -> int:
        db = self.db
        with transaction(db):
            db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (item INTEGER PRIMARY KEY)")
            db.execute("DELETE FROM temp.touched")
            runs = self.runs()
            self._look(anew=only is None)
            purge(db, self.forgotten)
            follower = Follower(db, self.tree, self._windows, self.forgotten)
            follower.all() if only is None else follower.some(only)
            if follower.changed:
                self._runs = None
            self._follow_runs(runs)
            known = db.execute("SELECT value FROM meta WHERE name='fold'").fetchone()
            if known is None or known[0] != self._fold_key:
                db.execute("DELETE FROM state")
                db.execute("DELETE FROM asked")
                db.execute("INSERT OR IGNORE INTO temp.touched SELECT id FROM item")
                db.execute("INSERT OR REPLACE INTO meta VALUES ('fold', ?)", (self._fold_key,))
            touched = int(db.execute("SELECT count(*) FROM temp.touched").fetchone()[0])
            if touched:
                db.execute("INSERT INTO meta VALUES ('folds', 1) ON CONFLICT (name) DO UPDATE SET value=value+1")
                self._fold(db)
            return touched

    def _look(self, anew: bool) -> None:
        """See what is forgotten; again if `anew`."""
        trees = [self.tree, *((self._beside,) if self._beside else ())]
        if anew or self._listed is None:
            listed = [stamp for tree in trees for stamp in tree.files((FOLDER,))]
            if listed != self._listed:
                self._listed, self.forgotten = listed, read_forgotten(*trees)

    def scrub(self) -> bool:
        """Leave nothing of what was dropped in the files of the database; whether that was possible."""
        with self._lock:
            return scrub(self.db)

    def take(self, known: Path | str, keys: Collection[str]) -> None:
        """Instead of `refresh`: these items alone, by what the index on disk at `known` has of the files of this tree."""
        db = self.db
        db.execute("CREATE TEMP TABLE touched (item INTEGER PRIMARY KEY)")
        self._look(anew=True)
        take(db, known, self.tree, self._windows, keys, self.forgotten)
        with transaction(db):
            self._fold(db)

    def _fold(self, db: sqlite3.Connection) -> None:
        fold_items(db)
        for task in sorted(self._tasks.values(), key=lambda t: t.on is not None):
            fold_states(db, task, self.runs(), self._migrations, self._alike)

    def _follow_runs(self, before: Mapping[str, RunInfo]) -> None:
        """Refold the items of runs that are described otherwise than before: it bears on which proposal is shown."""
        for name, run in self.runs().items():
            if before.get(name, run) != run:
                self.db.execute("INSERT OR IGNORE INTO temp.touched SELECT item FROM outcome WHERE run=?", (name,))

    def _alike(self, task: Task, key: str, a: Sequence[str], b: Sequence[str]) -> bool:
        try:
            return self._same(task, key, a, b)
        except ChangedError:
            raise
        except RecordError:  # what cannot be read is like nothing
            return False

    def folds(self) -> int:
        """How many times anything was refolded: what follows from states alone holds while this stays as it is."""
        found = self.db.execute("SELECT value FROM meta WHERE name='folds'").fetchone()
        return int(found[0]) if found else 0

    def runs(self) -> dict[str, RunInfo]:
        """Every run whose files are there, by id."""
        version = (get_ident(), self.db.execute("PRAGMA data_version").fetchone()[0])  # others may have written
        if self._runs is None or version != self._version:
            self._version = version
            self._runs = read_runs(self.db)
        return self._runs

    def record_bytes(self, path: str, offset: int, length: int) -> bytes:
        """The JSON of one record (or the whole line of a prediction), by its place; RecordError where the file changed
        since it was indexed."""
        try:
            line = self._windows.read(path, offset, length)
        except FileNotFoundError:
            line = b""
        record = parse(line)
        if record is None and not (path.startswith("predictions/") and len(line) == length):
            raise ChangedError(f"{path} changed while it was read", hint="do it again: its new state is read then")
        return line if record is None else record[1]

    def item(self, file: int, offset: int, length: int, paths: dict[int, str]) -> Item:
        """The item whose head record stands there."""
        if file not in paths:
            paths[file] = self.db.execute("SELECT path FROM file WHERE id=?", (file,)).fetchone()[0]
        return _item.decode(self.record_bytes(paths[file], offset, length)).item

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything the index tells of the files that are there, free of row numbers: what two indexes are compared by."""
        queries = {
            "item": "SELECT key, alive, clash, split, grp, media, size FROM item WHERE alive ORDER BY key",
            "state": "SELECT s.task, i.key, s.state, s.reasons, s.decided_by, s.answer, s.live, s.past, s.run, s.digest, s.low, s.high, "
            "s.labels, s.attrs, s.human FROM state s JOIN item i ON i.id=s.item ORDER BY 1, 2",
            "file": "SELECT path, size, kind, records, skipped, end, sealed FROM file WHERE present ORDER BY path",
            "asked": "SELECT a.task, i.key, a.ofs, a.objects, a.orphans FROM asked a JOIN item i ON i.id=a.item ORDER BY 1, 2",
            "lot": "SELECT DISTINCT l.task, i.key FROM lot l JOIN item i ON i.id=l.item JOIN file f ON f.id=l.file "
            "WHERE f.present ORDER BY 1, 2",
        }
        return {name: self.db.execute(query).fetchall() for name, query in queries.items()}
