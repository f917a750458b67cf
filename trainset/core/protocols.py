"""What plugins implement and the core calls. Re-exported by `trainset.plugins`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainset.core.model import Annotation, AttributeValue, Item, State, Task, Undecoded, Verdict
from trainset.core.scene import Line, Point, Rect, Scene, Size, Viewport

# -- media -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ItemDraft:
    """An item as a modality found it on disk. The core gives it a key, a source and a split.

    `parts` maps part names to files ("" for the one part of the common case). `row` is the row key of an item
    in a table, and `content` then the bytes it consists of (a text in UTF-8): size and digest are taken of them, so that
    other rows may change. Where a row is not read yet (a page of a large file), `size` says instead how many bytes it
    takes, and the modality is a `Contents`. `group` names what must not straddle a split (patient, video), None for the
    item itself; a path names a file or folder of the source, whose key it becomes.
    """

    parts: Mapping[str, Path]
    row: str | None = None
    content: bytes | None = None
    size: int | None = None
    group: str | Path | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A file that is not an item, and why, in words for the user."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Problem:
    """Something wrong with an item, an annotation or an imported line. `where` names file, line or object.

    A `note` is worth saying, but takes nothing away: what it speaks of is kept.
    """

    where: str
    message: str
    note: bool = False


class Media(Protocol):
    """Where an item's media lies on this machine, and what is in it."""

    def path(self, item: Item, part: str = "") -> Path:
        """The file of a part; MediaError if this machine has no place for its source."""
        ...

    def load(self, item: Item) -> Any:
        """`Modality.load` of the item, cached."""
        ...

    def ahead(self, item: Item) -> None:
        """Load an item that is likely to be wanted soon, unless it is so large that it would push out others."""
        ...


class Modality(Protocol):
    """A kind of media: how files become items, and how an item is loaded."""

    def scan(self, path: Path, settings: Any) -> Iterator[ItemDraft | Skipped]:
        """The items in a file or folder, in a stable order, by reading headers only.

        `settings` are the dataset's `[media]` table, as the spec's settings type where it names one. What cannot be an
        item is yielded as `Skipped`; files of other kinds (notes, labels) are passed over in silence when a folder is
        scanned, and `Skipped` when named themselves.
        """
        ...

    def load(self, parts: Mapping[str, Path], item: Item) -> Any:
        """The item in memory (images: `(h, w, 3)` uint8 RGB; texts: str). MediaError names the file.

        Several threads may call it at once. What it needs to know of the item beside its files is in `item.meta`.
        """
        ...

    def frame(self, item: Item) -> Rect | None:
        """The item's own rectangle in the coordinates of its annotations, from its `meta`; None if it has none.

        Images: 0, 0, width, height. Sequences: the length as width, and a height of 1.
        """
        ...

    def check(self, item: Item, annotations: Sequence[Annotation]) -> Iterator[Problem]:
        """What is wrong with these annotations on this item (a box of no area, a span past the end).

        `where` is the id of the annotation that a problem speaks of.
        """
        ...


@runtime_checkable
class Contents(Protocol):
    """What a modality is too whose items may be parts of a file that are no rows of text, such as pages."""

    def content(self, parts: Mapping[str, Path], item: Item) -> Iterable[bytes]:
        """The bytes that an item with a row consists of, in pieces: its digest is taken of them. MediaError."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """What a modality is too whose items may be too large to be loaded ahead."""

    def weight(self, item: Item) -> int:
        """How many bytes `load` will give, from the item's `meta`; 0 where that is not known."""
        ...


class AnnotationOps(Protocol):
    """What the core must know of an annotation type to match, compare and merge."""

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """`(len(a), len(b))` in 0..1 by geometry alone (labels are compared by the core): 1 is identical."""
        ...

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """The annotation's bounding rectangle in the item's coordinates, None if it has no place.

        `x, y, width, height` for images; for sequences (audio, text) `y` is 0 and `height` 1.
        """
        ...


