"""Some items as another set of files has them, at a cost that follows these items and not the dataset.

Label files are only ever added, so what an index on disk knows of a file holds wherever a file of this path and size is:
its base rows are taken over, and only files that it never saw are read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from trainset.core.forgotten import Forgotten
from trainset.core.index.database import BASE
from trainset.core.index.following import Follower
from trainset.core.tree import Stamp, Tree, Windows


def take(
    db: sqlite3.Connection,
    known: Path | str,
    tree: Tree,
    windows: Windows,
    keys: Collection[str],
    forgotten: Forgotten,
) -> None:
    """Fill an empty database with what the index `known` has of these items in the files of `tree`, and with all of the
    files that it lacks. The numbers of the items are put into the temporary table `touched`."""
    stamps = {stamp.path: stamp for stamp in tree.files()}
    db.execute("CREATE TEMP TABLE wanted (key TEXT PRIMARY KEY)")
    db.executemany("INSERT OR IGNORE INTO temp.wanted VALUES (?)", ((key,) for key in keys))
    with _attached(db, known):
        files = db.execute("SELECT id, path, size FROM known.file WHERE kind IS NOT NULL")
        same = [number for number, path, size in files if path in stamps and stamps[path].size == size]
        db.executemany("INSERT INTO file SELECT * FROM known.file WHERE id=?", ((number,) for number in same))
        db.execute("UPDATE file SET present=1")
        db.execute(
            "INSERT INTO item (id, key) SELECT i.id, i.key FROM temp.wanted w CROSS JOIN known.item i ON i.key=w.key"
        )
        for table in BASE:
            db.execute(f"INSERT INTO main.{table} SELECT x.* FROM main.item i CROSS JOIN known.{table} x ON x.item=i.id "
                       "WHERE x.file IN (SELECT id FROM main.file)")  # fmt: skip
    read = {path for (path,) in db.execute("SELECT path FROM file")}
    Follower(db, tree, windows, forgotten).some(stamp for path, stamp in stamps.items() if path not in read)
    db.execute("DELETE FROM temp.touched")
    db.execute("INSERT INTO temp.touched SELECT i.id FROM temp.wanted w CROSS JOIN item i ON i.key=w.key")


def spoken_of(db: sqlite3.Connection, files: Collection[Stamp]) -> tuple[set[str], list[Stamp]]:
    """The keys of the items that these files of items and decisions speak of, by an index, and the files that it lacks."""
    keys: set[str] = set()
    lacking = []
    for stamp in files:
        found = db.execute(
            "SELECT id FROM file WHERE path=? AND size=? AND kind IS NOT NULL", (stamp.path, stamp.size)
        ).fetchone()
        if found is None:
            lacking.append(stamp)
            continue
        for table in ("item_record", "decision"):
            rows = db.execute(f"SELECT DISTINCT i.key FROM {table} x JOIN item i ON i.id=x.item WHERE x.file=?", found)
            keys.update(key for (key,) in rows)
    return keys, lacking


@contextmanager
def _attached(db: sqlite3.Connection, known: Path | str) -> Iterator[None]:
    db.execute("ATTACH ? AS known", (str(known),))
    try:
        yield
    finally:
        db.execute("DETACH known")
