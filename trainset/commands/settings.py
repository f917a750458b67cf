"""`trainset reviewer`: edits `trainset.toml`, comments kept."""

from __future__ import annotations

import click

from trainset.commands.common import dataset, say, show
from trainset.core.config import editing, table
from trainset.core.dataset import Dataset
from trainset.core.names import check_handle


@click.group()
def reviewer() -> None:
    """Reviewers in trainset.toml."""


@reviewer.command("add")
@click.argument("handle")
@click.option("--name", help="The name that others see; else Git's user.name.")
@click.option("--email", help="The address by which Git knows them; else Git's user.email.")
def add_reviewer(handle: str, name: str | None, email: str | None) -> None:
    """Declare HANDLE as a reviewer; the first that is declared at a machine is who reviews there."""
    with dataset() as opened:
        declare(opened, handle, name, email)


def declare(opened: Dataset, handle: str, name: str | None = None, email: str | None = None) -> None:
    """Add a reviewer to `trainset.toml`, and make them this machine's where it has none."""
    check_handle(handle)
    first = opened.machine.reviewer is None
    if handle in opened.config.reviewers:
        show(f"{handle} is a reviewer already")
    else:
        own = opened.repository.identity() if first else ("", "")
        with editing(opened.root) as document:
            entry = table(document, "reviewers", handle)
            if called := own[0] if name is None else name:
                entry["name"] = called
            if address := own[1] if email is None else email:
                entry["emails"] = [address]
        show(f"{handle} may review")
    if first:
        opened.machine.set("reviewer", "handle", handle)
        say(f"{handle} reviews at this machine; --reviewer or TRAINSET_REVIEWER names somebody else")
