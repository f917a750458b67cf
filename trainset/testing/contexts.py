"""What the core gives a plugin's objects to work with, held in memory: a context, its media, and items of files."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.codec import Codec
from trainset.core.exporting import MediaMode, place
from trainset.core.files import digest, digest_files
from trainset.core.lookup import Names
from trainset.core.matching import ClassOps, ObjectOps, likeness, tag_of
from trainset.core.model import Annotation, Class, Item, Opaque, Task
from trainset.core.neighbours import Neighbours
from trainset.core.protocols import AnnotationOps, ItemDraft, Modality, Neighbour
from trainset.core.scene import Rect
from trainset.errors import MediaError


@dataclass
class MemoryContext:
    """A `Context`, `ImportContext` and `ExportContext` without a dataset.

    `items` are what `find` knows. Media are files in `folder`, by the items' paths; what `media.load` gives is
    `loaded`, by key, and else what `modality` loads of the files. `ops` compare annotations, by their struct; a `Class`
    needs none. `runs` hold what models said: annotations by run and item key, the run that is shown first.
    `about` are the objects that the task asks about, by item key. `placed` collects where an export put media.
    """

    task: Task
    items: Sequence[Item] = ()
    _: KW_ONLY
    settings: Any = None
    folder: Path | None = None
    loaded: Mapping[str, Any] = field(default_factory=dict)
    modality: Modality | None = None
    ops: Mapping[type[Annotation], AnnotationOps] = field(default_factory=dict)
    runs: Mapping[str, Mapping[str, Sequence[Annotation]]] = field(default_factory=dict)
    about: Mapping[str, Sequence[Annotation]] = field(default_factory=dict)
    media_mode: MediaMode = "none"
    splits: Sequence[str] = ()
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    placed: list[Path] = field(default_factory=list)

    @property
    def media(self) -> MemoryMedia:
        """The items' media."""
        return MemoryMedia(self.folder, self.loaded, self.modality)

    def counts(self) -> Mapping[str, int]:
        """Annotations by label, of the run that is shown."""
        shown = next(iter(self.runs.values()), {})
        return Counter(a.label for some in shown.values() for a in some if a.label is not None)

    def labels(self, items: Sequence[Item]) -> Sequence[Sequence[str]]:
        """Those of the run that is shown."""
        shown = next(iter(self.runs.values()), {})
        return [tuple(dict.fromkeys(a.label for a in shown.get(x.key, ()) if a.label is not None)) for x in items]

    def proposals(self, item: Item) -> Mapping[str, Sequence[Annotation]]:
        """What each run says of an item."""
        return {run: said[item.key] for run, said in self.runs.items() if item.key in said}

    def model(self, run: str) -> str:
        """A run's model is called as the run."""
        return run

    def objects(self, item: Item) -> Sequence[Annotation]:
        """The objects of an item in `about`."""
        return self.about.get(item.key, ())

    def similarity(self, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
        """`(len(a), len(b))` by `ops`, 0 between types that are not comparable."""
        return likeness(a, b, item, self._ops)

    def extent(self, annotation: Annotation, item: Item) -> Rect | None:
        """By `ops`, None for what no plugin knows."""
        return None if isinstance(annotation, Opaque) else self._ops(tag_of(annotation)).extent(annotation, item)

    def frame(self, item: Item) -> Rect | None:
        """The modality's, None without one."""
        return self.modality.frame(item) if self.modality else None

    def digest(self, item: Item) -> str:
        """The digest of the item's files, or else of what was given as loaded, or its own."""
        if self.folder is not None:
            try:
                return digest_files([self.media.path(item, part) for part in item.parts or ("",)])
            except FileNotFoundError as error:
                raise MediaError(f"{error.filename} is not there") from error
        return digest(repr(self.loaded[item.key]).encode()) if item.key in self.loaded else item.media or item.key

    def features(self, items: Sequence[Item], embedder: str = "") -> NDArray[np.float32]:
        """`vectors`, by key; a row of NaN where there is none."""
        width = len(next(iter(self.vectors.values()), ()))
        none = [float("nan")] * width
        return np.array([self.vectors.get(item.key, none) for item in items], np.float32).reshape(len(items), width)

    def neighbours(
        self, items: Iterable[Item], count: int, embedder: str = "", among: Iterable[Item] | None = None
    ) -> Iterator[tuple[Item, Sequence[Neighbour]]]:
        """Each item with the others in `vectors` (of those `among`) that are most like it."""
        wanted = self.vectors.keys() if among is None else {item.key for item in among}
        keys = [key for key in self.vectors if key in wanted]
        table = np.array([self.vectors[key] for key in keys], np.float32)
        search = Neighbours(table, np.arange(len(keys)))
        for item in items:
            found: Sequence[Neighbour] = ()
            if item.key in keys:
                rows, alike = search.search(table[[keys.index(item.key)]], min(count + 1, len(keys)))
                pairs = zip(rows[0].tolist(), alike[0].tolist(), strict=True)
                found = [Neighbour(keys[row], value) for row, value in pairs if keys[row] != item.key][:count]
            yield item, found

    def find(self, name: str) -> Item | None:
        """The item that `import` would find by this name."""
        key = Names(item.key for item in self.items).find(name)
        return next((item for item in self.items if item.key == key), None)

    def decode(self, raw: bytes) -> Sequence[Annotation]:
        """Annotations of the structs in `ops`, and classes, as they are stored."""
        return Codec({_tag(kind): kind for kind in self._known}).decode(raw, strict=True)

    def place(self, item: Item, to: Path) -> None:
        """Copy or link the item's files, as `media_mode` says."""
        self.placed.append(to)
        place(self.media, self.media_mode, item, to)

    @property
    def _known(self) -> dict[type[Annotation], AnnotationOps]:
        return {Class: ObjectOps() if self.task.on else ClassOps(), **self.ops}

    def _ops(self, tag: str) -> AnnotationOps:
        for kind, ops in self._known.items():
            if _tag(kind) == tag:
                return ops
        raise LookupError(f"the context was given no `ops` for annotations of type {tag!r}")


def _tag(kind: type[Annotation]) -> str:
    return str(kind.__struct_config__.tag)


@dataclass(frozen=True)
class MemoryMedia:
    """The `Media` of a `MemoryContext`."""

    folder: Path | None
    loaded: Mapping[str, Any]
    modality: Modality | None

    def path(self, item: Item, part: str = "") -> Path:
        """The file of a part; MediaError without a folder of media."""
        if self.folder is None:
            raise MediaError(f"this machine does not know where source {item.source!r} lies")
        return self.folder / item.path(part)

    def ahead(self, item: Item) -> None:
        """Nothing: it is loaded when it is wanted."""

    def load(self, item: Item) -> Any:
        """What was given as loaded, else what the modality loads; MediaError where there is neither."""
        if item.key in self.loaded:
            return self.loaded[item.key]
        if self.modality is None:
            raise MediaError(f"{item.key} is not there")
        paths = {part: self.path(item, part) for part in item.parts or ("",)}
        try:
            return self.modality.load(paths, item)
        except FileNotFoundError as error:
            raise MediaError(f"{error.filename} is not there") from error


def item_of(draft: ItemDraft, folder: Path) -> Item:
    """The item of source `media` that `add` would make of a draft, where that source is `folder`."""
    paths = {part: path.relative_to(folder).as_posix() for part, path in draft.parts.items()}
    path = unicodedata.normalize("NFC", next(iter(paths.values())))
    key = f"media/{path}" + ("" if draft.row is None else f"#{unicodedata.normalize('NFC', draft.row)}")
    plain = paths == {"": path}
    group = draft.group if not isinstance(draft.group, Path) else f"media/{draft.group.relative_to(folder).as_posix()}"
    return Item(key=key, parts={} if plain else paths, group=group, meta=dict(draft.meta))


def items_in(folder: Path, modality: Modality, settings: Any = None) -> list[Item]:
    """The items that `add` would make of a folder; what is skipped is left out. `settings` as for `Modality.scan`."""
    found = modality.scan(folder, {} if settings is None else settings)
    return [item_of(draft, folder) for draft in found if isinstance(draft, ItemDraft)]
