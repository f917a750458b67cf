from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from trainset_vision.formats.folder import FolderExporter, FolderImporter

from trainset.core.model import Class, Label, Task
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import TITLES, class_rows, item, read, row, task


@pytest.fixture
def context(tmp_path):
    return MemoryContext(task(*TITLES, type="classify"), folder=tmp_path / "media", media_mode="copy")


def images(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def found(items):
    return {i.path.name: (i.split, [a.label for a in i.annotations]) for i in items}


def test_a_folder_names_the_class_of_its_images(tmp_path, context):
    src = images(tmp_path, "dog/1.jpg", "cat/2.png", "cat/deep/3.JPG", "cat/notes.txt", ".hidden/4.jpg", "none/x.txt")
    items, problems = read(FolderImporter(), src, context)
    assert found(items) == {"1.jpg": (None, ["dog"]), "2.png": (None, ["cat"]), "3.JPG": (None, ["cat"])}
    assert FolderImporter().classes(src) == [(None, "cat"), (None, "dog")] and not problems


def test_folders_of_splits_hold_the_folders_of_classes(tmp_path, context):
    src = images(tmp_path, "train/dog/1.jpg", "valid/dog/2.jpg", "test/cat/3.jpg")
    items, _ = read(FolderImporter(), src, context)
    assert found(items) == {"1.jpg": ("train", ["dog"]), "2.jpg": ("val", ["dog"]), "3.jpg": ("test", ["cat"])}


def test_a_folder_called_like_a_split_may_be_a_class(tmp_path, context):
    items, _ = read(FolderImporter(), images(tmp_path, "test/1.jpg", "other/2.jpg"), context)
    assert found(items) == {"1.jpg": (None, ["test"]), "2.jpg": (None, ["other"])}


def test_images_in_no_class_are_said(tmp_path, context):
    items, problems = read(FolderImporter(), images(tmp_path, "dog/1.jpg", "lost.jpg"), context)
    assert len(items) == 1 and "lost.jpg" in problems[0].message


def test_an_item_is_known_by_any_tail_of_its_path(tmp_path):
    context = MemoryContext(task("dog"), [item("cam/1.jpg"), item("other/cam2/1.jpg")])
    items, _ = read(FolderImporter(), images(tmp_path, "train/dog/cam/1.jpg", "train/dog/2.jpg"), context)
    assert [i.name for i in items] == ["train/dog/2.jpg", "cam/1.jpg"]


def test_what_is_no_such_folder_is_an_error(tmp_path, context):
    for src in (tmp_path, tmp_path / "nowhere", images(tmp_path, "a/x.txt") / "a" / "x.txt"):
        with pytest.raises(TrainsetError, match=src.name):
            read(FolderImporter(), src, context)


def test_it_is_a_weak_sign():
    with TemporaryDirectory() as folder:
        sign = FolderImporter().sniff(images(Path(folder), "dog/1.jpg", "cat/1.jpg"))
    assert sign.confidence < 0.5 and not sign.questions


CITYSCAPES = [
    f"{kind}/{split}/{city}/{city}_000000_0000{n}_{ending}.png"
    for kind, ending in (("leftImg8bit", "leftImg8bit"), ("gtFine", "gtFine_labelIds"), ("gtFine", "gtFine_color"))
    for split, cities in (("train", ("aachen", "ulm")), ("val", ("lindau", "munster")), ("test", ("berlin", "bonn")))
    for city in cities
    for n in (19, 20)
]
KITTI = [f"{part}/{kind}_2/00000{n}.{suffix}" for part in ("training", "testing") for n in range(3)
         for kind, suffix in (("image", "png"), ("label", "txt"), ("calib", "txt"))]  # fmt: skip
KITTI_RAW = [f"2011_09_{day}/drive_00{n}_sync/image_0{cam}/data/00000000{n}.png" for day in (26, 28) for n in (1, 2) for cam in (2, 3)]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "inside"),
    [
        (CITYSCAPES, ""),
        (KITTI, ""),
        (KITTI, "training"),
        (["dog/1.jpg", "dog/1.txt", "cat/1.jpg"], ""),
        (["dog/1.jpg", "cat/1.jpg", "masks/1.png"], ""),
        (["images/1.jpg", "labels/1.txt"], ""),
        (["train/cam0/1.jpg", "train/cam1/1.jpg"], ""),
        (["1.jpg"], ""),
    ],
)
def test_folders_of_other_kinds_are_not_taken_for_classes(tmp_path, names, inside):
    assert FolderImporter().sniff(images(tmp_path, *names) / inside) is None


@pytest.mark.parametrize(
    ("names", "inside", "why"),
    [
        (CITYSCAPES, "leftImg8bit", "no folder is in more than one of test and train and val"),
        (CITYSCAPES, "leftImg8bit/train", "are called …_leftImg8bit"),
        (KITTI_RAW, "", "such as 2011_09_26/drive_001_sync"),
        (KITTI_RAW, "2011_09_26", "such as drive_001_sync/image_02"),
        (["trip/1.jpg"], "", "there is no folder beside trip"),
    ],
)
def test_folders_that_may_stand_for_something_else_are_asked_about(tmp_path, names, inside, why):
    (question,) = FolderImporter().sniff(images(tmp_path, *names) / inside).questions
    assert why in question.text and question.choices == ("folder",)