@runtime_checkable
class Comparing(AnnotationOps, Protocol):
    """What the ops of a type are too of which annotations can be compared with those of other types: a mask with a polygon."""

    @property
    def comparable(self) -> Collection[str]:
        """The tags of the other types. `similarity` then also gets lists of which one is of this type, the other of one of
        these; one of both types says so, and `extent` stays each type's own."""
        ...


@runtime_checkable
class TaskOptions(Protocol):
    """What the table of a task holds beside the core's settings, where a type of annotation has more to say: a msgspec Struct
    whose fields all have defaults, named by `AnnotationSpec.options`."""

    def problem(self, annotation: Annotation, item: Item) -> str | None:
        """Why an annotation is no answer to a task with these options, in words; None where it is."""
        ...


# -- models ------------------------------------------------------------------------------------------------


class Context(Protocol):
    """What a plugin object may ask of the core while it works on a task."""

    @property
    def task(self) -> Task:
        """The task at hand."""
        ...

    @property
    def settings(self) -> Any:
        """The plugin object's own settings: an instance of its spec's settings type, or a plain mapping."""
        ...

    @property
    def media(self) -> Media:
        """The dataset's media."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many annotations of each label the present answers and proposals hold."""
        ...

    def labels(self, items: Sequence[Item]) -> Sequence[Sequence[str]]:
        """The labels in each item's present answer, or in the proposal where there is no answer; each label once."""
        ...

    def proposals(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """What each run says of an item, by run id; the proposal shown comes first."""
        ...

    def model(self, run: str) -> str:
        """The name of the model behind a run."""
        ...

    def objects(self, item: Item) -> Sequence[Annotation]:
        """The decided objects of an item that the task asks about, as their own task has them; empty for a task that
        asks about the item as a whole. An answer's annotation has the id of the object that it answers."""
        ...

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """`(len(a), len(b))` in 0..1 by geometry, 0 between types that are not comparable."""
        ...

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """An annotation's bounding rectangle, None if it has no place."""
        ...

    def frame(self, item: Item) -> Rect | None:
        """The item's own rectangle in the same coordinates, None if it has none."""
        ...

    @property
    def items(self) -> Iterable[Item]:
        """Every item of the dataset, in the order they were added, whatever was decided on it."""
        ...

    def digest(self, item: Item) -> str:
        """The digest of an item's media as they are now; MediaError where they cannot be read."""
        ...

    def features(self, items: Sequence[Item], embedder: str = "") -> NDArray[np.float32]:
        """`(n, d)`: the vectors of items by an embedder, "" for the dataset's first; a row of NaN where there is none.

        They are kept, and what is missing is made: an item whose media changed gets a new one.
        """
        ...

    def neighbours(
        self, items: Iterable[Item], count: int, embedder: str = "", among: Iterable[Item] | None = None
    ) -> Iterator[tuple[Item, Sequence[Neighbour]]]:
        """Each of these items with up to `count` others of the whole dataset, or of those `among` which to look, that are
        most like it, the likest first; none for an item that has no vector."""
        ...


@dataclass(frozen=True)
class Neighbour:
    """Another item (its key), and the cosine of the angle between the vectors of both: 1 is the same direction."""

    item: str
    similarity: float


@dataclass(frozen=True)
class Limits:
    """How much of a pre-labeller may be in flight: items a batch, threads in `infer`, bytes an item in memory."""

    batch: int = 1
    concurrency: int = 2
    bytes_per_item: int = 32 * 1024 * 1024


@dataclass(frozen=True)
class Question:
    """What `model add` cannot tell by itself: the setting it concerns, and the values to choose from."""

    setting: str
    text: str
    choices: Sequence[str]


@dataclass(frozen=True)
class Recognition:
    """What a file was recognised as, from which evidence, and how it will be used.

    `settings` are written to `trainset.toml` for the adapter. `classes` are the model's own class names in output
    order (None where the file has none), `class_count` their number. `questions` must be answered before use.
    """

    evidence: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: Sequence[str] | None = None
    class_count: int | None = None
    questions: Sequence[Question] = ()
    confidence: float = 1.0


class Prelabeler(Protocol):
    """A model, or an algorithm, that proposes annotations. Constructed as `factory(settings, task)`.

    Labels of what `decode` returns are the model's own class names (or `str(index)` for a model without names);
    the core maps them to the task's labels, and counts what it drops.
    """

    @property
    def limits(self) -> Limits:
        """How much may be in flight."""
        ...

    def prepare(self, item: Item, context: Context) -> Any:
        """Read and preprocess one item: thread-safe, MediaError for media that cannot be read."""
        ...

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Run the model on prepared items, one output each, in order: thread-safe."""
        ...

    def decode(self, output: Any, item: Item) -> Sequence[Annotation]:
        """Annotations in the item's coordinates, with scores. ModelError for what makes no sense (NaN, shapes)."""
        ...

    def providers(self) -> Sequence[str]:
        """The execution providers that really run the model, empty where there are none to choose from."""
        ...


@dataclass(frozen=True)
class Decoded:
    """What a pre-labeller says of an item: the `annotations` that it proposes, and what it knows beside them.

    `weak` are objects that it holds for too unlikely to propose, best first, a few. `likely` are other classes that one of
    `annotations` or `weak` may be of, by its id: names as in labels, with scores, best first. Neither ever counts: they help
    a person who looks for what was missed, or mends a label.
    """

    annotations: Sequence[Annotation]
    weak: Sequence[Annotation] = ()
    likely: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)


