"""Rows of images with boxes and classes, and the round trip that every format makes with them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st
from msgspec import structs
from trainset_vision.annotations import Box

from trainset.core.codec import Codec
from trainset.core.model import Class, Columns, Item, Label, Task
from trainset.plugins import Imported, Labelled, Problem

REAL = Path(os.environ.get("TRAINSET_REAL_DATA", "")) / "vision"
CODEC = Codec({"box": Box})
needs_real_data = pytest.mark.skipif(not os.environ.get("TRAINSET_REAL_DATA"), reason="TRAINSET_REAL_DATA is not set")


def task(*titles, type="box"):
    return Task(name="parts", type=type, labels=tuple(Label(id=f"l{i}", index=i, name=t) for i, t in enumerate(titles)))


def item(name="a.jpg", width=640, height=480, **more):
    return Item(key=f"media/{name}", meta={"width": width, "height": height} if width else {}, **more)


def row(annotations=(), name="a.jpg", state="reviewed", **more):
    about = {k: more.pop(k) for k in ("width", "height") if k in more}
    return Labelled(item=item(name, **about), name=name, annotations=tuple(annotations), state=state, **more)


def box(x, y, w, h, label="l0", **more):
    return Box(label=label, box=(x, y, w, h), **more)


def read(importer, src, context):
    """What an importer gives: items, with boxes decoded, and problems."""
    found = [
        structs.replace(one, annotations=CODEC.decode(CODEC.encode(one.annotations)))
        if isinstance(one, Imported) and isinstance(one.annotations, Columns) and one.annotations.tag == "box"
        else one
        for one in importer.read(src, context)
    ]
    return [f for f in found if isinstance(f, Imported)], [f for f in found if isinstance(f, Problem)]


def round_trip(importer, exporter, rows, dest, context):
    """Write rows, read them again: the items by name, what was lost, and the problems."""
    lost = list(exporter.write(iter(rows), dest, context))
    assert {loss.what for loss in lost} <= exporter.losses.keys()
    items, problems = read(importer, dest, replace(context, items=[r.item for r in rows]))
    assert len({i.name for i in items}) == len(items)
    return {i.name: i for i in items}, lost, problems


def shapes(annotations):
    """Label and box of each annotation."""
    return [(a.label, a.box) for a in annotations]


def same_boxes(got, expected, tolerance=1e-6):
    """Whether two lists of boxes have the same labels and, to a millionth of a pixel, the same boxes, in order."""
    return len(got) == len(expected) and all(
        a.label == b.label and max(abs(p - q) for p, q in zip(a.box, b.box, strict=True)) <= tolerance
        for a, b in zip(got, expected, strict=True)
    )


names = st.lists(
    st.from_regex(r"[a-zA-Z0-9_ äß-]{1,8}(/[a-z0-9]{1,5}){0,2}", fullmatch=True).filter(lambda s: s == s.strip()),
    min_size=1,
    max_size=6,
    unique_by=str.casefold,
).map(lambda stems: [f"{s}.jpg" for s in stems])

TITLES = ("screw", "Nut & bolt", "no", "b", "a", "Ünïcode <tag>")


def boxes_within(width, height):
    """Boxes that lie in an image and are thick enough for every format."""
    return st.builds(
        lambda x, y, w, h, label: box(x, y, min(w, width - x), min(h, height - y), label),
        st.floats(0, width - 2),
        st.floats(0, height - 2),
        st.floats(1, width),
        st.floats(1, height),
        st.sampled_from([f"l{i}" for i in range(len(TITLES))]),
    )


@st.composite
def box_rows(draw):
    width, height = draw(st.integers(3, 5000)), draw(st.integers(3, 5000))
    splits = st.sampled_from([None, "train", "val", "test"])
    return [
        row(
            draw(st.lists(boxes_within(width, height), max_size=5)),
            name,
            split=draw(splits),
            width=width,
            height=height,
        )
        for name in draw(names)
    ]


@st.composite
def class_rows(draw, most=3):
    labels = [f"l{i}" for i in range(len(TITLES))]
    return [
        row(
            [Class(label=x) for x in draw(st.lists(st.sampled_from(labels), max_size=most, unique=True))],
            name,
            split=draw(st.sampled_from([None, "train", "val"])),
        )
        for name in draw(names)
    ]


def titled(annotations, context):
    """Annotations with the titles of their labels, as importers give them."""
    return [a.__class__(label=context.task.label(a.label).title, **_geometry(a)) for a in annotations]


def _geometry(annotation):
    return {"box": annotation.box} if isinstance(annotation, Box) else {}
