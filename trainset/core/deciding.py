"""Recording decisions: checked, self-contained, naming everything that the reviewer saw."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict, Unpack

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trainset.core.blobs import LIMIT
from trainset.core.codec import with_ids
from trainset.core.dataset import Dataset, Row
from trainset.core.kit import problems
from trainset.core.matching import tag_of
from trainset.core.model import Annotation, AttributeValue, Class, Decision, Header, Opaque, Origin, Task, Verdict
from trainset.core.names import check_handle
from trainset.errors import ConfigError, MediaError, RecordError, UsageError

WHOLE: tuple[Verdict, ...] = ("accepted", "corrected", "rejected", "flagged", "excluded", "reopened", "complete")
OF_OBJECTS: tuple[Verdict, ...] = ("accepted", "corrected", "removed", "rejected")
ANSWERS: tuple[Verdict, ...] = ("accepted", "corrected")
"""The verdicts on an item that are an answer, and hold annotations."""


class Besides(TypedDict, total=False):
    """What a decision may say besides its verdict and annotations. `object` is the one object of the proposal that it
    speaks of, `attributes` are the item's own, `seconds` how long it was looked at, `blind` whether neither a proposal nor
    others' decisions were shown."""

    object: str | None
    attributes: Mapping[str, AttributeValue] | None
    note: str | None
    reason: str | None
    seconds: float | None
    blind: bool


def reviewer(dataset: Dataset, wanted: str | None) -> str:
    """The declared handle to decide under: the one asked for, this machine's, or the one that Git's e-mail names."""
    handle = wanted or dataset.machine.reviewer
    _, email = dataset.repository.identity()
    if handle is None and email:
        handle = next((h for h, r in dataset.config.reviewers.items() if email in r.emails), None)
    if handle is None:
        raise ConfigError("nobody has said who reviews here", hint="`trainset reviewer add HANDLE` does", exit_code=2)
    if handle not in dataset.config.reviewers:
        check_handle(handle)
        known = ", ".join(dataset.config.reviewers) or "nobody yet"
        raise ConfigError(f"{handle!r} is not a reviewer of this dataset (it knows {known})",
                          hint=f"`trainset reviewer add {handle}` declares them", exit_code=2)  # fmt: skip
    return handle


