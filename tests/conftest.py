"""What every test starts from: a Git with a name and without the settings of whoever runs the tests."""

import os

import pytest

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


@pytest.fixture
def root(tmp_path):
    """The folder of an empty dataset."""
    return lay(tmp_path / "notes")


@pytest.fixture
def dataset(root):
    """An empty dataset."""
    with open_(root) as opened:
        yield opened
