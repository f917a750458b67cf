"""Pascal VOC files: `Annotations`, `JPEGImages` and the lists of splits in `ImageSets/Main`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.sax.saxutils import escape

from trainset.core.model import AttributeValue, Label
from trainset.errors import TrainsetError
from trainset.plugins import ExportContext, Labelled, Loss
from trainset_vision.annotations import Box
from trainset_vision.formats.writing import LOSSES, Filter, Labels, Stems, Texts, pick, size_of, split_folder

_KEPT = {"difficult": bool, "truncated": bool, "occluded": bool, "pose": str}


class VocExporter:
    """Writes an XML file an item, without objects where there is nothing. Pixels count from 1, `xmax` is inside.

    `labelmap.txt` lists the labels, as Datumaro and CVAT want it for labels that are not the challenge's own.
    """

    losses = pick(
        LOSSES, ("types", "unusable", "item-attributes", "scores", "tracks", "notes", "states", "renamed")
    ) | {
        "attributes": "attributes other than difficult, truncated, occluded (flags) and pose (text) are left out",
        "thin": "a box thinner than a pixel has its xmax before its xmin, which other readers may refuse",
        "size": "width and height are 0 where neither the item nor its file tells them",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """One pass over the rows; of them only the names stay in memory."""
        labels, stems, texts = Labels(context.task), Stems(), Texts()
        for label in context.task.labels:
            if not _printable(label.title):
                raise TrainsetError(f"the label {label.title!r} holds characters that XML cannot", hint="rename it")
        boxes = Filter(Box, labels, self.losses, _KEPT)
        lists: dict[str, IO[str]] = {}
        (dest / "Annotations").mkdir(parents=True, exist_ok=True)
        known = "".join(f"{label.title}:::\n" for label in labels.listed() if not set(label.title) & set(":\n"))
        (dest / "labelmap.txt").write_text(f"# label:color_rgb:parts:actions\n{known}", encoding="utf-8")
        with ExitStack() as stack:
            for row in rows:
                objects, lost = boxes.take(row)
                yield from lost
                size = size_of(row.item, context)
                if size is None:
                    yield Loss("size", row.item.key)
                name, lost = stems.name(row)
                yield from lost
                for _, box in objects:
                    if _pose(box) is None:
                        yield Loss("attributes", row.item.key, "pose")
                    if min(box.box[2:]) < 1:
                        yield Loss("thin", row.item.key, box.id)
                path = (dest / "Annotations" / name).with_suffix(".xml")
                texts.write(path, _document(name, size or (0, 0), objects))
                if row.split is not None:
                    if row.split not in lists:
                        lists[row.split] = stack.enter_context(_list(dest, row.split))
                    lists[row.split].write(f"{Path(name).with_suffix('')}\n")
                context.place(row.item, dest / "JPEGImages" / name)


def _list(dest: Path, split: str) -> IO[str]:
    path = dest / "ImageSets" / "Main" / f"{split_folder(split, '')}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8")


def _printable(text: str) -> bool:
    return all(char in "\t\n" or " " <= char < "\ud800" or "\udfff" < char not in "\ufffe\uffff" for char in text)


def _document(name: str, size: tuple[int, int], objects: Sequence[tuple[Label, Box]]) -> str:
    return (
        f"<annotation>\n\t<folder>JPEGImages</folder>\n\t<filename>{escape(name)}</filename>\n"
        f"\t<size>\n\t\t<width>{size[0]}</width>\n\t\t<height>{size[1]}</height>\n\t\t<depth>3</depth>\n\t</size>\n"
        f"\t<segmented>0</segmented>\n{''.join(_object(label.title, box) for label, box in objects)}</annotation>\n"
    )


def _object(title: str, box: Box) -> str:
    x, y, w, h = box.box
    pose = _pose(box) or "Unspecified"
    flags = [("truncated", True), ("difficult", True), ("occluded", "occluded" in box.attributes)]
    lines = "".join(f"\t\t<{flag}>{_flag(box.attributes.get(flag))}</{flag}>\n" for flag, said in flags if said)
    corners = zip(("xmin", "ymin", "xmax", "ymax"), (x + 1, y + 1, x + w, y + h), strict=True)
    bounds = "".join(f"\t\t\t<{corner}>{_number(value)}</{corner}>\n" for corner, value in corners)
    return (
        f"\t<object>\n\t\t<name>{escape(title)}</name>\n\t\t<pose>{escape(pose)}</pose>\n{lines}"
        f"\t\t<bndbox>\n{bounds}\t\t</bndbox>\n\t</object>\n"
    )


def _pose(box: Box) -> str | None:
    """The pose to write, empty where there is none, None where XML cannot hold it."""
    pose = box.attributes.get("pose")
    if not isinstance(pose, str):
        return ""
    return pose if _printable(pose) else None


def _flag(value: AttributeValue) -> int:
    return int(value is True)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
