"""From one kind of place to another: exact where it can be, with the loss stated where it cannot.

Regions are rings `((x1, y1, x2, y2, …), …)` as in `Polygon`, or runs (`Rle`) as in `Mask`; boxes are `(x, y, w, h)` and
`(cx, cy, w, h, degrees)`. All are in the pixels of the upright image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item
from trainset.errors import RecordError
from trainset_vision.annotations import (
    Box,
    BoxOps,
    KeypointsOps,
    Mask,
    MaskOps,
    Polygon,
    PolygonOps,
    PolylineOps,
    Rle,
    RotatedBox,
    RotatedBoxOps,
    rle,
)
from trainset_vision.annotations.overlap import Rings, bounds, levels, polygons
from trainset_vision.annotations.rotated_box import corners

if TYPE_CHECKING:
    from shapely import Geometry

XYWH = tuple[float, float, float, float]
Ring = tuple[float, ...]

_STEPS = 50_000_000
"""COCO's drawing takes memory by an outline's length in fifths of a pixel; so many are 200 MB."""

_FARTHEST = 1e100
"""Coordinates beyond it are drawn wrong or not at all: products of four of them overflow."""


# -- boxes -------------------------------------------------------------------------------------------------


def box_of(annotation: Annotation) -> XYWH | None:
    """The smallest axis-parallel box about an annotation of any type here (keypoints: their own); None if it has no place."""
    for ops in (BoxOps, RotatedBoxOps, PolygonOps, MaskOps, PolylineOps, KeypointsOps):
        place = ops().extent(annotation, Item(key=""))
        if place is not None:
            return place.x, place.y, place.width, place.height
    return None


def rotated_to_box(box: Sequence[float]) -> XYWH:
    """The smallest axis-parallel box about a rotated one."""
    place = bounds(corners(box))
    if place is None:
        raise RecordError("a rotated box has a coordinate that is not a finite number")
    return place.x, place.y, place.width, place.height


def rotated_to_polygon(box: Sequence[float]) -> tuple[Ring, ...]:
    """The four corners of a rotated box, as one ring; nothing is lost but where its angle starts."""
    return (tuple(corners(box).ravel().tolist()),)


def box_to_polygon(box: Sequence[float]) -> tuple[Ring, ...]:
    """The four corners of an axis-parallel box, as one ring."""
    x, y, w, h = box
    return ((x, y, x + w, y, x + w, y + h, x, y + h),)


def fitted_rotated_box(region: Rings | Rle) -> tuple[float, float, float, float, float] | None:
    """The rotated box of least area about a region, its angle from 0 to 90; None about nothing.

    Exact for what it is about: of a mask that is the corners of its pixels. The region itself may fill less of it.
    """
    import shapely

    rings = mask_to_polygon(region) if isinstance(region, Rle) else region
    points = [np.array(ring, np.float64).reshape(-1, 2) for ring in rings if len(ring)]
    if not points or not np.isfinite(np.concatenate(points)).all():
        return None
    corner = shapely.get_coordinates(shapely.oriented_envelope(shapely.multipoints(np.concatenate(points))))
    if len(corner) < 4:  # all on one line, or in one place
        corner = np.concatenate((corner[:1], corner[-1:], corner[-1:], corner[:1]))
    cx, cy = corner[:4].mean(axis=0).tolist()
    sides = np.diff(corner[:3], axis=0)
    long, short = sorted(np.hypot(*sides.T).tolist(), reverse=True)
    x, y = sides[np.hypot(*sides.T).argmax()].tolist()
    angle = math.degrees(math.atan2(y, x)) % 180
    return (cx, cy, long, short, angle) if angle < 90 else (cx, cy, short, long, angle - 90)


# -- regions -----------------------------------------------------------------------------------------------


def polygon_to_mask(rings: Rings, size: Sequence[int]) -> Rle:
    """The pixels of a region in an image of `size` (height, width), as COCO's tools draw each ring.

    A pixel belongs to the region where COCO's rule says so (about: where its centre is inside), so that areas agree with
    pycocotools' to the pixel; what is outside the image is cut off. RecordError for rings that cannot be drawn.
    """
    from pycocotools import mask as coco

    height, width = int(size[0]), int(size[1])
    empty: Any = {"size": [height, width], "counts": rle.compress([rle.total((height, width))]).encode()}
    sound = [ring for ring in rings if len(ring) >= 6 and len(ring) % 2 == 0 and np.isfinite(ring).all()]
    if any(max(map(abs, ring)) > _FARTHEST for ring in sound):
        raise RecordError("the outline of a region leads too far away to be drawn")
    drawn: Any = empty
    for level, group in enumerate(_grouped(sound)):
        flat = [points for ring in group for points in _near(ring, height, width)]
        layer = coco.merge(coco.frPyObjects(flat, height, width)) if flat else empty
        drawn = coco.merge([drawn, _complement(layer)], intersect=True) if level % 2 else coco.merge([drawn, layer])
    return Rle((height, width), drawn["counts"].decode("ascii"))


def mask_to_polygon(mask: Rle) -> tuple[Ring, ...]:
    """The region of a mask as rings along the edges of its pixels: parts, and holes in them.

    It is exact: `polygon_to_mask` gives the same mask, and the area is the number of pixels. Corners are whole numbers.
    Pixels that touch at a corner alone bound rings of their own. RecordError where the runs cannot be read.
    """
    import cv2

    pixels, left, top = rle.window(rle.runs(mask.counts, mask.size), mask.size)
    if not pixels.size:
        return ()
    # In a picture twice as large, the outline that OpenCV traces through pixels runs on one side of each pixel's edge
    # only, so that halving it, rounded up, gives the edges: outside of parts, inside of holes, and in all corners.
    doubled = pixels.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    traced, _ = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return tuple(
        tuple((corner + np.array([left, top])).ravel().astype(float).tolist())
        for contour in traced
        for ring in _loops(_turns((contour[:, 0].astype(np.int64) + 1) // 2))
        if len(corner := _turns(ring)) > 3
    )


def mask_area(mask: Rle) -> int:
    """How many pixels a mask has. RecordError where the runs cannot be read."""
    return rle.area(rle.runs(mask.counts, mask.size))


def polygon_area(rings: Rings) -> float:
    """The area of a region in square pixels, without its holes."""
    return float(polygons([rings])[0].area)


def simplified(rings: Rings, tolerance: float) -> tuple[Ring, ...]:
    """A region with fewer points, none of whose outlines moved by more than `tolerance` pixels.

    By Douglas and Peucker (1973), without letting outlines cross. What it cost is `differing_area`.
    """
    return rings_of(polygons([rings])[0].simplify(tolerance, preserve_topology=True))


def differing_area(a: Rings, b: Rings) -> float:
    """The area, in square pixels, that belongs to one of two regions only."""
    left, right = polygons([a, b])
    return float(left.symmetric_difference(right).area)


def rings_of(area: Geometry) -> tuple[Ring, ...]:
    """A geometry's areas as rings: outlines and holes; lines and points in it have none."""
    import shapely

    parts = [part for part in shapely.get_parts(area).tolist() if part.geom_type == "Polygon" and not part.is_empty]
    return tuple(
        tuple(np.asarray(line.coords)[:-1, :2].ravel().tolist())
        for part in parts
        for line in (part.exterior, *part.interiors)
    )


