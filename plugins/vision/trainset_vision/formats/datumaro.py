"""Datumaro's own JSON: `annotations/<subset>.json`, with shapes in pixels of the upright image.

A label's number is its export index, both ways. Shapes of one group are one object. CVAT keeps the angle of a turned box in
its attribute `rotation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from trainset.core.model import Annotation, Class, Task
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.annotations import Polygon, Rle
from trainset_vision.formats import fitting
from trainset_vision.formats.datumaro_write import CAPTION, DatumaroExporter
from trainset_vision.formats.fitting import Gathering, Size, grouped
from trainset_vision.formats.pictures import Pictures
from trainset_vision.formats.reading import LIMIT, SIDECAR, Left, read_head, read_text, split_name, with_suffixes
from trainset_vision.formats.yolo_layout import unused
from trainset_vision.media import geo

__all__ = ["DatumaroExporter", "DatumaroImporter"]

_DEFAULT = "default"
_FRAME = "frame"
"""The attribute in which CVAT numbers images."""


class _Named(Struct):
    name: str
    parent: str | None = None


class _Points(Struct):
    label_id: int
    labels: list[str] = []
    joints: list[tuple[int, int]] = []


class _Names(Struct):
    labels: list[_Named] = []


class _PointsOfLabels(Struct):
    items: list[_Points] = []


class _Categories(Struct):
    label: _Names | None = None
    points: _PointsOfLabels | None = None


class _File(Struct):
    items: list[Raw]
    categories: _Categories = field(default_factory=_Categories)


class _Media(Struct):
    path: str | None = None
    size: Any = None


class _Item(Struct):
    id: str | int
    annotations: list[dict[str, Any]] = []
    image: _Media | None = None
    media: _Media | None = None
    attr: Any = None
    point_cloud: Any = None


_file = msgspec.json.Decoder(_File)
_item = msgspec.json.Decoder(_Item)


class DatumaroImporter:
    """Reads a JSON file, or a folder with `annotations`; the name of a file is that of its subset."""

    def sniff(self, src: Path) -> Recognition | None:
        """A JSON file with categories and items, the labels among them."""
        for path in _files(src):
            head = read_head(path)
            if ('"items"' in head or '"categories"' in head) and '"images"' not in head:
                try:
                    file = _read(path)
                except TrainsetError:
                    continue
                if file.categories.label is not None or any(b'"annotations"' in bytes(raw) for raw in file.items[:1]):
                    return Recognition(evidence=[f"{path.name} has the fields of a Datumaro file"])
        return None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The labels that the files declare, with their numbers; points of skeletons are none."""
        found: dict[str, int] = {}
        for path in _checked(src):
            categories = _read(path).categories
            parts = {name for names, _ in _points_by_label(categories).values() for name in names}
            for number, label in enumerate(_labels(categories)):
                if label.name != unused(number) and not (label.parent and label.name in parts):
                    found.setdefault(label.name, number)
        return [(number, name) for name, number in found.items()]

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """For a task of keypoints the `points` and `edges` of the first label that has some."""
        if task.type != "keypoints":
            return {}
        for path in _checked(src):
            for points, edges in _points_by_label(_read(path).categories).values():
                return {"points": list(points), "edges": [list(edge) for edge in edges]}
        return {}

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each item of the files; those without annotations have nothing on them."""
        for path in _checked(src):
            yield from _Reader(context, src, path).items()


def _files(src: Path) -> list[Path]:
    if not src.is_dir():
        return [src]
    found = sorted((src / "annotations").glob("*.json")) or sorted(src.glob("*.json"))
    return [path for path in found if path.name != SIDECAR]


def _checked(src: Path) -> list[Path]:
    found = _files(src)
    if not found:
        raise TrainsetError(f"{src}: no JSON file is here", hint="name the folder that holds `annotations`")
    return found


def _read(path: Path) -> _File:
    try:
        return _file.decode(read_text(path).encode("utf-8", "replace"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrainsetError(
            f"{path}: it is no file of Datumaro: {error}", hint="name a file in `annotations`"
        ) from error


def _labels(categories: _Categories) -> Sequence[_Named]:
    return categories.label.labels if categories.label is not None else ()


def _points_by_label(categories: _Categories) -> dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]:
    """The points of each label that has some, and the lines between them: of `points`, else its labels' children."""
    labels = _labels(categories)
    found: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {}
    for one in categories.points.items if categories.points is not None else ():
        if 0 <= one.label_id < len(labels) and len(set(one.labels)) == len(one.labels) > 0:
            first = 0 if any(0 in joint for joint in one.joints) else 1
            near = [(a - first, b - first) for a, b in one.joints]
            edges = tuple(
                (one.labels[a], one.labels[b]) for a, b in near if max(a, b) < len(one.labels) and min(a, b) >= 0
            )
            found[labels[one.label_id].name] = (tuple(one.labels), edges)
    return found


