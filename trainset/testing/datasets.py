"""Datasets as users make them: by the command line, in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class CommandLine:
    """`trainset` in a process of its own, run in the folder `cwd` by somebody with a name and without settings.

    Distributions in the folder `site` are found besides those installed; `environment` has the last word.
    """

    def __init__(self, cwd: Path, site: Path | None = None, **environment: str) -> None:
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("TRAINSET_", "GIT_"))}
        self.cwd = cwd
        self.environment = {
            **outer,
            **{f"GIT_{who}_NAME": "Ana" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ana@example.org" for who in ("AUTHOR", "COMMITTER")},
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(cwd),
            "PATH": _paths(Path(sys.executable).parent, outer.get("PATH")),
            "PYTHONPATH": _paths(site, outer.get("PYTHONPATH")),
            **environment,
        }

    def __call__(self, *words: object, code: int = 0, stdin: str | None = None) -> str:
        """What it prints on stdout, and on stderr too where it is meant to fail, with `code`."""
        done = self.both(*words, code=code, stdin=stdin)
        return done.stdout + (done.stderr if code else "")

    def both(self, *words: object, code: int = 0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """The finished process; AssertionError where it ends with another code or in a traceback."""
        done = self._run("-m", "trainset", *map(str, words), stdin=stdin)
        assert done.returncode == code, f"exit {done.returncode}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def python(self, program: str) -> subprocess.CompletedProcess[str]:
        """A finished process of Python with the same distributions, however it ends."""
        return self._run("-c", program)

    def _run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.cwd,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )


def _paths(*some: object) -> str:
    return os.pathsep.join(str(path) for path in some if path)


def dataset(
    folder: Path, modality: str, task: str, *media: Path, reviewer: str = "ana", site: Path | None = None
) -> CommandLine:
    """Make a dataset in `folder`, register `media` and declare a reviewer; the command line in it.

    `task` is an argument of `init --task`, such as `parts:box:screw,nut`; `site` is for `CommandLine`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    line = CommandLine(folder, site)
    line("init", ".", "--modality", modality, "--task", task)
    line("reviewer", "add", reviewer)
    if media:
        line("add", *media)
    return line
