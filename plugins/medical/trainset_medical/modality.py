"""Volumes as items: NIfTI files, and which masks make sense on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from trainset.core.model import Annotation, Item
from trainset.errors import MediaError, RecordError
from trainset.plugins import ItemDraft, Problem, Rect, Skipped, walk
from trainset_medical.annotations import VolumeMask
from trainset_medical.volume import Volume, header_facts, misfit

SUFFIXES = (".nii", ".nii.gz")
LABEL_MAP = 1002
"""NIfTI's intent code of images whose values are labels."""

_DAMAGE = (ImageFileError, OSError, EOFError, ValueError, KeyError)


def is_nifti(path: Path) -> bool:
    """Whether a file's name is one of a NIfTI image."""
    return path.name.lower().endswith(SUFFIXES)


def open_nifti(path: Path) -> Any:
    """A NIfTI image, its header read and its data not; MediaError names the file."""
    try:
        return nib.load(path)
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        message = f"{path}: it is no NIfTI image, or a damaged one"
        raise MediaError(message, hint="convert it, with dcm2niix or such") from error


class Volumes:
    """NIfTI-1 and -2 files of three dimensions, plain or gzipped.

    `meta` holds `shape`, `affine` (row by row, indices to RAS+ millimetres), `orientation` codes and `zooms`.
    """

    def scan(self, path: Path, settings: Mapping[str, Any]) -> Iterator[ItemDraft | Skipped]:
        """The volumes in a file or folder, by their headers. Label maps (by their intent code) are answers, no items."""
        in_folder = path.is_dir()
        for file in walk(path):
            if is_nifti(file):
                yield _draft(file)
            elif not in_folder:
                yield Skipped(file, f"not a volume: its name ends in none of {', '.join(SUFFIXES)}")

    def load(self, parts: Mapping[str, Path], item: Item) -> Volume:
        """The volume as it is stored. MediaError where it is damaged, or its shape or affine is not the item's."""
        path = parts[""]
        image = open_nifti(path)
        if wrong := misfit(item.meta, tuple(image.shape), image.affine):
            raise MediaError(f"{path}: {wrong}", hint="`trainset add` records that it changed")
        try:
            data = np.asanyarray(image.dataobj)
        except (*_DAMAGE, MemoryError) as error:
            raise MediaError(
                f"{path}: its voxels cannot be read: {_line(error)}", hint="copy the file again"
            ) from error
        return Volume(data, np.asarray(image.affine, np.float64))

    def frame(self, item: Item) -> Rect | None:
        """The stored array seen along its last axis: 0, 0, its extent over i and over j."""
        shape = item.meta.get("shape")
        return Rect(0, 0, float(shape[0]), float(shape[1])) if shape else None

    def check(self, item: Item, annotations: Sequence[Annotation]) -> Iterator[Problem]:
        """Masks of another shape than the volume's, masks whose runs do not fill it, and masks of no voxel."""
        for annotation in annotations:
            if not isinstance(annotation, VolumeMask):
                continue
            where = annotation.id or item.key
            if wrong := misfit(item.meta, annotation.mask.size):
                yield Problem(where, f"the mask does not fit: {wrong}")
                continue
            try:
                if not annotation.voxels.any():
                    yield Problem(where, "the mask has no voxel: leave it out")
            except RecordError as error:
                yield Problem(where, error.message)


def _draft(path: Path) -> ItemDraft | Skipped:
    try:
        image = open_nifti(path)
        facts = header_facts(image)
    except (MediaError, *_DAMAGE) as error:
        text = error.message if isinstance(error, MediaError) else _line(error)
        return Skipped(path, text.removeprefix(f"{path}: "))
    shape = facts["shape"]
    if len(shape) != 3:
        what = "×".join(map(str, shape))
        return Skipped(path, f"it has {len(shape)} dimensions ({what}), and only volumes of 3 are read: split it first")
    if min(shape) < 1:
        return Skipped(path, "it has no voxels")
    if not np.isfinite(image.affine).all() or abs(np.linalg.det(image.affine)) < 1e-12:
        return Skipped(path, "its affine is degenerate: nobody knows where its voxels lie")
    if int(image.header["intent_code"]) == LABEL_MAP:
        return Skipped(path, "it is a label map: `trainset import nifti` takes it as an answer")
    return ItemDraft(parts={"": path}, meta=facts)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
