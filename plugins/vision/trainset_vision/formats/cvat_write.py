"""CVAT's XML, streamed: images go to a spool as they come, since the labels that precede them are known at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from trainset.core.model import Annotation, AttributeValue, Class, Label
from trainset.errors import TrainsetError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Polyline, RotatedBox, skeleton_of
from trainset_vision.formats import plain_shapes
from trainset_vision.formats.cvat_labels import written
from trainset_vision.formats.fitting import Size
from trainset_vision.formats.plain_shapes import plain
from trainset_vision.formats.reading import LIMIT
from trainset_vision.formats.row_masks import to_runs, window
from trainset_vision.formats.writing import LOSSES, Filter, Labels, pick, size_of
from trainset_vision.formats.xml_stream import printable

_Shape = Box | RotatedBox | Polygon | Polyline | Mask | Keypoints | Class


class CvatExporter:
    """Writes `annotations.xml`, and the images to `images/`. A split is the image's subset."""

    losses = (
        pick(LOSSES, ("types", "unusable", "item-attributes", "geo", "scores", "tracks", "notes", "states"))
        | pick(plain_shapes.LOSSES, ("rings", "box-of-keypoints"))
        | {
            "attributes": "attributes are left out that XML cannot hold, or that are of another kind than the same one before",
            "names": "items are left out whose names XML cannot hold",
            "size": "width and height, and masks with them, are left out where neither the item nor its file tells them",
        }
    )

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; memory does not grow with them."""
        labels, skeleton = Labels(context.task), skeleton_of(context.task)
        for title in (*(label.title for label in context.task.labels), *skeleton.points):
            if not printable(title):
                raise TrainsetError(f"the label {title!r} holds characters that XML cannot", hint="rename it")
        shapes: Filter[Annotation] = Filter(_Shape, labels, self.losses)  # type: ignore[arg-type]
        dest.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile("w+", encoding="utf-8", dir=dest) as spool:
            images = _Images(spool, skeleton.points)
            for row in rows:
                if not printable(row.name):
                    yield Loss("names", row.item.key)
                    continue
                objects, lost = shapes.take(row)
                yield from (loss for loss in lost if loss.what != "attributes")
                size = size_of(row.item, context)
                if size is None:
                    yield Loss("size", row.item.key)
                yield from images.add(row, size and (size[1], size[0]), objects)
                context.place(row.item, dest / "images" / row.name)
            with (dest / "annotations.xml").open("w", encoding="utf-8") as out:
                out.write(
                    '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
                    f"{_meta(context.task.name, images.counts, written(labels.listed(), images.kinds, skeleton))}"
                )
                spool.seek(0)
                shutil.copyfileobj(spool, out)
                out.write("</annotations>\n")


def _meta(name: str, counts: Mapping[str | None, int], labels: str) -> str:
    """What the file is of: a task, or a project with a task for each split, which is how CVAT has subsets."""
    title = f"      <name>{escape(name)}</name>\n"
    label = f"      <labels>\n{labels}      </labels>\n"
    if not any(counts):
        size = f"      <size>{sum(counts.values())}</size>\n      <mode>annotation</mode>\n"
        return f"  <meta>\n    <task>\n{title}{size}{label}    </task>\n  </meta>\n"
    tasks = "".join(
        f"        <task><name>{escape(name)}</name><size>{count}</size><mode>annotation</mode>"
        f"<subset>{escape(split)}</subset></task>\n"
        for split, count in counts.items()
        if split
    )
    return f"  <meta>\n    <project>\n{title}      <tasks>\n{tasks}      </tasks>\n{label}    </project>\n  </meta>\n"


class _Images:
    """The `<image>` elements. `counts` are how many each split has; `kinds` those of the attributes met, by label and name."""

    def __init__(self, out: IO[str], names: Sequence[str]) -> None:
        self.counts: Counter[str | None] = Counter()
        self.kinds: dict[tuple[str, str], str] = {}
        self._out, self._names = out, names

    def add(self, row: Labelled, size: Size | None, objects: Sequence[tuple[Label, Annotation]]) -> Iterator[Loss]:
        about = {"id": str(self.counts.total()), "name": row.name}
        if row.split is not None:
            about["subset"] = row.split
        if size is not None:
            about |= {"width": str(size[1]), "height": str(size[0])}
        self.counts[row.split] += 1
        self._out.write(f"  <image{_attributes(about)}>\n")
        ready, lost = plain(objects, row.item.key, size)
        yield from lost
        for label, shape in ready:
            if isinstance(shape, Mask) and size is None:
                continue
            if isinstance(shape, Keypoints) and isinstance(shape.box, tuple):
                yield Loss("box-of-keypoints", row.item.key, shape.id)
            tag, places, within = self._element(shape)
            flags, others = _flags(shape)
            for name, value in others.items():
                text = self._text(label, name, value)
                if text is None:
                    yield Loss("attributes", row.item.key, name)
                else:
                    within += f"      <attribute name={quoteattr(name)}>{text}</attribute>\n"
            about = {"label": label.title, "source": "manual"} | flags | places
            self._out.write(f"    <{tag}{_attributes(about)}>\n{within}    </{tag}>\n")
        self._out.write("  </image>\n")

    def _text(self, label: Label, name: str, value: AttributeValue) -> str | None:
        """An attribute's value in text, None where it cannot be told from another kind, or XML cannot hold it."""
        kind = "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        text = str(value).lower() if kind == "flag" else value if isinstance(value, str) else repr(value)
        if self.kinds.setdefault((label.id, name), kind) != kind or not printable(name + text):
            return None
        return escape(text, {"\r": "&#13;"})

    def _element(self, shape: Annotation) -> tuple[str, dict[str, str], str]:
        """The element's tag, its places, and what it holds."""
        match shape:
            case Box():
                x, y, w, h = shape.box
                return "box", _corners(x, y, w, h), ""
            case RotatedBox():
                cx, cy, w, h, degrees = shape.rotated_box
                return "box", _corners(cx - w / 2, cy - h / 2, w, h) | {"rotation": _number(degrees % 360)}, ""
            case Polygon():
                return "polygon", {"points": _points(shape.polygon[0])}, ""
            case Polyline():
                return "polyline", {"points": _points(shape.polyline)}, ""
            case Mask():
                part, left, top = window(shape.mask)
                places = {"left": left, "top": top, "width": part.shape[1], "height": part.shape[0]}
                runs = ", ".join(map(str, to_runs(part)))
                return "mask", {"rle": runs} | {name: str(value) for name, value in places.items()}, ""
            case Keypoints():
                names = self._names or [str(n + 1) for n in range(len(shape.keypoints))]
                return (
                    "skeleton",
                    {},
                    "".join(
                        f"      <points{_attributes(_point(name, *point))}></points>\n"
                        for name, point in zip(names, shape.keypoints, strict=False)
                    ),
                )
        return "tag", {}, ""


