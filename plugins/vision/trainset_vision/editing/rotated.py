"""Rotated boxes: held by their own edges, and turned by a knob beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from trainset.core.model import Annotation
from trainset.plugins import Picture, Point, Rect, Shape, Tint
from trainset_vision.annotations import RotatedBox
from trainset_vision.annotations.rotated_box import corners
from trainset_vision.editing.kind import REACH, Grip, Kind, Look, with_fields
from trainset_vision.editing.points import turned
from trainset_vision.editing.snap import offsets
from trainset_vision.geometry import SMALLEST, Coordinates, Handle, handle_at

_KNOB = 5.0
"""How far the knob stands off the first side, in cells."""

Rotated = tuple[float, float, float, float, float]


class RotatedKind(Kind[RotatedBox]):
    """Boxes at an angle. Their middle stays in the image; corners may stand out of it."""

    struct, called = RotatedBox, "rotated box"

    def size(self, annotation: RotatedBox) -> str:
        """Width and height along its own axes, and its angle."""
        _, _, w, h, degrees = annotation.rotated_box
        return f"{w:.4g}×{h:.4g} {degrees:.4g}°"

    def draw(self, annotation: RotatedBox, look: Look) -> Iterable[Shape | Tint]:
        """Its outline, and when it is selected the knob."""
        points = corners(annotation.rotated_box)
        yield Shape("polygon", points, look.text, look.color, look.selected, look.weak)
        if look.selected:
            knob, side = _knob(annotation.rotated_box, look.seen.unit), points[:2].mean(axis=0)
            yield Shape("line", np.array([side, [knob.x, knob.y]]), color=look.color, selected=True)
            yield Shape("points", (knob,), color=look.color, selected=True)

    def hit(self, annotation: RotatedBox, at: Point, reach: float) -> bool:
        """Whether it lies under a place."""
        return self._sides(annotation, at, reach) is not None

    def grip(self, annotation: RotatedBox, at: Point, cell: float) -> Grip | None:
        """The knob, an edge, a corner, or the inside."""
        knob = _knob(annotation.rotated_box, cell)
        if math.hypot(knob.x - at.x, knob.y - at.y) <= REACH * cell:
            return Grip("turn")
        sides = self._sides(annotation, at, REACH * cell)
        return None if sides is None else Grip("inside" if sides == (0, 0) else "sides", sides)

    def pulled(self, annotation: RotatedBox, grip: Grip, start: Point, at: Point) -> RotatedBox:
        """Moved, stretched along its own axes, or turned so that the knob follows the pointer."""
        cx, cy, _, _, degrees = annotation.rotated_box
        if grip.what == "inside":
            return self.moved(annotation, at.x - start.x, at.y - start.y)
        if grip.what == "turn":
            was, now = (math.degrees(math.atan2(p.y - cy, p.x - cx)) for p in (start, at))
            return self.turned(annotation, now - was)
        ((dx, dy),) = turned(np.array([[at.x - start.x, at.y - start.y]]), -degrees, Point(0, 0)).tolist()
        return self._stretched(annotation, grip.sides, dx, dy)

    def spanning(self, box: Coordinates, label: str | None, like: Sequence[Annotation]) -> RotatedBox:
        """A box that is not turned yet."""
        x, y, w, h = box
        return RotatedBox(label=label, rotated_box=(x + w / 2, y + h / 2, w, h, 0.0))

    def moved(self, annotation: RotatedBox, dx: float, dy: float) -> RotatedBox:
        """Moved, its middle within the image."""
        cx, cy, *rest = annotation.rotated_box
        middle = self.frame.held(Point(cx + dx, cy + dy))
        return with_fields(annotation, rotated_box=(middle.x, middle.y, *rest))

    def resized(self, annotation: RotatedBox, dx: float, dy: float) -> RotatedBox:
        """Wider and higher along its own axes, at its right and lower sides."""
        return self._stretched(annotation, (bool(dx), bool(dy)), dx, dy)

    def turned(self, annotation: RotatedBox, degrees: float) -> RotatedBox:
        """Turned; the angle is kept in 0 to 360."""
        *rest, angle = annotation.rotated_box
        return with_fields(annotation, rotated_box=(*rest, round(angle + degrees, 9) % 360))

    def snapped(self, annotation: RotatedBox, look: Callable[[Rect], Picture]) -> RotatedBox:
        """Its sides on the edges beneath them; its angle stays."""
        top, right, bottom, left = (off or 0.0 for off in offsets(corners(annotation.rotated_box), look))
        lower_right = self._stretched(annotation, (1, 1), right, bottom)
        return self._stretched(lower_right, (-1, -1), -left, -top)

    def _sides(self, annotation: RotatedBox, at: Point, reach: float) -> Handle | None:
        cx, cy, w, h, degrees = annotation.rotated_box
        ((x, y),) = turned(np.array([[at.x, at.y]]), -degrees, Point(cx, cy)).tolist()
        return handle_at((cx - w / 2, cy - h / 2, w, h), Point(x, y), reach)

    def _stretched(self, annotation: RotatedBox, sides: Handle, dx: float, dy: float) -> RotatedBox:
        """With the held sides moved by `dx`, `dy` along the box's own axes; the opposite ones stay."""
        cx, cy, w, h, degrees = annotation.rotated_box
        wide, high = (max(size + side * by, SMALLEST) for size, side, by in ((w, sides[0], dx), (h, sides[1], dy)))
        off = np.array([[sides[0] * (wide - w) / 2, sides[1] * (high - h) / 2]])
        ((x, y),) = turned(off, degrees, Point(0, 0)).tolist()
        middle = self.frame.held(Point(cx + x, cy + y))
        return with_fields(annotation, rotated_box=(middle.x, middle.y, wide, high, degrees))


def _knob(box: Rotated, cell: float) -> Point:
    """Where the knob stands: before the middle of the side that is the upper one at 0 degrees."""
    cx, cy, _, h, degrees = box
    off = h / 2 + _KNOB * cell
    angle = math.radians(degrees)
    return Point(cx + math.sin(angle) * off, cy - math.cos(angle) * off)
