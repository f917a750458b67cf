import json
from dataclasses import replace

import pytest
from trainset_vision.annotations import Box
from trainset_vision.formats.coco import CocoExporter, CocoImporter

from trainset.core.model import Class, Label, Task
from trainset.errors import TrainsetError
from trainset.testing import MemoryContext

from .formats_kit import TITLES, box, item, read, round_trip, row, same_boxes, shapes, task


@pytest.fixture
def context():
    return MemoryContext(task(*TITLES))


def instances(path, annotations, categories=((1, "screw"), (7, "bolt")), images=((5, "a.jpg"), (9, "b.jpg")), **more):
    document = {
        "images": [{"id": i, "file_name": n, "width": 64, "height": 48} for i, n in images],
        "annotations": annotations,
        "categories": [{"id": i, "name": n} for i, n in categories],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document | more))
    return path


def annotation(image=5, category=1, bbox=(1, 2, 3, 4), **more):
    return {"id": 1, "image_id": image, "category_id": category, "bbox": list(bbox)} | more


def written(dest, name="annotations/instances_default.json"):
    return json.loads((dest / name).read_text())


def test_category_ids_may_have_gaps_and_keep_the_order_of_the_file(tmp_path, context):
    src = instances(
        tmp_path / "x.json", [annotation(category=90)], categories=((90, "zebra"), (7, "ant"), (13, "mole"))
    )
    assert CocoImporter().classes(src) == [(89, "zebra"), (6, "ant"), (12, "mole")]
    items, _ = read(CocoImporter(), src, context)
    assert shapes(items[0].annotations) == [("zebra", (1, 2, 3, 4))]


def test_ids_from_zero_are_indices_as_they_are(tmp_path):
    src = instances(tmp_path / "x.json", [], categories=((0, "b"), (1, "a")))
    assert CocoImporter().classes(src) == [(0, "b"), (1, "a")]


@pytest.mark.parametrize("strange", [-1, 10**12])
def test_ids_that_are_no_numbering_give_no_index(tmp_path, strange):
    assert CocoImporter().classes(instances(tmp_path / "x.json", [], categories=((strange, "a"),))) == [(None, "a")]


def test_an_image_without_annotations_was_looked_at_and_is_empty(tmp_path, context):
    items, problems = read(CocoImporter(), instances(tmp_path / "x.json", [annotation()]), context)
    assert [(i.name, len(i.annotations)) for i in items] == [("a.jpg", 1), ("b.jpg", 0)]
    assert not problems


def test_image_sizes_and_the_split_come_from_the_file(tmp_path, context):
    src = instances(tmp_path / "annotations" / "instances_val2017.json", [])
    items, _ = read(CocoImporter(), src, context)
    assert items[0].meta == {"width": 64, "height": 48} and items[0].split == "val"


def test_crowds_scores_and_attributes_are_kept_where_they_are(tmp_path, context):
    src = instances(
        tmp_path / "x.json",
        [
            annotation(iscrowd=1, score=0.25),
            annotation(iscrowd=0, attributes={"bent": True, "grade": 3, "note": "x", "list": [1]}),
        ],
    )
    items, problems = read(CocoImporter(), src, context)
    crowd, plain = items[0].annotations
    assert crowd.attributes == {"iscrowd": True} and crowd.score == 0.25
    assert plain.attributes == {"bent": True, "grade": 3, "note": "x"} and plain.score is None
    assert len(problems) == 1 and "attributes" in problems[0].message


def test_two_categories_of_one_name_are_one_class(tmp_path, context):
    src = instances(tmp_path / "x.json", [annotation(category=3)], categories=((2, "b"), (1, "a"), (3, "b")))
    assert CocoImporter().classes(src) == [(1, "b"), (0, "a")]
    assert read(CocoImporter(), src, context)[0][0].annotations[0].label == "b"


def test_annotations_that_cannot_be_used_are_said_and_stop_nothing(tmp_path, context):
    src = instances(
        tmp_path / "x.json",
        [
            annotation(),
            annotation(bbox=(1, 2, 0, 4)),
            annotation(bbox=(1, 2, 3)),
            annotation(bbox=(1, 2, 3, 1e300)),
            annotation(category=99),
            annotation(image=77),
            annotation(image=77),
            {"id": 3},
            "text",
        ],
    )
    items, problems = read(CocoImporter(), src, context)
    assert len(items[0].annotations) == 1
    said = " | ".join(f"{p.where}: {p.message}" for p in problems)
    for words in ("no area", "no box", "outside of any", "category 99", "2 annotations are of images", "[7]", "[8]"):
        assert words in said
    assert all("x.json" in p.where for p in problems)


