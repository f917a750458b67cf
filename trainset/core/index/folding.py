"""Base rows of the items that something bears on, folded: the facts of each item, and where it stands for each task.

A task on another's objects is folded after that other task, of whose states it makes its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from trainset.core.files import chunks
from trainset.core.fold import FINISHED, Standing, Vote, fold, heads_of
from trainset.core.index.marks import apart, joined, spelled
from trainset.core.index.runs import RunInfo, choose_run
from trainset.core.migrations import Migrations, Translation
from trainset.core.model import Task
from trainset.core.objects import DECIDED, Asked, Holding, Objects, Said, fold_objects
from trainset.core.records import read_header

Alike = Callable[[Task, str, Sequence[str], Sequence[str]], bool]
"""Whether the annotations of two sets of decisions on an item (by its key) are equivalent."""
_CHUNK = 500
Row = tuple[Any, ...]


def fold_items(db: sqlite3.Connection) -> None:
    """The facts of touched items: of the head among their records, the smallest id where several contradict."""
    grouped = _groups(db)
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
    if grouped != _groups(db):
        db.execute("DELETE FROM unit")


def _groups(db: sqlite3.Connection) -> list[Row]:
    """The groups of those touched items whose hashes are kept: these are of no use once one of them is in another group."""
    return db.execute(
        "SELECT i.id, i.grp FROM unit u CROSS JOIN temp.touched t CROSS JOIN item i ON i.id=t.item "
        "WHERE i.id < length(u.hashes)/8 ORDER BY i.id"
    ).fetchall()


def _item_heads(rows: list[Row]) -> list[Row]:
    """The records of one item that no other supersedes, by id; every copy of a record counts once."""
    unique = list({row[1]: row for row in rows}.values())
    if len(unique) == 1:
        return unique
    superseded = {target for row in unique for target in row[2].split()}
    return [row for row in unique if row[1] not in superseded] or unique[:1]


def fold_states(
    db: sqlite3.Connection, task: Task, runs: Mapping[str, RunInfo], migrations: Mapping[str, Migrations], alike: Alike
) -> None:
    """Where touched items stand for a task; an item that nobody and no model has spoken of has no row, unless the task
    asks about another's objects. `migrations` are those of each task that has any."""
    for table in ("state", "asked"):
        db.execute(f"DELETE FROM {table} WHERE task=? AND item IN (SELECT item FROM temp.touched)", (task.name,))
    votes = _votes(db, task.name, migrations.get(task.name))
    outcomes = _grouped(db.execute(
        "SELECT o.item, o.run, o.digest, o.media, o.ofs FROM temp.touched t CROSS JOIN outcome o ON o.item=t.item AND o.task=? "
        "CROSS JOIN file f ON f.id=o.file WHERE f.present AND o.error IS NULL ORDER BY t.item, o.run, o.digest", (task.name,)))  # fmt: skip
    predictions = _grouped(db.execute(
        "SELECT p.item, p.run, p.digest, p.low, p.high, p.labels, p.attrs FROM temp.touched t CROSS JOIN prediction p "
        "ON p.item=t.item AND p.task=? CROSS JOIN file f ON f.id=p.file WHERE f.present ORDER BY t.item", (task.name,)))  # fmt: skip
    if task.name in migrations:
        predictions = _translated(predictions, runs, migrations[task.name])
    objects = _objects(db, task.on, migrations.get(task.on)) if task.on else None
    alive = db.execute(
        "SELECT i.id, i.key, i.media FROM temp.touched t CROSS JOIN item i ON i.id=t.item WHERE i.alive ORDER BY t.item"
    )
    rows = (
        _state(task, _Facts(item, key, media, votes(item), outcomes(item), predictions(item)), objects, runs, alike)
        for item, key, media in alive
    )
    for chunk in chunks((r for r in rows if r is not None), _CHUNK):
        db.executemany(f"INSERT INTO state VALUES ({','.join('?' * 15)})", [state for state, _ in chunk])
        asked = [about for _, about in chunk if about is not None]
        db.executemany("INSERT INTO asked VALUES (?, ?, ?, ?, ?)", asked)


class _Facts(NamedTuple):
    """An item, and what of a task's base rows speaks of it."""

    item: int
    key: str
    media: str | None
    votes: list[Row]
    outcomes: list[Row]
    predictions: list[Row]


