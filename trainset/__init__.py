"""Human-in-the-loop data labelling in a terminal and in Git: the public Python API.

`trainset.open(path, rev=None)` opens a dataset; `Dataset`, `Item` and `Annotation` are what it gives;
`hookimpl` marks a plugin's hooks. Everything is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainset.core.dataset import Dataset as Dataset
    from trainset.core.model import Annotation as Annotation
    from trainset.core.model import Item as Item
    from trainset.plugins.hookspecs import hookimpl as hookimpl
    from trainset.workspace import open_dataset as open

__version__ = "0.1.0"

_PUBLIC = {
    "open": ("trainset.workspace", "open_dataset"),
    "Dataset": ("trainset.core.dataset", "Dataset"),
    "Item": ("trainset.core.model", "Item"),
    "Annotation": ("trainset.core.model", "Annotation"),
    "hookimpl": ("trainset.plugins.hookspecs", "hookimpl"),
}

__all__ = ["Annotation", "Dataset", "Item", "hookimpl", "open"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'trainset' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