def test_an_image_whose_annotations_cannot_be_read_is_not_taken_for_empty(tmp_path, context):
    items, problems = read(CocoImporter(), instances(tmp_path / "x.json", [annotation(bbox=())]), context)
    assert [i.name for i in items] == ["b.jpg"]
    assert any("images are left out" in p.message for p in problems)


@pytest.mark.parametrize("number", [0.0, 1.0])
def test_whole_numbers_may_be_written_with_a_fraction(tmp_path, context, number):
    src = instances(
        tmp_path / "x.json",
        [annotation(image=5.0, category=7.0, bbox=(1.0, 2, 3.5, 4), id=3.0, iscrowd=number)],
        categories=((1.0, "screw"), (7.0, "bolt")),
        images=((5.0, "a.jpg"), (9, "b.jpg")),
    )
    assert CocoImporter().classes(src) == [(0, "screw"), (6, "bolt")]
    items, problems = read(CocoImporter(), src, context)
    assert [shapes(i.annotations) for i in items] == [[("bolt", (1, 2, 3.5, 4))], []] and not problems
    assert items[0].annotations[0].attributes == ({"iscrowd": True} if number else {})


def test_whole_numbers_with_a_fraction_are_read_in_results(tmp_path, context):
    instances(tmp_path / "gt.json", [], images=((5.0, "a.jpg"), (9.0, "b.jpg")))
    src = tmp_path / "results.json"
    src.write_text(json.dumps([annotation(image=9.0, category=7.0, score=1.0)]))
    items, problems = read(CocoImporter(), src, context)
    assert [(i.name, shapes(i.annotations)) for i in items] == [("b.jpg", [("bolt", (1, 2, 3, 4))])] and not problems


@pytest.mark.parametrize("broken", [{"iscrowd": 0.5}, {"iscrowd": "0"}, {"category": "screw"}, {"score": "high"}])
@pytest.mark.parametrize("sound", [[], [annotation()]])
def test_an_image_with_an_annotation_that_cannot_be_decoded_is_left_out_and_reported(tmp_path, context, broken, sound):
    src = instances(tmp_path / "x.json", [*sound, annotation(**broken), annotation(image=9)])
    items, problems = read(CocoImporter(), src, context)
    assert [i.name for i in items] == ["b.jpg"]
    said = [f"{p.where}: {p.message}" for p in problems]
    assert len(said) == 2 and f"annotations[{len(sound)}]" in said[0] and "1 images are left out" in said[1]
    assert "a.jpg" in said[1]


def test_results_of_an_image_are_left_out_where_one_cannot_be_decoded(tmp_path, context):
    instances(tmp_path / "gt.json", [])
    src = tmp_path / "results.json"
    src.write_text(json.dumps([annotation(score=0.5), annotation(score="high"), annotation(image=9, score=0.5)]))
    items, problems = read(CocoImporter(), src, context)
    assert [i.name for i in items] == ["b.jpg"]
    assert any("1 images are left out" in p.message and "a.jpg" in p.message for p in problems)


@pytest.mark.parametrize("image", [None, 5.5, [5]])
def test_no_image_is_taken_for_empty_where_an_annotation_does_not_say_of_which_it_is(tmp_path, context, image):
    items, problems = read(
        CocoImporter(), instances(tmp_path / "x.json", [annotation(), annotation(image=image)]), context
    )
    assert [i.name for i in items] == ["a.jpg"]
    assert any("1 images without annotations are left out" in p.message and "b.jpg" in p.message for p in problems)


