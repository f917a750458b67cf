"""Boxes: their edges and corners can be held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from trainset.core.model import Annotation
from trainset.plugins import Picture, Point, Rect, Shape, Tint
from trainset_vision.annotations import Box
from trainset_vision.conversions import box_to_polygon
from trainset_vision.editing.kind import REACH, Grip, Kind, Look, with_fields
from trainset_vision.editing.points import points_of
from trainset_vision.editing.snap import offsets
from trainset_vision.geometry import SMALLEST, Coordinates, handle_at


class BoxKind(Kind[Box]):
    """Axis-parallel boxes."""

    struct, called = Box, "box"

    def size(self, annotation: Box) -> str:
        """Width and height in pixels."""
        return f"{annotation.box[2]:.4g}×{annotation.box[3]:.4g}"

    def draw(self, annotation: Box, look: Look) -> Iterable[Shape | Tint]:
        """Its outline."""
        yield outline(annotation.box, look)

    def grip(self, annotation: Box, at: Point, cell: float) -> Grip | None:
        """An edge, a corner, or the inside."""
        sides = handle_at(annotation.box, at, REACH * cell)
        return None if sides is None else Grip("inside" if sides == (0, 0) else "sides", sides)

    def pulled(self, annotation: Box, grip: Grip, start: Point, at: Point) -> Box:
        """Moved, or stretched by its edges."""
        dx, dy = at.x - start.x, at.y - start.y
        if grip.what == "inside":
            return self.moved(annotation, dx, dy)
        return with_fields(annotation, box=self.frame.stretched(annotation.box, grip.sides, dx, dy))

    def spanning(self, box: Coordinates, label: str | None, like: Sequence[Annotation]) -> Box:
        """The box itself."""
        return Box(label=label, box=box)

    def moved(self, annotation: Box, dx: float, dy: float) -> Box:
        """Moved within the image."""
        return with_fields(annotation, box=self.frame.moved(annotation.box, dx, dy))

    def resized(self, annotation: Box, dx: float, dy: float) -> Box:
        """Wider and higher."""
        return with_fields(annotation, box=self.frame.stretched(annotation.box, (bool(dx), bool(dy)), dx, dy))

    def snapped(self, annotation: Box, look: Callable[[Rect], Picture]) -> Box:
        """Its sides on the edges beneath them, between pixels."""
        x, y, w, h = annotation.box
        top, right, bottom, left = offsets(points_of(box_to_polygon(annotation.box)[0]), look)
        x0, y0 = (v if off is None else math.floor(v - off + 0.5) for v, off in ((x, left), (y, top)))
        x1, y1 = (v if off is None else math.floor(v + off + 0.5) for v, off in ((x + w, right), (y + h, bottom)))
        return with_fields(annotation, box=self.frame.clipped((x0, y0, max(x1 - x0, SMALLEST), max(y1 - y0, SMALLEST))))


def outline(box: Coordinates, look: Look) -> Shape:
    """A box as a shape."""
    x, y, w, h = box
    return Shape("box", (Point(x, y), Point(x + w, y + h)), look.text, look.color, look.selected, look.weak)
