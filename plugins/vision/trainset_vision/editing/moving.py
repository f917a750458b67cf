"""Commands that move, stretch and turn the selected object, whatever its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainset.plugins import Effect, Rect
from trainset_vision.annotations import Box, Mask, Polygon
from trainset_vision.editing.kind import Commands, Done, with_fields
from trainset_vision.editing.prompting import Prompting

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor

_TURN = 15.0
"""A coarse step of turning, in degrees; a fine one is 1."""

_OVERLAP = 0.3
"""A box snaps to the mask whose extent covers at least this share of what both take."""


def move(editor: ShapeEditor, by: tuple[int, int]) -> Done:
    """The cursor, the selected point, or the object, by steps."""
    dx, dy = by[0] * editor.step, by[1] * editor.step
    if editor.hand:
        if isinstance(editor.hand, Prompting):
            editor.hand.moved(editor.pointed)
        return editor.hand.move(dx, dy)
    point = editor.point_of(editor.chosen())
    if point is not None:
        return editor.edited("point moved", "moved", lambda k, a: k.with_point_moved(a, point, dx, dy))
    return editor.edited("moved", "moved", lambda kind, a: kind.moved(a, dx, dy))


def resize(editor: ShapeEditor, by: tuple[int, int]) -> Done:
    """The right and lower ends of the object, by steps."""
    return editor.edited("resized", "resized", lambda k, a: k.resized(a, by[0] * editor.step, by[1] * editor.step))


def turn(editor: ShapeEditor, by: int) -> Done:
    """The object about its middle."""
    degrees = by * (1.0 if editor.fine else _TURN)
    return editor.edited("turned", "turned here", lambda kind, a: kind.turned(a, degrees))


def fine(editor: ShapeEditor, _: Any) -> Done:
    """From coarse to fine steps, or back."""
    editor.fine = not editor.fine
    return Effect(message="fine steps: 1 px, 1°" if editor.fine else "coarse steps: a cell of the screen, 15°")


def snap(editor: ShapeEditor, _: Any) -> Done:
    """A box onto the mask under it, or else onto the edges in the picture."""
    chosen = editor.chosen()
    beneath = _beneath(editor, chosen) if isinstance(chosen, Box) else None
    if isinstance(chosen, Box) and beneath is not None:
        box = (beneath.x, beneath.y, beneath.width, beneath.height)
        return editor.reshape("snapped to the mask", with_fields(chosen, box=box))
    return editor.edited("snapped to the edges", "snapped", lambda kind, a: kind.snapped(a, editor.look))


def _beneath(editor: ShapeEditor, box: Box) -> Rect | None:
    """The extent of the region that a box best fits to."""
    x, y, w, h = box.box
    best, found = _OVERLAP, None
    for annotation in editor.current():
        place = editor.kinds.place(annotation) if isinstance(annotation, Mask | Polygon) else None
        if place is not None:
            wide = min(x + w, place.right) - max(x, place.x)
            high = min(y + h, place.bottom) - max(y, place.y)
            both = max(wide, 0.0) * max(high, 0.0)
            share = both / max(w * h + place.width * place.height - both, 1e-9)
            if share > best:
                best, found = share, place
    return found


COMMANDS: Commands = {"move": move, "resize": resize, "turn": turn, "fine": fine, "snap": snap}
