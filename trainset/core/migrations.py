"""Changed questions: what labels and attributes that were given earlier mean today.

Records stay as they were written. Each names, in its file's header, the migrations that its writer knew; what it says is
read through all others, in the order in which these follow each other. Pure functions of a set of migrations: two
clones that hold the same ones read the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from trainset.core.model import Annotation, AttributeValue, Migration
from trainset.core.records import UNREADABLE, lines, parse, read_header
from trainset.core.tree import Tree

FOLDER = "labels/migrations"
_migration = msgspec.json.Decoder(Migration)


def read_migrations(tree: Tree) -> dict[str, Migrations]:
    """The migrations of each task that has any; what cannot be read is passed over, and `verify` names it."""
    found: dict[str, dict[str, Migration]] = {}
    for stamp in tree.files((FOLDER,)):
        try:
            header, *rows = (line for _, line in lines(tree.read(stamp.path)))
        except (FileNotFoundError, ValueError):
            continue
        known = read_header(header)
        for record in filter(None, map(parse, rows)):
            with suppress(*UNREADABLE):
                if known is not None and known.task is not None:
                    found.setdefault(known.task, {})[record[0]] = _migration.decode(record[1])
    return {task: Migrations(records) for task, records in found.items()}


class Migrations:
    """The migrations of one task, by record id."""

    def __init__(self, records: Mapping[str, Migration] | None = None) -> None:
        self.records = dict(sorted((records or {}).items()))
        self._before = {rid: self._closure(m.on) for rid, m in self.records.items()}
        self.heads = tuple(rid for rid in self.records if not any(rid in before for before in self._before.values()))
        """Those that no other follows: what a record written now names."""
        self._since: dict[frozenset[str], Translation | None] = {}

    def _closure(self, known: Iterable[str]) -> frozenset[str]:
        """These and all that they follow, whether they are here or not."""
        found: set[str] = set()
        pending = list(known)
        while pending:
            rid = pending.pop()
            if rid not in found:
                found.add(rid)
                pending += self.records[rid].on if rid in self.records else ()
        return frozenset(found)

    def since(self, known: Sequence[str]) -> Translation | None:
        """How what was written in sight of the migrations `known` is read; None where nothing changed since."""
        key = frozenset(known)
        if key not in self._since:
            later = self.records.keys() - self._closure(known)
            found = {rid: (self.records[rid], self._before[rid]) for rid in self.records if rid in later}
            self._since[key] = Translation(found) if found else None
        return self._since[key]

    def beyond(self, other: Migrations) -> list[Migration]:
        """Those that another set lacks, each after all that it follows."""
        found = sorted(self.records.keys() - other.records.keys(), key=lambda rid: (len(self._before[rid]), rid))
        return [self.records[rid] for rid in found]

    def contradictions(self) -> tuple[str, ...]:
        """Where migrations that did not know each other say different things, and none that follows them settles it."""
        whole = self.since(())
        return whole.contradictions() if whole else ()

    def rivals(self, label: str) -> set[str]:
        """What migrations that contradict each other made of a label; nothing where they do not."""
        whole = self.since(())
        torn = whole is not None and (whole.fate(label) or "").startswith(_CONTRADICTION)
        return {x for m in self.records.values() if label in m.labels for x in m.into} if torn else set()

    def former(self) -> dict[str, str]:
        """What labels are called today that were once called otherwise."""
        whole = self.since(())
        return whole.renamed() if whole else {}


class Translation:
    """What annotations that some migrations (with all that each follows) came after mean today."""

    def __init__(self, later: Mapping[str, tuple[Migration, frozenset[str]]]) -> None:
        self._later = later
        self._reading = lru_cache(1 << 12)(self._read)
        self._attributes = self._added()

    def label(self, name: str) -> str:
        """What a label is called today; its own name where there is no one answer."""
        return self._reading(name)[0]

    def look(self, labels: Iterable[str]) -> str | None:
        """Why a person should look again at what has annotations of these labels; None where there is no need."""
        names = set(labels)
        reasons = {why for name in names for why in (self._reading(name)[1], *self._asks(self.label(name))) if why}
        return "; ".join(sorted(reasons)) or None

    def fate(self, label: str) -> str | None:
        """Why nothing says what a label is today, in words; None where something does."""
        return self._reading(label)[1]

    def annotations(self, annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
        """The annotations under the labels, and with the attributes, of today."""
        return tuple(map(self._translated, annotations))

    def attributes(self, given: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
        """An item's own attributes, with those that were added since."""
        return {**{name: value for name, (m, value) in self._attributes.items() if m.of == "item"}, **given}

    def marks(self, labels: Sequence[str]) -> dict[str, AttributeValue]:
        """The attributes that were added since to what has annotations of these labels (as they are called today)."""
        return {
            name: value
            for name, (m, value) in self._attributes.items()
            if m.of == "item" or any(_concerns(m, label) for label in labels)
        }

    def contradictions(self) -> tuple[str, ...]:
        """Of labels and attributes, in words."""
        names = sorted({label for m, _ in self._later.values() for label in m.labels if _relabels(m)})
        found = [why for name in names if (why := self._reading(name)[1]) and why.startswith(_CONTRADICTION)]
        return (*found, *self._contradicting_attributes())

    def renamed(self) -> dict[str, str]:
        """Every label that is called otherwise today."""
        names = {label for m, _ in self._later.values() for label in m.labels if _relabels(m)}
        return {name: self.label(name) for name in sorted(names) if self.label(name) != name}

    def _translated(self, annotation: Annotation) -> Annotation:
        if annotation.label is None:
            return annotation
        label = self.label(annotation.label)
        added = {
            name: value
            for name, (m, value) in self._attributes.items()
            if m.of == "object" and _concerns(m, label) and name not in annotation.attributes
        }
        if label == annotation.label and not added:
            return annotation
        return replace(annotation, label=label, attributes={**added, **annotation.attributes})

    def _read(self, label: str) -> tuple[str, str | None]:
        """What a label is called today, and why a person should look at what has it.

        Of the migrations that speak of a label, those count that no other such follows; the way goes on from what they
        make of it, and never back to one that they followed.
        """
        first, passed, said, left = label, frozenset[str](), set[tuple[str, ...]](), dict[str, frozenset[str]]()
        while last := self._last(label, passed):
            outcomes = {self._later[rid][0].into for rid in last}
            followed = frozenset[str]().union(*(self._later[rid][1] for rid in last))
            if len(outcomes) > 1:
                return first, _contradiction(f"label {first!r}", map(_outcome, outcomes))
            (into,) = outcomes
            said.add(into)
            if len(into) != 1:
                return label, f"label {label!r} was {_outcome(into)}"
            if into[0] in left and not left[into[0]] <= followed:
                return first, _contradiction(f"label {first!r}", map(_outcome, said))
            left[label] = frozenset(last)
            passed |= left[label] | followed
            label = into[0]
        return label, None

    def _last(self, label: str, passed: Collection[str]) -> list[str]:
        speaking = [
            rid for rid, (m, _) in self._later.items() if label in m.labels and _relabels(m) and rid not in passed
        ]
        return [rid for rid in speaking if not any(rid in self._later[other][1] for other in speaking)]

    def _added(self) -> dict[str, tuple[Migration, AttributeValue]]:
        """Attributes that have a value for what was said before, by name."""
        found: dict[str, tuple[Migration, AttributeValue]] = {}
        for name in self._added_names():
            last = self._last_added(name)
            if len({(m.value, m.of, m.labels) for m in last}) == 1 and last[0].value is not None:
                found[name] = (last[0], last[0].value)
        return found

    def _added_names(self) -> list[str]:
        return sorted({m.attribute for m, _ in self._later.values() if m.attribute is not None})

    def _last_added(self, name: str) -> list[Migration]:
        adding = [rid for rid, (m, _) in self._later.items() if m.attribute == name]
        return [self._later[r][0] for r in adding if not any(r in self._later[other][1] for other in adding)]

    def _contradicting_attributes(self) -> list[str]:
        found = []
        for name in self._added_names():
            values = {repr(m.value) for m in self._last_added(name)}
            if len(values) > 1:
                found.append(_contradiction(f"attribute {name!r}", values))
        return found

    def _asks(self, label: str) -> list[str]:
        """Attributes of objects of a label that a person has to give."""
        asked = [m for name in self._added_names() for m in self._last_added(name) if m.value is None and m.required]
        return [f"attribute {m.attribute!r} was added" for m in asked if m.of == "object" and _concerns(m, label)]


_CONTRADICTION = "migrations contradict each other: "


def _contradiction(what: str, said: Iterable[str]) -> str:
    return f"{_CONTRADICTION}{what} was {' and '.join(sorted(said))}"


def _relabels(migration: Migration) -> bool:
    return migration.attribute is None


def _concerns(migration: Migration, label: str) -> bool:
    return not migration.labels or label in migration.labels


def _outcome(into: Sequence[str]) -> str:
    if not into:
        return "retired"
    return f"split into {', '.join(into)}" if len(into) > 1 else f"made {into[0]!r}"
