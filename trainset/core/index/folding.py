"""Base rows of the items that something bears on, folded: the facts of each item, and where it stands for each task."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from trainset.core.files import chunks
from trainset.core.fold import Vote, fold
from trainset.core.index.marks import joined
from trainset.core.index.runs import RunInfo, choose_run
from trainset.core.model import Task

Alike = Callable[[Task, str, Sequence[str], Sequence[str]], bool]
"""Whether the annotations of two sets of decisions on an item (by its key) are equivalent."""
_CHUNK = 20_000
Row = tuple[Any, ...]


def fold_items(db: sqlite3.Connection) -> None:
    """The facts of touched items: of the head among their records, the smallest id where several contradict."""
    rows = db.execute(
        "SELECT r.item, r.rid, r.ons, r.change='removed', r.split, r.grp, r.media, r.size, r.file, r.offset, r.length "
        "FROM temp.touched t CROSS JOIN item_record r ON r.item=t.item CROSS JOIN file f ON f.id=r.file WHERE f.present "
        "ORDER BY t.item, r.rid"
    )
    db.execute("UPDATE item SET alive=0, clash=0, split=NULL, grp=NULL, media=NULL, size=NULL, file=NULL "
               "WHERE id IN (SELECT item FROM temp.touched)")  # fmt: skip
    heads = (_item_heads(list(group)) for _, group in groupby(rows, key=itemgetter(0)))
    for chunk in chunks(heads, _CHUNK):
        db.executemany(
            "UPDATE item SET alive=?, clash=?, split=?, grp=?, media=?, size=?, file=?, offset=?, length=? WHERE id=?",
            ((not first[3], len({(h[3], h[6]) for h in (first, *others)}) > 1, *first[4:], first[0])
             for first, *others in chunk))  # fmt: skip


def _item_heads(rows: list[Row]) -> list[Row]:
    """The records of one item that no other supersedes, by id; every copy of a record counts once."""
    unique = list({row[1]: row for row in rows}.values())
    if len(unique) == 1:
        return unique
    superseded = {target for row in unique for target in row[2].split()}
    return [row for row in unique if row[1] not in superseded] or unique[:1]


def fold_states(db: sqlite3.Connection, task: Task, runs: Mapping[str, RunInfo], alike: Alike) -> None:
    """Where touched items stand for a task; an item that nobody and no model has spoken of has no row."""
    db.execute("DELETE FROM state WHERE task=? AND item IN (SELECT item FROM temp.touched)", (task.name,))
    votes = _grouped(db.execute(
        "SELECT d.item, d.rid, f.reviewer, d.verdict, f.rule, d.ons, d.object, d.objects, d.digest, d.media, d.reason, "
        "d.labels, d.attrs FROM temp.touched t CROSS JOIN decision d ON d.item=t.item AND d.task=? CROSS JOIN file f "
        "ON f.id=d.file WHERE f.present ORDER BY t.item", (task.name,)))  # fmt: skip
    outcomes = _grouped(db.execute(
        "SELECT o.item, o.run, o.digest, o.media FROM temp.touched t CROSS JOIN outcome o ON o.item=t.item AND o.task=? "
        "CROSS JOIN file f ON f.id=o.file WHERE f.present AND o.error IS NULL ORDER BY t.item, o.run, o.digest", (task.name,)))  # fmt: skip
    predictions = _grouped(db.execute(
        "SELECT p.item, p.run, p.digest, p.low, p.high, p.labels, p.attrs FROM temp.touched t CROSS JOIN prediction p "
        "ON p.item=t.item AND p.task=? CROSS JOIN file f ON f.id=p.file WHERE f.present ORDER BY t.item", (task.name,)))  # fmt: skip
    alive = db.execute(
        "SELECT i.id, i.key, i.media FROM temp.touched t CROSS JOIN item i ON i.id=t.item WHERE i.alive ORDER BY t.item"
    )
    rows = (
        _state(task, item, key, media, votes(item), outcomes(item), predictions(item), runs, alike)
        for item, key, media in alive
    )
    for chunk in chunks((r for r in rows if r is not None), _CHUNK):
        db.executemany(f"INSERT INTO state VALUES ({','.join('?' * 15)})", chunk)


def _state(task: Task, item: int, key: str, media: str | None, votes: list[Row], outcomes: list[Row],
           predictions: list[Row], runs: Mapping[str, RunInfo], alike: Alike) -> Row | None:  # fmt: skip
    shown = choose_run(
        {run: (digest, m) for run, digest, m in outcomes if not (m and media and m != media)}, task, runs
    )
    if not votes and shown is None:
        return None
    run, said = shown or (None, None)
    low, high, labels, attrs = next((p[2:] for p in predictions if p[:2] == (run, said)), (None,) * 4)
    if not votes:
        return (task.name, item, "predicted", "[]", "", "", "", "", run, said, low, high, labels, attrs, 0)

    def same(a: Sequence[str], b: Sequence[str]) -> bool:
        return alike(task, key, a, b)

    standing = fold([_vote(row) for row in votes], same, media, proposed=shown is not None)
    if standing.answer:
        marks = {row[0]: row[10:] for row in votes}
        labels, attrs = (joined(marks[rid][n] for rid in standing.answer) for n in (0, 1))
    elif standing.state not in ("predicted", "unlabelled", "rejected"):
        labels = attrs = ""
    return (task.name, item, standing.state, json.dumps(standing.reasons), " ".join(standing.decided_by),
            " ".join(standing.answer), " ".join(standing.live), " ".join(sorted(set(standing.seen) - set(standing.live))),
            run, said, low, high, labels, attrs, any(not h.rule for h in standing.heads))  # fmt: skip


def _vote(row: Row) -> Vote:
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


def _grouped(rows: Iterator[Row]) -> Callable[[int], list[Row]]:
    """Rows ordered by their first column, to be asked for in the same order: the rest of those that start with it."""
    groups = groupby(rows, key=itemgetter(0))
    current: list[Any] = [next(groups, None)]

    def ask(key: int) -> list[Row]:
        while current[0] is not None and current[0][0] < key:
            current[0] = next(groups, None)
        if current[0] is None or current[0][0] != key:
            return []
        found = [row[1:] for row in current[0][1]]
        current[0] = next(groups, None)
        return found

    return ask
