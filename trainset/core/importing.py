"""`import`: labels of another tool or model become decisions or a run. Importing the same file again adds nothing."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import msgspec

from trainset.core.attaching import Attaching
from trainset.core.blobs import LIMIT
from trainset.core.codec import Some, with_ids
from trainset.core.config import editing, table
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.engine import RunWriter, predicted
from trainset.core.files import chunks, digest, visible
from trainset.core.keeping import keep_ids
from trainset.core.kit import problems
from trainset.core.layout import number_labels
from trainset.core.lookup import Names, plain
from trainset.core.model import (
    Annotation,
    Columns,
    Decision,
    Item,
    ItemRecord,
    ModelHeader,
    RuleHeader,
    Task,
    Undecoded,
    Verdict,
)
from trainset.core.names import HANDLE, NAME
from trainset.core.pause import collector_paused
from trainset.core.protocols import Imported, Importer, Problem, Skipped
from trainset.core.registering import declare, item_of, source_of
from trainset.core.routing import HELD_OUT
from trainset.core.sidecar import Sidecar, Told
from trainset.core.splits import Splits
from trainset.errors import MediaError, UsageError

As = Literal["decisions", "predictions"]
_PORTION = 500
_SOURCE = "media"
_OF_STATE: Mapping[str, Verdict | None] = {
    "reviewed": "accepted", "auto-accepted": "accepted", "flagged": "flagged", "excluded": "excluded", "rejected": "rejected",
    "unlabelled": None, "predicted": None, "stale": None, "disputed": None, "partial": None,
}  # fmt: skip


@dataclass
class Brought:
    """What an import did, or would do: items and annotations read, what was new, and every problem.

    `absent` are the items registered by name alone: nobody found their medium.
    """

    items: int = 0
    annotations: int = 0
    registered: int = 0
    recorded: int = 0
    superseded: int = 0
    unchanged: int = 0
    predicted: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    absent: int = 0
    added_labels: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Finding(TaskContext):
    """The `ImportContext`: finds items by the names that files use for them."""

    def __init__(self, dataset: Dataset, task: Task) -> None:
        super().__init__(dataset, task)
        self._names: Names | None = None

    def decode(self, raw: bytes) -> Sequence[Annotation]:
        """A JSON array of annotations as they are stored; RecordError for one that does not fit its type."""
        return self.dataset.codec.decode(raw, strict=True)

    def find(self, name: str) -> Item | None:
        """The item that `Names.find` finds; None where it is none or several."""
        key = self.key(name)
        return None if key is None else self.dataset.item(key)

    def key(self, name: str, path: Path | None = None) -> str | None:
        """The key of the item that `find` finds; with the medium at `path`, also one of the same file name and size."""
        if self._names is None:
            self._names = Names(key for (key,) in self.dataset.index.db.execute("SELECT key FROM item WHERE alive"))
        return self._names.find(
            name, lambda key: path is not None and path.is_file() and path.stat().st_size == self.dataset.item(key).size
        )


_Read = tuple[str, Imported, Sequence[Annotation | Undecoded]]


class Importing:
    """Reads one source into a task."""

    def __init__(
        self,
        dataset: Dataset,
        task: Task,
        importer: Importer,
        name: str,
        src: Path,
        *,
        reviewer: str | None = None,
        source: str | None = None,
        dry_run: bool = False,
        tick: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.dataset, self.task, self._importer, self._format, self._src = dataset, task, importer, name, src
        self._reviewer, self._source, self._dry, self._tick = reviewer, source, dry_run, tick
        self.report = Brought()
        self._items = dataset.writer(dataset.header("items", origin="import"))
        self._context = Finding(dataset, task)
        self._sidecar = Sidecar(src)
        self._media_settings = dataset.kit.media_settings(dataset.config.media)
        self._lookup: dict[str, str | None] = {}
        self._same: set[str | None] = set()
        self._place = _place(dataset, source or _SOURCE)
        self._fresh: dict[str, Item] = {}
        self._unwritten: list[Item] = []
        self._splits = Splits(dataset)
        self._attaching = Attaching(dataset, task) if task.on else None

    # -- labels ---------------------------------------------------------------------------------------------

    def settle(self, add: bool) -> None:
        """Make sure that the task has the labels that the file uses: all of its classes are added to a task without
        labels, and to others where `add` says so; else UsageError names those that are missing. A task also takes from
        the file what else it says of the question, and the task does not."""
        with collector_paused():
            missing = self._missing()
            if missing and self.task.labels and not add:
                missing = self._used(missing)
        if missing and self.task.labels and not add:
            names = ", ".join(visible(n) for _, n in missing[:8]) + (" …" if len(missing) > 8 else "")
            raise UsageError(
                f"task {self.task.name!r} has no label for {names}", hint="--add-labels adds them to the task"
            )
        told, _ = self._told()
        if not missing and not told:
            return
        with editing(self.dataset.root) as document:
            own = table(document, "tasks", self.task.name)
            own.update(told)
            self.report.added_labels = number_labels(table(own, "labels"), missing)
        self.dataset.reload()
        self.task = self.dataset.config.task(self.task.name)
        self._context = Finding(self.dataset, self.task)
        self._attaching = Attaching(self.dataset, self.task) if self.task.on else None

    def _told(self) -> tuple[dict[str, Any], Any]:
        """What the file says of the question that the task does not, by the keys of its table, and the task's options with
        that: nothing where both do not go together, as edges between points that the task has not."""
        options = self.task.options
        if not hasattr(self._importer, "options") or not isinstance(options, msgspec.Struct):
            return {}, options
        own = msgspec.to_builtins(options)
        told = {k: v for k, v in self._importer.options(self._src, self.task).items() if not own.get(k)}
        try:
            return told, msgspec.convert(own | told, type(options))
        except msgspec.ValidationError:
            return {}, options

    def _used(self, labels: Sequence[tuple[int | None, str]]) -> list[tuple[int | None, str]]:
        """Those of the file's labels that its annotations have."""
        read = self._importer.read(self._src, self._context)
        used = {a.label for found in read if isinstance(found, Imported) for a in found.annotations}
        return [(index, name) for index, name in labels if name in used]

    def _missing(self) -> list[tuple[int | None, str]]:
        return [(index, name) for index, name in self._importer.classes(self._src) if self.task.label(name) is None]

    def foresee_labels(self) -> None:
        """For a dry run: take the file's labels, and what else it says of the question, as if they were the task's, and
        report the labels that are missing."""
        missing = self._missing()
        self.report.added_labels = [name for _, name in missing]
        self._lookup = {name: name for _, name in missing}
        self.task = msgspec.structs.replace(self.task, options=self._told()[1])
        self._context = Finding(self.dataset, self.task)

    # -- reading --------------------------------------------------------------------------------------------

    def _read(self) -> Iterator[list[_Read]]:
        """In portions: item key, what was read of it, and its annotations with the task's labels."""
        report = self.report
        for portion in chunks(self._registered(), _PORTION):
            every = [list(_labels_of(found.annotations)) for _, found in portion]
            same = self._same.issuperset
            if same(chain.from_iterable(every)):
                labelled = [(key, found, found.annotations) for key, found in portion]
            else:
                labelled = [
                    (key, found, found.annotations if same(labels) else self._relabelled(found.annotations, labels))
                    for (key, found), labels in zip(portion, every, strict=True)
                ]
                every = [list(_labels_of(annotations)) for _, _, annotations in labelled]
            report.items += len(labelled)
            report.annotations += sum(map(len, every))
            report.classes.update(label for label in chain.from_iterable(every) if label is not None)
            report.splits.update(found.split for _, found in portion if found.split)
            yield labelled

    def _registered(self) -> Iterator[tuple[str, Imported]]:
        """What is read, with the key of its item; problems are dealt with."""
        for found in self._importer.read(self._src, self._context):
            if isinstance(found, Problem):
                self.report.problems.append(found)
            elif key := self._context.key(found.name, found.path) or self._register(found):
                yield key, found

    def _relabelled(
        self, annotations: Sequence[Annotation | Undecoded], labels: Sequence[str | None]
    ) -> Sequence[Annotation | Undecoded]:
        """The same with the task's labels; annotations of labels that it does not have are left out and counted."""
        own = [self._label(label) for label in labels]
        self.report.unknown.update(str(label) for label, known in zip(labels, own, strict=True) if known is None)
        if isinstance(annotations, Columns):
            return annotations.relabelled(own)
        pairs = zip(annotations, own, strict=True)
        return [msgspec.structs.replace(one, label=label) for one, label in pairs if label is not None]

    def _label(self, name: str | None) -> str | None:
        known = str(name)
        if known not in self._lookup:
            label = self.task.label(known)
            self._lookup[known] = label.id if label else None
            if label and label.id == name:
                self._same.add(known)
        return self._lookup[known]

    def _register(self, found: Imported) -> str | None:
        """An item for a medium that the dataset does not know: in place where it is found, else by name."""
        name = plain(found.name)
        path, folder = found.path if found.path is not None and found.path.exists() else None, None
        if path is None and self._place is not None and os.path.isfile(f"{self._place}/{name}"):  # noqa: PTH113
            path, folder = self._place / name, self._place
        if path is not None:
            item = self._in_place(path, folder)
            if item is None:
                return None
            item = msgspec.structs.replace(item, split=self._split(found, item.key, item.group))
        elif not name or "#" in name:
            self.report.problems.append(Problem(visible(found.name), "this cannot name an item"))
            return None
        else:
            key = f"{self._source or _SOURCE}/{name}"
            item = Item(key=key, group=found.group, split=self._split(found, key, found.group), meta=dict(found.meta))
        if self.dataset.forgotten.holds(item.key):
            self.report.problems.append(Problem(visible(found.name), "the item of its name was forgotten"))
            return None
        if item.key not in self._fresh:
            self.report.registered += 1
            self.report.absent += path is None
            self._fresh[item.key] = item
            self._unwritten.append(item)
        return item.key

    def _split(self, found: Imported, key: str, group: str | None) -> str:
        """The split of a new item: that which the file, or the one beside it, names, else that of its group."""
        named = found.split or self._sidecar.of(found.name).split
        group = found.group or group
        return self._splits.note(group, named) if named else self._splits.of(key, group)

    def _in_place(self, path: Path, folder: Path | None = None) -> Item | None:
        """The item of a medium at `path`, in a source's `folder` if that is known; where it cannot be one, that is a
        problem."""
        base = (folder or (self._src.parent if self._src.is_file() else self._src)).resolve()
        inside = path.absolute().is_relative_to(base) or path.resolve().is_relative_to(base)
        source, root = source_of(self.dataset, base if inside else path.resolve().parent, self._source)
        draft = next(iter(self.dataset.kit.modality.scan(path, self._media_settings)))
        item = draft.reason if isinstance(draft, Skipped) else item_of(source, root, draft, self._splits)
        if isinstance(item, str):
            self.report.problems.append(Problem(visible(str(path)), item))
            return None
        if not self._dry:
            declare(self.dataset, source, root)
        return item

    def _write_items(self) -> None:
        if self._unwritten and not self._dry:
            encode = msgspec.json.Encoder().encode
            self._items.append([encode(ItemRecord(change="added", item=item)) for item in self._unwritten])
        self._unwritten = []

    # -- decisions ------------------------------------------------------------------------------------------

    def decisions(self) -> Brought:
        """Record the labels as decisions of the reviewers that the file names."""
        with collector_paused():
            self._decisions()
        if not self._dry:
            self.dataset.index.refresh()
        return self.report

    def _decisions(self) -> None:
        writers: dict[str, Any] = {}
        for portion in self._read():
            self._write_items()
            own = self._own([key for key, _, _ in portion])
            bodies: dict[str, list[bytes]] = {}
            for one in portion:
                handle, body = self._decision(one, own)
                if body is not None:
                    bodies.setdefault(handle, []).append(body)
            for handle, some in bodies.items():
                self.report.recorded += len(some)
                if not self._dry:
                    writer = writers.get(handle) or writers.setdefault(handle, self._writer(handle))
                    writer.append(some)
            self._tick(len(portion))
        for writer in (self._items, *writers.values()):
            writer.close()

    def _writer(self, handle: str) -> Any:
        rule = RuleHeader(name=handle.removeprefix("rule.")) if handle.startswith("rule.") else None
        return self.dataset.writer(
            self.dataset.header("decisions", self.task, reviewer=handle, origin="import", rule=rule)
        )

    def _own(self, keys: Sequence[str]) -> dict[tuple[str, str], list[str]]:
        """Earlier imported decisions on these items, by (item, reviewer), ids in order."""
        db = self.dataset.index.db
        if not db.execute(
            "SELECT 1 FROM file WHERE kind='decisions' AND task=? AND present LIMIT 1", (self.task.name,)
        ).fetchone():
            return {}
        found: dict[tuple[str, str], list[str]] = {}
        for some in chunks(keys, 500):
            for key, who, rid in db.execute(
                "SELECT DISTINCT i.key, f.reviewer, d.rid FROM decision d JOIN file f ON f.id=d.file AND f.present JOIN item i ON i.id=d.item "
                f'WHERE d.task=? AND instr(f.header, \'"origin":"import"\')>0 AND i.key IN ({",".join("?" * len(some))}) ORDER BY d.rid',
                (self.task.name, *some),
            ):
                found.setdefault((key, who), []).append(rid)
        return found

    def _decision(self, one: _Read, own: Mapping[tuple[str, str], Sequence[str]]) -> tuple[str, bytes | None]:
        key, found, annotations = one
        told = self._sidecar.of(found.name, key)
        state = found.state or told.state
        verdict = found.verdict if state is None else _OF_STATE.get(state, found.verdict)
        handle = self._reviewer or self._decider(told, found.reviewer)
        if handle.startswith("rule.") and self._item(key).split == HELD_OUT:
            verdict = None  # no rule accepts what is measured on
        if verdict is None:
            return handle, None
        carries = verdict in ("accepted", "corrected")
        sound = self._sound(key, found.name, annotations)
        if self._attaching is not None and carries and not sound:
            return handle, None
        raw = msgspec.Raw(self._stored(sound)) if carries else msgspec.UNSET
        decision = Decision(
            item=key,
            verdict=verdict,
            on=tuple(own.get((key, handle), ())),
            of=self._attaching.of(key) if self._attaching is not None else (),
            annotations=raw,
            attributes=dict(found.attributes),
            note=found.note,
        )
        if decision.on:
            last, _ = self.dataset.decision(self._head(decision.on))
            same, was = _says_the_same(last, decision), last.annotations
            if not same and carries and was is not msgspec.UNSET and any(not a.id for a in annotations):
                kept = keep_ids(sound, bytes(was), self.dataset.codec)
                decision = msgspec.structs.replace(decision, annotations=msgspec.Raw(self._stored(kept)))
                same = _says_the_same(last, decision)
            if same:
                self.report.unchanged += 1
                return handle, None
            self.report.superseded += 1
        return handle, msgspec.json.encode(decision)

    def _decider(self, told: Told, reviewer: str | None) -> str:
        by = told.decided_by if reviewer is None else (*told.decided_by, reviewer)
        if not by:
            return "import"
        return next((handle for handle in map(_handle, by) if handle), None) or "import"

    def _item(self, key: str) -> Item:
        return self._fresh.get(key) or self.dataset.item(key)

    def _stored(self, annotations: Sequence[Annotation | Undecoded]) -> bytes:
        raw = self.dataset.codec.encode(annotations)
        return raw if self._dry else self.dataset.codec.shelve(raw, LIMIT)

    def _head(self, ids: Sequence[str]) -> str:
        seen = {target for rid in ids for target in self.dataset.decision(rid)[0].on}
        return next(rid for rid in ids if rid not in seen)

    def _sound(
        self, key: str, name: str, annotations: Sequence[Annotation | Undecoded]
    ) -> Sequence[Annotation | Undecoded]:
        """The annotations that can be an answer, each with an id; the others are problems."""
        if isinstance(annotations, Columns) and self._attaching is None:
            if self._vouched(key, annotations):
                return annotations
            annotations = self._context.decode(self.dataset.codec.encode(annotations))
        annotations = self._attached(key, name, annotations)
        if not annotations:
            return annotations
        annotations = with_ids(annotations)
        decoded = [a for a in annotations if isinstance(a, Annotation)]
        fatal: set[str] = set()
        for problem in problems(self.dataset.kit, self.task, self._item(key), decoded) if decoded else ():
            what = problem.message if problem.note else f"{problem.message}; it was left out"
            self.report.problems.append(Problem(f"{name}, {problem.where}", what, problem.note))
            if not problem.note:
                fatal.add(problem.where)
        return tuple(a for a in annotations if a.id not in fatal) if fatal else annotations

    def _vouched(self, key: str, annotations: Columns) -> bool:
        """Whether the importer looked at all that an item's annotations are checked for."""
        if annotations.meta is None:
            return True
        return annotations.meta == self._item(key).meta and not self.task.options

    def _attached(self, key: str, name: str, annotations: Sequence[Some]) -> Sequence[Some]:
        """The annotations; in a task on another's objects, those that speak of one, and the others are problems."""
        if self._attaching is None:
            return annotations
        self.report.problems += self._attaching.problems(key, name, annotations)
        return self._attaching.fitting(key, annotations)

    # -- predictions ----------------------------------------------------------------------------------------

    def predictions(self) -> Brought:
        """Record the labels as the predictions of a run."""
        with collector_paused():
            self._predictions()
        if self.report.predicted and not self._dry:
            self.dataset.index.refresh()
        return self.report

    def _predictions(self) -> None:
        every = [*chain.from_iterable(self._read())]
        proposed = {key for key, found, _ in every if found.state == "predicted"}
        read = [
            (key, with_ids(self._attached(key, found.name, some), "p"))
            for key, found, some in every
            if found.state == "predicted" or key not in proposed
        ]
        self._write_items()
        self._items.close()
        content = digest(b"".join(self.dataset.codec.encode(annotations) + key.encode() for key, annotations in read))
        if any(run.model_digest == content for run in self.dataset.runs(self.task).values()):
            self.report.unchanged = len(read)
            return
        self.report.predicted = len(read)
        if self._dry:
            return
        self.dataset.index.refresh()
        model = ModelHeader(
            name=f"import-{self._format}", digest=content, prelabeler="import", settings={"file": self._src.name}
        )
        with RunWriter(self.dataset, self.task, model) as output:
            for some in chunks(read, _PORTION):
                output.put([
                    predicted(self.dataset, key, annotations, of=self._attaching.of(key) if self._attaching else ())
                    for key, annotations in some
                ])  # fmt: skip
            output.sync()


def _says_the_same(a: Decision, b: Decision) -> bool:
    """Whether two decisions of one reviewer differ in nothing but what they saw; in sight of other objects is not the same."""
    said = (None if x.annotations is msgspec.UNSET else bytes(x.annotations) for x in (a, b))
    return len(set(said)) == 1 and (a.verdict, a.attributes, a.of) == (b.verdict, b.attributes, b.of)


def _labels_of(annotations: Sequence[Annotation | Undecoded]) -> Iterable[str | None]:
    return annotations.labels if isinstance(annotations, Columns) else (a.label for a in annotations)


def _handle(name: str) -> str | None:
    """A reviewer's name of another tool as a handle; rules keep theirs."""
    if name.startswith("rule.") and NAME.fullmatch(name.removeprefix("rule.")):
        return name
    handle = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:32]
    return handle if HANDLE.fullmatch(handle) else None


def _place(dataset: Dataset, source: str) -> Path | None:
    """The folder of a source, where it holds anything."""
    try:
        folder = dataset.media.source(source)
    except MediaError:
        return None
    return folder if folder.is_dir() and any(folder.iterdir()) else None
