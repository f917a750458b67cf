"""Whether folders of images stand for classes: nothing but a name says so, and many trees have folders for other reasons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from trainset_vision.formats.reading import images_below, is_image, split_name

Found = tuple[str | None, str, Path]
"""A split, a class and its folder."""

_KINDS = re.compile(
    "(images?|imgs?|frames?|jpegimages|imagesets|labels?|annotations?|masks?|segmentation(class|object)?|ground_?truth|gt(fine|coarse)?|"
    "depth|disparity|rgb|cam(era)?|(left|right)img8bit|velodyne|calib)[_-]?[0-9]*", re.IGNORECASE
)  # fmt: skip
"""Names of what is in every data set, not of what is on some of its images."""
_LABELS = {".txt", ".json", ".xml"}
_FOLDERS, _FILES = 20, 100
"""How much of a large tree is looked at."""


def class_folders(src: Path) -> Iterator[Found]:
    """The folders with images. One with a split's name that holds folders and no images is a split."""
    for folder in _folders(src):
        split, inner = split_name(folder.name), _folders(folder)
        if split is not None and inner and not any(is_image(p) for p in folder.iterdir() if p.is_file()):
            yield from ((split, one.name, one) for one in inner if _has_images(one))
        elif _has_images(folder):
            yield None, folder.name, folder


def of_another_kind(found: Sequence[Found]) -> bool:
    """Whether these folders are surely no classes: by their names, by labels beside the images, or by other data."""
    if any(_KINDS.fullmatch(name) for _, name, _ in found):
        return True
    beside = {place for _, _, folder in found[:_FOLDERS] for place in _folders(folder.parent)}
    if any(_KINDS.fullmatch(place.name) for place in beside):
        return True
    return any(_labelled([*islice(folder.iterdir(), _FILES)]) for _, _, folder in found[:_FOLDERS])


def doubt(found: Sequence[Found]) -> str | None:
    """Why these folders may stand for something else, in words; None where they look like classes."""
    names = {name for _, name, _ in found}
    if len(names) == 1:
        return f"there is no folder beside {found[0][1]}"
    splits: dict[str | None, set[str]] = {}
    for split, name, _ in found:
        splits.setdefault(split, set()).add(name)
    if len(splits) > 1 and sum(map(len, splits.values())) == len(names):
        told = " and ".join(sorted(str(split) for split in splits if split))
        return f"no folder is in more than one of {told}"
    deep = next((inner for _, _, folder in found[:_FOLDERS] for inner in _folders(folder) if _has_images(inner)), None)
    if deep is not None:
        return f"there are folders of images in them, such as {deep.parent.name}/{deep.name}"
    return _one_ending(found[:_FOLDERS])


def _one_ending(found: Sequence[Found]) -> str | None:
    """That all images are called the same way at the end, as frames of one recording are."""
    stems = [path.stem for _, _, folder in found for path in islice(folder.iterdir(), _FILES) if is_image(path)]
    endings = {stem.rpartition("_")[2] for stem in stems if "_" in stem}
    ending = next(iter(endings)) if len(endings) == 1 and all("_" in stem for stem in stems) else ""
    return f"the images in all of them are called …_{ending}" if len(ending) > 3 and not ending.isdecimal() else None


def _labelled(paths: Sequence[Path]) -> bool:
    """Whether a file of labels lies beside an image of its name."""
    stems = {path.stem for path in paths if is_image(path)}
    return any(path.suffix.lower() in _LABELS and path.stem in stems for path in paths)


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def _has_images(folder: Path) -> bool:
    return next(images_below(folder), None) is not None
