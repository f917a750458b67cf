"""The brush and the eraser: a stroke changes the pixels that it passes over, and nothing else is looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from trainset.core.model import Annotation
from trainset.plugins import SEEN, Change, Effect, Point, Shape
from trainset_vision.annotations import Mask
from trainset_vision.editing.bitmap import Bitmap
from trainset_vision.editing.hand import Hand

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor
    from trainset_vision.editing.mask import MaskKind

SIZES = (1, 3, 5, 9, 15, 25, 45, 75, 125, 225, 401)
"""How wide a brush may be, in pixels."""

_SIDES = 24


class Brush(Hand):
    """Paints the selected mask (a new one, where none is selected), or takes pixels from it."""

    def __init__(self, editor: ShapeEditor, kind: MaskKind, erases: bool) -> None:
        super().__init__(editor)
        self._kind, self.erases = kind, erases
        self.size = next((size for size in SIZES if size >= 2 * editor.cell), SIZES[-1])
        self.stroke: Bitmap | None = None
        """The pixels with the stroke that is under way."""

    def resize(self, by: int) -> Effect:
        """A wider or narrower brush."""
        self.size = SIZES[min(max(SIZES.index(self.size) + by, 0), len(SIZES) - 1)]
        return Effect(message=f"{'eraser' if self.erases else 'brush'} of {self.size} px")

    def press(self, at: Point) -> Change | Effect | None:
        """A stroke begins."""
        chosen = self.editor.chosen()
        if chosen is None and not self.erases:
            before: Bitmap | None = self._kind.empty
        else:
            before = self._kind.bits(chosen) if isinstance(chosen, Mask) else None
        self.cursor = self.editor.frame.held(at)
        if before is None:
            return Effect(message="select a mask first" if chosen is None else "this is no mask that can be painted")
        self.stroke = drawn(before, self.cursor, self.cursor, self.size, not self.erases)
        return SEEN

    def drag(self, at: Point) -> Effect:
        """The stroke goes on."""
        start = self.cursor
        super().drag(at)
        if self.stroke is not None:
            self.stroke = drawn(self.stroke, start, self.cursor, self.size, not self.erases)
        return SEEN

    def release(self, at: Point) -> Change | Effect | None:
        """The stroke becomes one change."""
        if self.stroke is None:
            return SEEN
        self.drag(at)
        bits, chosen = self.stroke, self.editor.chosen()
        self.drop()
        if not isinstance(chosen, Mask):
            return self.editor.create("painted", self._kind.new(bits, self.editor.new_label))
        if bits is self._kind.bits(chosen):
            return SEEN
        return self.editor.reshape("erased" if self.erases else "painted", self._kind.painted(chosen, bits))

    def put(self) -> Change | Effect | None:
        """A dab at the cursor."""
        done = self.press(self.cursor)
        return self.release(self.cursor) if self.stroke is not None else done

    def drop(self) -> None:
        """The stroke under way is none."""
        self.stroke = None

    def preview(self) -> Annotation | None:
        """The mask with the stroke under way."""
        chosen = self.editor.chosen()
        if self.stroke is None:
            return None
        return (
            self._kind.painted(chosen, self.stroke) if isinstance(chosen, Mask) else self._kind.new(self.stroke, None)
        )

    def shapes(self, cell: float) -> Iterable[Shape]:
        """The cursor, and how wide the brush is."""
        angles = np.linspace(0, 2 * math.pi, _SIDES, endpoint=False)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) * self.size / 2 + (self.cursor.x, self.cursor.y)
        yield Shape("polygon", ring, selected=True, weak=self.erases)
        yield from super().shapes(cell)


def drawn(bits: Bitmap, start: Point, end: Point, size: int, value: bool) -> Bitmap:
    """With the pixels set, or unset, whose middle lies within half of `size` of the line; and the one at its end."""
    reach = size / 2
    left, top = (math.floor(min(a, b) - reach) for a, b in ((start.x, end.x), (start.y, end.y)))
    right, bottom = (math.ceil(max(a, b) + reach) + 1 for a, b in ((start.x, end.x), (start.y, end.y)))
    x = np.arange(left, right, dtype=np.float32) + 0.5 - start.x
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - start.y)[:, None]
    dx, dy = end.x - start.x, end.y - start.y
    length = dx * dx + dy * dy
    along = ((x * dx + y * dy) / length).clip(0, 1) if length > 1e-9 else np.float32(0)
    touched = (x - along * dx) ** 2 + (y - along * dy) ** 2 <= reach * reach
    touched[
        min(math.floor(end.y), bits.height - 1) - top,
        min(math.floor(end.x), bits.width - 1) - left,
    ] = True
    before = bits.window((left, top, right - left, bottom - top))
    return bits.replaced(left, top, before | touched if value else before & ~touched)
