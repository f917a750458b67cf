"""Rules over the parts of regions: specks, and parts far away from the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from trainset.core.model import Annotation
from trainset.errors import RecordError
from trainset.plugins import Case, Context, Finding
from trainset_vision.annotations import Box, BoxOps, Mask, Polygon, rle
from trainset_vision.annotations.overlap import polygons


class Part(NamedTuple):
    """A connected part of a region: its area in square pixels, and the box `(x, y, w, h)` about it."""

    area: float
    box: tuple[float, float, float, float]


def parts_of(annotation: Annotation) -> list[Part]:
    """The parts of a polygon or mask, the largest first; pixels that touch at a corner are of one part. None of others."""
    parts: list[Part] = []
    if isinstance(annotation, Polygon):
        import shapely

        pieces = shapely.get_parts(polygons([annotation.polygon]))
        for area, (left, top, right, bottom) in zip(shapely.area(pieces), shapely.bounds(pieces).tolist(), strict=True):
            parts.append(Part(float(area), (left, top, right - left, bottom - top)))
    elif isinstance(annotation, Mask):
        import cv2

        try:
            pixels, left, top = rle.window(rle.runs(annotation.mask.counts, annotation.mask.size), annotation.mask.size)
        except RecordError:
            return []
        if pixels.size:
            _, _, found, _ = cv2.connectedComponentsWithStats(pixels.astype("uint8"), connectivity=8)
            parts = [Part(float(n), (left + x, top + y, w, h)) for x, y, w, h, n in found[1:].tolist()]
    return sorted((part for part in parts if part.area), reverse=True)


class TinyPartSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """A part of fewer than `below` square pixels wants a person."""

    below: float = 16.0


class TinyPart:
    """Specks beside an object: small parts of polygons and masks that have more than one."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each object with such parts."""
        below: float = context.settings.below
        for case in cases:
            for a in case.annotations or ():
                tiny = [part for part in parts_of(a)[1:] if part.area < below]
                if tiny:
                    x, y, _, _ = tiny[-1].box
                    yield Finding(
                        case.item.key,
                        f"{a.label or a.id} has {len(tiny)} part(s) under {below:g} px, one at {x:g}, {y:g}",
                        object=a.id,
                    )


class MaskBoxMismatchSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """Under which IoU the box about the largest part does not stand for the object any more."""

    below: float = 0.5


class MaskBoxMismatch:
    """Polygons and masks whose box is not that of the object: other parts lie far from the largest."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each object whose box is unlike that of its largest part."""
        below: float = context.settings.below
        for case in cases:
            for a in case.annotations or ():
                parts, place = parts_of(a), context.extent(a, case.item)
                if len(parts) < 2 or place is None:
                    continue
                whole = Box(box=(place.x, place.y, place.width, place.height))
                alike = float(BoxOps().similarity([whole], [Box(box=parts[0].box)], case.item)[0, 0])
                if alike < below:
                    yield Finding(
                        case.item.key,
                        f"the box of {a.label or a.id} is unlike that of its largest part (IoU {alike:.2f})",
                        object=a.id,
                    )