class Recorder:
    """Writes the decisions of one reviewer (or rule, or import) on one task."""

    def __init__(self, dataset: Dataset, task: Task, header: Header) -> None:
        self.dataset, self.task, self.header = dataset, task, header
        self._writer = dataset.writer(header)
        self._labels = {label.id for label in task.labels}
        self._tags = dataset.kit.tags(task)

    @classmethod
    def person(cls, dataset: Dataset, task: Task, handle: str) -> Recorder:
        """A recorder for a declared reviewer."""
        return cls(dataset, task, dataset.header("decisions", task, reviewer=handle))

    def decide(
        self, row: Row, verdict: Verdict, annotations: Sequence[Annotation] | None = None, **more: Unpack[Besides]
    ) -> str:
        """Record a decision on an item, or on one object of its proposal; its id once it is on disk.

        `accepted` without annotations takes the proposal (or the present answer) as it stands. In a task on another's
        objects it takes what is proposed for each that has no answer, and any decision leaves those alone that it does
        not name.
        """
        return self.write([self.compose(row, verdict, annotations, **more)])[0]

    @property
    def file(self) -> Path:
        """The file that is being written, or was last."""
        return self._writer.path

    def write(self, bodies: Sequence[bytes]) -> list[str]:
        """Write what `compose` and `withdrawal` made, all of it or nothing; the ids once all are on disk. What is on disk is
        acknowledged also where the index, a cache, cannot follow it now."""
        ids = self._writer.record_all(bodies)
        with suppress(sqlite3.Error, RecordError):
            self.dataset.follow(self._writer)
        return ids

    def compose(
        self, row: Row, verdict: Verdict, annotations: Sequence[Annotation] | None = None, **more: Unpack[Besides]
    ) -> bytes:
        """The JSON of such a decision, checked, for `record_all`. UsageError says what does not fit the task."""
        name, seconds, attributes = more.get("object"), more.get("seconds"), more.get("attributes") or {}
        _check_verdict(verdict, annotations is not None, more)
        self._check_attributes(attributes, row.item.key)
        raw: Raw | UnsetType = UNSET
        if name is not None:
            raw = self._object(row, verdict, name, annotations)
        elif verdict in ANSWERS:
            raw = self._whole(row, verdict, annotations)
        complete = (self.dataset.proposal(self.task, row) or ()) if verdict == "complete" else ()
        blind = more.get("blind", False)
        decision = Decision(
            item=row.item.key,
            verdict=verdict,
            media=self._media(row),
            object=name,
            objects=tuple(a.id for a in complete),
            origin=Origin(run=row.run, digest=row.said) if row.run and row.said and not blind else None,
            on=row.seen,
            of=row.of,
            annotations=raw if isinstance(raw, UnsetType) else Raw(self.dataset.codec.shelve(bytes(raw), LIMIT)),
            attributes=dict(attributes),
            seconds=round(seconds, 1) if seconds is not None and self.dataset.config.privacy.pace == "named" else None,
            reason=more.get("reason"),
            note=more.get("note"),
            blind=blind,
        )
        return msgspec.json.encode(decision)

    def record_all(self, bodies: Iterable[bytes]) -> int:
        """Record many decisions, durable together on return; how many."""
        count = 0
        batch: list[bytes] = []
        for body in bodies:
            batch.append(body)
            if len(batch) == 1000:
                count += len(self._writer.append(batch))
                batch = []
        count += len(self._writer.append(batch))
        self._writer.close()
        return count

    def withdraw(self, row: Row, record: str) -> str:
        """Take back one of this reviewer's decisions; the withdrawal's id once it is on disk."""
        return self.write([self.withdrawal(row.item.key, record)])[0]

    def withdrawal(self, key: str, record: str) -> bytes:
        """The JSON of the withdrawal of a decision on an item, by its key."""
        return msgspec.json.encode(Decision(item=key, verdict="withdrawn", on=(record,)))

    def close(self) -> None:
        """End the session's file."""
        self._writer.close()

    def _media(self, row: Row) -> str | None:
        """The digest of the bytes that were decided on: as known, else taken now; None where they are not at hand."""
        if row.item.media is not None:
            return row.item.media
        found = self.dataset.index.db.execute(
            "SELECT media FROM outcome WHERE item=? AND media IS NOT NULL LIMIT 1", (row.number,)
        ).fetchone()
        if found:
            return str(found[0])
        try:
            return self.dataset.media.digest(row.item)
        except MediaError:
            return None

    def _object(
        self, row: Row, verdict: Verdict, name: str, annotations: Sequence[Annotation] | None
    ) -> Raw | UnsetType:
        whole = [r for r in row.answer if self.dataset.decision(r)[0].object is None]
        if whole and row.objects is None:
            raise UsageError(
                f"{row.item.key!r} was decided as a whole, and so are its objects",
                hint="correct the whole answer with --verdict corrected --annotations",
            )
        self._check_asked(row, [name])
        if row.objects is not None and verdict == "removed":
            raise UsageError(f"that {name!r} is gone is for task {self.task.on!r} to say",
                             hint=f"`trainset decide --task {self.task.on}`; its answers here go with it")  # fmt: skip
        proposal = self.dataset.proposal(self.task, row) or ()
        found = next((a for a in proposal if a.id == name), None)
        if found is None and (row.objects is None or verdict == "accepted"):
            ids = ", ".join(a.id for a in proposal) or "it has none"
            raise UsageError(f"the proposal for {row.item.key!r} has no object {name!r}", hint=f"its objects: {ids}")
        if verdict in ("removed", "rejected"):
            return UNSET
        if verdict == "accepted" and found is not None:
            return Raw(self.dataset.codec.encode([found]))
        if annotations is None or len(annotations) != 1:
            raise UsageError("a corrected object needs exactly one annotation", hint="give it with --annotations")
        return self.check(row, [msgspec.structs.replace(annotations[0], id=name)])

    def _whole(self, row: Row, verdict: Verdict, annotations: Sequence[Annotation] | None) -> Raw:
        if annotations is None and verdict == "corrected":
            raise UsageError(
                "a correction needs its annotations", hint="give them with --annotations; [] says that nothing is there"
            )
        if annotations is not None:
            if row.objects is None and verdict == "accepted" and not annotations and not self._empty(row):
                raise UsageError(f"{row.item.key!r} has objects, which an acceptance of no annotations contradicts",
                                 hint="--verdict corrected --annotations '[]' says that nothing is there")  # fmt: skip
            return self.check(row, annotations)
        if row.state == "disputed":
            raise UsageError(
                f"{row.item.key!r} is disputed: which answer is accepted?",
                hint="`trainset show` lists them; give yours with --verdict corrected --annotations",
            )
        if row.objects is not None:
            self._check_asked(row, list(row.objects))
            if taken := self.dataset.answered(self.task, row):
                self._check_today(row, taken)
                return Raw(self.dataset.codec.encode(taken))
        if row.answer or row.state == "partial":
            answered = self.dataset.answered(self.task, row)
            if answered is not None:
                self._check_today(row, answered)
                return Raw(self.dataset.codec.encode(with_ids(answered)))
        raw = self.dataset.prediction(self.task, row, row.run, row.said) if row.run else None
        if raw is None:
            raise UsageError(
                f"there is no proposal for {row.item.key!r} to accept",
                hint="use `corrected` with annotations, or run `trainset prelabel`",
            )
        known = self.dataset.index.runs()[str(row.run)].migrations
        if self.dataset.changes(self.task).since(known) is None:
            return Raw(raw)
        return self.check(row, self.dataset.predicted(row, str(row.run), raw))

    def _empty(self, row: Row) -> bool:
        """Whether what there is to accept is, or may be, that nothing is there: one of several answers may say so."""
        answers = (self.dataset.decision(rid)[0].annotations for rid in row.live)
        if any(not isinstance(raw, UnsetType) and bytes(raw) == b"[]" for raw in answers):
            return True
        return not (self.dataset.answer(self.task, row) if row.answer else self.dataset.proposal(self.task, row))

    def check(self, row: Row, annotations: Sequence[Annotation]) -> Raw:
        """The annotations as they are stored; UsageError for what cannot be an answer to the task."""
        if self.task.on:
            self._check_asked(row, [a.id for a in annotations])
        annotations = with_ids(annotations, taken=self._ids(row))
        for a in annotations:
            if isinstance(a, Opaque):
                continue
            if tag_of(a) not in self._tags:
                kinds = " or ".join(map(repr, self._tags))
                raise UsageError(f"task {self.task.name!r} takes annotations of type {kinds}, not {tag_of(a)!r}")
            if a.label is None or a.label not in self._labels:
                names = ", ".join(x.id for x in self.task.active[:12])
                raise UsageError(f"{a.label!r} is not a label of task {self.task.name!r}", hint=f"its labels: {names}")
            known = {x.name: x for x in self.task.attributes_of("object", a.label)}
            for name, value in a.attributes.items():
                if name in known and (problem := known[name].problem(value)):
                    raise UsageError(problem)
        self._check_today(row, annotations)
        classes = [a.label for a in annotations if isinstance(a, Class) and not self.task.on]
        if len(classes) > 1 and not self.task.many:
            raise UsageError(
                f"an item of task {self.task.name!r} has one class, not {len(classes)}",
                hint="`many = true` in trainset.toml allows several",
            )
        if len(set(classes)) < len(classes):
            raise UsageError(f"{row.item.key}: a class is given twice")
        for found in problems(self.dataset.kit, self.task, row.item, annotations):
            if found.note:
                continue
            raise UsageError(f"{row.item.key}, {found.where}: {found.message}")
        return Raw(self.dataset.codec.encode(annotations))

    def _check_today(self, row: Row, annotations: Sequence[Annotation]) -> None:
        """UsageError for a label that was split or retired: which it is now is what a person has to say."""
        whole = self.dataset.changes(self.task).since(())
        active = {label.id for label in self.task.active}
        for a in annotations if whole else ():
            if a.label is not None and a.label not in active and whole and (why := whole.fate(a.label)):
                raise UsageError(
                    f"{row.item.key}, {a.id}: {why}", hint=f"give it one of {', '.join(sorted(active)[:12])}"
                )

    def _ids(self, row: Row) -> set[str]:
        """Every id that an object of the item ever had, where another task asks about them: what is said of one object
        must not be taken for another's."""
        if not self.dataset.asking(self.task):
            return set()
        found = self.dataset.index.db.execute(
            "SELECT ids FROM decision WHERE item=? AND task=? AND ids IS NOT NULL", (row.number, self.task.name)
        )
        return {name for (ids,) in found for name in msgspec.json.decode(ids)}

    def _check_asked(self, row: Row, names: Sequence[str]) -> None:
        """UsageError where these are not objects of the item that the task asks about, each once."""
        if row.objects is None:
            return
        on = self.task.on
        if not row.objects:
            raise UsageError(f"task {self.task.name!r} does not ask about {row.item.key!r}: {', '.join(row.reasons)}",
                             hint=f"`trainset review --task {on}` decides its objects")  # fmt: skip
        there = f"its objects: {', '.join(row.objects)}"
        if not names:
            raise UsageError(f"an answer to {self.task.name!r} names the objects of {on!r} that it answers", hint=there)
        for name in names:
            if name not in row.objects:
                what = f"has no object {name!r}" if name else f"has {len(row.objects)} objects: which one is it?"
                raise UsageError(f"{row.item.key!r} {what}", hint=there)
        if len(set(names)) < len(names):
            raise UsageError(f"{row.item.key!r}: an object is answered twice", hint="give each one class")

    def _check_attributes(self, attributes: Mapping[str, AttributeValue], key: str) -> None:
        known = {a.name: a for a in self.task.attributes_of("item")}
        for name, value in attributes.items():
            if name not in known:
                raise UsageError(
                    f"items of task {self.task.name!r} have no attribute {name!r}",
                    hint=f"they have: {', '.join(known) or 'none'}",
                )
            if problem := known[name].problem(value):
                raise UsageError(f"{key}: {problem}")


