"""The façade over a dataset: its items, their states and annotations, and writers for new records."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from trainset.core import config as configuration
from trainset.core.blobs import Blobs
from trainset.core.codec import Codec
from trainset.core.files import chunks, digest
from trainset.core.forgotten import Forgotten, bury, read_forgotten
from trainset.core.history import Repository
from trainset.core.index import Index, RunInfo
from trainset.core.journal import Places, Recovered, Writer, recover
from trainset.core.kit import Kit
from trainset.core.machine import Machine
from trainset.core.matching import equivalent
from trainset.core.media import DatasetMedia
from trainset.core.migrations import Migrations, read_migrations
from trainset.core.model import Annotation, Decision, Header, Item, Prediction, State, Task, Verdict
from trainset.core.objects import of_part
from trainset.core.parts import so_far, verdicts
from trainset.core.records import SCHEMA, read_header
from trainset.core.tree import RevisionTree, Stamp, WorkTree
from trainset.core.where import parse
from trainset.errors import TrainsetError, UsageError

_decision = msgspec.json.Decoder(Decision)
_prediction = msgspec.json.Decoder(Prediction)
_NONE = Migrations()
WAITING = ("unlabelled", "predicted", "partial", "rejected", "stale", "flagged", "disputed")
"""States in which an item waits for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """An item with where it stands for one task, as the index has it: `live` are the decisions that were not withdrawn,
    `seen` is what a decision taken now names in `on`.

    In a task on another's objects, `objects` are those, each with the record that answers it (None where it has no
    answer), `of` is what a decision taken now names as such, and `orphans` are the answers (record, object) whose object
    is gone.
    """

    number: int
    item: Item
    state: State
    reasons: tuple[str, ...] = ()
    decided_by: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    run: str | None = None
    said: str | None = None
    low: float | None = None
    of: tuple[str, ...] = ()
    objects: Mapping[str, str | None] | None = None
    orphans: tuple[tuple[str, str], ...] = ()


class DatasetItem:
    """An item of an open dataset, bound to it: what it is, where it stands, what it shows.

    Loading goes by the modality's own word: `item.image()` is an array `(h, w, 3)` uint8 RGB, `item.text()` a str.
    """

    def __init__(self, dataset: Dataset, item: Item) -> None:
        self._dataset = dataset
        self.item = item

    @property
    def key(self) -> str:
        """The item's key."""
        return self.item.key

    @property
    def split(self) -> str | None:
        """The split it belongs to."""
        return self.item.split

    @property
    def group(self) -> str | None:
        """What must not straddle a split."""
        return self.item.group

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the modality knows of it: an image's width and height."""
        return self.item.meta

    def path(self, part: str = "") -> Path:
        """The file of a part on this machine."""
        return self._dataset.media.path(self.item, part)

    def load(self) -> Any:
        """The item in memory, as its modality loads it."""
        return self._dataset.media.load(self.item)

    def state(self, task: str | None = None) -> State:
        """Where it stands for a task (the only one, if None)."""
        return self._dataset.row(self.key, self._dataset.config.task(task)).state

    def annotations(self, task: str | None = None) -> tuple[Annotation, ...]:
        """The answer that was decided for a task; empty where there is none yet (see `state`)."""
        question = self._dataset.config.task(task)
        return self._dataset.answer(question, self._dataset.row(self.key, question))

    def proposal(self, task: str | None = None) -> tuple[Annotation, ...] | None:
        """What the model proposes for a task, None where it proposes nothing that is at hand."""
        question = self._dataset.config.task(task)
        return self._dataset.proposal(question, self._dataset.row(self.key, question))

    def __getattr__(self, name: str) -> Any:
        if name == self._dataset.kit.loads_as:
            return self.load
        raise AttributeError(f"items of this dataset have no {name!r}; they load as {self._dataset.kit.loads_as}()")

    def __repr__(self) -> str:
        return f"DatasetItem({self.key!r})"


