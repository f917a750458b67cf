"""The contract for plugin authors: hooks, specs and Protocols, in one import that loads nothing heavy until used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainset.plugins.hookspecs import hookimpl
from trainset.plugins.specs import (
    API,
    AnnotationSpec,
    DemoSpec,
    EmbedderSpec,
    FormatSpec,
    ModalitySpec,
    PrelabelerSpec,
    RankerSpec,
    RuleSpec,
    ViewSpec,
)

if TYPE_CHECKING:
    from trainset.core.editing import *  # noqa: F403
    from trainset.core.files import *  # noqa: F403
    from trainset.core.object_editing import *  # noqa: F403
    from trainset.core.protocols import *  # noqa: F403
    from trainset.core.scene import *  # noqa: F403
    from trainset.core.tables import *  # noqa: F403

_LAZY = (
    "trainset.core.protocols",
    "trainset.core.scene",
    "trainset.core.editing",
    "trainset.core.object_editing",
    "trainset.core.files",
    "trainset.core.pause",
    "trainset.core.tables",
)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    for module in _LAZY:
        found = getattr(import_module(module), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "API",
    "AnnotationSpec",
    "DemoSpec",
    "EmbedderSpec",
    "FormatSpec",
    "ModalitySpec",
    "PrelabelerSpec",
    "RankerSpec",
    "RuleSpec",
    "ViewSpec",
    "hookimpl",
]
