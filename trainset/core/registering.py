"""`add`: files become items, in place, with a key, a source and a split."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from trainset.core.config import editing, table
from trainset.core.dataset import Dataset
from trainset.core.files import chunks, digest, strays, visible
from trainset.core.model import Item, ItemRecord
from trainset.core.names import NAME
from trainset.core.protocols import ItemDraft, Skipped
from trainset.core.splits import Splits
from trainset.errors import UsageError


@dataclass
class Report:
    """What `add` did: counts, and every file that it left out with the reason."""

    added: int = 0
    changed: int = 0
    known: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)


def source_of(dataset: Dataset, path: Path, wanted: str | None) -> tuple[str, Path]:
    """The name and folder of the source that a path belongs to; a folder outside all known ones will be a new one, once
    `declare` makes it known."""
    known: dict[str, Path] = {}
    for name in dataset.config.sources:
        place = dataset.machine.get("sources", name) or dataset.config.sources[name]
        if place:
            known[name] = (dataset.root / place).resolve()
    if wanted is None:
        inside = [(name, folder) for name, folder in known.items() if path.is_relative_to(folder)]
        if inside:
            return max(inside, key=lambda found: len(found[1].parts))
    folder = path if path.is_dir() else path.parent
    name = wanted or re.sub(r"[^A-Za-z0-9_-]+", "-", folder.name).strip("-_") or "data"
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a source", hint="name it with --source, in letters, digits, - and _")
    if name in known and known[name] != folder:
        if path.is_relative_to(known[name]):
            return name, known[name]
        if known[name].exists():
            raise UsageError(f"source {name!r} is {known[name]}", hint="name another with --source")
    return name, folder


def declare(dataset: Dataset, name: str, folder: Path) -> None:
    """Make a source known: in `trainset.toml` by a relative path where it lies inside the dataset, else for this machine."""
    inside = folder.relative_to(dataset.root).as_posix() if folder.is_relative_to(dataset.root) else ""
    if dataset.config.sources.get(name) != inside:
        with editing(dataset.root) as document:
            table(document, "sources")[name] = inside
        dataset.config = msgspec.structs.replace(dataset.config, sources={**dataset.config.sources, name: inside})
    if not inside and dataset.machine.get("sources", name) != str(folder):
        dataset.machine.set("sources", name, str(folder))
    dataset.media.forget_places(dataset.config)


def add(dataset: Dataset, paths: Iterable[Path], source: str | None = None) -> Iterator[Report]:
    """Register media below these paths; yields the growing report now and then, the last one complete.

    A file that is known and looks the same is left alone; one whose bytes differ is recorded as changed.
    """
    report = Report()
    settings = dataset.kit.media_settings(dataset.config.media)
    writer = dataset.writer(dataset.header("items"))
    taken: dict[str, Path] = {}
    splits = Splits(dataset)
    for given in paths:
        if not given.exists():
            raise UsageError(f"{given} {'leads nowhere' if given.is_symlink() else 'does not exist'}")
        path = given.resolve()
        report.skipped += [Skipped(found, f"it is no file but {what}") for found, what in strays(path)]
        name, root = source_of(dataset, path, source)
        found = dataset.kit.modality.scan(path, settings)
        for some in chunks(found, 2000):
            if name not in report.sources and any(isinstance(d, ItemDraft) for d in some):
                declare(dataset, name, root)
                report.sources.add(name)
            writer.append(list(_bodies(dataset, name, root, some, report, taken, splits)))
            yield report
    writer.close()
    dataset.index.refresh()
    yield report


def _bodies(dataset: Dataset, source: str, root: Path, found: list[ItemDraft | Skipped], report: Report,
            taken: dict[str, Path], splits: Splits) -> Iterator[bytes]:  # fmt: skip
    drafts: list[tuple[Item, int]] = []
    for draft in found:
        if isinstance(draft, Skipped):
            report.skipped.append(draft)
            continue
        first = next(iter(draft.parts.values()))
        item = item_of(source, root, draft, splits)
        if isinstance(item, str):
            report.skipped.append(Skipped(first, item))
            continue
        if dataset.forgotten.holds(item.key):
            report.skipped.append(Skipped(first, "the item of its name was forgotten; rename it if it is another"))
            continue
        if item.key in taken:
            report.skipped.append(
                Skipped(first, f"has the same key as {visible(str(taken[item.key]))}; rename one of them")
            )
            continue
        taken[item.key] = first
        drafts.append((item, max(p.stat().st_mtime_ns for p in draft.parts.values())))
    known = _known(dataset, [d.key for d, _ in drafts])
    dataset.index.db.executemany("INSERT OR REPLACE INTO stat VALUES (?, ?)", [(d.key, mtime) for d, mtime in drafts])
    for item, mtime in drafts:
        before = known.get(item.key)
        if before is None:
            report.added += 1
            yield msgspec.json.encode(ItemRecord(change="added", item=item))
            continue
        record = _changed(dataset, before, item, mtime)
        if record is None:
            report.known += 1
            continue
        report.changed += 1
        yield msgspec.json.encode(ItemRecord(change="changed", item=record, on=before.records))


def _below(root: Path, path: Path) -> str:
    """A path relative to its source: as it stands where that is below it, with links followed where it is not."""
    whole = path.absolute()
    return (whole if whole.is_relative_to(root) else whole.resolve()).relative_to(root).as_posix()


def _key_of(source: str, root: Path, path: Path) -> str:
    """The key of a file or folder of a source; the source's own name for its root."""
    return unicodedata.normalize("NFC", f"{source}/{_below(root, path)}".removesuffix("/."))


