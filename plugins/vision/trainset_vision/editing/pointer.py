"""The pointer on objects: it selects what is under it, pulls what it holds, or draws a new object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainset.core.model import Annotation
from trainset.plugins import SEEN, Change, Point
from trainset_vision.editing.kind import INSIDE, Done, Grip

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor

_DONE = {"inside": "moved", "sides": "resized", "point": "point moved", "edge": "point added", "turn": "turned"}


@dataclass
class Drag:
    """A pointer that is held down since `start`, on an object that it holds by `grip`, or to draw a new one."""

    start: Point
    held: Annotation | None
    grip: Grip
    now: Annotation | None = None


class Pointer:
    """Turns presses, drags and releases into changes of an editor's objects."""

    def __init__(self, editor: ShapeEditor) -> None:
        self._editor = editor
        self._drag: Drag | None = None
        self.armed = False
        """Whether the next press draws, whatever is under it."""

    def press(self, at: Point) -> Done:
        """Take hold of what is there, or begin a new object."""
        editor, armed = self._editor, self.armed
        chosen, kind = editor.chosen(), editor.kind(editor.chosen())
        grip = kind.grip(chosen, at, editor.cell) if kind and chosen and not armed else None
        if grip is None:
            chosen, grip = None if armed else self._under(at), INSIDE
            editor.select(chosen.id if chosen else None)
        editor.point = grip.index if grip.what == "point" else None
        self.armed = False
        self._drag = Drag(at, chosen, grip)
        return SEEN

    def drag(self, at: Point) -> Done:
        """Pull, without a change yet."""
        if self._drag is None:
            return None
        if at != self._drag.start:
            self._drag.now = self._dragged(self._drag, at)
        return SEEN

    def release(self, at: Point) -> Done:
        """Make the change."""
        self.drag(at)
        drag, editor = self._drag, self._editor
        self.drop()
        if drag is None or drag.now is None:
            return None
        if drag.held is None:
            place = editor.kinds.place(drag.now)
            large = place is not None and max(place.width, place.height) > editor.cell
            return editor.create(f"new {editor.own.called}", drag.now) if large else SEEN
        done = editor.reshape(_DONE[drag.grip.what], drag.now)
        if drag.grip.what == "edge" and isinstance(done, Change):
            editor.point = drag.grip.index + 1
        return done or SEEN

    def drop(self) -> None:
        """Let go, without a change."""
        self._drag = None

    def preview(self) -> Annotation | None:
        """The held object, or the new one, as it would be if the pointer were released now."""
        return self._drag.now if self._drag else None

    def _under(self, at: Point) -> Annotation | None:
        """The smallest object or candidate at a place."""
        found, least = None, float("inf")
        for annotation in self._editor.current():
            kind, place = self._editor.kind(annotation), self._editor.kinds.place(annotation)
            if kind is None or place is None or place.width * place.height >= least:
                continue
            if kind.hit(annotation, at, self._editor.cell / 2):
                found, least = annotation, place.width * place.height
        return found

    def _dragged(self, drag: Drag, at: Point) -> Annotation | None:
        editor, kind = self._editor, self._editor.kind(drag.held)
        if drag.held is not None and kind is not None:
            pulled: Annotation = kind.pulled(drag.held, drag.grip, drag.start, at)
            return pulled
        box = editor.frame.spanning(drag.start, at)
        new: Annotation | None = editor.own.spanning(box, editor.new_label, editor.current())
        return new
