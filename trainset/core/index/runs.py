"""Runs as their headers describe them, and which of several is shown for an item."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainset.core.model import Task
from trainset.core.records import read_header


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
    migrations: tuple[str, ...] = ()


def read_runs(db: sqlite3.Connection) -> dict[str, RunInfo]:
    """Every run whose files are there, by id."""
    found: dict[str, RunInfo] = {}
    for (raw,) in db.execute("SELECT header FROM file WHERE kind='runs' AND present ORDER BY path"):
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
            migrations=before.migrations if before else header.migrations,
        )
    return found


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
