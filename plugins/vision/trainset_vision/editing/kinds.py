"""All types of annotations on the images of a task, as they are drawn and edited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from trainset.core.model import Annotation, Task
from trainset.plugins import Rect, Shape, Tint
from trainset_vision.editing.box import BoxKind
from trainset_vision.editing.keypoints import KeypointsKind
from trainset_vision.editing.kind import Kind, Look
from trainset_vision.editing.mask import MaskKind
from trainset_vision.editing.paths import PolygonKind, PolylineKind
from trainset_vision.editing.rotated import RotatedKind
from trainset_vision.geometry import Frame


class Kinds:
    """What there is to know of any annotation; nothing of those of other modalities and plugins."""

    def __init__(self, frame: Frame, task: Task) -> None:
        self.masks, self.polygons = MaskKind(frame, task), PolygonKind(frame, task)
        self.keypoints = KeypointsKind(frame, task)
        self.named: dict[str, Kind[Any]] = {
            "box": BoxKind(frame, task),
            "rotated-box": RotatedKind(frame, task),
            "polygon": self.polygons,
            "polyline": PolylineKind(frame, task),
            "mask": self.masks,
            "keypoints": self.keypoints,
        }
        """By the type of the task that they answer."""

    def of(self, annotation: Annotation | None) -> Kind[Any] | None:
        """The type of an annotation; None for one that cannot be shown."""
        return next((kind for kind in self.named.values() if kind.knows(annotation)), None)

    def place(self, annotation: Annotation | None) -> Rect | None:
        """The smallest rectangle about an annotation."""
        kind = self.of(annotation)
        return kind.extent(annotation) if kind and annotation else None

    def measure(self, annotation: Annotation) -> str:
        """Its size in words."""
        kind = self.of(annotation)
        return kind.measure(annotation) if kind else ""

    def draw(self, annotation: Annotation, look: Look) -> list[Shape | Tint]:
        """It on the picture."""
        kind = self.of(annotation)
        return [replace(drawn, of=annotation.id) for drawn in kind.draw(annotation, look)] if kind else []


def parted(drawn: Iterable[Shape | Tint]) -> tuple[list[Shape], list[Tint]]:
    """Shapes and tints as a scene has them."""
    shapes: list[Shape] = []
    tints: list[Tint] = []
    for each in drawn:
        shapes.append(each) if isinstance(each, Shape) else tints.append(each)
    return shapes, tints
