"""What a release states: every record file and medium by digest, and where the labels stand.

All but the agreement, whose intervals are drawn by chance, follows from the records of one commit alone: whoever computes
it anew from there gets the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal

import msgspec
from msgspec import Struct

from trainset.core.agreeing import Agreeing
from trainset.core.config import FILE
from trainset.core.context import TaskContext
from trainset.core.dataset import Dataset
from trainset.core.exporting import DECIDED
from trainset.core.files import digest, digest_pieces
from trainset.core.history import Repository
from trainset.core.index.digests import KNOWN
from trainset.core.index.marks import apart
from trainset.core.model import Header, Size, Task
from trainset.core.opinions import Opinions
from trainset.core.records import read_header
from trainset.core.tree import FOLDERS

SCHEMA = 1
SEALED = (*FOLDERS, FILE, "guidelines")
"""What of a commit a release seals."""
_MANY = ",".join("?" * len(DECIDED))


class Sealed(Struct, frozen=True):
    """The bytes of a file: BLAKE2b-128, and how many there are."""

    digest: str
    size: Size


class Medium(Struct, frozen=True, omit_defaults=True):
    """A line of `releases/<name>.media.jsonl`: an item's key, the digest of its bytes, and their number where it was registered."""

    key: str
    media: str
    size: Size | None = None


class Decider(Struct, frozen=True, order=True):
    """Who decided: a person, a rule, or another tool whose labels were imported; and how many of the decided items stand
    on what they said."""

    kind: Literal["person", "rule", "import"]
    items: int


class ModelFacts(Struct, frozen=True, order=True):
    """A model whose runs the dataset holds."""

    name: str
    digest: str
    prelabeler: str
    runs: int


class TaskFacts(Struct, frozen=True):
    """Where a task stands. `states` counts items by split and state, `labels` annotations of decided answers by label,
    `titles` are labels that are shown under another name than their id."""

    type: str
    definition: str
    guidelines: str | None
    migrations: tuple[str, ...]
    states: dict[str, dict[str, int]]
    labels: dict[str, int]
    titles: dict[str, str]
    deciders: dict[str, Decider]
    models: tuple[ModelFacts, ...]

    def count(self, *states: str) -> int:
        """How many items of all splits stand so."""
        return sum(found.get(state, 0) for found in self.states.values() for state in states)


class Facts(Struct, frozen=True):
    """What the records of a commit say: `splits` counts items, `straddling` the groups with items in several splits;
    `written` has the versions of each distribution that wrote records."""

    dataset: str
    modality: str
    items: int
    splits: dict[str, int]
    straddling: int
    tasks: dict[str, TaskFacts]
    written: dict[str, tuple[str, ...]]


class Manifest(Struct, frozen=True, kw_only=True):
    """`releases/<name>.json`. `commit` is the one whose `files` are sealed; `media` and `card` are the two files beside it;
    `digest` covers all files and media, as `seal` has it; `writer` are the distributions that made it. `agreement` has
    figures of each task by question."""

    trainset: int = SCHEMA
    name: str
    commit: str
    digest: str
    allowed: tuple[str, ...]
    facts: Facts
    files: dict[str, Sealed]
    media: Sealed
    card: Sealed | None = None
    agreement: dict[str, dict[str, dict[str, Any]]]
    writer: dict[str, str]


_decoder = msgspec.json.Decoder(Manifest)
read_medium = msgspec.json.Decoder(Medium).decode


def encode(manifest: Manifest) -> bytes:
    """Its bytes: sorted keys, one to a line."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """The manifest that these bytes are; msgspec.DecodeError where they are none."""
    return _decoder.decode(data)


def paths(name: str) -> tuple[str, str, str]:
    """The files of a release: the manifest, its list of media, the data card."""
    return f"releases/{name}.json", f"releases/{name}.media.jsonl", f"releases/{name}.md"


def seal(files: dict[str, Sealed], media: Sealed) -> str:
    """The one digest of a release: over a line `path digest size` for each file in the order of their paths, and one for
    the list of media under the name `media`."""
    rows = [*sorted(files.items()), ("media", media)]
    return digest("".join(f"{path} {one.digest} {one.size}\n" for path, one in rows).encode())


def sealed_files(repository: Repository, commit: str) -> dict[str, Sealed]:
    """What a commit has of the dataset, read out of Git's object store a file at a time."""
    tree = repository.tree(commit, *SEALED)
    contents = repository.blobs([blob for blob, _ in tree.values()])
    return {path: Sealed(digest(data), len(data)) for path, data in zip(tree, contents, strict=True)}


