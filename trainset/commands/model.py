"""`trainset model`: recognise a model file and write what was recognised to `trainset.toml`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from trainset.commands.common import dataset, plural, say, show, table, task_of, task_option, workspace
from trainset.commands.embedders import add_embedder, embeds, recognised
from trainset.commands.given import check_answered, merged
from trainset.commands.trying import try_
from trainset.core.config import editing
from trainset.core.config import table as toml_table
from trainset.core.dataset import Dataset
from trainset.core.files import short, visible
from trainset.core.model import Task
from trainset.core.names import check_name
from trainset.core.protocols import Recognition
from trainset.errors import ModelError, UsageError
from trainset.plugins.registry import Registry, convert, load
from trainset.plugins.specs import PrelabelerSpec


@click.group()
def model() -> None:
    """Models of the dataset."""


model.add_command(try_)


@model.command("add")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@task_option
@click.option("--name", metavar="N", help="What to call it; else the file's name.")
@click.option("--prelabeler", metavar="P", help="The adapter; else the one that recognises the file.")
@click.option("--embedder", metavar="E", help="Take it for an embedder, by this adapter: it belongs to no task.")
@click.option("--prompts", metavar="P", help="The task, model or run that shows a promptable model where objects are.")
@click.option("--score", type=click.FloatRange(0, 1), metavar="S", help="The lowest score to propose.")
@click.option(
    "--classes", "classes_by", type=click.Choice(["by-name", "by-index"]), help="How its classes become labels."
)
@click.option("--map", "mapped", multiple=True, metavar="CLASS=LABEL", help="One class's label; may be repeated.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any setting of the adapter, such as preprocess.fit=stretch.",
)
def add(path: Path, task_name: str | None, name: str | None, prelabeler: str | None, embedder: str | None,
        prompts: str | None, score: float | None, classes_by: str | None, mapped: tuple[str, ...],
        settings: tuple[str, ...]) -> None:  # fmt: skip
    """Add the ONNX model at PATH to a task, or, where it makes vectors of items, to the dataset's embedders.

    Says which layout it recognised and from what evidence, and how its classes become the task's labels.
    """
    from trainset.onnx import inspect

    registry = workspace().registry
    with dataset() as opened:
        of_a_task = prelabeler or prompts or score is not None or classes_by or mapped
        known = recognised(registry, opened, path) if embedder or not of_a_task else ()
        if embedder or embeds(registry, opened, known, path, task_name):
            add_embedder(registry, opened, known, path, name, embedder, settings)
            return
        task = task_of(opened, task_name)
        info = inspect(path)
        label, spec, found, classes = add_model(
            registry, opened, task, path, name, prelabeler, score, classes_by, mapped, settings, prompts
        )
        show(f"model {label} for task {task.name}: {spec.name} ({spec.summary})")
        for sentence in found.evidence:
            show(f"  {sentence}")
        for line in table(
            [("input", *_tensor(t)) for t in info.inputs] + [("output", *_tensor(t)) for t in info.outputs], "  "
        ):
            show(line)
        show(f"  {_said(task, found, classes)}")
        say("what it will do stands in trainset.toml under [models], and can be changed there")
        say(f"next: trainset prelabel --task {task.name}")


def add_model(
    registry: Registry,
    opened: Dataset,
    task: Task,
    path: Path,
    name: str | None = None,
    prelabeler: str | None = None,
    score: float | None = None,
    classes_by: str | None = None,
    mapped: Sequence[str] = (),
    settings: Sequence[str] = (),
    prompts: str | None = None,
) -> tuple[str, PrelabelerSpec, Recognition, str | dict[str, str]]:
    """Recognise a model and write it to `trainset.toml`: its name there, adapter, evidence, and how classes map."""
    from trainset.onnx import model_digest

    spec, found = _recognise(registry, opened, path, task, prelabeler)
    if found.classes is None:
        found = replace(found, evidence=[*found.evidence, *_unread(path)])
    chosen = merged(found.settings, settings) | ({} if score is None else {"score": score})
    check_answered(path, found, chosen)
    classes = _classes(task, found, classes_by, mapped)
    label = name or path.stem
    check_name(label, "model (--name N)")
    resolved = path.resolve()
    convert(spec.settings, {"path": str(resolved), **chosen} if spec.recognise else chosen, f"model {label!r}")
    inside = resolved.is_relative_to(opened.root)
    with editing(opened.root) as document:
        entry: dict[str, Any] = {"task": task.name, "prelabeler": spec.name}
        if inside:
            entry["path"] = resolved.relative_to(opened.root).as_posix()
        entry |= {"digest": model_digest(path), "classes": classes}
        entry |= {"prompts": prompts} if prompts else {}
        entry["settings"] = chosen
        toml_table(document, "models")[label] = entry
    if not inside:
        opened.machine.set("models", label, str(resolved))
    return label, spec, found, classes


def _tensor(tensor: Any) -> tuple[str, str]:
    return tensor.name, f"{tensor.dtype} {'×'.join(map(str, tensor.shape))}"


def _recognise(
    registry: Registry, opened: Dataset, path: Path, task: Task, wanted: str | None
) -> tuple[PrelabelerSpec, Recognition]:
    """The adapter that knows the file best; ModelError lists the file's outputs and the choices where none does."""
    modality = opened.config.dataset.modality
    tags = set(opened.kit.tags(task))
    specs = [s for s in registry.all(PrelabelerSpec, modality) if s.recognise and tags & set(s.produces)]
    if wanted is not None:
        spec = registry.get(PrelabelerSpec, wanted, modality)
        found = load(spec.recognise)(path, task) if spec.recognise else None
        return spec, found or Recognition(evidence=[f"taken for {spec.name}, as asked; nothing in the file says so"])
    known = [(r, s) for s in specs if s.recognise and (r := load(s.recognise)(path, task)) is not None]
    if known:
        found, spec = max(known, key=lambda pair: pair[0].confidence)
        return spec, found
    from trainset.onnx import inspect

    info = inspect(path)
    outputs = "; ".join(" ".join(_tensor(t)) for t in info.outputs)
    choices = ", ".join(s.name for s in specs) or "none for this type of task"
    raise ModelError(
        f"{path} is in no layout that is known for {task.type} tasks: its outputs are {outputs}",
        hint=f"--prelabeler takes it for one of: {choices}",
    )