def _check_verdict(verdict: Verdict, answered: bool, more: Besides) -> None:
    """UsageError for a verdict that does not go with what was said beside it."""
    on_object = more.get("object") is not None
    allowed = OF_OBJECTS if on_object else WHOLE
    if verdict not in allowed:
        raise UsageError(f"{verdict!r} is not a verdict on {'an object' if on_object else 'an item'}",
                         hint=f"use one of {', '.join(allowed)}")  # fmt: skip
    answers = ("corrected",) if on_object else ANSWERS
    if answered and verdict not in answers:
        raise UsageError(f"{verdict!r} takes no annotations{' on an object' if on_object else ''}",
                         hint=f"they go with {' or '.join(answers)}; a note says the rest")  # fmt: skip
    if verdict == "reopened" and not (more.get("reason") or "").strip():
        raise UsageError("another look needs a reason", hint="--reason is shown to whoever looks next")


def annotations_from(dataset: Dataset, task: Task, value: Any) -> tuple[Annotation, ...]:
    """Annotations out of parsed JSON, where `type` and `id` may be left out; a label may be given by its title. One
    without an id is a new object to the `Recorder`."""
    if not isinstance(value, list) or not all(isinstance(x, dict) for x in value):
        raise UsageError(
            "annotations are a JSON list of objects", hint='such as [{"label": "screw", "box": [12, 40, 80, 33]}]'
        )
    types, tags = dataset.kit.types(), dataset.kit.tags(task)
    rows = []
    for part in value:
        label = task.label(str(part.get("label")))
        row = {"type": tags[0], **part, **({"label": label.id} if label else {})}
        if (tag := row["type"]) not in tags:
            raise UsageError(
                f"task {task.name!r} takes annotations of type {' or '.join(map(repr, tags))}, not {tag!r}"
            )
        known = {f.encode_name for f in msgspec.structs.fields(types[tag])} | {"type"}
        unknown = sorted(set(row) - known)
        if unknown:
            raise UsageError(f"{tag} has no field {unknown[0]!r}", hint=f"it has: {', '.join(sorted(known))}")
        try:
            found = msgspec.convert(row, type=types[tag])
        except msgspec.ValidationError as error:
            raise UsageError(f"{tag}: {error}", hint="docs/records.md shows the fields of every type") from error
        if found.score is not None and not 0 <= found.score <= 1:
            raise UsageError(f"a score is between 0 and 1, not {found.score:g}")
        rows.append(row)
    return dataset.codec.decode(msgspec.json.encode(rows))
