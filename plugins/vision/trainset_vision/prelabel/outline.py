"""Objects that stand out of their background, found by classical image processing: no model is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from trainset.core.model import Annotation, Item, Task
from trainset.errors import ConfigError
from trainset.plugins import Context, Limits
from trainset_vision.annotations import Box, Rle, RotatedBox, rle
from trainset_vision.geometry import Frame
from trainset_vision.media.items import open_item, shared_item, stretch_of
from trainset_vision.media.raster import Raster, pixel_size
from trainset_vision.prelabel.closer import Closer
from trainset_vision.prelabel.ground import Ground, Method, Polarity, adaptive, cielab, even, otsu, pictured
from trainset_vision.prelabel.masks import Crop, Masks
from trainset_vision.prelabel.reference import Reference
from trainset_vision.prelabel.standing import Region, standing_out

SIDE = 512
"""The longer side, in pixels, of the copy that is looked at: objects are found at any resolution alike."""

Corners = tuple[float, float, float, float]
Share = Annotated[float, Meta(ge=0, le=1)]


class OutlineSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """`method` says what the background is: "even" in colour or slowly varying, the class of lightness that Otsu's
    threshold leaves ("otsu"), the mean of each pixel's neighbourhood, `block` of the longer side wide ("adaptive"), or what the
    picture `reference` shows ("background").

    With `split`, objects that touch are told apart by their shape. `polarity`: objects are "bright", "dark" or "any".
    `label` is given to every object (None: the task's first label). `min_area` and `max_area` are shares of the image
    that an object may cover. At most `limit` objects are proposed, those that stand out most. `exact`: boxes too are found at the
    image's full resolution. `tolerance` is by how many pixels the outlines of polygons may be simplified.
    """

    method: Method = "even"
    reference: str | None = None
    block: Annotated[float, Meta(gt=0, le=1)] = 0.2
    polarity: Polarity = "any"
    split: bool = False
    label: str | None = None
    min_area: Share = 0.0005
    max_area: Share = 0.5
    limit: Annotated[int, Meta(ge=0)] = 200
    exact: bool = False
    tolerance: Annotated[float, Meta(ge=0)] = 1.0


@dataclass(frozen=True)
class Prepared:
    """A small copy of an image, `(h, w, 3)` uint8 RGB, the original pixels that one of its pixels covers each way,
    and the original size; and where to look more closely."""

    pixels: NDArray[np.uint8]
    pixel: tuple[float, float]
    frame: Frame
    path: Path
    item: Item


@dataclass(frozen=True)
class Found:
    """An object: left, top, right and bottom in original pixels, its contrast, and its pixels where they were wanted."""

    corners: Corners
    score: float
    crop: Crop | None = None


@dataclass(frozen=True)
class Objects:
    """What was found in an image of (width, height) `size`, best first."""

    size: tuple[int, int]
    found: Sequence[Found]


class Outline:
    """A `Prelabeler` for things on a plain or known ground: parts, coins, cells, seeds.

    Each pixel's distance from the background, in CIELAB, is split in two by Otsu's threshold (N. Otsu, 1979); connected
    regions are objects. They are sought in a small copy; masks, polygons and rotated boxes are then drawn at full resolution,
    where the image is read about each object alone. A score is an object's contrast.
    """

    def __init__(self, settings: OutlineSettings, task: Task) -> None:
        self._settings, self._type = settings, task.type
        self._label = _label(settings, task)
        self._shapes = Masks((1, 1), 0, settings.tolerance if task.type == "polygon" else None)
        self._reference: Reference | None = None
        if settings.method == "background":
            if settings.reference is None:
                raise ConfigError(
                    'outline with method "background" needs a picture of the background',
                    hint="set `reference` to an item's key, or to the path of a file in the dataset",
                )
            self._reference = Reference(Path(settings.reference))

    @property
    def limits(self) -> Limits:
        """One image at a time on each core."""
        return Limits(batch=1, concurrency=os.cpu_count() or 1, bytes_per_item=32 * SIDE * SIDE)

    def prepare(self, item: Item, context: Context) -> Prepared:
        """Read a small copy of the image; MediaError names the file."""
        path = context.media.path(item)
        with open_item(path, item) as raster:
            if self._reference is not None:
                self._reference.check(raster.size, item)
            pixels, pixel = small(raster)
            return Prepared(pixels, pixel, Frame(*raster.size), path, item)

    def infer(self, batch: Sequence[Prepared]) -> list[Objects]:
        """What stands out in each image."""
        return [self._objects(prepared) for prepared in batch]

    def decode(self, output: Objects, item: Item) -> list[Annotation]:
        """The objects as annotations of the task's type."""
        made = (self._annotation(f"o{n}", found, output.size) for n, found in enumerate(output.found, 1))
        return [annotation for annotation in made if annotation is not None]

    def providers(self) -> Sequence[str]:
        """None: nothing to choose from."""
        return ()

    def _objects(self, prepared: Prepared) -> Objects:
        pixels, settings = prepared.pixels, self._settings
        lab = cielab(pixels)
        ground = self._ground(lab, prepared)
        whole = pixels.shape[0] * pixels.shape[1]
        regions = [
            region
            for region in standing_out(pixels, lab, ground, settings.split, settings.min_area * whole)
            if settings.min_area * whole <= region.area <= settings.max_area * whole
        ]
        best = sorted(regions, key=lambda region: -region.score)[: settings.limit]
        size = (int(prepared.frame.width), int(prepared.frame.height))
        if self._type == "box" and not settings.exact:
            return Objects(size, [_coarse(region, prepared) for region in best])
        with shared_item(prepared.path, prepared.item) as raster:
            reference = self._reference.layer(stretch_of(prepared.item.meta)) if self._reference else None
            closer = Closer(raster, ground, regions, pixels.shape[:2], settings.min_area, reference)
            return Objects(
                size, [Found(crop.part, region.score, crop) for region in best for crop in [closer.look(region)]]
            )

    def _ground(self, lab: NDArray[np.float32], prepared: Prepared) -> Ground:
        settings = self._settings
        match settings.method:
            case "otsu":
                return otsu(lab, settings.polarity)
            case "adaptive":
                return adaptive(lab, settings.polarity, settings.block)
        if self._reference is not None:
            pixels = self._reference.small(stretch_of(prepared.item.meta), small)
            return pictured(lab, settings.polarity, cielab(pixels))
        return even(lab, settings.polarity)

    def _annotation(self, name: str, found: Found, size: tuple[int, int]) -> Annotation | None:
        common: dict[str, Any] = {"id": name, "label": self._label, "score": round(found.score, 4)}
        if self._type == "box":
            left, top, right, bottom = found.corners
            return Box(box=(left, top, right - left, bottom - top), **common)
        if found.crop is None or self._type != "rotated-box":
            return self._shapes.annotation(found.corners, found.crop, size, common)
        from trainset_vision.conversions import fitted_rotated_box

        pixels = found.crop.pixels
        fitted = fitted_rotated_box(Rle(pixels.shape, rle.encode(pixels)))
        if fitted is None:
            return None
        (cx, cy, w, h, degrees), (left, top, *_) = fitted, found.crop.part
        place = (round(cx + left, 3), round(cy + top, 3), round(w, 3), round(h, 3), round(degrees, 3))
        return RotatedBox(rotated_box=place, **common)


def small(raster: Raster) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """A copy of an image of at most SIDE pixels, and how many of the image's one of its pixels covers across and down."""
    width, height = raster.size
    shrink = min(1.0, SIDE / max(width, height))
    read = raster.read(at_least=(max(1, round(width * shrink)), max(1, round(height * shrink))))
    across, down = read.shape[1::-1]
    pixel = pixel_size(width, across)
    shrink = min(1.0, SIDE / max(across, down))
    size = max(1, round(across * shrink)), max(1, round(down * shrink))
    resized = np.asarray(cv2.resize(read, size, interpolation=cv2.INTER_AREA), np.uint8)
    return resized, (across * pixel / size[0], down * pixel / size[1])


def _coarse(region: Region, prepared: Prepared) -> Found:
    (x, y, w, h), (px, py) = region.box, prepared.pixel
    left, top, width, height = prepared.frame.clipped((x * px, y * py, w * px, h * py))
    return Found((left, top, left + width, top + height), region.score)


def _label(settings: OutlineSettings, task: Task) -> str:
    if settings.label is not None:
        known = task.label(settings.label)
        if known is None or known.retired:
            raise ConfigError(
                f"outline is to give the label {settings.label!r}, which task {task.name} does not have",
                hint=f"set `label` to one of: {', '.join(x.id for x in task.active) or 'none yet'}",
            )
        return known.id
    if not task.active:
        raise ConfigError(f"task {task.name} has no label to give", hint="add a label to the task in trainset.toml")
    return task.active[0].id