@runtime_checkable
class Tentative(Prelabeler, Protocol):
    """What a pre-labeller is too that knows more than it proposes; `decode_all` is then asked instead of `decode`."""

    def decode_all(self, output: Any, item: Item) -> Decoded:
        """What `decode` gives, and what else there is; ids are unique among all of it. ModelError as there."""
        ...


@runtime_checkable
class Promptable(Prelabeler, Protocol):
    """A pre-labeller that is shown where something is, and says what: a box or a point becomes a mask.

    An item is encoded once, which may take long, and then prompted any number of times at the speed of a hand. `infer`
    gives what `encode` does, one for each prepared item.
    """

    def encode(self, prepared: Any) -> Any:
        """What prompts need to know of a prepared item: thread-safe."""
        ...

    def prompt(self, encoded: Any, prompts: Sequence[Annotation]) -> Sequence[Annotation]:
        """One annotation for each object that is shown, in the item's coordinates: it has the id and the label of its prompt.

        Prompts of one id that is not "" show one object together. An object that nothing is found of is left out.
        """
        ...


class Embedder(Protocol):
    """A model, or an algorithm, that describes items by vectors, alike for items that are alike. Constructed as
    `factory(settings)`."""

    @property
    def limits(self) -> Limits:
        """How much may be in flight."""
        ...

    def prepare(self, item: Item, media: Media) -> Any:
        """Read and preprocess one item: thread-safe, MediaError for media that cannot be read."""
        ...

    def infer(self, batch: Sequence[Any]) -> NDArray[np.float32]:
        """`(n, d)`: the vectors of prepared items, in order, of the same d always: thread-safe."""
        ...

    def providers(self) -> Sequence[str]:
        """The execution providers that really run the model, empty where there are none to choose from."""
        ...


