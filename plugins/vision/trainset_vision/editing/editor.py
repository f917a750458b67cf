"""The editor of what lies on an image: each command goes to the type of the selected object, or to what is in hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainset.core.model import Annotation, Item, Opaque
from trainset.plugins import (
    UNSELECTED,
    Change,
    Context,
    Editor,
    Effect,
    Picture,
    Point,
    Rect,
    Shape,
    Size,
    Tint,
    Viewport,
)
from trainset_vision.checks import faults
from trainset_vision.editing import making, moving, pointwise, prompting, reworking
from trainset_vision.editing.hand import Hand, Placing, Sketch
from trainset_vision.editing.kind import Commands, Done, Kind, Look, with_fields
from trainset_vision.editing.kinds import Kinds, parted
from trainset_vision.editing.mask import Painted
from trainset_vision.editing.pointer import Pointer
from trainset_vision.editing.prompting import Prompter, Prompting
from trainset_vision.editing.vertices import VertexKind
from trainset_vision.geometry import Coordinates, Frame

_COMMANDS: Commands = {
    **moving.COMMANDS,
    **making.COMMANDS,
    **pointwise.COMMANDS,
    **reworking.COMMANDS,
    **prompting.COMMANDS,
}


class ShapeEditor(Editor):
    """The annotations of every type on an image, where `seen` is what the reviewer looks at.

    `look` gives pixels about a part of the image. What an edit would make unsound is refused in words.
    """

    def __init__(
        self,
        item: Item,
        versions: Mapping[str, Sequence[Annotation]],
        context: Context,
        frame: Frame,
        look: Callable[[Rect], Picture],
    ) -> None:
        super().__init__(item, context.task, versions, context.similarity)
        self.frame, self.look = frame, look
        self.seen = Viewport(Size(80, 24))
        self.hand: Hand | None = None
        self.point: int | None = None
        self.fine, self.filled = False, True
        self._pointer = Pointer(self)
        self.kinds = Kinds(frame, self.task)
        self.prompter = Prompter(self)
        self.pointed: Point | None = None
        """Where the pointer was at the last command."""

    # -- what is shown --------------------------------------------------------------------------------------

    def kind(self, annotation: Annotation | None) -> Kind[Any] | None:
        """The type of an annotation; None for one that cannot be shown."""
        return self.kinds.of(annotation)

    @property
    def own(self) -> Kind[Any]:
        """The type of the task's new objects."""
        return self.kinds.named[self.task.type]

    def measure(self, annotation: Annotation) -> str:
        """Its size in words."""
        return self.kinds.measure(annotation)

    def focus(self) -> Rect | None:
        """What is worked on: the cursor, the selected point, or the selected object."""
        chosen = self.chosen()
        point, kind = self.point_of(chosen), self.kind(chosen)
        if self.hand:
            return Rect(self.hand.cursor.x, self.hand.cursor.y, 0, 0)
        if point is not None and isinstance(kind, VertexKind) and chosen is not None:
            return kind.point_place(chosen, point)
        return self.kinds.place(chosen)

    def overlays(self) -> tuple[list[Shape], list[Tint]]:
        """What is on the picture: objects and candidates, what the pointer drags, and what is in hand."""
        drawn: list[Shape | Tint] = []
        preview = self._tool.preview()
        for annotation, text, color, weak in sorted(
            self.named(), key=lambda n: (not n.weak, n.annotation.id == self.selected)
        ):
            selected = annotation.id == self.selected
            shown = preview if selected and preview else annotation
            point = self.point_of(shown) if selected else None
            said = text if selected or not self.hand else ""  # labels would hide the cursor
            drawn += self.kinds.draw(shown, Look(self.seen, said, color, selected, weak, point, self.filled))
        if preview and self.chosen() is None:
            drawn += self.kinds.draw(preview, Look(self.seen, selected=True, filled=self.filled))
        if self.hand:
            drawn += self.hand.shapes(self.cell)
        return parted(drawn)

    def annotations(self) -> tuple[Annotation, ...]:
        """The objects, masks that were painted encoded."""
        return tuple(a.stored if isinstance(a, Painted) else a for a in self.objects)

    @property
    def cell(self) -> float:
        """The width of a cell of the screen, in pixels."""
        return self.seen.unit

    @property
    def step(self) -> float:
        """How far a key moves something, in pixels."""
        return 1.0 if self.fine else max(1.0, self.cell)

    def middle(self) -> Point:
        """Where a cursor begins: in the middle of the selected object where that is in sight, else of what is seen."""
        x, y, w, h = self.view()
        place = self.kinds.place(self.chosen())
        if place is not None:
            at = Point(place.x + place.width / 2, place.y + place.height / 2)
            if x <= at.x <= x + w and y <= at.y <= y + h:
                return at
        return Point(x + w / 2, y + h / 2)

    def view(self) -> Coordinates:
        """The part of the image that is seen."""
        view = self.seen.region or Rect(0, 0, self.frame.width, self.frame.height)
        return self.frame.clipped((view.x, view.y, view.width, view.height))

    # -- commands -------------------------------------------------------------------------------------------

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Done:
        """Carry out a command; steps and tolerances are those of `seen`."""
        match command:
            case "prompted":  # comes whenever it does, also while the pointer is down
                return self.prompter.answered(argument)
            case "press":
                if isinstance(self.hand, Prompting):
                    self.hand.beside = bool(argument)
                return self._tool.press(at) if at else None
            case "drag":
                return self._tool.drag(at) if at else None
            case "release":
                return self._tool.release(at) if at else None
        self._tool.drop()
        self.pointed = at
        cursor = at or (self.hand.cursor if self.hand else None)
        if command in ("next", "previous", "select", "delete", "cycle") and isinstance(self.hand, Sketch | Placing):
            self.hand = None
        if command == "cycle":
            return self._cycle(cursor)
        own = _COMMANDS.get(command)
        return super().do(command, at, argument) if own is None else own(self, argument)

    def _cycle(self, at: Point | None) -> Effect | None:
        """The next candidate at a place, or where there is none, of those in sight."""
        x, y, w, h = self.view()
        found = [(a, kind) for a in (*self.candidates(), *self.weaker()) if (kind := self.kind(a)) is not None]
        here = [a for a, kind in found if at is not None and kind.hit(a, at, 0)]
        seen = [
            a
            for a, kind in found
            if (p := kind.extent(a)) and p.x < x + w and x < p.right and p.y < y + h and y < p.bottom
        ]
        if found and not here and not seen:
            return Effect(message="models have other candidates, but none in sight: F shows the whole image")
        return self.cycle(here or seen)

    def select(self, name: str | None) -> Effect | None:
        """Select an annotation by id, or none; no point of it is selected then."""
        if name != self.selected:
            self.point = None
        return super().select(name)

    def arm(self, armed: bool = True) -> None:
        """Have the next press of the pointer draw, whatever lies under it."""
        self._pointer.armed = armed

    def undo(self, change: Change) -> None:
        """Put back what was before a change; a press under way counts no more."""
        self._tool.drop()
        super().undo(change)

    def redo(self, change: Change) -> None:
        """Put back what a change made."""
        self._tool.drop()
        super().redo(change)

    @property
    def _tool(self) -> Hand | Pointer:
        """What the pointer goes to."""
        return self.hand or self._pointer

    # -- what every edit goes through -----------------------------------------------------------------------

    def reshape(self, text: str, *annotations: Annotation) -> Done:
        """Put these in the selected object's place, unless one of them makes no sense; None where nothing changed."""
        chosen = self.chosen()
        if chosen is None:
            return UNSELECTED
        if len(annotations) == 1 and annotations[0] == chosen and chosen in self.objects:
            return None
        problem = self._problem(annotations)
        if problem:
            return Effect(message=problem)
        return self.become(text, *(with_fields(a, score=None) for a in annotations))

    def create(self, text: str, annotation: Annotation) -> Done:
        """Take a new object, unless it makes no sense."""
        problem = self._problem((annotation,))
        if problem:
            return Effect(message=problem)
        self.point = None
        return self.add(text, annotation)

    def _problem(self, annotations: Sequence[Annotation]) -> str | None:
        frame = Rect(0, 0, self.frame.width, self.frame.height)
        for annotation in annotations:
            if isinstance(annotation, Painted):
                if not annotation.bits.tiles:
                    return "nothing would be left of the mask: d deletes it"
            elif problem := next((message for message, note in faults(annotation, frame) if not note), None):
                return problem
        return None

    def edited(self, text: str, what: str, change: Callable[[Kind[Any], Annotation], Annotation | None]) -> Done:
        """What a change of the selected object by its type makes; `what` it cannot do is said."""
        chosen, kind = self.chosen(), self.kind(self.chosen())
        if chosen is None:
            return UNSELECTED
        if kind is None:
            called = chosen.kind if isinstance(chosen, Opaque) else type(chosen).__name__
            return Effect(message=f"no installed plugin can edit a {called}")
        new = change(kind, chosen)
        return Effect(message=f"a {kind.called} cannot be {what}") if new is None else self.reshape(text, new)

    # -- its points -----------------------------------------------------------------------------------------

    def point_of(self, annotation: Annotation | None) -> int | None:
        """The selected point, where an annotation has so many."""
        kind = self.kind(annotation)
        if self.point is None or kind is None or annotation is None or self.point >= kind.count(annotation):
            return None
        return self.point
