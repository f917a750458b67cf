"""What can be done to a region as a whole: grown, filled, split, and turned from pixels into an outline and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainset.plugins import Point
from trainset_vision.annotations.overlap import levels, polygons
from trainset_vision.conversions import Ring, differing_area, mask_to_polygon, rings_of, simplified
from trainset_vision.editing.bitmap import Bitmap, Bits

TOLERANCE = 1.0
"""How far an outline that is made of a mask may lie off the edges of its pixels, in pixels."""


def grown(bits: Bitmap, by: int) -> Bitmap:
    """By pixels in all eight directions, or with `by` below 0 shrunk; the image's edge takes nothing away."""
    import cv2

    extent = bits.extent
    if extent is None:
        return bits
    margin = abs(by) + 1
    left, top, width, height = extent[0] - margin, extent[1] - margin, extent[2] + 2 * margin, extent[3] + 2 * margin
    pixels = bits.window((left, top, width, height)).view(np.uint8)
    if by < 0:  # beside the image goes on what is at its edge
        inside = np.s_[max(-top, 0) : bits.height - top, max(-left, 0) : bits.width - left]
        edges = [
            (max(-v, 0), max(v + length - limit, 0))
            for v, length, limit in ((top, height, bits.height), (left, width, bits.width))
        ]
        pixels = np.pad(pixels[inside], edges, mode="edge")
    square = np.ones((2 * abs(by) + 1,) * 2, np.uint8)
    change = cv2.dilate if by > 0 else cv2.erode
    return bits.replaced(left, top, np.asarray(change(pixels, square)).view(bool))


def filled(bits: Bitmap, at: Point | None = None) -> Bitmap:
    """With its holes filled; with a place, only the hole that this lies in."""
    import cv2

    extent = bits.extent
    if extent is None:
        return bits
    left, top, _, _ = extent
    pixels = np.ascontiguousarray(bits.window(extent)).view(np.uint8)
    contours, tree = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = [
        c for c, (_, _, _, outer) in zip(contours, () if tree is None else tree[0].tolist(), strict=True) if outer >= 0
    ]
    if at is not None:
        place = (float(np.floor(at.x)) - left, float(np.floor(at.y)) - top)
        holes = [c for c in holes if cv2.pointPolygonTest(c, place, False) > 0]
    cv2.drawContours(pixels, holes, -1, (1,), cv2.FILLED)
    return bits.replaced(left, top, pixels.view(bool))


def parts(bits: Bitmap) -> list[Bitmap]:
    """The parts of a mask that do not touch, not at a corner either; the largest first."""
    import cv2

    extent = bits.extent
    if extent is None:
        return []
    left, top, _, _ = extent
    pixels = np.ascontiguousarray(bits.window(extent)).view(np.uint8)
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    empty = Bitmap(bits.height, bits.width, {})
    found = []
    for n in sorted(range(1, count), key=lambda n: -int(stats[n, cv2.CC_STAT_AREA])):
        x, y, w, h = stats[n, :4].tolist()
        part: Bits = numbers[y : y + h, x : x + w] == n
        found.append(empty.replaced(left + x, top + y, part))
    return found


def polygon_parts(rings: Sequence[Ring]) -> list[tuple[Ring, ...]]:
    """The parts of a region of rings, each with its holes; the largest first."""
    import shapely

    areas = shapely.get_parts(polygons([rings])).tolist()
    return [rings_of(area) for area in sorted(areas, key=lambda area: -area.area)]


def without_holes(rings: Sequence[Ring], at: Point | None = None) -> tuple[Ring, ...]:
    """The rings without those that are holes; with a place, without those about it."""
    import shapely

    areas = list(polygons([(ring,) for ring in rings]))
    here = None if at is None else shapely.Point(at.x, at.y)
    holes = [
        depth % 2 == 1 and (here is None or area.contains(here))
        for depth, area in zip(levels(areas), areas, strict=True)
    ]
    return tuple(ring for ring, hole in zip(rings, holes, strict=True) if not hole)


def outlined(bits: Bitmap) -> tuple[tuple[Ring, ...], str]:
    """A mask as a polygon of fewer points than its pixels have corners, and what that cost, in words."""
    exact = mask_to_polygon(bits.rle)
    rings = simplified(exact, TOLERANCE)
    lost = differing_area(exact, rings)
    points = sum(len(ring) // 2 for ring in rings)
    said = (
        f"a polygon of {points} points, none of its edges moved by more than {TOLERANCE:g} px, {lost:,.0f} px² differ"
    )
    return rings, said
