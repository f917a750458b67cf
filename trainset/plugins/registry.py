"""What is registered, by kind and name; names are resolved through the task's modality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from trainset.core.model import Annotation
from trainset.core.settings import typed
from trainset.errors import ConfigError, PluginError, TrainsetError, UsageError
from trainset.plugins.discovery import Found
from trainset.plugins.specs import (
    AnnotationSpec,
    DemoSpec,
    EmbedderSpec,
    FormatSpec,
    ModalitySpec,
    PrelabelerSpec,
    RankerSpec,
    RuleSpec,
    Spec,
    ViewSpec,
)

S = TypeVar("S", bound=Spec)

_WORDS: dict[type[Any], str] = {
    ModalitySpec: "modality",
    AnnotationSpec: "annotation type",
    PrelabelerSpec: "pre-labeller",
    EmbedderSpec: "embedder",
    RuleSpec: "rule",
    RankerSpec: "ranker",
    FormatSpec: "format",
    ViewSpec: "view",
    DemoSpec: "demo",
}


class Registry:
    """The specs of all plugins; two that claim one name are an error that names both distributions."""

    def __init__(self, specs: Iterable[tuple[Found, Spec]]) -> None:
        self._specs: list[tuple[Found, Spec]] = []
        owners: dict[tuple[type[Any], str | None, str], Found] = {}
        for plugin, spec in specs:
            name = spec.tag if isinstance(spec, AnnotationSpec) else spec.name
            scope = None if isinstance(spec, AnnotationSpec | ModalitySpec) else spec.modality
            key = (type(spec), scope, name)
            if key in owners:
                raise PluginError(
                    f"the {_WORDS[type(spec)]} {name!r} is registered twice: by {owners[key].distribution} "
                    f"and by {plugin.distribution}",
                    hint=f"uninstall one of them, or name the plugins to load in TRAINSET_PLUGINS (found: {plugin.name})",
                )
            owners[key] = plugin
            self._specs.append((plugin, spec))

    def all(self, kind: type[S], modality: str | None = None) -> list[S]:
        """Every spec of a kind, or those that serve a modality: its own, and those that serve all."""
        return [
            spec
            for _, spec in self._specs
            if isinstance(spec, kind) and (modality is None or getattr(spec, "modality", None) in (None, modality))
        ]

    def get(self, kind: type[S], name: str, modality: str | None = None, where: str = "") -> S:
        """The spec of this name, the modality's own before one that serves all.

        `where` is the place in a file that names it: ConfigError where there is none; without it, UsageError.
        """
        found = [s for s in self.all(kind, modality) if (s.tag if isinstance(s, AnnotationSpec) else s.name) == name]
        if not found:
            names = sorted({s.tag if isinstance(s, AnnotationSpec) else s.name for s in self.all(kind, modality)})
            raise _missing(
                f"no {_WORDS[kind]} is called {name!r}" + (f" for {modality}" if modality else ""), names, where
            )
        return sorted(found, key=lambda s: getattr(s, "modality", None) is None)[0]

    def every(self) -> list[Spec]:
        """Every spec, in the order of registration."""
        return [spec for _, spec in self._specs]

    def owner(self, spec: Spec) -> Found:
        """The plugin that registered a spec."""
        return next(plugin for plugin, known in self._specs if known is spec)

    def annotation_for(self, task_type: str, modality: str, where: str = "") -> AnnotationSpec:
        """The annotation type that answers a task type, of several the one of its name; errors are those of `get`."""
        able = [spec for spec in self.all(AnnotationSpec, modality) if task_type in spec.tasks]
        if able:
            return min(able, key=lambda spec: spec.tag != task_type)
        types = sorted({t for s in self.all(AnnotationSpec, modality) for t in s.tasks})
        raise _missing(f"no installed plugin has tasks of type {task_type!r} for {modality}", types, where)

    def annotation_types(self, modality: str) -> dict[str, type[Annotation]]:
        """The struct of every annotation tag that a dataset of this modality may hold."""
        return {spec.tag: load(spec.struct) for spec in self.all(AnnotationSpec, modality)}

    def versions(self, modality: str) -> dict[str, str]:
        """The version of every distribution that registered something for a modality, or for all."""
        return {
            plugin.distribution: plugin.version
            for plugin, spec in self._specs
            if modality == (spec.name if isinstance(spec, ModalitySpec) else spec.modality or modality)
        }


def _missing(what: str, names: Sequence[str], where: str) -> TrainsetError:
    hint = f"there are: {', '.join(names) or 'none'}; `trainset plugins` lists what is installed"
    return ConfigError(f"{where}: {what}", hint=hint) if where else UsageError(what, hint=hint)


def load(target: str) -> Any:
    """What an import string `module:attribute` names; PluginError if it cannot be imported."""
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # a plugin's own import, whatever it raises
        raise PluginError(
            f"{target} cannot be loaded: {type(error).__name__}: {error}",
            hint="install what it needs, or remove the plugin; `trainset plugins` names its distribution",
        ) from error


def convert(target: str, table: Any, where: str) -> Any:
    """A settings table as the msgspec Struct that `target` names; ConfigError names the field and its place."""
    kind = load(target)
    fields = {f.encode_name for f in msgspec.structs.fields(kind)}
    unknown: Sequence[str] = sorted(set(table) - fields)
    if unknown:
        raise ConfigError(
            f"{where} has no setting {unknown[0]!r}", hint=f"it knows: {', '.join(sorted(fields)) or 'none'}"
        )
    return typed(table, kind, where)
