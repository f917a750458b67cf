"""Rows of images with every kind of annotation, for the formats that hold them all."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from msgspec import UNSET
from trainset_vision import plugin
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, Rle, RotatedBox, Skeleton, rle
from trainset_vision.annotations.rotated_box import corners

from trainset.core.model import Class, Item, Label, Task
from trainset.plugins import Labelled
from trainset.plugins.registry import load
from trainset.testing import MemoryContext

TITLES = ("screw", "Nut & bolt", "no", "b", "a", "Ünïcode <tag>")
IDS = [f"l{n}" for n in range(len(TITLES))]
POINTS = ("nose", "left eye", "7")
SKELETON = Skeleton(points=POINTS, edges=(("nose", "left eye"),))
TASKS = ("box", "rotated-box", "polygon", "mask", "polyline", "keypoints", "classify")


def ops(skeleton):
    """How annotations of each type are compared, by their struct, as the plugin offers it."""
    return {load(s.struct): load(s.ops)(*[skeleton] if s.options else []) for s in plugin.trainset_annotations()}


def task(type, **more):
    labels = tuple(Label(id=i, index=n, name=t) for n, (i, t) in enumerate(zip(IDS, TITLES, strict=True)))
    options = {"options": SKELETON} if type == "keypoints" else {}
    return Task(name="parts", type=type, labels=labels, many=type == "classify", **(options | more))


def context(type, items=(), **more):
    return MemoryContext(task(type, **more), items, ops=ops(SKELETON))


def disc(width, height, x, y, radius):
    rows, columns = np.ogrid[:height, :width]
    return Rle((height, width), rle.encode((columns - x) ** 2 + (rows - y) ** 2 <= radius**2))


@st.composite
def shapes(draw, type, width, height):
    """An annotation of a task's type that lies in an image."""
    xs, ys = st.floats(0, width), st.floats(0, height)
    label = draw(st.sampled_from(IDS))
    pairs = st.lists(st.tuples(xs, ys), min_size=3, max_size=8, unique=True)
    if type == "classify":
        return Class(label=label)
    if type in ("box", "rotated-box"):
        x, y = draw(st.floats(0, width - 2)), draw(st.floats(0, height - 2))
        w, h = draw(st.floats(1, width - x)), draw(st.floats(1, height - y))
        if type == "box":
            return Box(label=label, box=(x, y, w, h))
        return RotatedBox(label=label, rotated_box=(x + w / 2, y + h / 2, w, h, draw(st.floats(-400, 400))))
    if type == "polyline":
        return Polyline(label=label, polyline=tuple(v for pair in draw(pairs) for v in pair))
    if type == "keypoints":
        seen = [draw(st.tuples(xs, ys, st.sampled_from([1, 2]))) for _ in POINTS]
        if draw(st.booleans()):
            seen[1] = (0.0, 0.0, 0)
        around = draw(st.sampled_from([UNSET, (1.0, 1.0, width / 2, height / 2)]))
        return Keypoints(label=label, keypoints=tuple(seen), box=around)
    if type == "mask" or draw(st.booleans()):
        x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        return Mask(label=label, mask=disc(width, height, x, y, draw(st.integers(0, 9))))
    return Polygon(label=label, polygon=(tuple(v for pair in draw(pairs) for v in pair),))


@st.composite
def rows(draw, type, splits=(None, "train", "val", "test")):
    """A few items with answers of a task's type, some of them empty."""
    stems = draw(
        st.lists(
            st.from_regex(r"[a-zA-Z0-9_ äß%&#-]{1,8}(/[a-z0-9]{1,5}){0,2}", fullmatch=True).filter(
                lambda s: s == s.strip() and "#" not in s
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda stem: stem.casefold().rpartition("/")[2],
        )
    )
    found = []
    for stem in stems:
        width, height = draw(st.integers(4, 200)), draw(st.integers(4, 200))
        some = draw(st.lists(shapes(type, width, height), max_size=3, unique_by=lambda a: a.label))
        item = Item(key=f"media/{stem}.jpg", meta={"width": width, "height": height})
        annotations = tuple(
            a.__class__(**{f: getattr(a, f) for f in a.__struct_fields__} | {"id": f"a{n}"})
            for n, a in enumerate(some, 1)
        )
        split = draw(st.sampled_from(splits))
        found.append(Labelled(item=item, name=f"{stem}.jpg", annotations=annotations, state="reviewed", split=split))
    return found


def numbers(annotation):
    """What an annotation is, as a list of numbers that can be compared with a tolerance."""
    match annotation:
        case Box():
            return list(annotation.box)
        case RotatedBox():
            return corners(annotation.rotated_box).ravel().tolist()
        case Polygon():
            return [v for ring in annotation.polygon for v in ring]
        case Polyline():
            return list(annotation.polyline)
        case Keypoints():
            return [v for point in annotation.keypoints for v in point]
    return []


def same(got, expected, tolerance=1e-6):
    """Whether two lists of annotations are of the same types, labels (by title) and places, in order."""
    return len(got) == len(expected) and all(
        type(a) is type(b)
        and a.label == TITLES[IDS.index(b.label)]
        and len(numbers(a)) == len(numbers(b))
        and all(abs(p - q) <= tolerance for p, q in zip(numbers(a), numbers(b), strict=True))
        and getattr(a, "mask", None) == getattr(b, "mask", None)
        for a, b in zip(got, expected, strict=True)
    )


def round_trip(importer, exporter, given, dest, about):
    """Write rows and read them again: the items by the key that they are found by, what was lost, and the problems."""
    dest.mkdir(parents=True, exist_ok=True)
    lost = list(exporter.write(iter(given), dest, about))
    assert {loss.what for loss in lost} <= exporter.losses.keys()
    about = replace(about, items=[row.item for row in given])
    found = list(importer.read(dest, about))
    items = {about.find(one.name).key: one for one in found if hasattr(one, "annotations")}
    problems = [one for one in found if not hasattr(one, "annotations")]
    assert len(items) + len(problems) == len(found)
    return items, lost, problems
