"""Classes of the objects of another task: each is drawn with its own shape, in the words and the colour of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainset.core.model import Annotation, Item
from trainset.plugins import (
    SEEN,
    Change,
    Context,
    Effect,
    Key,
    ObjectClassEditor,
    Point,
    Rect,
    Shape,
    Size,
    Tint,
    Viewport,
)
from trainset_vision.editing.kind import Look
from trainset_vision.editing.kinds import Kinds, parted
from trainset_vision.geometry import Frame

KEYS = (Key("z", "zoom-object", "zoom to the object"),)


class ClassesEditor(ObjectClassEditor):
    """A class for each object on an image, where `seen` is what the reviewer looks at."""

    def __init__(
        self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context, frame: Frame
    ) -> None:
        super().__init__(item, context.task, versions, context.objects(item))
        self.kinds = Kinds(frame, context.task)
        self.seen = Viewport(Size(80, 24))

    def overlays(self) -> tuple[list[Shape], list[Tint]]:
        """The objects on the picture, dashed where they have no answer; the selected one on top."""
        drawn: list[Shape | Tint] = []
        for annotation, line in sorted(self.placed(), key=lambda pair: pair[1].selected):
            look = Look(self.seen, line.text, line.color, line.selected, line.weak, filled=False)
            drawn += self.kinds.draw(annotation, look)
        return parted(drawn)

    def focus(self) -> Rect | None:
        """The place of the selected object."""
        return self.kinds.place(self.place())

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command; the pointer selects the smallest object beneath it."""
        if command != "press" or at is None:
            return super().do(command, at, argument)
        places = ((self.kinds.place(a), a.id) for a in self.about)
        under = [(p.width * p.height, name) for p, name in places if p and _holds(p, at, self.seen.unit / 2)]
        if under:
            self.selected = min(under)[1]
        return SEEN


def _holds(place: Rect, at: Point, reach: float) -> bool:
    return place.x - reach <= at.x <= place.right + reach and place.y - reach <= at.y <= place.bottom + reach
