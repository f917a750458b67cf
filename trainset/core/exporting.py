"""`export`: answers in another tool's format, whole or not at all, with where every item stands beside them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from trainset.core.config import replace_file
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset, Row
from trainset.core.model import Item, Task
from trainset.core.protocols import Exporter, Labelled, Media
from trainset.errors import MediaError, TrainsetError, UsageError

SIDECAR = "trainset.json"
MediaMode = Literal["copy", "link", "none"]
DECIDED = ("reviewed", "auto-accepted")


@dataclass
class Exported:
    """What an export holds, and what the format could not: counts by loss and a few examples of each."""

    items: int = 0
    annotations: int = 0
    states: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


class Placing(TaskContext):
    """The `ExportContext`: puts media beside the export."""

    def __init__(self, dataset: Dataset, task: Task, media_mode: MediaMode, splits: Sequence[str]) -> None:
        super().__init__(dataset, task)
        self.media_mode: MediaMode = media_mode
        self.splits = splits

    def place(self, item: Item, to: Path) -> None:
        """Copy or link the item's files to `to`, as `place` does."""
        place(self.media, self.media_mode, item, to)


def place(media: Media, mode: MediaMode, item: Item, to: Path) -> None:
    """Copy or link an item's file to `to` (a named part to `stem.PART.suffix`); nothing for "none"."""
    if mode == "none":
        return
    for part in item.parts or ("",):
        source = media.path(item, part)
        if not source.is_file():
            raise MediaError(f"{source} is not there", hint="bring it back, or export with --media none")
        target = to.with_name(f"{to.stem}.{part}{to.suffix}") if part else to
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode == "link":
            target.symlink_to(source.absolute())
        else:
            shutil.copyfile(source, target)


def sidecar_of(dest: Path) -> Path:
    """Where the states of an export stand: in its folder, or beside its file."""
    return dest / SIDECAR if dest.is_dir() else dest.with_name(f"{dest.name}.{SIDECAR}")


def export(
    dataset: Dataset,
    task: Task,
    exporter: Exporter,
    dest: Path,
    *,
    states: Sequence[str] = DECIDED,
    where: str = "",
    splits: Sequence[str] = (),
    media: MediaMode = "none",
    strict: bool = False,
    tick: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write the items in these states to `dest`, which must not exist or be empty; TrainsetError if `strict` and the
    format cannot hold everything. A name with an ending is a file, any other a folder."""
    if dest.exists() and (dest.is_file() or any(dest.iterdir())):
        raise UsageError(f"{dest} exists", hint="name a new place, or remove it first")
    result = Exported()
    draft = dest.with_name(f".partial-{os.getpid()}-{dest.name}")
    if not dest.suffix:
        draft.mkdir(parents=True)
    else:
        draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        told: dict[str, dict[str, Any]] = {}
        rows = _rows(dataset, task, states, where, splits, result, told, tick)
        for loss in exporter.write(rows, draft, Placing(dataset, task, media, splits)):
            result.losses[loss.what] += 1
            result.examples.setdefault(loss.what, f"{loss.item}: {loss.detail}" if loss.detail else loss.item)
        if strict and result.losses:
            what = ", ".join(f"{n} × {name} ({exporter.losses.get(name, 'lost')})" for name, n in result.losses.items())
            raise TrainsetError(
                f"the format cannot hold everything: {what}", hint="export without --strict, or as jsonl"
            )
        if dest.is_dir():
            dest.rmdir()
        draft.rename(dest)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)
    _sidecar(dataset, task, dest, told)
    return result


def _rows(dataset: Dataset, task: Task, states: Sequence[str], where: str, splits: Sequence[str], result: Exported,
          told: dict[str, dict[str, Any]], tick: Callable[[int], None]) -> Iterator[Labelled]:  # fmt: skip
    several = (
        dataset.index.db.execute(
            "SELECT count(DISTINCT substr(key, 1, instr(key, '/'))) FROM item WHERE alive"
        ).fetchone()[0]
        > 1
    )
    condition = f"state = {', '.join(states)}" + (f" and ({where})" if where else "")
    condition += f" and split = {', '.join(splits)}" if splits else ""
    for row in dataset.rows(task, condition, order="i.key"):  # the same order in every clone, and at every revision
        labelled = _labelled(dataset, task, row, row.item.key if several else row.item.key.partition("/")[2])
        if labelled is None:
            continue
        result.items += 1
        result.annotations += len(labelled.annotations)
        result.states[row.state] += 1
        told[labelled.name] = {
            "key": row.item.key,
            "state": row.state,
            **({"decided_by": list(row.decided_by)} if row.decided_by else {}),
            **({"split": row.item.split} if row.item.split else {}),
            **({"media": row.item.media} if row.item.media else {}),
        }
        yield labelled
        tick(1)


def _labelled(dataset: Dataset, task: Task, row: Row, name: str) -> Labelled | None:
    if row.state in ("predicted", "rejected"):
        proposal = dataset.proposal(task, row)
        if proposal is None:
            return None
        return Labelled(item=row.item, name=name, annotations=proposal, state=row.state, split=row.item.split)
    notes = [n for rid in row.answer if (n := dataset.decision(rid)[0].note)]
    return Labelled(
        item=row.item,
        name=name,
        annotations=dataset.answer(task, row),
        state=row.state,
        split=row.item.split,
        decided_by=row.decided_by,
        attributes=dataset.item_attributes(row),
        note="; ".join(notes) or None,
        record=row.answer[0] if row.answer else None,
    )


def _sidecar(dataset: Dataset, task: Task, dest: Path, told: dict[str, dict[str, Any]]) -> None:
    labels = [
        {"id": x.id, "index": x.index, "name": x.title, **({"retired": True} if x.retired else {})} for x in task.labels
    ]
    content = {
        "trainset": 1,
        "dataset": dataset.config.dataset.name,
        "task": task.name,
        "type": task.type,
        "definition": task.definition,
        "revision": dataset.commit_id,
        "labels": labels,
        "items": told,
    }
    replace_file(sidecar_of(dest), msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n")
