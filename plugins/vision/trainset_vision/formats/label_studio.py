"""Label Studio: tasks with what several people and models said of them, in JSON or in its short form JSON_MIN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trainset.core.model import State, Task
from trainset.errors import TrainsetError
from trainset.plugins import ImportContext, Imported, Problem, Recognition
from trainset_vision.formats import fitting
from trainset_vision.formats.fitting import Gathering
from trainset_vision.formats.label_studio_names import address_of, names_of, original
from trainset_vision.formats.label_studio_regions import (
    Regions,
    Result,
    is_choice,
    labels_in,
    points_in,
    regions,
    said_size,
    shown,
)
from trainset_vision.formats.label_studio_write import LabelStudioExporter
from trainset_vision.formats.pictures import Picture, Pictures
from trainset_vision.formats.reading import SIDECAR, read_head, read_text
from trainset_vision.media import geo

__all__ = ["LabelStudioExporter", "LabelStudioImporter"]

_ABOUT = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}
"""What JSON_MIN says of an annotation beside its results."""

Entry = Mapping[str, Any]


class LabelStudioImporter:
    """Reads an export, or a folder of them: lists of tasks, single tasks, or annotations with their task, as storages keep
    them."""

    def sniff(self, src: Path) -> Recognition | None:
        """JSON with a task's data and annotations, or the results of JSON_MIN."""
        for path in _files(src)[:_FEW]:
            if not any(word in read_head(path) for word in _WORDS):
                continue
            try:
                entry = next(iter(_entries(path)), None)
            except TrainsetError:
                continue
            if entry is not None and _looks_like(entry):
                return Recognition(evidence=[f"{path.name} has the fields of tasks of Label Studio"], confidence=0.95)
        return None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The labels of regions and the choices about images, as they come: Label Studio declares none in an export."""
        found: dict[str, None] = {}
        for path in _checked(src):
            for entry in _entries(path):
                for said in (*_annotations(entry), *_predictions(entry)):
                    found.update(dict.fromkeys(labels_in(_results(said))))
        return [(None, name) for name in found]

    def options(self, src: Path, task: Task) -> Mapping[str, Any]:
        """For a task of keypoints the `points` that objects have, as they come."""
        if task.type != "keypoints":
            return {}
        said = (
            one
            for path in _checked(src)
            for entry in _entries(path)
            for one in _annotations(entry) + _predictions(entry)
        )
        names = dict.fromkeys(name for one in said for name in points_in(_results(one)))
        return {"points": list(names)} if names else {}

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each annotation of a task, with who made it, and one for its last prediction, as "predicted".

        What was skipped counts for nothing; a task that nobody has annotated is unlabelled.
        """
        for path in _checked(src):
            yield from _Reader(context, src, path).items()


_FEW = 50
_WORDS = ('"annotations"', '"completions"', '"predictions"', 'labels"', '"data"', '"choices"', '"annotator"')


def _files(src: Path) -> list[Path]:
    if not src.is_dir():
        return [src]
    return sorted(path for path in src.glob("*.json") if path.name != SIDECAR)


def _checked(src: Path) -> list[Path]:
    found = _files(src)
    if not found:
        raise TrainsetError(f"{src}: no JSON file is here", hint="name the JSON export of Label Studio")
    return found


