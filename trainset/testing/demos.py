"""The contract of demos: a data set of known truth, the same for a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainset.core.layout import parse_task
from trainset.core.protocols import Demo, ItemDraft, Modality
from trainset.testing.contexts import item_of
from trainset.testing.contract import named, require

_CONFIGURED = {"model", "prelabeler", "rules"}


def check_demo(make_demo: Callable[[], Demo], modality: Modality, tmp_path: Path, settings: Any = None) -> None:
    """Let a demo draw below `tmp_path`, and check what it drew; `settings` as for `Modality.scan`."""
    demo = make_demo()
    require(len(demo.tasks) > 0, f"{named(demo, 'tasks')} are none", "the first of tasks is the one that the demo runs")
    labels = {label for text in demo.tasks for label in parse_task(text)[2]}
    drawn = _drawn(demo, tmp_path / "first", 0)
    require(
        drawn == _drawn(make_demo(), tmp_path / "again", 0),
        f"{named(demo, 'make')} differs the second time",
        "one seed draws the same files",
    )
    require(
        drawn != _drawn(make_demo(), tmp_path / "other", 1),
        f"{named(demo, 'make')} draws the same for another seed",
        "another seed draws other files",
    )
    folder, found = tmp_path / "first" / "media", 0
    for draft in modality.scan(folder, {} if settings is None else settings):
        require(
            isinstance(draft, ItemDraft),
            f"{named(demo, 'make')} draws what is no item: {draft!r}",
            "make draws media that become items, all of them",
        )
        if isinstance(draft, ItemDraft):
            found += 1
            _check_truth(demo, modality, draft, folder, labels)
    require(found > 0, f"{named(demo, 'make')} draws no item", "make draws media into `dest/media`")
    settings = demo.configure()
    require(
        set(settings) <= _CONFIGURED,
        f"{named(demo, 'configure')} gives {sorted(settings)}",
        f"configure gives some of {', '.join(sorted(_CONFIGURED))}",
    )
    require(
        not {"model", "prelabeler"} <= set(settings),
        f"{named(demo, 'configure')} gives a model and a pre-labeller",
        "configure names the `prelabeler`, or the `model`",
    )
    if "model" in settings:
        require(
            Path(settings["model"]["path"]).is_file(),
            f"{named(demo, 'configure')} names the model {settings['model']['path']}",
            "make brings the model that configure names",
        )


def _drawn(demo: Demo, dest: Path, seed: int) -> Mapping[str, bytes]:
    dest.mkdir(parents=True)
    demo.make(dest, seed)
    return {path.relative_to(dest).as_posix(): path.read_bytes() for path in dest.rglob("*") if path.is_file()}


def _check_truth(demo: Demo, modality: Modality, draft: ItemDraft, folder: Path, labels: set[str]) -> None:
    item = item_of(draft, folder)
    truth = demo.truth(item.key)
    told = f"{named(demo, 'truth')} of {item.key}"
    ids = [a.id for a in truth]
    require(
        len(set(ids)) == len(ids) and "" not in ids,
        f"{told} has the ids {ids}",
        "every true annotation has an id of its own",
    )
    for annotation in truth:
        require(
            annotation.label in labels,
            f"{told} has the label {annotation.label!r}",
            "truth has the labels of the demo's tasks",
        )
        require(annotation.score is None, f"{told} has a score", "truth is not scored: it is certain")
    wrong = [problem.message for problem in modality.check(item, truth)]
    require(not wrong, f"{told} is wrong: {'; '.join(wrong)}", "truth is what the modality finds nothing wrong with")
