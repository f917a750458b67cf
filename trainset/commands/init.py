"""`trainset init`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from trainset.commands.common import plural, say, show, workspace
from trainset.commands.labels import Entry, entries
from trainset.core import config, history, layout
from trainset.core.files import visible
from trainset.errors import TrainsetError, UsageError
from trainset.plugins.specs import ModalitySpec
from trainset.workspace import Workspace


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--modality", metavar="M", help="What the items are: vision, nlp, medical or another plugin's.")
@click.option(
    "--task", "tasks", multiple=True, metavar="NAME:TYPE[:LABEL,…]", help="A question to ask of items; may be repeated."
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True),
    help="Labels from a text file, a data.yaml or a COCO JSON.",
)
@click.option("--name", help="The dataset's name; else the folder's.")
def init(folder: Path, modality: str | None, tasks: tuple[str, ...], labels: Path | None, name: str | None) -> None:
    """Make a dataset in DIR: a Git repository, trainset.toml and folders.

    In a repository that exists, and in a dataset, it adds only what is missing.
    """
    plugins = workspace()
    root = folder.resolve()
    present = config.load(root) if (root / config.FILE).exists() else None
    if present is not None and modality not in (None, present.dataset.modality):
        raise UsageError(
            f"{root} is a dataset of modality {present.dataset.modality!r}", hint="make another for other media"
        )
    modality = present.dataset.modality if present else _modality(plugins, modality)
    planned = _plan(plugins, modality, tasks, labels)
    root.mkdir(parents=True, exist_ok=True)
    history.init(root)
    history.Repository(root)
    if present is None:
        layout.write_settings(root, name or visible(root.name) or "dataset", modality)
    added = layout.write_layout(root)
    for task, kind, found in planned:
        if present and task in present.tasks:
            say(f"task {task} exists already")
            continue
        layout.add_task(root, task, kind, found)
        show(f"task {task}: {kind}, {plural(len(found), 'label')}")
    show(f"{'completed' if present else 'made'} dataset {config.load(root).dataset.name} ({modality}) in {root}")
    if added:
        say(f"added {', '.join(added)}")
    say("media/ is ignored by Git: `git clean -x` would remove it")
    say("next: trainset add FOLDER, then trainset model add MODEL.onnx or trainset import FORMAT SRC")


def _plan(
    plugins: Workspace, modality: str, tasks: Sequence[str], labels: Path | None
) -> list[tuple[str, str, list[Entry]]]:
    """Name, type and labels of every task that is asked for: checked before anything is written."""
    wanted = [layout.parse_task(task) for task in tasks]
    if labels is not None and (not wanted or wanted[-1][2]):
        raise UsageError("--labels needs a --task without labels of its own", hint="--task NAME:TYPE --labels FILE")
    double = [name for name, n in Counter(name for name, _, _ in wanted).items() if n > 1]
    if double:
        raise UsageError(f"--task names {double[0]!r} twice", hint="every task has a name of its own")
    for _, kind, _ in wanted:
        plugins.registry.annotation_for(kind, modality)
    return [(name, kind, entries(plugins, modality, given, labels)) for name, kind, given in wanted]


def _modality(plugins: Workspace, wanted: str | None) -> str:
    names = [s.name for s in plugins.registry.all(ModalitySpec)]
    if wanted is None and len(names) == 1:
        return names[0]
    if not names:
        raise TrainsetError("no modality is installed", hint="pip install 'trainset[vision]' (or [nlp], [medical])")
    if wanted is None:
        raise UsageError("what are the items?", hint=f"--modality {'|'.join(names)}")
    if wanted not in names:
        raise UsageError(f"no installed plugin knows the modality {wanted!r}",
                         hint=f"installed: {', '.join(names)}; pip install 'trainset[{wanted}]' may bring it")  # fmt: skip
    return wanted