def _entries(path: Path) -> Iterator[Entry]:
    """The tasks of a file, one after another. TrainsetError for what is no JSON of objects."""
    data = read_text(path).encode("utf-8", "replace")
    try:
        one = data.lstrip()[:1] == b"{"
        raws = [msgspec.Raw(data)] if one else msgspec.json.decode(data, type=list[msgspec.Raw])
        for raw in raws:
            entry = msgspec.json.decode(raw)
            if isinstance(entry, Mapping):
                yield _as_task(entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrainsetError(f"{path}: it is no JSON of tasks: {error}", hint="name the JSON export") from error


def _as_task(entry: Entry) -> Entry:
    """A task, also where the file has an annotation with its task, or a line of JSON_MIN."""
    if isinstance(entry.get("task"), Mapping) and isinstance(entry.get("result"), list):
        return {**entry["task"], "annotations": [entry]}
    if isinstance(entry.get("data"), Mapping):
        return entry
    address = address_of(entry)
    results: list[Result] = []
    answers = [name for name, value in entry.items() if _is_answer(name, value, address)]
    for name, value in entry.items():
        if isinstance(value, list):
            for one in value:
                if isinstance(one, Mapping):
                    results.append({"from_name": name, "value": one, **one})
        elif name in answers and (isinstance(value, Mapping) or len(answers) == 1):
            results.append({"from_name": name, "value": value if isinstance(value, Mapping) else {"choices": [value]}})
    plain = {key: value for key, value in entry.items() if isinstance(value, str)}
    annotation = {"result": results, "completed_by": entry.get("annotator"), "updated_at": entry.get("updated_at")}
    return {"id": entry.get("id"), "data": plain, "annotations": [annotation], "short": True}


def _is_answer(name: str, value: Any, address: str | None) -> bool:
    if isinstance(value, Mapping):
        return "choices" in value or "taxonomy" in value
    return isinstance(value, str) and name not in _ABOUT and value != address


def _looks_like(entry: Entry) -> bool:
    if not entry.get("short"):
        return any(isinstance(entry.get(kind), list) for kind in ("annotations", "completions", "predictions"))
    results = _results(_annotations(entry)[0])
    return address_of(entry["data"]) is not None and any(map(_is_typed, results)) and bool(regions(results))


def _is_typed(result: Result) -> bool:
    """Whether a line of JSON_MIN says of what kind it is, which other lists of objects of an image do not."""
    return any(name.endswith("labels") or name in ("choices", "taxonomy") for name in (*result, *_named(result)))


def _named(result: Result) -> Sequence[str]:
    value = result.get("value")
    return list(value) if isinstance(value, Mapping) else ()


def _dicts(value: Any) -> list[Entry]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _annotations(entry: Entry) -> list[Entry]:
    return _dicts(entry.get("annotations", entry.get("completions")))


def _predictions(entry: Entry) -> list[Entry]:
    return _dicts(entry.get("predictions"))


def _results(said: Entry) -> list[Result]:
    return _dicts(said.get("result"))


class _Reader:
    def __init__(self, context: ImportContext, src: Path, path: Path) -> None:
        self._context, self._path = context, path
        self._found = Gathering(context.task, path.name)
        self._regions = Regions(context.task, self._found)
        self._pictures = Pictures(context, src, [path.parent / "images", path.parent])
        self._asks = False
        self._place: dict[str, Any] = {}

    def items(self) -> Iterator[Imported | Problem]:
        """What the tasks of the file say."""
        name = self._context.task.name
        self._asks = any(shown(result) for result in self._all())
        self._regions.named = any(result.get("from_name") == name and is_choice(result) for result in self._all())
        for number, entry in enumerate(_entries(self._path), 1):
            yield from self._task(entry, f"task {entry.get('id') or number}")
        yield from self._found.tally.problems(str(self._path))

    def _all(self) -> Iterator[Result]:
        """All results of the file."""
        for entry in _entries(self._path):
            for one in (*_annotations(entry), *_predictions(entry)):
                yield from (result for region in regions(_results(one)) for result in region)

    def _task(self, entry: Entry, where: str) -> Iterator[Imported | Problem]:
        data = entry.get("data")
        address = address_of(data) if isinstance(data, Mapping) else None
        address = address or (entry["file_upload"] if isinstance(entry.get("file_upload"), str) else None)
        if not address:
            self._found.tally.add("tasks show no image and are left out", where)
            return
        picture = self._pictures.find(names_of(address))
        self._place = geo.told(data) if isinstance(data, Mapping) else {}
        name = picture.name
        if picture.path is None and self._context.find(name) is None:
            name = original(address) or name
        decided = self._decided(_annotations(entry), where)
        for one in decided:
            yield from self._said(one, picture, name, where, None)
        predicted = [one for one in _predictions(entry) if isinstance(one.get("result"), list)]
        if len(predicted) > 1:
            self._found.tally.add("predictions are left out, since a later one speaks of the same task", where)
        for one in predicted[-1:]:
            yield from self._said(one, picture, name, where, "predicted")
        if not decided and not predicted:
            yield self._imported(picture, name, [], state="unlabelled")

    def _decided(self, annotations: Sequence[Entry], where: str) -> list[Entry]:
        """The annotations that count: of each person the last, and none that was skipped."""
        found: dict[str | None, Entry] = {}
        for one in annotations:
            if one.get("was_cancelled") or one.get("skipped") is True:
                self._found.tally.add("annotations were skipped by who made them and are left out", where)
                continue
            person = _person(one)
            if person in found:
                self._found.tally.add("annotations are left out, since the same person made a later one", where)
                if str(one.get("updated_at") or "~") < str(found[person].get("updated_at") or ""):
                    continue
            found[person] = one
        return list(found.values())

    def _said(
        self, said: Entry, picture: Picture, name: str, where: str, state: State | None
    ) -> Iterator[Imported | Problem]:
        results = _results(said)
        size = said_size(results)
        if not picture.agrees(size, self._found.tally):
            return
        classify = self._context.task.type == "classify"
        if results and not (any(map(is_choice, results)) if classify else self._asks):
            kind = "choices" if classify else "regions"
            self._found.tally.add(f"annotations are of another kind than {kind} and are left out", where)
            return
        self._found.open(f"{where} ({name})")
        self._regions.take(results, size or picture.size)
        taken = yield from self._found.done()
        if taken is not None:
            answers = fitting.declared(self._context.task, self._regions.answers(results))
            person = None if state == "predicted" else _person(said)
            yield self._imported(picture, name, taken, state=state, reviewer=person, attributes=answers)

    def _imported(self, picture: Picture, name: str, annotations: Sequence[Any], **about: Any) -> Imported:
        size = {"width": picture.size[1], "height": picture.size[0]} if picture.size else {}
        return Imported(name=name, annotations=annotations, path=picture.path, meta=size | self._place, **about)


def _person(said: Entry) -> str | None:
    """Who made an annotation: the address or the number of a user."""
    by = said.get("completed_by")
    if isinstance(by, Mapping):
        by = by.get("email") or by.get("username") or by.get("id")
    if isinstance(by, int):
        return f"user-{by}"
    return by if isinstance(by, str) and by else None
