"""What mends a label file that is not what was written into it."""

from __future__ import annotations

from pathlib import Path

from trainset.core.dataset import Dataset
from trainset.core.records import check, read_header


def mend(dataset: Dataset, path: str) -> str:
    """What to do about a label file of the working tree, in words; "" where its bytes are sound, or are those of HEAD.

    A file that was replaced lives on under its second link, and opening the dataset has brought that back under a new
    name. One that was edited in place has lost what was there before: only its editor can bring it back.
    """
    file = dataset.root / path
    data = file.read_bytes()
    committed = dataset.repository.committed(path)
    if _sound(data) or data == committed:
        return ""
    if committed:
        return f"`git checkout HEAD -- {path}` brings it back"
    header = data.partition(b"\n")[0]
    if read_header(header) is None:
        return "it is no label file: move it out of labels/"
    twin = next((other for other in file.parent.glob("*.jsonl") if other != file and _is_twin(other, header)), None)
    if twin is not None:
        return f"remove it: {twin.relative_to(dataset.root).as_posix()} holds all that was recorded in it"
    return (
        f"undo the edit; or move it out of labels/, remove its second link {dataset.places.live / file.name}, "
        "and decide its items anew"
    )


def _sound(data: bytes) -> bool:
    return all(fault.note for fault in check(data)[-1])


def _is_twin(path: Path, header: bytes) -> bool:
    """Whether a file is sound and begins with this header: no two files that were written have the same."""
    data = path.read_bytes()
    return data.startswith(header + b"\n") and _sound(data)
