"""Where a folder keeps its masks, and which image each of them is of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainset_vision.formats.reading import images_below, split_name
from trainset_vision.modality import SUFFIXES

_MASKS = {
    "masks", "mask", "segmentationclass", "labels", "label", "annotations", "gt", "ground_truth", "segmentation", "seg",
    "semantic_maps", "masks_machine", "trainannot", "valannot", "testannot",
}  # fmt: skip
_IMAGES = {"images", "image", "img", "imgs", "jpegimages", "photos", "rgb"}
_PASSED = {"segmentationobject", "masks_human", "instances"}
_ENDINGS = ("_mask", "-mask", "_masks", ".mask", "_L", "_gt", "_seg", "_label", "_labels")


@dataclass(frozen=True)
class MaskFile:
    """A mask: `label` is the class that its place says it is of, None where its pixels say so."""

    path: Path
    label: str | None


@dataclass
class Masked:
    """An image's masks. `parts` are its folders and its stem, `bare` the stem if the mask's name ends in what marks masks,
    `image` where it lies, if it does."""

    parts: tuple[str, ...]
    split: str | None
    bare: str
    image: Path | None = None
    masks: list[MaskFile] = field(default_factory=list)

    def names(self, src: Path) -> Iterator[str]:
        """Names by which a dataset may know the image, the likeliest first."""
        if self.image is not None:
            named = "/".join(self.parts)
            yield named + self.image.suffix
            yield self.image.relative_to(src).as_posix()
            yield self.image.name
        for parts in dict.fromkeys((self.parts, (*self.parts[:-1], self.bare))):
            for start in range(len(parts)):
                yield from ("/".join(parts[start:]) + suffix for suffix in SUFFIXES)


@dataclass(frozen=True)
class _Place:
    """A file's folders but the one that says what it holds, and its stem; `bare` is the stem without what marks masks."""

    path: Path
    parts: tuple[str, ...]
    bare: str

    @property
    def where(self) -> tuple[str | None, tuple[str, ...]]:
        """The split, and the parts without it."""
        found = next(((n, split) for n, part in enumerate(self.parts[:-1]) if (split := split_name(part))), None)
        return (found[1], self.parts[: found[0]] + self.parts[found[0] + 1 :]) if found else (None, self.parts)


def masked(src: Path, known: Collection[str] = (), *, folders: bool = False) -> list[Masked]:
    """The images of a folder that have masks, in the order of their names.

    `known` are names of classes: `<class>/<image>.png` and `<image>_<class>.png` are masks of one of them. `folders` says
    that all folders of masks are called like a class.
    """
    masks, images = places(src)
    at: dict[str, list[_Place]] = {}
    for place in images:
        at.setdefault(place.parts[-1], []).append(place)
    found: dict[tuple[str | None, tuple[str, ...]], Masked] = {}
    for place in masks:
        label, place = (None, place) if _image(place.parts, at) else _of_class(place, known, folders)  # noqa: PLW2901
        if place.where not in found:
            named = (place.parts, (*place.parts[:-1], place.bare))
            image = next((path for find in (_image, _anywhere) for parts in named if (path := find(parts, at))), None)
            found[place.where] = Masked(place.where[1], place.where[0], place.bare, image)
        found[place.where].masks.append(MaskFile(place.path, label))
    return [found[key] for key in sorted(found, key=lambda key: (key[1], key[0] or ""))]


def class_folders(src: Path) -> list[str]:
    """The folders of masks that may be called like classes: they are no splits, and hold masks themselves."""
    named = {place.where[1][-2]: None for place in places(src)[0] if len(place.where[1]) > 1}
    return list(named)


def places(src: Path) -> tuple[list[_Place], list[_Place]]:
    """The masks in a folder, and its other images."""
    masks: list[_Place] = []
    images: list[_Place] = []
    for path in images_below(src):
        *folders, _ = path.relative_to(src).parts
        said = next((n for n, part in enumerate(folders) if part.lower() in _MASKS | _IMAGES | _PASSED), None)
        holds = (src.name if said is None else folders[said]).lower()
        if said is not None:
            folders[said : said + 1] = [holds.removesuffix("annot")] if holds.endswith("annot") else []
        ending = next((end for end in _ENDINGS if path.stem.endswith(end) and path.stem != end), "")
        if holds in _MASKS or (ending and holds not in _PASSED):
            bare = path.stem.removesuffix(ending)
            masks.append(_Place(path, (*folders, path.stem if holds in _MASKS else bare), bare))
        elif holds not in _PASSED:
            images.append(_Place(path, (*folders, path.stem), path.stem))
    return masks, images


def _image(parts: tuple[str, ...], at: dict[str, list[_Place]]) -> Path | None:
    """The image in folders of the same names."""
    same = [image.path for image in at.get(parts[-1], ()) if image.parts == parts]
    return same[0] if len(same) == 1 else None


def _anywhere(parts: tuple[str, ...], at: dict[str, list[_Place]]) -> Path | None:
    """The only image of the same stem."""
    named = at.get(parts[-1], [])
    return named[0].path if len(named) == 1 else None


def _of_class(place: _Place, known: Collection[str], folders: bool) -> tuple[str | None, _Place]:
    """The class that a mask's place names, and its place without that."""
    *above, stem = place.parts
    if above and (above[-1] in known or (folders and not split_name(above[-1]))):
        return above[-1], _Place(place.path, (*above[:-1], stem), place.bare)
    for name in sorted(known, key=len, reverse=True):
        if stem.endswith((f"_{name}", f"-{name}")):
            return name, _Place(place.path, (*above, stem[: -len(name) - 1]), stem[: -len(name) - 1])
    return None, place
