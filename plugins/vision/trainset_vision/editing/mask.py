"""Masks: pixels that are painted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

from trainset.core.model import Annotation, Task
from trainset.errors import RecordError
from trainset.plugins import Point, Rect, Shape, Tint
from trainset_vision.annotations import Mask, Rle, rle
from trainset_vision.editing.bitmap import TILE, Bitmap
from trainset_vision.editing.kept import Kept
from trainset_vision.editing.kind import Kind, Look
from trainset_vision.geometry import Frame


class Painted(Mask, kw_only=True, frozen=True, tag="mask"):
    """A mask that was edited: `bits` are its pixels now, `mask` what it was before. What is stored is `stored`."""

    bits: Bitmap

    @property
    def stored(self) -> Mask:
        """The mask with its present pixels, encoded when first asked for."""
        return Mask(
            id=self.id,
            label=self.label,
            score=self.score,
            attributes=self.attributes,
            track=self.track,
            mask=self.bits.rle,
        )


class MaskKind(Kind[Mask]):
    """Masks as large as the image. One of another size, or that cannot be read, is shown nowhere."""

    struct, called = Mask, "mask"

    def __init__(self, frame: Frame, task: Task) -> None:
        super().__init__(frame, task)
        self._read = Kept(lambda a: self._decoded(cast(Mask, a)))
        # A bitmap remembers these itself; what is painted changes too often to be kept here as well.
        self.extent = lambda annotation: self.place(cast(Mask, annotation))
        self.measure = lambda annotation: self.size(cast(Mask, annotation))

    @property
    def empty(self) -> Bitmap:
        """A bitmap of the image's size with nothing in it."""
        return Bitmap(int(self.frame.height), int(self.frame.width), {})

    def bits(self, annotation: Annotation) -> Bitmap | None:
        """The pixels of a mask; None where they cannot be read, or are not as many as the image's."""
        return annotation.bits if isinstance(annotation, Painted) else self._read(annotation)

    def new(self, bits: Bitmap, label: str | None) -> Painted:
        """A mask of these pixels that was not there before."""
        return Painted(label=label, mask=_nothing(bits), bits=bits)

    def painted(self, annotation: Mask, bits: Bitmap) -> Painted:
        """A mask with other pixels."""
        fields = {name: getattr(annotation, name) for name in Mask.__struct_fields__}
        return Painted(**fields, bits=bits)

    # -- what is shown --------------------------------------------------------------------------------------

    def place(self, annotation: Mask) -> Rect | None:
        """The smallest rectangle about its pixels."""
        bits = self.bits(annotation)
        return Rect(*bits.extent) if bits is not None and bits.extent is not None else None

    def size(self, annotation: Mask) -> str:
        """How many pixels it has."""
        bits = self.bits(annotation)
        return "cannot be read" if bits is None else f"{bits.area:,} px"

    def draw(self, annotation: Mask, look: Look) -> Iterable[Shape | Tint]:
        """Its outline, and a tint, as fine as the viewport can show them."""
        bits = self.bits(annotation)
        if bits is None:
            return
        region = look.seen.region or Rect(0, 0, self.frame.width, self.frame.height)
        left, top = math.floor(region.x), math.floor(region.y)
        window = (left, top, math.ceil(region.right) - left, math.ceil(region.bottom) - top)
        dot = min(region.width / (2 * look.seen.size.columns), region.height / (4 * look.seen.size.rows))
        factor = min(2 ** max(0, math.floor(math.log2(max(dot, 1.0)))), TILE)
        seen = bits.seen(window, factor)
        if seen is not None:
            yield Tint(
                seen[0], Rect(*seen[1]), look.color, look.selected, look.text, look.weak, look.filled, contour=True
            )

    # -- edits ----------------------------------------------------------------------------------------------

    def hit(self, annotation: Mask, at: Point, reach: float) -> bool:
        """Whether a pixel of it lies within `reach`."""
        bits, side = self.bits(annotation), max(1, math.ceil(2 * reach))
        window = (math.floor(at.x - side / 2 + 0.5), math.floor(at.y - side / 2 + 0.5), side, side)
        return bits is not None and bool(bits.window(window).any())

    def moved(self, annotation: Mask, dx: float, dy: float) -> Mask:
        """Moved by whole pixels, within the image."""
        bits, place = self.bits(annotation), self.extent(annotation)
        if bits is None or place is None or bits.extent is None:
            return annotation
        x, y = map(round, self.frame.shift(place, dx, dy))
        if not (x or y):
            return annotation
        left, top, _, _ = bits.extent
        return self.painted(annotation, self.empty.replaced(left + x, top + y, bits.window(bits.extent)))

    def _decoded(self, annotation: Mask) -> Bitmap | None:
        height, width = annotation.mask.size
        if height != self.frame.height or width != self.frame.width:
            return None
        try:
            return Bitmap.of(annotation.mask)
        except RecordError:
            return None


def _nothing(bits: Bitmap) -> Rle:
    return Rle((bits.height, bits.width), rle.compress([bits.height * bits.width]))
