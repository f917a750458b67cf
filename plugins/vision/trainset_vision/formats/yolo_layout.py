"""Where a YOLO data set keeps its parts: class names, splits, images, and the label file of each image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from trainset.errors import TrainsetError
from trainset.plugins import Problem
from trainset_vision.formats.reading import images_below, read_text, split_name

_NAME_LISTS = ("classes.txt", "obj.names")
_SPLITS = ("train", "val", "validation", "test")
_LINE = re.compile(r"\s*\d+(?:\.0*)?(?:\s+[-+.\deE]+){4,}\s*")


@dataclass(frozen=True)
class Picture:
    """An image of a data set. `names` are ways to name it, the likeliest first; `label` may not exist."""

    path: Path
    label: Path
    split: str | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A folder of images, or a text file that lists them, with the folder of their label files where it is known."""

    path: Path
    split: str | None
    labels: Path | None


@dataclass
class Layout:
    """A data set. `names` are its class names by number, None where it has none.

    `declared` says that a `data.yaml` lists the images: then one without a label file has nothing on it. In a bare
    folder it may as well be waiting for its labels.
    """

    where: str
    root: Path
    names: dict[int, str] | None
    declared: bool = False
    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def pictures(self) -> Iterator[Picture | Problem]:
        """The images, each once, in the order of the sources."""
        seen: set[str] = set()
        for source in self.sources:
            repeated = 0
            for path in self._images(source):
                if str(path) in seen:
                    repeated += 1
                    continue
                seen.add(str(path))
                yield self._picture(path, source)
            if repeated:
                yield Problem(
                    self.where, f"{repeated} images of {source.path} are listed twice: the first split counts"
                )

    def _images(self, source: Source) -> Iterator[Path]:
        if source.path.is_dir():
            yield from images_below(source.path)
        elif source.path.is_file():
            yield from _listed(source.path, self.root)

    def _picture(self, path: Path, source: Source) -> Picture:
        if self.declared or source.labels is None:
            return Picture(path, label_of(path), source.split, _ways_to_name(path, source.path, self.root))
        below = path.relative_to(source.path)
        label = (source.labels / below).with_suffix(".txt")
        return Picture(path, label, split_of(below), _ways_to_name(path, source.path, self.root))


def describes(src: Path) -> list[Path]:
    """The YAML files with class names that `src` is, or has in its folder."""
    found = sorted((*src.glob("*.yaml"), *src.glob("*.yml"))) if src.is_dir() else [src]
    return [path for path in found if path.suffix.lower() in (".yaml", ".yml") and "names" in _try_load(path)]


def find_config(src: Path) -> Path | None:
    """The YAML file that describes the data set at `src`, None if it is a bare folder."""
    if src.is_file():
        return src
    found = describes(src)
    named = [path for path in found if path.stem in ("data", "dataset")]
    if len(named) != 1 and len(found) > 1:
        raise TrainsetError(
            f"{src}: several files describe a YOLO data set: {', '.join(path.name for path in found)}",
            hint="name the one to read",
        )
    chosen = named or found
    return chosen[0] if chosen else None


def unused(index: int) -> str:
    """The name that an export gives to a class number that no label has any more, so that no other number moves."""
    return f"unused-{index}"


def class_names(src: Path) -> dict[int, str] | None:
    """The names of the classes by number, in the order of the file that lists them; None if there is no such file."""
    if (config := find_config(src)) is not None:
        return _names(config, _load(config).get("names"))
    for folder in (src, src.parent):
        for path in (folder / name for name in _NAME_LISTS):
            if path.is_file():
                return dict(enumerate(line.strip() for line in read_text(path).splitlines() if line.strip()))
    return None


def find_layout(src: Path) -> Layout:
    """The data set at `src`: a `data.yaml`, a folder with one, or a folder of label files with images beside."""
    if not src.exists():
        raise TrainsetError(f"{src}: there is no such file or folder", hint="name a data.yaml or its folder")
    config = find_config(src)
    folder = src if src.is_dir() else src.parent
    layout = Layout(str(config or src), folder, class_names(src))
    if config is not None:
        _read_splits(config, layout)
    if not layout.declared:
        labels = folder / "labels" if (folder / "labels").is_dir() else folder
        images = _swap(labels, "labels", "images")
        layout.sources.append(Source(images if images.is_dir() else labels, None, labels))
    return layout


