"""`import`: labels of another tool or model become decisions or a run. Importing the same file again adds nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from trainset.core.blobs import LIMIT
from trainset.core.codec import with_ids
from trainset.core.config import HANDLE, NAME, editing, table
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.engine import RunWriter, predicted
from trainset.core.exporting import SIDECAR, sidecar_of
from trainset.core.files import chunks, digest, visible
from trainset.core.layout import number_labels
from trainset.core.model import (
    Annotation,
    Decision,
    Item,
    ItemRecord,
    ModelHeader,
    RuleHeader,
    Task,
    Verdict,
)
from trainset.core.pause import collector_paused
from trainset.core.protocols import Imported, Importer, Problem, Skipped
from trainset.core.registering import declare, item_of, source_of, split_of
from trainset.core.routing import HELD_OUT
from trainset.errors import UsageError

As = Literal["decisions", "predictions"]
_PORTION = 2000
_OF_STATE: Mapping[str, Verdict | None] = {
    "reviewed": "accepted", "auto-accepted": "accepted", "flagged": "flagged", "excluded": "excluded", "rejected": "rejected",
    "unlabelled": None, "predicted": None, "stale": None, "disputed": None, "partial": None,
}  # fmt: skip


@dataclass
class Brought:
    """What an import did, or would do: items and annotations read, what was new, and every problem."""

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
    added_labels: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Names:
    """The keys of items by the names that files use for them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys: dict[str, list[str]] = {}
        for key in keys:
            base, row = _base(key), key.partition("#")[2]
            for short in {base, row or base.rpartition(".")[0] or base}:
                self._keys.setdefault(short, []).append(key)

    def find(self, name: str, same: Callable[[str], bool] = lambda _: False) -> str | None:
        """The key that this is, else the only one that ends in it, else the only one whose file name, stem or row it is.

        A name with folders that no key has is not cut down to its file name (`dog/1.jpg` is not `cat/1.jpg`), unless
        that medium is the `same`.
        """
        wanted = plain(name)
        base = _base(wanted)
        whole = self._keys.get(wanted)
        keys = whole or self._keys.get(base) or self._keys.get(base.rpartition(".")[0] or base) or []
        if wanted in keys:
            return wanted
        ending = [k for k in keys if k.endswith("/" + wanted)]
        if len(ending) == 1:
            return ending[0]
        if ending or len(keys) != 1:
            return None
        return keys[0] if whole or base == wanted or same(keys[0]) else None


def _base(name: str) -> str:
    """A key or name without its folders; a row's key may have slashes of its own."""
    path, mark, row = name.partition("#")
    return path.rpartition("/")[2] + mark + row


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


