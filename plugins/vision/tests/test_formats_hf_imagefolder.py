"""Image folders of Hugging Face, as its documentation lays them out and as datasets on its hub do."""

import json

import pytest
from PIL import Image
from trainset_vision.formats.hf_imagefolder import HfImagefolderImporter

from trainset.errors import TrainsetError
from trainset.plugins import Imported, Labelled

from . import shapes_kit as kit


def written(folder, *rows, name="metadata.jsonl"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def read(src, type, **more):
    found = list(HfImagefolderImporter().read(src, kit.context(type, **more)))
    return [f for f in found if isinstance(f, Imported)], [f.message for f in found if not isinstance(f, Imported)]


def test_boxes_by_number_mean_what_the_data_card_says(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: objects\n    struct:\n    - name: categories\n      sequence:\n"
        "        class_label:\n          names:\n            '0': cat\n            '1': dog\n---\n# Pets\n"
    )
    written(
        tmp_path / "train",
        {"file_name": "0001.png", "objects": {"bbox": [[302.0, 109.0, 73.0, 52.0]], "categories": [0]}},
        {
            "file_name": "0003.png",
            "objects": {"bbox": [[160, 31, 248, 616], [741, 68, 202, 401]], "categories": [1, 1]},
        },
    )
    written(tmp_path / "validation", {"file_name": "0002.png", "objects": {"bbox": [], "categories": []}})
    Image.new("RGB", (5, 5)).save(tmp_path / "train" / "0001.png")
    assert HfImagefolderImporter().sniff(tmp_path)
    assert HfImagefolderImporter().classes(tmp_path) == [(0, "cat"), (1, "dog")]
    items, problems = read(tmp_path, "box")
    assert [(i.name, i.split, [(a.label, a.box) for a in i.annotations], i.state) for i in items] == [
        ("train/0001.png", "train", [("cat", (302, 109, 73, 52))], None),
        ("train/0003.png", "train", [("dog", (160, 31, 248, 616)), ("dog", (741, 68, 202, 401))], None),
        ("validation/0002.png", "val", [], None),
    ]
    assert items[0].path == tmp_path / "train" / "0001.png"
    assert not problems


def test_numbers_without_a_data_card_are_the_tasks_indices(tmp_path):
    written(tmp_path, {"file_name": "a.jpg", "objects": {"bbox": [[1, 1, 2, 2], [1, 1, 3, 3]], "category": [1, 77]}})
    assert [a.label for a in read(tmp_path, "box")[0][0].annotations] == ["Nut & bolt", "77"]
    assert HfImagefolderImporter().classes(tmp_path) == [(1, "1"), (77, "77")]


def test_objects_may_be_a_list_and_a_column_of_another_name_holds_the_image(tmp_path):
    one = {"bbox": [1, 1, 2, 2], "label": "screw", "score": 0.5}
    written(tmp_path, {"image_file_name": "a.jpg", "objects": [one, one | {"bbox": [1, 1, 0, 2]}], "text": "a caption"})
    items, problems = read(tmp_path, "box")
    assert [(a.label, a.score) for a in items[0].annotations] == [("screw", 0.5)]
    assert problems == ["the box has no area: it is 0×2"]


def test_classes_in_csv(tmp_path):
    (tmp_path / "metadata.csv").write_text(
        '\ufefffile_name,label\na.jpg,1\n"b, c.jpg",screw\nd.jpg,\n', encoding="utf-8"
    )
    items, problems = read(tmp_path, "classify")
    assert [(i.name, [a.label for a in i.annotations], i.state) for i in items] == [
        ("a.jpg", ["Nut & bolt"], None),
        ("b, c.jpg", ["screw"], None),
        ("d.jpg", [], "unlabelled"),
    ]
    assert not problems


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1")
    with pytest.raises(TrainsetError, match="pyarrow"):
        read(tmp_path, "box")
    assert HfImagefolderImporter().sniff(tmp_path) is None


def test_parquet(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    row = {"file_name": "a.jpg", "objects": {"bbox": [[1.0, 1.0, 2.0, 2.0]], "categories": [0]}}
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "metadata.parquet")
    assert read(tmp_path, "box")[0][0].annotations[0].label == "screw"


def test_rows_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.jpg"}\n{broken\n[]\n{"text": 1}\n')
    items, problems = read(tmp_path, "box")
    assert [(i.name, i.state) for i in items] == [("a.jpg", "unlabelled")]
    assert problems[0].startswith("line 2 is no JSON")
    assert problems[1:] == [
        "line 3 is no JSON object",
        "1 rows name no image in file_name and are left out (first: row 4)",
    ]


@pytest.mark.parametrize(("state", "objects"), [("reviewed", {"bbox": [], "categories": []}), ("unlabelled", None)])
def test_items_without_an_answer_have_no_objects(state, objects, tmp_path):
    from trainset_vision.formats.hf_imagefolder import HfImagefolderExporter

    given = Labelled(item=kit.Item(key="media/a.jpg"), name="a.jpg", annotations=(), state=state)
    assert not list(HfImagefolderExporter().write(iter([given]), tmp_path, kit.context("box")))
    assert json.loads((tmp_path / "train" / "metadata.jsonl").read_text()) == {"file_name": "a.jpg", "objects": objects}


def test_a_task_that_takes_one_class_writes_one_label(tmp_path):
    from trainset_vision.formats.hf_imagefolder import HfImagefolderExporter

    given = Labelled(
        item=kit.Item(key="media/a.jpg"), name="a.jpg", state="reviewed", split="val",
        annotations=(kit.Class(id="a1", label="l0", score=0.5), kit.Class(id="a2", label="l1")),
    )  # fmt: skip
    context = kit.MemoryContext(kit.Task(name="parts", type="classify", labels=kit.task("box").labels))
    assert [loss.what for loss in HfImagefolderExporter().write(iter([given]), tmp_path, context)] == ["several"]
    assert json.loads((tmp_path / "val" / "metadata.jsonl").read_text()) == {
        "file_name": "a.jpg",
        "label": "screw",
        "score": 0.5,
    }


def test_a_line_ends_where_json_lines_say_and_not_at_other_separators(tmp_path):
    (tmp_path / "metadata.jsonl").write_text('{"file_name":"a.jpg","label":"a\u2028b\u0085"}\r\n', encoding="utf-8")
    assert HfImagefolderImporter().classes(tmp_path) == [(None, "a\u2028b\u0085")]
