"""Showing a promptable model what is meant: boxes and points go out as prompts, and its answer becomes the object's shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainset.core.model import Annotation
from trainset.plugins import SEEN, UNSELECTED, Change, Effect, Point, Shape
from trainset_vision.annotations import Box, Keypoints
from trainset_vision.editing.hand import Hand
from trainset_vision.editing.kind import Commands, Done, with_fields
from trainset_vision.geometry import Coordinates

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor

_HELP = "click on it, with Ctrl or Alt beside it; drag a box about it; I and X at the cursor; w for the next one"
_ON, _BESIDE = 2, 1


@dataclass(frozen=True)
class Shown:
    """What a model is shown of one object: a box about it, and places `(x, y, v)` on it (2) and beside it (1)."""

    box: Coordinates | None = None
    points: tuple[tuple[float, float, int], ...] = ()

    def prompts(self, label: str | None) -> list[Annotation]:
        """As annotations; the box is as large as the places on the object make it."""
        found: list[Annotation] = []
        if self.box is not None:
            x, y, w, h = self.box
            on = np.array([(x, y), (x + w, y + h), *(p[:2] for p in self.points if p[2] == _ON)])
            (left, top), (right, bottom) = on.min(axis=0).tolist(), on.max(axis=0).tolist()
            found.append(Box(id="shown", label=label, box=(left, top, right - left, bottom - top)))
        return [*found, Keypoints(id="shown", label=label, keypoints=self.points)] if self.points else found


class Prompter:
    """What was shown of which object: to go on from there, also after an edit was taken back."""

    def __init__(self, editor: ShapeEditor) -> None:
        self._editor = editor
        self._known: list[tuple[Annotation, Shown]] = []
        self._asked: tuple[Annotation | None, Shown] | None = None

    def shown(self) -> Shown:
        """What the model was shown of the selected object so far; of one that it did not make, the box about it."""
        chosen, place = self._editor.chosen(), self._editor.kinds.place(self._editor.chosen())
        if self._asked is not None and self._asked[0] is chosen:
            return self._asked[1]
        about = Shown() if place is None else Shown((place.x, place.y, place.width, place.height))
        return next((shown for made, shown in reversed(self._known) if made is chosen), about)

    def ask(self, shown: Shown) -> Effect:
        """Show this of the selected object, or of a new one."""
        chosen = self._editor.chosen()
        self._asked = chosen, shown
        label = chosen.label if chosen is not None else self._editor.new_label
        return Effect(prompt="prompted", prompts=shown.prompts(label))

    def answered(self, found: Sequence[Annotation]) -> Done:
        """The object takes the shape that the model gives it."""
        editor, asked = self._editor, self._asked
        self._asked = None
        if asked is None or not found:
            return Effect(message="the model finds nothing there")
        chosen, shown = asked
        if editor.chosen() is not chosen:
            return Effect(message="the model has answered, but something else is selected now: nothing was done")
        if chosen is None:
            done = editor.create("as the model sees it", with_fields(found[0], label=editor.new_label, score=None))
        else:
            kept = {"label": chosen.label, "attributes": chosen.attributes, "track": chosen.track}
            done = editor.reshape("as the model sees it", with_fields(found[0], **kept))
        made = editor.chosen()
        if made is not None and not isinstance(done, Effect):
            self._known.append((made, shown))
        return done


class Prompting(Hand):
    """Clicks show places on the selected object, or on a new one; a drag shows a new one by a box about it."""

    def __init__(self, editor: ShapeEditor) -> None:
        super().__init__(editor)
        self.beside = False
        """Whether the press under way shows a place beside the object."""
        self._start: Point | None = None
        self._left: Point | None = None

    def show(self, at: Point, on: bool) -> Effect:
        """One place more."""
        self.cursor = at = self.editor.frame.held(at)
        shown = self.editor.prompter.shown()
        place = (at.x, at.y, _ON if on else _BESIDE)
        if not on and shown.box is None and not shown.points:
            return Effect(message="show something on it first")
        return self.editor.prompter.ask(replace(shown, points=(*shown.points, place)))

    def pointed(self, at: Point | None) -> Point | None:
        """Where a key means: at the pointer, or at the cursor if that was moved since the pointer was."""
        return at if at is not None and at != self._left else self.cursor

    def moved(self, at: Point | None) -> None:
        """Keys move the cursor, and leave the pointer."""
        self._left = at

    def press(self, at: Point) -> Change | Effect | None:
        """A click, or a box, begins."""
        self.cursor = self._start = self.editor.frame.held(at)
        return SEEN

    def release(self, at: Point) -> Change | Effect | None:
        """What was pressed is shown."""
        start, self._start = self._start, None
        if start is None:
            return SEEN
        self.drag(at)
        if max(abs(start.x - self.cursor.x), abs(start.y - self.cursor.y)) <= self.editor.cell:
            return self.show(start, not self.beside)
        self.editor.select(None)
        return self.editor.prompter.ask(Shown(self.editor.frame.spanning(start, self.cursor)))

    def put(self) -> Change | Effect | None:
        """A place on the object at the cursor."""
        return self.show(self.cursor, True)

    def finish(self) -> Change | Effect | None:
        """The selected object is done, and the next place shows another one; without one it is put away."""
        if self.editor.chosen() is None:
            return super().finish()
        return self.editor.select(None)

    def shapes(self, cell: float) -> Iterable[Shape]:
        """What was shown, a box under way, and the cursor."""
        for value, weak in ((_ON, False), (_BESIDE, True)):
            places = [(x, y) for x, y, v in self.editor.prompter.shown().points if v == value]
            if places:
                yield Shape("points", np.array(places), selected=True, weak=weak)
        if self._start is not None:
            yield Shape("box", (self._start, self.cursor), selected=True, weak=True)
        yield from super().shapes(cell)


def point(editor: ShapeEditor, on: bool) -> Done:
    """A place on the object, or beside it, is shown at the pointer or the cursor; first of all the cursor is taken up."""
    hand = editor.hand
    if not isinstance(hand, Prompting):
        hand = editor.hand = Prompting(editor)
        if editor.pointed is None:
            return Effect(message=_HELP)
    at = hand.pointed(editor.pointed)
    return hand.show(at, on) if at is not None else None


def shape(editor: ShapeEditor, _: Any) -> Done:
    """The selected object is shown by the box about it."""
    place = editor.kinds.place(editor.chosen())
    if place is None:
        return UNSELECTED
    return editor.prompter.ask(Shown((place.x, place.y, place.width, place.height)))


COMMANDS: Commands = {"show": point, "shape": shape}
