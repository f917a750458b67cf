"""What the label files hold, as typed values: items, annotations, decisions, runs, tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, overload

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

AttributeValue = str | float | bool | None
Size = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A number of bytes, or of anything else, that a database can hold."""

Unit = Annotated[float, Meta(ge=0, le=1)]
"""A share, a score or a likeness."""

Verdict = Literal[
    "accepted", "corrected", "rejected", "flagged", "excluded", "reopened", "withdrawn", "removed", "complete"
]
"""What a decision says. `removed` speaks of one object only, `complete` of the item's list of objects."""

State = Literal[
    "unlabelled",
    "predicted",
    "partial",
    "auto-accepted",
    "reviewed",
    "rejected",
    "flagged",
    "disputed",
    "stale",
    "excluded",
]


class Annotation(Struct, kw_only=True, omit_defaults=True, frozen=True, tag_field="type"):
    """One label instance on an item; each type subclasses this and adds its geometry.

    `id` is short and unique within the record it stands in, and is kept through corrections.
    `score` is the model's confidence in 0..1. `attributes` hold what the task declares.
    A subclass is declared with its tag, e.g. `class Box(Annotation, kw_only=True, frozen=True, tag="box")`.
    """

    id: str = ""
    label: str | None = None
    score: float | None = None
    attributes: dict[str, AttributeValue] = {}
    track: str | None = None


class Class(Annotation, kw_only=True, frozen=True, tag="class"):
    """The whole item is of class `label`, and of several in a `classify` task with `many`; in a task on another's
    objects, the object with this `id` is."""


class Opaque(Annotation, kw_only=True, frozen=True, tag="opaque"):
    """An annotation whose type no installed plugin knows (or knows only in an older version).

    It is counted and exported byte for byte, and never edited. `kind` is its tag, `raw` its stored JSON.
    """

    kind: str
    raw: Raw


class Undecoded(Struct, frozen=True, gc=False):
    """An annotation whose fields are JSON: what an importer may hand over where millions would be decoded only to be
    encoded again.

    `tag` is that of a registered type. `fields` are what a record holds of it beside type, id and label: the members of
    its JSON object in the order of the type's struct, without blanks and braces, such as `"score":0.5,"box":[0,1,2,3]`.
    Whoever makes one answers for it that the type's own struct decodes them; the modality's checks pass it over.
    """

    tag: str
    id: str
    label: str | None
    fields: bytes


@dataclass(slots=True)
class Columns(Sequence[Undecoded]):
    """An item's `Undecoded` annotations of one type as parallel lists, which take a tenth of the objects.

    `ids` are unique; `labels` and `fields` are of the same length. `meta` is the item's `meta` for which whoever made them
    has looked at what the modality's checks look at: on an item with another one they are decoded, and checked. None says
    that the checks pass them over.
    """

    tag: str
    ids: Sequence[str]
    labels: Sequence[str | None]
    fields: Sequence[bytes]
    meta: Mapping[str, Any] | None = None

    def relabelled(self, labels: Sequence[str | None]) -> Columns:
        """The same with these labels, without those whose new label is None."""
        rows = [row for row in zip(self.ids, labels, self.fields, strict=True) if row[1] is not None]
        ids, own, fields = zip(*rows, strict=True) if rows else ((), (), ())
        return Columns(self.tag, ids, own, fields, self.meta)

    def __len__(self) -> int:
        return len(self.fields)

    @overload
    def __getitem__(self, at: int) -> Undecoded: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Undecoded]: ...
    def __getitem__(self, at: int | slice) -> Undecoded | Sequence[Undecoded]:
        if isinstance(at, slice):
            return Columns(self.tag, self.ids[at], self.labels[at], self.fields[at], self.meta)
        return Undecoded(self.tag, self.ids[at], self.labels[at], self.fields[at])

    def __iter__(self) -> Iterator[Undecoded]:
        return map(Undecoded, (self.tag,) * len(self), self.ids, self.labels, self.fields)


