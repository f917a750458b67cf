"""Taking forgotten items out of the index, and out of the bytes of its file."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from trainset.core.forgotten import Forgotten
from trainset.core.index.database import BASE

_DERIVED = ("state", "asked", "finding", "rank")


def purge(db: sqlite3.Connection, forgotten: Forgotten) -> None:
    """Drop the items that are forgotten, inside the caller's transaction, if these are others than the last time. Each
    file is told how many of its records spoke of them."""
    known = db.execute("SELECT value FROM meta WHERE name='forgotten'").fetchone()
    if forgotten.name == (known[0] if known else Forgotten().name):
        return
    db.execute("CREATE TEMP TABLE IF NOT EXISTS gone (item INTEGER PRIMARY KEY, key TEXT)")
    db.execute("DELETE FROM temp.gone")
    rows = ((number, key) for number, key in db.execute("SELECT id, key FROM item") if forgotten.holds(key))
    db.executemany("INSERT INTO temp.gone VALUES (?, ?)", list(rows))
    for table in BASE:
        counted = f"SELECT x.file, count(*) FROM temp.gone g CROSS JOIN {table} x ON x.item=g.item GROUP BY x.file"
        for file, count in db.execute(counted).fetchall():
            db.execute("UPDATE file SET forgotten=forgotten+? WHERE id=?", (count, file))
    for table in (*BASE, *_DERIVED):
        db.execute(f"DELETE FROM {table} WHERE item IN (SELECT item FROM temp.gone)")
    db.execute("DELETE FROM item WHERE id IN (SELECT item FROM temp.gone)")
    db.execute("DELETE FROM stat WHERE key IN (SELECT key FROM temp.gone)")
    db.execute("DELETE FROM queue")
    db.execute("DROP TABLE temp.gone")
    db.execute("INSERT OR REPLACE INTO meta VALUES ('forgotten', ?)", (forgotten.name,))
    db.execute("INSERT INTO meta VALUES ('folds', 1) ON CONFLICT (name) DO UPDATE SET value=value+1")


def scrub(db: sqlite3.Connection) -> bool:
    """Rewrite a database so that nothing of deleted rows is left in its files; whether that was possible, which it is
    not while another process reads."""
    with suppress(sqlite3.OperationalError):
        db.execute("VACUUM")
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    return False
