"""The lazy command group, and the one place where an error becomes a line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module

import click

COMMANDS = {
    "init": ("trainset.commands.init:init", "Make a dataset, or add what is missing to one."),
    "task": ("trainset.commands.task:task", "Add tasks and labels, and change them later."),
    "reviewer": ("trainset.commands.settings:reviewer", "Declare who reviews."),
    "model": ("trainset.commands.model:model", "Recognise models and add them to trainset.toml."),
    "add": ("trainset.commands.add:add", "Register media, in place."),
    "import": ("trainset.commands.importing:import_", "Bring labels of another tool or model."),
    "prelabel": ("trainset.commands.prelabel:prelabel", "Run a model over items, then route what it proposes."),
    "embed": ("trainset.commands.embed:embed", "Make the vectors by which items are compared."),
    "similar": ("trainset.commands.embed:similar", "The items that are most like one."),
    "route": ("trainset.commands.route:route", "Apply the review rules: what is accepted, what a person must see."),
    "assign": ("trainset.commands.assign:assign", "Share the queue of a task among reviewers."),
    "review": ("trainset.commands.review:review", "Review in this terminal."),
    "decide": ("trainset.commands.decide:decide", "Record decisions from a script."),
    "reopen": ("trainset.commands.decide:reopen", "Take items back to the queue."),
    "revert": ("trainset.commands.undoing:revert", "Set aside what a session, a reviewer or a run decided."),
    "status": ("trainset.commands.show:status", "Counts by state and reason, and what is not committed."),
    "show": ("trainset.commands.show:show", "One item, with its history."),
    "items": ("trainset.commands.show:items", "List items and where they stand."),
    "score": ("trainset.commands.score:score", "How well a run does, or two compare, on what people decided."),
    "agreement": ("trainset.commands.agreement:agreement", "How far people agree on what each answered by themselves."),
    "export": ("trainset.commands.exporting:export", "Write labels in another tool's format."),
    "commit": ("trainset.commands.history:commit", "Seal the label files and commit them to Git."),
    "sync": ("trainset.commands.sync:sync", "Commit, take in what others pushed, and push."),
    "log": ("trainset.commands.history:log", "Commits of the dataset, or the records of one item."),
    "diff": ("trainset.commands.diff:diff", "What changed between revisions, object by object."),
    "blame": ("trainset.commands.history:blame", "Who gave each object of an item its form, and from what."),
    "release": (
        "trainset.commands.release:release",
        "Check everything, and seal it under a tag with a manifest and a data card.",
    ),
    "verify": ("trainset.commands.history:verify", "Prove label files, history and media, or name what is wrong."),
    "restore": ("trainset.commands.undoing:restore", "Bring back label files that Git took away."),
    "forget": ("trainset.commands.forget:forget", "Remove items and their records for good."),
    "plugins": ("trainset.commands.plugins:plugins", "What is installed, from where, and what is broken."),
    "doctor": ("trainset.commands.doctor:doctor", "What this machine and this terminal can do, and what is wrong."),
    "demo": ("trainset.commands.demo:demo", "The whole loop on a data set that trainset draws itself."),
}


_ENVIRONMENT = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.ENAMETOOLONG,
                errno.EMFILE, errno.EIO)  # fmt: skip
"""What a disk or an account refuses, whatever the program asks for: trouble of the user's, not a bug."""


class LazyGroup(click.Group):
    """Commands are imported when they run; the list of them is written down here, so that help needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a dataset's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from trainset import __version__

        click.echo(f"trainset {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-C", "folder", metavar="DIR", type=click.Path(), help="Work as if started in DIR.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def cli(folder: str | None) -> None:
    """Label data with models and people, in a terminal, in Git.

    The model proposes, review rules decide what a person must see, and every decision is a line in a file.
    """
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise click.UsageError(f"-C {folder}: {error.strerror}") from None


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = cli.main(prog_name="trainset", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    from trainset.errors import TrainsetError

    if type(error).__module__ == "sqlite3":
        error = TrainsetError(
            f"the index cannot be used: {error}", hint="remove .trainset: it is a cache, and made anew"
        )
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        error = TrainsetError(f"{place}{error.strerror}")
    if not isinstance(error, TrainsetError):
        raise error
    from trainset.core.files import visible

    click.echo(f"error: {visible(error.message)}", err=True)
    if error.hint:
        click.echo(f"hint: {visible(error.hint)}", err=True)
    return error.exit_code


if __name__ == "__main__":
    main()
