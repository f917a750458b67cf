"""Where a YOLO data set keeps its parts: class names, splits, images, and the label file of each image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml  # type: ignore[import-untyped]

from trainset.errors import TrainsetError
from trainset.plugins import Problem
from trainset_vision.formats.reading import images_below, read_text, split_name

_NAME_LISTS = ("classes.txt", "obj.names", "_darknet.labels")
_SPLITS = ("train", "val", "validation", "test")
_SPLIT_FOLDERS = ("train", "valid", "test")
"""Where Roboflow puts the class names of a data set for Darknet, beside the images of each split."""

_MOST_POINTS = 10_000
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
                message = f"{repeated} images of {source.path} are listed twice: the first split counts"
                yield Problem(self.where, message, note=True)

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


@dataclass(frozen=True)
class Keypoints:
    """What a `data.yaml` says of keypoints: how many, of how many numbers each, their names, and pairs that mirror."""

    shape: tuple[int, int]
    names: tuple[str, ...]
    flip: list[list[str]]


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


def find_darknet(src: Path) -> Path | None:
    """The `obj.data` that describes a data set for Darknet, as CVAT's "YOLO 1.1" has it; None where there is none."""
    path = src / "obj.data" if src.is_dir() else src
    return path if path.suffix.lower() == ".data" and path.is_file() else None


def _darknet(path: Path) -> dict[str, str]:
    """The lines `key = value` of an `obj.data`."""
    pairs = (line.partition("=") for line in read_text(path).splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _config_of(src: Path) -> Path | None:
    """The YAML file that says what the numbers in label files mean: the data set's own, or, for a folder of label files,
    the one beside it: the only one, or the one that is called like it (`seg.yaml` of `labels_seg`)."""
    if find_darknet(src) is not None:
        return None
    if (config := find_config(src)) is not None or not src.name.startswith("labels"):
        return config
    beside = describes(src.parent)
    named = [path for path in beside if _label_folder(path) == src]
    found = named or beside
    return found[0] if len(found) == 1 else None


def _label_folder(config: Path) -> Path:
    """The folder of label files beside a YAML file that lists no images."""
    own = config.with_name(f"labels_{config.stem}")
    return own if own.is_dir() else config.with_name("labels")


def unused(index: int) -> str:
    """The name that an export gives to a class number that no label has any more, so that no other number moves."""
    return f"unused-{index}"


def class_names(src: Path) -> dict[int, str] | None:
    """The names of the classes by number, in the order of the file that lists them; None if there is no such file."""
    darknet = find_darknet(src)
    if (config := _config_of(src)) is not None:
        return _names(config, _load(config).get("names"))
    lists = [_placed(darknet.parent, names)] if darknet and (names := _darknet(darknet).get("names")) else []
    folder = src if src.is_dir() else src.parent
    below = [folder / name for name in _SPLIT_FOLDERS]
    lists += [place / name for place in (folder, folder.parent, *below) for name in _NAME_LISTS]
    for path in lists:
        if path.is_file():
            return dict(enumerate(line.strip() for line in read_text(path).splitlines() if line.strip()))
    return None


def keypoints(src: Path) -> Keypoints | None:
    """The `kpt_shape` of the data set, with `kpt_names` and `flip_idx` where it has them; None for one without."""
    config = _config_of(src)
    table = _load(config) if config is not None else {}
    if "kpt_shape" not in table:
        return None
    try:
        count, each = map(int, table["kpt_shape"])
        flip = [int(number) for number in table.get("flip_idx") or range(min(count, _MOST_POINTS))]
    except (TypeError, ValueError):
        count, each, flip = 0, 0, []
    if not 0 < count <= _MOST_POINTS or each not in (2, 3) or sorted(flip) != list(range(count)):
        raise TrainsetError(
            f"{config}: kpt_shape and flip_idx make no sense together",
            hint="kpt_shape is [points, 2 or 3], and flip_idx lists each point's number once",
        )
    named = table.get("kpt_names")
    each_class = list(named.values()) if isinstance(named, dict) else named
    first = each_class[0] if isinstance(each_class, list) and each_class else None
    sound = isinstance(first, list) and len({*map(str, first)}) == count == len(first)
    names = tuple(map(str, first)) if first and sound else tuple(f"point-{n}" for n in range(1, count + 1))
    return Keypoints((count, each), names, [[names[a], names[b]] for a, b in enumerate(flip) if a < b and flip[b] == a])


def find_layout(src: Path) -> Layout:
    """The data set at `src`: a `data.yaml`, a folder with one, or a folder of label files with images beside."""
    if not src.exists():
        raise TrainsetError(f"{src}: there is no such file or folder", hint="name a data.yaml or its folder")
    darknet = find_darknet(src)
    config = find_config(src) if darknet is None else None
    folder = src if src.is_dir() else src.parent
    layout = Layout(str(config or darknet or src), folder, class_names(src))
    if darknet is not None and _read_lists(darknet, layout):
        return layout
    if config is not None:
        _read_splits(config, layout)
    if not layout.declared:
        labels = _label_folder(config or folder / "data.yaml")
        labels = labels if labels.is_dir() else folder
        images = (
            _swap(labels, labels.name, "images")
            if labels.name.startswith("labels_")
            else _swap(labels, "labels", "images")
        )
        layout.sources.append(Source(images if images.is_dir() else labels, None, labels))
    return layout


def _read_lists(darknet: Path, layout: Layout) -> bool:
    """Take the lists of images of an `obj.data` as sources; False where none of them is there."""
    for key, place in _darknet(darknet).items():
        if (split := split_name(key)) is None:
            continue
        if (path := _placed(layout.root, place)).is_file():
            layout.sources.append(Source(path, split, None))
        else:
            layout.problems.append(Problem(darknet.name, f"{key}: {place} is not there"))
    return bool(layout.sources)


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
            if any(source.path == path for source in layout.sources):
                continue  # where there is no val, that is the folder of train: Ultralytics wants one
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
            yield beside if line.startswith("./") or beside.exists() else _placed(root, line)


def _placed(root: Path, place: str) -> Path:
    """What a path means below a root. Lists carry folders that an export has not, as CVAT's `data/`, or those of the
    machine that they were written on: the longest end counts that has something there, an image or its label file."""
    parts = PurePosixPath(place.replace("\\", "/")).parts
    ends = [root.joinpath(*parts[n:]) for n in range(len(parts))] or [root]
    return next((end for end in ends if end.exists() or label_of(end).exists()), ends[0])


def label_place(image: Path) -> Path:
    """Where Ultralytics looks for an image's label file: `labels` for the last `images` of its path."""
    return Path(_swap(image.parent, "images", "labels"), image.with_suffix(".txt").name)


def label_of(image: Path) -> Path:
    """The label file of an image: where Ultralytics looks, or one beside it."""
    swapped = label_place(image)
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
    if base.is_file() and names:
        parts = names[0].split("/")
        names += ["/".join(parts[n:]) for n in range(1, len(parts))]
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
