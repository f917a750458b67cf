"""LabelMe's first format, which CVAT and Datumaro write too ("LabelMe 3.0"): what its objects have that VOC's have not.

It is an XML file an image like VOC's, whose objects are polygons, rectangles among them, or name an image of their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np

from trainset.core.model import Annotation
from trainset.errors import RecordError
from trainset_vision.annotations import Polygon, Rle
from trainset_vision.formats.fitting import grouped
from trainset_vision.formats.label_image import read_label_image
from trainset_vision.formats.pictures import relative
from trainset_vision.formats.reading import Below
from trainset_vision.formats.row_masks import placed


def text(element: Element, tag: str) -> str:
    """The text of an element below, empty where there is none."""
    return (element.findtext(tag) or "").strip()


def objects_of(document: Element) -> list[Element]:
    """The objects of a file, without those that are marked as deleted."""
    return [one for one in document.iterfind("object") if text(one, "deleted") != "1"]


def is_rectangle(one: Element) -> bool:
    """Whether the polygon of an object is the box that somebody drew."""
    return text(one, "type") == "bounding_box"


def pixels_of(one: Element, size: tuple[int, int] | None, masks: Below | None) -> Rle:
    """The mask that an object names, an image that is not 0 where the object is; `size` is the image's width and height.

    RecordError where it is not there, or of another size; MediaError where it cannot be read.
    """
    name = text(one, "segm/mask")
    path = masks.find(relative(name)) if masks is not None and name else None
    if path is None:
        raise RecordError(f"the mask {name} is not there, or there are several")
    inside = np.asarray(read_label_image(path).values) > 0
    height, width = inside.shape
    if size is not None and (width, height) != size:
        raise RecordError(f"the mask {name} is {width}×{height} large, the image {size[0]}×{size[1]}")
    return placed(inside, 0, 0, (height, width))


def united(objects: Sequence[Element], shapes: Sequence[Annotation]) -> list[Annotation]:
    """The shapes of objects, polygons that are parts of one object as one.

    To LabelMe a wheel is part of a car, too: only what has the label of its whole is one object with it.
    """
    places = {text(one, "id"): number for number, one in enumerate(objects) if text(one, "id")}
    found: dict[int, list[Annotation]] = {}
    for number, (one, shape) in enumerate(zip(objects, shapes, strict=True)):
        whole = places.get(text(one, "parts/ispartof"), number)
        alike = isinstance(shape, Polygon) and isinstance(shapes[whole], Polygon) and shape.label == shapes[whole].label
        found.setdefault(whole if alike else number, []).append(shape)
    return [
        some[0] if len(some) == 1 else grouped([one for one in some if isinstance(one, Polygon)])
        for some in found.values()
    ]
