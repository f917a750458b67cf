import pytest
import yaml
from PIL import Image
from trainset_vision.formats.yolo import YoloExporter, YoloImporter

from trainset.core.model import Label, Task
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import REAL, box, item, needs_real_data, read, round_trip, row, same_boxes, shapes, task


@pytest.fixture
def context():
    return MemoryContext(task("zebra", "ant", "mole"))


def dataset(root, labels, config="names: [zebra, ant, mole]\ntrain: images/train\n", split="train", size=(100, 50)):
    """Images of one size with label files (None: no file), and a data.yaml."""
    for name, text in labels.items():
        image = root / "images" / split / name
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(image)
        if text is not None:
            label = (root / "labels" / split / name).with_suffix(".txt")
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(text)
    if config is not None:
        (root / "data.yaml").write_text(config)
    return root


def said(problems):
    return " | ".join(f"{p.where}: {p.message}" for p in problems)


@pytest.mark.parametrize("names", ["[zebra, ant, mole]", "{0: zebra, 1: ant, 2: mole}", "{2: mole, 0: zebra, 1: ant}"])
def test_class_numbers_are_those_of_the_file_never_sorted(tmp_path, context, names):
    root = dataset(tmp_path, {"a.jpg": "1 0.5 0.5 0.2 0.4\n"}, f"names: {names}\ntrain: images/train\n")
    assert dict(YoloImporter().classes(root)) == {0: "zebra", 1: "ant", 2: "mole"}
    items, problems = read(YoloImporter(), root, context)
    assert same_boxes(items[0].annotations, [box(40, 15, 20, 20, "ant")])
    assert items[0].split == "train" and items[0].meta == {"width": 100, "height": 50}
    assert items[0].path == tmp_path / "images" / "train" / "a.jpg" and not problems


def test_class_names_are_texts_whatever_yaml_makes_of_them(tmp_path):
    root = dataset(tmp_path, {}, "names: [no, 1, 2.50, null, yes]\n")
    assert YoloImporter().classes(root) == [(0, "no"), (1, "1"), (2, "2.50"), (3, "null"), (4, "yes")]


def test_an_empty_label_file_says_that_there_is_nothing(tmp_path, context):
    items, problems = read(YoloImporter(), dataset(tmp_path, {"a.jpg": ""}), context)
    assert [i.annotations for i in items] == [[]] and not problems


def test_in_a_declared_split_a_missing_label_file_means_background_and_is_said(tmp_path, context):
    items, problems = read(YoloImporter(), dataset(tmp_path, {"a.jpg": None, "b.jpg": None}), context)
    assert [len(i.annotations) for i in items] == [0, 0]
    assert len(problems) == 1 and "2 images have no label file" in problems[0].message and problems[0].note


