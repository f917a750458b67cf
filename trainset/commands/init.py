"""`trainset init`."""

from __future__ import annotations

from pathlib import Path

import click

from trainset.commands.common import plural, say, show, workspace
from trainset.commands.labels import read_labels
from trainset.core import config, history, layout
from trainset.errors import TrainsetError, UsageError
from trainset.plugins.specs import ModalitySpec
from trainset.workspace import Workspace


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
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
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    wanted = [layout.parse_task(task) for task in tasks]
    if labels is not None and (not wanted or wanted[-1][2]):
        raise UsageError("--labels needs a --task without labels of its own", hint="--task NAME:TYPE --labels FILE")
    fresh = not (root / config.FILE).exists()
    if fresh:
        modality = _modality(plugins, modality)
        for _, kind, _ in wanted:
            plugins.registry.annotation_for(kind, modality)
        history.init(root)
        layout.write_settings(root, name or root.name, modality)
    else:
        known = config.load(root).dataset.modality
        if modality not in (None, known):
            raise UsageError(f"{root} is a dataset of modality {known!r}", hint="make another for other media")
        history.init(root)
        modality = known
    history.Repository(root)
    added = layout.write_layout(root)
    existing = config.load(root).tasks
    for task, kind, given in wanted:
        if task in existing:
            say(f"task {task} exists already")
            continue
        plugins.registry.annotation_for(kind, modality)
        entries = [(None, x) for x in given] or (read_labels(plugins, modality, labels) if labels and not given else [])
        layout.add_task(root, task, kind, entries)
        show(f"task {task}: {kind}, {plural(len(entries), 'label')}")
    show(f"{'made' if fresh else 'completed'} dataset {config.load(root).dataset.name} ({modality}) in {root}")
    if added:
        say(f"added {', '.join(added)}")
    say("media/ is ignored by Git: `git clean -x` would remove it")
    say("next: trainset add FOLDER, then trainset model add MODEL.onnx or trainset import FORMAT SRC")


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
