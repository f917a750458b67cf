"""Commands that begin and end a new object, a stroke or a ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainset.plugins import SEEN, UNSELECTED, Effect, Point
from trainset_vision.annotations import Keypoints, Mask, Polygon
from trainset_vision.editing.brush import Brush
from trainset_vision.editing.hand import NONE_MISSING, Placing, Sketch
from trainset_vision.editing.kind import Commands, Done, Kind
from trainset_vision.editing.mask import MaskKind
from trainset_vision.editing.paths import PathKind

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor


def add(editor: ShapeEditor, _: Any) -> Done:
    """A new object in the middle of what is seen; what is drawn step by step is begun."""
    x, y, w, h = editor.view()
    box = editor.frame.around(Point(x + w / 2, y + h / 2), w / 4, h / 4)
    kind = editor.own
    new = kind.spanning(box, editor.new_label, editor.current())
    if new is not None:
        return editor.create(f"new {kind.called}", new)
    editor.select(None)
    return _take_up(editor, kind)


def draw(editor: ShapeEditor, _: Any) -> Done:
    """The pointer draws a new object, paints the selected mask, or sets the missing points."""
    kind = editor.own
    chosen = editor.chosen()
    if isinstance(chosen, Keypoints):
        return place_missing(editor, chosen)
    if not isinstance(chosen, Mask) and isinstance(kind, MaskKind | PathKind):
        editor.select(None)
    if isinstance(chosen, Mask):
        kind = editor.kinds.masks
    if isinstance(kind, MaskKind | PathKind):
        return _take_up(editor, kind)
    editor.arm()
    return Effect(message=f"draw a {kind.called} with the mouse")


def place_missing(editor: ShapeEditor, chosen: Keypoints) -> Effect:
    """The points that are not labelled are set, one after another."""
    missing = editor.kinds.keypoints.missing(chosen)
    if missing is None:
        return Effect(message=NONE_MISSING)
    editor.hand = Placing(editor, editor.kinds.keypoints)
    return Effect(message=f"set {editor.kinds.keypoints.name(missing)}: click, or y at the cursor")


def _take_up(editor: ShapeEditor, kind: Kind[Any]) -> Effect:
    if isinstance(kind, PathKind):
        editor.hand = Sketch(editor, kind)
        return Effect(message="click, or y at the cursor, sets a point; w finishes")
    editor.hand = Brush(editor, editor.kinds.masks, erases=False)
    return Effect(message=f"brush of {editor.hand.size} px: drag, or y at the cursor, paints; w puts it away")


def ring(editor: ShapeEditor, _: Any) -> Done:
    """One more ring of the selected polygon is begun."""
    chosen = editor.chosen()
    if not isinstance(chosen, Polygon):
        return UNSELECTED if chosen is None else Effect(message="only polygons have rings")
    editor.hand = Sketch(editor, editor.kinds.polygons, chosen.id)
    return Effect(message="one more ring: click, or y at the cursor, sets a point; w finishes")


def erase(editor: ShapeEditor, _: Any) -> Done:
    """The eraser for masks."""
    editor.hand = Brush(editor, editor.kinds.masks, erases=True)
    return Effect(message=f"eraser of {editor.hand.size} px: drag, or y at the cursor, erases; w puts it away")


def brush_size(editor: ShapeEditor, by: int) -> Done:
    """A smaller or larger brush."""
    return (
        editor.hand.resize(by) if isinstance(editor.hand, Brush) else Effect(message="B takes the brush, E the eraser")
    )


def finish(editor: ShapeEditor, _: Any) -> Done:
    """What is in hand is put down, and what was drawn becomes an object."""
    return editor.hand.finish() if editor.hand else Effect(message="nothing is being drawn")


def let_go(editor: ShapeEditor, _: Any) -> Done:
    """What is in hand is dropped, and no point and no candidate is selected."""
    editor.hand, editor.point = None, None
    editor.arm(False)
    if editor.chosen() not in editor.objects:
        editor.select(None)
    return SEEN


COMMANDS: Commands = {
    "add": add,
    "draw": draw,
    "ring": ring,
    "erase": erase,
    "brush-size": brush_size,
    "finish": finish,
    "let-go": let_go,
}
