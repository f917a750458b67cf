"""The SQLite cache over the label files: safe to delete, and equal to one built anew whatever happened meanwhile.

Base tables hold what each file says, by byte offset, also of files that a checkout took away. Derived tables (`item`'s
facts and `state`) hold the fold over the files that are there, and are refolded only for items that a changed file names.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import RLock, get_ident, local
from typing import Any, Literal

import msgspec

from trainset.core.files import chunks, digest
from trainset.core.fold import Same, Vote, fold
from trainset.core.model import (
    AttributeValue,
    Decision,
    Header,
    Item,
    ItemRecord,
    LotEntry,
    Outcome,
    Prediction,
    Task,
    is_key,
)
from trainset.core.pause import collector_paused
from trainset.core.records import lines, parse, read_end, read_header
from trainset.core.tree import Stamp, Tree, Windows
from trainset.errors import RecordError

SCHEMA = 3

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT UNIQUE, size INT, changed INT, inode INT, present INT, kind TEXT,
    task TEXT, reviewer TEXT, rule INT, run TEXT, started TEXT, header BLOB, records INT, skipped INT, last INT, end INT, tail TEXT,
    whole TEXT, sealed INT);
CREATE INDEX file_kind ON file (kind);
CREATE TABLE item (id INTEGER PRIMARY KEY, key TEXT UNIQUE, alive INT NOT NULL DEFAULT 0, clash INT NOT NULL DEFAULT 0,
    split TEXT, grp TEXT, media TEXT, size INT, file INT, offset INT, length INT);
CREATE INDEX item_alive ON item (split) WHERE alive;
CREATE TABLE item_record (item INT, file INT, offset INT, length INT, rid TEXT, ons TEXT, change TEXT, split TEXT, grp TEXT,
    media TEXT, size INT);
CREATE INDEX item_record_item ON item_record (item);
CREATE INDEX item_record_file ON item_record (file);
CREATE TABLE decision (item INT, task TEXT, file INT, offset INT, length INT, rid TEXT, verdict TEXT, object TEXT,
    objects TEXT, ons TEXT, media TEXT, run TEXT, digest TEXT, reason TEXT, labels TEXT, attrs TEXT);
CREATE INDEX decision_item ON decision (item, task);
CREATE INDEX decision_file ON decision (file);
CREATE INDEX decision_rid ON decision (rid);
CREATE TABLE outcome (item INT, task TEXT, file INT, run TEXT, media TEXT, digest TEXT, error TEXT, dropped INT);
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
CREATE INDEX state_state ON state (task, state);
CREATE TABLE finding (task TEXT, item INT, rule TEXT, object TEXT, reason TEXT);
CREATE INDEX finding_item ON finding (task, item);
CREATE INDEX finding_rule ON finding (task, rule, item);
CREATE TABLE stat (key TEXT PRIMARY KEY, mtime INT) WITHOUT ROWID;
CREATE TABLE rank (task TEXT, item INT, priority REAL, reason TEXT, PRIMARY KEY (task, item)) WITHOUT ROWID;
"""
_BASE = ("item_record", "decision", "outcome", "prediction", "lot")
_CHUNK = 20_000
_RACY = 100_000_000
"""A file that changed less than so many ns ago may change again without its ctime showing it."""


class ChangedError(RecordError):
    """A file is not what the index knows any more."""


class _Glance(msgspec.Struct):
    """What the index keeps of an annotation."""

    label: str | None = None
    score: float | None = None
    attributes: dict[str, AttributeValue] = {}


_item = msgspec.json.Decoder(ItemRecord)
_decision = msgspec.json.Decoder(Decision)
_outcome = msgspec.json.Decoder(Outcome)
_prediction = msgspec.json.Decoder(Prediction)
_lot = msgspec.json.Decoder(LotEntry)
_glance = msgspec.json.Decoder(list[_Glance])


