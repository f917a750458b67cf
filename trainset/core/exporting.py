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
from trainset.core.index import ChangedError
from trainset.core.model import Annotation, Item, Opaque, Task
from trainset.core.protocols import Exporter, Labelled, Loss, Media, Naming
from trainset.errors import MediaError, PluginError, RecordError, TrainsetError, UsageError

SIDECAR = "trainset.json"
MediaMode = Literal["copy", "link", "none"]
DECIDED = ("reviewed", "auto-accepted")
LOSSES = {
    "unreadable": "what is recorded of the item cannot be read, and it is left out: `trainset verify` says why",
    "objects": "which object an answer speaks of is left out: an export of the objects' own task has the answers too",
}
"""What no format can express, or none but those that hold ids (`Naming`)."""
_OWN = ("labels", "media", "predictions", "guidelines", "releases", ".trainset")


@dataclass
class Exported:
    """What an export holds, and what the format could not: counts by loss and a few examples of each."""

    items: int = 0
    annotations: int = 0
    states: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def lose(self, loss: Loss) -> None:
        """Count a loss."""
        self.losses[loss.what] += 1
        self.examples.setdefault(loss.what, f"{loss.item}: {loss.detail}" if loss.detail else loss.item)


class Placing(TaskContext):
    """The `ExportContext`: puts media beside the export, and nowhere else."""

    def __init__(
        self, dataset: Dataset, task: Task, media_mode: MediaMode, splits: Sequence[str], inside: Path
    ) -> None:
        super().__init__(dataset, task)
        self.media_mode: MediaMode = media_mode
        self.splits = splits
        self._inside = inside.resolve()

    def place(self, item: Item, to: Path) -> None:
        """Copy or link the item's files to `to`, as `place` does; PluginError where that lies outside of the export."""
        if not to.parent.resolve().is_relative_to(self._inside):
            raise PluginError(f"the format would write the file of {item.key} to {to}, outside of the export")
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
        if target.is_symlink() or target.exists():
            raise MediaError(f"{target.name} of {item.key} is there already: another item's file has its name",
                             hint="rename one of them, or export with --media none")  # fmt: skip
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
    format_name: str = "",
    states: Sequence[str] = DECIDED,
    where: str = "",
    splits: Sequence[str] = (),
    media: MediaMode = "none",
    strict: bool = False,
    tick: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write the items in these states to `dest`, which must not exist or be an empty folder; TrainsetError if `strict`
    and the format cannot hold everything. A name with an ending is a file, any other, and what is there, a folder."""
    dest = _vacant(dataset, dest)
    _check_splits(dataset, splits)
    result = Exported()
    draft = dest.parent / f".partial-{os.getpid()}-{dest.name}"
    to = draft / dest.name
    try:
        (draft if dest.suffix and not dest.is_dir() else to).mkdir(parents=True)
        told: dict[str, dict[str, Any]] = {}
        rows = _rows(dataset, task, states, where, splits, result, told, tick)
        if task.on is not None and not isinstance(exporter, Naming):
            rows = _unnamed(rows, result)
        for loss in exporter.write(rows, to, Placing(dataset, task, media, splits, draft)):
            result.lose(loss)
        if strict and result.losses:
            meanings = LOSSES | dict(exporter.losses)
            what = ", ".join(f"{n} × {name} ({meanings.get(name, 'lost')})" for name, n in result.losses.items())
            raise TrainsetError(
                f"the format cannot hold everything: {what}", hint="export without --strict, or as jsonl"
            )
        _sidecar(dataset, task, to, format_name, told)
        _publish(to, dest)
    except OSError as error:
        raise TrainsetError(
            f"{error.filename or dest}: {error.strerror or error}; nothing was exported",
            hint="free some space, mend the permissions, or name another place",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return result


def _vacant(dataset: Dataset, dest: Path) -> Path:
    """Where `dest` leads to; UsageError where that is taken, or is one of the dataset's own folders."""
    place = Path(os.path.realpath(dest))
    own = [*(dataset.root / name for name in _OWN), dataset.repository.git_dir, dataset.repository.common_dir]
    if inside := next((folder for folder in own if place.is_relative_to(folder.resolve())), None):
        raise UsageError(f"{dest} lies in {inside}, which is the dataset's own", hint="name a place outside of it")
    if place.is_dir() and any(place.iterdir()):
        raise UsageError(f"{dest} exists, and is not empty", hint="name a new place, or empty it first")
    if place.exists() and not place.is_dir():
        raise UsageError(f"{dest} exists", hint="name a new place, or remove it first")
    return place


