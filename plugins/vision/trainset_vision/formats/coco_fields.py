"""The geometry of an annotation as the fields that COCO has for it; areas and boxes are what `pycocotools` computes."""

from __future__ import annotations

import math
from typing import Any

from trainset.core.model import Annotation
from trainset.errors import RecordError
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Rle
from trainset_vision.conversions import box_of, polygon_area, polygon_to_mask
from trainset_vision.formats.coco_masks import drawn, measured, outlines
from trainset_vision.formats.reading import LIMIT

Size = tuple[int, int]
"""Height and width of an image."""


class HolesError(RecordError):
    """A polygon with holes in an image whose size is not known: COCO writes holes in pixels alone."""


def fields(shape: Annotation, size: Size | None) -> dict[str, Any]:
    """`bbox`, `area`, `segmentation`, and what else there is of a shape in an image of this size.

    HolesError, and RecordError for what is not finite or cannot be drawn.
    """
    if isinstance(shape, Polygon):
        return _polygon(shape, size)
    if isinstance(shape, Mask):
        return _region(shape.mask, _lengths(shape.mask))
    if isinstance(shape, Keypoints):
        return _keypoints(shape)
    assert isinstance(shape, Box)
    return {"bbox": shape.box, "area": shape.box[2] * shape.box[3], "segmentation": []}


def results_of(shape: Annotation, about: dict[str, Any], size: Size | None) -> dict[str, Any]:
    """Those of the `fields` that a results file has: one place an object, regions as masks where they can be drawn."""
    kept: dict[str, Any] = {"score": about["score"]}
    if isinstance(shape, Keypoints):
        return kept | {"keypoints": about["keypoints"]}
    if isinstance(shape, Polygon) and size is not None:
        return kept | {"segmentation": _lengths(polygon_to_mask(shape.polygon, size))}
    return kept | ({"bbox": about["bbox"]} if isinstance(shape, Box) else {"segmentation": about["segmentation"]})


def _polygon(shape: Polygon, size: Size | None) -> dict[str, Any]:
    rings = shape.polygon
    if not rings or not all(len(ring) >= 6 and len(ring) % 2 == 0 and all(map(_near, ring)) for ring in rings):
        raise RecordError("a ring has fewer than three points, or leads outside of any image")
    if len(outlines(rings)) < len(rings):
        if size is None:
            raise HolesError("its holes cannot be written")
        pixels = polygon_to_mask(rings, size)
        return _region(pixels, _lengths(pixels))
    if size is None:
        return {"bbox": box_of(shape), "area": polygon_area(rings), "segmentation": rings}
    return _region(drawn(rings, size), rings)


def _near(number: float) -> bool:
    return -LIMIT < number < LIMIT


def _region(mask: Rle, segmentation: Any) -> dict[str, Any]:
    area, box = measured(mask)
    return {"bbox": box, "area": area, "segmentation": segmentation}


def _lengths(mask: Rle) -> dict[str, Any]:
    return {"size": mask.size, "counts": mask.counts}


def _keypoints(shape: Keypoints) -> dict[str, Any]:
    flat = [number for point in shape.keypoints for number in point]
    box = box_of(shape) or (0.0, 0.0, 0.0, 0.0)
    if not all(map(math.isfinite, (*flat, *box))):
        raise RecordError("a coordinate is not finite")
    labelled = sum(1 for point in shape.keypoints if point[2])
    return {"bbox": box, "area": box[2] * box[3], "segmentation": [], "keypoints": flat, "num_keypoints": labelled}
