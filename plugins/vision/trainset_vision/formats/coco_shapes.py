"""COCO's objects as annotations of a task's type: boxes, polygons, masks, keypoints.

Most of a large file is polygons of one ring, which are COCO's and ours byte for byte: they are checked, and not decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct

from trainset.core.model import Annotation, AttributeValue, Task, Undecoded
from trainset.errors import RecordError
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Rle, rle, skeleton_of
from trainset_vision.annotations.keypoints import HIDDEN, NOT_LABELLED, VISIBLE
from trainset_vision.formats.coco_json import Category, Object
from trainset_vision.formats.coco_masks import Rings, drawn, outlines
from trainset_vision.formats.reading import LIMIT, Left, wrong_box

Size = tuple[int, int]
"""Height and width of an image."""

Xywh = tuple[float, float, float, float]
Attributes = dict[str, AttributeValue]
Maker = Callable[[Object, Size | None, str, str, float | None, Attributes], Annotation | Undecoded]
"""Makes an annotation with this id, label, score and these attributes of an object; `Left` where it cannot."""

NOTHING_DRAWN = (b"", b"[]", b"[[]]", b"null")

_BLANKS = b" \t\r\n"
_BETWEEN = b'\0"polygon":'
_SKELETONS = frozenset(b'"polygon":[[%b]]' % (b"," * commas) for commas in range(5, 2000, 2))
"""What is left of rings without their numbers."""

_ANY = (LIMIT - 1, LIMIT - 1)
"""What any box lies in that is one, where an image's size is not known."""

_LONG = 300
"""Where every stretch of so many characters has a comma, no number is as long as an infinite one would be."""


class _Common(Struct, omit_defaults=True):
    score: float | None = None
    attributes: Attributes = {}


class _Compressed(Struct):
    size: Size
    counts: str


class _Runs(Struct):
    size: Size
    counts: list[int]


_rings = msgspec.json.Decoder(tuple[tuple[float, ...], ...])
_mask = msgspec.json.Decoder(_Compressed)
_runs = msgspec.json.Decoder(_Runs)
_numbers = msgspec.json.Decoder(list[float])
_xywh = msgspec.json.Decoder(Xywh)
_boxes = msgspec.json.Decoder(list[Xywh])


def maker(task: Task, categories: Sequence[Category] = (), *, results: bool = False) -> Maker:
    """What makes annotations for a task of objects with these categories: of its own type, and boxes for any other."""
    if task.type == "keypoints":
        return _Points(task, categories, results)
    return {"polygon": polygon, "mask": mask}.get(task.type, box)


def box(one: Object, size: Size | None, id: str, label: str, score: float | None, attributes: Attributes) -> Annotation:
    """The object's box, digit by digit."""
    found = _box(one)
    if found is None:
        if bytes(one.bbox).translate(None, _BLANKS) in NOTHING_DRAWN:
            raise Left("annotations have no box [x, y, width, height]")
        raise Left("it has no box [x, y, width, height] of finite numbers", many=False)
    if not _is_box(found):
        raise Left(wrong_box(*found) or "", many=False)
    return Box(id=id, label=label, score=score, attributes=attributes, box=found)


def plain_boxes(boxes: Sequence[Raw], sizes: Sequence[Size | None], counts: Sequence[int]) -> Sequence[bytes | None]:
    """Boxes as the field of a stored `Box`, so many (`counts`) in images of each of the `sizes`; None for what is no box, or
    stands out of its image, and needs a second look."""
    if not boxes:
        return []
    try:
        found = _boxes.decode(b"[%b]" % b",".join(boxes))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [None] * len(boxes)
    x, y, w, h = np.fromiter(chain.from_iterable(found), np.float64, 4 * len(found)).reshape(-1, 4).T
    height, width = np.array([size or _ANY for size in sizes]).repeat(counts, axis=0).T
    doubtful = (np.minimum(x, y) < 0) | (np.minimum(w, h) <= 0) | (x + w > width) | (y + h > height)
    fields: list[bytes | None] = []
    fields += (b'"box":' + msgspec.json.encode(found)[1:-1].replace(b"],[", b']\0"box":[')).split(b"\0")
    for number in np.flatnonzero(doubtful).tolist():
        fields[number] = None
    return fields


