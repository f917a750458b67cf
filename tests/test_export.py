"""`export`: where it may write, and that it writes all or nothing there and nothing elsewhere."""

import errno
import json
import os
from pathlib import Path

import pytest

from trainset.core.exporting import export, place, sidecar_of
from trainset.core.jsonl import JsonlExporter
from trainset.core.model import Item
from trainset.errors import MediaError, PluginError, TrainsetError, UsageError

from .kit import add, decide, git, task


class Files:
    """A format of a file for each item, which `write` may be told to spoil."""

    def __init__(self, name=lambda row: row.name, fail=None):
        self.losses = {}
        self._name, self._fail = name, fail

    def write(self, rows, dest, context):
        dest.mkdir(parents=True, exist_ok=True)
        for row in rows:
            context.place(row.item, dest / self._name(row))
            if self._fail:
                raise self._fail
        yield from ()


@pytest.fixture
def decided(dataset):
    """Two decided notes whose files are there."""
    (dataset.root / "media").mkdir(exist_ok=True)
    for name in ("1.txt", "2.txt"):
        (dataset.root / "media" / name).write_text(name)
    add(dataset, "media/1.txt", "media/2.txt")
    for key in ("media/1.txt", "media/2.txt"):
        decide(dataset, key, "a")
    dataset.index.refresh()
    return dataset


def write(dataset, dest, exporter=None, **more):
    return export(dataset, task(dataset), exporter or JsonlExporter(), dest, **more)


@pytest.mark.parametrize(
    "inside",
    ["labels", "labels/x/y", "media/out.jsonl", "predictions/x", "guidelines/x", "releases/x", ".trainset/x", ".git/x"],
)
def test_the_datasets_own_folders_take_no_export(decided, inside):
    with pytest.raises(UsageError, match="which is the dataset's own"):
        write(decided, decided.root / inside)
    assert git(decided.root, "status", "--porcelain", "--", "labels/x", "guidelines", "releases") == ""


def test_a_link_into_the_datasets_own_folders_takes_no_export(decided, tmp_path):
    (tmp_path / "link").symlink_to(decided.root / "labels")
    with pytest.raises(UsageError, match="which is the dataset's own"):
        write(decided, tmp_path / "link" / "out")


def test_another_place_in_the_datasets_folder_takes_one(decided):
    assert write(decided, decided.root / "out").items == 2


def test_a_folder_that_is_there_and_empty_is_filled(decided, tmp_path):
    for name in ("plain", "with.ending"):
        (tmp_path / name).mkdir()
        write(decided, tmp_path / name)
        assert {p.name for p in (tmp_path / name).iterdir()} == {"labels.jsonl", "trainset.json"}


def test_a_link_to_an_empty_folder_is_followed(decided, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write(decided, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "empty" / "labels.jsonl").is_file()


@pytest.mark.parametrize("taken", ["file.jsonl", "folder", "link"])
def test_a_place_that_is_taken_is_refused_and_left_as_it_is(decided, tmp_path, taken):
    (tmp_path / "file.jsonl").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("folder")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="exists"):
        write(decided, tmp_path / taken)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_split_that_there_is_not_is_refused_and_those_that_there_are_are_named(decided, tmp_path):
    with pytest.raises(UsageError, match="no split 'bogus'") as failed:
        write(decided, tmp_path / "out", splits=["train", "bogus"])
    assert failed.value.hint == "there are: train"
    assert write(decided, tmp_path / "out", splits=["train"]).items == 2


def test_an_export_says_which_format_it_is_and_where_every_item_stood(decided, tmp_path):
    write(decided, tmp_path / "folder", format_name="jsonl")
    write(decided, tmp_path / "file.jsonl", format_name="jsonl")
    for dest in (tmp_path / "folder", tmp_path / "file.jsonl"):
        told = json.loads(sidecar_of(dest).read_text())
        assert (told["format"], told["task"]) == ("jsonl", "kinds")
        assert told["items"]["1.txt"] == {
            "key": "media/1.txt",
            "state": "reviewed",
            "decided_by": ["ana"],
            "split": "train",
        }


@pytest.mark.parametrize("media", ["copy", "link"])
def test_a_format_that_leads_out_of_the_export_is_stopped(decided, tmp_path, media):
    with pytest.raises(PluginError, match=r"media/1\.txt to .*, outside of the export"):
        write(decided, tmp_path / "out" / "deep", Files(lambda row: f"../../../{row.name}"), media=media)
    assert not [p for p in tmp_path.rglob("1.txt") if "media" not in p.parts]


def test_a_format_that_leads_out_through_a_link_is_stopped(decided, tmp_path):
    class Linking(Files):
        def write(self, rows, dest, context):
            (tmp_path / "elsewhere").mkdir()
            dest.mkdir(parents=True, exist_ok=True)
            (dest / "link").symlink_to(tmp_path / "elsewhere")
            yield from super().write(rows, dest, context)

    with pytest.raises(PluginError, match="outside of the export"):
        write(decided, tmp_path / "out", Linking(lambda row: f"link/{row.name}"), media="copy")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("media", ["copy", "link"])
def test_no_medium_is_written_over_another(decided, tmp_path, media):
    with pytest.raises(MediaError, match=r"same\.txt of media/2\.txt is there already"):
        write(decided, tmp_path / "out", Files(lambda row: "same.txt"), media=media)
    assert (decided.root / "media" / "1.txt").read_text() == "1.txt"


def test_a_medium_that_is_no_file_is_refused(tmp_path):
    class Media:
        def path(self, item, part=""):
            return tmp_path / "pipe"

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError):
        place(Media(), "copy", Item(key="n/1"), tmp_path / "to")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_no_more_leaves_nothing_behind(decided, tmp_path, code):
    (tmp_path / "out").mkdir()
    with pytest.raises(TrainsetError, match=f"{os.strerror(code)}; nothing was exported"):
        write(decided, tmp_path / "out", Files(fail=OSError(code, os.strerror(code), "x")), media="copy")
    assert list((tmp_path / "out").iterdir()) == []
    assert not list(tmp_path.glob(".partial*"))


def test_a_place_that_cannot_be_made_is_an_error(decided, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainsetError, match="nothing was exported"):
        write(decided, tmp_path / "file" / "out")
    with pytest.raises(TrainsetError, match="nothing was exported"):
        write(decided, Path("/proc/none/out"))
