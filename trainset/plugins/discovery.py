"""Finding plugins: entry points of group `trainset`, each loaded in isolation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from trainset.plugins.specs import API


@dataclass(frozen=True)
class Found:
    """A plugin: its name, the distribution it came from, and its module or what broke it."""

    name: str
    distribution: str
    version: str
    module: ModuleType | None = None
    error: str = ""


def discover() -> list[Found]:
    """Every plugin that is installed and asked for, sorted by name; a broken one carries its error.

    `TRAINSET_PLUGINS=vision,nlp` limits them, an empty value means none.
    """
    wanted = os.environ.get("TRAINSET_PLUGINS")
    names = None if wanted is None else {name.strip() for name in wanted.split(",")} - {""}
    points = sorted(set(entry_points(group="trainset")), key=lambda p: (p.name, p.value))
    return [_load(point) for point in points if names is None or point.name in names]


def _load(point: EntryPoint) -> Found:
    distribution, version = (point.dist.name, point.dist.version) if point.dist else ("unknown distribution", "?")
    try:
        module = point.load()
    except Exception as error:  # whatever a plugin's import raises must not stop the others
        return Found(point.name, distribution, version, error=f"{type(error).__name__}: {error}")
    api = getattr(module, "API", API)
    if not isinstance(api, int) or api > API:
        return Found(
            point.name, distribution, version, error=f"made for plugin API {api}, this is {API}: upgrade trainset"
        )
    return Found(point.name, distribution, version, module=module)