def _is_box(found: Xywh) -> bool:
    x, y, w, h = found
    return -LIMIT < x < LIMIT and -LIMIT < y < LIMIT and 0 < w < LIMIT and 0 < h < LIMIT


def _box(one: Object) -> Xywh | None:
    """The object's box where it is four finite numbers."""
    try:
        found: Xywh = _xywh.decode(one.bbox)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found


def polygon(
    one: Object, size: Size | None, id: str, label: str, score: float | None, attributes: Attributes
) -> Annotation | Undecoded:
    """The object's rings, digit by digit, but for those that lie inside another one: to COCO they add nothing. Run
    lengths stay a mask."""
    raw = bytes(one.segmentation)
    if raw[:1] == b"{":
        return mask(one, size, id, label, score, attributes)
    compact = raw.translate(None, _BLANKS)
    rings = _decoded(compact)
    kept = outlines(rings)
    if len(kept) < len(rings):
        return Polygon(id=id, label=label, score=score, attributes=attributes, polygon=kept)
    return stored(id, label, score, attributes, _BETWEEN[1:] + compact)


def stored(id: str, label: str, score: float | None, attributes: Attributes, outline: bytes) -> Undecoded:
    """A polygon as it is stored, of an outline as `plain_outlines` gives it."""
    common = b"" if score is None and not attributes else msgspec.json.encode(_Common(score, attributes))[1:-1] + b","
    return Undecoded("polygon", id, label, common + outline)


def plain_outlines(segmentations: Sequence[Raw]) -> list[bytes | None]:
    """Segmentations as the field of a stored `Polygon`, where each is one ring of 3 to 1,000 points, all of plain
    numbers; None for what needs a second look.

    "Plain" leaves out what is rare: exponents, and numbers of hundreds of digits. A NUL, which no JSON holds, keeps them
    apart, so that a few passes over their bytes look at all of them.
    """
    if not segmentations:
        return []
    joined = _BETWEEN.join([b"", *segmentations])[1:].translate(None, _BLANKS)
    outlines, skeletons = joined.split(b"\0"), joined.translate(None, b"0123456789.-").split(b"\0")
    short = _has_commas_throughout(joined)
    if short and _SKELETONS.issuperset(skeletons):
        return list(outlines)
    return [
        outline if skeleton in _SKELETONS and (short or _has_commas_throughout(outline)) else None
        for outline, skeleton in zip(outlines, skeletons, strict=True)
    ]


def _has_commas_throughout(text: bytes) -> bool:
    """Whether no stretch of `_LONG` bytes lacks a comma."""
    at, last = 0, len(text) - _LONG
    while 0 <= at < last:
        at = text.rfind(b",", at + 1, at + _LONG)
    return at >= 0


def _decoded(compact: bytes) -> Rings:
    """Rings of three points or more, all finite; Left for anything else."""
    if compact in NOTHING_DRAWN:
        raise Left("annotations have a box only, no outline")
    try:
        rings = _rings.decode(compact)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Left(f"the segmentation cannot be read: {error}", many=False) from error
    if not rings or any(len(ring) < 6 or len(ring) % 2 for ring in rings):
        raise Left("the segmentation has a ring with fewer than three points, or half a point", many=False)
    if not all(min(ring) > -LIMIT and max(ring) < LIMIT for ring in rings):
        raise Left("the segmentation lies outside of any image", many=False)
    return rings


