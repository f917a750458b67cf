"""The hooks. Each registers descriptions and does no work; all results are collected."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from trainset.plugins.specs import (
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

hookspec = pluggy.HookspecMarker("trainset")
hookimpl = pluggy.HookimplMarker("trainset")


@hookspec
def trainset_modalities() -> Iterable[ModalitySpec]:  # type: ignore[empty-body]
    """Kinds of media: how files become items, and how an item is loaded."""


@hookspec
def trainset_annotations() -> Iterable[AnnotationSpec]:  # type: ignore[empty-body]
    """Annotation types: tag, struct, similarity."""


@hookspec
def trainset_prelabelers() -> Iterable[PrelabelerSpec]:  # type: ignore[empty-body]
    """Model adapters and algorithms that propose annotations."""


@hookspec
def trainset_embedders() -> Iterable[EmbedderSpec]:  # type: ignore[empty-body]
    """Model adapters and algorithms that describe items by vectors."""


@hookspec
def trainset_rules() -> Iterable[RuleSpec]:  # type: ignore[empty-body]
    """Review rules: what a person must see, and what is accepted without one."""


@hookspec
def trainset_rankers() -> Iterable[RankerSpec]:  # type: ignore[empty-body]
    """Orders for the queue."""


@hookspec
def trainset_formats() -> Iterable[FormatSpec]:  # type: ignore[empty-body]
    """Importers and exporters, each with what it loses."""


@hookspec
def trainset_views() -> Iterable[ViewSpec]:  # type: ignore[empty-body]
    """How an item is shown and edited in review."""


@hookspec
def trainset_demos() -> Iterable[DemoSpec]:  # type: ignore[empty-body]
    """Sample data sets with known truth."""
