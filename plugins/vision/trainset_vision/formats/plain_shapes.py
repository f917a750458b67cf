"""Shapes for formats whose polygons are one ring: those with more become the masks of their pixels, and that is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from msgspec import UNSET

from trainset.core.model import Annotation, Label
from trainset.errors import RecordError
from trainset.plugins import Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox, rle
from trainset_vision.conversions import polygon_to_mask
from trainset_vision.formats.coco_masks import outlines
from trainset_vision.formats.fitting import Size

Labelled = tuple[Label, Annotation]

LOSSES = {
    "rings": "a polygon of several rings is written as the mask of its pixels, and left out where `size` is not known",
    "holes": "a polygon with holes is written as the mask of its pixels, and left out where `size` is not known",
    "visibility": "hidden keypoints are written as visible ones",
    "box-of-keypoints": "the box of keypoints is left out",
}
"""What formats of plain shapes lose; an exporter declares those that are true of it."""


def plain(
    objects: Sequence[Labelled], key: str, size: Size | None, *, parts: bool = False
) -> tuple[list[Labelled], list[Loss]]:
    """Objects as they can be written in an image of `size`, and what is lost: not finite numbers, masks that are no masks
    of this image, rings. With `parts` a polygon may have several rings that are not holes."""
    ready: list[Labelled] = []
    lost: list[Loss] = []
    for label, shape in objects:
        try:
            ready.append((label, _plain(shape, size, parts)))
        except _Rings as rings:
            lost.append(Loss("holes" if parts else "rings", key, shape.id))
            if rings.mask is not None:
                ready.append((label, rings.mask))
        except RecordError as error:
            lost.append(Loss("unusable", key, f"{shape.id}: {error.message}"))
    return ready, lost


class _Rings(Exception):
    def __init__(self, mask: Mask | None) -> None:
        super().__init__()
        self.mask = mask


def _plain(shape: Annotation, size: Size | None, parts: bool) -> Annotation:
    if not all(map(math.isfinite, _numbers(shape))):
        raise RecordError("a coordinate is not finite")
    if isinstance(shape, Mask):
        rle.runs(shape.mask.counts, shape.mask.size)
        if size is not None and shape.mask.size != size:
            raise RecordError("the mask has another size than its image")
    if isinstance(shape, Polygon):
        if any(len(ring) < 6 or len(ring) % 2 for ring in shape.polygon) or not shape.polygon:
            raise RecordError("a ring has fewer than three points")
        if len(shape.polygon) > 1 and not (parts and len(outlines(shape.polygon)) == len(shape.polygon)):
            about = {name: getattr(shape, name) for name in ("id", "label", "score", "attributes", "track")}
            raise _Rings(None if size is None else Mask(mask=polygon_to_mask(shape.polygon, size), **about))
    return shape


def _numbers(shape: Annotation) -> Sequence[float]:
    match shape:
        case Box():
            return shape.box
        case RotatedBox():
            return shape.rotated_box
        case Polygon():
            return list(chain(*shape.polygon))
        case Polyline():
            return shape.polyline
        case Keypoints():
            return [*chain(*shape.keypoints), *(() if shape.box is UNSET else shape.box)]
    return ()
