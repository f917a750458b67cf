"""A view's scene with what differs from other versions marked, whichever view it is: it says what its shapes are `of`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from trainset.core.model import Annotation
from trainset.core.protocols import View
from trainset.core.scene import Rect, Run, Scene, Shape, Tint, Viewport

Mark = tuple[str, int]
"""A sign and a palette index."""

_Drawn = TypeVar("_Drawn", Shape, Tint)


class Pane:
    """One version in a view of its own. `marks` are the signs of its objects, by id, that other versions have otherwise;
    objects without one are dashed, and say nothing unless they are selected."""

    def __init__(self, view: View, marks: Mapping[str, Mark]) -> None:
        self.view, self.marks = view, marks
        self._seen: Viewport | None = None
        self._places: dict[str, Rect] = {}

    def scene(self, viewport: Viewport) -> Scene:
        """The view's scene with its objects marked."""
        scene = self.view.scene(viewport)
        self._seen = viewport
        self._places = _places(scene)
        marked = self.marks
        shapes = [self._marked(shape, shape.text) for shape in scene.shapes]
        tints = [self._marked(tint, tint.text or marked.get(tint.of, ("",))[0]) for tint in scene.tints]
        rows = [[self._run(run) for run in row] for row in scene.rows]
        return replace(scene, shapes=shapes, tints=tints, rows=rows)

    def look_at(self, own: Annotation | None, there: Annotation | None) -> None:
        """Select this version's own object, or else go to where another version has it."""
        self.view.do("select", None, own.id if own else None)
        if own is None and there is not None:
            self.view.do("reveal", None, there)

    def place(self, name: str) -> Rect | None:
        """Where an object was last seen, by id; None where it was not, or has no place."""
        return self._places.get(name)

    def sees(self, place: Rect) -> bool:
        """Whether all of a place is in sight."""
        seen = self._seen.region if self._seen else None
        return seen is None or (
            seen.x <= place.x and seen.y <= place.y and place.right <= seen.right and place.bottom <= seen.bottom
        )

    def _marked(self, drawn: _Drawn, text: str) -> _Drawn:
        if drawn.of not in self.marks:
            return replace(drawn, weak=True, text="") if drawn.of and not drawn.selected else drawn
        sign, color = self.marks[drawn.of]
        return replace(drawn, color=color, text=f"{sign} {text}" if text and text != sign else text)

    def _run(self, run: Run) -> Run:
        if run.of not in self.marks or run.style == "reverse":
            return run
        return replace(run, color=self.marks[run.of][1], style="underline")


def _places(scene: Scene) -> dict[str, Rect]:
    """What surrounds the shapes and tints of each object."""
    found: dict[str, list[Rect]] = {}
    for shape in scene.shapes:
        if shape.of and len(shape.points):
            found.setdefault(shape.of, []).append(_around(shape))
    for tint in scene.tints:
        if tint.of and tint.mask.any():
            found.setdefault(tint.of, []).append(_covered(tint))
    return {name: together(rects) for name, rects in found.items()}


def together(rects: Sequence[Rect]) -> Rect:
    """What surrounds all of them."""
    x, y = min(r.x for r in rects), min(r.y for r in rects)
    return Rect(x, y, max(r.right for r in rects) - x, max(r.bottom for r in rects) - y)


def _around(shape: Shape) -> Rect:
    points = shape.array
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return Rect(left, top, right - left, bottom - top)


def _covered(tint: Tint) -> Rect:
    rows, columns = (np.flatnonzero(tint.mask.any(axis=axis)).tolist() for axis in (1, 0))
    across, down = tint.place.width / tint.mask.shape[1], tint.place.height / tint.mask.shape[0]
    left, top = tint.place.x + columns[0] * across, tint.place.y + rows[0] * down
    return Rect(left, top, (columns[-1] + 1 - columns[0]) * across, (rows[-1] + 1 - rows[0]) * down)
