"""What is labelled on images: the types of annotations, and how two of one type are compared."""

from __future__ import annotations

from trainset_vision.annotations.box import Box, BoxOps
from trainset_vision.annotations.keypoints import Keypoints, KeypointsOps, Skeleton, oks, skeleton_of
from trainset_vision.annotations.mask import Mask, MaskOps, Rle
from trainset_vision.annotations.polygon import Polygon, PolygonOps
from trainset_vision.annotations.polyline import Polyline, PolylineOps
from trainset_vision.annotations.rotated_box import RotatedBox, RotatedBoxOps

__all__ = [
    "Box",
    "BoxOps",
    "Keypoints",
    "KeypointsOps",
    "Mask",
    "MaskOps",
    "Polygon",
    "PolygonOps",
    "Polyline",
    "PolylineOps",
    "Rle",
    "RotatedBox",
    "RotatedBoxOps",
    "Skeleton",
    "oks",
    "skeleton_of",
]
