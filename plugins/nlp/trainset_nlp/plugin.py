"""What this distribution registers."""

from __future__ import annotations

from collections.abc import Iterator

from trainset.plugins import FormatSpec, ModalitySpec, PrelabelerSpec, ViewSpec, hookimpl


@hookimpl
def trainset_modalities() -> Iterator[ModalitySpec]:
    """Texts."""
    yield ModalitySpec(
        name="nlp",
        factory="trainset_nlp.modality:Texts",
        settings="trainset_nlp.modality:TextSettings",
        loads_as="text",
        summary="Texts: rows of CSV and TSV tables, and plain text files",
        suffixes=(".csv", ".tsv", ".txt"),
    )


@hookimpl
def trainset_prelabelers() -> Iterator[PrelabelerSpec]:
    """Words that speak for a class: no model is needed."""
    yield PrelabelerSpec(
        name="keywords",
        modality="nlp",
        produces=("class",),
        factory="trainset_nlp.prelabel.keywords:Keywords",
        settings="trainset_nlp.prelabel.keywords:KeywordsSettings",
        summary="The class whose words a text holds: your own lists, or the labels' names",
    )


@hookimpl
def trainset_formats() -> Iterator[FormatSpec]:
    """Tables of texts with their classes."""
    yield FormatSpec(
        name="csv",
        summary="A CSV table of texts and classes",
        importer="trainset_nlp.formats.csv:CsvImporter",
        exporter="trainset_nlp.formats.csv:CsvExporter",
        modality="nlp",
        carries=("class",),
    )


@hookimpl
def trainset_views() -> Iterator[ViewSpec]:
    """The text with its class."""
    yield ViewSpec(
        name="text",
        modality="nlp",
        tasks=("classify",),
        factory="trainset_nlp.view:TextView",
        summary="A text, and the class or classes of the whole of it",
    )
