"""`verify NAME`: whether a release is what its manifest says, and what of it is still here.

The tag's tree is proved against the manifest, the manifest against what the records of that commit say when they are read
anew, without the cache; then the files and media on this machine against both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from trainset.core.dataset import Dataset
from trainset.core.files import digest
from trainset.core.forgetting import unused
from trainset.core.forgotten import keeps, keeps_predictions, read_forgotten
from trainset.core.history import Tag
from trainset.core.manifest import (
    SCHEMA,
    SEALED,
    Facts,
    Manifest,
    Medium,
    decode,
    facts,
    media_lines,
    paths,
    read_medium,
    seal,
    sealed_files,
    sealed_pieces,
)
from trainset.core.model import Item
from trainset.core.records import UNREADABLE
from trainset.core.tree import FOLDERS
from trainset.core.verify import Finding, Summary
from trainset.core.workers import in_portions
from trainset.errors import MediaError, TrainsetError, UsageError

_PORTION = 64


@dataclass
class Proof:
    """A release that is being proved, and how much of it was: files in the tag, files here, media read and media not here."""

    tag: Tag
    manifest: Manifest | None = None
    sealed: int = 0
    here: int = 0
    media: int = 0
    absent: int = 0


def proof_of(dataset: Dataset, name: str) -> Proof:
    """What is to be proved; UsageError where no release has this name."""
    tag = dataset.repository.tag(name)
    if tag is None or paths(name)[0] not in dataset.repository.tree(tag.commit, "releases"):
        what = "there is no tag" if tag is None else "no release lies under tag"
        raise UsageError(
            f"{what} {name!r}", hint="`git tag` lists tags, `git fetch --tags` brings those of other clones"
        )
    return Proof(tag)


def prove(dataset: Dataset, proof: Proof, tick: Callable[[int, int], None] = lambda done, of: None) -> Iterator[Finding]:  # fmt: skip
    """Everything about the release that is not as it was sealed; notes take nothing away. `tick` is told how many media
    were looked at, and of how many."""
    if not proof.tag.annotated:
        yield Finding(proof.tag.name, 0, "the tag is not annotated: nothing says who released it, and when")
    yield from _files_here(dataset, proof.tag)
    manifest = yield from _manifest(dataset, proof.tag)
    if manifest is None:
        return
    proof.manifest = manifest
    yield from _tree(dataset, proof, manifest)
    yield from _records_here(dataset, proof, manifest)
    with Dataset(dataset.root, dataset.kit, proof.tag.commit) as frozen:
        since = dataset.forgotten.name != read_forgotten(frozen.tree).name
        if since:
            text = "items were forgotten since: its counts and its list of media are compared, but not proved any more"
            yield Finding(proof.tag.name, 0, text, note=True)
        for finding in (*_facts(manifest, facts(frozen), frozen), *_list(manifest, frozen)):
            why = "; items were forgotten since, and are not read any more"
            yield replace(finding, message=finding.message + why, note=True) if since else finding
        yield from _media(frozen, proof, manifest, tick)


def releases(dataset: Dataset, summary: Summary) -> Iterator[Finding]:
    """Whether the files of the releases that HEAD has are on disk what their tags hold (where a tag is not here, HEAD)."""
    repository = dataset.repository
    head = repository.head()
    known = repository.tree(head, "releases") if head else {}
    for name in sorted(Path(path).stem for path in known if path.endswith(".json")):
        tag = repository.tag(name)
        if tag is None:
            summary.notes += 1
            yield Finding(paths(name)[0], 0, f"no tag {name} is here: `git fetch --tags` brings it", note=True)
        for finding in _files_here(dataset, tag or Tag(name, str(head), annotated=False)):
            summary.problems += 1
            yield finding


def _files_here(dataset: Dataset, tag: Tag) -> Iterator[Finding]:
    """The release's own files on disk, against the tag."""
    tree = dataset.repository.tree(tag.commit, "releases")
    for path in paths(tag.name):
        blob = tree.get(path)
        try:
            data = (dataset.root / path).read_bytes()
        except OSError:
            data = None
        if blob is None:
            yield Finding(path, 0, f"{tag.name} does not hold it")
        elif data is None:
            yield Finding(path, 0, "it was released, and is missing here")
        elif dataset.repository.blob_id(data) != blob[0]:
            yield Finding(path, 0, f"it differs from what {tag.name} holds")


def _manifest(dataset: Dataset, tag: Tag) -> Generator[Finding, None, Manifest | None]:
    """The manifest that the tag holds, against itself and the files beside it; None where it says nothing."""
    listed, media, card = paths(tag.name)
    tree = dataset.repository.tree(tag.commit, "releases")
    try:
        manifest = decode(next(dataset.repository.blobs([tree[listed][0]])))
    except UNREADABLE as error:
        yield Finding(listed, 0, f"it is no manifest: {error}")
        return None
    if manifest.trainset > SCHEMA:
        yield Finding(listed, 0, "a newer version of trainset made it: what it says is not judged", note=True)
        return None
    if manifest.name != tag.name:
        yield Finding(listed, 0, f"it is the manifest of {manifest.name!r}")
    if dataset.repository.parents(tag.commit) != [manifest.commit]:
        yield Finding(listed, 0, f"the commit under the tag does not follow {manifest.commit[:10]}, which it seals")
    if seal(manifest.files, manifest.media) != manifest.digest:
        yield Finding(listed, 0, "its digest does not match the files and media that it lists")
    for path, sealed in ((media, manifest.media), (card, manifest.card)):
        if path in tree and sealed_pieces(dataset.repository.blobs([tree[path][0]])) != sealed:
            yield Finding(path, 0, "it is not the one that the manifest names")
    return manifest


