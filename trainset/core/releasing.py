"""`release`: a dataset that passes every check becomes a manifest, a data card and an annotated tag; all of them, or none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
from msgspec.structs import replace

from trainset.core.card import card
from trainset.core.committing import check_attributes, commit
from trainset.core.config import FILE, replace_file
from trainset.core.dataset import Dataset
from trainset.core.deciding import Recorder
from trainset.core.exporting import DECIDED
from trainset.core.files import chunks, digest
from trainset.core.history import Repository, Tag
from trainset.core.index import transaction
from trainset.core.index.digests import KNOWN
from trainset.core.manifest import (
    Manifest,
    Sealed,
    agreement,
    encode,
    facts,
    media_lines,
    paths,
    seal,
    sealed_files,
    sealed_pieces,
)
from trainset.core.model import Item, ItemRecord, Task
from trainset.core.routing import Router
from trainset.core.tree import FOLDERS
from trainset.core.verify import Finding, Summary, verify
from trainset.core.workers import in_portions
from trainset.errors import MediaError, RecordError, TrainsetError, UsageError

ALLOWED = ("disputed", "flagged", "stale")
"""States that keep a dataset from being released unless they are allowed."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_SHOWN = 10
_PORTION = 64
Tick = Callable[[str, int, int], None]
"""Told what is done, how many more of it are done, and of how many."""


class RefusedError(TrainsetError):
    """A dataset cannot be released as it is, for all of these `reasons`."""

    def __init__(self, name: str, reasons: Sequence[str]) -> None:
        super().__init__(f"{name} was not released: {len(reasons)} reason(s)", hint="nothing was tagged or written")
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Released:
    """A release: its manifest, its tag, and how many media were read for the first time."""

    manifest: Manifest
    tag: Tag
    read: int


def release(dataset: Dataset, name: str, allowed: Sequence[str] = (), message: str | None = None,
            tick: Tick = lambda what, done, of: None) -> Released:  # fmt: skip
    """Check everything, commit what is not committed, and seal that under an annotated tag; RefusedError with every reason
    where something is in the way."""
    _check_name(dataset, name)
    if found := list(reasons(dataset, allowed, tick)):
        raise RefusedError(name, found)
    read = _take_digests(dataset, name, tick)
    if (done := commit(dataset)) is not None and done.growing:
        raise RefusedError(name, [f"{path} is still being written: wait for its run" for path in done.growing])
    head = dataset.repository.head()
    if head is None:
        raise RefusedError(name, ["there is no commit yet, and nothing to commit"])
    with _frozen(dataset, head) as frozen:
        manifest, tag = _write(dataset, frozen, name, head, allowed, message)
    return Released(manifest, tag, read)


def _check_name(dataset: Dataset, name: str) -> None:
    repository = dataset.repository
    if not _NAME.fullmatch(name) or not repository.taggable(name):
        raise UsageError(
            f"{name!r} cannot name a release",
            hint="such as v1.0: letters, digits, and . _ + - between them, and not the name of a branch",
        )
    if repository.tag(name) is not None:
        raise UsageError(f"there is a tag {name} already", hint="a release stays as it is: choose another name")
    head = repository.head()
    known = repository.tree(head, "releases") if head else {}
    if found := next((path for path in paths(name) if path in known or (dataset.root / path).exists()), None):
        raise UsageError(f"{found} is there, but no tag {name}",
                         hint=f"`git fetch --tags` brings the tag of another clone; else choose another name, or remove releases/{name}.*")  # fmt: skip


def reasons(dataset: Dataset, allowed: Sequence[str] = (), tick: Tick = lambda what, done, of: None) -> Iterator[str]:
    """Why a dataset cannot be released as it is."""
    try:
        dataset.repository.check_ready()
        check_attributes(dataset)
    except TrainsetError as error:
        yield f"{error.message}: {error.hint}"
    if dataset.repository.detached():
        yield "HEAD is detached, and no branch would hold the release: `git switch -c NAME` makes one"
    wrong = (
        f"{_place(f)}: {f.message}" for f in verify(dataset, Summary()) if not f.note or "newer version" in f.message
    )
    yield from _first(wrong, "`trainset verify` lists all problems")
    if not len(dataset):
        yield "there are no items: `trainset add` registers some"
    if unknown := dataset.kit.unknown(dataset.config.tasks.values()):
        yield f"no installed plugin knows {' or '.join(unknown)}: {', '.join(dataset.absent())}"
    for task in dataset.config.tasks.values():
        yield from _open(dataset, task, allowed)
        yield from _rules(dataset, task)
        yield from _first(_unsound(dataset, task, tick), f"`trainset show ITEM --task {task.name}` shows one")
    yield from _first(
        _absent(dataset), "bring the media here; `trainset add FOLDER --source NAME` says where a source lies"
    )


