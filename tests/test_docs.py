"""The documentation: commands and examples in it run and print what it says, and it leaves nothing out.

A fence marked `run` is executed (```console run, ```python run), one marked `insert` edits `trainset.toml` of the folder
that the commands are in: its lines are put below the table that its first line names. In the output shown, `…` stands
for anything; figures, digests and the width of gaps may differ.
"""

import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import msgspec
import pytest

from trainset import cli
from trainset.core import config, editing, layout, model, protocols, scene
from trainset.plugins import builtin, hookspecs, specs
from trainset.plugins.manager import HOOKS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("plugins/*/README.md")])
RUN = [page for page in PAGES if re.search(r"^```\w+ run$", page.read_text(encoding="utf-8"), re.M)]
FROM_NOTHING = ("README.md", "tutorial.md")
"""Pages whose first command makes a dataset; the others work in the tutorial's."""
FENCE = re.compile(r"^```(\w+) (run|insert)\n(.*?)^```$", re.M | re.S)
SHELL = re.compile(r"[|<>;&`$*]")


def name_of(page):
    return str(page.relative_to(ROOT))


# -- running what the pages show ---------------------------------------------------------------------------------


class Shell:
    """Runs lines as a reader would type them; `trainset` runs in this process."""

    def __init__(self, cwd):
        self.cwd = cwd
        self.names = {}

    def __call__(self, line):
        words = [] if SHELL.search(re.sub(r"'[^']*'", "", line)) else shlex.split(line)
        if words[:1] == ["cd"]:
            self.cwd = (self.cwd / words[1]).resolve()
            return ""
        if words[:1] == ["trainset"]:
            return self.in_process(words)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", line], cwd=self.cwd, env={**os.environ, "PATH": path}, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        return done.stdout

    def in_process(self, words):
        said, before = io.StringIO(), (Path.cwd(), sys.argv, sys.stdin)
        sys.argv, sys.stdin = words, io.StringIO()
        os.chdir(self.cwd)
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
                cli.main()
        finally:
            os.chdir(before[0])
            sys.argv, sys.stdin = before[1:]
        return said.getvalue()

    def python(self, code):
        said, before = io.StringIO(), Path.cwd()
        os.chdir(self.cwd)
        try:
            with contextlib.redirect_stdout(said):
                exec(code, self.names)  # the page's own example
        finally:
            os.chdir(before)
        return said.getvalue()

    def insert(self, text):
        table, _, lines = text.partition("\n")
        path = self.cwd / config.FILE
        settings = path.read_text(encoding="utf-8")
        assert f"\n{table}\n" in settings
        path.write_text(settings.replace(f"\n{table}\n", f"\n{table}\n{lines}"), encoding="utf-8")


def steps(text):
    """(command, output shown) for each `$` line; a backslash at its end goes on in the next."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, shown = re.sub(r"\\\n", "", part, count=part.partition("\n")[0].endswith("\\")).partition("\n")
        yield command, shown


def rough(text):
    """Text without what differs from one run to the next."""
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b|(?<=run )[0-9A-Z]{6}\b|\b(?=\w*\d)[0-9a-f]{6,40}\b", "#", text)
    text = re.sub(r"\d+([.,:T-]\d+)*Z?", "0", text)
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def agrees(shown, printed):
    pattern = re.escape(rough(shown)).replace("…\\\n", "(?:.*\\\n)*?").replace("…", ".*")
    return re.fullmatch(pattern, rough(printed), re.S if shown.strip().endswith("…") else 0) is not None


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """What `trainset demo` draws: media and a model."""
    from trainset_vision.demo import Belt

    folder = tmp_path_factory.mktemp("demo")
    Belt().make(folder, 0)
    return folder


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A machine of nobody in particular, whose Git knows somebody called Ana."""
    for name in [n for n in os.environ if n.startswith(("TRAINSET_", "GIT_"))]:
        monkeypatch.delenv(name)
    (tmp_path / ".gitconfig").write_text("[user]\nname = Ana Ruiz\nemail = ana@example.org\n")
    for name, value in {"HOME": tmp_path, "GIT_CONFIG_NOSYSTEM": 1, "GIT_MERGE_AUTOEDIT": "no", "NO_COLOR": 1}.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


@pytest.fixture
def shell(at_home, demo):
    """A shell beside the demo's folder."""
    shutil.copytree(demo, at_home / "demo")
    return Shell(at_home)


@pytest.fixture
def parts(shell):
    """A shell in the tutorial's dataset, as far as its first commit."""
    shell("trainset init parts --modality vision --task parts:box:screw,bent-screw,nut,washer,gear")
    shell("cd parts")
    shell("cp -r ../demo/media/. media")
    shell("cp ../demo/model.onnx .")
    for line in ("add media", "model add model.onnx --name belt", "reviewer add ana", "reviewer add bo --name Bo"):
        shell(f"trainset {line}")
    shell.insert("[tasks.parts.rules]\naccept-above = { score = 0.98 }\n")
    shell("trainset prelabel")
    shell("trainset decide --where 'score < 0.5' --verdict accepted --yes")
    shell("trainset commit")
    return shell


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_what_a_page_shows_is_what_happens(page, request):
    shell = request.getfixturevalue("shell" if page.name in FROM_NOTHING else "parts")
    for language, what, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if what == "insert":
            shell.insert(text)
        elif language == "python":
            shown = "".join(f"{line}\n" for line in re.findall(r"^#> (.*)$", text, re.M))
            printed = shell.python(text)
            assert not shown or agrees(shown, printed), f"{text}\n-- printed:\n{printed}"
        else:
            for command, shown in steps(text):
                printed = shell(command)
                assert agrees(shown, printed), f"$ {command}\n{shown}\n-- printed:\n{printed}"
