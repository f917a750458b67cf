"""Running a pre-labeller over items: workers that read and infer on one shared model, bounded memory, resumable.

Each worker thread prepares, infers and decodes its own batch (on a CPU that beats a pipeline of readers before one
model); the main thread alone reads the index and writes records. Predictions are on disk before the outcomes that name
their digests, so a run that was killed resumes with exactly the items that have no outcome.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from trainset.core.alone import alone
from trainset.core.codec import with_ids
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset, Row
from trainset.core.files import digest
from trainset.core.journal import Writer, open_new, sync_folder, ulid
from trainset.core.model import Annotation, Item, ModelHeader, Outcome, Prediction, Task, Undecoded
from trainset.core.prompts import prompts_for
from trainset.core.protocols import Decoded, Prelabeler, Promptable, Tentative
from trainset.core.workers import Failed, in_portions, outputs
from trainset.errors import ModelError, PluginError, RecordError, TrainsetError

SYNC_EVERY = 1.0
PORTION = 16
"""Items that a worker takes at once: few enough to be fair, enough that handing them over costs nothing."""
HELD = 8
_HELD_BYTES = 16 << 20
"""Items that a worker prepares before it infers them, where a batch has not as many, and the memory they may take."""

PART = 2 << 20
"""Bytes from which predictions go on in another file: the index takes a file as a whole into memory."""
GIVE_UP_AFTER = 20
_PENDING = (
    "FROM item i WHERE i.alive AND NOT EXISTS (SELECT 1 FROM outcome o JOIN file f ON f.id=o.file WHERE f.present AND o.item=i.id "
    "AND o.task=? AND o.run=? AND o.error IS NULL AND (o.media IS NULL OR i.media IS NULL OR o.media=i.media) AND EXISTS (SELECT 1 "
    "FROM prediction p JOIN file g ON g.id=p.file WHERE g.present AND p.item=o.item AND p.task=o.task AND p.run=o.run "
    "AND p.digest=o.digest) AND o.ofs=coalesce((SELECT a.ofs FROM asked a WHERE a.item=o.item AND a.task=o.task), '')) "
    "AND NOT EXISTS (SELECT 1 FROM asked a WHERE a.item=i.id AND a.task=? AND a.objects='{}')"
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A pre-labeller, ready to run, and what its run is known by."""

    task: Task
    model: str
    prelabeler: str
    labeller: Prelabeler
    settings: Any
    digest: str
    classes: Literal["by-name", "by-index"] | Mapping[str, str] = "by-name"
    prompts: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """Settings that are places of files on this machine, as `trainset.toml` names them."""

    def recorded(self) -> dict[str, Any]:
        """The settings as the run's header keeps them, without places of this machine."""
        plain: dict[str, Any] = msgspec.to_builtins(self.settings) | dict(self.files)
        kept = {k: v for k, v in plain.items() if k not in ("path", "providers")}
        asked = {"prompts": self.prompts} if self.prompts else {}
        return {**kept, **asked, "classes": self.classes if isinstance(self.classes, str) else dict(self.classes)}


@dataclass
class Progress:
    """How far a run is. `failed` counts errors by their text, `dropped` classes that the task has no label for."""

    total: int = 0
    done: int = 0
    proposed: int = 0
    empty: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    failed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    run: str = ""
    resumed: bool = False
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Attempt:
    """What a pre-labeller says of one item, how often it named classes that are no labels, and the seconds that reading,
    the model and decoding took."""

    annotations: Sequence[Annotation]
    dropped: Counter[str]
    reading: float
    model: float
    decoding: float


@dataclass(frozen=True)
class _Result:
    """What became of an item: its prediction's line, its outcome's JSON, and what of it is counted."""

    key: str
    line: bytes
    outcome: bytes
    count: int = 0
    dropped: tuple[str, ...] = ()
    error: str = ""


