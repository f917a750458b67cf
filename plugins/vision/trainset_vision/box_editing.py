"""Editing boxes: moving, stretching, drawing and taking them, by keys and by pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace

from trainset.core.model import Annotation, Item, Task
from trainset.plugins import Change, Effect, Line, Point, Rect, Shape, Viewport
from trainset_vision.annotations import Box, BoxOps
from trainset_vision.editing import SEEN, Edited, Editor, color
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
    """The boxes on an image.

    Boxes that only other versions have (another run's, another reviewer's) are candidates: they can be shown,
    selected and taken, and become objects by the first edit.
    """

    def __init__(
        self, item: Item, task: Task, versions: Mapping[str, Sequence[Annotation]], width: int, height: int
    ) -> None:
        super().__init__(item, task, versions)
        self.frame = Frame(width, height)
        others = [
            replace(a, id=f"{name}/{n}")
            for name, version in list(versions.items())[1:]
            for n, a in enumerate(version)
            if isinstance(a, Box)
        ]
        self._others = sorted(others, key=lambda box: -(box.score or 0))
        self._drag: Drag | None = None
        self._armed = False
        self._last_label: str | None = None
        self._matched: tuple[tuple[Annotation, ...], tuple[Box, ...]] | None = None

    # -- what is shown --------------------------------------------------------------------------------------

    def candidates(self) -> tuple[Box, ...]:
        """The other versions' boxes that are like none of the objects, nor like each other; best score first."""
        if self._matched is None or self._matched[0] is not self.objects:
            known = [*self.objects, *self._others]
            alike = BoxOps().similarity(self._others, known, self.item) >= self.task.agree_above
            names = np.array([str(a.label) for a in known])
            rivals = alike & (names[len(self.objects) :, None] == names)
            kept = np.arange(len(known)) < len(self.objects)
            for n in range(len(self._others)):
                kept[len(self.objects) + n] = not (rivals[n] & kept).any()
            self._matched = (
                self.objects,
                tuple(o for o, k in zip(self._others, kept[len(self.objects) :], strict=True) if k),
            )
        return self._matched[1]

    def current(self) -> tuple[Annotation, ...]:
        """Objects, then candidates."""
        return (*self.objects, *self.candidates())

    def lines(self) -> list[Line]:
        """Objects numbered from 1, then candidates."""
        return super().lines() + [
            Line(c.id, f"? {self.text(c)}", color(c, self.task), selected=c.id == self.selected, weak=True)
            for c in self.candidates()
        ]

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

    def place(self) -> Rect | None:
        """The selected box."""
        chosen = self.chosen()
        return Rect(*chosen.box) if isinstance(chosen, Box) else None

    # -- commands -------------------------------------------------------------------------------------------

    def do(self, command: str, at: Point | None, argument: Any, seen: Viewport) -> Change | Effect | None:
        """Carry out a command while `seen` is what the reviewer looks at."""
        if command in ("press", "drag", "release"):
            return self._pointer(command, at, seen.unit)
        self._drag = None
        match command:
            case "recent":
                self._last_label = argument
                return None
            case "move" | "resize":
                return self._nudge(command, argument[0] * seen.unit, argument[1] * seen.unit)
            case "add":
                return self._add(self._centered(seen))
            case "draw":
                self._armed = True
                return Effect(message="draw a box with the mouse")
            case "cycle":
                return self._cycle(at)
            case "take":
                return self._take()
        return super().do(command, at, argument, seen)

    def put(self, edited: Edited) -> None:
        """Go back, or forward, to a state of a change; a drag under way is dropped."""
        self._drag = None
        super().put(edited)

    def _label(self, name: str) -> Change | Effect | None:
        given = self._given(name)
        if isinstance(given, Effect):
            return given
        if self.chosen() is not None:
            self._last_label = given[0]
        return self._edit(given[1], label=given[0])

    def _nudge(self, command: str, dx: float, dy: float) -> Change | Effect | None:
        chosen = self.chosen()
        if not isinstance(chosen, Box):
            return Effect(message="select an object first")
        if command == "move":
            return self._edit("moved", box=self.frame.moved(chosen.box, dx, dy))
        return self._edit("resized", box=self.frame.stretched(chosen.box, (bool(dx), bool(dy)), dx, dy))

    def _edit(self, text: str, **fields: Any) -> Change | Effect | None:
        """The selected box with other fields; a candidate becomes an object by it."""
        chosen = self.chosen()
        if chosen is None or chosen in self.objects:
            return super()._edit(text, **fields)
        taken = replace(chosen, **{**fields, "id": self._new_id(), "score": None})
        return self._change(text, (*self.objects, taken), taken.id)

    def _add(self, box: Coordinates) -> Change:
        label = self._last_label or next((label.id for label in self.task.active), None)
        new = Box(id=self._new_id(), label=label, box=box)
        return self._change("new box", (*self.objects, new), new.id)

    def _centered(self, seen: Viewport) -> Coordinates:
        """A box a quarter as large as what is seen, in the middle of it."""
        view = seen.region or Rect(0, 0, self.frame.width, self.frame.height)
        x, y, w, h = self.frame.clipped((view.x, view.y, view.width, view.height))
        return self.frame.around(Point(x + w / 2, y + h / 2), w / 4, h / 4)

    def _take(self) -> Change | Effect | None:
        if self.chosen() not in self.candidates():
            return Effect(message="space shows the models' other candidates")
        return self._edit("taken")

    def _cycle(self, at: Point | None) -> Effect | None:
        found = [c.id for c in self.candidates() if at is None or handle_at(c.box, at, 0) is not None]
        if not found:
            return Effect(message="no model has another candidate here")
        after = found.index(self.selected) + 1 if self.selected in found else 0
        return self._select(found[after % len(found)])

    # -- the pointer ----------------------------------------------------------------------------------------

    def _pointer(self, command: str, at: Point | None, unit: float) -> Change | Effect | None:
        if command == "press":
            return None if at is None else self._press(at, unit)
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
            return self._add(drag.box) if max(drag.box[2:]) > unit else SEEN
        return self._edit("moved" if drag.handle == (0, 0) else "resized", box=drag.box) or SEEN

    def _press(self, at: Point, unit: float) -> Effect:
        chosen = self.chosen()
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
