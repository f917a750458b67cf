"""A volume in review: one slice at a time, turned as the patient lies, with the masks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from trainset.core.model import Annotation, Item, Task
from trainset.plugins import (
    UNSELECTED,
    Change,
    Context,
    Editor,
    EditorView,
    Effect,
    Key,
    Line,
    Picture,
    Point,
    Scene,
    Shape,
    Size,
    Tint,
    Viewport,
    label_color,
)
from trainset_medical.annotations import VolumeMask, packed
from trainset_medical.planes import PLANES, Plane, Window
from trainset_medical.volume import Axes, Volume

KEYS: tuple[Key, ...] = (
    Key("j", "slice", "next slice", 1),
    Key("k", "slice", "previous slice", -1),
    Key("J", "slice", "ten slices on", 10),
    Key("K", "slice", "ten slices back", -10),
    Key("v", "plane", "axial, coronal, sagittal"),
    Key("G", "go-to", "to the object's largest slice"),
    Key("greater_than_sign", "grow", "grow the object by a voxel", 1),
    Key("less_than_sign", "grow", "shrink the object by a voxel", -1),
    Key("w", "width", "narrower window: more contrast", 0.8),
    Key("W", "width", "wider window: less contrast", 1.25),
    Key("y", "level", "lower level: brighter", -0.1),
    Key("Y", "level", "higher level: darker", 0.1),
    Key("r", "contour", "masks as contours, or filled"),
)


@dataclass(frozen=True)
class Turned:
    """A volume in the canonical orientation, with the way back to its stored array."""

    axes: Axes
    data: NDArray[Any]
    zooms: tuple[float, float, float]

    @classmethod
    def of(cls, volume: Volume) -> Turned:
        """A view on the stored voxels: nothing is copied or resampled."""
        axes = Axes.of(volume.affine)
        sides = np.sqrt((volume.affine[:3, :3] ** 2).sum(axis=0))
        return cls(axes, axes.canonical(volume.data), axes.zooms((float(sides[0]), float(sides[1]), float(sides[2]))))

    @cached_property
    def window(self) -> Window:
        """What shows most of it."""
        return Window.of(self.data)

    def mask(self, annotation: Annotation) -> NDArray[np.bool_]:
        """A mask in the canonical orientation, empty for what is none of this volume."""
        if isinstance(annotation, VolumeMask):
            turned: NDArray[np.bool_] = self.axes.canonical(annotation.voxels)
            if turned.shape == self.data.shape:
                return turned
        return np.zeros(self.data.shape, bool)

    def fullest(self, annotation: Annotation, plane: Plane) -> int | None:
        """The slice with most voxels of a mask, None for an empty one."""
        counts = self.mask(annotation).sum(axis=tuple(a for a in range(3) if a != plane.axis))
        return int(counts.argmax()) if counts.any() else None

    def scene(self, plane: Plane, at: int, window: Window, objects: Sequence[Annotation], task: Task,
              selected: str | None = None, contours: bool = True) -> Scene:  # fmt: skip
        """One slice with masks over it."""
        place = plane.place(self.data.shape, self.zooms)
        tints = []
        for annotation in objects:
            cut = plane.cut(self.mask(annotation), at)
            if cut.any():
                shown = cut & ~ndimage.binary_erosion(cut) if contours else cut
                chosen, color = annotation.id == selected, label_color(annotation, task)
                tints.append(Tint(shown, place, color, chosen, of=annotation.id))
        picture = Picture(window.grey(plane.cut(self.data, at)), place)
        corner = f"{plane.name} {at + 1}/{self.data.shape[plane.axis]} · {plane.left} is left, {plane.top} up"
        return Scene(place, (picture,), tints, (Shape("points", (Point(0, 0),), corner, weak=True),))


class SliceView(EditorView):
    """The view of `volume-mask` tasks. Scene coordinates are millimetres in the slice."""

    keys: Sequence[Key] = KEYS
    """Slices, window, and edits of the whole object."""

    def open(self, item: Item, versions: Mapping[str, Sequence[Annotation]], context: Context) -> None:
        """Show an item at its first object's largest slice; MediaError if its volume cannot be read."""
        self._volume = Turned.of(context.media.load(item))
        self.editor = Editor(item, context.task, versions)
        self._window = self._volume.window
        self._plane = PLANES[0]
        self._at = [n // 2 for n in self._volume.data.shape]
        self._contours = True
        self._show(next(iter(self.editor.objects), None))

    def scene(self, viewport: Viewport) -> Scene:
        """The slice and its masks."""
        return self._volume.scene(
            self._plane, self._at[self._plane.axis], self._window, self.editor.objects, self.editor.task,
            self.editor.selected, self._contours,
        )  # fmt: skip

    def lines(self) -> Sequence[Line]:
        """The objects for the side panel with their volumes, such as `1 cord .87 · 1.25 ml`."""
        voxel = float(np.prod(self._volume.zooms)) / 1000
        return [
            replace(line, text=f"{line.text} · {self._volume.mask(a).sum() * voxel:.3g} ml")
            for line, a in zip(super().lines(), self.editor.objects, strict=True)
        ]

    def do(self, command: str, at: Point | None = None, argument: Any = None) -> Change | Effect | None:
        """Carry out a command of the core or of `keys`."""
        match command:
            case "slice":
                axis = self._plane.axis
                last = self._volume.data.shape[axis] - 1
                self._at[axis] = min(max(self._at[axis] + argument, 0), last)
            case "plane":
                self._plane = PLANES[(PLANES.index(self._plane) + 1) % len(PLANES)]
                whole = self._plane.place(self._volume.data.shape, self._volume.zooms)
                return Effect(region=whole, message=self._plane.name)
            case "width":
                self._window = replace(self._window, width=self._window.width * argument)
            case "level":
                self._window = replace(self._window, level=self._window.level + argument * self._window.width)
            case "contour":
                self._contours = not self._contours
            case "grow":
                return self._grow(argument)
            case "go-to" | "reveal":
                return self._show(self.editor.chosen() if command == "go-to" else argument)
            case _:
                done = super().do(command, at, argument)
                if command in ("next", "previous", "select") and done is not None:
                    self._show(self.editor.chosen())
                return done
        return Effect()

    def thumbnail(self, item: Item, focus: Annotation | None, size: Size, context: Context) -> Scene:
        """The axial slice through the middle, or the one with most of an object."""
        volume = Turned.of(context.media.load(item))
        at = volume.fullest(focus, PLANES[0]) if focus else None
        middle = volume.data.shape[2] // 2 if at is None else at
        return volume.scene(PLANES[0], middle, volume.window, [focus] if focus else [], context.task)

    def _show(self, annotation: Annotation | None) -> Effect:
        """Go to where an object is largest."""
        if annotation is None:
            return UNSELECTED
        for plane in PLANES:
            at = self._volume.fullest(annotation, plane)
            self._at[plane.axis] = self._at[plane.axis] if at is None else at
        return Effect()

    def _grow(self, by: int) -> Change | Effect | None:
        chosen = self.editor.chosen()
        if not isinstance(chosen, VolumeMask):
            return UNSELECTED
        voxels = (ndimage.binary_dilation if by > 0 else ndimage.binary_erosion)(chosen.voxels)
        if not voxels.any():
            return Effect(message="nothing would be left of it")
        return self.editor.edit("grown" if by > 0 else "shrunk", mask=packed(voxels))