def _place(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}" if finding.line else finding.file


def _first(found: Iterable[str], advice: str) -> Iterator[str]:
    """The first few of many, and how many more there are."""
    rest = iter(found)
    yield from islice(rest, _SHOWN)
    if more := sum(1 for _ in rest):
        yield f"… and {more:,} more such: {advice}"


def _open(dataset: Dataset, task: Task, allowed: Sequence[str]) -> Iterator[str]:
    """Items that somebody has to settle first."""
    counts = dataset.counts(task)
    mends = {
        "disputed": "`trainset review --mode adjudicate`",
        "flagged": f"`trainset items --task {task.name} --where 'state = flagged'`",
        "stale": f"`trainset review --task {task.name}`",
    }
    for state in ALLOWED:
        if state not in allowed and (count := counts.get(state, 0)):  # type: ignore[call-overload]
            yield f"task {task.name}: {count:,} item(s) are {state}: {mends[state]}, or --allow {state}"


def _rules(dataset: Dataset, task: Task) -> Iterator[str]:
    """What the review rules would decide otherwise than is recorded."""
    if not task.rules:
        return
    try:
        plan = Router(dataset, task).plan()
    except TrainsetError as error:
        yield f"task {task.name}: its review rules cannot be applied: {error.message}"
        return
    said = [f"{found.total():,} {what}" for found, what in ((plan.accept, "to be accepted"), (plan.withdraw, "to be taken back"), (plan.lots, "to be drawn"))
            if found]  # fmt: skip
    if said:
        yield f"task {task.name}: its review rules were not applied to all items ({', '.join(said)}): `trainset route --task {task.name}`"


def _unsound(dataset: Dataset, task: Task, tick: Tick) -> Iterator[str]:
    """Answers that the task, as it is asked now, would not take."""
    checking = Recorder(dataset, task, dataset.header("decisions", task, reviewer="release"))
    total = sum(dataset.counts(task).get(state, 0) for state in DECIDED)  # type: ignore[call-overload]
    for some in chunks(dataset.rows(task, f"state = {', '.join(DECIDED)}"), 1000):
        for row in some:
            try:
                checking.check(row, dataset.answer(task, row, strict=True))
            except (UsageError, RecordError) as error:
                yield f"task {task.name}, {row.item.key}: {error.message.removeprefix(f'{row.item.key}, ')}"
        tick(f"checking {task.name}", len(some), total)


# -- media ------------------------------------------------------------------------------------------------------

_UNREAD = f"FROM item i WHERE i.alive AND {KNOWN} IS NULL"


def _unread(dataset: Dataset) -> Iterator[tuple[int, Item]]:
    """Items of which no record knows a digest, with their row numbers."""
    files: dict[int, str] = {}
    query = f"SELECT i.id, i.file, i.offset, i.length {_UNREAD} ORDER BY i.id"
    for number, file, offset, length in dataset.index.db.execute(query):
        yield number, dataset.index.item(file, offset, length, files)


def _absent(dataset: Dataset) -> Iterator[str]:
    """Items whose bytes nobody ever read, and nobody can read here."""
    for _, item in _unread(dataset):
        try:
            missing = [path for path in dataset.media.paths(item).values() if not path.is_file()]
        except MediaError as error:
            yield f"{item.key}: {error.message}"
            continue
        if missing:
            yield f"{item.key}: {missing[0]} is not there, and nothing recorded knows its digest"