def _read_splits(config: Path, layout: Layout) -> None:
    table = _load(config)
    root = config.parent / str(table.get("path") or ".")
    layout.root = root if root.is_dir() else config.parent
    others = [key for key, value in table.items() if isinstance(value, str) and _is_split(key, layout.root / value)]
    for key in (*_SPLITS, *others):
        value = table.get(key)
        for place in value if isinstance(value, list) else [value]:
            if not isinstance(place, str) or not place:
                continue
            path = _resolve(layout.root, place)
            labels = label_of(path / "any.jpg").parent if not path.is_file() else None
            if path.exists() or (labels is not None and labels.is_dir()):
                layout.declared = True
                layout.sources.append(Source(path, split_name(key) or key, labels))
            else:
                layout.problems.append(Problem(config.name, f"{key}: {place} is not there"))


def _is_split(key: str, path: Path) -> bool:
    """Whether a key that Ultralytics does not know names a split of its own, as an export with such splits has."""
    return key not in (*_SPLITS, "path") and path.parent.name == "images" and label_of(path / "any.jpg").parent.is_dir()


def _resolve(root: Path, place: str) -> Path:
    """The place of a split. Roboflow writes `../train/images` for a folder that lies beside `data.yaml`."""
    beside = root / place.removeprefix("../")
    return beside if beside.exists() and not (root / place).exists() else root / place


def _listed(path: Path, root: Path) -> Iterator[Path]:
    """The images that a text file lists, relative to itself (`./`) or to the root."""
    for line in map(str.strip, read_text(path).splitlines()):
        if line:
            beside = path.parent / line
            yield beside if line.startswith("./") or beside.exists() else root / line


def label_of(image: Path) -> Path:
    """The label file of an image: `labels` for the last `images` of its path, else beside it."""
    swapped = Path(_swap(image.parent, "images", "labels"), image.with_suffix(".txt").name)
    beside = image.with_suffix(".txt")
    return beside if beside.exists() and not swapped.exists() else swapped


def _swap(folder: Path, old: str, new: str) -> Path:
    parts = list(folder.parts)
    for index in range(len(parts) - 1, -1, -1):
        if parts[index] == old:
            parts[index] = new
            break
    return Path(*parts)


def split_of(below: Path) -> str | None:
    """The split that the first folder of a path names, if any."""
    return split_name(below.parts[0]) if len(below.parts) > 1 else None


def _ways_to_name(path: Path, base: Path, root: Path) -> tuple[str, ...]:
    names = [path.relative_to(folder).as_posix() for folder in (base, root) if path.is_relative_to(folder)]
    first, _, rest = (names[0] if names else "").partition("/")
    if rest and split_name(first):
        names.insert(0, rest)
    return tuple(dict.fromkeys((*names, path.name)))


def label_files(folder: Path) -> Iterator[Path]:
    """The label files in a folder and its folders, lists of class names left out."""
    for path in sorted(folder.rglob("*.txt")) if folder.is_dir() else ():
        if path.name not in _NAME_LISTS and path.is_file():
            yield path


def looks_like_labels(path: Path) -> bool:
    """Whether a file's first line is one of a label file."""
    try:
        with path.open(encoding="utf-8") as stream:
            return bool(_LINE.fullmatch(stream.readline(4096)))
    except (OSError, UnicodeDecodeError):
        return False


def _load(path: Path) -> dict[str, Any]:
    """A YAML mapping whose values are all texts, so that a class may be called `no` or `1`. TrainsetError otherwise."""
    try:
        table = yaml.load(read_text(path), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise TrainsetError(f"{path}: {' '.join(str(error).split())}", hint="mend the YAML") from error
    if not isinstance(table, dict):
        raise TrainsetError(f"{path}: it is not a mapping", hint="a data.yaml has the keys names, train and val")
    return table


def _try_load(path: Path) -> dict[str, Any]:
    try:
        return _load(path)
    except TrainsetError:
        return {}


def _names(path: Path, names: Any) -> dict[int, str]:
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    try:
        found = {int(number): name for number, name in listed.items()}
    except (AttributeError, ValueError, TypeError):
        found = {}
    if not found or min(found) < 0 or not all(isinstance(name, str) for name in found.values()):
        raise TrainsetError(f"{path}: it has no list of class names", hint="names is a list, or a mapping of numbers")
    return found