class Dataset:
    """An open dataset at `root`, or at a revision of it. Use as a context manager, or `close` it.

    `only` are the keys of the items that are looked at, and `known` is the index of the dataset as it is on disk, which
    spares reading what both have.
    """

    def __init__(
        self,
        root: Path,
        kit: Kit,
        revision: str | None = None,
        *,
        only: Collection[str] | None = None,
        known: Path | str = "",
    ) -> None:
        self.root = root.resolve()
        self.kit = kit
        self.repository = Repository(self.root)
        self.machine = Machine(self.repository.machine)
        self.places = Places(self.root / "labels", self.repository.live)
        self._only, self._known = only, known
        self.commit_id = self.repository.resolve(revision) if revision else None
        self._seen_by_git: tuple[object, frozenset[str]] = (None, frozenset())
        self.tree = self.revision_tree(self.commit_id) if self.commit_id else WorkTree(self.root)
        self._configure()
        self.media = DatasetMedia(self.root, self.config, self.machine, kit)
        self._open_index()

    def reload(self) -> None:
        """Read `trainset.toml` again, after it was edited."""
        self.index.close()
        self._configure()
        self.media = DatasetMedia(self.root, self.config, self.machine, self.kit)
        self._open_index()

    def _open_index(self) -> None:
        self.recovered: list[Recovered] = []
        self.blobs = Blobs(self.places, self.tree.read)
        self.codec = Codec(self.kit.types(), self.kit.type_versions(), self.blobs)
        database: Path | str = ":memory:"
        if self.commit_id is None:
            database = self.cache() / "index.sqlite"
            forgotten = read_forgotten(self.tree)
            self.recovered = recover(self.places, self.repository, lambda data: bury(data, forgotten)[0])
            self.blobs.recover(self.repository)
        distributions = str(sorted(self.kit.distributions().items()))
        beside = None if self.commit_id is None else WorkTree(self.root)
        self.index = Index(database, self.tree, self.config.tasks, self._same, distributions, self.migrations, beside)
        if self._only is None:
            self.index.refresh()
        else:
            self.index.take(self._known, self._only)

    def revision_tree(self, commit: str) -> RevisionTree:
        """The label files of a commit."""
        return RevisionTree(self.repository, commit)

    def at(self, revision: str, only: Collection[str]) -> Dataset:
        """Some items of the dataset, by key, as they were at a revision."""
        return Dataset(self.root, self.kit, revision, only=only, known=self.index.place)

    def _configure(self) -> None:
        """Read the settings, and what of the questions that they put was once asked otherwise."""
        self.migrations = read_migrations(self.tree)
        config = self._read_config()
        tasks = {
            name: replace(
                task, options=self.kit.options(task, config.place("tasks", name)), former=self.changes(task).former()
            )
            for name, task in config.tasks.items()
        }
        self.config = replace(config, tasks=tasks)

    def changes(self, task: Task) -> Migrations:
        """The migrations of a task."""
        return self.migrations.get(task.name, _NONE)

    def _read_config(self) -> configuration.Config:
        if self.commit_id is None:
            return configuration.load(self.root)
        files = self.repository.tree(self.commit_id, configuration.FILE, "guidelines")
        if configuration.FILE not in files:
            raise TrainsetError(
                f"there was no {configuration.FILE} here at {self.commit_id[:10]}", hint="name a later revision"
            )
        texts = dict(zip(files, self.repository.blobs([blob for blob, _ in files.values()]), strict=True))
        guidelines = {
            Path(p).stem: t.decode("utf-8", "replace") for p, t in texts.items() if p.startswith("guidelines/")
        }
        where = f"{configuration.FILE} at {self.commit_id[:10]}"
        return configuration.read(texts[configuration.FILE].decode("utf-8", "replace"), where, guidelines)

    @property
    def forgotten(self) -> Forgotten:
        """The items that were forgotten: nothing tells of them any more."""
        return self.index.forgotten

    def cache(self) -> Path:
        """The folder of what can be made anew; on a local disk, and made where it is missing."""
        folder = self.root / ".trainset"
        if _on_network(folder) or not os.access(folder if folder.exists() else self.root, os.W_OK):
            folder = Path.home() / ".cache" / "trainset" / digest(str(self.root).encode())
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def paces(self) -> Path:
        """Where this machine keeps how fast its people decide; never in Git."""
        return self.repository.machine / "pace"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index and of Git."""
        self.index.close()
        self.repository.close()

    # -- the public reading side ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self.index.db.execute("SELECT count(*) FROM item WHERE alive").fetchone()[0])

    def __getitem__(self, key: str) -> DatasetItem:
        return DatasetItem(self, self.item(key))

    def __iter__(self) -> Iterator[DatasetItem]:
        return self.items()

    def items(self, where: str = "", task: str | None = None, split: str | None = None) -> Iterator[DatasetItem]:
        """The items that a filter (see `trainset.core.where`) and a split select, in the order they were added."""
        question = self.config.task(task) if where or task else None
        for row in self.rows(question, where):
            if split is None or row.item.split == split:
                yield DatasetItem(self, row.item)

    def states(self, task: str | None = None) -> dict[str, State]:
        """Where every item stands for a task, by key."""
        name = self.config.task(task).name
        query = ("SELECT i.key, coalesce(s.state, 'unlabelled') FROM item i LEFT JOIN state s ON s.item=i.id AND s.task=? "
                 "WHERE i.alive ORDER BY i.id")  # fmt: skip
        return dict(self.index.db.execute(query, (name,)))

    def splits(self) -> dict[str, int]:
        """How many items each split has."""
        counted = self.index.db.execute("SELECT split, count(*) FROM item WHERE alive GROUP BY split ORDER BY split")
        return {split or "": count for split, count in counted}

    # -- rows -----------------------------------------------------------------------------------------------

    def item(self, key: str) -> Item:
        """The item of this key; UsageError where there is none."""
        found = self.index.db.execute("SELECT file, offset, length FROM item WHERE key=? AND alive", (key,)).fetchone()
        if found is None and self.forgotten.holds(key):
            raise UsageError(
                "that item was forgotten", hint="`trainset forget` without an item clears what is left of it"
            )
        if found is None:
            like = self.index.db.execute("SELECT key FROM item WHERE alive AND key GLOB ? LIMIT 3",
                                         (f"*{key.rpartition('/')[2].replace('[', '[[]')}*",)).fetchall()  # fmt: skip
            names = ", ".join(k for (k,) in like)
            raise UsageError(
                f"there is no item {key!r}", hint=f"did you mean {names}?" if names else "`trainset items` lists them"
            )
        return self.index.item(found[0], found[1], found[2], {})

    def row(self, key: str, task: Task) -> Row:
        """An item with where it stands for a task."""
        self.item(key)
        return next(self.rows(task, only=key))

    def rows(
        self,
        task: Task | None,
        where: str = "",
        order: str = "i.id",
        only: str | None = None,
        numbers: Collection[int] | None = None,
    ) -> Iterator[Row]:
        """Items with where they stand for a task, filtered (`numbers`: a few thousand at most), streaming in the order of
        an SQL expression."""
        condition = parse(where, task.name if task else "")
        extra = " AND i.key=?" if only is not None else ""
        if numbers is not None:
            extra += f" AND i.id IN ({','.join('?' * len(numbers))})"
        paths: dict[int, str] = {}
        cursor = self.index.db.execute(
            "SELECT i.id, i.file, i.offset, i.length, s.state, s.reasons, s.decided_by, s.answer, s.live, s.past, s.run, s.digest, s.low, "
            "a.ofs, a.objects, a.orphans FROM item i LEFT JOIN state s ON s.item=i.id AND s.task=? "
            "LEFT JOIN asked a ON a.item=i.id AND a.task=? "
            f"LEFT JOIN rank r ON r.item=i.id AND r.task=? WHERE i.alive AND {condition.sql}{extra} ORDER BY {order}",
            (
                task.name if task else "",
                task.name if task else "",
                task.name if task else "",
                *condition.values,
                *((only,) if only is not None else ()),
                *(numbers or ()),
            ),
        )
        for number, file, offset, length, state, reasons, by, answer, live, past, run, said, low, *asked in cursor:
            of, objects, gone = asked
            yield Row(
                number,
                self.index.item(file, offset, length, paths),
                state or "unlabelled",
                tuple(msgspec.json.decode(reasons)) if reasons else (),
                tuple((by or "").split()),
                tuple((answer or "").split()),
                tuple((live or "").split()),
                tuple(f"{live or ''} {past or ''}".split()),
                run,
                said,
                low,
                tuple((of or "").split()),
                None if objects is None else msgspec.json.decode(objects),
                tuple((rid, name) for rid, name in msgspec.json.decode(gone)) if gone else (),
            )

    def uncommitted(self) -> int:
        """How many decisions are on disk but in no commit; Git is asked again only after HEAD or its index changed."""
        loose = self.index.db.execute(
            "SELECT path, records FROM file WHERE kind='decisions' AND present AND NOT sealed"
        ).fetchall()
        if not loose:
            return 0
        mark = self.repository.fingerprint()
        if mark != self._seen_by_git[0]:
            head = self.repository.head()
            known = frozenset(self.repository.tree(head, "labels/decisions")) if head else frozenset()
            self._seen_by_git = (mark, known)
        return sum(records for path, records in loose if path not in self._seen_by_git[1])

    def counts(self, task: Task) -> dict[State, int]:
        """How many items stand where."""
        found: dict[State, int] = dict(
            self.index.db.execute("SELECT state, count(*) FROM state WHERE task=? GROUP BY state", (task.name,))
        )
        untouched = len(self) - sum(found.values())
        if untouched:
            found["unlabelled"] = found.get("unlabelled", 0) + untouched
        return found

    # -- annotations ----------------------------------------------------------------------------------------

    def answer(self, task: Task, row: Row, *, strict: bool = False) -> tuple[Annotation, ...]:
        """The annotations that were decided for an item; RecordError for what is none, if `strict` (see `Codec.decode`)
        also for what is not sound. In a task on another's objects, those that answer an object that is there."""
        found = self._voted(row.answer, strict, row.objects)
        order = {name: n for n, name in enumerate(row.objects or ())}
        return tuple(sorted(found, key=lambda a: order[a.id])) if order else found

    def _voted(
        self, ids: Sequence[str], strict: bool = False, only: Mapping[str, str | None] | None = None
    ) -> tuple[Annotation, ...]:
        """The annotations of decisions; `only` those of an object (by id) that the decision is said to answer."""
        found: list[Annotation] = []
        for rid in ids:
            said = self.said(*self.decision(rid), strict=strict)
            found.extend(a for a in said or () if only is None or only.get(a.id) == rid)
        return tuple(found)

    def said(self, decision: Decision, header: Header, *, strict: bool = False) -> tuple[Annotation, ...] | None:
        """The annotations of a decision under a header, in the words of today; None where it has none. RecordError as
        `Codec.decode` has it."""
        if decision.annotations is msgspec.UNSET:
            return None
        found = self.codec.decode(decision.annotations, header.types, strict=strict)
        since = self.migrations.get(header.task or "", _NONE).since(header.migrations)
        return since.annotations(found) if since else found

    def objects(self, task: Task, row: Row) -> tuple[Annotation, ...]:
        """The decided objects of an item that a task asks about, in their own task's words; empty for a task that asks
        about the item itself, and where they are not decided."""
        return tuple(a for a in self._voted(row.of) if a.id in row.objects) if row.objects else ()

    def asking(self, task: Task) -> list[Task]:
        """The tasks that ask about a task's objects."""
        return [other for other in self.config.tasks.values() if other.on == task.name]

    def answered(self, task: Task, row: Row) -> tuple[Annotation, ...] | None:
        """What is edited or accepted: the answer, else the proposal, None where there is neither. Where objects are decided
        one by one, the answer with what is proposed for the objects that it leaves."""
        if row.objects is None:
            if row.state == "partial" and (proposed := self.proposal(task, row)) is not None:
                return so_far(proposed, self.answer(task, row), self.verdicts(row))
            return self.answer(task, row) if row.answer else self.proposal(task, row)
        given = {a.id: a for proposed in (self.proposal(task, row) or (), self.answer(task, row)) for a in proposed}
        return tuple(given[name] for name in row.objects if name in given) or None

    def verdicts(self, row: Row) -> dict[str, Verdict]:
        """What is said of single objects of the proposal that is shown for an item."""
        return verdicts({rid: self.decision(rid)[0] for rid in row.live}, row.said)

    def decision(self, rid: str) -> tuple[Decision, Header]:
        """A decision by its record id, and the header of its file."""
        path, offset, length, raw = self.index.db.execute(
            "SELECT f.path, d.offset, d.length, f.header FROM decision d JOIN file f ON f.id=d.file "
            "WHERE d.rid=? AND f.present LIMIT 1", (rid,)).fetchone()  # fmt: skip
        header = read_header(raw)
        assert header is not None
        return _decision.decode(self.index.record_bytes(path, offset, length)), header

    def proposal(self, task: Task, row: Row, *, strict: bool = False) -> tuple[Annotation, ...] | None:
        """What the run that is shown says of an item; None where no run does, or its predictions are not at hand.
        RecordError as `answer` has it."""
        if row.run is None:
            return None
        raw = self.prediction(task, row, row.run, row.said)
        return None if raw is None else self.predicted(row, row.run, raw, strict=strict)

    def predicted(self, row: Row, run: str, raw: bytes, *, strict: bool = False) -> tuple[Annotation, ...]:
        """Stored annotations of a run's prediction for an item, typed and in the words of today; in a task on another's
        objects, of those that are there."""
        found = self.proposed(run, raw, strict=strict)
        return found if row.objects is None else tuple(a for a in found if a.id in row.objects)

    def proposed(self, run: str, raw: bytes | msgspec.Raw, *, strict: bool = False) -> tuple[Annotation, ...]:
        """Stored annotations of a run, typed and in the words of today."""
        found = self.codec.decode(raw, strict=strict)
        known = self.index.runs().get(run) if self.migrations else None
        since = self.migrations.get(known.task, _NONE).since(known.migrations) if known else None
        return since.annotations(found) if since else found

    def prediction(self, task: Task, row: Row, run: str, said: str | None = None) -> bytes | None:
        """The stored annotations of a run's prediction for an item, None where they are not at hand."""
        found = self.stored(task, row, run, said)
        return None if found is None else bytes(found.annotations)

    def stored(self, task: Task, row: Row, run: str, said: str | None = None) -> Prediction | None:
        """A run's prediction for an item as its line has it, None where it is not at hand."""
        found = self.index.db.execute(
            "SELECT f.path, p.offset, p.length FROM prediction p JOIN file f ON f.id=p.file WHERE f.present AND p.item=? "
            "AND p.task=? AND p.run=? AND (? IS NULL OR p.digest=?) ORDER BY p.file DESC, p.offset DESC LIMIT 1",
            (row.number, task.name, run, said, said)).fetchone()  # fmt: skip
        return None if found is None else _prediction.decode(self.index.record_bytes(*found))

    def predicting(self, task: Task, row: Row) -> list[str]:
        """The runs that say something of an item, the one that is shown first."""
        runs = [r for (r,) in self.index.db.execute(
            "SELECT DISTINCT p.run FROM prediction p JOIN file f ON f.id=p.file WHERE f.present AND p.item=? AND p.task=?",
            (row.number, task.name))]  # fmt: skip
        return sorted(runs, key=lambda r: (r != row.run, r))

    def predictions(self, task: Task, row: Row) -> dict[str, tuple[Annotation, ...]]:
        """What every run says of an item, by run id; the one that is shown first."""
        found = {}
        for run in self.predicting(task, row):
            raw = self.prediction(task, row, run, row.said if run == row.run else None)
            if raw is not None:
                found[run] = self.predicted(row, run, raw)
        return found

    def label_counts(self, task: Task) -> dict[str, int]:
        """How many annotations of each label the present answers and proposals hold."""
        counts = {label.id: 0 for label in task.labels}
        for (labels,) in self.index.db.execute("SELECT labels FROM state WHERE task=? AND labels<>''", (task.name,)):
            for label in labels.strip("|").split("|"):
                counts[label] = counts.get(label, 0) + 1
        return counts

    def labels_of(self, task: Task, keys: Sequence[str]) -> list[Sequence[str]]:
        """The labels in the present answers or proposals of items, each once, in the order of the annotations."""
        found: dict[str, Sequence[str]] = {}
        for some in chunks(keys, 500):
            query = (
                "SELECT i.key, s.labels FROM item i JOIN state s ON s.item=i.id WHERE i.alive AND s.task=? "
                f"AND s.labels<>'' AND i.key IN ({','.join('?' * len(some))})"
            )
            rows = self.index.db.execute(query, (task.name, *some))
            found.update({key: tuple(dict.fromkeys(labels.strip("|").split("|"))) for key, labels in rows})
        return [found.get(key, ()) for key in keys]

    def runs(self, task: Task) -> dict[str, RunInfo]:
        """The runs of a task, by id."""
        return {name: run for name, run in self.index.runs().items() if run.task == task.name}

    def absent(self) -> list[str]:
        """The distributions, with versions, that wrote records of this dataset and are not installed."""
        installed = self.kit.distributions()
        wrote: dict[str, str] = {}
        for (writer,) in self.index.db.execute(
            "SELECT DISTINCT json_extract(CAST(header AS TEXT), '$.writer') FROM file WHERE header IS NOT NULL ORDER BY started"
        ):
            wrote.update(json.loads(writer or "{}"))
        return [f"{name} {version}" for name, version in wrote.items() if name not in installed]

    def _same(self, task: Task, key: str, a: Sequence[str], b: Sequence[str]) -> bool:
        if task.on:
            return self._said_of_objects(a) == self._said_of_objects(b)
        if [self._stored(x) for x in a] == [self._stored(x) for x in b]:
            return True
        if self._item_attributes(a) != self._item_attributes(b):
            return False
        ops = partial(self.kit.ops, task=task)
        return equivalent(self._voted(a), self._voted(b), self.item(key), ops, task.agree_above)

    def _said_of_objects(self, parts: Sequence[str]) -> list[object]:
        """What decisions say of single objects, given by `objects.part`: label and attributes."""
        found: list[object] = []
        for rid, name in map(of_part, parts):
            said = self._voted([rid], only={name: rid})
            found += [(a.id, a.label, {k: v for k, v in a.attributes.items() if v is not None}) for a in said]
        return found

    def _stored(self, rid: str) -> tuple[bytes, object, object]:
        decision, header = self.decision(rid)
        raw = b"" if decision.annotations is msgspec.UNSET else bytes(decision.annotations)
        return raw, decision.attributes, header.migrations

    def _item_attributes(self, ids: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for decision, header in map(self.decision, ids):
            since = self.migrations.get(header.task or "", _NONE).since(header.migrations)
            found |= since.attributes(decision.attributes) if since else decision.attributes
        return found

    def item_attributes(self, row: Row) -> dict[str, Any]:
        """The attributes of the item as a whole that its answer holds."""
        return self._item_attributes(row.answer)

    # -- writing --------------------------------------------------------------------------------------------

    def header(self, kind: Any, task: Task | None = None, **more: Any) -> Header:
        """The header of a new label file."""
        if self.commit_id is not None:
            raise TrainsetError("a dataset opened at a revision cannot be written", hint="open it without one")
        return Header(
            trainset=SCHEMA,
            kind=kind,
            task=task.name if task else None,
            writer=dict(self.kit.distributions()),
            types={tag: version for tag, version in self.kit.type_versions().items() if version != 1},
            definition=task.definition if task else None,
            guidelines=digest(task.guidelines.encode()) if task and task.guidelines else None,
            migrations=self.changes(task).heads if task else (),
            **more,
        )

    def writer(self, header: Header) -> Writer:
        """A writer of label files with this header."""
        return Writer(self.places, self.repository, header)

    def follow(self, *writers: Writer) -> None:
        """Take what these writers wrote into the index, without looking at any other file."""
        self.follow_paths(w.path for w in writers)

    def follow_paths(self, paths: Iterable[Path]) -> None:
        """Take these files into the index, without looking at any other."""
        tree = self.index.tree
        assert isinstance(tree, WorkTree)
        stamps: list[Stamp] = []
        for path in paths:
            with suppress(FileNotFoundError):  # Git took it away again
                stamps.append(tree.stamp(path.relative_to(self.root).as_posix()))
        self.index.refresh(only=stamps)


def _on_network(path: Path) -> bool:
    """Whether a path lies on a file system that SQLite's shared memory does not work on."""
    remote = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "lustre", "ceph", "afs", "glusterfs"}
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return False
    inside = [(m[1], m[2]) for m in mounts if str(path).startswith(m[1].rstrip("/") + "/") or m[1] == "/"]
    return max(inside, default=("", ""), key=lambda m: len(m[0]))[1] in remote
