"""A first class that stands for no class."""

from __future__ import annotations

from collections.abc import Sequence

_NAMES = (
    "background",
    "__background__",
    "_background_",
    "bg",
    "none",
    "n/a",
    "unlabeled",
    "unlabelled",
    "void",
    "ignore",
)


def leads(names: Sequence[str] | None) -> bool:
    """Whether the first of these class names says background."""
    return names is not None and len(names) > 0 and names[0].casefold() in _NAMES
