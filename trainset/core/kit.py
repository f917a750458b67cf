"""What the installed plugins give a dataset, as the core asks for it: the core itself imports no plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from trainset.core.config import EmbedderConfig
from trainset.core.model import Annotation, Item, RuleConfig, Task
from trainset.core.protocols import AnnotationOps, Embedder, Modality, Problem, Ranker, Rule, TaskOptions


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

    def tags(self, task: Task) -> Sequence[str]:
        """The annotation tags that may answer a task, its own first."""
        ...

    def tag(self, task: Task) -> str:
        """The annotation tag that answers a task, where an answer does not say."""
        ...

    def options(self, task: Task, where: str) -> Any:
        """The task's options as its annotation type types them, as they are where no plugin knows the type; ConfigError
        names `where` and what is not known."""
        ...

    def unknown(self, tasks: Iterable[Task]) -> Sequence[str]:
        """What of a dataset with these tasks no installed plugin knows, in words."""
        ...

    def ops(self, tag: str, task: Task | None = None) -> AnnotationOps:
        """How annotations of a tag are compared, by what a task says of them."""
        ...

    def rule(self, config: RuleConfig, where: str) -> tuple[Rule, Any, bool]:
        """A review rule, its settings as its own type, and whether it must see the whole task at once.

        ConfigError names `where` the rule stands.
        """
        ...

    def ranker(self, name: str, where: str) -> Ranker:
        """An order for the queue; ConfigError names `where` it is asked for."""
        ...

    def embedders(self) -> Sequence[str]:
        """The names of the embedders that need no model file."""
        ...

    def embedder(
        self, config: EmbedderConfig, place: Path | None, providers: Sequence[str], where: str
    ) -> tuple[str, Callable[[], Embedder]]:
        """What vectors of this embedder are known by, and how to make it; `place` is that of its model file.

        The first covers the model's bytes, its settings and the code. ConfigError names `where` its table stands,
        ModelError a file that is not there or is not the one that was added.
        """
        ...


def problems(kit: Kit, task: Task, item: Item, annotations: Sequence[Annotation]) -> Iterator[Problem]:
    """What is wrong with annotations as an answer to a task, by the modality and by the task's own options."""
    yield from kit.modality.check(item, annotations)
    if task.options and isinstance(task.options, TaskOptions):  # looking for a method is slow, and most have none
        for annotation in annotations:
            if wrong := task.options.problem(annotation, item):
                yield Problem(annotation.id or item.key, wrong)