def _flags(shape: Annotation) -> tuple[dict[str, str], dict[str, AttributeValue]]:
    """What CVAT keeps beside its own attributes: the attributes of the element, and what is left for others."""
    others: dict[str, AttributeValue] = {name: value for name, value in shape.attributes.items() if value is not None}
    flags: dict[str, str] = {}
    if not isinstance(shape, Keypoints | Class):
        flags["occluded"] = str(int(others.get("occluded") is True))
        if others.get("occluded") is True:
            del others["occluded"]
    for name in ("z_order", "group_id"):
        value = others.get(name)
        if isinstance(value, float | int) and not isinstance(value, bool) and 0 < abs(value) < LIMIT and value % 1 == 0:
            flags[name] = str(int(value))
            del others[name]
    return flags, others


def _point(name: str, x: float, y: float, visible: int) -> dict[str, str]:
    flags = {"occluded": str(int(visible == 1)), "outside": str(int(visible == 0))}
    return {"label": name, "source": "manual"} | flags | {"points": f"{_number(x)},{_number(y)}"}


def _corners(x: float, y: float, w: float, h: float) -> dict[str, str]:
    return {"xtl": _number(x), "ytl": _number(y), "xbr": _number(x + w), "ybr": _number(y + h)}


def _points(flat: Sequence[float]) -> str:
    return ";".join(f"{_number(flat[n])},{_number(flat[n + 1])}" for n in range(0, len(flat), 2))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _attributes(about: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in about.items())
