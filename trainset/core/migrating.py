"""Changing a task's question: `trainset.toml` and the record of what changed, together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from trainset.core import layout
from trainset.core.config import FILE, editing, replace_file, table
from trainset.core.dataset import Dataset
from trainset.core.model import Attribute, AttributeValue, Migration, Task
from trainset.core.names import check_label
from trainset.errors import UsageError

Edit = Callable[[Any], None]
"""What is done to the task's table of a tomlkit document."""


@dataclass(frozen=True)
class Change:
    """What a migration did: its record, and how many items wait for another look because of it."""

    record: str
    again: int


def rename(dataset: Dataset, task: Task, old: str, new: str, note: str | None = None) -> Change:
    """Give a label another id; its index stays. Where clones gave it different ones, this says which it is."""
    _check_present(dataset, task, [old])
    rivals = dataset.changes(task).rivals(old)
    if any(label.id == new for label in task.labels) and not rivals:
        raise UsageError(f"task {task.name!r} has the label {new!r} already", hint=f"`trainset task merge-labels {task.name} {old} --into {new}`")  # fmt: skip
    check_label(new)

    def edit(document: Any) -> None:
        labels = table(document, "tasks", task.name, "labels")
        if new in labels:
            _retire(document, task, [old])
        elif old in labels:
            for key, entry in [(new if key == old else key, labels.pop(key)) for key in list(labels)]:
                labels[key] = entry
        else:  # another clone renamed it too, and `trainset.toml` has neither
            layout.number_labels(labels, [(None, new)])
        _instead(document, task, dict.fromkeys(renamed, (new,)))

    gone = rivals - {new} - {label.id for label in task.labels}
    renamed = (old, *sorted(gone))  # what was called otherwise meanwhile, in another clone, is called so too
    return _apply(dataset, task, Migration(labels=renamed, into=(new,), note=note), edit)


def merge(dataset: Dataset, task: Task, labels: Sequence[str], into: str, note: str | None = None) -> Change:
    """Count labels as another one, which there is, from now on; they are retired."""
    _check_present(dataset, task, labels)
    _check_active(task, [into])
    gone = tuple(label for label in labels if label != into)
    if not gone:
        raise UsageError(f"{into!r} is the label that the others go into", hint="name the labels to merge into it")

    def edit(document: Any) -> None:
        _retire(document, task, gone)
        _instead(document, task, dict.fromkeys(gone, (into,)))

    return _apply(dataset, task, Migration(labels=gone, into=(into,), note=note), edit)


def split(dataset: Dataset, task: Task, label: str, into: Sequence[str], note: str | None = None) -> Change:
    """Ask more closely: what had the label is one of several now, those that there are not being added; which one, a person
    has to say."""
    _check_present(dataset, task, [label])
    if len(set(into)) < 2:
        raise UsageError(
            f"{label!r} is split into at least two labels",
            hint="`rename-label` gives it another name, --into A,B splits it",
        )

    def edit(document: Any) -> None:
        layout.number_labels(table(document, "tasks", task.name, "labels"), [(None, x) for x in into])
        _retire(document, task, [label] if label not in into else [])
        _instead(document, task, {label: tuple(into)})

    return _apply(dataset, task, Migration(labels=(label,), into=tuple(dict.fromkeys(into)), note=note), edit)


def retire(dataset: Dataset, task: Task, label: str, note: str | None = None) -> Change:
    """Offer a label no more; what has it waits for a person."""
    _check_present(dataset, task, [label])
    known = dataset.changes(task)
    whole = known.since(())
    if whole and not known.contradictions() and (fate := whole.fate(label)):
        raise UsageError(fate, hint="`trainset status` counts what waits because of it")

    def edit(document: Any) -> None:
        _retire(document, task, [label])
        _instead(document, task, {label: ()})

    return _apply(dataset, task, Migration(labels=(label,), note=note), edit)


def add_attribute(
    dataset: Dataset, task: Task, attribute: Attribute, value: AttributeValue = None, note: str | None = None
) -> Change:
    """Ask for one thing more. `value` is what it counts as wherever it was not asked for; where that is None and it is
    required, what was decided waits for a person."""
    if any(known.name == attribute.name for known in task.attributes):
        raise UsageError(f"task {task.name!r} has an attribute {attribute.name!r} already")
    check_label(attribute.name, what="name of an attribute")
    _check_active(task, attribute.labels)
    if wrong := attribute.problem(value):
        raise UsageError(wrong)

    def edit(document: Any) -> None:
        entry = table(document, "tasks", task.name, "attributes", attribute.name)
        given = msgspec.to_builtins(attribute)
        entry.update({key: given[key] for key in given if key != "name"})

    record = Migration(
        attribute=attribute.name,
        of=attribute.of,
        labels=attribute.labels,
        value=value,
        required=attribute.required,
        note=note,
    )
    return _apply(dataset, task, record, edit)


def _check_present(dataset: Dataset, task: Task, labels: Sequence[str]) -> None:
    """UsageError for what is no label, and is not in contradiction either: that is settled by saying again what becomes of
    it."""
    known = {label.id for label in task.labels}
    for name in labels:
        if name not in known and not dataset.changes(task).rivals(name):
            _check_active(task, [name])


def _check_active(task: Task, labels: Sequence[str]) -> None:
    for name in labels:
        if not any(label.id == name for label in task.active):
            names = ", ".join(label.id for label in task.active[:12])
            raise UsageError(f"{name!r} is not a label of task {task.name!r}", hint=f"its labels: {names}")


def _retire(document: Any, task: Task, labels: Sequence[str]) -> None:
    entries = table(document, "tasks", task.name, "labels")
    for label in labels:
        if label in entries:
            entries[label]["retired"] = True


def _instead(document: Any, task: Task, now: dict[str, tuple[str, ...]]) -> None:
    """Name other labels wherever the task's attributes and rules, and its models, name these."""
    own = document["tasks"][task.name]
    for part in (*own.get("attributes", {}).values(), *own.get("rules", {}).values()):
        named = part.get("labels")
        if isinstance(named, list):
            part["labels"] = list(dict.fromkeys(x for label in named for x in now.get(label, (label,))))
        elif named is not None:
            _rekey(named, now)
    for model in document.get("models", {}).values():
        classes = model.get("classes")
        if model.get("task") == task.name and isinstance(classes, dict):
            for name, label in list(classes.items()):
                into = now.get(label, (label,))
                if len(into) == 1:
                    classes[name] = into[0]
                else:
                    del classes[name]


def _rekey(named: Any, now: dict[str, tuple[str, ...]]) -> None:
    for label in [x for x in named if x in now]:
        value = named.pop(label)
        for name in now[label]:
            named.setdefault(name, value)


def _apply(dataset: Dataset, task: Task, migration: Migration, edit: Edit) -> Change:
    """Edit the settings, then record why; where that fails the settings are as before."""
    path = dataset.root / FILE
    before = path.read_text(encoding="utf-8-sig")
    waiting = _stale(dataset, task)
    header = dataset.header("migrations", task)
    with editing(dataset.root) as document:
        edit(document)
    known = dataset.changes(task)
    record = msgspec.structs.replace(migration, on=tuple(known.records))
    writer = dataset.writer(header)
    try:
        identity = writer.record(msgspec.json.encode(record))
    except BaseException:
        replace_file(path, before)
        raise
    writer.close()
    dataset.reload()
    return Change(identity, _stale(dataset, task) - waiting)


def _stale(dataset: Dataset, task: Task) -> int:
    return dataset.counts(task).get("stale", 0)
