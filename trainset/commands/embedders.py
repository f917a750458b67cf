"""Recognising model files that make vectors, and writing them to `[embedders]` of `trainset.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainset.commands.common import say, show
from trainset.commands.given import check_answered, merged
from trainset.core.config import editing
from trainset.core.config import table as toml_table
from trainset.core.dataset import Dataset
from trainset.core.names import check_name
from trainset.core.protocols import Recognition
from trainset.errors import ModelError
from trainset.plugins.registry import Registry, convert, load
from trainset.plugins.specs import EmbedderSpec, PrelabelerSpec

_LIKELY = 0.4
"""How sure an embedder has to be of a file that nobody said it is for."""


Known = Sequence[tuple[EmbedderSpec, Recognition]]
"""The embedders that recognise a file."""


def embeds(registry: Registry, opened: Dataset, known: Known, path: Path, task_name: str | None) -> bool:
    """Whether a file is one of the embedders that recognise it rather than a model for the task that is meant, if any is."""
    found = max((r.confidence for _, r in known), default=0.0)
    if found < _LIKELY:
        return False
    tasks = opened.config.tasks
    if task_name is None and len(tasks) != 1:
        return True
    task = opened.config.task(task_name)
    tags = set(opened.kit.tags(task))
    specs = [s for s in registry.all(PrelabelerSpec, opened.config.dataset.modality) if tags & set(s.produces)]
    others = (load(s.recognise)(path, task) for s in specs if s.recognise)
    return all(other is None or other.confidence < found for other in others)


def add_embedder(
    registry: Registry,
    opened: Dataset,
    known: Known,
    path: Path,
    name: str | None,
    wanted: str | None,
    settings: Sequence[str],
) -> None:
    """Write an embedder to `trainset.toml`, and say what it is and how that shows."""
    from trainset.onnx import model_digest

    spec, found = _best(registry, opened, known, path, wanted)
    chosen = merged(found.settings, settings)
    check_answered(path, found, chosen)
    label = name or path.stem
    check_name(label, "embedder (--name N)")
    resolved = path.resolve()
    convert(spec.settings, {"path": str(resolved), **chosen}, f"embedder {label!r}")
    inside = resolved.is_relative_to(opened.root)
    with editing(opened.root) as document:
        entry: dict[str, Any] = {"embedder": spec.name}
        if inside:
            entry["path"] = resolved.relative_to(opened.root).as_posix()
        toml_table(document, "embedders")[label] = entry | {"digest": model_digest(path), "settings": chosen}
    if not inside:
        opened.machine.set("embedders", label, str(resolved))
    show(f"embedder {label}: {spec.name} ({spec.summary})")
    for sentence in found.evidence:
        show(f"  {sentence}")
    say("it proposes nothing: near-duplicates, outliers and `trainset similar` compare items by its vectors")
    say(f"next: trainset embed --embedder {label}")


def recognised(registry: Registry, opened: Dataset, path: Path) -> Known:
    """The embedders that recognise a file."""
    specs = registry.all(EmbedderSpec, opened.config.dataset.modality)
    return [(s, found) for s in specs if s.recognise and (found := load(s.recognise)(path)) is not None]


def _best(
    registry: Registry, opened: Dataset, known: Known, path: Path, wanted: str | None
) -> tuple[EmbedderSpec, Recognition]:
    if wanted is not None:
        spec = registry.get(EmbedderSpec, wanted, opened.config.dataset.modality)
        known = [(s, r) for s, r in known if s is spec]
    if not known:
        raise ModelError(
            f"{path} makes no vectors of items that an embedder knows", hint="it may be a model for a task"
        )
    return max(known, key=lambda pair: pair[1].confidence)
