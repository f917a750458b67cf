"""COCO's objects as annotations of a task's type: boxes, polygons, masks, keypoints.

Most of a large file is polygons of one ring, which are COCO's and ours byte for byte: they are checked, and not decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct

from trainset.core.model import Annotation, AttributeValue, Task, Undecoded
from trainset.errors import RecordError
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Rle, rle, skeleton_of
from trainset_vision.annotations.keypoints import HIDDEN, NOT_LABELLED, VISIBLE
from trainset_vision.formats.coco_json import Category, Object
from trainset_vision.formats.coco_masks import Rings, drawn, outlines
from trainset_vision.formats.reading import LIMIT, wrong_box

Size = tuple[int, int]
"""Height and width of an image."""

Attributes = dict[str, AttributeValue]
Maker = Callable[[Object, Size | None, str, str, float | None, Attributes], Annotation]
"""Makes an annotation with this id, label, score and these attributes of an object; `Left` where it cannot."""

NOTHING_DRAWN = (b"", b"[]", b"[[]]", b"null")

_BLANKS = b" \t\r\n"
_SKELETONS = frozenset(b"[[%b]]" % (b"," * commas) for commas in range(5, 2000, 2))
"""What is left of rings without their numbers."""

_LONG = 150
"""Where every stretch of so many characters has a comma, no number is as long as an infinite one would be."""


class Left(Exception):
    """Why an object is not read. `many` says that it reads on after a number, and is counted."""

    def __init__(self, message: str, many: bool = True) -> None:
        super().__init__(message)
        self.message, self.many = message, many


class StoredPolygon(Undecoded, kw_only=True, frozen=True, tag="polygon"):
    """A `Polygon` as bytes; `one_ring` and `_decoded` say which may be one."""

    polygon: Raw


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


def maker(task: Task, categories: Sequence[Category] = (), *, results: bool = False) -> Maker:
    """What makes annotations for a task of objects with these categories: of its own type, and boxes for any other."""
    if task.type == "keypoints":
        return _Points(task, categories, results)
    return {"polygon": polygon, "mask": mask}.get(task.type, box)


def box(one: Object, size: Size | None, id: str, label: str, score: float | None, attributes: Attributes) -> Annotation:
    """The object's box, digit by digit."""
    found = one.bbox
    if found is None or len(found) != 4:
        raise Left("annotations have no box [x, y, width, height]")
    x, y, w, h = found
    if not (-LIMIT < x < LIMIT and -LIMIT < y < LIMIT and 0 < w < LIMIT and 0 < h < LIMIT):
        raise Left(wrong_box(x, y, w, h) or "", many=False)
    return Box(id=id, label=label, score=score, attributes=attributes, box=(x, y, w, h))


def polygon(
    one: Object, size: Size | None, id: str, label: str, score: float | None, attributes: Attributes
) -> Annotation:
    """The object's rings, digit by digit, but for those that lie inside another one: to COCO they add nothing. Run
    lengths stay a mask."""
    raw = bytes(one.segmentation)
    if raw[:1] == b"{":
        return mask(one, size, id, label, score, attributes)
    compact = raw.translate(None, _BLANKS)
    if not one_ring(compact):
        rings = _decoded(compact)
        kept = outlines(rings)
        if len(kept) < len(rings):
            return Polygon(id=id, label=label, score=score, attributes=attributes, polygon=kept)
    return StoredPolygon(id=id, label=label, score=score, attributes=attributes, polygon=Raw(compact))


def one_ring(compact: bytes) -> bool:
    """Whether JSON without blanks is a list of one ring of 3 to 1,000 points, all of plain numbers.

    "Plain" leaves out what is rare and would need a second look: exponents, and numbers of hundreds of digits.
    """
    skeleton = compact.translate(None, b"0123456789.-")
    if skeleton not in _SKELETONS:
        return False
    longest = len(compact) - 2 * len(skeleton)  # at most: every other number has a digit and a comma
    return longest < 2 * _LONG or _has_commas_throughout(compact)


def _has_commas_throughout(compact: bytes) -> bool:
    start, last = 0, len(compact) - _LONG
    while start < last:
        if compact.find(b",", start, start + _LONG) < 0:
            return False
        start += _LONG
    return True


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
        about = one.bbox if one.bbox and len(one.bbox) == 4 and not wrong_box(*one.bbox) else None
        frame = UNSET if about is None else (about[0], about[1], about[2], about[3])
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