def _tree(dataset: Dataset, proof: Proof, manifest: Manifest) -> Iterator[Finding]:
    """What the tag holds, against the manifest."""
    held = sealed_files(dataset.repository, proof.tag.commit)
    for path, sealed in manifest.files.items():
        found = held.pop(path, None)
        if found == sealed:
            proof.sealed += 1
        else:
            told = "does not hold it" if found is None else "holds other bytes than the manifest names"
            yield Finding(path, 0, f"{proof.tag.name} {told}")
    for path in held:
        yield Finding(path, 0, f"{proof.tag.name} holds it, and the manifest does not name it")


def _records_here(dataset: Dataset, proof: Proof, manifest: Manifest) -> Iterator[Finding]:
    """What the dataset on disk still has of the release. Label files are only ever added; settings may change."""
    head = dataset.repository.head()
    kept = dataset.repository.tree(head, *SEALED) if head else {}
    removed = {path for code, path in dataset.repository.changed(SEALED) if "D" in code}
    sparse = 0
    for path, sealed in manifest.files.items():
        record = path.startswith(FOLDERS)
        try:
            data = (dataset.root / path).read_bytes()
        except OSError:
            if path in kept and path not in removed:
                sparse += 1
            elif not unused(dataset, [path]):
                yield Finding(path, 0, "it was released, and is gone here", note=not record)
            continue
        if digest(data[: sealed.size] if record else data) != sealed.digest:
            if record and _cleared(dataset, proof.tag, path, data):
                yield Finding(path, 0, "what it said of items that were forgotten since is out", note=True)
                continue
            told = "here it differs from what was released" if record else "it was changed since the release"
            yield Finding(path, 0, told, note=not record)
        elif record and len(data) > sealed.size and _ended(data[: sealed.size]):
            yield Finding(path, 0, "here it goes on after its end")
        else:
            proof.here += 1
    if sparse:
        yield Finding("labels", 0, f"{sparse} released file(s) are not checked out here: they are not looked at", note=True)  # fmt: skip


def _cleared(dataset: Dataset, tag: Tag, path: str, data: bytes) -> bool:
    """Whether a record file is what was released, but for what it said of items that were forgotten since."""
    if not dataset.forgotten:
        return False
    before = next(dataset.repository.blobs([dataset.repository.tree(tag.commit, path)[path][0]]))
    return (keeps if path.startswith("labels/") else keeps_predictions)(before, data, dataset.forgotten)


def _ended(data: bytes) -> bool:
    return data.rpartition(b"\n{")[2].startswith(b'"end":true')


def _facts(manifest: Manifest, found: Facts, frozen: Dataset) -> Iterator[Finding]:
    """What the manifest says of the labels, against what the records say when they are read anew."""
    listed = paths(manifest.name)[0]
    told, anew = msgspec.to_builtins(manifest.facts), msgspec.to_builtins(found)
    versions = dict(frozen.kit.distributions())
    other = ", ".join(f"{name} {version}" for name, version in manifest.writer.items() if versions.get(name) != version)
    by = f"; it was made with {other}, which may have read them otherwise" if other else ""
    for place in _differing(told, anew):
        yield Finding(listed, 0, f"{place} is not what the records say{by}")


def _list(manifest: Manifest, frozen: Dataset) -> Iterator[Finding]:
    if sealed_pieces(media_lines(frozen)) != manifest.media:
        yield Finding(paths(manifest.name)[1], 0, "it is not what the records say")


def _differing(a: object, b: object, place: str = "facts") -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted({*a, *b}):
            yield from _differing(a.get(name), b.get(name), f"{place}.{name}")
    elif a != b:
        yield place


def _media(frozen: Dataset, proof: Proof, manifest: Manifest, tick: Callable[[int, int], None]) -> Iterator[Finding]:
    """The bytes of every medium on this machine, against the list."""
    place = paths(manifest.name)[1]
    tree = frozen.repository.tree(proof.tag.commit, "releases")
    lines = next(frozen.repository.blobs([tree[place][0]])).splitlines() if place in tree else []
    workers = frozen.config.engine.workers or os.cpu_count() or 1
    files: dict[int, str] = {}

    def wanted() -> Iterator[tuple[Medium, Item]]:
        for line in lines:
            medium = read_medium(line)
            at = frozen.index.db.execute("SELECT file, offset, length FROM item WHERE key=? AND alive", (medium.key,)).fetchone()  # fmt: skip
            if at is not None:  # else the list is not what the records say, which is told
                yield medium, frozen.index.item(at[0], at[1], at[2], files)

    def compare(some: list[tuple[Medium, Item]]) -> list[Finding | bool]:
        return [_compared(frozen, medium, item) for medium, item in some]

    for found in in_portions(wanted(), _PORTION, workers, compare, name="digest"):
        proof.absent += found.count(False)
        proof.media += len(found) - found.count(False)
        tick(len(found), len(lines))
        yield from (one for one in found if isinstance(one, Finding))
    if proof.absent:
        yield Finding("media", 0, f"{proof.absent} media are not on this machine: their bytes cannot be compared", note=True)  # fmt: skip


def _compared(frozen: Dataset, medium: Medium, item: Item) -> Finding | bool:
    """What is wrong with a medium; True where nothing is, False where it is not here."""
    try:
        files = list(frozen.media.paths(item).values())
    except MediaError:
        return False
    if not all(path.is_file() for path in files):
        return False
    try:
        same = frozen.media.digest(item) == medium.media
    except TrainsetError as error:
        return Finding(str(files[0]), 0, f"{item.key} cannot be read: {error.message}")
    return same or Finding(str(files[0]), 0, f"{item.key} has other bytes than were released")
