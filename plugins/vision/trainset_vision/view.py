"""An image in review: its picture with the outlines of what is on it, and the keys that edit them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainset.core.model import Annotation, Item
from trainset.plugins import Change, Context, Effect, Key, Line, Point, Rect, Scene, Size, Viewport
from trainset_vision.annotations import Box
from trainset_vision.box_editing import BoxEditor, outline
from trainset_vision.editing import ClassEditor, Editor, color
from trainset_vision.geometry import Frame
from trainset_vision.media.pixels import pixel_size, read_rgb
from trainset_vision.media.pyramid import Pyramid
from trainset_vision.modality import pixel_limit

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


class ImageView:
    """The view of `box` and `classify` tasks. Scene coordinates are pixels of the upright image."""

    def __init__(self) -> None:
        self._editor: Editor | None = None
        self._pyramid: Pyramid | None = None
        self._frame = Frame(1, 1)
        self._seen = Viewport(Size(80, 24))

    @property
    def keys(self) -> Sequence[Key]:
        """The keys that edit boxes; a class needs none but the core's."""
        return () if isinstance(self._editor, ClassEditor) else KEYS

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Show an item; MediaError if its image cannot be read."""
        pixels = context.media.load(item)
        height, width = pixels.shape[:2]
        self._frame = Frame(width, height)
        self._pyramid = Pyramid(pixels)
        if context.task.type == "classify":
            self._editor = ClassEditor(item, context.task, versions)
        else:
            self._editor = BoxEditor(item, context.task, versions, width, height)

    def scene(self, viewport: Viewport) -> Scene:
        """The picture, as fine as the viewport can show it, under the outlines."""
        assert self._editor is not None and self._pyramid is not None
        self._seen = viewport
        extent = Rect(0, 0, self._frame.width, self._frame.height)
        picture = self._pyramid.picture(viewport.region or extent, viewport.size)
        return Scene(extent, (picture,), shapes=self._editor.shapes())

    def lines(self) -> Sequence[Line]:
        """The objects for the side panel, such as `1 screw .87`."""
        return self._editor.lines() if self._editor else []

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core or of `keys`."""
        if self._editor is None:
            return None
        if command == "zoom-object":
            place = self._editor.place()
            return Effect(region=close_up(place, self._frame)) if place else Effect(message="select an object first")
        done = self._editor.do(command, at, argument, self._seen)
        if command in ("next", "previous", "select", "cycle") and isinstance(done, Effect) and not done.message:
            return self._reveal() or done
        return done

    def undo(self, change: Change) -> None:
        """Put back what was before the change."""
        if self._editor:
            self._editor.put(change.data[0])

    def redo(self, change: Change) -> None:
        """Put back what the change made."""
        if self._editor:
            self._editor.put(change.data[1])

    def annotations(self) -> tuple[Annotation, ...]:
        """The annotations as edited."""
        return self._editor.objects if self._editor else ()

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """The image, or a close-up of one object with its outline; a JPEG is decoded only as fine as `size` needs."""
        path, limit = context.media.path(item), pixel_limit(item)
        width, height = item.meta.get("width"), item.meta.get("height")
        if not width or not height:
            height, width = read_rgb(path, max_pixels=limit).shape[:2]
        extent = Rect(0, 0, width, height)
        if isinstance(focus, Box):
            extent = close_up(Rect(*focus.box), Frame(width, height))
        share = min(1.0, size.columns * 2 / extent.width, size.rows * 4 / extent.height)
        pixels = read_rgb(path, (math.ceil(width * share), math.ceil(height * share)), max_pixels=limit)
        pixel = pixel_size(width, pixels.shape[1])
        shapes = (outline(focus.box, color=color(focus, context.task)),) if isinstance(focus, Box) else ()
        return Scene(extent, (Pyramid(pixels, pixel).picture(extent, size),), shapes=shapes)

    def _reveal(self) -> Effect | None:
        """Look at the selected object, as closely as now, if it is out of sight."""
        assert self._editor is not None
        place, seen = self._editor.place(), self._seen.region
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
