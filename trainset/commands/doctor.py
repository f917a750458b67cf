"""`trainset doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trainset.commands.common import json_option, plural, show, show_json
from trainset.core import preferences
from trainset.core.checkup import Check, dataset, failed
from trainset.errors import TrainsetError
from trainset.workspace import Workspace, find_root

if TYPE_CHECKING:
    from trainset.tui.canvas.ansi import Depth
    from trainset.tui.probe import Answers
    from trainset.tui.terminal import Terminal

_MARKS = {"ok": "✓", "warning": "!", "trouble": "✗"}
_OLDEST_GIT = (2, 34)
"""The first that knows `core.fsync`, with which commits of labels are made durable."""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """What this machine and this terminal can do, what is wrong with them or with the dataset, and what mends it.

    The exit code is 1 where something is in trouble, and 0 where there are warnings at most.
    """
    from trainset.tui.samples import here

    person, wanted = _person()
    found = here(wanted.display) if sys.stdout.isatty() else None
    checks = [*_installed(), *_models(), person, *_terminal(found), *_dataset()]
    if as_json:
        show_json(checks)
    else:
        _print(checks)
        _samples(found[0].depth if found else "mono")
        wrong = sum(check.state != "ok" for check in checks)
        show(f"\n{plural(wrong, 'thing')} to look at" if wrong else "\nall is well")
    click.get_current_context().exit(int(any(check.state == "trouble" for check in checks)))


def _print(checks: list[Check]) -> None:
    area = ""
    for check in checks:
        if check.area != area:
            show(f"{chr(10) if area else ''}{check.area}")
            area = check.area
        show(f"  {_MARKS[check.state]} {check.name:<16} {check.says}")
        if check.remedy:
            show(f"    {'':<16} → {check.remedy}")


def _samples(depth: Depth) -> None:
    """What a person judges by eye; whatever would not reach a file is left out there."""
    from trainset.tui.samples import samples

    if not sys.stdout.isatty():
        return
    show("\nhow glyphs look here: where there are gaps or boxes, choose others (docs/configuration.md, [display])")
    for title, rows in samples(depth):
        for number, row in enumerate(rows):
            click.echo(f"  {'' if number else title:<20} {row}")


def _installed() -> Iterator[Check]:
    area = "installed"
    yield Check(area, "python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    found = Workspace()
    for plugin in found.manager.plugins:
        if plugin.error:
            yield Check(area, plugin.distribution, f"{plugin.version} is broken: {plugin.error}", "trouble",
                        "upgrade or uninstall it; the rest works without it")  # fmt: skip
        else:
            yield Check(area, plugin.distribution, str(plugin.version))
    yield _git()


def _git() -> Check:
    program = shutil.which("git")
    if program is None:
        return Check("installed", "git", "Git is not installed", "trouble", "install it: trainset keeps labels in Git")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = said.removeprefix("git version").strip()
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST_GIT:
        return Check("installed", "git", version, "warning",
                     "from 2.34 on, a commit is on the disk when it is said to be: upgrade it")  # fmt: skip
    return Check("installed", "git", version)


def _models() -> Iterator[Check]:
    from trainset.onnx.health import starting
    from trainset.onnx.runtime import INSTALL, clash, wheels

    area = "models"
    found = wheels()
    if not found:
        yield Check(area, "onnxruntime", "not installed: labels can be reviewed, but no model runs", "warning", INSTALL)
        return
    told = ", ".join(f"{name} {version}" for name, version in found.items())
    yield Check(area, "onnxruntime", told, "warning" if clash() else "ok", clash())
    try:
        for name, fault in starting().items():
            remedy = "leave it out of `[engine] providers`, or install what it needs: docs/models.md" if fault else ""
            yield Check(area, name, fault or "runs models here", "warning" if fault else "ok", remedy)
    except TrainsetError as error:
        yield failed(area, "onnxruntime", error)


def _person() -> tuple[Check, preferences.Preferences]:
    path = preferences.place()
    try:
        found = preferences.load()
    except TrainsetError as error:
        return failed("person", "config", error), preferences.DEFAULT
    return Check("person", "config", f"{path}{'' if path.exists() else ' (there is none)'}"), found


def _terminal(found: tuple[Terminal, Answers] | None) -> Iterator[Check]:
    from trainset.tui.samples import fast, versions

    area = "terminal"
    yield Check(area, "versions", ", ".join(f"{name} {version}" for name, version in versions().items()))
    if fast():
        yield Check(area, "canvas", "pictures go to the terminal as they were encoded")
    else:
        yield Check(area, "canvas", "this Textual has other private parts: pictures take several times as long", "warning",
                    "install the version of Textual that constraints.txt names")  # fmt: skip
    encoding = (sys.stdout.encoding or "utf-8").lower()
    if "utf" in encoding:
        yield Check(area, "encoding", encoding)
    else:
        yield Check(area, "encoding", f"{encoding} has no blocks to draw pictures with", "trouble",
                    "export LC_ALL=C.UTF-8, or another locale of `locale -a` that ends in UTF-8")  # fmt: skip
    if found is None:
        yield Check(area, "kind", "stdout is no terminal, so none was asked")
        return
    terminal, answers = found
    size = shutil.get_terminal_size()
    small = size.columns < 60 or size.lines < 16
    yield Check(area, "size", f"{size.columns} × {size.lines}", "warning" if small else "ok",
                "the review screen needs 60 × 16" if small else "")  # fmt: skip
    told = [f"{name}={os.environ[name]}" for name in ("TERM", "COLORTERM", "VTE_VERSION") if name in os.environ]
    yield Check(area, "kind", ", ".join([answers.version or "it did not say what it is", *told]))
    why = dict(terminal.why)
    yield Check(area, "colours", f"{terminal.depth}: {why['colours']}")
    lacking = terminal.graphics is not None and "textual-image" not in versions()
    yield Check(area, "graphics", f"{terminal.graphics or 'none'}: {why['graphics']}", "warning" if lacking else "ok",
                "to look closely in pixels: pip install 'trainset[graphics]'" if lacking else "")  # fmt: skip
    yield Check(area, "bytes", f"{terminal.budget or 'any number'} a cell: {why['bytes']}")
    yield Check(area, "glyphs", f"{terminal.renderer}: {why['glyphs']}")


def _dataset() -> Iterator[Check]:
    try:
        find_root(Path.cwd())
    except TrainsetError:
        return
    try:
        with Workspace().open(Path.cwd()) as opened:
            yield from dataset(opened)
    except TrainsetError as error:
        yield failed("dataset", "settings", error)
