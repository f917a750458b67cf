"""Pipes, sockets, devices and dead links below a path: named with the reason, and never opened."""

import os
import socket
from pathlib import Path

import pytest

from trainset.core.files import strays, walk
from trainset.core.model import Item
from trainset.errors import MediaError

from .command import trainset
from .kit import add
from .third_party_kit import audio_site

SUFFIXES = {"vision": "png", "nlp": "txt", "medical": "nii.gz", "audio": "wav"}
TASKS = {"vision": "box", "nlp": "classify", "medical": "volume-mask", "audio": "segment"}
SAID = {
    "pipe": "a pipe",
    "link-to-pipe": "a pipe",
    "socket": "a socket",
    "device": "a device",
    "dead": "a link that leads nowhere",
    "loop": "a link that leads nowhere",
}


def lay_strays(folder, suffix):
    """One of each kind that may be made here; their names."""
    folder.mkdir()
    os.mkfifo(folder / f"pipe.{suffix}")
    (folder / f"link-to-pipe.{suffix}").symlink_to(f"pipe.{suffix}")
    (folder / f"device.{suffix}").symlink_to("/dev/zero")
    (folder / f"dead.{suffix}").symlink_to("nowhere")
    (folder / f"loop.{suffix}").symlink_to(f"loop.{suffix}")
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(folder)  # a socket's path may not be long
        try:
            made.bind(f"socket.{suffix}")
        finally:
            os.chdir(here)


def test_a_walk_passes_over_what_is_no_file_and_strays_name_it(tmp_path):
    lay_strays(tmp_path / "in", "x")
    (tmp_path / "in" / "deep").mkdir()
    (tmp_path / "in" / "deep" / "file.x").write_text("")
    assert [p.name for p in walk(tmp_path)] == ["file.x"]
    assert {p.name.removesuffix(".x"): what for p, what in strays(tmp_path)} == SAID
    assert list(walk(tmp_path / "in" / "pipe.x")) == []
    assert list(strays(tmp_path / "in" / "deep" / "file.x")) == []


@pytest.mark.parametrize("modality", SUFFIXES)
def test_add_skips_them_with_the_reason(tmp_path, modality, monkeypatch):
    if modality == "audio":
        monkeypatch.syspath_prepend(audio_site(tmp_path / "site"))
    suffix, root = SUFFIXES[modality], tmp_path / "data"
    trainset("init", root, "--modality", modality, "--task", f"t:{TASKS[modality]}:a", cwd=tmp_path)
    lay_strays(tmp_path / "in", suffix)
    ran = trainset("add", tmp_path / "in", cwd=root)
    assert ran.out.startswith("0 items added, 0 changed, 0 known, 6 skipped")
    for name, what in SAID.items():
        assert f"{name}.{suffix}: it is no file but {what}" in ran.err
    assert "a pipe" in trainset("add", tmp_path / "in" / f"pipe.{suffix}", cwd=root).err
    assert "leads nowhere" in trainset("add", tmp_path / "in" / f"loop.{suffix}", cwd=root, code=2).err


def test_a_medium_that_has_become_a_pipe_is_never_opened(dataset):
    os.mkfifo(dataset.root / "media" / "1.txt")
    add(dataset, "media/1.txt")
    for read in (dataset.media.path, dataset.media.digest, dataset.media.load):
        with pytest.raises(MediaError, match="is not a file"):
            read(Item(key="media/1.txt"))
