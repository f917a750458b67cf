"""An image in review: its picture with the outlines of what is on it, and the keys that edit them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainset.core.model import Annotation, Item
from trainset.plugins import (
    SEEN,
    UNSELECTED,
    Change,
    ClassEditor,
    Context,
    EditorView,
    Effect,
    Key,
    Point,
    Rect,
    Scene,
    Shape,
    Size,
    Viewport,
    label_color,
)
from trainset_vision.annotations import Box
from trainset_vision.box_editing import BoxEditor, outline
from trainset_vision.geometry import Frame
from trainset_vision.media.items import is_large, shared_item
from trainset_vision.media.pyramid import Pyramid, WindowPyramid, around
from trainset_vision.media.raster import Raster, pixel_size

_DIRECTIONS = {"left": ("h", (-1, 0)), "down": ("j", (0, 1)), "up": ("k", (0, -1)), "right": ("l", (1, 0))}

KEYS: tuple[Key, ...] = (
    *(Key(key, "move", f"move {name}", by) for name, (letter, by) in _DIRECTIONS.items() for key in (letter, name)),
    Key("H", "resize", "narrower", (-1, 0)),
    Key("J", "resize", "taller", (0, 1)),
    Key("K", "resize", "lower", (0, -1)),
    Key("L", "resize", "wider", (1, 0)),
    Key("b", "add", "new box"),
    Key("B", "draw", "draw a box with the mouse, over another one too"),
    Key("z", "zoom-object", "zoom to the object"),
    Key("space", "cycle", "show the models' other candidates"),
    Key("c", "take", "take the candidate"),
)

_MARGIN = 0.5
"""What is shown around an object that is looked at closely, as a share of its longer side, on each side."""

_CLOSEST = 16.0
"""The least width and height, in pixels, of what a close look shows."""


class ImageView(EditorView):
    """The view of `box` and `classify` tasks. Scene coordinates are pixels of the upright image."""

    keys: Sequence[Key] = KEYS
    """The keys that edit boxes; none for a class, which needs but the core's."""

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Show an item; MediaError if its image cannot be read."""
        self._pyramid: Pyramid | WindowPyramid
        if is_large(item):
            self._pyramid = WindowPyramid(context.media.path(item), item)
            width, height = self._pyramid.size
        else:
            pixels = context.media.load(item)
            height, width = pixels.shape[:2]
            self._pyramid = Pyramid(pixels)
        self._frame = Frame(width, height)
        self._seen = Viewport(Size(80, 24))
        if context.task.type == "classify":
            self.keys, self.editor = (), ClassEditor(item, context.task, versions)
        else:
            self.keys, self.editor = KEYS, BoxEditor(item, context.task, versions, width, height)

    def scene(self, viewport: Viewport) -> Scene:
        """The picture, as fine as the viewport can show it, under the outlines."""
        self._seen = viewport
        extent = Rect(0, 0, self._frame.width, self._frame.height)
        shapes: Sequence[Shape] = ()
        if isinstance(self.editor, BoxEditor):
            self.editor.seen, shapes = viewport, self.editor.shapes()
        return Scene(extent, (self._pyramid.picture(viewport.region or extent, viewport.size),), shapes=shapes)

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core or of `keys`."""
        if command == "zoom-object":
            place = self._place()
            return Effect(region=close_up(place, self._frame)) if place else UNSELECTED
        done = super().do(command, at, argument)
        return (self._reveal() or done) if done == SEEN and command not in ("press", "drag", "release") else done

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """The image, or a close-up of one object with its outline, read only as fine as `size` needs."""
        with shared_item(context.media.path(item), item) as raster:
            return self._thumbnail(raster, focus, size, context)

    def _thumbnail(self, raster: Raster, focus: Annotation | None, size: Size, context: Context) -> Scene:
        width, height = raster.size
        extent = Rect(0, 0, width, height)
        if isinstance(focus, Box):
            extent = close_up(Rect(*focus.box), Frame(width, height))
        window = around(extent, raster.size)
        share = min(1.0, size.columns * 2 / extent.width, size.rows * 4 / extent.height)
        pixels = raster.read(window, (math.ceil(window[2] * share), math.ceil(window[3] * share)))
        pixel = pixel_size(window[2], pixels.shape[1])
        shapes = (outline(focus.box, color=label_color(focus, context.task)),) if isinstance(focus, Box) else ()
        return Scene(extent, (Pyramid(pixels, pixel, window[:2]).picture(extent, size),), shapes=shapes)

    def _place(self) -> Rect | None:
        """Where the selected annotation lies in the image."""
        chosen = self.editor.chosen()
        return Rect(*chosen.box) if isinstance(chosen, Box) else None

    def _reveal(self) -> Effect | None:
        """Look at the selected object, as closely as now, if it is out of sight."""
        place, seen = self._place(), self._seen.region
        if place is None or seen is None:
            return None
        if seen.x <= place.x and seen.y <= place.y and place.right <= seen.right and place.bottom <= seen.bottom:
            return None
        if place.width > seen.width or place.height > seen.height:
            return Effect(region=close_up(place, self._frame))
        x, y = place.x + place.width / 2 - seen.width / 2, place.y + place.height / 2 - seen.height / 2
        return Effect(region=Rect(x, y, seen.width, seen.height))


def close_up(place: Rect, frame: Frame) -> Rect:
    """What to show to look at `place` closely: it with a margin, within the image."""
    margin = 2 * _MARGIN * max(place.width, place.height)
    middle = Point(place.x + place.width / 2, place.y + place.height / 2)
    return Rect(*frame.around(middle, max(place.width + margin, _CLOSEST), max(place.height + margin, _CLOSEST)))