def test_a_task_of_keypoints_takes_the_keypoints_files_of_a_folder(tmp_path, context):
    folder = tmp_path / "annotations"
    instances(folder / "instances_val.json", [annotation()], categories=((1, "car"), (2, "person")))
    src = instances(folder / "person_keypoints_val.json", [annotation(keypoints=[1, 2, 2])])
    persons = [{"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}, {"id": 3, "name": "dog"}]
    src.write_text(json.dumps(json.loads(src.read_text()) | {"categories": persons}))
    assert CocoImporter().classes(tmp_path) == [(0, "car"), (1, "person"), (2, "dog")]
    pose = task("person", type="keypoints")
    assert CocoImporter().options(tmp_path, pose) == {"points": ["nose"], "edges": []}
    items, problems = read(CocoImporter(), tmp_path, MemoryContext(pose))
    assert [(a.label, a.keypoints) for a in items[0].annotations] == [("person", ((1, 2, 2),))] and not problems
    assert [i.split for i in items] == ["val", "val"]
    assert shapes(read(CocoImporter(), tmp_path, context)[0][0].annotations) == [("car", (1, 2, 3, 4))]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/local-files/?d=images/b%20two.jpg", "images/b two.jpg"),
        ("/data/upload/1/ab12cd34-name.jpg", "name.jpg"),
        ("images/ab12cd34-name.jpg", "name.jpg"),
        ("images/b%20two.jpg", "images/b two.jpg"),
        ("https://host.example/data/upload/1/ab12cd34-name.jpg?x=1", "name.jpg"),
    ],
)
def test_addresses_of_label_studio_are_resolved(tmp_path, context, address, name):
    src = instances(tmp_path / "in" / "x.json", [annotation()], images=((5, address),))
    known = replace(context, items=[item(name)])
    (found,) = read(CocoImporter(), src, known)[0]
    assert known.find(found.name).key == f"media/{name}" and found.path is None
    place = tmp_path / "in" / name
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"x")
    (found,) = read(CocoImporter(), src, context)[0]
    assert found.path == place and found.name == name


@pytest.mark.parametrize("name", ["/d/dog/1.jpg", "dog/%31.jpg", "100%/1.jpg"])
def test_a_name_that_is_no_address_is_not_cut_down_to_its_file_name(tmp_path, context, name):
    known = replace(context, items=[item("cat/1.jpg")])
    (found,) = read(CocoImporter(), instances(tmp_path / "x.json", [], images=((5, name),)), known)[0]
    assert found.name == name and known.find(found.name) is None


def test_an_address_that_leads_nowhere_gives_the_name_of_the_upload(tmp_path, context):
    images = ((5, "/data/upload/1/ab12cd34-name.jpg"), (9, "/data/local-files/?d=../../x%20y.jpg"))
    items, _ = read(CocoImporter(), instances(tmp_path / "x.json", [], images=images), context)
    assert [(i.name, i.path) for i in items] == [("name.jpg", None), ("x y.jpg", None)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused_where_they_stand(tmp_path, context, number):
    src = instances(tmp_path / "x.json", [annotation(), annotation(bbox=(7777, 2, 3, 4), note="a, NaN]")])
    src.write_text(src.read_text().replace("7777", number))
    items, problems = read(CocoImporter(), src, context)
    assert len(items) == 2 and len(items[0].annotations) == 1
    assert len(problems) == 1 and "a.jpg, annotation 1" in problems[0].where and "finite" in problems[0].message


def test_images_are_found_anywhere_below_the_folder_that_was_named(tmp_path, context):
    (tmp_path / "deep" / "down").mkdir(parents=True)
    (tmp_path / "deep" / "down" / "a.jpg").write_bytes(b"x")
    src = instances(tmp_path / "annotations" / "instances_x.json", [])
    items, _ = read(CocoImporter(), tmp_path, context)
    assert [i.path for i in items] == [tmp_path / "deep" / "down" / "a.jpg", None]
    assert read(CocoImporter(), src, context)[0][0].path is None


def test_a_repeated_image_counts_once(tmp_path, context):
    src = instances(tmp_path / "x.json", [annotation()], images=((5, "a.jpg"), (5, "b.jpg"), (6, "a.jpg")))
    items, problems = read(CocoImporter(), src, context)
    assert [i.name for i in items] == ["a.jpg"] and len(problems) == 2


def test_names_never_lead_out_of_the_folder(tmp_path, context):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    src = instances(tmp_path / "in" / "x.json", [], images=((1, "../secret.jpg"), (2, str(tmp_path / "secret.jpg"))))
    items, _ = read(CocoImporter(), src, context)
    assert [i.path for i in items] == [None, None]


def test_images_are_found_where_such_data_sets_keep_them(tmp_path, context):
    (tmp_path / "train2017").mkdir()
    (tmp_path / "train2017" / "a.jpg").write_bytes(b"x")
    items, _ = read(CocoImporter(), instances(tmp_path / "annotations" / "instances_train2017.json", []), context)
    assert [i.path for i in items] == [tmp_path / "train2017" / "a.jpg", None]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  ",
        b"{",
        b"[1",
        b"7",
        b'"x"',
        b'{"images": 3}',
        b'{"images": [], "categories": []}',
        b'{"images": [], "annotations": {}, "categories": []}',
        b'\xff\xfe{"images"',
        b'{"images": [], "annotations": [], "categories": [{"id": 1, "name": "\xff"}]}',
        b"[" * 100_000,
    ],
    ids=range(12),
)
def test_what_is_no_coco_file_is_an_error_that_names_it(tmp_path, context, data):
    src = tmp_path / "x.json"
    src.write_bytes(data)
    with pytest.raises(TrainsetError, match=r"x\.json") as caught:
        read(CocoImporter(), src, context)
    assert caught.value.hint


