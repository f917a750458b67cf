"""Moving and stretching rectangles `(x, y, width, height)`, and moving points, inside an image: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from trainset.plugins import Point, Rect

Coordinates = tuple[float, float, float, float]
Handle = tuple[int, int]
"""Which edges are held: -1 left or top, 1 right or bottom, 0 neither. (0, 0) is the inside."""

SMALLEST = 1.0
"""A box is never narrower or lower than this, in pixels."""


@dataclass(frozen=True)
class Frame:
    """The image that boxes stay in, `width` × `height` pixels."""

    width: float
    height: float

    def clipped(self, box: Coordinates) -> Coordinates:
        """The part of `box` inside the image, made at least `SMALLEST` wide and high."""
        x, w = _within(box[0], box[0] + box[2], self.width)
        y, h = _within(box[1], box[1] + box[3], self.height)
        return x, y, w, h

    def moved(self, box: Coordinates, dx: float, dy: float) -> Coordinates:
        """`box` moved, as far as the image's edges let it; its size stays."""
        x, y, w, h = self.clipped(box)
        return min(max(x + dx, 0.0), self.width - w), min(max(y + dy, 0.0), self.height - h), w, h

    def stretched(self, box: Coordinates, handle: Handle, dx: float, dy: float) -> Coordinates:
        """`box` with the held edges moved; they stop at the image's edges and just before the opposite edge."""
        x, y, w, h = self.clipped(box)
        x, w = _stretched(x, w, handle[0], dx, self.width)
        y, h = _stretched(y, h, handle[1], dy, self.height)
        return x, y, w, h

    def spanning(self, a: Point, b: Point) -> Coordinates:
        """The box with `a` and `b` as opposite corners."""
        return self.clipped((min(a.x, b.x), min(a.y, b.y), abs(a.x - b.x), abs(a.y - b.y)))

    def around(self, center: Point, width: float, height: float) -> Coordinates:
        """A box of this size about `center`, moved into the image."""
        w, h = min(width, self.width), min(height, self.height)
        return self.moved((max(0.0, center.x - w / 2), max(0.0, center.y - h / 2), w, h), 0, 0)

    def held(self, at: Point) -> Point:
        """The place in the image that is nearest to `at`."""
        return Point(min(max(at.x, 0.0), self.width), min(max(at.y, 0.0), self.height))

    def shift(self, place: Rect, dx: float, dy: float) -> tuple[float, float]:
        """How far something that takes `place` may move of `dx`, `dy`: what is inside stays inside."""
        return _shift(place.x, place.right, dx, self.width), _shift(place.y, place.bottom, dy, self.height)


def handle_at(box: Coordinates, at: Point, reach: float) -> Handle | None:
    """What of `box` a pointer at `at` holds, None if nothing.

    Edges are held from `reach` outside to `reach` inside, but at most a third of the box, whose middle stays free.
    """
    x, y, w, h = box
    if not (x - reach <= at.x <= x + w + reach and y - reach <= at.y <= y + h + reach):
        return None
    return _side(at.x - x, w, reach), _side(at.y - y, h, reach)


def _side(at: float, length: float, reach: float) -> int:
    inner = min(reach, length / 3)
    return -1 if at <= inner else 1 if at >= length - inner else 0


def _within(low: float, high: float, limit: float) -> tuple[float, float]:
    low = min(max(low, 0.0), limit - SMALLEST)
    return low, max(min(high, limit) - low, SMALLEST)


def _shift(low: float, high: float, by: float, limit: float) -> float:
    return min(max(by, min(0.0, -low)), max(0.0, limit - high))


def _stretched(low: float, length: float, held: int, by: float, limit: float) -> tuple[float, float]:
    high = low + length
    if held < 0:
        low = min(max(low + by, 0.0), high - SMALLEST)
    elif held > 0:
        return low, min(max(length + by, SMALLEST), limit - low)
    else:
        return low, length
    return low, high - low
