"""`trainset sync`."""

from __future__ import annotations

import click

from trainset.commands.common import dataset, say, show
from trainset.core.committing import commit
from trainset.core.dataset import Dataset
from trainset.core.parting import Parting
from trainset.core.sitting import in_words
from trainset.core.syncing import sync as exchange
from trainset.errors import TrainsetError


@click.command()
def sync() -> None:
    """Commit, take in what others pushed, and push; whatever stops it leaves nothing half done.

    Label files of two clones always merge. Where trainset.toml or guidelines were changed in the same lines, the merge is
    taken back, and what to do is said.
    """
    with dataset() as opened:
        run(opened)


def run(opened: Dataset) -> None:
    """Sync, and say what was done; then raise what stopped it, if anything did."""
    done = exchange(opened, say)
    for line in done.summary:
        show(line)
    if done.stopped is not None:
        raise done.stopped
    if done.pushed is None:
        say("there is no remote to share with: `git remote add origin URL` names one")


def part(opened: Dataset, parting: Parting, code: int) -> None:
    """After a review that ended with this code: do what the reviewer wanted with what is loose, or say what that is."""
    loose = parting.loose()
    if not loose.words:
        say("everything is committed" + (" and pushed" if loose.remote else ""))
    elif code or not parting.wanted:
        say(f"{loose.words}: `trainset {loose.way}`")
    elif loose.remote:
        try:
            run(opened)
        except TrainsetError as error:
            say(f"stopped: {in_words(error)}")
    elif (done := commit(opened)) is not None:
        show(f"committed {done.id[:10]} {done.message.splitlines()[0]}")