def plain(name: str) -> str:
    """A name as a relative POSIX path in NFC, without what would lead out of a folder."""
    path = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return "/".join(p for p in path.split("/") if p not in ("", ".", "..") and not p.endswith(":"))


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
        self._told = _sidecar(src)
        self._told_by_base: dict[str, list[tuple[str, Mapping[str, Any]]]] | None = None
        self._media_settings = dataset.kit.media_settings(dataset.config.media)
        self._lookup: dict[str, str | None] = {}
        self._fresh: dict[str, Item] = {}
        self._unwritten: list[Item] = []

    # -- labels ---------------------------------------------------------------------------------------------

    def settle_labels(self, add: bool) -> None:
        """Make sure that the task has the labels that the file uses: all of its classes are added to a task without
        labels, and to others where `add` says so; else UsageError names those that are missing."""
        missing = self._missing()
        if missing and self.task.labels and not add:
            used = {
                a.label
                for f in self._importer.read(self._src, self._context)
                if isinstance(f, Imported)
                for a in f.annotations
            }
            missing = [(index, name) for index, name in missing if name in used]
            if missing:
                names = ", ".join(visible(n) for _, n in missing[:8]) + (" …" if len(missing) > 8 else "")
                raise UsageError(
                    f"task {self.task.name!r} has no label for {names}", hint="--add-labels adds them to the task"
                )
        if not missing:
            return
        with editing(self.dataset.root) as document:
            self.report.added_labels = number_labels(table(document, "tasks", self.task.name, "labels"), missing)
        self.dataset.reload()
        self.task = self.dataset.config.task(self.task.name)
        self._context = Finding(self.dataset, self.task)

    def _missing(self) -> list[tuple[int | None, str]]:
        return [(index, name) for index, name in self._importer.classes(self._src) if self.task.label(name) is None]

    def foresee_labels(self) -> None:
        """For a dry run: take the file's labels as if they were the task's, and report those that are missing."""
        missing = self._missing()
        self.report.added_labels = [name for _, name in missing]
        self._lookup = {name: name for _, name in missing}

    def _label(self, name: str | None) -> str | None:
        known = str(name)
        if known not in self._lookup:
            label = self.task.label(known)
            self._lookup[known] = label.id if label else None
        return self._lookup[known]

    # -- reading --------------------------------------------------------------------------------------------

    def _read(self) -> Iterator[tuple[str, Imported]]:
        """(item key, labels) with labels mapped, problems and unknown items dealt with."""
        report = self.report
        for found in self._importer.read(self._src, self._context):
            if isinstance(found, Problem):
                report.problems.append(found)
                continue
            key = self._context.key(found.name, found.path) or self._register(found)
            if key is None:
                continue
            found = self._with_labels(found)  # noqa: PLW2901
            report.items += 1
            report.annotations += len(found.annotations)
            report.classes.update(a.label for a in found.annotations if a.label is not None)
            if found.split:
                report.splits[found.split] += 1
            yield key, found

    def _with_labels(self, found: Imported) -> Imported:
        """The same with the task's labels; annotations of labels that it does not have are left out and counted."""
        ids = {name: self._label(name) for name in {a.label for a in found.annotations}}
        if all(name == label for name, label in ids.items()):
            return found
        kept = []
        for annotation in found.annotations:
            label = ids[annotation.label]
            if label is None:
                self.report.unknown[str(annotation.label)] += 1
            else:
                kept.append(msgspec.structs.replace(annotation, label=label))
        return replace(found, annotations=kept)

    def _register(self, found: Imported) -> str | None:
        """An item for a medium that the dataset does not know: in place where the importer found it, else by name."""
        name = plain(found.name)
        if found.path is not None and found.path.exists():
            base = (self._src.parent if self._src.is_file() else self._src).resolve()
            inside = found.path.absolute().is_relative_to(base) or found.path.resolve().is_relative_to(base)
            source, root = source_of(self.dataset, base if inside else found.path.resolve().parent, self._source)
            draft = next(iter(self.dataset.kit.modality.scan(found.path, self._media_settings)))
            item = draft.reason if isinstance(draft, Skipped) else item_of(self.dataset, source, root, draft)
            if isinstance(item, str):
                self.report.problems.append(Problem(visible(str(found.path)), item))
                return None
            if not self._dry:
                declare(self.dataset, source, root)
        elif not name or "#" in name:
            self.report.problems.append(Problem(visible(found.name), "this cannot name an item"))
            return None
        else:
            item = Item(key=f"{self._source or 'media'}/{name}", group=found.group, meta=dict(found.meta))
        split = (
            found.split
            or self._told_of(found.name).get("split")
            or split_of(found.group or item.key, self.dataset.config.splits)
        )
        if item.key not in self._fresh:
            self.report.registered += 1
            self._fresh[item.key] = msgspec.structs.replace(item, split=split)
            self._unwritten.append(self._fresh[item.key])
        return item.key

    def _write_items(self) -> None:
        if self._unwritten and not self._dry:
            self._items.append([msgspec.json.encode(ItemRecord(change="added", item=item)) for item in self._unwritten])
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
        for portion in chunks(self._read(), _PORTION):
            self._write_items()
            own = self._own([key for key, _ in portion])
            bodies: dict[str, list[bytes]] = {}
            for key, found in portion:
                handle, body = self._decision(key, found, own)
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

    def _told_of(self, name: str, key: str = "") -> Mapping[str, Any]:
        """What the sidecar says of an item: by the name in the file, by its key, else by a name that the one ends in."""
        told = self._told.get(name) or self._told.get(key)
        if told is not None or not self._told:
            return told or {}
        if self._told_by_base is None:
            self._told_by_base = {}
            for long, entry in self._told.items():
                self._told_by_base.setdefault(long.rpartition("/")[2], []).append((f"/{long}", entry))
        rivals = self._told_by_base.get(plain(name).rpartition("/")[2], [])
        near = [e for long, e in rivals if long.endswith(f"/{plain(name)}") or f"/{plain(name)}".endswith(long)]
        different = {id(e): e for e in near or [e for _, e in rivals]}
        return next(iter(different.values())) if len(different) == 1 else {}

    def _decision(self, key: str, found: Imported, own: dict[tuple[str, str], list[str]]) -> tuple[str, bytes | None]:
        told = self._told_of(found.name, key)
        state = found.state or told.get("state")
        verdict = found.verdict if state is None else _OF_STATE.get(state, found.verdict)
        by = [*told.get("decided_by", ()), *([found.reviewer] if found.reviewer else ())]
        handle = self._reviewer or next((h for h in map(_handle, by) if h), None) or "import"
        if handle.startswith("rule.") and (self._fresh.get(key) or self.dataset.item(key)).split == HELD_OUT:
            verdict = None  # no rule accepts what is measured on
        if verdict is None:
            return handle, None
        annotations = self._sound(key, found)
        carries = verdict in ("accepted", "corrected")
        raw = msgspec.Raw(self._stored(annotations)) if carries else msgspec.UNSET
        before = own.get((key, handle), [])
        if before:
            last, _ = self.dataset.decision(self._head(before))
            same = last.annotations if last.annotations is msgspec.UNSET else bytes(last.annotations)
            if (
                last.verdict == verdict
                and same == (raw if raw is msgspec.UNSET else bytes(raw))
                and last.attributes == dict(found.attributes)
            ):
                self.report.unchanged += 1
                return handle, None
            self.report.superseded += 1
        decision = Decision(
            item=key,
            verdict=verdict,
            on=tuple(before),
            annotations=raw,
            attributes=dict(found.attributes),
            note=found.note,
        )
        return handle, msgspec.json.encode(decision)

    def _stored(self, annotations: Sequence[Annotation]) -> bytes:
        raw = self.dataset.codec.encode(annotations)
        return raw if self._dry else self.dataset.codec.shelve(raw, LIMIT)

    def _head(self, ids: Sequence[str]) -> str:
        seen = {target for rid in ids for target in self.dataset.decision(rid)[0].on}
        return next(rid for rid in ids if rid not in seen)

    def _sound(self, key: str, found: Imported) -> tuple[Annotation, ...]:
        """The annotations that can be an answer, each with an id; the others are problems."""
        annotations = with_ids(found.annotations)
        fatal: set[str] = set()
        for problem in self.dataset.kit.modality.check(self._fresh.get(key) or self.dataset.item(key), annotations):
            what = problem.message if problem.note else f"{problem.message}; it was left out"
            self.report.problems.append(Problem(f"{found.name}, {problem.where}", what, problem.note))
            if not problem.note:
                fatal.add(problem.where)
        return tuple(a for a in annotations if a.id not in fatal) if fatal else annotations

    # -- predictions ----------------------------------------------------------------------------------------

    def predictions(self) -> Brought:
        """Record the labels as the predictions of a run."""
        read = list(self._read())
        self._write_items()
        self._items.close()
        content = digest(
            b"".join(self.dataset.codec.encode(with_ids(found.annotations)) + key.encode() for key, found in read)
        )
        if any(run.model_digest == content for run in self.dataset.runs(self.task).values()):
            self.report.unchanged = len(read)
            return self.report
        self.report.predicted = len(read)
        if self._dry:
            return self.report
        self.dataset.index.refresh()
        model = ModelHeader(
            name=f"import-{self._format}", digest=content, prelabeler="import", settings={"file": self._src.name}
        )
        with RunWriter(self.dataset, self.task, model) as output:
            for some in chunks(read, _PORTION):
                output.put([predicted(self.dataset, key, with_ids(found.annotations, "p")) for key, found in some])
            output.sync()
        self.dataset.index.refresh()
        return self.report


def _handle(name: str) -> str | None:
    """A reviewer's name of another tool as a handle; rules keep theirs."""
    if name.startswith("rule.") and NAME.fullmatch(name.removeprefix("rule.")):
        return name
    handle = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:32]
    return handle if HANDLE.fullmatch(handle) else None


def _sidecar(src: Path) -> Mapping[str, Mapping[str, Any]]:
    """Where the items of an export of ours stand, by name; empty where there is no such file."""
    for path in (src / SIDECAR, src.parent / SIDECAR, sidecar_of(src)):
        try:
            content = msgspec.json.decode(path.read_bytes())
            if isinstance(content, dict) and content.get("trainset") == 1 and isinstance(content.get("items"), dict):
                items: dict[str, dict[str, Any]] = content["items"]
                return {**{str(told.get("key")): told for told in items.values()}, **items}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
    return {}
