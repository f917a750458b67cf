"""What `init` lays down: `trainset.toml` from its annotated reference, folders, and what Git must know."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit

from trainset.core.config import FILE, MOST_INDEX, editing, replace_file, table
from trainset.core.history import ATTRIBUTES
from trainset.core.names import NAME, check_label
from trainset.errors import UsageError

IGNORES = """# trainset: label files are the truth and belong in Git; media and caches do not.
/.trainset/
/media/
!/labels/
!/labels/**
!/predictions/
!/predictions/**
!/releases/
!/releases/**
"""
RULES: dict[str, dict[str, Any]] = {
    "min-score": {"below": 0.5},
    "overlapping-duplicates": {"above": 0.7},
    "random-audit": {"share": 0.05, "seed": 0},
}
_KEPT = ("dataset", "splits", "git", "engine", "review", "privacy")
_HEAD = "# The settings of this dataset. docs/configuration.md of trainset explains every one."
_GUIDELINES = "# {name}\n\nSay here what each label means, with the cases that people disagree about.\n\n{labels}\n"


def reference() -> str:
    """The annotated reference of every setting."""
    return (files("trainset") / "reference.toml").read_text(encoding="utf-8")


def write_settings(root: Path, name: str, modality: str) -> None:
    """`trainset.toml` of a new dataset: the tables of the reference that every dataset has, with what is said of them."""
    kept = [block for block in reference().split("\n\n") if any(f"\n[{table}]" in f"\n{block}" for table in _KEPT)]
    document: Any = tomlkit.parse("\n\n".join([_HEAD, *kept]) + "\n")
    document["dataset"]["name"] = name
    document["dataset"]["modality"] = modality
    replace_file(root / FILE, tomlkit.dumps(document))


def write_layout(root: Path) -> list[str]:
    """Folders and Git's files, where they are missing; what was added."""
    added = []
    for folder in ("labels", "guidelines", "media"):
        if not (root / folder).is_dir():
            (root / folder).mkdir()
            added.append(f"{folder}/")
    for name, wanted in ((".gitattributes", ATTRIBUTES), (".gitignore", IGNORES)):
        path = root / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        missing = [line for line in wanted.splitlines() if line not in text.splitlines()]
        if missing:
            replace_file(path, text + ("\n" if text and not text.endswith("\n") else "") + "\n".join(missing) + "\n")
            added.append(name)
    return added


def parse_task(text: str) -> tuple[str, str, list[str]]:
    """Name, type and labels out of `NAME:TYPE[:LABEL,LABEL…]`."""
    parts = text.split(":", 2)
    if len(parts) < 2 or not NAME.fullmatch(parts[0]) or not parts[1]:
        raise UsageError(f"{text!r} is not a task", hint="such as parts:box:screw,nut,washer")
    labels = [x.strip() for x in parts[2].split(",")] if len(parts) == 3 else []
    if any(not x for x in labels) or len(set(labels)) != len(labels):
        raise UsageError(f"{text!r} names a label twice, or none between two commas")
    return parts[0], parts[1], labels


def add_task(
    root: Path,
    name: str,
    kind: str,
    labels: Sequence[tuple[int | None, str]],
    many: bool = False,
    on: str | None = None,
) -> None:
    """Add a task with labels, guidelines to fill in and a few rules to `trainset.toml`."""
    with editing(root) as document:
        if name in document.get("tasks", {}):
            raise UsageError(f"there is a task {name!r} already", hint="`trainset task add-label` adds labels to it")
        task = table(document, "tasks", name)
        task["type"] = kind
        if many:
            task["many"] = True
        if on is not None:
            task["on"] = on
        number_labels(table(task, "labels"), labels)
        for rule, settings in RULES.items():
            inline = tomlkit.inline_table()
            inline.update(settings)
            table(task, "rules")[rule] = inline
    guidelines = root / "guidelines" / f"{name}.md"
    if not guidelines.exists():
        guidelines.parent.mkdir(exist_ok=True)
        listed = "\n".join(f"- **{label}**: " for _, label in labels)
        guidelines.write_text(_GUIDELINES.format(name=name, labels=listed), encoding="utf-8")


def number_labels(labels: Any, wanted: Sequence[tuple[int | None, str]]) -> list[str]:
    """Add labels to a tomlkit table, each under an index of its own that stays: the one asked for where it is free,
    else the next after all that were ever used. What was added."""
    taken = {int(entry["index"]) for entry in labels.values()}
    added = []
    for index, name in wanted:
        if name in labels:
            continue
        check_label(name)
        free = (
            index
            if index is not None and 0 <= index <= MOST_INDEX and index not in taken
            else max(taken, default=-1) + 1
        )
        taken.add(free)
        entry = tomlkit.inline_table()
        entry["index"] = free
        labels[name] = entry
        added.append(name)
    return added
