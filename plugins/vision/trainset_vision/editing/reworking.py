"""Commands on the selected region as a whole: grow, fill, divide, convert."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trainset.core.model import Annotation
from trainset.errors import RecordError
from trainset.plugins import SEEN, UNSELECTED, Effect
from trainset_vision.annotations import Mask, Polygon
from trainset_vision.conversions import polygon_to_mask
from trainset_vision.editing import regions
from trainset_vision.editing.bitmap import Bitmap
from trainset_vision.editing.kind import Commands, Done, with_fields

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor

_PARTS = 100
"""A region of more parts is not divided: it is noise."""


def shade(editor: ShapeEditor, _: Any) -> Done:
    """Masks filled, or as outlines."""
    editor.filled = not editor.filled
    return SEEN


def grow(editor: ShapeEditor, by: int) -> Done:
    """A mask wider or narrower by pixels."""
    return _repainted(editor, "grown" if by > 0 else "shrunk", lambda bits: regions.grown(bits, by))


def fill(editor: ShapeEditor, _: Any) -> Done:
    """Without the holes, or without the one under the cursor."""
    chosen, at = editor.chosen(), editor.hand.cursor if editor.hand else None
    if isinstance(chosen, Polygon):
        rings = regions.without_holes(chosen.polygon, at)
        return editor.reshape("holes filled", with_fields(chosen, polygon=rings))
    return _repainted(editor, "holes filled", lambda bits: regions.filled(bits, at))


def _repainted(editor: ShapeEditor, text: str, change: Callable[[Bitmap], Bitmap]) -> Done:
    chosen = editor.chosen()
    bits = editor.kinds.masks.bits(chosen) if isinstance(chosen, Mask) else None
    if bits is None or not isinstance(chosen, Mask):
        return UNSELECTED if chosen is None else Effect(message="that is for masks: C makes one of a polygon")
    new = change(bits)
    return None if new is bits else editor.reshape(text, editor.kinds.masks.painted(chosen, new))


def split(editor: ShapeEditor, _: Any) -> Done:
    """Parts that do not touch become objects of their own."""
    chosen = editor.chosen()
    bits = editor.kinds.masks.bits(chosen) if isinstance(chosen, Mask) else None
    parts: list[Annotation] = []
    if isinstance(chosen, Polygon):
        parts = [with_fields(chosen, polygon=rings) for rings in regions.polygon_parts(chosen.polygon)]
    elif isinstance(chosen, Mask) and bits is not None:
        parts = [editor.kinds.masks.painted(chosen, part) for part in regions.parts(bits)]
    if chosen is None or len(parts) < 2:
        return UNSELECTED if chosen is None else Effect(message="it is of one part")
    if len(parts) > _PARTS:
        return Effect(message=f"it is of {len(parts):,} parts, too many to become objects")
    return editor.reshape(f"divided into {len(parts)}", *parts)


def convert(editor: ShapeEditor, _: Any) -> Done:
    """A polygon becomes a mask, a mask a polygon."""
    chosen = editor.chosen()
    fields = {name: getattr(chosen, name) for name in Annotation.__struct_fields__} if chosen else {}
    if isinstance(chosen, Polygon):
        size = int(editor.frame.height), int(editor.frame.width)
        try:
            mask = polygon_to_mask(chosen.polygon, size)
        except RecordError as error:
            return Effect(message=error.message)
        return editor.reshape("now a mask", Mask(**fields, mask=mask))
    bits = editor.kinds.masks.bits(chosen) if isinstance(chosen, Mask) else None
    if bits is None:
        return UNSELECTED if chosen is None else Effect(message="only polygons and masks become one another")
    rings, said = regions.outlined(bits)
    return editor.reshape(f"now {said}", Polygon(**fields, polygon=rings))


COMMANDS: Commands = {"shade": shade, "grow": grow, "fill": fill, "split": split, "convert": convert}
