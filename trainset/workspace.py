"""The only composition root: installed plugins and a dataset put together, for commands and for `trainset.open`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from trainset.core import config as configuration
from trainset.core.dataset import Dataset
from trainset.core.files import digest
from trainset.core.journal import is_ulid
from trainset.core.model import Annotation, RuleConfig, Task
from trainset.core.protocols import AnnotationOps, Embedder, Modality, Prelabeler, Ranker, Rule
from trainset.core.settings import DOCS, within
from trainset.errors import ConfigError, ModelError
from trainset.plugins import builtin
from trainset.plugins.discovery import discover
from trainset.plugins.manager import Manager
from trainset.plugins.registry import Registry, convert, load
from trainset.plugins.specs import AnnotationSpec, EmbedderSpec, ModalitySpec, PrelabelerSpec, RankerSpec, RuleSpec


class Workspace:
    """The plugins of this installation. `broken` are those that could not be used, with the reason."""

    def __init__(self) -> None:
        self.manager = Manager(discover(), builtin)
        self.registry = Registry(list(self.manager.specs()))
        self.broken = [p for p in self.manager.plugins if p.error]

    def kit(self, modality: str) -> PluginKit:
        """What the plugins give a dataset of this modality."""
        return PluginKit(self.registry, modality)

    def open(self, path: Path, revision: str | None = None) -> Dataset:
        """The dataset at or above `path`."""
        root = find_root(path)
        modality = configuration.load(root).dataset.modality
        dataset = Dataset(root, self.kit(modality), revision)
        try:
            self._check_proposed(dataset)
        except BaseException:
            dataset.close()
            raise
        return dataset

    def _check_proposed(self, dataset: Dataset) -> None:
        """ConfigError where a task's `propose` names no model, and nothing that may be a run of another branch."""
        config, wanted = dataset.config, {n for task in dataset.config.tasks.values() for n in task.propose}
        if not wanted:
            return
        models = {*config.models, *(run.model for run in dataset.index.runs().values())}
        models |= {s.name for s in self.registry.all(PrelabelerSpec, config.dataset.modality) if s.recognise is None}
        for task in config.tasks.values():
            for name in task.propose:
                if name not in models and not is_ulid(name):
                    raise ConfigError(f"{config.place('tasks', task.name, 'propose')}: no model or run is called {name!r}",
                                      hint=f"there are: {', '.join(sorted(models)) or 'none yet'}")  # fmt: skip


