"""COCO files as typed values: decoded at once where they are sound, element by element where they are not.

What is not used stays undecoded (`msgspec.Raw`), and the garbage collector pauses while the objects are built: they
are many, and none of them is garbage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from trainset.errors import TrainsetError
from trainset.plugins import Problem, collector_paused
from trainset_vision.formats.reading import EDGE, read_bytes

T = TypeVar("T")
Id = int | str
NOTHING = Raw(b"")

_WHOLE = re.compile(rb"(-?\d+)\.0+")
_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)', re.DOTALL)


class Image(Struct, gc=False):
    """An entry of `images`."""

    id: Id
    file_name: str
    width: float | None = None
    height: float | None = None
    geo: Any = None


class Category(Struct, gc=False):
    """An entry of `categories`. `keypoints` are names, `skeleton` pairs of their numbers from 1 on."""

    id: int
    name: str
    keypoints: Raw = NOTHING
    skeleton: Raw = NOTHING


class Object(Struct, gc=False):
    """An entry of `annotations`, or of a results file; its places are not decoded. `bbox` is `[x, y, width, height]` in
    pixels.

    `segmentation` is a list of rings, or run lengths; `keypoints` are `[x1, y1, v1, …]`.
    """

    image_id: Id
    category_id: int | None = None
    bbox: Raw = NOTHING
    id: Id | None = None
    iscrowd: int | bool | None = None
    score: float | None = None
    file_name: str | None = None
    attributes: dict[str, Any] | None = None
    segmentation: Raw = NOTHING
    keypoints: Raw = NOTHING


class _Of(Struct):
    image_id: Id


class Listing(Struct):
    """What an instances file lists; `annotations` are those that could be decoded."""

    images: list[Image]
    categories: list[Category]
    annotations: list[Object] = []


class _Instances(Struct):
    images: list[Image]
    categories: list[Category]
    annotations: list[Object]


class _Elements(Struct):
    images: list[Raw]
    categories: list[Raw]
    annotations: list[Raw]


class _Names(Struct):
    images: list[Image]
    categories: list[Category]


class Caption(Struct, gc=False):
    """An entry of a captions file."""

    image_id: Id
    caption: str


class _Captions(Struct):
    annotations: list[Caption]


def looks_like(path: Path) -> str | None:
    """ "instances" or "results" where the first and last bytes of a file look like COCO, else None."""
    try:
        with path.open("rb") as stream:
            head = stream.read(EDGE).removeprefix(b"\xef\xbb\xbf").lstrip()
            stream.seek(max(0, stream.seek(0, 2) - EDGE))
            edges = head + stream.read(EDGE)
    except OSError:
        return None
    if head.startswith(b"["):
        return "results" if b'"image_id"' in head and b'"category_id"' in head else None
    listed = b'"images"' in edges or b'"image_id"' in edges
    named = sum(name in edges for name in (b'"images"', b'"annotations"', b'"categories"', b'"image_id"'))
    return "instances" if head.startswith(b"{") and b'"shapes"' not in head and listed and named >= 2 else None


@dataclass(frozen=True)
class Read:
    """What a file lists, and which elements of it could not be decoded.

    `unread` are the images of annotations that could not be: None where such an annotation does not say of which it is.
    """

    listing: Listing
    problems: Sequence[Problem] = ()
    unread: AbstractSet[Id | None] = frozenset()


def read_instances(path: Path) -> Read:
    """The images, categories and annotations of a file."""
    with collector_paused():
        try:
            found = _decode(path, _data(path), _Instances)
        except msgspec.ValidationError:
            return _one_by_one(path)
        return Read(Listing(found.images, found.categories, found.annotations))


def _one_by_one(path: Path) -> Read:
    try:
        found = _decode(path, _data(path), _Elements)
    except msgspec.ValidationError as error:
        raise _not_coco(path, error) from error
    problems: list[Problem] = []
    images, _ = _elements(path, "images", found.images, Image, problems)
    categories, _ = _elements(path, "categories", found.categories, Category, problems)
    annotations, refused = _elements(path, "annotations", found.annotations, Object, problems)
    return Read(Listing(images, categories, annotations), problems, set(map(_image_of, refused)))


def read_captions(path: Path) -> list[Caption]:
    """The captions in a file."""
    try:
        found: list[Caption] = _decode(path, _data(path), _Captions).annotations
    except msgspec.ValidationError as error:
        raise _not_coco(path, error) from error
    return found


def read_results(path: Path) -> Read:
    """The entries of a results file, as annotations of images that are not listed."""
    with collector_paused():
        try:
            return Read(Listing([], [], _decode(path, _data(path), list[Object])))
        except msgspec.ValidationError:
            pass
        try:
            found = _decode(path, _data(path), list[Raw])
        except msgspec.ValidationError as error:
            raise _not_coco(path, error) from error
        problems: list[Problem] = []
        results, refused = _elements(path, "", found, Object, problems)
        return Read(Listing([], [], results), problems, set(map(_image_of, refused)))


def read_names(path: Path) -> Listing:
    """The images and categories of a file; its annotations are passed over."""
    try:
        found = _decode(path, _data(path), _Names)
    except msgspec.ValidationError:
        return _one_by_one(path).listing
    return Listing(found.images, found.categories)


def _data(path: Path) -> bytes:
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    if not data or data.isspace():
        raise TrainsetError(f"{path}: the file is empty", hint="export it again from the tool that wrote it")
    return data


def _decode(path: Path, data: bytes, kind: Any) -> Any:
    """`data` as `kind`; ValidationError where it is sound JSON of another shape, TrainsetError where it is not."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        raise
    except UnicodeDecodeError as error:
        raise TrainsetError(f"{path}: it is not UTF-8: {error}", hint="save the file as UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        sound = _CONSTANT.sub(_quoted, data)  # NaN and Infinity as texts: then only their elements are refused
        if sound != data:
            return _decode(path, sound, kind)
        raise TrainsetError(f"{path}: {error}", hint="the file is damaged: export it again") from error


def _quoted(found: re.Match[bytes]) -> bytes:
    token = found[0]
    return token if token.startswith(b'"') else b'"%b"' % token


def _elements(
    path: Path, field: str, found: list[Raw], kind: type[T], problems: list[Problem]
) -> tuple[list[T], list[Raw]]:
    """The elements that can be decoded, and those that cannot, which also join `problems`."""
    decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
    sound: list[T] = []
    refused: list[Raw] = []
    for index, raw in enumerate(found):
        try:
            try:
                sound.append(decoder.decode(raw))
            except msgspec.ValidationError:
                sound.append(decoder.decode(_whole(raw)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems.append(Problem(f"{path.name}: {field}[{index}]", str(error)))
            refused.append(raw)
    return sound, refused


def _whole(element: Raw) -> bytes:
    """An element with its own whole numbers as integers: tools that keep their tables in pandas write `"iscrowd": 0.0`."""
    fields = msgspec.json.decode(element, type=dict[str, Raw])
    plain = {name: _WHOLE.fullmatch(bytes(value)) for name, value in fields.items()}
    return msgspec.json.encode({name: Raw(found[1]) if (found := plain[name]) else raw for name, raw in fields.items()})


def _image_of(element: Raw) -> Id | None:
    """The image that an annotation is of, as far as that can be told of one that cannot be decoded."""
    try:
        return msgspec.json.decode(_whole(element), type=_Of).image_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _not_coco(path: Path, error: msgspec.ValidationError) -> TrainsetError:
    return TrainsetError(
        f"{path}: this is no COCO file: {error}",
        hint="an instances file has images, annotations and categories; a results file is a list of boxes with image_id",
    )
