"""`trainset forget`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from trainset.commands.common import (
    confirm,
    dataset,
    plural,
    say,
    show,
    task_of,
    task_option,
    where_option,
    yes_option,
)
from trainset.core.dataset import Dataset
from trainset.core.forgetting import Cleared, media_of, tidy
from trainset.core.forgetting import forget as erase
from trainset.core.purging import purge
from trainset.errors import TrainsetError

_SHOWN = 20


@click.command()
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@task_option
@where_option
@yes_option
def forget(items: tuple[str, ...], task_name: str | None, where: str, yes: bool) -> None:
    """Remove ITEMs and all their records for good, and say what Git's history still holds of them.

    Without an item: clear what is left of items that were forgotten elsewhere, or where it was interrupted.
    """
    with dataset() as opened:
        keys = [key for key in items if not opened.forgotten.holds(key)]
        for key in keys:
            opened.item(key)
        if where:
            keys += [row.item.key for row in opened.rows(task_of(opened, task_name), where)]
            if not keys:
                raise TrainsetError(
                    "no item is selected", hint="`trainset items --where …` lists what a filter selects"
                )
        keys = list(dict.fromkeys(keys))
        media = [path for key in keys for path in media_of(opened, key)]
        if keys:
            what = keys[0] if len(keys) == 1 else plural(len(keys), "item")
            confirm(f"Forget {what}, with everything that was said of it? This cannot be taken back.", yes)
            done = erase(opened, keys)
            show(f"{plural(len(keys), 'item')} forgotten")
        else:
            done = tidy(opened, items)
        _tell(done)
        if items or where:
            _tell_media(media)
            _tell_mentions(opened, [*items, *keys])
        _tell_history(opened)


def _tell(done: Cleared) -> None:
    counts = (
        f"{plural(done.records, 'record')} in {plural(len(done.files), 'label file')} became tombstones" if done.records else "",
        f"{plural(done.predictions, 'prediction')} taken out of {plural(len(done.predicted), 'file')}" if done.predictions else "",
        f"{plural(len(done.blobs), 'blob')} removed" if done.blobs else "",
        f"{plural(done.drafts, 'edit')} that nobody decided removed" if done.drafts else "",
        f"{plural(done.vectors, 'vector')} removed" if done.vectors else "",
    )  # fmt: skip
    told = "; ".join(filter(None, counts))
    show(told or "nothing is left of forgotten items")
    if told:
        show("`trainset commit` puts this into Git")
    if not done.scrubbed:
        say("another process is reading the index: close it, and remove .trainset, which is a cache")


def _tell_media(media: Sequence[Path]) -> None:
    for path in media[:_SHOWN]:
        show(f"its media are left where they lie: {path}")
    if len(media) > _SHOWN:
        show(f"and those of {len(media) - _SHOWN:,} more")


def _tell_mentions(opened: Dataset, keys: Sequence[str]) -> None:
    """Files of the dataset that people wrote, or that say what was released, and that name the items."""
    root = opened.root
    places = [root / "trainset.toml", *sorted((root / "guidelines").glob("*")), *sorted((root / "releases").glob("*"))]
    for path in (place for place in places if place.is_file()):
        text = path.read_text(encoding="utf-8", errors="replace")
        if any(key in text for key in keys):
            show(f"{path.relative_to(root).as_posix()} names it: that is left to you")


def _tell_history(opened: Dataset) -> None:
    """How Git's history loses it: said, and never done."""
    found = purge(opened)
    if found is None:
        return
    say("")
    say("Earlier commits still hold it, here, in every clone and on every remote. To take it out of them too,")
    say("in a fresh clone, once this is committed and pushed, and everybody has pushed what they have:")
    say("")
    say(f"  {found.command}")
    say("  git push --force --all && git push --force --tags")
    say("")
    say("Every commit gets another id. Each other clone is to be thrown away and cloned anew: one that pushes later")
    say("brings everything back. Forks, caches of the host, and copies of releases are beyond Git: docs/forgetting.md")