def test_a_missing_file_is_an_error_that_names_it(tmp_path, context):
    with pytest.raises(TrainsetError, match="nowhere"):
        read(CocoImporter(), tmp_path / "nowhere.json", context)


def test_a_file_is_recognised_by_its_fields(tmp_path):
    importer = CocoImporter()
    assert importer.sniff(instances(tmp_path / "x.json", [annotation()])).evidence
    assert importer.sniff(tmp_path).evidence
    (tmp_path / "r.json").write_text(json.dumps([annotation(score=0.5)]))
    assert "results" in importer.sniff(tmp_path / "r.json").evidence[0]
    (tmp_path / "other.json").write_text('{"labels": []}')
    assert importer.sniff(tmp_path / "other.json") is None
    assert importer.sniff(tmp_path / "missing.json") is None


def test_results_take_names_from_the_instances_file_beside_them(tmp_path, context):
    instances(tmp_path / "gt.json", [])
    src = tmp_path / "results.json"
    src.write_text(json.dumps([annotation(image=9, category=7, score=0.5), annotation(image=9, score=0.1)]))
    assert CocoImporter().classes(src) == [(0, "screw"), (6, "bolt")]
    items, problems = read(CocoImporter(), src, context)
    assert [(i.name, [(a.label, a.score) for a in i.annotations]) for i in items] == [
        ("b.jpg", [("bolt", 0.5), ("screw", 0.1)])
    ]
    assert not problems


def test_results_alone_find_items_by_number_and_labels_by_index(tmp_path):
    context = MemoryContext(task("screw", "nut"), [item("000000000139.jpg"), item("x/140.png")])
    src = tmp_path / "results.json"
    src.write_text(json.dumps([annotation(image=i, category=2, score=0.5) for i in (139, 140, 141, "140")]))
    items, problems = read(CocoImporter(), src, context)
    assert [(context.find(i.name).path(), i.annotations[0].label) for i in items] == [
        ("000000000139.jpg", "nut"),
        ("x/140.png", "nut"),
        ("x/140.png", "nut"),
    ]
    assert len(problems) == 1 and "image 141" in problems[0].message


def test_category_ids_are_permanent_indices_plus_one(tmp_path):
    labels = (
        Label(id="gone", index=0, retired=True),
        Label(id="c", index=3, name="cat"),
        Label(id="old", index=1, retired=True),
        Label(id="a", index=2),
    )
    context = MemoryContext(Task(name="t", type="box", labels=labels))
    list(CocoExporter().write([row([box(1, 2, 3, 4, "old")])], tmp_path, context))
    assert [(c["id"], c["name"]) for c in written(tmp_path)["categories"]] == [(2, "old"), (3, "a"), (4, "cat")]


def test_annotation_ids_are_unique_and_start_at_one(tmp_path, context):
    rows = [row([box(1, 2, 3, 4)] * 3, f"{i}.jpg", split="train" if i else None) for i in range(3)]
    list(CocoExporter().write(rows, tmp_path, replace(context, splits=("train",))))
    assert [a["id"] for a in written(tmp_path)["annotations"]] == [1, 2, 3]
    assert [a["id"] for a in written(tmp_path, "annotations/instances_train.json")["annotations"]] == [1, 2, 3, 4, 5, 6]