class Item(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """One thing to label.

    `key` is `<source>/<path>` or `<source>/<path>#<row>`: NFC, POSIX separators, relative.
    `parts` maps part names to paths below the source's root, and is empty for the common case of one
    part whose path is the key's. `media` is the BLAKE2b digest of the bytes, known after the first full
    read. `size` is the media's bytes on disk when it was registered. `meta` is the modality's (an image's
    width and height, a volume's shape and affine).
    """

    key: str
    parts: dict[str, str] = {}
    group: str | None = None
    split: str | None = None
    media: str | None = None
    size: Size | None = None
    meta: dict[str, Any] = {}

    @property
    def source(self) -> str:
        """The name of the source that the key starts with."""
        return self.key.partition("/")[0]

    @property
    def row(self) -> str | None:
        """The row key of an item that is one row of a table, else None."""
        _, mark, row = self.key.partition("#")
        return row if mark else None

    def path(self, part: str = "") -> str:
        """The path of a part below the source's root; KeyError if there is no such part."""
        if self.parts:
            return self.parts[part]
        if part:
            raise KeyError(part)
        return self.key.partition("/")[2].partition("#")[0] if self.row is not None else self.key.partition("/")[2]


def is_key(key: str) -> bool:
    """Whether a key is one: a source and a path below it, which leads nowhere else."""
    path = key.partition("#")[0]
    return "/" in path and _leads_below(path) and "\0" not in key


def is_item(item: Item) -> bool:
    """Whether an item's key is one, its parts have plain names, and all of their paths lead below its source."""
    return is_key(item.key) and all("/" not in part and _leads_below(path) for part, path in item.parts.items())


def _leads_below(path: str) -> bool:
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


class ItemRecord(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A line of `labels/items`: an item was added, changed, renamed or removed.

    `on` names the item records that this one saw, and everything that those superseded.
    `renamed` carries the old key in `item.key`'s stead as `was`.
    """

    change: Literal["added", "changed", "renamed", "removed"]
    item: Item
    on: tuple[str, ...] = ()
    was: str | None = None


class Origin(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """The prediction that a decision started from: the run, and the digest of what it said of the item."""

    run: str
    digest: str


class Decision(Struct, kw_only=True, omit_defaults=True, frozen=True, rename={"origin": "from"}):
    """A line of `labels/decisions`: what a reviewer said of an item, or of one object of a proposal.

    `accepted` and `corrected` carry their `annotations` (an empty list is *reviewed: nothing there*).
    `complete` lists in `objects` the ids of the proposal's objects: decided all, they are the whole answer.
    `on` names the decisions that this one saw, and everything that those superseded; a withdrawal names
    the one decision of the same reviewer that it takes back. In a task on another's objects, each annotation has the id
    of the object that it answers, and `of` names the records of that other task's answer that held them. `blind` says that
    neither a proposal nor others' decisions were shown before it was taken; it has no `origin` then.
    """

    item: str
    verdict: Verdict
    media: str | None = None
    object: str | None = None
    objects: tuple[str, ...] = ()
    origin: Origin | None = None
    on: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    annotations: Raw | UnsetType = UNSET
    attributes: dict[str, AttributeValue] = {}
    seconds: float | None = None
    reason: str | None = None
    note: str | None = None
    blind: bool = False


class Outcome(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A line of `labels/runs`: what a run made of one item. `digest` is that of the prediction's annotations,
    as stored; `error` says why there is none. `dropped` counts annotations whose class the task does not know. `of` names,
    in a task on another's objects, the records of that other task's answer that held the objects it looked at."""

    item: str
    media: str | None = None
    of: tuple[str, ...] = ()
    digest: str | None = None
    count: Size = 0
    dropped: Size = 0
    error: str | None = None


class Prediction(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A line of `predictions/<task>/<run>`: the annotations that a run proposes for one item.

    `weak` are annotations that it does not propose, and `likely` other labels with scores by an annotation's id: both are
    read where a person looks at the item, and nowhere else.
    """

    item: str
    annotations: Raw
    weak: Raw | UnsetType = UNSET
    likely: Raw | UnsetType = UNSET


class LotEntry(Struct, kw_only=True, frozen=True):
    """A line of `labels/lots`: an item drawn into a random audit before anyone looked at it."""

    item: str


class ForgottenItem(Struct, kw_only=True, frozen=True):
    """A line of `labels/forgotten`: the item whose key has this digest (see `trainset.core.forgotten.salted`) is gone from
    the dataset for good."""

    item: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    salt: Annotated[str, Meta(pattern="^[0-9A-Za-z]{1,64}$")]


class Migration(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A line of `labels/migrations`: a task's question was changed after some of it was answered.

    `labels` became `into`: one label (they were renamed or merged), several (one was split, and which it is a person must
    say), or none (they were retired). Or `attribute` was added, `of` the item or of objects of `labels` (all, where there
    are none); `value` is what it is wherever it was not asked for, and where that is None and it is `required`, a person must
    say. `on` names the migrations that this one follows, and everything that those followed.
    """

    labels: tuple[str, ...] = ()
    into: tuple[str, ...] = ()
    attribute: str | None = None
    of: Literal["object", "item"] = "object"
    value: AttributeValue = None
    required: bool = False
    on: tuple[str, ...] = ()
    note: str | None = None

    @property
    def words(self) -> str:
        """What it changed, in words."""
        named = ", ".join(self.labels)
        if self.attribute is not None:
            value = "" if self.value is None else f", {self.value} before"
            return f"attribute {self.attribute} of {named or f'every {self.of}'} was added{value}"
        if len(self.into) > 1:
            return f"label {named} was split into {', '.join(self.into)}"
        return f"label {named} became {self.into[0]}" if self.into else f"label {named} was retired"


class RuleHeader(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """The rule on whose authority a file's decisions stand: its settings and the run it judged, digested."""

    name: str
    digest: str = ""
    run: str | None = None


class ModelHeader(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """The model behind a run: `digest` of the file(s), adapter, settings as used, and the providers that ran it."""

    name: str
    digest: str
    prelabeler: str
    settings: dict[str, Any] = {}
    providers: tuple[str, ...] = ()


class Header(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """The first line of every label file.

    `writer` names distributions and versions, `types` the versions of annotation types other than 1. `definition` and
    `guidelines` are digests of the task as the reviewer saw it. `continues` names the file that this one goes on from.
    """

    trainset: int
    kind: Literal["items", "decisions", "runs", "lots", "migrations", "forgotten"]
    task: str | None = None
    reviewer: str | None = None
    session: str = ""
    started: str = ""
    writer: dict[str, str] = {}
    types: dict[str, int] = {}
    definition: str | None = None
    guidelines: str | None = None
    migrations: tuple[str, ...] = ()
    continues: str | None = None
    origin: str | None = None
    rule: RuleHeader | None = None
    run: str | None = None
    follows: tuple[str, ...] = ()
    model: ModelHeader | None = None
    lot: dict[str, Any] = {}


class End(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """The last line of a sealed label file. `seconds` is what all of its decisions took together, where that is told."""

    end: bool
    records: int
    chain: str
    seconds: Size | None = None


class Label(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """One label of a task. `id` is permanent and is what records hold; `index` is permanent too and is what
    formats with numbered classes write. A retired label keeps both reserved."""

    id: str
    index: int
    name: str = ""
    retired: bool = False

    @property
    def title(self) -> str:
        """The name that people and exports see."""
        return self.name or self.id


class Attribute(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """A declared attribute: of each object, or of the item as a whole."""

    name: str
    type: Literal["choice", "number", "text", "flag"]
    of: Literal["object", "item"] = "object"
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    required: bool = False

    def problem(self, value: AttributeValue) -> str | None:
        """Why `value` is not one of this attribute's, or None where it is."""
        if value is None:
            return None
        kinds: dict[str, tuple[type, ...]] = {"choice": (str,), "text": (str,), "flag": (bool,), "number": (int, float)}
        if not isinstance(value, kinds[self.type]) or (self.type == "number" and isinstance(value, bool)):
            return f"attribute {self.name} takes a {self.type}, not {value!r}"
        if self.type == "choice" and value not in self.choices:
            return f"attribute {self.name} takes one of {', '.join(self.choices)}, not {value!r}"
        return None


class RuleConfig(Struct, kw_only=True, frozen=True):
    """A review rule as a task configures it: `name` is the task's own name of it, `rule` the registered rule. What it finds
    is for reviewers with the `skill` ("": any)."""

    name: str
    rule: str
    settings: dict[str, Any]
    skill: str = ""


class Assign(Struct, kw_only=True, frozen=True):
    """Who shares the queue of a task, and which share of it (0 to 1) two of them decide independently of each other."""

    reviewers: tuple[str, ...]
    overlap: float = 0.0


class Task(Struct, kw_only=True, frozen=True):
    """One question asked of items.

    `definition` digests what changes an answer's meaning (type, labels, attributes, `many`, `on`, `options`);
    `agree_above` is the similarity from which two annotations of the same label count as the same object. `on` is the
    task whose objects this one asks about, None where it asks about the item. `options` are what else the
    task's table holds: the struct that the task's annotation type names for it, else a mapping. `former` maps what labels
    were called before to their ids. `assign` says who shares its queue; without it everybody has all of it.
    """

    name: str
    type: str
    labels: tuple[Label, ...] = ()
    many: bool = False
    on: str | None = None
    attributes: tuple[Attribute, ...] = ()
    rules: tuple[RuleConfig, ...] = ()
    propose: tuple[str, ...] = ()
    rank: str = "uncertain"
    seed: int = 0
    assign: Assign | None = None
    agree_above: float = 0.5
    guidelines: str = ""
    definition: str = ""
    options: Any = {}
    former: dict[str, str] = {}

    def label(self, name: str) -> Label | None:
        """The label with this id or display name, or that was once called so, or is retired."""
        called = [label for label in self.labels if name in (label.id, label.title)]
        now = [label for label in self.labels if label.id == self.former.get(name)]
        found = [*(label for label in called if not label.retired), *now, *called]
        return found[0] if found else None

    @property
    def active(self) -> tuple[Label, ...]:
        """The labels that may be given today, by export index."""
        return tuple(sorted((x for x in self.labels if not x.retired), key=lambda x: x.index))

    def attributes_of(self, what: Literal["object", "item"], label: str | None = None) -> tuple[Attribute, ...]:
        """The attributes declared of objects (of this label) or of the item."""
        return tuple(
            a for a in self.attributes if a.of == what and (not a.labels or label is None or label in a.labels)
        )
