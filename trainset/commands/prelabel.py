"""`trainset prelabel`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from trainset.commands.common import dataset, plural, progress, say, show, task_of, task_option, workspace, yes_option
from trainset.commands.given import merged
from trainset.commands.route import route_and_report
from trainset.core.allocator import keep_freed_memory
from trainset.core.config import ModelConfig
from trainset.core.dataset import Dataset
from trainset.core.engine import Engine, Job, Progress
from trainset.core.files import digest, digest_file, visible
from trainset.core.model import Task
from trainset.core.routing import Router
from trainset.core.settings import within
from trainset.errors import ConfigError, ModelError, UsageError
from trainset.plugins.registry import Registry, convert, load
from trainset.plugins.specs import PrelabelerSpec


@click.command()
@task_option
@click.option("--model", "model_name", metavar="N", help="The model; may be left out where the task has one.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Run on so many items at most.")
@click.option("--dry-run", is_flag=True, help="Try a few items, and say what the rest would take.")
@yes_option
def prelabel(task_name: str | None, model_name: str | None, limit: int | None, dry_run: bool, yes: bool) -> None:
    """Run a model over the items that it has not seen, then route what it proposes.

    An interrupted run goes on where it stopped. Without a model, an algorithm that needs none makes proposals.
    """
    plugins = workspace()
    with dataset(plugins=plugins) as opened:
        task = task_of(opened, task_name)
        Router(opened, task).check()  # before the model runs for hours, not after
        job = make_job(plugins.registry, opened, task, model_name)
        engine = Engine(opened, job, opened.config.engine.workers)
        providers = ", ".join(job.labeller.providers())
        say(f"model {job.model} ({job.prelabeler}){f' on {providers}' if providers else ''}")
        if dry_run:
            _foresee(engine.sample(), limit)
            return
        done = run(engine, limit)
        _report(done)
        if done.done:
            route_and_report(opened, task, yes)


def run(engine: Engine, limit: int | None = None) -> Progress:
    """Run with a bar; what was done so far is on disk also when it is interrupted."""
    keep_freed_memory()
    total = engine.count(engine.resumable(), limit)
    with progress("pre-labelling", total) as bar:
        seen = 0

        def tick(p: Progress) -> None:
            nonlocal seen
            bar.update(p.done - seen, p.done / p.seconds if p.seconds else None)
            seen = p.done

        try:
            return engine.run(limit, tick)
        except KeyboardInterrupt:
            say(f"\ninterrupted after {plural(engine.progress.done, 'item')}; the same command goes on from there")
            raise


def make_job(registry: Registry, opened: Dataset, task: Task, name: str | None, given: Sequence[str] = ()) -> Job:
    """The job of a configured model, or of an algorithm that needs no model file; `given` settings overrule its own."""
    models = opened.config.models_of(task.name)
    modality, tags = opened.config.dataset.modality, set(opened.kit.tags(task))
    free = [s for s in registry.all(PrelabelerSpec, modality) if s.recognise is None and tags & set(s.produces)]
    if name is None:
        if len(models) > 1:
            raise ConfigError(f"task {task.name!r} has several models", hint=f"--model {'|'.join(models)}", exit_code=2)
        if not models and not free:
            raise ConfigError(
                f"task {task.name!r} has no model", hint=f"trainset model add MODEL.onnx --task {task.name}"
            )
        name = next(iter(models), None) or free[0].name
    if name in models:
        config = models[name]
    elif any(s.name == name for s in free):
        config = ModelConfig(task=task.name, prelabeler=name)
    else:
        known = ", ".join([*models, *(s.name for s in free)]) or "none"
        raise ConfigError(f"task {task.name!r} has no model {name!r}", hint=f"there are: {known}", exit_code=2)
    where = opened.config.place("models", name)
    spec = registry.get(PrelabelerSpec, config.prelabeler, modality, where)
    place, identity = _file(opened, name, config, spec, registry)
    extra: Mapping[str, Any] = {"path": str(place), "providers": list(opened.config.engine.providers)} if place else {}
    chosen = merged(config.settings, given)
    files = {key: str(chosen[key]) for key in spec.files if chosen.get(key) is not None}
    places = {key: _named(opened, key, file) for key, file in files.items()}
    if places:
        identity = digest("\n".join([identity, *(f"{key} {said}" for key, (_, said) in places.items())]).encode())
    chosen |= {key: str(place) for key, (place, _) in places.items()}
    settings = convert(spec.settings, {**extra, **chosen}, within(where, "settings"))
    return Job(
        task=task,
        model=name,
        prelabeler=spec.name,
        labeller=load(spec.factory)(settings, task),
        settings=settings,
        digest=identity,
        classes=config.classes,
        prompts=config.prompts,
        files=files,
    )


def _named(opened: Dataset, key: str, name: str) -> tuple[Path, str]:
    """The file that a setting names, an item's or one in the dataset by its path, and its digest."""
    try:
        item = opened.item(name)
    except UsageError:
        with suppress(OSError, ValueError):
            place = (opened.root / name).resolve()
            if place.is_relative_to(opened.root.resolve()) and place.is_file():
                return place, digest_file(place)
        raise ConfigError(
            f"{key} = {name!r} is neither an item nor a file in the dataset that can be read",
            hint="it is an item's key, or a path from the dataset's folder on",
        ) from None
    if item.row is not None or len(item.parts) > 1:
        raise ConfigError(f"{key} = {name!r} is no file of its own", hint="it has to be an item of one file")
    return opened.media.path(item), opened.media.digest(item)