def test_a_crowd_is_one_only_where_the_attribute_says_so(tmp_path, context):
    rows = [row([box(1, 2, 3, 4, attributes={"iscrowd": True, "bent": False}), box(1, 2, 3, 4)])]
    items, lost, _ = round_trip(CocoImporter(), CocoExporter(), rows, tmp_path, context)
    assert [a["iscrowd"] for a in written(tmp_path)["annotations"]] == [1, 0]
    assert [a.attributes for a in items["a.jpg"].annotations] == [{"iscrowd": True, "bent": False}, {}]
    assert not lost


def test_images_are_placed_under_the_names_that_the_file_gives(tmp_path, context):
    list(CocoExporter().write([row(name="cam1/a.jpg")], tmp_path, context))
    assert context.placed == [tmp_path / "images" / "cam1" / "a.jpg"]
    assert written(tmp_path)["images"] == [{"id": 1, "file_name": "cam1/a.jpg", "width": 640, "height": 480}]


def test_proposals_with_scores_also_become_results(tmp_path, context):
    rows = [
        row([box(1, 2, 3, 4, score=0.5), box(5, 6, 7, 8)], "a.jpg", "predicted", split="val"),
        row([box(1, 2, 3, 4, score=0.75)], "b.jpg", "auto-accepted", split="val"),
        row([box(1, 2, 3, 4, score=0.9)], "c.jpg", split="val"),
    ]
    lost = list(CocoExporter().write(rows, tmp_path, replace(context, splits=("val",))))
    results = written(tmp_path, "annotations/predictions_val.json")
    assert [(r["image_id"], r["score"]) for r in results] == [(1, 0.5), (2, 0.75)]
    scores = [a.get("score") for a in written(tmp_path, "annotations/instances_val.json")["annotations"]]
    assert scores == [0.5, None, 0.75, 0.9]
    assert not lost


def test_what_coco_cannot_hold_is_said(tmp_path, context):
    rows = [
        row(
            [Class(label="l0"), box(1, 2, 3, 4, "unknown"), box(float("nan"), 2, 3, 4), box(1, 2, 3, 4, track="7")],
            state="flagged",
            note="bent",
            attributes={"blurred": True},
            width=None,
        )
    ]
    items, lost, _ = round_trip(
        CocoImporter(), CocoExporter(), rows, tmp_path, MemoryContext(task("a"), folder=tmp_path)
    )
    assert sorted(loss.what for loss in lost) == sorted(
        ["types", "unusable", "unusable", "tracks", "notes", "item-attributes", "size"]
    )
    assert shapes(items["a.jpg"].annotations) == [("a", (1, 2, 3, 4))]


def test_a_split_that_is_no_name_of_a_file_is_refused(tmp_path, context):
    with pytest.raises(TrainsetError, match=r"\.\./x"):
        list(CocoExporter().write([row(split="../x")], tmp_path, replace(context, splits=("../x",))))


def test_without_splits_asked_for_there_is_one_file(tmp_path, context):
    rows = [row([box(1, 2, 3, 4)], f"{i}.jpg", split=split) for i, split in enumerate(("train", "val", None))]
    list(CocoExporter().write(rows, tmp_path, context))
    assert len(written(tmp_path)["images"]) == 3


def test_an_export_of_nothing_is_still_a_coco_file(tmp_path, context):
    assert list(CocoExporter().write([], tmp_path, context)) == []
    assert read(CocoImporter(), tmp_path, context) == ([], [])


def test_pycocotools_evaluates_an_export_and_its_predictions(tmp_path, context, capsys):
    from pycocotools import coco as api
    from pycocotools.cocoeval import COCOeval

    boxes = [box(10, 20, 100, 50, score=0.9), box(300, 100, 80, 200, "l1", score=0.8)]
    list(CocoExporter().write([row(boxes, "a.jpg", "auto-accepted"), row([], "b.jpg")], tmp_path, context))
    truth = api.COCO(str(tmp_path / "annotations" / "instances_default.json"))
    assert len(truth.getImgIds()) == 2 and len(truth.getAnnIds(iscrowd=False)) == 2
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "annotations" / "predictions_default.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_a_box_is_an_annotation_of_the_given_type(tmp_path, context):
    items, _ = read(CocoImporter(), instances(tmp_path / "x.json", [annotation()] * 2), context)
    assert all(isinstance(a, Box) for a in items[0].annotations)
    assert same_boxes(items[0].annotations, [box(1, 2, 3, 4, "screw")] * 2)
    assert len({a.id for a in items[0].annotations}) == 2
