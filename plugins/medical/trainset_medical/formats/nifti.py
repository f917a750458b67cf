"""NIfTI label maps: an image of a volume's shape and affine whose values are labels, and a table of what they mean.

The table is `labels.tsv` with the columns `index` and `name`, as BIDS has it; 0 is the background. A label of index n is
written as n + 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from trainset.core.model import Item, Task
from trainset.errors import MediaError, TrainsetError
from trainset.plugins import ExportContext, ImportContext, Imported, Labelled, Loss, Problem, Recognition, walk
from trainset_medical.annotations import VolumeMask, volume_mask
from trainset_medical.modality import LABEL_MAP, SUFFIXES, is_nifti, open_nifti
from trainset_medical.volume import misfit

TABLE = "labels.tsv"
MARK = "_dseg"
"""What the name of a written label map ends in, before its suffix."""

_ANSWERED = ("reviewed", "auto-accepted")


class NiftiImporter:
    """Reads label maps in a folder, or one of them. Each is the answer for the volume whose name its own begins with."""

    def sniff(self, src: Path) -> Recognition | None:
        """A label map by its intent code, or a table beside images."""
        maps = list(_maps(src))
        if not maps:
            return None
        try:
            if _table(src) is not None:
                return Recognition(evidence=[f"{TABLE} names the values of {len(maps)} image(s)"], confidence=0.9)
            told = int(open_nifti(maps[0]).header["intent_code"]) == LABEL_MAP
        except (TrainsetError, OSError):
            return None
        return Recognition(evidence=[f"the header of {maps[0].name} says label map"], confidence=0.8) if told else None

    def classes(self, src: Path) -> Sequence[tuple[int | None, str]]:
        """The labels of the table; none where there is no table, and values are then the task's labels by index."""
        return [(value - 1, name) for value, name in sorted((_table(src) or {}).items())]

    def read(self, src: Path, context: ImportContext) -> Iterator[Imported | Problem]:
        """An item for each label map that fits its volume, with a mask for each value."""
        table = _table(src)
        empty = True
        for path in _maps(src):
            empty = False
            item = _find(path, src, context)
            if item is None:
                yield Problem(str(path), "no volume's name is the beginning of its name, or more than one's is")
                continue
            yield from _read(path, item, table, context.task)
        if empty:
            raise TrainsetError(f"{src}: there is no NIfTI image", hint="name a label map, or a folder of them")


def _maps(src: Path) -> Iterator[Path]:
    """The label maps at or below `src`; a volume that came along with its own, as `NiftiExporter` writes it, is none."""
    found = [path for path in walk(src) if is_nifti(path)] if src.exists() else []
    beside = {_map_of(path) for path in found} & set(found)
    return (path for path in found if _map_of(path) not in beside)


def _map_of(volume: Path) -> Path:
    """Where the label map of a volume stands."""
    return volume.with_name(f"{volume.name[: volume.name.lower().rindex('.nii')]}{MARK}.nii.gz")


def _table(src: Path) -> dict[int, str] | None:
    """Names by value, None where there is no table that can be read."""
    path = (src if src.is_dir() else src.parent) / TABLE
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return {
                int(row["index"]): row["name"] for row in csv.DictReader(stream, delimiter="\t") if int(row["index"])
            }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainsetError(
            f"{path}: it is no table of labels: {type(error).__name__}: {error}", hint="its columns are index and name"
        ) from error


def _find(path: Path, src: Path, context: ImportContext) -> Item | None:
    """The volume that a label map is about: its name cut at `_`, from the longest beginning on."""
    folder = path.parent.relative_to(src).as_posix() if src.is_dir() else "."
    stem = path.name[: path.name.index(".nii")] if ".nii" in path.name else path.stem
    while stem:
        for suffix in SUFFIXES:
            for name in (f"{folder}/{stem}{suffix}", f"{stem}{suffix}"):
                if (item := context.find(name.removeprefix("./"))) is not None:
                    return item
        stem = stem.rpartition("_")[0]
    return None


