"""Commands on the points of the selected object: select one, add one, take one away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainset.plugins import UNSELECTED, Change, Effect
from trainset_vision.annotations import Keypoints
from trainset_vision.editing.hand import Sketch
from trainset_vision.editing.kind import Commands, Done
from trainset_vision.editing.making import place_missing
from trainset_vision.editing.paths import PathKind

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor


def point(editor: ShapeEditor, by: int | str) -> Done:
    """The next or previous point, or (a text) the one of this number."""
    chosen, kind = editor.chosen(), editor.kind(editor.chosen())
    count = kind.count(chosen) if kind and chosen else 0
    if not count:
        return UNSELECTED if chosen is None else Effect(message="it has no points to select")
    present = editor.point_of(chosen)
    if isinstance(by, str):
        editor.point = min(int(by), count - 1) if by.isdigit() else present
    else:
        editor.point = (0 if by > 0 else count - 1) if present is None else (present + by) % count
    named = isinstance(chosen, Keypoints) and editor.point is not None
    return Effect(message=editor.kinds.keypoints.name(editor.point) if named and editor.point is not None else "")


def find_point(editor: ShapeEditor, _: Any) -> Done:
    """Ask which point to select."""
    chosen = editor.chosen()
    if not isinstance(chosen, Keypoints):
        return UNSELECTED
    names = [(str(n), f"{n + 1} {editor.kinds.keypoints.name(n)}") for n in range(len(chosen.keypoints))]
    return Effect(label="point", choices=names)


def back(editor: ShapeEditor, _: Any) -> Done:
    """Take away the point that is selected, or was drawn last."""
    if isinstance(editor.hand, Sketch):
        return editor.hand.back()
    point = editor.point_of(editor.chosen())
    if point is None:
        return Effect(message="select a point first: v goes through them")
    done = editor.edited("point taken away", "left with fewer points", lambda kind, a: kind.without_point(a, point))
    kind, chosen = editor.kind(editor.chosen()), editor.chosen()
    if isinstance(done, Change) and isinstance(kind, PathKind) and chosen is not None:
        editor.point = min(point, kind.count(chosen) - 1)
    return done


def visibility(editor: ShapeEditor, _: Any) -> Done:
    """From visible to hidden to not labelled."""
    chosen, point = editor.chosen(), editor.point_of(editor.chosen())
    if not isinstance(chosen, Keypoints) or point is None:
        return Effect(message="select a point first: v goes through them")
    return editor.reshape(
        f"{editor.kinds.keypoints.name(point)}", editor.kinds.keypoints.with_visibility(chosen, point)
    )


def put(editor: ShapeEditor, _: Any) -> Done:
    """What is in hand, put down at the cursor; else a point more on the outline."""
    if editor.hand:
        return editor.hand.put()
    chosen, kind = editor.chosen(), editor.kind(editor.chosen())
    if isinstance(chosen, Keypoints):
        return place_missing(editor, chosen)
    added = kind.with_point_added(chosen, editor.point_of(chosen)) if kind and chosen else None
    if added is None:
        return UNSELECTED if chosen is None else Effect(message="only outlines and lines take more points")
    done = editor.reshape("point added", added[0])
    editor.point = added[1] if isinstance(done, Change) else editor.point
    return done


COMMANDS: Commands = {"point": point, "find-point": find_point, "put": put, "back": back, "visibility": visibility}
