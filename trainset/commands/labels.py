"""Labels out of files: a name a line, or the classes of any format that is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainset.core.names import check_label
from trainset.errors import UsageError
from trainset.plugins.registry import load
from trainset.plugins.specs import FormatSpec
from trainset.workspace import Workspace

Entry = tuple[int | None, str]
"""A label's index, None where the file or command line gives none, and its key."""


def entries(plugins: Workspace, modality: str, given: Sequence[str], path: Path | None) -> list[Entry]:
    """The labels of a new task, as given or else out of a file; UsageError for what cannot be a label."""
    found: list[Entry] = (
        [(None, name) for name in given] if given or path is None else read_labels(plugins, modality, path)
    )
    for _, name in found:
        check_label(name)
    return found


def read_labels(plugins: Workspace, modality: str, path: Path) -> list[Entry]:
    """The (index, name) of the labels that a file lists; UsageError where no reader knows it."""
    for spec in plugins.registry.all(FormatSpec, modality):
        if spec.importer is not None:
            importer = load(spec.importer)()
            if path.suffix != ".txt" and importer.sniff(path):
                return list(importer.classes(path))
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read as a list of labels: {error}", hint="a text file with a label a line"
        ) from error
    names = [line for line in lines if line and not line.startswith("#")]
    if not names or any(line.startswith(("{", "[", "<")) for line in names):
        raise UsageError(
            f"{path} is not a list of labels", hint="a text file with a label a line, a data.yaml, or a COCO JSON"
        )
    return [(None, name) for name in dict.fromkeys(names)]
