"""`trainset review --web`: one command line for each page of a browser."""

from __future__ import annotations

import sys

import click

from trainset.commands.common import say
from trainset.errors import TrainsetError, UsageError
from trainset.tui.browser.serving import serve


def serve_screen(task: str, reviewer: str, where: str, mode: str, port: int) -> None:
    """Print an address at which a browser on this machine reviews, each of its pages as a session, until Ctrl+C."""
    # -P: a folder of the data set's that is called as a module must not be run as one
    words = [sys.executable, "-P", "-m", "trainset", "review", f"--task={task}", f"--reviewer={reviewer}"]

    def tell(address: str) -> None:
        click.echo(address)
        say("a browser on this machine opens it, and only with the whole address. Ctrl+C ends it")

    try:
        serve([*words, f"--where={where}", f"--mode={mode}"], f"{task} · trainset", port, tell)
    except ModuleNotFoundError as error:
        raise UsageError(f"--web needs textual-serve ({error})", hint="pip install 'trainset[web]'") from None
    except OSError as error:
        raise TrainsetError(
            f"--port {port}: {error.strerror or error}", hint="without --port a free one is taken"
        ) from error