def item_of(source: str, root: Path, draft: ItemDraft, splits: Splits) -> Item | str:
    """The item that a draft becomes, or why it cannot be one."""
    try:
        relative = {part: _below(root, p) for part, p in draft.parts.items()}
        "".join(relative.values()).encode()
    except ValueError:  # UnicodeEncodeError is one
        return "its name is not valid UTF-8, or leads out of its source; rename it"
    path = unicodedata.normalize("NFC", next(iter(relative.values())))
    if "#" in path:
        return "'#' in a file's name is kept for rows of tables; rename it"
    key = f"{source}/{path}" + ("" if draft.row is None else f"#{unicodedata.normalize('NFC', draft.row)}")
    plain = len(relative) == 1 and relative.get("") == path
    group = _key_of(source, root, draft.group) if isinstance(draft.group, Path) else draft.group
    size = draft.size if draft.content is None else len(draft.content)
    return Item(
        key=key,
        parts={} if plain else relative,
        group=group,
        split=splits.of(key, group),
        media=None if draft.content is None else digest(draft.content),
        size=sum(p.stat().st_size for p in draft.parts.values()) if size is None else size,
        meta=dict(draft.meta),
    )


@dataclass(frozen=True)
class _Known:
    """An item that is there already: what it was, the records that led to it, the digests of the bytes it was ever
    read from, and when its file was last looked at (ns; None if this machine never did)."""

    item: Item
    records: tuple[str, ...]
    digests: frozenset[str]
    looked: int | None


def _known(dataset: Dataset, keys: list[str]) -> dict[str, _Known]:
    found: dict[str, _Known] = {}
    db = dataset.index.db
    for some in chunks(keys, 500):
        rows = db.execute(
            "SELECT i.id, i.key, i.file, i.offset, i.length, t.mtime FROM item i LEFT JOIN stat t ON t.key=i.key "
            f"WHERE i.alive AND i.key IN ({','.join('?' * len(some))})", some).fetchall()  # fmt: skip
        for number, key, file, offset, length, looked in rows:
            records = db.execute("SELECT DISTINCT rid FROM item_record WHERE item=? ORDER BY rid", (number,))
            digests = db.execute("SELECT media FROM outcome WHERE item=? AND media IS NOT NULL UNION "
                                 "SELECT media FROM decision WHERE item=? AND media IS NOT NULL", (number, number))  # fmt: skip
            item = dataset.index.item(file, offset, length, {})
            found[key] = _Known(item, tuple(r for (r,) in records), frozenset(d for (d,) in digests), looked)
    return found


def _changed(dataset: Dataset, before: _Known, now: Item, mtime: int) -> Item | None:
    """The item as it is to be recorded if its media, or its meta, changed, None if it is the same. Bytes are only read where the
    size or time of the file, or their absence from the cache, leaves a doubt and something was read from it before."""
    kept = msgspec.structs.replace(now, group=before.item.group or now.group, split=before.item.split)
    same = None if now.meta == before.item.meta else msgspec.structs.replace(kept, media=before.item.media)
    if before.item.size is None:  # known by name only, from an import
        return kept
    if now.media is not None:  # a row of a table, read already
        return same if before.item.media == now.media else kept
    if before.item.size == now.size and before.looked == mtime:
        return same
    known = frozenset({before.item.media}) if before.item.media else before.digests
    if before.item.size == now.size and not known:
        return same
    media = dataset.media.digest(now)
    return same if known == {media} else msgspec.structs.replace(kept, media=media)