def _unread(path: Path) -> Iterator[str]:
    """What the metadata says of classes that the adapter did not take for names."""
    from trainset.onnx import inspect

    for key, text in inspect(path).metadata.items():
        if key in ("names", "labels", "classes"):
            yield f"its metadata has {key}, which cannot be read as class names: {short(visible(text), 60)!r}"


def _classes(task: Task, found: Recognition, by: str | None, mapped: Sequence[str]) -> str | dict[str, str]:
    """How classes become labels: as asked, by name where there are names, by index where the counts are the same."""
    if mapped:
        pairs = [m.partition("=") for m in mapped]
        for cls, mark, label in pairs:
            if not mark or task.label(label) is None:
                raise UsageError(f"--map {cls}{mark}{label}: {label or cls!r} is not a label of task {task.name!r}")
        return {cls: str(task.label(label).id) for cls, _, label in pairs}  # type: ignore[union-attr]
    if by == "by-index" and found.classes is not None:  # what such a model says are names: its numbers are told here
        return {found.classes[x.index]: x.id for x in task.active if x.index < len(found.classes)}
    if by is not None:
        return by
    names = {n.casefold() for label in task.active for n in (label.id, label.title)}
    if found.classes is not None:
        if not any(c.casefold() in names for c in found.classes):
            raise ModelError(
                f"none of the model's classes ({', '.join(short(c, 40) for c in found.classes[:6])}…) is a label of task {task.name!r}",
                hint="--map CLASS=LABEL, or --classes by-index",
            )
        return "by-name"
    if found.class_count == len(task.active):
        return "by-index"
    if found.class_count is None:
        raise ModelError(
            "; ".join(("the file does not tell how many classes the model has", *found.evidence)),
            hint="--classes by-index, or --map INDEX=LABEL for each class that you want",
        )
    raise ModelError(
        f"the model has {plural(found.class_count, 'class')} without names, and task {task.name!r} has {plural(len(task.active), 'label')}",
        hint="--map INDEX=LABEL for each class that you want, such as --map 0="
        + (task.active[0].id if task.active else "LABEL"),
    )


def _said(task: Task, found: Recognition, classes: str | dict[str, str]) -> str:
    if isinstance(classes, dict):
        return f"{plural(len(classes), 'class')} mapped by the table, the others are dropped and counted"
    if classes == "by-index" and found.class_count is None:
        return "class i is the label of index i; how many classes it has shows when it runs"
    if classes == "by-index":
        matched = sum(0 <= label.index < (found.class_count or 0) for label in task.active)
        return f"class i is the label of index i: {matched} of its {found.class_count} classes have a label"
    names = {n.casefold() for label in task.active for n in (label.id, label.title)}
    known = [c for c in found.classes or () if c.casefold() in names]
    rest = len(found.classes or ()) - len(known)
    return f"{len(known)} of its {len(found.classes or ())} classes are labels by name" + (
        f"; the other {rest} are dropped and counted" if rest else ""
    )
