"""What the installed plugins give a dataset, as the core asks for it: the core itself imports no plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from trainset.core.model import Annotation, RuleConfig, Task
from trainset.core.protocols import AnnotationOps, Modality, Ranker, Rule


class Kit(Protocol):
    """Plugins by name, loaded when they are first asked for; ConfigError or PluginError where there is none."""

    @property
    def modality(self) -> Modality:
        """The dataset's modality."""
        ...

    def media_settings(self, table: Mapping[str, Any]) -> Any:
        """The `[media]` table as the modality's own settings; ConfigError names what it does not know."""
        ...

    @property
    def loads_as(self) -> str:
        """What a loaded item is called: `image`, `text`, …"""
        ...

    def types(self) -> Mapping[str, type[Annotation]]:
        """The struct of every annotation tag that the dataset may hold."""
        ...

    def type_versions(self) -> Mapping[str, int]:
        """The newest version of every annotation tag that is understood."""
        ...

    def distributions(self) -> Mapping[str, str]:
        """Names and versions of the distributions that registered something for the dataset's modality, or for all."""
        ...

    def tag(self, task: Task) -> str:
        """The annotation tag that answers a task."""
        ...

    def unknown(self, tasks: Iterable[Task]) -> Sequence[str]:
        """What of a dataset with these tasks no installed plugin knows, in words."""
        ...

    def ops(self, tag: str) -> AnnotationOps:
        """How annotations of a tag are compared."""
        ...

    def rule(self, config: RuleConfig) -> tuple[Rule, Any, bool]:
        """A review rule, its settings as its own type, and whether it must see the whole task at once."""
        ...

    def ranker(self, name: str) -> Ranker:
        """An order for the queue."""
        ...
