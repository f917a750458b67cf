"""Writes docs/cli.md out of the commands' own help. `make docs` makes it anew; a test says when it is out of date."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from trainset.cli import cli

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# The command line

`docs/make_cli.py` wrote this page out of the commands' own help: what is here is what `trainset COMMAND --help` says.

`trainset -C DIR COMMAND` works as if started in `DIR`, as with Git; every command finds the dataset at or above the
folder that it works in. Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 trouble, 2 the command line asks for
something that does not exist or does not fit, 3 a plugin failed, 130 interrupted.

Three environment variables matter: `TRAINSET_DISPLAY` says how pictures are drawn
([configuration.md](configuration.md#display)), `TRAINSET_REVIEWER` names who decides, and `TRAINSET_PLUGINS=vision,nlp` limits the
plugins that are loaded (empty: none). `NO_COLOR` is honoured.
"""


def commands(group: click.Group = cli, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group with the words that call it, in the order in which help lists them."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield (*above, name), command
            if isinstance(command, click.Group):
                yield from commands(command, (*above, name))


def text_of(words: tuple[str, ...], command: click.Command) -> str:
    """What `--help` prints, 100 columns wide."""
    parent: click.Context | None = None
    for word in ("trainset", *words[:-1]):
        parent = click.Context(click.Group(word), parent=parent, info_name=word)
    context = click.Context(command, parent=parent, info_name=words[-1], max_content_width=100, terminal_width=100)
    context.help_option_names = ["-h", "--help"]
    return command.get_help(context)


def page() -> str:
    """The whole page."""
    listed = [(" ".join(words), words, c) for words, c in commands() if not isinstance(c, click.Group)]
    links = [f"[`{name}`](#trainset-{name.replace(' ', '-')})" for name, _, _ in listed]
    sections = [f"## trainset {name}\n\n```text\n{text_of(words, c)}\n```\n" for name, words, c in listed]
    return "\n".join([HEAD, f"{', '.join(links)}.\n", *sections])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