class PluginKit:
    """The core's `Kit`, answered from the registry."""

    def __init__(self, registry: Registry, modality: str) -> None:
        self.registry = registry
        self.name = modality
        self._ops: dict[tuple[str, ...], AnnotationOps] = {}

    @cached_property
    def _modality(self) -> ModalitySpec:
        names = [s.name for s in self.registry.all(ModalitySpec)]
        if self.name not in names:
            raise ConfigError(
                f"no installed plugin knows the modality {self.name!r}",
                hint=f"install the plugin that brings it; installed: {', '.join(names) or 'none'}",
            )
        return self.registry.get(ModalitySpec, self.name)

    @cached_property
    def modality(self) -> Modality:
        """The dataset's modality."""
        made: Modality = load(self._modality.factory)()
        return made

    def media_settings(self, table: Mapping[str, Any]) -> Any:
        """The `[media]` table as the modality's own settings."""
        kind = self._modality.settings
        return table if kind is None else convert(kind, table, f"{configuration.FILE}: [media]")

    @property
    def loads_as(self) -> str:
        """What a loaded item is called."""
        return self._modality.loads_as

    def types(self) -> Mapping[str, type[Annotation]]:
        """The struct of every annotation tag that the dataset may hold."""
        return self.registry.annotation_types(self.name)

    def type_versions(self) -> Mapping[str, int]:
        """The newest version of every annotation tag that is understood."""
        return {s.tag: s.version for s in self.registry.all(AnnotationSpec, self.name)}

    def distributions(self) -> Mapping[str, str]:
        """Names and versions of the distributions that registered something for the modality, or for all."""
        return self.registry.versions(self.name)

    def tag(self, task: Task) -> str:
        """The annotation tag that answers a task."""
        return self.registry.annotation_for(task.type, self.name, f"{configuration.FILE}: [tasks.{task.name}] type").tag

    def tags(self, task: Task) -> list[str]:
        """The annotation tags that may answer a task, its own first."""
        own = self.tag(task)
        others = (s.tag for s in self.registry.all(AnnotationSpec, self.name) if task.type in s.tasks)
        return [own, *(tag for tag in others if tag != own)]

    def options(self, task: Task, where: str) -> Any:
        """The task's options as its annotation type types them."""
        if not any(task.type in s.tasks for s in self.registry.all(AnnotationSpec, self.name)):
            return task.options
        kind = self.registry.annotation_for(task.type, self.name).options
        if kind is not None:
            return convert(kind, task.options, where)
        for key in task.options:
            raise ConfigError(f"{within(where, key)}: there is no such setting", hint=DOCS)
        return task.options

    def unknown(self, tasks: Iterable[Task]) -> list[str]:
        """What of a dataset with these tasks no installed plugin knows, in words."""
        known = {kind for spec in self.registry.all(AnnotationSpec, self.name) for kind in spec.tasks}
        modality = any(spec.name == self.name for spec in self.registry.all(ModalitySpec))
        kinds = [f"tasks of type {kind!r}" for kind in sorted({task.type for task in tasks} - known)]
        return kinds if modality else [f"the modality {self.name!r}", *kinds]

    def ops(self, tag: str, task: Task | None = None) -> AnnotationOps:
        """How annotations of a tag are compared, by a task's options where their type has any."""
        spec = self.registry.get(AnnotationSpec, tag, where="the dataset's records")
        optional = spec.options is not None and task is not None and task.type in spec.tasks
        key = (tag, task.name, task.definition) if optional and task else (tag,)
        if key not in self._ops:
            self._ops[key] = load(spec.ops)(task.options) if optional and task else load(spec.ops)()
        return self._ops[key]

    def rule(self, config: RuleConfig, where: str) -> tuple[Rule, Any, bool]:
        """A review rule, its settings as its own type, and whether it must see the whole task at once."""
        spec = self.registry.get(RuleSpec, config.rule, self.name, where)
        return load(spec.factory)(), convert(spec.settings, config.settings, where), spec.whole_task

    def ranker(self, name: str, where: str) -> Ranker:
        """An order for the queue."""
        made: Ranker = load(self.registry.get(RankerSpec, name, self.name, where).factory)()
        return made

    def embedders(self) -> list[str]:
        """The names of the embedders that need no model file."""
        return [spec.name for spec in self.registry.all(EmbedderSpec, self.name) if spec.recognise is None]

    def embedder(
        self, config: configuration.EmbedderConfig, place: Path | None, providers: Sequence[str], where: str
    ) -> tuple[str, Callable[[], Embedder]]:
        """What vectors of this embedder are known by, and how to make it."""
        spec = self.registry.get(EmbedderSpec, config.embedder, self.name, where)
        extra: dict[str, Any] = {}
        identity = ""
        if spec.recognise is not None:
            if place is None:
                raise ModelError(f"{where}: this machine does not know where its model lies",
                                 hint="`trainset model add FILE` with its name tells it")  # fmt: skip
            from trainset.onnx import model_digest

            extra = {"path": str(place), "providers": list(providers)}
            identity = model_digest(place)
            if config.digest not in (None, identity):
                raise ModelError(f"{place} is not the file that the embedder was added as",
                                 hint=f"`trainset model add {place}` takes the new one")  # fmt: skip
        settings = convert(spec.settings, {**extra, **config.settings}, within(where, "settings"))
        plain = msgspec.to_builtins(settings)
        kept = {k: v for k, v in plain.items() if k not in ("path", "providers")} if isinstance(plain, dict) else plain
        owner = self.registry.owner(spec)
        known = [spec.name, owner.distribution, owner.version, identity, kept]
        return digest(msgspec.json.encode(known, order="deterministic")), lambda: load(spec.factory)(settings)

    def prelabeler(self, name: str, settings: Mapping[str, Any], task: Task, where: str) -> tuple[Prelabeler, Any]:
        """A pre-labeller and its settings as its own type; `where` names the table that they stand in."""
        spec = self.registry.get(PrelabelerSpec, name, self.name, where)
        converted = convert(spec.settings, settings, where)
        return load(spec.factory)(converted, task), converted


def find_root(path: Path) -> Path:
    """The nearest folder at or above `path` that holds a `trainset.toml`."""
    start = path.resolve()
    for folder in (start, *start.parents):
        if (folder / configuration.FILE).is_file():
            return folder
    raise ConfigError(
        f"there is no dataset at or above {path}", hint="`trainset init` makes one; -C DIR names another folder"
    )


def open_dataset(path: str | os.PathLike[str] = ".", rev: str | None = None) -> Dataset:
    """Open the dataset at or above `path`: as it is on disk, or (read-only) as it was at the Git revision `rev`."""
    return Workspace().open(Path(path), rev)
