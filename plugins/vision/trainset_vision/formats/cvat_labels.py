"""The labels that a file of CVAT declares: their names, the kinds of their attributes, their skeletons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from trainset.core.model import Label
from trainset_vision.annotations import Skeleton

_KINDS = {"checkbox": "flag", "number": "number"}
_INPUTS = {"flag": "checkbox", "number": "number"}

Edges = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Labels:
    """Names in the file's order, `kinds` ("flag", "number", "text") by label and attribute, points and edges by label."""

    names: tuple[str, ...] = ()
    kinds: Mapping[tuple[str, str], str] = field(default_factory=dict)
    skeletons: Mapping[str, tuple[tuple[str, ...], Edges]] = field(default_factory=dict)


def labels_in(meta: Element) -> Labels:
    """What a `<meta>` of a task, a job or a project declares."""
    names: dict[str, None] = {}
    kinds: dict[tuple[str, str], str] = {}
    points: dict[str, dict[str, None]] = {}
    drawings: dict[str, str] = {}
    for label in meta.iter("label"):
        name, parent = _text(label, "name"), _text(label, "parent")
        if not name:
            continue
        if parent:
            points.setdefault(parent, {})[name] = None
            continue
        names[name] = None
        drawings[name] = _text(label, "svg")
        for attribute in label.iterfind("attributes/attribute"):
            kinds[name, _text(attribute, "name")] = _KINDS.get(_text(attribute, "input_type"), "text")
    skeletons = {name: (tuple(found), _edges(drawings.get(name, ""), found)) for name, found in points.items()}
    return Labels(tuple(names), kinds, skeletons)


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()


def _edges(svg: str, points: Iterable[str]) -> Edges:
    """The lines of a skeleton's drawing between its points."""
    names: dict[str, str] = {}
    lines: list[tuple[str, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "circle":
            names[attributes.get("data-node-id", "")] = attributes.get("data-label-name", "")
        elif tag == "line":
            lines.append((attributes.get("data-node-from", ""), attributes.get("data-node-to", "")))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(f"<svg>{svg}</svg>", True)
    except expat.ExpatError:
        return ()
    known = set(points)
    edges = dict.fromkeys((names.get(a, ""), names.get(b, "")) for a, b in lines)
    return tuple((a, b) for a, b in edges if a in known and b in known)


def written(labels: Sequence[Label], kinds: Mapping[tuple[str, str], str], skeleton: Skeleton) -> str:
    """The `<labels>` of a file, with their attributes and, where the task has one, its skeleton."""
    lines: list[str] = []
    for label in labels:
        about = "".join(
            f"<attribute><name>{escape(name)}</name><mutable>False</mutable>"
            f"<input_type>{_INPUTS.get(kind, 'text')}</input_type><default_value></default_value><values></values></attribute>"
            for (owner, name), kind in kinds.items()
            if owner == label.id
        )
        body = f"<name>{escape(label.title)}</name>"
        if not skeleton.points:
            lines.append(f"<label>{body}<attributes>{about}</attributes></label>")
            continue
        drawing = escape(_drawing(skeleton))
        lines.append(f"<label>{body}<type>skeleton</type><attributes>{about}</attributes><svg>{drawing}</svg></label>")
        lines += [
            f"<label><name>{escape(point)}</name><type>points</type><attributes></attributes>"
            f"<parent>{escape(label.title)}</parent></label>"
            for point in skeleton.points
        ]
    return "".join(f"        {line}\n" for line in lines)


def _drawing(skeleton: Skeleton) -> str:
    """The skeleton as CVAT draws one, its points on a circle."""
    turn = 2 * math.pi / len(skeleton.points)
    places = [(50 + 40 * math.sin(n * turn), 50 - 40 * math.cos(n * turn)) for n in range(len(skeleton.points))]
    number = {name: n for n, name in enumerate(skeleton.points)}
    lines = (
        f'<line x1="{places[number[a]][0]:.2f}" y1="{places[number[a]][1]:.2f}" x2="{places[number[b]][0]:.2f}" '
        f'y2="{places[number[b]][1]:.2f}" data-type="edge" data-node-from="{number[a] + 1}" '
        f'data-node-to="{number[b] + 1}"></line>'
        for a, b in skeleton.edges
    )
    circles = (
        f'<circle r="1.5" cx="{x:.2f}" cy="{y:.2f}" data-type="element node" data-element-id="{n}" data-node-id="{n}" '
        f"data-label-name={quoteattr(name)}></circle>"
        for n, (name, (x, y)) in enumerate(zip(skeleton.points, places, strict=True), 1)
    )
    return "".join((*lines, *circles))
