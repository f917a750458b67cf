"""What is well and what is not, each with its remedy; and the part of it that a dataset's folder shows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from trainset.core.committing import check_attributes
from trainset.core.dataset import Dataset
from trainset.errors import TrainsetError

State = Literal["ok", "warning", "trouble"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at: what there is to say of it, and what mends it where something is wrong."""

    area: str
    name: str
    says: str
    state: State = "ok"
    remedy: str = ""


def failed(area: str, name: str, error: TrainsetError) -> Check:
    """What an error says, as a check."""
    return Check(area, name, error.message, "trouble", error.hint or "")


def dataset(opened: Dataset) -> Iterator[Check]:
    """The state of an open dataset."""
    area = "dataset"
    yield Check(area, "root", f"{opened.root}: {len(opened):,} items")
    for recovered in opened.recovered:
        path = recovered.path.relative_to(opened.root)
        yield Check(area, "live files", f"{recovered.records} record(s) that Git had removed were brought back: {path}",
                    "warning", "`trainset commit` puts them into the history")  # fmt: skip
    if not opened.recovered:
        yield Check(area, "live files", "none has lost its place among the labels")
    yield _tried(area, "attributes", partial(check_attributes, opened), "Git keeps label files as they are")
    yield _tried(area, "commits", opened.repository.check_ready, "Git is ready for one")
    yield from _file_system(opened)


def _tried(area: str, name: str, check: Callable[[], None], well: str) -> Check:
    try:
        check()
    except TrainsetError as error:
        return failed(area, name, error)
    return Check(area, name, well)


def _file_system(opened: Dataset) -> Iterator[Check]:
    area, cache = "dataset", opened.cache()
    mode = str(opened.index.db.execute("PRAGMA journal_mode").fetchone()[0])
    here = "" if cache.parent == opened.root else f", in {cache}: the dataset lies on a network, or is read-only"
    if mode == "wal":
        yield Check(area, "index", f"SQLite writes ahead{here}")
    else:
        yield Check(area, "index", f"SQLite cannot write ahead here (journal mode {mode}){here}", "warning",
                    "reviewers of one clone will wait for each other: put the clone on a local disk")  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(dir=opened.repository.machine.parent) as folder:
            kept = Path(folder) / "kept"
            with tempfile.NamedTemporaryFile(dir=opened.root, prefix=".trainset-") as file:
                os.link(file.name, kept)
        yield Check(area, "hard links", "label files that are being written are linked below Git's folder")
    except PermissionError:
        yield Check(area, "hard links", "the dataset cannot be written to", "warning",
                    "look at its owner and permissions, unless it is only to be read")  # fmt: skip
    except OSError as error:
        yield Check(area, "hard links", f"none from here to Git's folder ({error.strerror}): label files are copied there",
                    "warning", "nothing is lost by that; a clone on one local disk is quicker")  # fmt: skip