# -- review rules and rankers --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """An item as rules and rankers see it: its state, and the proposal a reviewer would be shown.

    `annotations` are the proposal's, None where there is none at hand; `run` names its run, and `dropped` counts what
    that run found of classes that the task has no label for. What other runs say comes from `Context.proposals`.
    """

    item: Item
    state: State
    annotations: Sequence[Annotation] | None = None
    run: str | None = None
    reasons: Sequence[str] = ()
    dropped: int = 0


@dataclass(frozen=True)
class Finding:
    """A rule's word on an item, or on one object of its proposal.

    `action` "review": a person must see it; "accept": this rule takes it as it is; "lot": a person must see it, drawn
    by chance with `probability`, recorded before anyone looks.
    """

    item: str
    reason: str
    action: Literal["review", "accept", "lot"] = "review"
    object: str | None = None
    probability: float | None = None


class Rule(Protocol):
    """A review rule, constructed as `factory()`; its settings are in the context."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """Findings over the cases, streaming.

        A rule is fed the cases in portions, one call each; one whose spec says `whole_task` gets them all in one call.
        """
        ...


class Ranker(Protocol):
    """An order for the queue, constructed as `factory()`."""

    def rank(self, cases: Iterable[Case], context: Context) -> Iterator[tuple[str, float, str]]:
        """Item key, priority (higher comes first) and reason in words, for every case."""
        ...


# -- formats -------------------------------------------------------------------------------------------------


class Imported(Struct, kw_only=True, frozen=True):
    """One item's labels as another tool wrote them.

    `name` is how the file names the medium (a path or file name); the core finds the item. `path` is where the
    importer found the medium on disk, if it did. `meta` and `split` serve items that are not registered yet.
    `verdict` is what the labels mean: by default that a person decided (an empty list: nothing there).
    `state` is where the item stood for the tool that wrote the file, where the file says so: labels of an item that is
    "predicted" are no decision.
    """

    name: str
    annotations: Sequence[Annotation | Undecoded]
    path: Path | None = None
    meta: Mapping[str, Any] = {}
    split: str | None = None
    group: str | None = None
    verdict: Verdict = "accepted"
    state: State | None = None
    attributes: Mapping[str, AttributeValue] = {}
    reviewer: str | None = None
    note: str | None = None


class ImportContext(Context, Protocol):
    """A context that finds items by the names that files use."""

    def find(self, name: str) -> Item | None:
        """The item whose key, path or file name this is; None where there is none or more than one."""
        ...

    def decode(self, raw: bytes) -> Sequence[Annotation]:
        """A JSON array of annotations as they are stored, typed; those of an unknown type come as `Opaque`.

        RecordError for what is no list of annotations.
        """
        ...


class Importer(Protocol):
    """A reader of a label format, constructed as `factory()`."""

    def sniff(self, src: Path) -> Recognition | None:
        """Evidence that `src` is in this format; None if it is not."""
        ...

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The (index, name) of the classes that `src` declares or uses, in its order."""
        ...

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """Items with labels, streaming; labels are names as in the file. Unusable parts come as Problems."""
        ...


