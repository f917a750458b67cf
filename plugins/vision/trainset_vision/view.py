"""An image in review: its picture with the outlines of what is on it, and the keys that edit them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainset.core.model import Annotation, Item
from trainset.plugins import (
    UNSELECTED,
    Change,
    ClassEditor,
    Context,
    EditorView,
    Effect,
    Key,
    Picture,
    Point,
    Rect,
    Scene,
    Shape,
    Size,
    Tint,
    Viewport,
    label_color,
)
from trainset_vision.editing import KEYS, ShapeEditor
from trainset_vision.editing.classes import KEYS as CLASS_KEYS
from trainset_vision.editing.classes import ClassesEditor
from trainset_vision.editing.kind import Look
from trainset_vision.editing.kinds import Kinds, parted
from trainset_vision.geometry import Frame
from trainset_vision.media.items import is_large, shared_item
from trainset_vision.media.pyramid import Pyramid, WindowPyramid, around
from trainset_vision.media.raster import Raster, pixel_size

_MARGIN = 0.5
"""What is shown around an object that is looked at closely, as a share of its longer side, on each side."""

_FINEST = 1000.0
"""Edges are looked for in so many pixels across, at most."""

_REVEALING = ("next", "previous", "select", "cycle", "point", "move", "put")
"""What is followed by a look at what they selected, or moved without changing anything: the cursor."""

_CLOSEST = 16.0
"""The least width and height, in pixels, of what a close look shows."""


class ImageView(EditorView):
    """The view of all tasks on images. Scene coordinates are pixels of the upright image."""

    keys: Sequence[Key] = tuple(dict.fromkeys(key for keys in (*KEYS.values(), CLASS_KEYS) for key in keys))
    """The keys that edit the task's type; none for a class, which needs but the core's. Before `open`, those of all types."""

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
            if context.task.on is not None:
                self.keys, self.editor = CLASS_KEYS, ClassesEditor(item, versions, context, self._frame)
        else:
            self.keys = KEYS[context.task.type]
            self.editor = ShapeEditor(item, versions, context, self._frame, self._look)

    def scene(self, viewport: Viewport) -> Scene:
        """The picture, as fine as the viewport can show it, under the outlines."""
        self._seen = viewport
        extent = Rect(0, 0, self._frame.width, self._frame.height)
        shapes: Sequence[Shape] = ()
        tints: Sequence[Tint] = ()
        if isinstance(self.editor, ShapeEditor | ClassesEditor):
            self.editor.seen = viewport
            shapes, tints = self.editor.overlays()
        return Scene(extent, (self._pyramid.picture(viewport.region or extent, viewport.size),), tints, shapes)

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core or of `keys`."""
        if command == "zoom-object":
            editor = self.editor
            if isinstance(editor, ClassesEditor):
                place = editor.focus()
            else:
                place = editor.kinds.place(editor.chosen()) if isinstance(editor, ShapeEditor) else None
            return Effect(region=close_up(place, self._frame)) if place else UNSELECTED
        done = super().do(command, at, argument)
        if isinstance(done, Effect) and done.region is None and command in _REVEALING and (seen := self._reveal()):
            return replace(seen, message=done.message)
        return done

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """The image, or a close-up of one object (or of what a class of one speaks of) with its outline, read only as fine
        as `size` needs."""
        with shared_item(context.media.path(item), item) as raster:
            return self._thumbnail(raster, item, focus, size, context)

    def _thumbnail(self, raster: Raster, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        width, height = raster.size
        extent = Rect(0, 0, width, height)
        kinds = Kinds(Frame(width, height), context.task)
        about = {} if context.task.on is None else {a.id: a for a in context.objects(item)}
        shown = about.get(focus.id, focus) if focus is not None else None
        place = kinds.place(shown)
        if place is not None:
            extent = close_up(place, Frame(width, height))
        window = around(extent, raster.size)
        share = min(1.0, size.columns * 2 / extent.width, size.rows * 4 / extent.height)
        pixels = raster.read(window, (math.ceil(window[2] * share), math.ceil(window[3] * share)))
        pixel = pixel_size(window[2], pixels.shape[1])
        picture = Pyramid(pixels, pixel, window[:2]).picture(extent, size)
        if shown is None or focus is None:
            return Scene(extent, (picture,))
        drawn = kinds.draw(shown, Look(Viewport(size, extent), color=label_color(focus, context.task)))
        shapes, tints = parted(drawn)
        return Scene(extent, (picture,), tints, shapes)

    def _look(self, region: Rect) -> Picture:
        """The pixels about a part of the image, as fine as they are where it is not very large."""
        columns, rows = (max(1, math.ceil(min(n, _FINEST) / by)) for n, by in ((region.width, 2), (region.height, 4)))
        return self._pyramid.picture(region, Size(columns, rows))

    def _reveal(self) -> Effect | None:
        """Look at what is worked on, as closely as now, if it is out of sight."""
        place = self.editor.focus() if isinstance(self.editor, ShapeEditor | ClassesEditor) else None
        seen = self._seen.region
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