def test_in_a_bare_folder_a_missing_label_file_means_nothing(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": None, "b.jpg": "2 0.5 0.5 1 1"}, config=None)
    items, problems = read(YoloImporter(), root, context)
    assert [(i.name, i.split, shapes(i.annotations)) for i in items] == [
        ("b.jpg", "train", [("mole", (0.0, 0.0, 100.0, 50.0))])
    ]
    assert len(problems) == 1 and "left out" in problems[0].message


def test_a_label_file_without_an_image_is_a_problem(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": ""})
    (root / "labels" / "train" / "lost.txt").write_text("0 0.5 0.5 1 1")
    items, problems = read(YoloImporter(), root, context)
    assert len(items) == 1 and "lost.txt: no image" in said(problems)


def test_a_label_file_finds_its_image_in_the_dataset(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("1 0.5 0.5 0.5 0.5")
    context = MemoryContext(task("zebra", "ant"), [item("cam/a.png", 200, 100)])
    items, problems = read(YoloImporter(), tmp_path, context)
    assert (
        items[0].name == "a.png"
        and items[0].path is None
        and same_boxes(items[0].annotations, [box(50, 25, 100, 50, "ant")])
    )
    assert not problems


def test_bad_lines_are_named_by_file_and_line_and_stop_nothing(tmp_path, context):
    lines = [
        "0 0.5 0.5 0.2 0.2",
        "0 0.5 0.5 0.2",
        "zebra 0.5 0.5 0.2 0.2",
        "7 0.5 0.5 0.2 0.2",
        "-1 0.5 0.5 0.2 0.2",
        "0 50 20 10 10",
        "0 nan 0.5 0.2 0.2",
        "0 0.5 0.5 0 0.2",
        "",
        "1.0 0.5 0.5 0.2 0.2",
    ]
    items, problems = read(YoloImporter(), dataset(tmp_path, {"a.jpg": "\n".join(lines)}), context)
    assert [a.label for a in items[0].annotations] == ["zebra", "ant"]
    assert [p.where.rpartition(":")[2] for p in problems] == ["2", "3", "4", "5", "6", "7", "8"]
    assert all("a.txt:" in p.where for p in problems)


def test_a_task_of_boxes_takes_the_boxes_about_outlines_and_says_so(tmp_path, context):
    polygon = "0 0.1 0.1 0.9 0.1 0.9 0.9\n"
    root = dataset(tmp_path, {"a.jpg": polygon * 3, "b.jpg": polygon + "0 0.5 0.5 0.2 0.2\n"})
    items, problems = read(YoloImporter(), root, context)
    assert [(i.name, len(i.annotations)) for i in items] == [("a.jpg", 3), ("b.jpg", 2)]
    assert same_boxes(items[0].annotations[:1], [box(10, 5, 80, 40, "zebra")])
    assert "4 outlines are read as the boxes about them" in said(problems) and "a.txt:1" in said(problems)


def test_a_sixth_number_is_a_score(tmp_path, context):
    items, _ = read(YoloImporter(), dataset(tmp_path, {"a.jpg": "0 0.5 0.5 0.2 0.2 0.75"}), context)
    assert items[0].annotations[0].score == 0.75


def test_a_turned_photo_is_measured_upright(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": "0 0.5 0.5 1 1"})
    photo = Image.new("RGB", (100, 50))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(root / "images" / "train" / "a.jpg", exif=exif)
    items, _ = read(YoloImporter(), root, context)
    assert shapes(items[0].annotations) == [("zebra", (0.0, 0.0, 50.0, 100.0))]


def test_an_image_that_cannot_be_measured_is_a_problem(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": "0 0.5 0.5 1 1", "b.jpg": ""})
    (root / "images" / "train" / "a.jpg").write_bytes(b"no image")
    items, problems = read(YoloImporter(), root, context)
    assert [i.name for i in items] == ["b.jpg"] and "size of a.jpg" in said(problems)


def test_splits_may_be_lists_of_folders_and_text_files(tmp_path, context):
    config = "names: [zebra]\npath: .\ntrain: [images/one, images/two]\nval: val.txt\ntest:\n"
    for split, name in (("one", "a.jpg"), ("two", "b.jpg"), ("three", "c.jpg"), ("three", "d.jpg")):
        dataset(tmp_path, {name: ""}, config, split)
    (tmp_path / "val.txt").write_text("./images/three/c.jpg\nimages/three/d.jpg\nimages/three/gone.jpg\n")
    items, problems = read(YoloImporter(), tmp_path / "data.yaml", context)
    assert {i.path.name: i.split for i in items} == {"a.jpg": "train", "b.jpg": "train", "c.jpg": "val", "d.jpg": "val"}
    assert len(problems) == 1 and "gone.jpg" in problems[0].message


def test_an_image_in_two_splits_counts_once(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": ""}, "names: [zebra]\ntrain: images/train\nval: val.txt\n")
    (tmp_path / "val.txt").write_text("images/train/a.jpg\n")
    items, problems = read(YoloImporter(), root, context)
    assert [i.split for i in items] == ["train"] and "listed twice" in said(problems) and problems[0].note


def test_roboflow_writes_paths_one_folder_up(tmp_path, context):
    for split in ("train", "valid"):
        (tmp_path / split / "images").mkdir(parents=True)
        (tmp_path / split / "labels").mkdir()
        Image.new("RGB", (10, 10)).save(tmp_path / split / "images" / f"{split}.jpg")
        (tmp_path / split / "labels" / f"{split}.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['zebra']\n")
    items, problems = read(YoloImporter(), tmp_path, context)
    assert [(i.name, i.split, len(i.annotations)) for i in items] == [
        ("train.jpg", "train", 1),
        ("valid.jpg", "val", 1),
    ]
    assert not problems


def test_classes_txt_names_the_classes_and_is_no_label_file(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": "1 0.5 0.5 1 1"}, config=None)
    (root / "classes.txt").write_text("mole\nzebra\n")
    (root / "labels" / "classes.txt").write_text("mole\nzebra\n")
    assert YoloImporter().classes(root) == [(0, "mole"), (1, "zebra")]
    items, problems = read(YoloImporter(), root, context)
    assert items[0].annotations[0].label == "zebra" and not problems


def test_without_names_numbers_are_the_indices_of_the_task(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": "2 0.5 0.5 1 1\n0 0.5 0.5 1 1"}, config=None)
    assert YoloImporter().classes(root) == []
    items, _ = read(YoloImporter(), root / "labels", context)
    assert [a.label for a in items[0].annotations] == ["mole", "zebra"]


def test_numbers_that_nothing_explains_are_an_error(tmp_path):
    root = dataset(tmp_path, {"a.jpg": "2 0.5 0.5 1 1"}, config=None)
    with pytest.raises(TrainsetError, match="class numbers"):
        read(YoloImporter(), root, MemoryContext(task()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a",
        "names: 7",
        "names: {a: b}",
        "names: [[a]]",
        "names: [",
        "names: {-1: a}",
        "names: &a [*a]",
        "a: !!python/x",
    ],
)
def test_a_config_that_makes_no_sense_is_an_error_that_names_it(tmp_path, context, text):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(TrainsetError, match=r"data\.yaml"):
        read(YoloImporter(), tmp_path / "data.yaml", context)


def test_a_label_file_that_is_no_text_is_a_problem(tmp_path, context):
    root = dataset(tmp_path, {"a.jpg": "", "b.jpg": ""})
    (root / "labels" / "train" / "a.txt").write_bytes(b"\xff\x00\xfe")
    items, problems = read(YoloImporter(), root, context)
    assert [i.name for i in items] == ["b.jpg"] and "a.txt" in said(problems)


def test_a_folder_with_two_configs_asks_which(tmp_path, context):
    for name in ("od.yaml", "seg.yaml"):
        (tmp_path / name).write_text("names: [a]\n")
    with pytest.raises(TrainsetError, match=r"od\.yaml, seg\.yaml"):
        read(YoloImporter(), tmp_path, context)


def test_a_dataset_is_recognised_with_and_without_a_config(tmp_path):
    importer = YoloImporter()
    assert importer.sniff(dataset(tmp_path / "a", {"a.jpg": ""}))
    assert importer.sniff(dataset(tmp_path / "b", {"a.jpg": "0 0.5 0.5 1 1"}, config=None))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "notes.txt").write_text("hello 1 2 3 4\n")
    assert importer.sniff(tmp_path / "c") is None
    assert importer.sniff(tmp_path / "nowhere") is None


def test_retired_and_missing_indices_keep_their_place(tmp_path):
    labels = (Label(id="b", index=3), Label(id="gone", index=0, retired=True), Label(id="a", index=1, name="no"))
    context = MemoryContext(Task(name="t", type="box", labels=labels))
    list(YoloExporter().write([row([box(10, 20, 64, 48, "b")], split="val")], tmp_path, context))
    config = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert config == {"val": "images/val", "train": "", "names": {0: "unused-0", 1: "no", 2: "unused-2", 3: "b"}}
    assert (tmp_path / "labels" / "val" / "a.txt").read_text().startswith("3 ")
    assert YoloImporter().classes(tmp_path) == [(1, "no"), (3, "b")]
    assert "no images of: train" in (tmp_path / "data.yaml").read_text()


def test_without_a_val_split_the_images_of_train_stand_for_it(tmp_path, context):
    rows = [row(name="a.jpg"), row(name="b.jpg", split="train")]
    items, _, problems = round_trip(YoloImporter(), YoloExporter(), rows, tmp_path, context)
    assert yaml.safe_load((tmp_path / "data.yaml").read_text())["val"] == "images/train"
    assert {n: i.split for n, i in items.items()} == {"a.jpg": "train", "b.jpg": "train"} and not problems


def test_splits_of_other_names_come_back(tmp_path, context):
    rows = [row(name="a.jpg", split="fold7"), row(name="b.jpg", split="val")]
    items, lost, problems = round_trip(YoloImporter(), YoloExporter(), rows, tmp_path, context)
    assert {n: i.split for n, i in items.items()} == {"a.jpg": "fold7", "b.jpg": "val"} and not lost and not problems


def test_what_nobody_saw_and_what_has_nothing_on_it_both_get_a_file_and_the_loss_is_said(tmp_path, context):
    lost = list(YoloExporter().write([row(name="a.jpg"), row(name="b.jpg", state="unlabelled")], tmp_path, context))
    assert [(loss.what, loss.item) for loss in lost] == [("states", "media/b.jpg")]
    assert [(tmp_path / "labels" / "train" / f"{n}.txt").read_text() for n in "ab"] == ["", ""]


def test_boxes_outside_of_the_image_are_cut_where_ultralytics_would_refuse_the_file(tmp_path, context):
    rows = [row([box(-300, -10, 400, 100), box(900, 0, 50, 50), box(600, 0, 60, 50)])]
    items, lost, _ = round_trip(YoloImporter(), YoloExporter(), rows, tmp_path, context)
    assert [loss.what for loss in lost] == ["outside", "outside"]
    assert same_boxes(items["a.jpg"].annotations, [box(0, 0, 100, 90, "zebra"), box(600, 0, 60, 50, "zebra")])


def test_images_that_differ_in_the_suffix_alone_are_renamed(tmp_path, context):
    rows = [row(name=n) for n in ("x/a.jpg", "x/a.png", "x/A.jpeg")]
    lost = list(YoloExporter().write(rows, tmp_path, context))
    assert [loss.detail for loss in lost] == ["x/a-png.png", "x/A-jpeg.jpeg"]
    assert len(list((tmp_path / "labels").rglob("*.txt"))) == 3
    assert tmp_path / "images" / "train" / "x" / "a-png.png" in context.placed


def test_an_item_of_unknown_size_is_left_out_and_said(tmp_path, context):
    lost = list(
        YoloExporter().write([row([box(1, 2, 3, 4)], width=None)], tmp_path, MemoryContext(task("a"), folder=tmp_path))
    )
    assert [loss.what for loss in lost] == ["size"]


@needs_real_data
def test_real_coco_images_come_back(tmp_path):
    names = yaml.safe_load((REAL / "coco48" / "od.yaml").read_text())["names"]
    context = MemoryContext(task(*names.values()))
    items, problems = read(YoloImporter(), REAL / "coco48" / "od.yaml", context)
    assert len(items) == 48 and sum(len(i.annotations) for i in items) == 350
    assert len({a.label for i in items for a in i.annotations}) == 59
    assert [p.message for p in problems] == ["train: images/train2017 is not there", "val: images/val2017 is not there"]
    ids = {label.title: label.id for label in context.task.labels}
    rows = [row([box(*a.box, ids[a.label]) for a in i.annotations], i.name, **i.meta) for i in items]
    again, lost, problems = round_trip(YoloImporter(), YoloExporter(), rows, tmp_path, context)
    assert not lost and not problems
    assert all(same_boxes(again[i.name].annotations, i.annotations) for i in items)


def test_a_folder_called_images_in_a_name_leaves_labels_where_ultralytics_looks(tmp_path):
    named = row(name="images/1.jpg")
    out = tmp_path / "out"
    list(YoloExporter().write([named], out, MemoryContext(task())))
    assert (out / "images" / "train" / "labels" / "1.txt").is_file()