@pytest.mark.parametrize(
    "names",
    [
        ["train/dog/1.jpg", "train/cat/1.jpg", "val/dog/1.jpg"],
        ["train/n01440764/n01440764_10026.JPEG", "train/n01443537/n01443537_2.JPEG"],
        ["left/1.jpg", "right/2.jpg"],
        ["dog/1_a.jpg", "cat/1_b.jpg", "readme.txt"],
        ["0/a_00001.png", "1/b_00001.png"],
    ],
)
def test_folders_of_classes_are_taken(tmp_path, names):
    assert not FolderImporter().sniff(images(tmp_path, *names)).questions


def test_an_export_without_media_is_refused(tmp_path):
    with pytest.raises(TrainsetError, match="nothing but images"):
        list(FolderExporter().write([], tmp_path / "out", MemoryContext(task("a"))))


def test_what_folders_cannot_hold_is_said(tmp_path, context):
    images(context.folder, "a.jpg", "b.jpg")
    rows = [row([Class(label="l0", score=0.5), Class(label="l1")], "a.jpg"), row([], "b.jpg")]
    lost = list(FolderExporter().write(rows, tmp_path / "out", context))
    assert [(loss.what, loss.item) for loss in lost] == [
        ("scores", "media/a.jpg"),
        ("several", "media/a.jpg"),
        ("none", "media/b.jpg"),
    ]
    assert [p.relative_to(tmp_path / "out").as_posix() for p in context.placed] == ["screw/a.jpg"]


def test_a_split_that_reads_like_a_class_is_said(tmp_path, context):
    images(context.folder, "a.jpg")
    lost = list(FolderExporter().write([row([Class(label="l0")], split="fold7")], tmp_path / "out", context))
    assert [loss.what for loss in lost] == ["splits"]


def test_a_title_that_is_no_folder_gives_way_to_the_id(tmp_path, context):
    labels = tuple(
        Label(id=i, index=n, name=name) for n, (i, name) in enumerate([("up", "../x"), ("sl", "a/b"), ("tr", "train")])
    )
    context.task = Task(name="t", type="classify", labels=labels)
    images(context.folder, "1.jpg", "2.jpg", "3.jpg")
    rows = [row([Class(label=label.id)], f"{n}.jpg") for n, label in enumerate(labels, 1)]
    assert list(FolderExporter().write(rows, tmp_path / "out", context)) == []
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in context.placed) == [
        "sl/2.jpg",
        "tr/3.jpg",
        "up/1.jpg",
    ]


def test_folders_that_an_item_came_from_are_not_repeated(tmp_path, context):
    names = ("screw/1.jpg", "train/screw/2.jpg", "2.jpg")
    images(context.folder, *names)
    rows = [row([Class(label="l0")], n, split="train") for n in names]
    lost = list(FolderExporter().write(rows, tmp_path / "out", context))
    placed = [p.relative_to(tmp_path / "out").as_posix() for p in context.placed]
    assert placed == ["train/screw/1.jpg", "train/screw/2.jpg", "train/screw/2-2.jpg"]
    assert [loss.what for loss in lost] == ["renamed"]


def test_images_lie_right_below_their_class_whose_folder_loaders_look_at(tmp_path, context):
    names = ("cam1/1.jpg", "cam2/1.jpg", "a/cam2-1.jpg", "2.jpg")
    images(context.folder, *names)
    lost = list(FolderExporter().write([row([Class(label="l0")], n) for n in names], tmp_path / "out", context))
    placed = [p.relative_to(tmp_path / "out").as_posix() for p in context.placed]
    assert placed == ["screw/1.jpg", "screw/cam2-1.jpg", "screw/a-cam2-1.jpg", "screw/2.jpg"]
    assert [loss.what for loss in lost] == ["renamed"] * 3


@settings(max_examples=25)
@given(class_rows(most=1))
def test_classes_come_back(rows):
    with TemporaryDirectory() as folder:
        media = images(Path(folder) / "media", *(r.name for r in rows))
        context = MemoryContext(task(*TITLES, type="classify"), [r.item for r in rows], folder=media, media_mode="copy")
        lost = list(FolderExporter().write(rows, Path(folder) / "out", context))
        written = [r for r in rows if r.annotations]
        assert [loss.what for loss in lost if loss.what != "renamed"] == ["none"] * (len(rows) - len(written))
        if written:
            items, problems = read(FolderImporter(), Path(folder) / "out", context)
            assert not problems
            got = {
                i.path.read_bytes().decode(): (i.split, [context.task.label(a.label).id for a in i.annotations])
                for i in items
            }
            assert got == {r.name: (r.split, [a.label for a in r.annotations]) for r in written}