def _read(path: Path, item: Item, table: Mapping[int, str] | None, task: Task) -> Iterator[Imported | Problem]:
    try:
        image = open_nifti(path)
        if wrong := misfit(item.meta, tuple(image.shape), image.affine):
            yield Problem(str(path), f"it does not fit {item.key}: {wrong}")
            return
        data = np.asanyarray(image.dataobj)
    except (MediaError, OSError, EOFError, ValueError) as error:
        yield Problem(str(path), f"its voxels cannot be read: {error}")
        return
    values = np.unique(data)
    if not np.array_equal(values, np.round(values)):
        yield Problem(str(path), "its values are no whole numbers: it is no label map")
        return
    names = {label.index + 1: label.title for label in task.labels} if table is None else table
    masks = []
    for value in values[values != 0].astype(int).tolist():
        if value in names:
            masks.append(volume_mask(data == value, names[value], id=f"v{value}"))
        else:
            yield Problem(str(path), f"the value {value} is no label and is left out")
    yield Imported(name=item.key, annotations=masks)


class NiftiExporter:
    """Writes `<volume>_dseg.nii.gz` for each volume, and `labels.tsv`. Shape, affine and the header's codes and units of
    space are those of the volume's own file."""

    losses: Mapping[str, str] = {
        "overlap": "where objects overlap, the last one is written",
        "objects": "objects of one label are written as one",
        "types": "annotations of other types, or of no label of the task, are left out",
        "misfit": "masks of another shape than the volume are left out",
        "states": "a volume without an answer is written like one that somebody decided: only `trainset.json` tells",
        "volume": "a volume whose own file cannot be read is left out",
        "names": "a volume is left out whose label map has the name of a file that is there already",
        "rest": "scores, attributes, tracks and notes are left out",
    }

    def write(self, rows: Iterable[Labelled], dest: Path, context: ExportContext) -> Iterator[Loss]:
        """Into the folder `dest`, with the volumes beside them where media come along."""
        dest.mkdir(parents=True, exist_ok=True)
        with (dest / TABLE).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
            writer.writerow(("index", "name"))
            writer.writerows((label.index + 1, label.title) for label in context.task.labels)
        for row in rows:
            try:
                source = open_nifti(context.media.path(row.item))
            except (MediaError, OSError) as error:
                yield Loss("volume", row.item.key, str(error))
                continue
            path = _map_of(dest / row.name)
            if path.exists():
                yield Loss("names", row.item.key, path.name)
                continue
            data, lost = _painted(row, tuple(source.shape), context.task)
            yield from lost
            _save(data, source, path)
            context.place(row.item, dest / row.name)


def _painted(row: Labelled, shape: tuple[int, ...], task: Task) -> tuple[NDArray[Any], list[Loss]]:
    """The label map of an item, and what it loses."""
    highest = max((label.index + 1 for label in task.labels), default=0)
    data = np.zeros(shape, np.uint8 if highest < 256 else np.uint16)
    lost = [Loss("rest", row.item.key, "note or attributes")] if row.note or row.attributes else []
    if row.state not in _ANSWERED:
        lost.append(Loss("states", row.item.key, row.state))
    seen: set[int] = set()
    for annotation in row.annotations:
        label = task.label(annotation.label) if annotation.label else None
        if not isinstance(annotation, VolumeMask) or label is None:
            lost.append(Loss("types", row.item.key, annotation.label or annotation.id))
            continue
        if tuple(annotation.mask.size) != shape:
            lost.append(Loss("misfit", row.item.key, annotation.label or annotation.id))
            continue
        value, voxels = label.index + 1, annotation.voxels
        if (data[voxels] != 0).any():
            lost.append(Loss("overlap", row.item.key, label.title))
        if value in seen:
            lost.append(Loss("objects", row.item.key, label.title))
        if annotation.score is not None or annotation.attributes or annotation.track:
            lost.append(Loss("rest", row.item.key, label.title))
        seen.add(value)
        data[voxels] = value
    return data, lost


def _save(data: NDArray[Any], source: Any, path: Path) -> None:
    header = source.header.copy()
    header.set_data_dtype(data.dtype)
    header.set_slope_inter(1, 0)
    header.set_intent("label")
    header["cal_min"], header["cal_max"] = 0, int(data.max(initial=0))
    path.parent.mkdir(parents=True, exist_ok=True)
    image = type(source)(data, source.affine, header)
    image.set_qform(*source.get_qform(coded=True))
    image.set_sform(*source.get_sform(coded=True))
    nib.save(image, path)
