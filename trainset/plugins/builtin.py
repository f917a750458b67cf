"""What the core registers, by the same hooks as every plugin."""

from __future__ import annotations

from collections.abc import Iterable

from trainset.plugins.hookspecs import hookimpl
from trainset.plugins.specs import AnnotationSpec, FormatSpec, RankerSpec, RuleSpec


@hookimpl
def trainset_annotations() -> Iterable[AnnotationSpec]:
    """The type that needs no modality."""
    yield AnnotationSpec(
        tag="class",
        tasks=("classify",),
        struct="trainset.core.model:Class",
        ops="trainset.core.matching:ClassOps",
        summary="a class of the item as a whole",
    )


@hookimpl
def trainset_rules() -> Iterable[RuleSpec]:
    """Rules over scores, counts, labels, places and runs."""
    rules = {
        "min-score": ("MinScore", "a person sees proposals with a score below `below`"),
        "accept-above": ("AcceptAbove", "proposals are accepted whose scores reach `score`, or their label's own"),
        "accept-empty": ("AcceptEmpty", "items are accepted for which the model proposes nothing"),
        "overlapping-duplicates": ("OverlappingDuplicates", "a person sees two objects that cover each other"),
        "small-object": ("SmallObject", "a person sees objects smaller than `below` of the item"),
        "touches-edge": ("TouchesEdge", "a person sees objects within `margin` of the item's edge"),
        "count-out-of-range": ("CountOutOfRange", "a person sees items with fewer or more objects than usual"),
        "models-disagree": ("ModelsDisagree", "a person sees items on which two runs differ"),
        "rare-label": ("RareLabel", "a person sees labels that the whole task has few of"),
        "random-audit": ("RandomAudit", "a person sees a share of the items, drawn by chance whatever the model says"),
    }
    for name, (factory, summary) in rules.items():
        yield RuleSpec(
            name=name,
            factory=f"trainset.core.rules:{factory}",
            settings=f"trainset.core.rules:{factory}Settings",
            summary=summary,
        )


@hookimpl
def trainset_rankers() -> Iterable[RankerSpec]:
    """Orders for the queue."""
    for name, factory, summary in (
        ("uncertain", "Uncertain", "what the model is least sure of comes first"),
        ("disagreement", "Disagreement", "what runs differ on most comes first"),
        ("random", "Random", "an order by chance, the same for a seed"),
        ("in-order", "InOrder", "the order in which items were added"),
    ):
        yield RankerSpec(name=name, factory=f"trainset.core.rankers:{factory}", summary=summary)


@hookimpl
def trainset_formats() -> Iterable[FormatSpec]:
    """The format that loses nothing."""
    yield FormatSpec(
        name="jsonl",
        summary="JSON Lines: everything, without loss",
        importer="trainset.core.jsonl:JsonlImporter",
        exporter="trainset.core.jsonl:JsonlExporter",
    )