def _state(task: Task, facts: _Facts, objects: Callable[[int], Objects | None] | None, runs: Mapping[str, RunInfo],
           alike: Alike) -> tuple[Row, Row | None] | None:  # fmt: skip
    """The row of an item in `state`, and in `asked` where the task is on another's objects."""
    item, media, votes = facts.item, facts.media, facts.votes
    about = objects(item) if objects else None
    of = " ".join(about.of) if about else ""
    fitting = {
        run: (digest, m) for run, digest, m, ofs in facts.outcomes if not (m and media and m != media) and ofs == of
    }
    shown = choose_run(fitting, task, runs) if objects is None or (about and about.held) else None
    if not votes and shown is None and objects is None:
        return None
    run, said = shown or (None, None)
    low, high, labels, attrs = next((p[2:] for p in facts.predictions if p[:2] == (run, said)), (None,) * 4)
    if not votes and objects is None:
        return (task.name, item, "predicted", "[]", "", "", "", "", run, said, low, high, labels, attrs, 0), None

    def same(a: Sequence[str], b: Sequence[str]) -> bool:
        return alike(task, facts.key, a, b)

    asked: Asked | None = None
    if objects is None:
        standing = fold([_vote(row) for row in votes], same, media, proposed=shown is not None)
        if standing.state == "partial" and labels is not None and len(_settled(votes, said)) >= len(apart(labels)):
            standing = replace(standing, reasons=(FINISHED,))
    else:
        asked = fold_objects(map(_said, votes), about, str(task.on), same, media, proposed=shown is not None)
        standing = asked.standing
    if standing.answer:
        labels, attrs = _marks(standing, votes, asked)
    elif standing.state not in ("predicted", "unlabelled", "rejected"):
        labels = attrs = ""
    state = (task.name, item, standing.state, json.dumps(standing.reasons), " ".join(standing.decided_by),
             " ".join(standing.answer), " ".join(standing.live), " ".join(sorted(set(standing.seen) - set(standing.live))),
             run, said, low, high, labels, attrs, any(not h.rule for h in standing.heads))  # fmt: skip
    if asked is None:
        return state, None
    return state, (task.name, item, of, json.dumps(asked.answers), json.dumps(asked.orphans) if asked.orphans else "")


def _settled(votes: Sequence[Row], said: str | None) -> set[str]:
    """The objects of the proposal with this digest that were decided one by one."""
    heads = heads_of(map(_vote, votes))
    return {v.object for v in heads if v.object is not None and v.proposal == said and v.verdict != "rejected"}


def _marks(standing: Standing, votes: Sequence[Row], asked: Asked | None) -> tuple[str, str]:
    """Labels and attributes of an answer; of the answers that count, in a task on another's objects."""
    found = {row[0]: row[11:] for row in votes}
    labels = joined(found[rid][1] for rid in standing.answer)
    if asked is not None:
        given = {
            rid: dict(zip(json.loads(found[rid][0]), apart(found[rid][1]), strict=False)) for rid in standing.answer
        }
        labels = joined(f"|{given[rid].get(name, '')}|" for name, rid in asked.answers.items() if rid is not None)
    return labels, joined(found[rid][2] for rid in standing.answer)


def _votes(db: sqlite3.Connection, task: str, migrations: Migrations | None) -> Callable[[int], list[Row]]:
    """The decisions on each touched item for a task, each with why it has to be looked at again."""
    rows = _grouped(db.execute(
        "SELECT d.item, d.rid, f.reviewer, d.verdict, f.rule, d.ons, d.object, d.objects, d.digest, d.media, d.reason, d.ofs, "
        "d.ids, d.labels, d.attrs, NULL, d.file FROM temp.touched t CROSS JOIN decision d ON d.item=t.item AND d.task=? CROSS JOIN file f "
        "ON f.id=d.file WHERE f.present ORDER BY t.item", (task,)))  # fmt: skip
    if migrations is None:
        return rows
    headers = db.execute("SELECT id, header FROM file WHERE kind='decisions' AND task=? AND present", (task,))
    since = {file: migrations.since(h.migrations) for file, raw in headers if (h := read_header(raw)) is not None}

    def today(row: Row) -> Row:
        translation = since.get(row[15])
        if translation is None or row[12] is None:
            return row
        labels = apart(row[12])
        return (*row[:12], *_today(translation, row[12], row[13]), translation.look(labels), row[15])

    return lambda item: [today(row) for row in rows(item)]


def _translated(
    predictions: Callable[[int], list[Row]], runs: Mapping[str, RunInfo], migrations: Migrations
) -> Callable[[int], list[Row]]:
    """Predictions with the labels and attributes of today."""

    def today(row: Row) -> Row:
        translation = migrations.since(runs[row[0]].migrations) if row[0] in runs else None
        return row if translation is None or row[4] is None else (*row[:4], *_today(translation, row[4], row[5]))

    return lambda item: [today(row) for row in predictions(item)]


def _today(translation: Translation, labels: str, attrs: str | None) -> tuple[str, str]:
    """Labels and attributes, as text that can be searched, in the words of today."""
    named = [translation.label(x) for x in apart(labels)]
    return f"|{'|'.join(named)}|" if named else "", joined([attrs, *spelled(translation.marks(named))])


def _objects(db: sqlite3.Connection, task: str, migrations: Migrations | None) -> Callable[[int], Objects | None]:
    """The objects of each touched item as they are decided for a task, whose states are there; None where they are not."""
    votes = _votes(db, task, migrations)
    states = _grouped(db.execute(
        "SELECT s.item, s.state, s.answer, s.live FROM temp.touched t CROSS JOIN state s ON s.item=t.item AND s.task=? ORDER BY t.item",
        (task,)))  # fmt: skip

    def ask(item: int) -> Objects | None:
        decisions, found = votes(item), states(item)
        if not found or found[0][0] not in DECIDED:
            return None
        _, answer, live = found[0]
        holding = {row[0]: Holding(_vote(row), tuple(_ids(row))) for row in decisions}
        return Objects.decided(answer.split(), {rid: holding[rid] for rid in live.split()})

    return ask


def _said(row: Row) -> Said:
    return Said(_vote(row), tuple(_ids(row)), tuple(row[10].split()))


def _ids(row: Row) -> list[str]:
    found: list[str] = json.loads(row[11] or "[]")
    return found


def _vote(row: Row) -> Vote:
    rid, reviewer, verdict, rule, ons, object_, objects, said, media, reason, *_, look, _ = row
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
        look=look,
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
