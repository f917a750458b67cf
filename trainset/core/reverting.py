"""Taking back what a session, a reviewer or a run brought in: items whose answer stands on it are reopened.

Nothing is removed: a `reopened` record names what it sets aside, so a revert can itself be superseded, and shows in the
history.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainset.core.dataset import Dataset, Row
from trainset.core.disputes import standing
from trainset.core.files import chunks
from trainset.core.model import Decision, Header, Task

_AT_A_TIME = 500


def standing_on(
    dataset: Dataset, task: Task, *, session: str | None = None, reviewer: str | None = None, run: str | None = None
) -> Iterator[tuple[Row, int]]:
    """The items with a decision that nobody superseded and that one session (by its id, or the end of it), one reviewer, or
    a proposal of one run (by its id, or the end of it) brought about; and how many others stand beside it."""

    def meant(decision: Decision, header: Header) -> bool:
        runs = (decision.origin.run if decision.origin else None, header.rule.run if header.rule else None)
        return decision.verdict != "reopened" and (
            (session is None or header.session.endswith(session))
            and (reviewer is None or header.reviewer == reviewer)
            and (run is None or any(name is not None and name.endswith(run) for name in runs))
        )

    for numbers in chunks(_candidates(dataset, task, session, reviewer, run), _AT_A_TIME):
        for row in dataset.rows(task, numbers=numbers):
            stand = standing({rid: dataset.decision(rid) for rid in row.live}).values()
            if count := sum(meant(*pair) for pair in stand):
                yield row, len(stand) - count


def _candidates(dataset: Dataset, task: Task, session: str | None, reviewer: str | None, run: str | None) -> list[int]:
    """The items with any such decision, as far as the index tells, by number."""
    terms, values = ["d.task=?", "f.present", "d.verdict<>'withdrawn'"], [task.name]
    if session is not None:
        terms.append("json_extract(CAST(f.header AS TEXT), '$.session') LIKE ?")
        values.append(f"%{session}")
    if reviewer is not None:
        terms.append("f.reviewer=?")
        values.append(reviewer)
    if run is not None:
        terms.append("(d.run LIKE ? OR json_extract(CAST(f.header AS TEXT), '$.rule.run') LIKE ?)")
        values += [f"%{run}", f"%{run}"]
    query = (
        f"SELECT DISTINCT d.item FROM decision d JOIN file f ON f.id=d.file WHERE {' AND '.join(terms)} ORDER BY d.item"
    )
    return [number for (number,) in dataset.index.db.execute(query, values)]