@dataclass(frozen=True)
class RunInfo:
    """A run as its headers describe it, over all its files."""

    id: str
    task: str
    model: str
    model_digest: str
    prelabeler: str
    settings: Mapping[str, Any]
    definition: str | None
    follows: frozenset[str]
    started: str


class Index:
    """The cache at `database` (":memory:" for a revision) over the files of `tree`.

    `same(task, item, ids, ids)` tells whether the annotations of two sets of decisions are equivalent; `key` names
    whatever else the fold depends on (plugin versions).
    """

    def __init__(
        self,
        database: Path | str,
        tree: Tree,
        tasks: Mapping[str, Task],
        same: Callable[[Task, str, Sequence[str], Sequence[str]], bool],
        key: str = "",
    ) -> None:
        self.tree = tree
        self._tasks = tasks
        self._same = same
        self._fold_key = digest(
            f"{key} {[(t.name, t.definition, t.propose, t.agree_above) for t in tasks.values()]}".encode()
        )
        self._database = database
        self._lock = RLock()
        self._windows = Windows(tree)
        self._runs: dict[str, RunInfo] | None = None
        self._version = (0, -1)
        self._made = 0
        self._own = local()
        self._shared = None if isinstance(database, Path) else self._connect()
        _ = self.db

    @property
    def db(self) -> sqlite3.Connection:
        """This thread's connection: it sees nothing of what another thread is in the middle of writing."""
        if self._shared is not None:
            return self._shared
        made, found = getattr(self._own, "db", (-1, None))
        if found is None or made != self._made:
            found = self._connect()
            self._own.db = (self._made, found)
        return found

    def _connect(self) -> sqlite3.Connection:
        """The database, made anew where it is damaged or of another schema: nothing is stored only there."""
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise self._unusable(error) from error
        self._discard()
        return self._open()

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._database}{suffix}").unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._database, timeout=60, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA cache_size=-65536")
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

    def _unusable(self, error: sqlite3.Error) -> RecordError:
        return RecordError(f"the index {self._database} cannot be used: {error}; label files are not touched by this",
                           hint="free some space, wait for the other process, or remove it: it is only a cache")  # fmt: skip

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()
        self._own = local()

    # -- following the files --------------------------------------------------------------------------------

    def refresh(self, only: Iterable[Stamp] | None = None) -> int:
        """Take in what changed on disk (or in the files named in `only`); the number of items that were refolded."""
        stamps = None if only is None else list(only)
        with self._lock, collector_paused():
            try:
                return self._refresh(stamps)
            except ChangedError:  # by Git, while it was read
                return self._refresh(None)
            except sqlite3.DatabaseError as error:
                gone = isinstance(self._database, Path) and not self._database.exists()
                if isinstance(error, sqlite3.OperationalError) and not gone:
                    raise self._unusable(error) from error
            self.db.close()  # damaged, or removed together with `.trainset`: build it anew
            Path(self._database).parent.mkdir(parents=True, exist_ok=True)
            self._discard()
            self._made += 1
            return self._refresh(None)

    def _refresh(self, only: list[Stamp] | None) -> int:
        with transaction(self.db):
            self.db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (item INTEGER PRIMARY KEY)")
            self.db.execute("DELETE FROM temp.touched")
            runs = self.runs()
            self._follow(only if only is not None else self.tree.files(), whole=only is None)
            self._follow_runs(runs)
            known = self.db.execute("SELECT value FROM meta WHERE name='fold'").fetchone()
            if known is None or known[0] != self._fold_key:
                self.db.execute("DELETE FROM state")
                self.db.execute("INSERT OR IGNORE INTO temp.touched SELECT id FROM item")
                self.db.execute("INSERT OR REPLACE INTO meta VALUES ('fold', ?)", (self._fold_key,))
            touched = self.db.execute("SELECT count(*) FROM temp.touched").fetchone()[0]
            if touched:
                self._fold_items()
                for task in self._tasks.values():
                    self._fold_states(task)
            return int(touched)

    def _follow_runs(self, before: Mapping[str, RunInfo]) -> None:
        """Refold the items of runs that are described otherwise than before: it bears on which proposal is shown."""
        for name, run in self.runs().items():
            if before.get(name, run) != run:
                self.db.execute("INSERT OR IGNORE INTO temp.touched SELECT item FROM outcome WHERE run=?", (name,))

    def _follow(self, stamps: Iterable[Stamp], whole: bool) -> None:
        columns = "path, id, size, changed, inode, present, last, end, tail, whole"
        known: dict[str, tuple[Any, ...]] = {}
        if whole:
            known = {row[0]: row for row in self.db.execute(f"SELECT {columns} FROM file")}
        for stamp in stamps:
            row = known.pop(stamp.path, None) if whole else None
            if not whole:
                row = self.db.execute(f"SELECT {columns} FROM file WHERE path=?", (stamp.path,)).fetchone()
            if row is None or row[2:6] != (stamp.size, stamp.changed, stamp.inode, 1):
                try:
                    self._take(stamp, row)
                except FileNotFoundError:  # Git took it away meanwhile
                    known.update({row[0]: row} if row else {})
        for row in known.values():
            if row[5]:
                self._touch(row[1])
                self.db.execute("UPDATE file SET present=0 WHERE id=?", (row[1],))
                self._runs = None

    def _take(self, stamp: Stamp, row: tuple[Any, ...] | None) -> None:
        """Read a file that is new or looks different: from where we know it, if what we know is still there."""
        start = self._confirmed(stamp, row) if row else 0
        data = self.tree.read(stamp.path, start)
        self._windows.forget(stamp.path)
        if row is None:
            number = int(self.db.execute("INSERT INTO file (path) VALUES (?)", (stamp.path,)).lastrowid or 0)
        else:
            number = row[1]
            if start == 0 or not row[5]:
                self._touch(number)
        if start == 0:
            for table in _BASE if row else ():
                self.db.execute(f"DELETE FROM {table} WHERE file=?", (number,))
            self.db.execute("UPDATE file SET records=0, skipped=0, last=0, end=0, tail='', whole='', sealed=0, kind=NULL "
                            "WHERE id=?", (number,))  # fmt: skip
        settled = stamp.changed if time.time_ns() - stamp.changed > _RACY else -1
        self.db.execute("UPDATE file SET size=?, changed=?, inode=?, present=1 WHERE id=?",
                        (stamp.size, settled, stamp.inode, number))  # fmt: skip
        if data:
            self._read(number, stamp.path, data, start)
        self._runs = None

    def _confirmed(self, stamp: Stamp, row: tuple[Any, ...]) -> int:
        """How many bytes of a file that looks different are those we know: all that we knew, or none. A file that grew
        is known by its last line, whose chain speaks for all before it; any other by the digest of the whole."""
        _, _, size, _, inode, _, last, end, tail, whole = row
        if not 0 < end <= stamp.size:
            return 0
        start, known = (last, tail) if stamp.inode == inode and stamp.size > size else (0, whole)
        return end if digest(self.tree.read(stamp.path, start, end - start)) == known else 0

    def _touch(self, file: int) -> None:
        for table in _BASE:
            self.db.execute(f"INSERT OR IGNORE INTO temp.touched SELECT item FROM {table} WHERE file=?", (file,))

    def _read(self, file: int, path: str, data: bytes, start: int) -> None:
        if path.startswith("predictions/"):
            _, task, run = (f"{path}///".split("/"))[:3]
            self.db.execute("UPDATE file SET kind='predictions', task=?, run=? WHERE id=?", (task, run, file))
            reader = self._predictions(file, task, run, data, start)
        else:
            if start == 0:
                first = next(lines(data), None)
                header = read_header(first[1]) if first else None
                if first is None or header is None:
                    return
                self.db.execute("UPDATE file SET kind=?, task=?, reviewer=?, rule=?, run=?, started=?, header=?, last=0, end=?, tail=? WHERE id=?",
                                (header.kind, header.task, header.reviewer, header.rule is not None, header.run, header.started, first[1],
                                 len(first[1]) + 1, digest(data[: len(first[1]) + 1]), file))  # fmt: skip
            else:
                header = read_header(self.db.execute("SELECT header FROM file WHERE id=?", (file,)).fetchone()[0])
                assert header is not None
            reader = self._records(file, header, data, start)
        for table, width, rows in reader:
            marks = ",".join("?" * width)
            self.db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            self.db.executemany("INSERT OR IGNORE INTO temp.touched VALUES (?)", ((row[0],) for row in rows))
        end, sealed = self.db.execute("SELECT end, sealed FROM file WHERE id=?", (file,)).fetchone()
        if start == 0 or sealed:
            known = data[:end] if start == 0 else self.tree.read(path, 0, end)
            self.db.execute("UPDATE file SET whole=? WHERE id=?", (digest(known), file))
        else:
            self.db.execute("UPDATE file SET whole='' WHERE id=?", (file,))

    def _ids(self, keys: Sequence[str]) -> dict[str, int]:
        self.db.executemany("INSERT OR IGNORE INTO item (key) VALUES (?)", ((k,) for k in keys))
        found: dict[str, int] = {}
        for some in chunks(dict.fromkeys(keys), 500):
            marks = ",".join("?" * len(some))
            found.update(self.db.execute(f"SELECT key, id FROM item WHERE key IN ({marks})", some))
        return found

    def _progress(
        self, file: int, data: bytes, start: int, last: int, end: int, records: int, skipped: int, sealed: bool
    ) -> None:
        if end > start:
            self.db.execute("UPDATE file SET last=?, end=?, tail=?, records=records+?, skipped=skipped+?, sealed=max(sealed, ?) WHERE id=?",
                            (last, end, digest(data[last - start : end - start]), records, skipped, sealed, file))  # fmt: skip

    def _records(
        self, file: int, header: Header, data: bytes, start: int
    ) -> Iterator[tuple[str, int, list[tuple[Any, ...]]]]:
        task = header.task
        last, end, records, skipped, sealed = start, start, 0, 0, False
        body = (row for row in lines(data) if start or row[0])  # the header is not a record
        for chunk in chunks(body, _CHUNK):
            found: list[tuple[int, int, str, Any]] = []
            for offset, line in chunk:
                last, end = start + offset, start + offset + len(line) + 1
                record = parse(line)
                if record is None:
                    ends = read_end(line) is not None
                    sealed, skipped = sealed or ends, skipped + (not ends)
                    continue
                try:
                    found.append((start + offset, len(line), record[0], _DECODERS[header.kind].decode(record[1])))
                except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
                    skipped += 1
            if header.kind == "items":
                whole = len(found)
                found = [row for row in found if is_key(row[3].item.key)]
                skipped, records = skipped + whole - len(found), records + len(found)
                ids = self._ids([r.item.key for *_, r in found])
                yield (
                    "item_record",
                    11,
                    [
                        (ids[i.key], file, o, n, rid, " ".join(r.on), r.change, i.split, i.group, i.media, i.size)
                        for o, n, rid, r in found
                        for i in (r.item,)
                    ],
                )
                continue
            records += len(found)
            ids = self._ids([r.item for *_, r in found])
            if header.kind == "decisions":
                yield "decision", 16, [
                    (ids[r.item], task, file, o, n, rid, r.verdict, r.object, json.dumps(r.objects) if r.objects else None,
                     " ".join(r.on), r.media, r.origin.run if r.origin else None, r.origin.digest if r.origin else None,
                     r.reason or r.note if r.verdict in ("flagged", "reopened") else None, *_marks(r.annotations, r.attributes))
                    for o, n, rid, r in found
                ]  # fmt: skip
            elif header.kind == "runs":
                yield (
                    "outcome",
                    8,
                    [(ids[r.item], task, file, header.run, r.media, r.digest, r.error, r.dropped) for *_, r in found],
                )
            elif header.kind == "lots":
                yield "lot", 3, [(ids[r.item], task, file) for *_, r in found]
        self._progress(file, data, start, last, end, records, skipped, sealed)

    def _predictions(
        self, file: int, task: str, run: str, data: bytes, start: int
    ) -> Iterator[tuple[str, int, list[tuple[Any, ...]]]]:
        last, end, records, skipped = start, start, 0, 0
        for chunk in chunks(lines(data), _CHUNK):
            found: list[tuple[int, int, Prediction, list[_Glance], list[float]]] = []
            for offset, line in chunk:
                last, end = start + offset, start + offset + len(line) + 1
                try:
                    prediction = _prediction.decode(line)
                    marks = _glance.decode(prediction.annotations)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    skipped += 1
                    continue
                scores = [m.score for m in marks if m.score is not None]
                found.append((start + offset, len(line), prediction, marks, scores))
            records += len(found)
            ids = self._ids([p.item for _, _, p, _, _ in found])
            yield (
                "prediction",
                11,
                [
                    (
                        ids[p.item],
                        task,
                        file,
                        o,
                        n,
                        run,
                        digest(p.annotations),
                        min(s, default=None),
                        max(s, default=None),
                        *_bars(marks, {}),
                    )
                    for o, n, p, marks, s in found
                ],
            )
        self._progress(file, data, start, last, end, records, skipped, False)

    # -- folding --------------------------------------------------------------------------------------------

    def _fold_items(self) -> None:
        """The facts of touched items: of the head among their records, the smallest id where several contradict."""
        rows = self.db.execute(
            "SELECT r.item, r.rid, r.ons, r.change='removed', r.split, r.grp, r.media, r.size, r.file, r.offset, r.length "
            "FROM temp.touched t CROSS JOIN item_record r ON r.item=t.item CROSS JOIN file f ON f.id=r.file WHERE f.present "
            "ORDER BY t.item, r.rid"
        )
        self.db.execute("UPDATE item SET alive=0, clash=0, split=NULL, grp=NULL, media=NULL, size=NULL, file=NULL "
                        "WHERE id IN (SELECT item FROM temp.touched)")  # fmt: skip
        heads = (_item_heads(list(group)) for _, group in groupby(rows, key=itemgetter(0)))
        for chunk in chunks(heads, _CHUNK):
            self.db.executemany(
                "UPDATE item SET alive=?, clash=?, split=?, grp=?, media=?, size=?, file=?, offset=?, length=? WHERE id=?",
                ((not first[3], len({(h[3], h[6]) for h in (first, *others)}) > 1, *first[4:], first[0])
                 for first, *others in chunk))  # fmt: skip

    def _item_at(self, file: int, offset: int, length: int, paths: dict[int, str]) -> ItemRecord:
        if file not in paths:
            paths[file] = self.db.execute("SELECT path FROM file WHERE id=?", (file,)).fetchone()[0]
        return _item.decode(self.record_bytes(paths[file], offset, length))

    def _fold_states(self, task: Task) -> None:
        self.db.execute("DELETE FROM state WHERE task=? AND item IN (SELECT item FROM temp.touched)", (task.name,))
        runs = self.runs()
        votes = _grouped(self.db.execute(
            "SELECT d.item, d.rid, f.reviewer, d.verdict, f.rule, d.ons, d.object, d.objects, d.digest, d.media, d.reason, "
            "d.labels, d.attrs FROM temp.touched t CROSS JOIN decision d ON d.item=t.item AND d.task=? CROSS JOIN file f "
            "ON f.id=d.file WHERE f.present ORDER BY t.item", (task.name,)))  # fmt: skip
        outcomes = _grouped(self.db.execute(
            "SELECT o.item, o.run, o.digest, o.media FROM temp.touched t CROSS JOIN outcome o ON o.item=t.item AND o.task=? "
            "CROSS JOIN file f ON f.id=o.file WHERE f.present AND o.error IS NULL ORDER BY t.item, o.run, o.digest", (task.name,)))  # fmt: skip
        predictions = _grouped(self.db.execute(
            "SELECT p.item, p.run, p.digest, p.low, p.high, p.labels, p.attrs FROM temp.touched t CROSS JOIN prediction p "
            "ON p.item=t.item AND p.task=? CROSS JOIN file f ON f.id=p.file WHERE f.present ORDER BY t.item", (task.name,)))  # fmt: skip
        alive = self.db.execute(
            "SELECT i.id, i.key, i.media FROM temp.touched t CROSS JOIN item i ON i.id=t.item WHERE i.alive ORDER BY t.item"
        )
        rows = (
            self._state(task, item, key, media, votes(item), outcomes(item), predictions(item), runs)
            for item, key, media in alive
        )
        for chunk in chunks((r for r in rows if r is not None), _CHUNK):
            self.db.executemany(f"INSERT INTO state VALUES ({','.join('?' * 15)})", chunk)

    def _state(self, task: Task, item: int, key: str, media: str | None, votes: list[tuple[Any, ...]],
               outcomes: list[tuple[Any, ...]], predictions: list[tuple[Any, ...]],
               runs: Mapping[str, RunInfo]) -> tuple[Any, ...] | None:  # fmt: skip
        shown = choose_run(
            {run: (digest_, m) for run, digest_, m in outcomes if not (m and media and m != media)}, task, runs
        )
        if not votes and shown is None:
            return None
        run, said = shown or (None, None)
        low, high, labels, attrs = next((p[2:] for p in predictions if p[:2] == (run, said)), (None,) * 4)
        if not votes:
            return (task.name, item, "predicted", "[]", "", "", "", "", run, said, low, high, labels, attrs, 0)
        standing = fold([_vote(row) for row in votes], self._likeness(task, key), media, proposed=shown is not None)
        if standing.answer:
            marks = {row[0]: row[10:] for row in votes}
            labels, attrs = (_joined(marks[rid][n] for rid in standing.answer) for n in (0, 1))
        elif standing.state not in ("predicted", "unlabelled", "rejected"):
            labels = attrs = ""
        return (task.name, item, standing.state, json.dumps(standing.reasons), " ".join(standing.decided_by),
                " ".join(standing.answer), " ".join(standing.live), " ".join(sorted(set(standing.seen) - set(standing.live))),
                run, said, low, high, labels, attrs,
                any(not h.rule for h in standing.heads))  # fmt: skip

    def _likeness(self, task: Task, key: str) -> Same:
        def same(a: Sequence[str], b: Sequence[str]) -> bool:
            try:
                return self._same(task, key, a, b)
            except ChangedError:
                raise
            except RecordError:  # what cannot be read is like nothing
                return False

        return same

    # -- what the rest asks ---------------------------------------------------------------------------------

    def runs(self) -> dict[str, RunInfo]:
        """Every run whose files are there, by id."""
        version = (get_ident(), self.db.execute("PRAGMA data_version").fetchone()[0])  # others may have written
        if self._runs is None or version != self._version:
            self._version = version
            found: dict[str, RunInfo] = {}
            for (raw,) in self.db.execute("SELECT header FROM file WHERE kind='runs' AND present ORDER BY path"):
                header = read_header(raw)
                if header is None or header.run is None or header.model is None:
                    continue
                before = found.get(header.run)
                found[header.run] = RunInfo(
                    id=header.run,
                    task=header.task or "",
                    model=header.model.name,
                    model_digest=header.model.digest,
                    prelabeler=header.model.prelabeler,
                    settings=header.model.settings,
                    definition=header.definition,
                    follows=frozenset(header.follows) | (before.follows if before else frozenset()),
                    started=before.started if before else header.started,
                )
            self._runs = found
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
        return self._item_at(file, offset, length, paths).item

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything the index tells of the files that are there, free of row numbers: what two indexes are compared by."""
        queries = {
            "item": "SELECT key, alive, clash, split, grp, media, size FROM item WHERE alive ORDER BY key",
            "state": "SELECT s.task, i.key, s.state, s.reasons, s.decided_by, s.answer, s.live, s.past, s.run, s.digest, s.low, s.high, "
            "s.labels, s.attrs, s.human FROM state s JOIN item i ON i.id=s.item ORDER BY 1, 2",
            "file": "SELECT path, size, kind, records, skipped, end, sealed FROM file WHERE present ORDER BY path",
            "lot": "SELECT DISTINCT l.task, i.key FROM lot l JOIN item i ON i.id=l.item JOIN file f ON f.id=l.file "
            "WHERE f.present ORDER BY 1, 2",
        }
        return {name: self.db.execute(query).fetchall() for name, query in queries.items()}


_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "items": _item,
    "decisions": _decision,
    "runs": _outcome,
    "lots": _lot,
}


def _marks(annotations: Any, attributes: Mapping[str, AttributeValue]) -> tuple[str | None, str | None]:
    if annotations is msgspec.UNSET:
        return None, None
    try:
        return _bars(_glance.decode(annotations), attributes)
    except msgspec.DecodeError:
        return None, None


def _bars(marks: Sequence[_Glance], attributes: Mapping[str, AttributeValue]) -> tuple[str, str]:
    """Labels and attributes as `|a|b|`, so that one of them is found by `|a|`."""
    labels = "|".join(m.label or "" for m in marks)
    pairs = [f"{k}={_spelled(v)}" for m in (*(m.attributes for m in marks), attributes) for k, v in m.items()]
    return f"|{labels}|" if marks else "", f"|{'|'.join(pairs)}|" if pairs else ""


def _spelled(value: AttributeValue) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _joined(bars: Iterable[str | None]) -> str:
    text = "|".join(b.strip("|") for b in bars if b)
    return f"|{text}|" if text else ""


def _vote(row: tuple[Any, ...]) -> Vote:
    rid, reviewer, verdict, rule, ons, object_, objects, said, media, reason, *_ = row
    return Vote(
        id=rid,
        reviewer=reviewer or "",
        verdict=verdict,
        rule=bool(rule),
        on=frozenset(ons.split()),
        object=object_,
        objects=tuple(json.loads(objects)) if objects else (),
        proposal=said,
        media=media,
        reason=reason,
    )


def _item_heads(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The records of one item that no other supersedes, by id; every copy of a record counts once."""
    unique = list({row[1]: row for row in rows}.values())
    if len(unique) == 1:
        return unique
    superseded = {target for row in unique for target in row[2].split()}
    return [row for row in unique if row[1] not in superseded] or unique[:1]


