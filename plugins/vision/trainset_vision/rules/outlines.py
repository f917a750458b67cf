"""Rules over the outlines of objects: such as cross themselves, and such as are too long for what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from msgspec import UNSET, Struct

from trainset.plugins import Case, Context, Finding
from trainset_vision.annotations import Keypoints, Polygon, RotatedBox


class PolygonSelfIntersectsSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """Nothing to set."""


class PolygonSelfIntersects:
    """Polygons of which a ring crosses or touches itself."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each such object."""
        for case in cases:
            for a in case.annotations or ():
                if isinstance(a, Polygon) and (reason := _crossing(a)):
                    yield Finding(
                        case.item.key, f"an outline of {a.label or a.id} crosses itself {reason}", object=a.id
                    )


def _crossing(polygon: Polygon) -> str | None:
    """Where the first ring that does so crosses itself."""
    import shapely
    from shapely.validation import explain_validity

    for ring in polygon.polygon:
        if len(ring) >= 6 and len(ring) % 2 == 0 and np.isfinite(ring).all():
            area = shapely.Polygon(np.reshape(ring, (-1, 2)))
            if not area.is_valid:
                x, _, y = explain_validity(area).partition("[")[2].rstrip("]").partition(" ")
                return f"at {float(x):.6g}, {float(y):.6g}"
    return None


class AspectOutOfRangeSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """How many times as wide as high an object may be: `least` and `most`, or its label's own in `labels`."""

    least: float = 0.05
    most: float = 20.0
    labels: dict[str, tuple[float, float]] = {}


class AspectOutOfRange:
    """Objects that are much wider than high, or higher than wide, than their kind is."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each such object; a rotated box is measured along its own sides."""
        s: AspectOutOfRangeSettings = context.settings
        for case in cases:
            for a in case.annotations or ():
                place = context.extent(a, case.item)
                sides = a.rotated_box[2:4] if isinstance(a, RotatedBox) else place and (place.width, place.height)
                if not sides or not min(sides) > 0:
                    continue
                least, most = s.labels.get(a.label or "", (s.least, s.most))
                aspect = sides[0] / sides[1]
                if not least <= aspect <= most:
                    name = a.label or a.id
                    yield Finding(case.item.key, f"{name} is {aspect:.3g} times as wide as high", object=a.id)


class KeypointOutsideBoxSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """By how many pixels a point may lie outside."""

    margin: float = 1.0


class KeypointOutsideBox:
    """Labelled keypoints that lie outside the box of their own object."""

    def findings(self, cases: Iterable[Case], context: Context) -> Iterator[Finding]:
        """One finding for each object with such points; those without a box have none."""
        margin: float = context.settings.margin
        names = getattr(context.task.options, "points", ())
        for case in cases:
            for a in case.annotations or ():
                if not isinstance(a, Keypoints) or a.box is UNSET:
                    continue
                x, y, w, h = a.box
                outside = [
                    names[n] if n < len(names) else f"point {n + 1}"
                    for n, (px, py, v) in enumerate(a.keypoints)
                    if v and not (x - margin <= px <= x + w + margin and y - margin <= py <= y + h + margin)
                ]
                if outside:
                    text = f"{', '.join(outside)} of {a.label or a.id} outside its box"
                    yield Finding(case.item.key, text, object=a.id)