def _take_digests(dataset: Dataset, name: str, tick: Tick) -> int:
    """Read what was never read, and record the digests as records of the items; how many there were."""
    total = dataset.index.db.execute(f"SELECT count(*) {_UNREAD}").fetchone()[0]
    if not total:
        return 0
    writer, failed = dataset.writer(dataset.header("items")), list[str]()

    def read(some: list[tuple[int, Item]]) -> list[tuple[int, Item, str | MediaError]]:
        return [(number, item, _read(dataset, item)) for number, item in some]

    workers = dataset.config.engine.workers or os.cpu_count() or 1
    for portion in in_portions(_unread(dataset), _PORTION, workers, read, name="digest"):
        failed += [said.message for _, _, said in portion if isinstance(said, MediaError)]
        writer.append([_taken(dataset, number, item, said) for number, item, said in portion if isinstance(said, str)])
        tick("reading media", len(portion), total)
    writer.close()
    dataset.index.refresh()
    if failed:
        raise RefusedError(name, list(_first(failed, "bring the media back")))
    return int(total)


def _read(dataset: Dataset, item: Item) -> str | MediaError:
    try:
        return dataset.media.digest(item)
    except MediaError as error:
        return error


def _taken(dataset: Dataset, number: int, item: Item, media: str) -> bytes:
    known = dataset.index.db.execute("SELECT DISTINCT rid FROM item_record WHERE item=? ORDER BY rid", (number,))
    return msgspec.json.encode(
        ItemRecord(change="changed", item=replace(item, media=media), on=tuple(r for (r,) in known))
    )


# -- sealing ----------------------------------------------------------------------------------------------------


@contextmanager
def _frozen(dataset: Dataset, commit: str) -> Iterator[Dataset]:
    """The dataset as a commit has it: by the index on disk, where that knows these files and no others, else read anew.
    Neither sees what others go on deciding."""
    with transaction(dataset.index.db, "DEFERRED"):
        known = dict(dataset.index.db.execute("SELECT path, size FROM file WHERE present"))
        same = _settings(dataset.root) == _settings_at(dataset.repository, commit)
        records = {
            p: size for p, (_, size) in dataset.repository.tree(commit, *FOLDERS).items() if p.endswith(".jsonl")
        }
        if same and known == records:
            yield dataset
            return
    with Dataset(dataset.root, dataset.kit, commit) as opened:
        yield opened


def _settings(root: Path) -> dict[str, str]:
    files = [root / FILE, *(root / "guidelines").glob("*.md")]
    return {path.relative_to(root).as_posix(): digest(path.read_bytes()) for path in files}


def _settings_at(repository: Repository, commit: str) -> dict[str, str]:
    tree = {
        path: blob
        for path, (blob, _) in repository.tree(commit, FILE, "guidelines").items()
        if path.endswith((FILE, ".md"))
    }
    return dict(zip(tree, map(digest, repository.blobs(list(tree.values()))), strict=True))


def _write(dataset: Dataset, frozen: Dataset, name: str, head: str, allowed: Sequence[str],
           message: str | None) -> tuple[Manifest, Tag]:  # fmt: skip
    """Write the files of the release, commit them alone, and tag that; whatever fails takes all of it back."""
    repository, places = dataset.repository, paths(name)
    listed, media, told = (dataset.root / path for path in places)
    done: str | None = None
    try:
        listed.parent.mkdir(exist_ok=True)
        with media.open("wb") as stream:
            sealed = sealed_pieces(_through(media_lines(frozen), stream.write))
        files = sealed_files(repository, head)
        manifest = Manifest(
            name=name,
            commit=head,
            digest=seal(files, sealed),
            allowed=tuple(sorted(allowed)),
            facts=facts(frozen),
            files=files,
            media=sealed,
            agreement=agreement(frozen),
            writer=dict(dataset.kit.distributions()),
        )
        text = card(manifest)
        manifest = replace(manifest, card=Sealed(digest(text.encode()), len(text.encode())))
        replace_file(told, text)
        replace_file(listed, encode(manifest).decode())
        title = f"Release {name} of {manifest.facts.dataset}"
        done = repository.commit(places, title)
        if repository.resolve(f"{done}^") != head:
            raise TrainsetError("something else was committed meanwhile", hint="release it again")
        repository.make_tag(name, done, f"{message or title}\n\ndigest: {manifest.digest}\n")
    except BaseException:
        if repository.take_back(places, done):
            for path in (listed, media, told):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # it holds other releases
                listed.parent.rmdir()
        raise
    tag = repository.tag(name)
    assert tag is not None
    return manifest, tag


def _through(lines: Iterable[bytes], write: Callable[[bytes], object]) -> Iterator[bytes]:
    for line in lines:
        write(line)
        yield line
