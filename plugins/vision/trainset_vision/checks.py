"""What is wrong with an annotation on its image: places that are none, and places where the image is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import mul

from msgspec import UNSET

from trainset.core.model import Annotation
from trainset.errors import RecordError
from trainset.plugins import Rect
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox, rle
from trainset_vision.annotations.overlap import bounds, polygons
from trainset_vision.annotations.rotated_box import corners

SLACK = 0.01
"""Pixels that something may stand out of the image: what formats lose that write few digits."""

Fault = tuple[str, bool]
"""What is wrong, in words, and whether that is but a note: the annotation can be kept."""


def doubtful(annotations: Sequence[Annotation], frame: Rect | None) -> Sequence[Annotation]:
    """Those that are no boxes or polygons which, at first sight, lie in the image and enclose something: for most, that is
    all there is to look at, and every import asks for all of its annotations."""
    if frame is None:
        return annotations
    width, height = frame.width, frame.height
    found = []
    for annotation in annotations:
        if isinstance(annotation, Box):
            x, y, w, h = annotation.box
            if w > 0 < h and x >= 0 <= y and x + w <= width and y + h <= height:
                continue
        elif (
            isinstance(annotation, Polygon)
            and annotation.polygon
            and all(_plain(ring, width, height) for ring in annotation.polygon)
        ):
            continue
        found.append(annotation)
    return found


def _plain(ring: tuple[float, ...], width: float, height: float) -> bool:
    if len(ring) < 6 or len(ring) % 2 or math.isnan(sum(ring)):
        return False
    xs, ys = ring[::2], ring[1::2]
    if not (min(xs) >= 0 <= min(ys) and max(xs) <= width and max(ys) <= height):
        return False
    return (xs[1] - xs[0]) * (ys[2] - ys[0]) != (xs[2] - xs[0]) * (ys[1] - ys[0])


def faults(annotation: Annotation, frame: Rect | None) -> Iterator[Fault]:
    """What is wrong with an annotation on an image that takes `frame`, None where its size is not known.

    That outlines cross themselves is for a rule to find: it takes time, and the region has a meaning even so.
    """
    match annotation:
        case Box():
            yield from _box(annotation.box, "the box", frame)
        case RotatedBox():
            yield from _rotated(annotation.rotated_box, frame)
        case Polygon():
            yield from _polygon(annotation.polygon, frame)
        case Polyline():
            yield from _polyline(annotation.polyline, frame)
        case Mask():
            yield from _mask(annotation, frame)
        case Keypoints():
            yield from _keypoints(annotation, frame)


def _box(box: tuple[float, float, float, float], what: str, frame: Rect | None) -> Iterator[Fault]:
    x, y, w, h = box
    if not _finite(box):
        yield _not_finite(what)
    elif w <= 0 or h <= 0:
        yield f"{what} has no area: it is {w:g}×{h:g}", False
    else:
        yield from _placed(x, y, x + w, y + h, f"{what} [{x:g}, {y:g}, {w:g}, {h:g}]", frame)


def _rotated(box: tuple[float, ...], frame: Rect | None) -> Iterator[Fault]:
    width, height = box[2:4]
    if not _finite(box):
        yield _not_finite("the rotated box")
    elif width <= 0 or height <= 0:
        yield f"the rotated box has no area: it is {width:g}×{height:g}", False
    elif place := bounds(corners(box)):
        yield from _placed(place.x, place.y, place.right, place.bottom, "the rotated box", frame)


def _polygon(rings: tuple[tuple[float, ...], ...], frame: Rect | None) -> Iterator[Fault]:
    if not rings:
        yield "the polygon has no points", False
        return
    for ring in rings:
        if len(ring) % 2:
            yield f"a ring of the polygon has {len(ring)} numbers, which are not pairs of x and y", False
            return
        if len(ring) < 6:
            yield f"a ring of the polygon has {len(ring) // 2} points; it takes three to bound something", False
            return
        if not _finite(ring):
            yield _not_finite("the polygon")
            return
    if not any(map(_encloses, rings)) and not polygons([rings])[0].area:
        yield "the polygon has no area", False
        return
    yield from _spanning([ring[::2] for ring in rings], [ring[1::2] for ring in rings], "the polygon", frame)


def _polyline(line: tuple[float, ...], frame: Rect | None) -> Iterator[Fault]:
    xs, ys = line[::2], line[1::2]
    if len(line) % 2:
        yield f"the line has {len(line)} numbers, which are not pairs of x and y", False
    elif len(line) < 4:
        yield f"the line has {len(line) // 2} points; it takes two", False
    elif not _finite(line):
        yield _not_finite("the line")
    elif min(xs) == max(xs) and min(ys) == max(ys):
        yield "the line has no length", False
    else:
        yield from _spanning([xs], [ys], "the line", frame)


def _mask(mask: Mask, frame: Rect | None) -> Iterator[Fault]:
    height, width = mask.mask.size
    if frame and (width, height) != (frame.width, frame.height):
        yield f"the mask is {width}×{height} large, the image {frame.width:g}×{frame.height:g}", False
    else:
        try:
            if not rle.area(rle.runs(mask.mask.counts, mask.mask.size)):
                yield "the mask has no pixels", False
        except RecordError as error:
            yield error.message, False


def _keypoints(annotation: Keypoints, frame: Rect | None) -> Iterator[Fault]:
    labelled = [(x, y) for x, y, v in annotation.keypoints if v]
    unknown = next((v for _, _, v in annotation.keypoints if v not in (0, 1, 2)), None)
    if not all(map(_finite, annotation.keypoints)):
        yield _not_finite("a keypoint")
    elif unknown is not None:
        yield f"a keypoint's visibility is 0, 1 or 2, not {unknown}", False
    elif not labelled and annotation.box is UNSET:
        yield "none of the keypoints is labelled", False
    else:
        for x, y in labelled:
            yield from ((message, True) for message, _ in _placed(x, y, x, y, f"the keypoint [{x:g}, {y:g}]", frame))
        if annotation.box is not UNSET:
            yield from _box(annotation.box, "the box of the keypoints", frame)


def _spanning(
    xs: Sequence[Sequence[float]], ys: Sequence[Sequence[float]], what: str, frame: Rect | None
) -> Iterator[Fault]:
    yield from _placed(min(map(min, xs)), min(map(min, ys)), max(map(max, xs)), max(map(max, ys)), what, frame)


def _placed(left: float, top: float, right: float, bottom: float, what: str, frame: Rect | None) -> Iterator[Fault]:
    if frame is None:
        return
    size = f"which is {frame.width:g}×{frame.height:g}"
    past = left >= frame.right or top >= frame.bottom or right < frame.x or bottom < frame.y
    if past or left < right <= frame.x or top < bottom <= frame.y:
        yield f"{what} lies beside the image, {size}", False
    elif min(left - frame.x, top - frame.y, frame.right - right, frame.bottom - bottom) < -SLACK:
        yield f"{what} stands out of the image, {size}", True


def _encloses(ring: tuple[float, ...]) -> bool:
    """Whether a ring's signed area is not 0; one that crosses itself may enclose something even so."""
    xs, ys = ring[::2], ring[1::2]
    forth, back = sum(map(mul, xs, (*ys[1:], ys[0]))), sum(map(mul, (*xs[1:], xs[0]), ys))
    return bool(abs(forth - back) > 1e-9 * (abs(forth) + abs(back)))


def _finite(numbers: Sequence[float]) -> bool:
    return all(map(math.isfinite, numbers))


def _not_finite(what: str) -> Fault:
    return f"{what} has a coordinate that is not a finite number", False