class _Reader:
    def __init__(self, context: ImportContext, src: Path, path: Path) -> None:
        self._path, self._task = path, context.task
        self._found = Gathering(context.task, path.name)
        self._file = _read(path)
        root = path.parent.parent if path.parent.name == "annotations" else path.parent
        self._pictures = Pictures(context, src, [root / "images" / path.stem, root / "images", root])
        self._labels = [label.name for label in _labels(self._file.categories)]
        self._points = {name: points for name, (points, _) in _points_by_label(self._file.categories).items()}
        self._split = split_name(path.stem) or (path.stem if path.stem != _DEFAULT else None)

    def items(self) -> Iterator[Imported | Problem]:
        """What the items of the file say."""
        for number, raw in enumerate(self._file.items, 1):
            try:
                item = _item.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield Problem(f"{self._path}: item {number}", f"it is not in this format: {error}")
                continue
            yield from self._item(item)
        yield from self._found.tally.problems(str(self._path))

    def _item(self, item: _Item) -> Iterator[Imported | Problem]:
        if item.point_cloud is not None:
            self._found.tally.add("items are point clouds and are left out", str(item.id))
            return
        media = item.image or item.media
        name = media.path if media is not None and media.path else None
        identity = str(item.id)
        suffixed = [f"{identity}{PurePosixPath(name).suffix}"] if name else with_suffixes(identity)
        picture = self._pictures.find([*([name] if name else []), *suffixed, identity])
        said = _size(media.size) if media is not None else None
        if not picture.agrees(said, self._found.tally):
            return
        self._found.open(str(item.id))
        captions = [
            str(one["caption"]) for one in item.annotations if one.get("type") == "caption" and one.get("caption")
        ]
        for group in self._groups(item.annotations):
            numbers = ", ".join(str(number) for number, _ in group)
            with self._found.one(f"annotation {numbers}"):
                self._object([one for _, one in group])
        taken = yield from self._found.done()
        if taken is not None:
            about = dict(item.attr) if isinstance(item.attr, Mapping) else {}
            place = geo.told(about)
            attributes = self._found.attributes({k: v for k, v in about.items() if k != _FRAME and k not in place})
            if captions:
                attributes[CAPTION] = "\n".join(captions)
            yield Imported(
                name=picture.name if name or picture.path or picture.size else str(item.id),
                annotations=taken,
                path=picture.path,
                meta=({"width": said[1], "height": said[0]} if said else {}) | place,
                split=self._split,
                attributes=attributes,
            )

    def _groups(self, annotations: Sequence[dict[str, Any]]) -> list[list[tuple[int, dict[str, Any]]]]:
        """The annotations of each object: those of one group and label that fit the task best, else single ones."""
        found: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
        for number, one in enumerate(annotations, 1):
            if one.get("type") != "caption":
                group = one.get("group")
                key = (group, str(one.get("label_id"))) if isinstance(group, int) and group else f"annotation {number}"
                found.setdefault(key, []).append((number, one))
        groups: list[list[tuple[int, dict[str, Any]]]] = []
        for some in found.values():
            kinds = [one.get("type") for _, one in some]
            best = next((kind for kind in _BEST.get(self._task.type, ("bbox",)) if kind in kinds), None)
            chosen = [pair for pair in some if best is None or pair[1].get("type") == best]
            whole = len(chosen) > 1 and best == "polygon"
            beside = [one for _, one in some if one.get("type") == "bbox"] if best in ("points", "skeleton") else []
            if beside:
                chosen = [(number, one | {"bbox": beside[0].get("bbox")}) for number, one in chosen]
            groups += [chosen] if whole else [[pair] for pair in chosen]
        return groups

    def _object(self, parts: Sequence[dict[str, Any]]) -> None:
        one = parts[0]
        if one.get("type") == "ellipse":
            left, top, right, bottom = fitting.numbers(one.get("points"), 4)
            middle, radii = ((left + right) / 2, (top + bottom) / 2), ((right - left) / 2, (bottom - top) / 2)
            about = self._about(one)
            degrees = fitting.number(about["attributes"].pop("rotation", 0))
            self._found.ellipse(*middle, *radii, degrees, **about)
        elif len(parts) > 1:
            self._found.take(grouped([shape for part in parts if isinstance(shape := self._shape(part), Polygon)]))
        else:
            self._found.take(self._shape(one))

    def _about(self, one: Mapping[str, Any]) -> dict[str, Any]:
        attributes = self._found.attributes(one.get("attributes") or {})
        score = self._found.score(attributes.pop("score")) if isinstance(attributes.get("score"), float | int) else None
        track = attributes.pop("track_id", None)
        if isinstance(one.get("z_order"), int) and one["z_order"]:
            attributes["z_order"] = one["z_order"]
        track = track if track is None or isinstance(track, str) else f"{track:g}"
        return {"label": self._label(one), "score": score, "attributes": attributes, "track": track}

    def _label(self, one: Mapping[str, Any]) -> str | None:
        number = one.get("label_id")
        if number is None:
            return None
        if not isinstance(number, int) or not 0 <= number < len(self._labels):
            raise Left(f"annotations name the label {number}, which is not listed")
        return self._labels[number]

    def _shape(self, one: Mapping[str, Any]) -> Annotation:
        about = self._about(one)
        match one.get("type"):
            case "label":
                return Class(**about)
            case "bbox":
                x, y, w, h = fitting.numbers(one.get("bbox"), 4)
                degrees = about["attributes"].get("rotation", 0)
                if isinstance(degrees, bool) or not isinstance(degrees, int | float) or not degrees % 360:
                    about["attributes"].pop("rotation", None)
                    return fitting.box(x, y, w, h, **about)
                del about["attributes"]["rotation"]
                return fitting.rotated(x + w / 2, y + h / 2, w, h, fitting.number(degrees), **about)
            case "polygon":
                return fitting.polygon([fitting.numbers(one.get("points"))], **about)
            case "polyline":
                return fitting.polyline(fitting.numbers(one.get("points")), **about)
            case "mask":
                return _mask(one.get("rle"), about)
            case "points":
                return self._keypoints(one, about)
            case "skeleton":
                return self._skeleton(one, about)
        raise Left(f"annotations of type {str(one.get('type'))[:40]!r} are not read")

    def _keypoints(self, one: Mapping[str, Any], about: dict[str, Any]) -> Annotation:
        flat, seen = fitting.numbers(one.get("points")), one.get("visibility")
        seen = seen if isinstance(seen, list) else [2] * (len(flat) // 2)
        if len(flat) != 2 * len(seen) or not all(visible in (0, 1, 2) for visible in seen):
            raise Left("the keypoints are no pairs of numbers with a visibility of 0, 1 or 2 each", many=False)
        found = [(flat[2 * n], flat[2 * n + 1], int(visible)) for n, visible in enumerate(seen)]
        names, wanted = self._points.get(about["label"] or "", ()), fitting.points_of(self._task)
        if wanted and len(found) != len(wanted):
            raise Left(f"objects have {len(found)} points, the task {len(wanted)}")
        if names and wanted and len(names) == len(found):
            found = fitting.in_order(dict(zip(names, found, strict=True)), wanted)
        return fitting.keypoints(found, _around(one), **about)

    def _skeleton(self, one: Mapping[str, Any], about: dict[str, Any]) -> Annotation:
        """CVAT's skeletons hold their points one by one."""
        found: dict[str, tuple[float, float, int]] = {}
        elements = one.get("elements")
        for point in elements if isinstance(elements, list) else ():
            if isinstance(point, Mapping):
                x, y = fitting.numbers(point.get("points"), 2)
                seen = point.get("visibility")
                visible = seen[0] if isinstance(seen, list) and seen and seen[0] in (0, 1, 2) else 2
                found[self._label(point) or ""] = (x, y, visible)
        return fitting.keypoints(fitting.in_order(found, fitting.points_of(self._task)), _around(one), **about)


_BEST: Mapping[str, Sequence[str]] = {
    "box": ("bbox", "mask", "polygon"),
    "rotated-box": ("bbox",),
    "polygon": ("polygon", "mask"),
    "mask": ("mask", "polygon"),
    "polyline": ("polyline",),
    "keypoints": ("points", "skeleton"),
    "classify": ("label",),
}
"""Which annotation of a group answers a task best."""


def _around(one: Mapping[str, Any]) -> tuple[float, ...] | None:
    return tuple(fitting.numbers(one["bbox"], 4)) if one.get("bbox") is not None else None


def _mask(found: Any, about: dict[str, Any]) -> Annotation:
    counts, size = (found.get("counts"), found.get("size")) if isinstance(found, Mapping) else (None, None)
    if not isinstance(counts, str) or (measured := _size(size)) is None:
        raise Left("the mask is no run lengths of an image with a size", many=False)
    return fitting.mask(Rle(measured, counts), None, **about)


def _size(size: Any) -> Size | None:
    """Height and width, as Datumaro lists them."""
    if isinstance(size, list) and len(size) == 2 and all(isinstance(one, int) and 0 < one < LIMIT for one in size):
        return size[0], size[1]
    return None