def media_lines(dataset: Dataset) -> Iterator[bytes]:
    """The list of media, a line an item in the order of their keys."""
    for key, known, size in dataset.index.db.execute(f"SELECT i.key, {KNOWN}, i.size FROM item i WHERE i.alive ORDER BY i.key"):  # fmt: skip
        yield msgspec.json.encode(Medium(key, known or "", size)) + b"\n"


def sealed_pieces(pieces: Iterator[bytes]) -> Sealed:
    """What bytes that come in pieces are sealed as."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            size += len(piece)
            yield piece

    return Sealed(digest_pieces(counted()), size)


def facts(dataset: Dataset) -> Facts:
    """What the records of a dataset (at a revision) say."""
    db = dataset.index.db
    straddling = db.execute(
        "SELECT count(*) FROM (SELECT grp FROM item WHERE alive AND grp IS NOT NULL GROUP BY grp HAVING count(DISTINCT split)>1)"
    ).fetchone()[0]
    written: dict[str, set[str]] = {}
    for header in _headers(dataset):
        for name, version in header.writer.items():
            written.setdefault(name, set()).add(version)
    return Facts(
        dataset=dataset.config.dataset.name,
        modality=dataset.config.dataset.modality,
        items=len(dataset),
        splits=dataset.splits(),
        straddling=straddling,
        tasks={name: _task_facts(dataset, task) for name, task in dataset.config.tasks.items()},
        written={name: tuple(sorted(versions)) for name, versions in written.items()},
    )


def _headers(dataset: Dataset, kind: str | None = None, task: str | None = None) -> Iterator[Header]:
    query = "SELECT DISTINCT header FROM file WHERE present AND header IS NOT NULL AND kind=coalesce(?, kind) AND task IS coalesce(?, task)"
    return (h for (raw,) in dataset.index.db.execute(query, (kind, task)) if (h := read_header(raw)) is not None)


def _task_facts(dataset: Dataset, task: Task) -> TaskFacts:
    db, states, labels = dataset.index.db, dict[str, dict[str, int]](), Counter({x.id: 0 for x in task.active})
    for split, state, count in db.execute(
        "SELECT coalesce(i.split, ''), coalesce(s.state, 'unlabelled'), count(*) FROM item i LEFT JOIN state s ON s.item=i.id "
        "AND s.task=? WHERE i.alive GROUP BY 1, 2", (task.name,)):  # fmt: skip
        states.setdefault(split, {})[state] = count
    decided = f"FROM state s JOIN item i ON i.id=s.item WHERE i.alive AND s.task=? AND s.state IN ({_MANY})"
    for marks, count in db.execute(f"SELECT s.labels, count(*) {decided} GROUP BY 1", (task.name, *DECIDED)):
        labels.update({label: n * count for label, n in Counter(apart(marks or "")).items()})
    items: Counter[str] = Counter()
    for who, count in db.execute(f"SELECT s.decided_by, count(*) {decided} GROUP BY 1", (task.name, *DECIDED)):
        items.update(dict.fromkeys((who or "").split(), count))
    imports = {h.reviewer for h in _headers(dataset, "decisions", task.name) if h.origin == "import"}
    runs: dict[tuple[str, str, str], set[str]] = {}
    for header in _headers(dataset, "runs", task.name):
        if (model := header.model) is not None:
            runs.setdefault((model.name, model.digest, model.prelabeler), set()).add(header.run or "")
    return TaskFacts(
        type=task.type,
        definition=task.definition,
        guidelines=digest(task.guidelines.encode()) if task.guidelines else None,
        migrations=tuple(sorted(dataset.changes(task).records)),
        states=states,
        labels=dict(labels),
        titles={x.id: x.name for x in task.labels if x.title != x.id},
        deciders={
            who: Decider("rule" if who.startswith("rule.") else "import" if who in imports else "person", count)
            for who, count in items.items()
        },
        models=tuple(sorted(ModelFacts(*key, len(some)) for key, some in runs.items())),
    )


def agreement(dataset: Dataset) -> dict[str, dict[str, dict[str, Any]]]:
    """How far people agree who answered the same items by themselves, by task and question; tasks without such items are
    left out."""
    found = {}
    for name, task in dataset.config.tasks.items():
        gathered = Agreeing(task, TaskContext(dataset, task).similarity, classes=dataset.kit.tag(task) == "class")
        for said in Opinions(dataset, task):
            gathered.add(said)
        if gathered.items:
            found[name] = {
                line.question: {"items": line.items, **_figures(line.figures)} for line in gathered.overall()
            }
    return found


def _figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Estimates as plain values, to four digits."""
    return {
        name: {k: round(v, 4) for k, v in asdict(estimate).items() if isinstance(v, float)}
        for name, estimate in figures.items()
        if estimate.value is not None
    }
