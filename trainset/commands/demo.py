"""`trainset demo`: the whole loop on a data set of known truth, and what it saved, against two plainer ways."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import tomlkit

from trainset.commands.common import plural, say, show, table, workspace
from trainset.commands.model import add_model
from trainset.commands.prelabel import make_job, run
from trainset.core import history, layout
from trainset.core.committing import commit
from trainset.core.config import editing
from trainset.core.config import table as toml_table
from trainset.core.dataset import WAITING, Dataset
from trainset.core.deciding import Recorder
from trainset.core.engine import Engine
from trainset.core.exporting import export
from trainset.core.matching import match, tag_of
from trainset.core.model import Annotation, Item, Task
from trainset.core.protocols import Demo
from trainset.core.registering import add
from trainset.core.routing import Router
from trainset.errors import UsageError
from trainset.plugins.registry import load
from trainset.plugins.specs import DemoSpec, FormatSpec
from trainset.workspace import Workspace

SEEDS = 5
REVIEWER = "simulated"


@dataclass(frozen=True)
class Outcome:
    """What one seed's loop came to. Errors are objects missed, wrong or too many, against the truth."""

    items: int
    proposed: int
    accepted: int
    decided: int
    errors: int
    errors_accepting: int
    errors_at_random: float


@click.command()
@click.argument("folder", metavar="[DIR]", default="trainset-demo", type=click.Path(path_type=Path, file_okay=False))
@click.option("--modality", metavar="M", help="Which demo, where several are installed.")
@click.option(
    "--review", "open_review", is_flag=True, help="Review in this terminal, where a simulated reviewer would."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the drawings.")
def demo(folder: Path, modality: str | None, open_review: bool, seed: int) -> None:
    """Draw a data set of known truth in DIR, and run the whole loop on it.

    A simulated reviewer, who knows the truth, decides only what the rules send to a person.
    """
    plugins = workspace()
    spec = _choose(plugins, modality)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} exists", hint="name a new folder")
    made: Demo = load(spec.factory)()
    with _prepare(plugins, spec, made, folder, seed) as opened:
        task = opened.config.task(None)
        say(f"1/5  drew {plural(len(opened), 'item')} of {spec.summary.lower()} (seed {seed}) in {opened.root}")
        _propose(plugins, opened, task, made)
        say(f"2/5  proposed and routed: {_waiting(opened, task)} of {plural(len(opened), 'item')} wait for a person")
        if open_review:
            click.echo(f"cd {folder} && trainset review --reviewer {REVIEWER}", err=True)
            click.get_current_context().exit(_review(plugins, opened, task))
        mine = _decide(opened, task, made)
        say(f"3/5  a simulated reviewer, who knows the truth, decided {plural(mine.decided, 'item')}")
        done = commit(opened)
        say(f"4/5  committed {done.id[:10]}: {done.message.splitlines()[0]}" if done else "4/5  nothing to commit")
        where = _export(plugins, opened, task)
        say(f"5/5  exported to {where}")
    outcomes = [mine, *(_again(plugins, spec, seed + n) for n in range(1, SEEDS))]
    _report(outcomes, seed)
    program = "trainset" if shutil.which("trainset") else f"{sys.executable} -m trainset"
    show(f"\nnext:\n  cd {folder}")
    for command in ("status", "items --where 'state = auto-accepted'", "log", f"demo --review ../{folder.name}-review"):
        show(f"  {program} {command}")


def _choose(plugins: Workspace, modality: str | None) -> DemoSpec:
    specs = [s for s in plugins.registry.all(DemoSpec) if modality in (None, s.modality)]
    if not specs:
        raise UsageError(
            "no demo is installed" + (f" for {modality}" if modality else ""), hint="pip install 'trainset[vision,cpu]'"
        )
    if len(specs) > 1:
        raise UsageError("several demos are installed", hint=f"--modality {'|'.join(s.modality for s in specs)}")
    return specs[0]


