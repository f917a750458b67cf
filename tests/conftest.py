"""What every test starts from: a Git with a name, and neither the settings nor the terminal of whoever runs the tests."""

import os

import pytest

from .command import picture, trainset
from .kit import lay, open_


@pytest.fixture(autouse=True)
def _git(monkeypatch):
    for name in [n for n in os.environ if n.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ana Ruiz")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ana@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("TRAINSET_REVIEWER", raising=False)


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    for name in ("TMUX", "STY", "ZELLIJ", "SSH_CONNECTION", "SSH_TTY", "VTE_VERSION", "TERM_PROGRAM", "LC_TERMINAL",
                 "KITTY_WINDOW_ID", "WEZTERM_PANE", "GHOSTTY_RESOURCES_DIR", "FOOT_PID", "ALACRITTY_WINDOW_ID",
                 "KONSOLE_VERSION", "TRAINSET_DISPLAY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("XDG_CONFIG_HOME", os.devnull)


@pytest.fixture
def root(tmp_path):
    """The folder of an empty dataset."""
    return lay(tmp_path / "notes")


@pytest.fixture
def dataset(root):
    """An empty dataset."""
    with open_(root) as opened:
        yield opened


@pytest.fixture
def parts(tmp_path):
    """Five pictures with one bright square each and one without, in a data set with a reviewer."""
    root = tmp_path / "parts"
    trainset("init", root, "--modality", "vision", "--task", "parts:box:screw,nut", cwd=tmp_path)
    for n in range(5):
        picture(root / "media" / f"p{n}.png", (8 + 4 * n, 10, 14, 12))
    picture(root / "media" / "empty.png")
    trainset("add", root / "media", cwd=root)
    trainset("reviewer", "add", "ana", cwd=root)
    return root