def _check_splits(dataset: Dataset, wanted: Sequence[str]) -> None:
    known = dataset.splits()
    unknown = [split for split in wanted if split not in known]
    if unknown:
        raise UsageError(
            f"there is no split {unknown[0]!r}", hint=f"there are: {', '.join(filter(None, known)) or 'none'}"
        )


def _publish(draft: Path, dest: Path) -> None:
    """Give what is written its place, an export's one file after the sidecar beside it."""
    if draft.is_file():
        sidecar_of(draft).replace(sidecar_of(dest))
    elif dest.is_dir():
        dest.rmdir()
    draft.rename(dest)


def _rows(dataset: Dataset, task: Task, states: Sequence[str], where: str, splits: Sequence[str], result: Exported,
          told: dict[str, dict[str, Any]], tick: Callable[[int], None]) -> Iterator[Labelled]:  # fmt: skip
    several = (
        dataset.index.db.execute(
            "SELECT count(DISTINCT substr(key, 1, instr(key, '/'))) FROM item WHERE alive"
        ).fetchone()[0]
        > 1
    )
    condition = f"state = {', '.join(states)}" + (f" and ({where})" if where else "")
    condition += f" and split = {', '.join(map(_quoted, splits))}" if splits else ""
    for row in dataset.rows(task, condition, order="i.key"):  # the same order in every clone, and at every revision
        try:
            labelled = _labelled(dataset, task, row, row.item.key if several else row.item.key.partition("/")[2])
        except ChangedError:
            raise
        except RecordError as error:
            result.lose(Loss("unreadable", row.item.key, error.message))
            continue
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


def _quoted(value: str) -> str:
    """A value as the grammar of filters spells it."""
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))


def _labelled(dataset: Dataset, task: Task, row: Row, name: str) -> Labelled | None:
    if ".." in name.split("/"):  # the key of a row may hold it, and formats make paths of names
        raise RecordError(f"{name!r} leads out of the export")
    if task.on and row.state == "excluded" and not row.decided_by:  # it is not asked about, which nobody decided
        return None
    if row.state in ("predicted", "rejected"):
        proposal = dataset.proposal(task, row, strict=True)
        if proposal is None:
            return None
        return Labelled(item=row.item, name=name, annotations=proposal, state=row.state, split=row.item.split)
    notes = [n for rid in row.answer if (n := dataset.decision(rid)[0].note)]
    return Labelled(
        item=row.item,
        name=name,
        annotations=_with_answers(dataset, task, row, dataset.answer(task, row, strict=True)),
        state=row.state,
        split=row.item.split,
        decided_by=row.decided_by,
        attributes=dataset.item_attributes(row),
        note="; ".join(notes) or None,
        record=row.answer[0] if row.answer else None,
    )


def _unnamed(rows: Iterator[Labelled], result: Exported) -> Iterator[Labelled]:
    """The same rows, counted as those whose answers cannot be told apart any more."""
    for row in rows:
        result.lose(Loss("objects", row.item.key))
        yield row


def _with_answers(
    dataset: Dataset, task: Task, row: Row, annotations: tuple[Annotation, ...]
) -> tuple[Annotation, ...]:
    """An item's objects with what tasks that ask about them have for an answer, as attributes that are called as those
    tasks, by the titles of their labels. A decided answer takes the place of an attribute that another tool gave."""
    for asking in dataset.asking(task) if annotations else ():
        about = next(dataset.rows(asking, numbers=[row.number]))
        titles = {a.id: label.title for a in dataset.answer(asking, about) if (label := asking.label(str(a.label)))}
        annotations = tuple(
            msgspec.structs.replace(a, attributes={**a.attributes, asking.name: titles[a.id]})
            if a.id in titles and not isinstance(a, Opaque)
            else a
            for a in annotations
        )
    return annotations


def _sidecar(dataset: Dataset, task: Task, dest: Path, format_name: str, told: dict[str, dict[str, Any]]) -> None:
    labels = [
        {"id": x.id, "index": x.index, "name": x.title, **({"retired": True} if x.retired else {})} for x in task.labels
    ]
    content = {
        "trainset": 1,
        "format": format_name,
        "dataset": dataset.config.dataset.name,
        "task": task.name,
        "type": task.type,
        "definition": task.definition,
        "revision": dataset.commit_id,
        "labels": labels,
        "items": told,
    }
    replace_file(sidecar_of(dest), msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n")