def region_of(annotation: Annotation) -> tuple[Ring, ...]:
    """The outline of a box, rotated box, polygon or mask; empty for what has no area."""
    match annotation:
        case Box():
            return box_to_polygon(annotation.box)
        case RotatedBox():
            return rotated_to_polygon(annotation.rotated_box)
        case Polygon():
            return annotation.polygon
        case Mask():
            return mask_to_polygon(annotation.mask)
    return ()


# -- drawing -----------------------------------------------------------------------------------------------


def _grouped(rings: Sequence[Sequence[float]]) -> Iterable[list[Sequence[float]]]:
    """Rings by how deep they lie within others, from the outermost on."""
    if len(rings) < 2:
        return [list(rings)] if rings else []
    depths = levels(polygons([(ring,) for ring in rings]).tolist())
    return [[ring for ring, depth in zip(rings, depths, strict=True) if depth == n] for n in range(max(depths) + 1)]


def _near(ring: Sequence[float], height: int, width: int) -> list[list[float]]:
    """The ring as it can be drawn: as it is, or, where it leads far away from the image, the part of it that is near."""
    import shapely

    points = np.array(ring, np.float64).reshape(-1, 2)
    far = 2 * max(height, width) + 16
    near = [points]
    if np.abs(points).max() > far:
        clipped = shapely.clip_by_rect(polygons([(ring,)])[0], -far, -far, far, far)
        near = [np.array(part).reshape(-1, 2) for part in rings_of(clipped)]
    if sum(np.abs(np.diff(part, axis=0, append=part[:1])).sum() for part in near) * 5 > _STEPS:
        raise RecordError("the outline of a region is too long to be drawn")
    return [part.ravel().tolist() for part in near]


def _complement(mask: Any) -> Any:
    lengths = rle.runs(mask["counts"].decode("ascii"), mask["size"])
    other = lengths[1:] if lengths[0] == 0 and len(lengths) > 1 else np.concatenate(([0], lengths))
    return {"size": mask["size"], "counts": rle.compress(other).encode()}


# -- tracing -----------------------------------------------------------------------------------------------


def _turns(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """A ring's points without those that stand twice in a row, or between two others on one line."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    into, out = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    kept: NDArray[np.int64] = points[into[:, 0] * out[:, 1] != into[:, 1] * out[:, 0]]
    return kept


def _loops(points: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """A ring as rings that pass no point twice."""
    if len(np.unique(points, axis=0)) == len(points):
        return [points]
    found: list[NDArray[np.int64]] = []
    path: list[tuple[int, int]] = []
    place: dict[tuple[int, int], int] = {}
    for x, y in points.tolist():
        if (start := place.get((x, y))) is not None:
            found.append(np.array(path[start:]))
            for point in path[start + 1 :]:
                del place[point]
            del path[start + 1 :]
        else:
            place[x, y] = len(path)
            path.append((x, y))
    return [*found, np.array(path)]