def mask(
    one: Object, size: Size | None, id: str, label: str, score: float | None, attributes: Attributes
) -> Annotation:
    """The object's pixels: run lengths as they are, rings drawn as COCO's own tools draw them."""
    raw = bytes(one.segmentation)
    if raw[:1] == b"{":
        found = _run_lengths(raw)
        if size is not None and found.size != size:
            raise Left("masks have another size than their image")
    else:
        rings = _decoded(raw.translate(None, _BLANKS))
        if size is None:
            raise Left("outlines cannot be drawn: the file does not say how large their images are")
        try:
            found = drawn(rings, size)
        except RecordError as error:
            raise Left(error.message, many=False) from error
    return Mask(id=id, label=label, score=score, attributes=attributes, mask=found)


def _run_lengths(raw: bytes) -> Rle:
    try:
        try:
            found = _mask.decode(raw)
            counts = found.counts
        except msgspec.ValidationError:
            plain = _runs.decode(raw)
            if min(plain.counts, default=-1) < 0 or sum(plain.counts) != plain.size[0] * plain.size[1]:
                raise Left("the runs of the mask do not fill its size", many=False) from None
            found, counts = _Compressed(plain.size, ""), rle.compress(plain.counts)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Left(f"the mask cannot be read: {error}", many=False) from error
    if wrong := rle.problem(counts, found.size):
        raise Left(wrong, many=False)
    return Rle(found.size, counts)


class _Points:
    """Makes keypoints, in the order of the task's skeleton."""

    def __init__(self, task: Task, categories: Sequence[Category], results: bool) -> None:
        self._points, self._results = skeleton_of(task).points, results
        self._names = {category.id: points_of(category) for category in categories}

    def __call__(
        self, one: Object, size: Size | None, id: str, label: str, score: float | None, attributes: Attributes
    ) -> Annotation:
        """The object's points; its box too, where it has a sound one."""
        raw = bytes(one.keypoints)
        if raw.translate(None, _BLANKS) in NOTHING_DRAWN:
            raise Left("annotations have no keypoints")
        try:
            flat = _numbers.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Left(f"the keypoints cannot be read: {error}", many=False) from error
        if len(flat) % 3 or max(map(abs, flat)) >= LIMIT:
            raise Left("the keypoints are no list of x, y and visibility", many=False)
        given = [(flat[n], flat[n + 1], self._visibility(flat[n + 2])) for n in range(0, len(flat), 3)]
        found = self._in_order(one.category_id, given)
        about = _box(one)
        frame = UNSET if about is None or wrong_box(*about) else about
        return Keypoints(id=id, label=label, score=score, attributes=attributes, keypoints=tuple(found), box=frame)

    def _visibility(self, number: float) -> int:
        if number in (NOT_LABELLED, HIDDEN, VISIBLE):
            return int(number)
        if self._results:  # models write how sure they are of a point
            return VISIBLE if number > 0 else NOT_LABELLED
        raise Left(f"a keypoint's visibility is {number:g}, not 0, 1 or 2", many=False)

    def _in_order(
        self, category: int | None, found: list[tuple[float, float, int]]
    ) -> Sequence[tuple[float, float, int]]:
        names, wanted = self._names.get(category or 0, ()), self._points
        if not wanted:
            return found
        if len(found) != len(wanted) or (names and sorted(names) != sorted(wanted)):
            raise Left(f"objects have other points than the task: {', '.join(names) or len(found)}")
        if not names or names == wanted:
            return found
        return [found[names.index(name)] for name in wanted]


def points_of(category: Category) -> tuple[str, ...]:
    """The names of a category's keypoints, empty where it has none."""
    try:
        return msgspec.json.decode(category.keypoints, type=tuple[str, ...]) if len(category.keypoints) else ()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()


def edges_of(category: Category, points: int) -> list[tuple[int, int]]:
    """The lines between a category's keypoints, by their numbers from 1 on; those between others are left out."""
    try:
        found = msgspec.json.decode(category.skeleton, type=list[tuple[int, int]]) if len(category.skeleton) else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [(a, b) for a, b in found if 1 <= a <= points and 1 <= b <= points]