def _prepare(plugins: Workspace, spec: DemoSpec, made: Demo, folder: Path, seed: int) -> Dataset:
    """A dataset in its own repository, with the demo's media, tasks, rules and model."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    history.init(root, own=True)
    layout.write_settings(root, f"{spec.name}-demo", spec.modality)
    layout.write_layout(root)
    made.make(root, seed)
    for text in made.tasks:
        name, kind, labels = layout.parse_task(text)
        layout.add_task(root, name, kind, [(None, label) for label in labels])
    settings = made.configure()
    with editing(root) as document:
        task = toml_table(document, "tasks", layout.parse_task(made.tasks[0])[0])
        if "rules" in settings:
            task["rules"] = _inline(settings["rules"])
        toml_table(document, "reviewers", REVIEWER)["name"] = "Simulated reviewer"
    opened = Dataset(root, plugins.kit(spec.modality))
    opened.machine.set("reviewer", "handle", REVIEWER)
    for _ in add(opened, [root / "media"]):
        pass
    if "model" in settings:
        model: Mapping[str, Any] = settings["model"]
        question = opened.config.task(layout.parse_task(made.tasks[0])[0])
        add_model(plugins.registry, opened, question, Path(model["path"]), model.get("name"), score=model.get("score"))
        opened.reload()
    return opened


def _inline(rules: Mapping[str, Mapping[str, Any]]) -> Any:
    found = tomlkit.table()
    for name, settings in rules.items():
        line = tomlkit.inline_table()
        line.update(settings)
        found[name] = line
    return found


def _propose(plugins: Workspace, opened: Dataset, task: Task, made: Demo) -> None:
    name = made.configure().get("prelabeler")
    run(Engine(opened, make_job(plugins.registry, opened, task, name)))
    router = Router(opened, task)
    router.plan()
    router.apply()


def _waiting(opened: Dataset, task: Task) -> int:
    counts = opened.counts(task)
    return sum(counts.get(state, 0) for state in WAITING)  # type: ignore[call-overload]


def _review(plugins: Workspace, opened: Dataset, task: Task) -> int:
    from trainset.commands.review import open_screen

    return open_screen(plugins.registry, opened, task, REVIEWER)


def _decide(opened: Dataset, task: Task, made: Demo) -> Outcome:
    """Let the one who knows the truth decide what waits; count errors that are left, and those of the plainer ways."""
    waiting = list(opened.rows(task, f"state = {', '.join(WAITING)}"))
    every = list(opened.rows(task))
    proposals = {row.item.key: opened.proposal(task, row) or () for row in every}
    wrong = {row.item.key: errors(opened, proposals[row.item.key], made.truth(row.item.key), row.item) for row in every}
    recorder = Recorder.person(opened, task, REVIEWER)
    bodies = [
        recorder.compose(
            row,
            "corrected" if wrong[row.item.key] else "accepted",
            made.truth(row.item.key) if wrong[row.item.key] else None,
        )
        for row in waiting
    ]
    decided = recorder.record_all(bodies)
    opened.index.refresh()
    left = sum(
        errors(opened, opened.answer(task, row), made.truth(row.item.key), row.item) for row in opened.rows(task)
    )
    draws = [random.Random(n).sample(sorted(wrong), len(wrong) - decided) for n in range(200)]
    return Outcome(
        items=len(every),
        proposed=sum(map(len, proposals.values())),
        accepted=opened.counts(task).get("auto-accepted", 0),
        decided=decided,
        errors=left,
        errors_accepting=sum(wrong.values()),
        errors_at_random=sum(sum(wrong[k] for k in kept) for kept in draws) / len(draws),
    )


def errors(opened: Dataset, said: Sequence[Annotation], truth: Sequence[Annotation], item: Item) -> int:
    """Objects of the truth that are missing, wrongly labelled or doubled, and those that are not in it (IoU 0.5)."""
    matched = 0
    for kind in {(tag_of(a), a.label) for a in truth}:
        ours = [a for a in said if (tag_of(a), a.label) == kind]
        theirs = [a for a in truth if (tag_of(a), a.label) == kind]
        matched += len(match(ours, theirs, item, opened.kit.ops, 0.5))
    return max(len(said), len(truth)) - matched


def _export(plugins: Workspace, opened: Dataset, task: Task) -> Path:
    tag = opened.kit.tag(task)
    able = [
        s
        for s in plugins.registry.all(FormatSpec, opened.config.dataset.modality)
        if s.exporter and (not s.carries or tag in s.carries)
    ]
    chosen = next((s for s in able if s.modality is not None), able[0])
    dest = opened.root / "export" / (chosen.name if chosen.modality else f"labels.{chosen.name}")
    export(opened, task, load(str(chosen.exporter))(), dest)
    return dest


def _again(plugins: Workspace, spec: DemoSpec, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="trainset-demo-") as folder:
        made: Demo = load(spec.factory)()
        with _prepare(plugins, spec, made, Path(folder), seed) as opened:
            task = opened.config.task(None)
            _propose(plugins, opened, task, made)
            return _decide(opened, task, made)


def _report(outcomes: Sequence[Outcome], seed: int) -> None:
    first = outcomes[0]
    show(f"\nseed {seed}: {plural(first.items, 'item')}, {first.proposed:,} objects proposed, {first.accepted:,} items auto-accepted, "
         f"{first.decided:,} decided by the simulated reviewer, {plural(first.errors, 'error')} left")  # fmt: skip
    n = len(outcomes)

    def row(name: str, decided: Sequence[float], left: Sequence[float]) -> tuple[str, ...]:
        return name, f"{sum(decided) / n:.0f}", f"{sum(left) / n:.1f}", f"{min(left):.0f} to {max(left):.0f}"

    rows = [
        ("", "items decided by a person", "errors left", f"over {n} seeds"),
        row("trainset", [o.decided for o in outcomes], [o.errors for o in outcomes]),
        row("as many items, drawn at random", [o.decided for o in outcomes], [o.errors_at_random for o in outcomes]),
        row("accept everything", [0] * n, [o.errors_accepting for o in outcomes]),
    ]
    show(
        f"\nof {first.items:,} items, mean of {n} seeds; an error is an object missed, wrong or too many against the truth:"
    )
    for line in table(rows, "  "):
        show(line)
