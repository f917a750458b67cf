"""The pluggy manager: each hook wrapped once, with every result tied to the plugin that gave it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import ModuleType

import pluggy

from trainset.plugins import hookspecs
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

HOOKS: dict[str, type[Spec]] = {
    "trainset_modalities": ModalitySpec,
    "trainset_annotations": AnnotationSpec,
    "trainset_prelabelers": PrelabelerSpec,
    "trainset_embedders": EmbedderSpec,
    "trainset_rules": RuleSpec,
    "trainset_rankers": RankerSpec,
    "trainset_formats": FormatSpec,
    "trainset_views": ViewSpec,
    "trainset_demos": DemoSpec,
}


class Manager:
    """Plugins that loaded, and those that broke on the way."""

    def __init__(self, found: list[Found], builtin: ModuleType) -> None:
        self._pluggy = pluggy.PluginManager("trainset")
        self._pluggy.add_hookspecs(hookspecs)
        self._owners: dict[ModuleType, Found] = {}
        self.plugins: list[Found] = []
        version = next((f.version for f in found if f.distribution == "trainset"), "")
        self._register(Found("trainset", "trainset", version or _own_version(), module=builtin))
        for plugin in found:
            self._register(plugin)

    def _register(self, plugin: Found) -> None:
        if plugin.module is not None:
            try:
                self._pluggy.register(plugin.module, name=f"{plugin.distribution}:{plugin.name}")
                self._pluggy.check_pending()
                self._owners[plugin.module] = plugin
            except (pluggy.PluginValidationError, ValueError) as error:
                if self._pluggy.is_registered(plugin.module):
                    self._pluggy.unregister(plugin.module)
                plugin = dataclasses.replace(plugin, module=None, error=" ".join(str(error).split()))
        self.plugins.append(plugin)

    def specs(self) -> Iterator[tuple[Found, Spec]]:
        """Everything that is registered, with its plugin; a hook that raises marks its plugin as broken."""
        for plugin in list(self.plugins):
            if plugin.module is None:
                continue
            try:
                yield from [(plugin, spec) for spec in self._collect(plugin.module)]
            except Exception as error:  # a plugin's own code: named, and left out
                self._fail(plugin, f"{type(error).__name__}: {error}")

    def _collect(self, module: ModuleType) -> Iterator[Spec]:
        for hook, kind in HOOKS.items():
            caller = getattr(self._pluggy.hook, hook)
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not module:
                    continue
                for spec in implementation.function() or ():
                    if not isinstance(spec, kind):
                        raise TypeError(f"{hook} gives {kind.__name__}, not {type(spec).__name__}")
                    yield spec

    def _fail(self, plugin: Found, error: str) -> None:
        self.plugins[self.plugins.index(plugin)] = dataclasses.replace(plugin, module=None, error=error)


def _own_version() -> str:
    from trainset import __version__

    return __version__