class OptionsImporter(Importer, Protocol):
    """An importer of files that say more of a task than its labels."""

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """What `src` says of a task beside its labels, by the keys of the task's own table: the `points` of a skeleton.

        The core writes what the table does not have yet to `trainset.toml`, unless it does not go together with what is there.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """An item with its answer, for export. `name` is its unique relative path in the export."""

    item: Item
    name: str
    annotations: Sequence[Annotation]
    state: State
    split: str | None = None
    decided_by: Sequence[str] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    note: str | None = None
    record: str | None = None


@dataclass(frozen=True)
class Loss:
    """Something a format could not express: what (a key of the exporter's `losses`) and of which item."""

    what: str
    item: str
    detail: str = ""


class ExportContext(Context, Protocol):
    """A context that puts media beside an export."""

    @property
    def media_mode(self) -> Literal["copy", "link", "none"]:
        """Whether the export carries media, and how."""
        ...

    @property
    def splits(self) -> Sequence[str]:
        """The splits that were asked for by name; empty for all items, which a format may then keep in one file."""
        ...

    def place(self, item: Item, to: Path) -> None:
        """Copy or link the item's file to `to` as `media_mode` says; nothing for "none"."""
        ...


class Exporter(Protocol):
    """A writer of a label format, constructed as `factory()`.

    `losses` maps a short name of what the format cannot hold to what becomes of it; docs and `--strict` use it.
    """

    @property
    def losses(self) -> Mapping[str, str]:
        """What this format cannot express."""
        ...

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """Write rows below the new folder `dest` (or to it, where the format is one file), yielding what was lost."""
        ...


@runtime_checkable
class Naming(Protocol):
    """What an exporter is too whose format holds the ids of annotations: there it can be told which object of another
    task (`Task.on`) an answer speaks of. Of any other, the core says that this is lost."""

    keeps_ids: Literal[True]


# -- views ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A view's own key: Textual's name of it, the command it sends to `View.do`, and what it does, in words."""

    key: str
    command: str
    help: str
    argument: Any = None


@dataclass(frozen=True)
class Change:
    """An edit that a view made and can undo. `data` is the view's own; `text` says what it did."""

    text: str
    data: Any = None


@dataclass(frozen=True)
class Effect:
    """Something a view asks of the screen: show a `region`, say a `message`; None leaves it as it is.

    `label` asks the reviewer for a label and sends it back as the command that `label` names; with `choices` (id and
    name), for one of these instead. `prompt` shows `prompts` to a `Promptable` model of the task, and later sends what it
    finds, a sequence of annotations, back as the command that `prompt` names: an empty one where it fails or is called off,
    none where the reviewer has gone on or something else was asked since.
    """

    region: Rect | None = None
    message: str = ""
    label: str | None = None
    choices: Sequence[tuple[str, str]] = ()
    prompt: str | None = None
    prompts: Sequence[Annotation] = ()


class View(Protocol):
    """How an item is shown and edited; knows nothing of terminals. Constructed as `factory()`.

    Commands the core sends to every view: `next` and `previous` (select an object), `select` (argument: an id),
    `label` (argument: a label id, for the selected object or the item), `delete`, `attribute` (argument: name, value),
    `reveal` (argument: an annotation of whichever version; a view that shows a part at a time goes to where that is),
    `recent` (argument: the label id that was last given, which new objects take; sent after `open`),
    `weak` (argument: what models hold for too unlikely to propose, by the name of a version; sent after `open` where there
    is any: to be shown when asked for, under these ids, and kept under them where it is taken),
    and for the pointer `press`, `drag`, `release` with a point (argument: True while Ctrl or Alt is held). Others come from
    the view's `keys`, with the pointer's place where that is over the picture.
    """

    @property
    def keys(self) -> Sequence[Key]:
        """The view's own keys; before `open`, all that it may have then. Those that the core reserves are refused."""
        ...

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Show an item. `versions` maps names to annotations; the first is what is edited."""
        ...

    def scene(self, viewport: Viewport) -> Scene:
        """What to show through this viewport."""
        ...

    def lines(self) -> Sequence[Line]:
        """The objects for the side panel, in order."""
        ...

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command; a Change where annotations changed, None where nothing happened."""
        ...

    def undo(self, change: Change) -> None:
        """Take back the last change that was not taken back."""
        ...

    def redo(self, change: Change) -> None:
        """Do again what was last taken back."""
        ...

    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations as edited, ids kept where an object was kept."""
        ...

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """A small scene of an item or one object of it, without opening it.

        It is asked for in threads beside the screen, of a view that has opened nothing, and is kept.
        """
        ...


class Demo(Protocol):
    """A sample data set with known truth, constructed as `factory()`."""

    @property
    def tasks(self) -> Sequence[str]:
        """Arguments of `init --task` for it; the first is the task that the demo runs."""
        ...

    def make(self, dest: Path, seed: int) -> None:
        """Draw media (and bring a model, `model.onnx`, where there is one) into `dest`: media in `dest/media`."""
        ...

    def truth(self, key: str) -> Sequence[Annotation]:
        """The true annotations of an item of the last `make`."""
        ...

    def configure(self) -> Mapping[str, Any]:
        """Settings for the demo: `prelabeler` or `model` to use, and review `rules` by name."""
        ...
