"""What hooks return: frozen, keyword-only descriptions whose code is named by import strings, `module:attribute`.

Listing plugins imports none of it. A field is only ever added with a default.
"""

from __future__ import annotations

from dataclasses import dataclass

API = 1
"""The plugin contract's version. A plugin that names a newer one in `API` is skipped with a hint to upgrade."""


@dataclass(frozen=True, kw_only=True)
class ModalitySpec:
    """A kind of media. `factory()` makes a `Modality`; `suffixes` are the file endings it reads.

    `loads_as` is what a loaded item is called: `item.image()` for "image". `settings` is the msgspec Struct of the
    dataset's `[media]` table; without it the table is passed on as it is.
    """

    name: str
    factory: str
    summary: str
    loads_as: str = "data"
    suffixes: tuple[str, ...] = ()
    settings: str | None = None


@dataclass(frozen=True, kw_only=True)
class AnnotationSpec:
    """An annotation type: its `tag` in records, the `struct` that decodes it, and its `ops` (`AnnotationOps`).

    `tasks` are the task types whose answers are of this type. A third party's tag is `<plugin>.<type>`. `options` is the
    msgspec Struct (see `TaskOptions`) of what a task of this type may say in its table beside the core's settings; the task
    has it as `Task.options`, and `ops(options)` is then made for each task.
    """

    tag: str
    struct: str
    ops: str
    summary: str
    modality: str | None = None
    tasks: tuple[str, ...] = ()
    version: int = 1
    options: str | None = None


@dataclass(frozen=True, kw_only=True)
class PrelabelerSpec:
    """A model adapter or an algorithm. `factory(settings, task)` makes a `Prelabeler`; `settings` is a msgspec Struct.

    `produces` are annotation tags. `recognise(path, task) -> Recognition | None` looks at a model file; an adapter
    without it needs no model file. `files` are settings that name a file: in `trainset.toml` by its path in the dataset or by
    an item's key, in the Struct by its place on this machine. What is in the file belongs to a run's identity.
    """

    name: str
    modality: str
    produces: tuple[str, ...]
    factory: str
    settings: str
    summary: str
    recognise: str | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec:
    """What describes items by vectors. `factory(settings)` makes an `Embedder`; `settings` is a msgspec Struct.

    `recognise(path) -> Recognition | None` looks at a model file; an embedder without it needs no model file.
    """

    name: str
    modality: str
    factory: str
    settings: str
    summary: str
    recognise: str | None = None


@dataclass(frozen=True, kw_only=True)
class RuleSpec:
    """A review rule. `factory()` makes a `Rule`; `settings` is a msgspec Struct; None as modality serves all.

    `whole_task` says that it must see all cases before it can judge one.
    """

    name: str
    factory: str
    settings: str
    summary: str
    modality: str | None = None
    whole_task: bool = False


@dataclass(frozen=True, kw_only=True)
class RankerSpec:
    """An order for the queue. `factory()` makes a `Ranker`."""

    name: str
    factory: str
    summary: str
    modality: str | None = None


@dataclass(frozen=True, kw_only=True)
class FormatSpec:
    """A label format: `importer()` and `exporter()` make an `Importer` and an `Exporter`, each may be missing.

    `tasks` are the annotation tags it can carry, empty for all.
    """

    name: str
    summary: str
    importer: str | None = None
    exporter: str | None = None
    modality: str | None = None
    carries: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """How items are shown and edited for some task types. `factory()` makes a `View`."""

    name: str
    modality: str
    tasks: tuple[str, ...]
    factory: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class DemoSpec:
    """A sample data set. `factory()` makes a `Demo`."""

    name: str
    modality: str
    factory: str
    summary: str


Spec = (
    ModalitySpec
    | AnnotationSpec
    | PrelabelerSpec
    | EmbedderSpec
    | RuleSpec
    | RankerSpec
    | FormatSpec
    | ViewSpec
    | DemoSpec
)