class Engine:
    """Runs one job over a dataset."""

    def __init__(self, dataset: Dataset, job: Job, workers: int = 0) -> None:
        self._dataset, self._job = dataset, job
        self._context = TaskContext(dataset, job.task, job.settings)
        labeller, limits = job.labeller, job.labeller.limits
        self._workers = max(1, min(workers or os.cpu_count() or 1, limits.concurrency))
        self._batch = max(1, limits.batch)
        self._held = max(1, min(HELD, _HELD_BYTES // max(1, limits.bytes_per_item)))
        self._portion = self._batch * max(1, PORTION // self._batch)
        self._lookup = mapping(job)
        # Whether an object has a protocol's members is looked up anew each time it is asked: once is enough.
        self._promptable = labeller if isinstance(labeller, Promptable) else None
        self._tentative = labeller if isinstance(labeller, Tentative) else None
        self._prompts = prompts_for(dataset, job.prompts, job.model) if self._promptable is not None else None
        self._worked = False  # whether the run that goes on has proposals: then failures are a matter of their items
        self.progress = Progress()

    def resumable(self) -> str | None:
        """The run that this job goes on with: same model, settings and question; None where it starts a new one."""
        job = self._job
        found = [
            run.id
            for run in self._dataset.runs(job.task).values()
            if (run.model, run.model_digest, run.prelabeler, run.definition)
            == (job.model, job.digest, job.prelabeler, job.task.definition)
            and run.settings == job.recorded()
        ]
        return max(found, default=None)

    def pending(self, run: str | None, limit: int | None = None) -> Iterator[Item]:
        """The items that the run has no outcome for on their present media (and their present objects, in a task that
        asks about them), or whose prediction is not here, in the order they were added."""
        paths: dict[int, str] = {}
        for file, offset, length in self._dataset.index.db.execute(
            f"SELECT i.file, i.offset, i.length {_PENDING} ORDER BY i.id LIMIT ?",
            (self._job.task.name, run or "", self._job.task.name, -1 if limit is None else limit),
        ):
            yield self._dataset.index.item(file, offset, length, paths)

    def count(self, run: str | None, limit: int | None = None) -> int:
        """How many items are pending."""
        found: int = self._dataset.index.db.execute(
            f"SELECT count(*) {_PENDING}", (self._job.task.name, run or "", self._job.task.name)
        ).fetchone()[0]
        return found if limit is None else min(limit, found)

    def run(self, limit: int | None = None, tick: Callable[[Progress], None] = lambda _: None) -> Progress:
        """Run over what is pending; returns (or raises KeyboardInterrupt) with everything that was counted on disk.

        TrainsetError where another process runs the same model over the same task, ModelError where every item fails.
        """
        model, task = self._job.model, self._job.task.name
        lock = self._dataset.places.live / f".prelabel-{digest(f'{task} {model}'.encode())[:12]}"
        with alone(lock, f"model {model} runs over task {task}"):
            self._dataset.index.refresh()  # one that has just ended may have left nothing to do
            return self._run(limit, tick)

    def _run(self, limit: int | None, tick: Callable[[Progress], None]) -> Progress:
        p = self.progress
        run = self.resumable()
        p.resumed, p.total = run is not None, self.count(run, limit)
        self._worked = p.resumed and self.count(run) < self.count(None)
        if not p.total:
            p.run = run or ""
            return p
        started = time.monotonic()
        job = self._job
        model = ModelHeader(name=job.model, digest=job.digest, prelabeler=job.prelabeler, settings=job.recorded(),
                            providers=tuple(job.labeller.providers()))  # fmt: skip
        with RunWriter(self._dataset, job.task, model, run) as output:
            p.run = output.run
            try:
                for results in self._results(self.pending(run, limit)):
                    output.put([(r.line, r.outcome) for r in results])
                    self._account(results)
                    p.seconds, p.bytes = time.monotonic() - started, output.bytes
                    tick(p)
            finally:
                output.sync()
        self._dataset.index.refresh()
        self._give_up("all")
        return p

    def sample(self, count: int = 8) -> Progress:
        """Try a few pending items without writing anything: what the rest would take."""
        p = self.progress
        run = self.resumable()
        p.resumed, p.total = run is not None, self.count(run)
        started = time.monotonic()
        for results in self._results(self.pending(run, count)):
            self._account(results)
            p.bytes += sum(len(r.line) + len(r.outcome) + 90 for r in results)
        p.seconds = time.monotonic() - started
        return p

    def attempt(self, item: Item) -> Attempt:
        """Run on one item, and write nothing. Whatever fails is raised: PluginError where it is the pre-labeller's own fault."""
        job, key = self._job, item.key
        times = [time.perf_counter()]
        try:
            prompts = self._prompts.of(item) if self._prompts is not None else None
            row = self._dataset.row(key, job.task) if job.task.on else None
            prepared = job.labeller.prepare(item, self._context)
            times.append(time.perf_counter())
            (output,) = job.labeller.infer([prepared])
            times.append(time.perf_counter())
            found, dropped = self._proposed(item, output, prompts, row)
            times.append(time.perf_counter())
        except TrainsetError:
            raise
        except Exception as error:
            raise PluginError(f"{key}: {reason(job, error)}") from error
        return Attempt(found.annotations, Counter(dropped), *(b - a for a, b in pairwise(times)))

    def _account(self, results: Sequence[_Result]) -> None:
        p = self.progress
        for r in results:
            p.done += 1
            p.proposed += r.count
            p.dropped.update(r.dropped)
            if r.error:
                p.failed += 1
                if len(p.failures) < 1000:
                    p.failures.append((r.key, r.error))
            elif not r.count:
                p.empty += 1
        if p.done >= GIVE_UP_AFTER:
            self._give_up("all of the first")

    def _give_up(self, which: str) -> None:
        """ModelError where every item so far failed: that is no matter of the items."""
        p = self.progress
        if p.failed == p.done > 0 and not self._worked:
            reasons = "; ".join(f"{key}: {error}" for key, error in p.failures[:3])
            raise ModelError(
                f"{which} {p.done} item(s) failed; {reasons}",
                hint="mend the model's settings in trainset.toml, then run it again",
            )

    # -- workers --------------------------------------------------------------------------------------------

    def _results(self, items: Iterator[Item]) -> Iterator[list[_Result]]:
        return in_portions(items, self._portion, self._workers, self._work, "prelabel")

    def _work(self, items: list[Item]) -> list[_Result]:
        media: dict[str, str] = {}
        asked: dict[str, Sequence[Annotation]] = {}
        rows: dict[str, Row] = {}
        labeller = self._job.labeller

        def prepare(item: Item) -> Any:
            media[item.key] = self._dataset.media.digest(item)
            if self._prompts is not None:
                asked[item.key] = self._prompts.of(item)
            if self._job.task.on:  # as of before it looks: what changes meanwhile is pending again
                rows[item.key] = self._dataset.row(item.key, self._job.task)
            return labeller.prepare(item, self._context)

        def result(item: Item, output: Any) -> _Result:
            digest = media.get(item.key)
            if isinstance(output, Failed):
                return self._failed(item, digest, output.error)
            try:
                return self._decode(item, digest, output, asked.get(item.key), rows.get(item.key))
            except Exception as error:
                return self._failed(item, digest, error)

        return [
            result(item, output) for item, output in outputs(items, self._batch, prepare, labeller.infer, self._held)
        ]

    def _failed(self, item: Item, media: str | None, error: Exception) -> _Result:
        words = reason(self._job, error)
        return _Result(
            item.key, b"", msgspec.json.encode(Outcome(item=item.key, media=media, error=words)), error=words
        )

    def _decode(
        self, item: Item, media: str | None, output: Any, prompts: Sequence[Annotation] | None, row: Row | None
    ) -> _Result:
        found, dropped = self._proposed(item, output, prompts, row)
        of = row.of if row is not None else ()
        kept = found.annotations
        line, outcome = predicted(self._dataset, item.key, kept, media, len(dropped), of, found.weak, found.likely)
        return _Result(item.key, line, outcome, len(kept), tuple(dropped))

    def _proposed(
        self, item: Item, output: Any, prompts: Sequence[Annotation] | None, row: Row | None
    ) -> tuple[Decoded, list[str]]:
        """What the model says of an item in the task's labels, and the classes proposed that are none of them."""
        if prompts is not None and self._promptable is not None:
            found = Decoded(self._promptable.prompt(output, prompts))
        elif self._tentative is not None:
            found = self._tentative.decode_all(output, item)
        else:
            found = Decoded(self._job.labeller.decode(output, item))
        kept, dropped = labelled(found.annotations, self._lookup)
        for annotation in kept:
            if row is not None and annotation.id not in (row.objects or ()):
                raise ModelError(f"it answers {annotation.id!r}, which is none of the item's objects")
        proposed = with_ids(kept, "p")
        return replace(found, annotations=proposed, **self._beside(found, {a.id for a in proposed})), dropped

    def _beside(self, found: Decoded, taken: Set[str]) -> dict[str, Any]:
        """Weaker objects, under the ids `w1`, `w2`, …, and other labels, by the ids of all."""
        weak, _ = labelled(found.weak, self._lookup)
        free = (name for name in map("w{}".format, count(1)) if name not in taken)
        names = {a.id: name for a, name in zip(weak, free, strict=False)}
        likely = {}
        for name, classes in found.likely.items():
            if name in names or name in taken:
                labels = [(label, score) for c, score in classes if (label := self._lookup(c)) is not None]
                likely[names.get(name, name)] = labels
        weak = [msgspec.structs.replace(a, id=name) for a, name in zip(weak, names.values(), strict=True)]
        return {"weak": weak, "likely": {name: labels for name, labels in likely.items() if labels}}


def reason(job: Job, error: Exception) -> str:
    """An error as an outcome keeps it: one that is no TrainsetError is the pre-labeller's own fault, and named so."""
    if isinstance(error, TrainsetError):
        return error.message
    return f"pre-labeller {job.prelabeler} failed with {type(error).__name__}: {error}"


def mapping(job: Job) -> Callable[[str | None], str | None]:
    """From a model's class name to a label's id, None for what the task does not know."""
    task, classes = job.task, job.classes
    if classes == "by-index":
        by_index = {str(label.index): label.id for label in task.active}
        return lambda name: by_index.get(str(name))
    table = {} if isinstance(classes, str) else dict(classes)
    names = {n.casefold(): label.id for label in reversed(task.active) for n in (label.title, label.id)}

    @lru_cache(4096)
    def look(name: str | None) -> str | None:
        wanted = table.get(str(name), str(name) if not table else "")
        label = task.label(wanted)
        return label.id if label and not label.retired else names.get(wanted.casefold())

    return look


def labelled(
    annotations: Sequence[Annotation], lookup: Callable[[str | None], str | None]
) -> tuple[list[Annotation], list[str]]:
    """Annotations with the task's labels in place of the model's classes, and the classes that have none. ModelError for
    a score that is no share."""
    kept: list[Annotation] = []
    dropped: list[str] = []
    for annotation in annotations:
        label = lookup(annotation.label)
        if label is None:
            dropped.append(str(annotation.label))
            continue
        if annotation.score is not None and not (math.isfinite(annotation.score) and 0 <= annotation.score <= 1):
            raise ModelError(f"a score of {annotation.score} is not in 0..1")
        kept.append(msgspec.structs.replace(annotation, label=label))
    return kept, dropped


def predicted(
    dataset: Dataset,
    key: str,
    annotations: Sequence[Annotation | Undecoded],
    media: str | None = None,
    dropped: int = 0,
    of: tuple[str, ...] = (),
    weak: Sequence[Annotation] = (),
    likely: Mapping[str, Sequence[tuple[str, float]]] = MappingProxyType({}),
) -> tuple[bytes, bytes]:
    """The line of a prediction, and the JSON of the outcome that names its digest."""
    raw = msgspec.Raw(dataset.codec.encode(annotations))
    outcome = Outcome(item=key, media=media, of=of, digest=digest(raw), count=len(annotations), dropped=dropped)
    beside: dict[str, Any] = {"weak": msgspec.Raw(dataset.codec.encode(weak))} if weak else {}
    beside |= {"likely": msgspec.Raw(msgspec.json.encode(likely))} if likely else {}
    return msgspec.json.encode(Prediction(item=key, annotations=raw, **beside)) + b"\n", msgspec.json.encode(outcome)


class RunWriter:
    """The files of a run: predictions first, then the outcomes that name them. `run` goes on with one that exists."""

    def __init__(self, dataset: Dataset, task: Task, model: ModelHeader, run: str | None = None) -> None:
        follows = () if run else tuple(sorted(dataset.runs(task)))
        self.run = run or ulid()
        self._writer: Writer = dataset.writer(dataset.header("runs", task, run=self.run, follows=follows, model=model))
        self._folder: Path = dataset.root / "predictions" / task.name / self.run
        self._path = self._folder
        self._fd = -1
        self._size = 0
        self._outcomes: list[bytes] = []
        self._synced = time.monotonic()
        self.bytes = 0

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._writer.close()

    def put(self, results: Sequence[tuple[bytes, bytes]]) -> None:
        """Take in predictions' lines and their outcomes; they are on disk within a second or so, and after `sync`."""
        lines, outcomes = zip(*results, strict=True)
        data = b"".join(lines)
        if data:
            self._open()
            self._write(data)
        self._outcomes.extend(outcomes)
        self.bytes += len(data) + sum(map(len, outcomes))
        if time.monotonic() - self._synced > SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Make predictions durable, then the outcomes that name them."""
        if self._fd >= 0:
            os.fsync(self._fd)
            self._reattach()
        if self._outcomes:
            self._writer.append(self._outcomes)
            self._outcomes = []
            self._writer.sync()
        if self._size > PART:
            self._close()
        self._synced = time.monotonic()

    def _open(self) -> None:
        if self._fd < 0:
            self._path = self._folder / f"{ulid()}.jsonl"
            self._fd = open_new(self._path)
            fcntl.flock(self._fd, fcntl.LOCK_EX)  # `commit` leaves a file alone that is still growing
            sync_folder(self._folder)

    def _reattach(self) -> None:
        """Where Git took the file away, write what it holds anew: no outcome names what is not there."""
        with suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._fd)):
                return
        data = os.pread(self._fd, self._size, 0)
        self._close()
        self._open()
        self._write(data)
        os.fsync(self._fd)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise RecordError(
                f"{self._folder} could not be written: {error.strerror}", hint="free some space, then run it again"
            ) from error
        self._size += len(data)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd, self._size = -1, 0