def choose_run(
    outcomes: Mapping[str, tuple[str, str | None]], task: Task, runs: Mapping[str, RunInfo]
) -> tuple[str, str] | None:
    """The (run, digest) of the proposal to show: of the first run or model in the task's `propose`, else of the run
    that no other follows, the smallest id where there are several."""
    known = {run: said for run, (said, _) in outcomes.items() if run in runs}
    if not known:
        return None
    for wanted in task.propose:
        named = sorted((r for r in known if wanted in (r, runs[r].model)), reverse=True)
        if named:
            return _last(named, runs), known[_last(named, runs)]
    run = _last(sorted(known), runs)
    return run, known[run]


def _last(candidates: Sequence[str], runs: Mapping[str, RunInfo]) -> str:
    followed = {f for run in candidates for f in runs[run].follows}
    return min((r for r in candidates if r not in followed), default=min(candidates))


def _grouped(rows: Iterator[tuple[Any, ...]]) -> Callable[[int], list[tuple[Any, ...]]]:
    """Rows ordered by their first column, to be asked for in the same order: the rest of those that start with it."""
    groups = groupby(rows, key=itemgetter(0))
    current: list[Any] = [next(groups, None)]

    def ask(key: int) -> list[tuple[Any, ...]]:
        while current[0] is not None and current[0][0] < key:
            current[0] = next(groups, None)
        if current[0] is None or current[0][0] != key:
            return []
        found = [row[1:] for row in current[0][1]]
        current[0] = next(groups, None)
        return found

    return ask


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
