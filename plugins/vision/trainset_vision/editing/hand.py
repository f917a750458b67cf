"""What a reviewer has in hand while something is drawn step by step: points that are set, or a brush."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from trainset.core.model import Annotation
from trainset.plugins import SEEN, Change, Effect, Point, Shape
from trainset_vision.annotations import Keypoints, Polygon
from trainset_vision.editing.kind import REACH
from trainset_vision.editing.paths import PathKind

if TYPE_CHECKING:
    from trainset_vision.editing.editor import ShapeEditor
    from trainset_vision.editing.keypoints import KeypointsKind

NONE_MISSING = "no point is missing"

_ARM = 1.5
"""How long the arms of the cursor are, in cells."""


class Hand:
    """What the pointer, and the keys through a cursor, do while this is in hand."""

    def __init__(self, editor: ShapeEditor) -> None:
        self.editor = editor
        self.cursor = editor.middle()

    def press(self, at: Point) -> Change | Effect | None:
        """The pointer goes down."""
        raise NotImplementedError

    def drag(self, at: Point) -> Effect:
        """The pointer moves while down."""
        self.cursor = self.editor.frame.held(at)
        return SEEN

    def release(self, at: Point) -> Change | Effect | None:
        """The pointer goes up."""
        return SEEN

    def move(self, dx: float, dy: float) -> Effect:
        """The cursor moves."""
        self.cursor = self.editor.frame.held(Point(self.cursor.x + dx, self.cursor.y + dy))
        return SEEN

    def put(self) -> Change | Effect | None:
        """What a press and a release at the cursor do."""
        self.press(self.cursor)
        return self.release(self.cursor)

    def back(self) -> Change | Effect | None:
        """The last step is taken back, where there is one that is no change yet."""
        return Effect(message="there is no point to take back")

    def finish(self) -> Change | Effect | None:
        """It is put down, and what was drawn is kept."""
        self.editor.hand = None
        return SEEN

    def drop(self) -> None:
        """A press under way counts no more."""

    def preview(self) -> Annotation | None:
        """The selected object, or a new one, as the press under way makes it."""
        return None

    def shapes(self, cell: float) -> Iterable[Shape]:
        """The cursor, where a cell of the screen is `cell` pixels wide."""
        x, y, arm = self.cursor.x, self.cursor.y, _ARM * cell
        ends = np.array([(x - arm, y), (x + arm, y), (x, y - arm), (x, y + arm)])
        yield Shape("line", ends, selected=True, parts=(2, 2))


class Sketch(Hand):
    """A path that is drawn point by point: a new object, or a further ring of the polygon called `onto`."""

    def __init__(self, editor: ShapeEditor, kind: PathKind[Polygon], onto: str | None = None) -> None:
        super().__init__(editor)
        self._kind, self._onto = kind, onto
        self._points: list[Point] = []

    def press(self, at: Point) -> Change | Effect | None:
        """A point more; near the first one of an outline it is closed."""
        at = self.editor.frame.held(at)
        first = self._points[0] if self._kind.closed and len(self._points) >= self._kind.fewest else None
        if first and max(abs(first.x - at.x), abs(first.y - at.y)) <= REACH * self.editor.cell:
            return self.finish()
        if not self._points or at != self._points[-1]:
            self._points.append(at)
        self.cursor = at
        return SEEN

    def drag(self, at: Point) -> Effect:
        """The point that was just set goes along."""
        super().drag(at)
        self._points[-1:] = [self.cursor]
        return SEEN

    def put(self) -> Change | Effect | None:
        """A point at the cursor."""
        return self.press(self.cursor)

    def back(self) -> Effect:
        """The last point goes; with none left nothing is drawn any more."""
        if self._points:
            self._points.pop()
        else:
            self.editor.hand = None
        return SEEN

    def finish(self) -> Change | Effect | None:
        """The path becomes an object, or a ring."""
        if len(self._points) < self._kind.fewest:
            return Effect(
                message=f"a {self._kind.called} takes {self._kind.fewest} points: there are {len(self._points)}"
            )
        points = np.array([(p.x, p.y) for p in self._points])
        onto = next((a for a in self.editor.objects if a.id == self._onto), None)
        if isinstance(onto, Polygon):
            self.editor.select(onto.id)
            done = self.editor.reshape("ring added", self._kind.of_paths(onto, [*self._kind.paths(onto), points]))
        else:
            done = self.editor.create(f"new {self._kind.called}", self._kind.drawn(points, self.editor.new_label))
        if isinstance(done, Change):
            self.editor.hand = None
        return done

    def shapes(self, cell: float) -> Iterable[Shape]:
        """The path so far, with its points, on to the cursor."""
        points = np.array([(p.x, p.y) for p in (*self._points, self.cursor)])
        if self._points:
            yield Shape("line", points, selected=True)
            yield Shape("points", points[:-1], selected=True)
        yield from super().shapes(cell)


class Placing(Hand):
    """Keypoints that are not labelled yet are set, one after another, in the order of the skeleton."""

    def __init__(self, editor: ShapeEditor, kind: KeypointsKind) -> None:
        super().__init__(editor)
        self._kind = kind

    def press(self, at: Point) -> Change | Effect | None:
        """The next missing point of the selected object is set."""
        chosen = self.editor.chosen()
        index = self._kind.missing(chosen) if isinstance(chosen, Keypoints) else None
        self.cursor = self.editor.frame.held(at)
        if index is None or not isinstance(chosen, Keypoints):
            return Effect(message=NONE_MISSING)
        done = self.editor.reshape(f"{self._kind.name(index)} set", self._kind.with_point(chosen, index, at))
        self.editor.point, placed = index, self.editor.chosen()
        if isinstance(placed, Keypoints) and self._kind.missing(placed) is None:
            self.editor.hand = None
        return done

    def put(self) -> Change | Effect | None:
        """The next missing point is set at the cursor."""
        return self.press(self.cursor)
