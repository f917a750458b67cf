"""What an editor must know of a type of annotation: how it is drawn, what of it can be held, and how it gives way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from msgspec.structs import replace

from trainset.core.model import Annotation, Task
from trainset.plugins import Change, Effect, Picture, Point, Rect, Shape, Tint, Viewport
from trainset_vision.conversions import box_of
from trainset_vision.editing.kept import Kept
from trainset_vision.geometry import Coordinates, Frame, Handle, handle_at

A = TypeVar("A", bound=Annotation)

Done = Change | Effect | None
"""What a command gives."""

Commands = Mapping[str, Callable[[Any, Any], Done]]
"""Functions of an editor and an argument, by the command that they carry out."""

REACH = 2.0
"""How near the pointer must come to hold an edge or a point, in cells."""


@dataclass(frozen=True)
class Look:
    """How an annotation is shown: what its label says, and through which viewport."""

    seen: Viewport
    text: str = ""
    color: int = 0
    selected: bool = False
    weak: bool = False
    point: int | None = None
    filled: bool = True


@dataclass(frozen=True)
class Grip:
    """What the pointer holds of an object: its inside, sides (as `Handle`), a point, an edge to bend, or what turns it."""

    what: str
    sides: Handle = (0, 0)
    index: int = 0


INSIDE = Grip("inside")


class Kind(Generic[A]):
    """A type of annotation on the images of a task. What a type cannot do gives None."""

    struct: type[A]
    called: str
    """What a person calls it."""

    def __init__(self, frame: Frame, task: Task) -> None:
        self.frame, self.task = frame, task
        self.extent: Callable[[Annotation], Rect | None] = Kept(lambda a: self.place(cast("A", a)))
        self.measure: Callable[[Annotation], str] = Kept(lambda a: self.size(cast("A", a)))

    def knows(self, annotation: Annotation | None) -> bool:
        """Whether an annotation is of this type."""
        return isinstance(annotation, self.struct)

    # -- what is shown --------------------------------------------------------------------------------------

    def place(self, annotation: A) -> Rect | None:
        """The smallest rectangle about it; None where it has no place. `extent` remembers it."""
        box = box_of(annotation)
        return None if box is None else Rect(*box)

    def size(self, annotation: A) -> str:
        """Its size in words. `measure` remembers it."""
        raise NotImplementedError

    def draw(self, annotation: A, look: Look) -> Iterable[Shape | Tint]:
        """It on the picture."""
        raise NotImplementedError

    # -- the pointer ----------------------------------------------------------------------------------------

    def hit(self, annotation: A, at: Point, reach: float) -> bool:
        """Whether a place lies on it, or within `reach` of it."""
        place = self.extent(annotation)
        return place is not None and handle_at((place.x, place.y, place.width, place.height), at, reach) is not None

    def grip(self, annotation: A, at: Point, cell: float) -> Grip | None:
        """What of a selected annotation the pointer holds, where a cell of the screen is `cell` pixels wide."""
        return INSIDE if self.hit(annotation, at, cell / 2) else None

    def pulled(self, annotation: A, grip: Grip, start: Point, at: Point) -> A:
        """It, held since `start`, with the pointer at `at`."""
        return self.moved(annotation, at.x - start.x, at.y - start.y)

    def spanning(self, box: Coordinates, label: str | None, like: Sequence[Annotation]) -> A | None:
        """A new one that takes a box, beside others; None for a type that is drawn otherwise."""
        return None

    # -- what keys do ---------------------------------------------------------------------------------------

    def moved(self, annotation: A, dx: float, dy: float) -> A:
        """It moved, as far as the image's edges let it."""
        raise NotImplementedError

    def resized(self, annotation: A, dx: float, dy: float) -> A | None:
        """Its right and lower ends moved."""
        return None

    def turned(self, annotation: A, degrees: float) -> A | None:
        """It turned about its middle, clockwise."""
        return None

    def snapped(self, annotation: A, look: Callable[[Rect], Picture]) -> A | None:
        """It put onto the edges in the picture beneath it, of which `look` gives a part."""
        return None

    # -- its points -----------------------------------------------------------------------------------------

    def count(self, annotation: A) -> int:
        """How many points can be selected."""
        return 0

    def with_point_moved(self, annotation: A, index: int, dx: float, dy: float) -> A:
        """One of its points moved, within the image."""
        return annotation

    def with_point_added(self, annotation: A, index: int | None) -> tuple[A, int] | None:
        """A point more between this one and the next (without one: on the longest edge), and its index."""
        return None

    def without_point(self, annotation: A, index: int) -> A | None:
        """It without a point; None where it needs each one."""
        return None


def with_fields(annotation: A, **fields: Any) -> A:
    """An annotation with other fields."""
    return replace(annotation, **fields)
