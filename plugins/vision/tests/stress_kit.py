"""A set of images that formats stumble over, and how their labels must come back from one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace as changed
from PIL import Image
from trainset_vision.annotations import (
    Box,
    BoxOps,
    Keypoints,
    Mask,
    MaskOps,
    Polygon,
    PolygonOps,
    Polyline,
    Rle,
    RotatedBox,
    RotatedBoxOps,
    Skeleton,
    rle,
)
from trainset_vision.conversions import box_of, polygon_to_mask, region_of
from trainset_vision.modality import Vision, VisionSettings

from trainset.core.model import Annotation, Class, Item, Label, Task
from trainset.plugins import Labelled

WIDTH, HEIGHT = 96, 64
MANY = 5000
POINTS = ("nose", "left", "right")
LABELS = tuple(Label(id=f"l{n}", index=n, name=name) for n, name in enumerate(("zebra", "ant-hill", "mole")))
TYPES = ("box", "rotated-box", "polygon", "mask", "polyline", "keypoints", "classify")


def task(type: str) -> Task:
    options = {"options": Skeleton(points=POINTS, flip=(("left", "right"),))} if type == "keypoints" else {}
    return Task(name="stress", type=type, labels=LABELS, many=type == "classify", **options)


def rows(type: str, folder: Path, *, only: str | None = None) -> list[Labelled]:
    """The images, drawn below `folder`, with labels of a type; `only` makes but one of them."""
    made = []
    for name, (image, save, shapes) in _images(type).items():
        if only is not None and name != only:
            continue
        path = folder / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **save)
        (draft,) = Vision().scan(path, VisionSettings())
        item = Item(key=f"media/{name}", meta=draft.meta)
        made.append(Labelled(item=item, name=name, annotations=tuple(shapes), state="reviewed"))
    return made


def _images(type: str) -> dict[str, tuple[Image.Image, dict, list]]:
    plain = Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH))
    found = {
        "plain.png": (plain, {}, _shapes(type)),
        "empty.png": (plain, {}, []),
        "border.png": (plain, {}, _over_the_border(type)),
        "many.png": (Image.new("L", (300, 200)), {}, _many(type)),
        "deep.png": (
            Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)),
            {},
            _shapes(type),
        ),
        "grey-alpha.png": (plain.convert("LA"), {}, _shapes(type)),
        "folder/with a blank.png": (plain, {}, _shapes(type)),
    }
    for orientation in range(1, 9):
        stored = Image.new("RGB", (WIDTH, HEIGHT) if orientation < 5 else (HEIGHT, WIDTH))
        exif = Image.Exif()
        exif[0x0112] = orientation
        found[f"exif-{orientation}.jpg"] = (stored, {"exif": exif}, _shapes(type))
    return found


def _shapes(type: str) -> list:
    """Objects of whole and broken numbers, with holes, in parts, of one pixel."""
    about = [{"id": f"o{n}", "label": f"l{n % 3}"} for n in range(8)]
    match type:
        case "box":
            places = [(10, 8, 30, 20), (1 / 3, 0.125, 40.7, 30.3), (95, 63, 1, 1), (0, 0, WIDTH, HEIGHT)]
            return [Box(box=tuple(map(float, place)), **more) for place, more in zip(places, about, strict=False)]
        case "rotated-box":
            places = [(40, 30, 30, 12, 30), (50.5, 33.3, 20.25, 7.125, 135.7), (20, 20, 10, 10, 0), (60.5, 20.5, 1, 1, 45), (48, 32, 40, 20, -90)]  # fmt: skip
            return [
                RotatedBox(rotated_box=tuple(map(float, p)), **more) for p, more in zip(places, about, strict=False)
            ]
        case "polygon":
            square, hole = (10, 10, 40, 10, 40, 40, 10, 40), (20, 20, 30, 20, 30, 30, 20, 30)
            apart, pixel = (50, 5, 60, 5, 60, 15, 50, 15), (70, 50, 71, 50, 71, 51, 70, 51)
            broken = (60.25, 20.5, 90.125, 22.75, 80.333333333, 44.1, 62.7, 40)
            rings = [(square, hole, apart), (pixel,), (broken,), ((1, 50, 8, 50, 8, 60, 1, 60), (12, 50, 18, 50, 18, 60, 12, 60))]  # fmt: skip
            return [
                Polygon(polygon=tuple(tuple(map(float, r)) for r in one), **more)
                for one, more in zip(rings, about, strict=False)
            ]
        case "mask":
            return [Mask(mask=_rle(pixels), **more) for pixels, more in zip(_pixels(), about, strict=False)]
        case "polyline":
            lines = [(1, 1, 20.5, 30.25), (0, 0, WIDTH, HEIGHT, WIDTH, 0), (5, 5, 6, 5)]
            return [
                Polyline(polyline=tuple(map(float, line)), **more) for line, more in zip(lines, about, strict=False)
            ]
        case "keypoints":
            seen = ((10.5, 10.25, 2), (20.0, 12.0, 1), (0.0, 0.0, 0))
            placed = [(seen, (5.0, 5.0, 30.0, 20.5)), ((*seen[:2], (40.0, 30.0, 2)), (8.0, 8.0, 40.0, 30.0))]
            return [Keypoints(keypoints=p, box=box, **more) for (p, box), more in zip(placed, about, strict=False)]
    return [Class(**about[0])]


def _pixels() -> list[np.ndarray]:
    """A ring with an island in its hole, two parts that touch at a corner, one pixel, and the last pixel of the image."""
    ring, parts, pixel, last = (np.zeros((HEIGHT, WIDTH), bool) for _ in range(4))
    ring[10:40, 10:40], ring[15:35, 15:35], ring[20:30, 20:30] = True, False, True
    parts[5:10, 50:55] = parts[10:15, 55:60] = True
    pixel[50, 70] = True
    last[-1, -1] = True
    return [ring, parts, pixel, last]


def _rle(pixels: np.ndarray) -> Rle:
    return Rle(pixels.shape, rle.encode(pixels))


def _over_the_border(type: str) -> list:
    one = {"id": "o0", "label": "l0"}
    match type:
        case "box":
            return [Box(box=(-10.0, -5.0, 40.0, 30.0), **one), Box(box=(80.5, 50.0, 40.0, 30.0), id="o1", label="l1")]
        case "rotated-box":
            return [RotatedBox(rotated_box=(5.0, 30.0, 40.0, 20.0, 0.0), **one)]
        case "polygon":
            return [Polygon(polygon=((-10.0, 10.0, 30.0, 10.0, 30.0, 80.0, -10.0, 80.0),), **one)]
        case "mask":
            edge = np.zeros((HEIGHT, WIDTH), bool)
            edge[:, -3:] = True
            return [Mask(mask=_rle(edge), **one)]
        case "polyline":
            return [Polyline(polyline=(-10.0, 10.0, 50.0, 40.0), **one)]
        case "keypoints":
            placed = ((10.0, 10.0, 2), (100.0, 12.0, 2), (0.0, 0.0, 0))
            return [Keypoints(keypoints=placed, box=(5.0, 5.0, 100.0, 30.0), **one)]
    return []


def _many(type: str) -> list:
    """5,000 objects in a grid of 100 columns, of all classes."""
    made = []
    for n in range(MANY):
        x, y, about = float(n % 100 * 3), float(n // 100 * 4), {"id": f"m{n}", "label": f"l{n % 3}"}
        match type:
            case "box":
                made.append(Box(box=(x, y, 2.0, 3.0), **about))
            case "rotated-box":
                made.append(RotatedBox(rotated_box=(x + 1.5, y + 2, 2.0, 1.5, float(n % 360)), **about))
            case "polygon":
                made.append(Polygon(polygon=((x, y, x + 2, y, x + 2, y + 3, x, y + 3),), **about))
            case "mask":
                edges = np.array([x * 200 + y, x * 200 + y + 3], np.int64)[None] + np.arange(2)[:, None] * 200
                made.append(Mask(mask=Rle((200, 300), rle.compress(rle.between(edges.ravel(), 60_000))), **about))
            case "polyline":
                made.append(Polyline(polyline=(x, y, x + 2, y + 3), **about))
            case "keypoints":
                placed = ((x + 1, y + 1, 2), (x + 2, y + 2, 1), (0.0, 0.0, 0))
                made.append(Keypoints(keypoints=placed, box=(x, y, 2.0, 3.0), **about))
    return made or [Class(label=label.id, id=label.id) for label in LABELS]


def differences(type: str, row: Labelled, found: list, lost: set[str], labels: Sequence[Label] = LABELS) -> list[str]:
    """What is not as it must be in an answer that came back, `found` with labels by name; `lost` are the losses of its item.

    Without a loss each object comes back at an IoU of 1 (keypoints and lines point by point). With losses, the pixels of
    each class inside the image are the same, unless a loss says that places move; where objects
    overlap, those of all classes together.
    """
    titled = {label.id: label.title for label in labels}
    given = [changed(one, label=titled[one.label]) for one in row.annotations]
    if not lost or type in ("polyline", "keypoints", "classify"):
        return _one_by_one(type, given, found, row.item, bool(lost))
    size = row.item.meta["height"], row.item.meta["width"]
    before, after = _pixels_by_class(given, size), _pixels_by_class(found, size)
    bound = 0.4 if "outside" in lost and type == "rotated-box" else 1.0
    if "overlaps" in lost:
        before = {"all": np.any(list(before.values()), axis=0)}
        after = {"all": np.any(list(after.values()), axis=0)}
    said = [f"classes {sorted(before)} came back as {sorted(after)}"] if before.keys() != after.keys() else []
    for label in before.keys() & after.keys():
        iou = (before[label] & after[label]).sum() / (before[label] | after[label]).sum()
        said += [f"{label} came back at an IoU of {iou}"] if iou < bound else []
    return said


def _one_by_one(type: str, given: list, found: list, item: Item, lossy: bool) -> list[str]:
    if lossy and type == "classify":
        given = given[: len(found)]
    if len(given) != len(found):
        return [f"{len(given)} objects came back as {len(found)}"]
    wrong = [n for n in range(len(given)) if not _alike(given[n], found[n], item, lossy)]
    if wrong:  # not all formats keep the order
        given, found = (sorted(some, key=_place) for some in (given, found))
        wrong = [n for n in range(len(given)) if not _alike(given[n], found[n], item, lossy)]
    return [f"{given[n]} came back as {found[n]}" for n in wrong[:3]]


def _place(one: Annotation) -> tuple:
    return one.label, tuple(round(value, 2) for value in box_of(one) or ())


def _alike(one: Annotation, other: Annotation, item: Item, lossy: bool) -> bool:
    if one.label != other.label or one.__class__ is not other.__class__:
        return False
    match one:
        case Class():
            return True
        case Polyline():
            return np.allclose(one.polyline, other.polyline, rtol=0, atol=1e-6) or lossy
        case Keypoints():
            same = np.abs(np.subtract(one.keypoints, other.keypoints))
            return bool((same[:, :2] < 1e-6).all() or lossy) and len(one.keypoints) == len(other.keypoints)
    ops = {Box: BoxOps, RotatedBox: RotatedBoxOps, Polygon: PolygonOps, Mask: MaskOps}[one.__class__]()
    return ops.similarity([one], [other], item)[0, 0] > 1 - 1e-6


def _pixels_by_class(annotations: list, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The pixels of each class, `(height, width)` bool; classes without any are left out."""
    found: dict[str, np.ndarray] = {}
    for one in annotations:
        mask = one.mask if isinstance(one, Mask) else polygon_to_mask(region_of(one), size)
        place = rle.runs(mask.counts, mask.size)
        part, left, top = rle.window(place, mask.size)
        if part.size:
            canvas = found.setdefault(one.label, np.zeros(size, bool))
            canvas[top : top + part.shape[0], left : left + part.shape[1]] |= part
    return found