def _file(
    opened: Dataset, name: str, config: ModelConfig, spec: PrelabelerSpec, registry: Registry
) -> tuple[Path | None, str]:
    """The model's file and its digest; for an algorithm, what its distribution's version digests to."""
    if spec.recognise is None:
        owner = registry.owner(spec)
        return None, digest(f"{owner.distribution} {owner.version} {spec.name}".encode())
    from trainset.onnx import model_digest

    local = opened.machine.get("models", name)
    place = opened.root / (config.path or local or "")
    if not (config.path or local):
        raise ModelError(
            f"this machine does not know where model {name!r} lies",
            hint=f"`trainset model add FILE --name {name}` tells it",
        )
    found = model_digest(place)
    if config.digest is not None and found != config.digest:
        raise ModelError(
            f"{place} is not the file that model {name!r} was added as",
            hint=f"`trainset model add {place} --name {name}` takes the new one",
        )
    return place, found


def _report(p: Progress) -> None:
    if not p.total:
        show(
            f"nothing to do: run {p.run[-6:]} has an outcome for every item"
            if p.run
            else "nothing to do: there are no items; `trainset add FOLDER`"
        )
        return
    show(
        f"{plural(p.done, 'item')} in {p.seconds:.1f} s ({p.done / max(p.seconds, 1e-9):,.1f}/s): {plural(p.proposed, 'annotation')}, "
        f"{p.empty:,} without any, {p.failed:,} failed; run {p.run[-6:]}{' (resumed)' if p.resumed else ''}"
    )
    if p.dropped:
        names = ", ".join(f"{visible(k)} ({n:,})" for k, n in p.dropped.most_common(8))
        say(f"dropped {sum(p.dropped.values()):,} annotation(s) of classes that are no labels: {names}")
    for key, error in p.failures[:10]:
        say(f"failed {visible(key)}: {error}")
    if len(p.failures) > 10:
        for error, count in Counter(e for _, e in p.failures[10:]).most_common(3):
            say(f"failed {count:,} more: {error}")


def _foresee(p: Progress, limit: int | None) -> None:
    total = p.total if limit is None else min(limit, p.total)
    if not p.done:
        show("nothing to do: every item has an outcome")
        return
    share = total / p.done
    show(f"{plural(total, 'item')}: about {share * p.seconds:,.0f} s and {share * p.bytes / 1e6:,.1f} MB, judged by {p.done} of them "
         f"({p.proposed / p.done:.1f} annotations each, {p.failed} failed)")  # fmt: skip
