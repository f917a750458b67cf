"""`commit`: seal what was written, and put the dataset's own files, and nothing else, into a Git commit."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass, field
from pathlib import Path

from trainset.core.config import FILE
from trainset.core.dataset import Dataset
from trainset.core.forgetting import unused
from trainset.core.forgotten import keeps, keeps_predictions
from trainset.core.journal import forget, seal, ulid
from trainset.core.mending import mend
from trainset.core.pace import total
from trainset.core.tally import Tally
from trainset.core.tree import FOLDERS
from trainset.errors import RecordError, TrainsetError

_DATASET = (FILE, ".gitattributes", ".gitignore", "guidelines")


@dataclass
class Committed:
    """A commit: its id and message, what it holds, and files that are still being written."""

    id: str
    message: str
    files: int
    growing: list[str] = field(default_factory=list)


def commit(dataset: Dataset, message: str | None = None) -> Committed | None:
    """Seal and commit everything of the dataset that differs from HEAD; None where nothing does."""
    repository = dataset.repository
    repository.check_ready()
    check_attributes(dataset)
    folders = ["labels", *_DATASET]
    if dataset.config.git.predictions == "git":
        folders.append("predictions")
    try:
        paths, written, growing = _gather(dataset, folders)
        text = message or _message(dataset, written, paths)
    except FileNotFoundError as error:  # by Git, in another terminal
        raise TrainsetError(f"{error.filename} was taken away while it was being committed",
                            hint="nothing is lost: run `trainset commit` again") from error  # fmt: skip
    if not paths:
        return None
    identity = repository.commit(paths, text)
    forget(dataset.places, repository, written)
    dataset.blobs.recover(dataset.repository)
    dataset.index.refresh()
    return Committed(identity, text, len(paths), growing)


def _gather(dataset: Dataset, folders: list[str]) -> tuple[list[str], list[Path], list[str]]:
    """What is to be committed, with label files sealed: paths, the label files among them, and what is still growing."""
    paths, written, growing = [], [], []
    changed = dataset.repository.changed(folders)
    gone = unused(dataset, [path for code, path in changed if "D" in code])
    for code, path in changed:
        file = dataset.root / path
        if path.startswith(FOLDERS):
            if code == "AD":  # staged once, never committed, and gone
                continue
            if "D" in code and path.startswith("labels/") and path not in gone:
                raise TrainsetError(
                    f"{path} is committed, but was removed from the tree; label files are never deleted",
                    hint=f"`git checkout HEAD -- {path}` brings it back",
                )
            if path.startswith("predictions/") and _growing(file):
                growing.append(path)
                continue
            if "M" in code and code != "AM":
                if _forgets(dataset, path):
                    paths.append(path)
                    continue
                file = _continued(dataset, path)
            if path.startswith("labels/") and path.endswith(".jsonl"):
                if not _seal(dataset, file):  # nothing in it was acknowledged
                    continue
                written.append(file)
        paths.append(file.relative_to(dataset.root).as_posix())
    return paths, written, growing


def _seal(dataset: Dataset, file: Path) -> bool:
    told = dataset.config.privacy.pace == "aggregate"
    try:
        return seal(file, total(dataset.paces, file) if told else None)
    except RecordError as error:
        hint = mend(dataset, file.relative_to(dataset.root).as_posix())
        raise RecordError(error.message, hint=hint or error.hint) from error


def _continued(dataset: Dataset, path: str) -> Path:
    """The file that a committed one goes on as. Its writer appended while Git took it in; under a name of its own,
    history still only adds files."""
    file, committed = dataset.root / path, dataset.repository.committed(path)
    grown = path.startswith("labels/") and path.endswith(".jsonl") and file.read_bytes().startswith(committed)
    if not grown:
        raise TrainsetError(f"{path} differs from its commit; label files and predictions are never changed",
                            hint=f"`git checkout HEAD -- {path}` brings it back")  # fmt: skip
    goes_on = file.with_name(f"{ulid()}.jsonl")
    file.rename(goes_on)
    dataset.repository.restore(path)
    return goes_on


def _forgets(dataset: Dataset, path: str) -> bool:
    """Whether a committed file differs from its commit in what was forgotten alone, or goes on from that; it is sealed."""
    file, before = dataset.root / path, dataset.repository.committed(path)
    now = file.read_bytes()
    if not dataset.forgotten or now.startswith(before):
        return False
    if path.startswith("predictions/"):
        return keeps_predictions(before, now, dataset.forgotten)
    return path.endswith(".jsonl") and keeps(before, now, dataset.forgotten) and _seal(dataset, file)


def _growing(path: Path) -> bool:
    """Whether a run is still writing to a file of predictions."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def check_attributes(dataset: Dataset) -> None:
    """TrainsetError where Git would ignore label files, or change them on their way."""
    probe = "labels/decisions/x.jsonl"
    blocked = dataset.repository.ignored([probe, "labels"])
    if blocked:
        raise TrainsetError(
            f"Git would ignore the label files: {blocked[0]}",
            hint="`trainset init` in the dataset's folder mends its .gitignore",
        )
    driver = dataset.repository.filtered(probe)
    if driver:
        raise TrainsetError(f"Git would put label files through the filter or merge driver {driver!r}",
                            hint="`trainset init` in the dataset's folder mends its .gitattributes")  # fmt: skip


def _message(dataset: Dataset, written: list[Path], paths: list[str]) -> str:
    """What was decided, by whom, in the dataset's words."""
    tally = Tally.of(path.read_bytes() for path in written)
    parts = tally.parts
    if not parts:
        parts.append(
            "settings of the dataset"
            if all(not p.startswith(("labels/", "predictions/")) for p in paths)
            else "label files"
        )
    lines_ = [f"Label {dataset.config.dataset.name}: {', '.join(parts)}"]
    if tally.decided:
        lines_ += ["", *(f"{task}: {n} by {reviewer}" for (task, reviewer), n in sorted(tally.decided.items()))]
        lines_ += [", ".join(f"{n} {verdict}" for verdict, n in tally.verdicts.most_common())]
    return "\n".join(lines_)
