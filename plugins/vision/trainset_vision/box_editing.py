"""Editing boxes: moving, stretching, drawing and taking them, by keys and by pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainset.core.model import Annotation, Item, Task
from trainset.plugins import SEEN, UNSELECTED, Change, Edited, Editor, Effect, Point, Rect, Shape, Size, Viewport
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.geometry import Coordinates, Frame, Handle, handle_at

_REACH = 2.0
"""How near the pointer must come to an edge to hold it, in fine steps."""


def outline(box: Coordinates, text: str = "", color: int = 0, selected: bool = False, weak: bool = False) -> Shape:
    """A box as a shape."""
    x, y, w, h = box
    return Shape("box", (Point(x, y), Point(x + w, y + h)), text, color, selected, weak)


@dataclass
class Drag:
    """A pointer that is held down since `start`, on a `handle` of a box or (None) to draw a new one."""

    start: Point
    handle: Handle | None
    box: Coordinates | None = None


class BoxEditor(Editor):
    """The boxes on an image, where `seen` is what the reviewer looks at."""

    def __init__(
        self, item: Item, task: Task, versions: Mapping[str, Sequence[Annotation]], width: int, height: int
    ) -> None:
        super().__init__(item, task, versions, BoxOps().similarity)
        self.frame = Frame(width, height)
        self.seen = Viewport(Size(80, 24))
        self._drag: Drag | None = None
        self._armed = False

    # -- what is shown --------------------------------------------------------------------------------------

    def candidates(self) -> tuple[Box, ...]:
        """The other versions' boxes that are like none of the objects, nor like each other; best score first."""
        return tuple(a for a in super().candidates() if isinstance(a, Box))

    def shapes(self) -> list[Shape]:
        """A box each, the selected one as the pointer drags it, and a box that is being drawn."""
        places = {a.id: a.box for a in self.current() if isinstance(a, Box)}
        shapes = []
        drag = self._drag
        if drag and drag.box and drag.handle and self.selected:
            places[self.selected] = drag.box
        elif drag and drag.box:
            shapes.append(outline(drag.box, selected=True))
        return shapes + [
            outline(places[line.id], line.text, line.color, line.selected, line.weak)
            for line in sorted(self.lines(), key=lambda line: (not line.weak, line.selected))
            if line.id in places
        ]

    # -- commands -------------------------------------------------------------------------------------------

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command; steps and tolerances are `seen`'s."""
        if command in ("press", "drag", "release"):
            return self._pointer(command, at)
        self._drag = None
        match command:
            case "move" | "resize":
                return self._nudge(command, argument[0] * self.seen.unit, argument[1] * self.seen.unit)
            case "add":
                return self._add(self._centered())
            case "draw":
                self._armed = True
                return Effect(message="draw a box with the mouse")
            case "cycle" if at is not None:
                return self.cycle([c for c in self.candidates() if handle_at(c.box, at, 0) is not None])
        return super().do(command, at, argument)

    def put(self, edited: Edited) -> None:
        """Go back, or forward, to a state of a change; a drag under way is dropped."""
        self._drag = None
        super().put(edited)

    def _nudge(self, command: str, dx: float, dy: float) -> Change | Effect | None:
        chosen = self.chosen()
        if not isinstance(chosen, Box):
            return UNSELECTED
        if command == "move":
            return self.edit("moved", box=self.frame.moved(chosen.box, dx, dy))
        return self.edit("resized", box=self.frame.stretched(chosen.box, (bool(dx), bool(dy)), dx, dy))

    def _add(self, box: Coordinates) -> Change:
        return self.add("new box", Box(label=self.new_label, box=box))

    def _centered(self) -> Coordinates:
        """A box a quarter as large as what is seen, in the middle of it."""
        view = self.seen.region or Rect(0, 0, self.frame.width, self.frame.height)
        x, y, w, h = self.frame.clipped((view.x, view.y, view.width, view.height))
        return self.frame.around(Point(x + w / 2, y + h / 2), w / 4, h / 4)

    # -- the pointer ----------------------------------------------------------------------------------------

    def _pointer(self, command: str, at: Point | None) -> Change | Effect | None:
        if command == "press":
            return None if at is None else self._press(at)
        drag = self._drag
        if drag is None:
            return None
        if at is not None and at != drag.start:
            drag.box = self._dragged(drag, at)
        if command == "drag":
            return SEEN
        self._drag = None
        if drag.box is None:
            return None
        if drag.handle is None:
            return self._add(drag.box) if max(drag.box[2:]) > self.seen.unit else SEEN
        return self.edit("moved" if drag.handle == (0, 0) else "resized", box=drag.box) or SEEN

    def _press(self, at: Point) -> Effect:
        chosen, unit = self.chosen(), self.seen.unit
        handle = handle_at(chosen.box, at, _REACH * unit) if isinstance(chosen, Box) and not self._armed else None
        if handle is None:
            under = [a for a in self.current() if isinstance(a, Box) and handle_at(a.box, at, unit / 2) is not None]
            hit = None if self._armed else min(under, key=lambda a: a.box[2] * a.box[3], default=None)
            self.selected = hit.id if hit else None
            handle = (0, 0) if hit else None
        self._armed = False
        self._drag = Drag(at, handle)
        return SEEN

    def _dragged(self, drag: Drag, at: Point) -> Coordinates | None:
        chosen = self.chosen()
        if drag.handle is None or not isinstance(chosen, Box):
            return self.frame.spanning(drag.start, at)
        dx, dy = at.x - drag.start.x, at.y - drag.start.y
        if drag.handle == (0, 0):
            return self.frame.moved(chosen.box, dx, dy)
        return self.frame.stretched(chosen.box, drag.handle, dx, dy)
