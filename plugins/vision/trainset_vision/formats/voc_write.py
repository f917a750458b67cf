"""Pascal VOC files: `Annotations`, `JPEGImages`, the lists of splits in `ImageSets`, and the pixels of objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

from trainset.core.model import Annotation, AttributeValue, Label
from trainset.errors import RecordError, TrainsetError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box, Mask, Polygon, RotatedBox
from trainset_vision.conversions import box_of
from trainset_vision.formats import painting
from trainset_vision.formats.label_image import Canvas, palette, write_voc
from trainset_vision.formats.painting import drawn, paint
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, size_of, split_folder
from trainset_vision.formats.xml_stream import printable

_KINDS: Mapping[str, type[Annotation] | tuple[type[Annotation], ...]] = {
    "polygon": (Polygon, Mask), "mask": (Polygon, Mask), "rotated-box": RotatedBox
}  # fmt: skip
_REGIONS = ("polygon", "mask")
_KEPT = {"difficult": bool, "truncated": bool, "occluded": bool, "pose": str}


class VocExporter:
    """Writes an XML file an item, without objects where there is nothing. Pixels count from 1, `xmax` is inside.

    `labelmap.txt` lists the labels, as Datumaro and CVAT want it for labels that are not the challenge's own.
    """

    losses = (
        painting.LOSSES
        | pick(
            LOSSES, ("types", "unusable", "item-attributes", "geo", "scores", "tracks", "notes", "states", "renamed")
        )
        | {
            "attributes": "attributes other than difficult, truncated, occluded (flags) and pose (text) are left out",
            "thin": "a box thinner than a pixel has its xmax before its xmin, which other readers may refuse",
            "size": "width and height are 0 where neither the item nor its file tells them, and pixels are left out",
            "rotated": "rotated boxes are written as labelImg2 and roLabelImg do; other readers see the box about them",
        }
    )

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        task = context.task
        labels, stems, texts = Labels(task), Stems(), Texts()
        for label in task.labels:
            if not _printable(label.title):
                raise TrainsetError(f"the label {label.title!r} holds characters that XML cannot", hint="rename it")
        shapes: Filter[Annotation] = Filter(_KINDS.get(task.type, Box), labels, self.losses, _KEPT)
        most = max((label.index + 1 for label in task.labels), default=0)
        lists: dict[tuple[str, str], IO[str]] = {}
        (dest / "Annotations").mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for row in rows:
                objects, lost = shapes.take(row)
                yield from lost
                size = size_of(row.item, context)
                if size is None:
                    yield Loss("size", row.item.key)
                name, lost = stems.name(row)
                yield from lost
                segmented = task.type in _REGIONS and size is not None
                if size is not None and segmented:
                    objects, lost = _paint(dest, name, objects, size, row.item.key, most)
                    yield from lost
                boxed = [(label, shape, around) for label, shape in objects if (around := box_of(shape))]
                yield from _said(boxed, row.item.key)
                path = (dest / "Annotations" / name).with_suffix(".xml")
                texts.write(path, _document(name, size or (0, 0), boxed, segmented))
                for kind in ("Main", "Segmentation")[: 1 + segmented] if row.split is not None else ():
                    known = (kind, row.split or "")
                    if known not in lists:
                        lists[known] = stack.enter_context(_list(dest, *known))
                    lists[known].write(f"{Path(name).with_suffix('')}\n")
                context.place(row.item, dest / "JPEGImages" / name)
        texts.write(dest / "labelmap.txt", _labelmap(labels.listed(), task.type in _REGIONS))


def _paint(
    dest: Path, name: str, objects: Sequence[tuple[Label, Annotation]], size: tuple[int, int], key: str, most: int
) -> tuple[list[tuple[Label, Annotation]], list[Loss]]:
    """Write the pixels of objects and of classes; the objects that have some, as masks, and what is lost."""
    kept: list[tuple[Label, Annotation]] = []
    lost: list[Loss] = []
    for label, shape in objects:
        try:
            drawn(shape, size)
            kept.append((label, shape))
        except RecordError:
            lost.append(Loss("finer" if isinstance(shape, Polygon) else "unusable", key, label.title))
    of_objects, of_classes = Canvas(size[::-1]), Canvas(size[::-1])
    lost += paint(of_objects, kept, size, key, range(1, len(kept) + 1))
    list(paint(of_classes, kept, size, key, [label.index + 1 for label, _ in kept]))
    file = Path(name).with_suffix(".png")
    write_voc(dest / "SegmentationObject" / file, of_objects.values, len(kept))
    write_voc(dest / "SegmentationClass" / file, of_classes.values, most)
    return kept, lost


def _said(objects: Sequence[tuple[Label, Annotation, Sequence[float]]], key: str) -> Iterator[Loss]:
    for _, shape, box in objects:
        if _pose(shape) is None:
            yield Loss("attributes", key, "pose")
        if min(box[2:]) < 1:
            yield Loss("thin", key, shape.id)
        if isinstance(shape, RotatedBox):
            yield Loss("rotated", key, shape.id)


def _labelmap(labels: Sequence[Label], coloured: bool) -> str:
    """The labels as Datumaro and CVAT list them, with the colours that masks have."""
    named = [label for label in labels if not set(label.title) & set(":\n")]
    colours = palette(max((label.index + 2 for label in named), default=1)).tolist() if coloured else []
    lines = [(label.title, ",".join(map(str, colours[label.index + 1])) if coloured else "") for label in named]
    lines = [("background", "0,0,0"), *lines] if coloured else lines
    return "# label:color_rgb:parts:actions\n" + "".join(f"{title}:{colour}::\n" for title, colour in lines)


def _list(dest: Path, kind: str, split: str) -> IO[str]:
    path = dest / "ImageSets" / kind / f"{split_folder(split, '')}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8")


def _printable(text: str) -> bool:
    """Whether XML can hold a text as it is: a carriage return would come back as a line feed."""
    return "\r" not in text and printable(text)


def _document(
    name: str, size: tuple[int, int], objects: Sequence[tuple[Label, Annotation, Sequence[float]]], segmented: bool
) -> str:
    return (
        f"<annotation>\n\t<folder>JPEGImages</folder>\n\t<filename>{escape(name)}</filename>\n"
        f"\t<size>\n\t\t<width>{size[0]}</width>\n\t\t<height>{size[1]}</height>\n\t\t<depth>3</depth>\n\t</size>\n"
        f"\t<segmented>{int(segmented)}</segmented>\n{''.join(_object(label.title, shape, box) for label, shape, box in objects)}"
        "</annotation>\n"
    )


def _object(title: str, shape: Annotation, box: Sequence[float]) -> str:
    x, y, w, h = box
    pose = _pose(shape) or "Unspecified"
    flags = [("truncated", True), ("difficult", True), ("occluded", "occluded" in shape.attributes)]
    lines = "".join(f"\t\t<{flag}>{_flag(shape.attributes.get(flag))}</{flag}>\n" for flag, said in flags if said)
    corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), (x + 1, y + 1, x + w, y + h), strict=True))
    bounds = _element("bndbox", corners)
    if isinstance(shape, RotatedBox):
        cx, cy, w, h, degrees = shape.rotated_box
        bounds += _element("robndbox", {"cx": cx, "cy": cy, "w": w, "h": h, "angle": math.radians(degrees % 360)})
    return (
        f"\t<object>\n\t\t<name>{escape(title)}</name>\n\t\t<pose>{escape(pose)}</pose>\n{lines}{bounds}\t</object>\n"
    )


def _element(tag: str, numbers: Mapping[str, float]) -> str:
    inner = "".join(f"\t\t\t<{name}>{_number(value)}</{name}>\n" for name, value in numbers.items())
    return f"\t\t<{tag}>\n{inner}\t\t</{tag}>\n"


def _pose(shape: Annotation) -> str | None:
    """The pose to write, empty where there is none, None where XML cannot hold it."""
    pose = shape.attributes.get("pose")
    if not isinstance(pose, str):
        return ""
    return pose if _printable(pose) else None


def _flag(value: AttributeValue) -> int:
    return int(value is True)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
