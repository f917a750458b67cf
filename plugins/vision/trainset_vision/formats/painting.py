"""What formats of pixels share: masks of images read, objects painted, and what is lost by that."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from trainset.core.model import Annotation, Label
from trainset.errors import MediaError, RecordError
from trainset.plugins import Loss, Problem
from trainset_vision.annotations import Mask, Polygon, Rle, rle
from trainset_vision.conversions import polygon_to_mask
from trainset_vision.formats.label_image import Canvas, LabelImage, read_label_image

LOSSES = {
    "outlines": "of a polygon the pixels are written that pycocotools draws: what is finer is lost",
    "overlaps": "where objects overlap, the last one is written",
    "finer": "a polygon that no pixel belongs to is left out",
}
"""What painting loses; an exporter declares those that are true of it."""


def read_mask(path: Path, size: tuple[int, int] | None) -> Generator[Problem, None, LabelImage | None]:
    """The mask of an image of this width and height; None for one that cannot be read or has another size: why is yielded."""
    try:
        image = read_label_image(path)
    except MediaError as error:
        yield Problem(str(path), error.message.removeprefix(f"{path}: "))
        return None
    if wrong := _wrong_size(image.size, size):
        yield Problem(str(path), wrong)
        return None
    return image


def _wrong_size(found: tuple[int, int], size: tuple[int, int] | None) -> str | None:
    """Why a mask of this height and width is none of an image of this width and height, None if it is one."""
    if size is None or found == size[::-1]:
        return None
    turned = ": it was drawn on the image as stored, before its EXIF orientation" if found == size else ""
    return f"the mask is {found[1]}×{found[0]} large, the image {size[0]}×{size[1]}{turned}"


def drawn(shape: Annotation, size: tuple[int, int]) -> Rle:
    """The pixels of a mask or polygon in an image of this width and height; RecordError where there are none."""
    if isinstance(shape, Polygon):
        mask = polygon_to_mask(shape.polygon, size[::-1])
    elif isinstance(shape, Mask):
        mask = shape.mask
    else:
        raise RecordError("it is no region")
    if mask.size != size[::-1] or not rle.area(rle.runs(mask.counts, mask.size)):
        raise RecordError("it has no pixels in its image")
    return mask


def paint(
    canvas: Canvas, objects: Sequence[tuple[Label, Annotation]], size: tuple[int, int], key: str, numbers: Sequence[int]
) -> Iterator[Loss]:
    """Paint objects, each as its number, and say what is lost."""
    for (label, shape), number in zip(objects, numbers, strict=True):
        try:
            mask = drawn(shape, size)
        except RecordError:
            yield Loss("finer" if isinstance(shape, Polygon) else "unusable", key, label.title)
            continue
        if isinstance(shape, Polygon):
            yield Loss("outlines", key, label.title)
        if canvas.paint(mask, number):
            yield Loss("overlaps", key, label.title)
