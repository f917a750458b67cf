"""Label Studio's exports: people, models, percent, brushes, and the names that images get there."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from trainset_vision.annotations import Box, Polygon, Polyline, Rle, RotatedBox, rle
from trainset_vision.formats import label_studio_brush as brush
from trainset_vision.formats.label_studio import LabelStudioImporter
from trainset_vision.formats.label_studio_names import address_of, names_of, original

from trainset.core.model import Item
from trainset.errors import RecordError
from trainset.plugins import Imported
from trainset.testing import dataset

from . import shapes_kit as kit

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def result(kind, value, label="screw", id="r1", **more):
    about = {"id": id, "from_name": "label", "to_name": "image", "type": kind, "origin": "manual"}
    return SIZE | about | {"value": value | {kind: [label]}} | more


def box(x=10, y=20, width=30, height=40, rotation=0, **more):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation}
    return result("rectanglelabels", value, **more)


def task(*annotations, image="/data/upload/1/ab12cd34-a.jpg", **more):
    return {"id": 1, "data": {"image": image}, "annotations": list(annotations), "predictions": [], "drafts": []} | more


def annotation(*results, by=1, **more):
    return {"id": 7, "completed_by": by, "result": list(results), "was_cancelled": False} | more


def read(content, type, tmp_path, items=(), name="parts"):
    path = tmp_path / "project-1-at-2024.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    context = kit.context(type, items)
    found = list(LabelStudioImporter().read(path, context))
    return [f for f in found if isinstance(f, Imported)], [f.message for f in found if not isinstance(f, Imported)]


def annotations(content, type, tmp_path):
    items, problems = read(content, type, tmp_path)
    assert not problems
    return items[0].annotations


def test_percent_become_pixels(tmp_path):
    found = annotations([task(annotation(box()))], "box", tmp_path)
    assert found == [Box(label="screw", box=(20, 20, 60, 40))]


def test_a_box_is_turned_about_its_top_left_corner(tmp_path):
    found = annotations([task(annotation(box(50, 20, 10, 10, 90)))], "rotated-box", tmp_path)
    assert isinstance(found[0], RotatedBox)
    assert found[0].rotated_box == pytest.approx((95, 30, 20, 10, 90))
    corners = kit.numbers(found[0])
    assert corners[:2] == pytest.approx((100, 20))


def test_polygons_lines_and_vectors(tmp_path):
    points = [[10, 10], [20, 10], [20, 40]]
    vertices = [{"id": str(n), "x": x, "y": y, "isBezier": False} for n, (x, y) in enumerate(points)]
    said = annotation(
        result("polygonlabels", {"points": points, "closed": True}),
        result("polygonlabels", {"points": points}, id="r2"),
    )
    ring = (20, 10, 40, 10, 40, 40)
    assert annotations([task(said)], "polygon", tmp_path) == [Polygon(label="screw", polygon=(ring,))] * 2
    said = annotation(
        result("polygonlabels", {"points": points, "closed": False}),
        result("vectorlabels", {"vertices": vertices, "closed": False}, id="r2"),
    )
    assert annotations([task(said)], "polyline", tmp_path) == [Polyline(label="screw", polyline=ring)] * 2


def test_ellipses_have_boxes_only(tmp_path):
    said = annotation(result("ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 5, "rotation": 90}))
    items, problems = read([task(said)], "box", tmp_path)
    assert items[0].annotations[0].box == pytest.approx((95, 30, 10, 40))
    assert problems[0].startswith("1 ellipses and circles are read as the boxes about them")
    assert read([task(said)], "polygon", tmp_path)[0] == []


def test_the_label_may_be_of_another_control_and_answers_are_about_a_region(tmp_path):
    place = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
    said = annotation(
        SIZE | {"id": "r", "from_name": "rect", "type": "rectangle", "value": place},
        SIZE | {"id": "r", "from_name": "kind", "type": "labels", "value": place | {"labels": ["screw"]}},
        SIZE | {"id": "r", "from_name": "state", "type": "choices", "value": place | {"choices": ["bent"]}},
        SIZE | {"id": "r", "from_name": "length", "type": "number", "value": place | {"number": 12.5}},
        SIZE | {"id": "r", "from_name": "text", "type": "textarea", "value": place | {"text": ["two", "lines"]}},
        SIZE | {"id": "r", "from_name": "how", "type": "rating", "value": place | {"rating": 3}},
        {"type": "relation", "from_id": "r", "to_id": "q", "direction": "right", "labels": ["on"]},
    )
    items, problems = read([task(said)], "box", tmp_path)
    assert items[0].annotations == [
        Box(
            label="screw",
            box=(20, 20, 60, 40),
            attributes={"state": "bent", "length": 12.5, "text": "two\nlines", "how": 3},
        )
    ]
    assert problems == ["1 relations between regions are left out"]


def test_each_person_counts_with_the_last_annotation_and_skipped_ones_do_not(tmp_path):
    said = task(
        annotation(box(1), by=1, updated_at="2024-01-02T00:00:00Z"),
        annotation(box(2), by=1, updated_at="2024-01-01T00:00:00Z"),
        annotation(box(3), by={"id": 9, "email": "ana@example.com"}),
        annotation(box(4), by=3, was_cancelled=True),
        drafts=[{"result": [box(5)]}],
    )
    items, problems = read([said], "box", tmp_path)
    assert [(i.reviewer, i.annotations[0].box[0], i.state) for i in items] == [
        ("user-1", 2, None),
        ("ana@example.com", 6, None),
    ]
    assert [p[:40] for p in problems] == [
        "1 annotations are left out, since the sa",
        "1 annotations were skipped by who made t",
    ]


def test_predictions_are_proposals_with_scores(tmp_path):
    model = {"model_version": "m1", "score": 0.3, "result": [box(1, score=0.75)]}
    said = task(predictions=[{"model_version": "m0", "result": []}, model, 12])
    items, problems = read([said], "box", tmp_path)
    assert [(i.state, i.reviewer, i.annotations[0].score) for i in items] == [("predicted", None, 0.75)]
    assert problems[0].startswith("1 predictions are left out")


def test_an_empty_annotation_says_that_nothing_is_there_and_none_that_nobody_looked(tmp_path):
    items, problems = read(
        [task(annotation()), task(image="b.jpg"), task(annotation(was_cancelled=True), image="c.jpg")], "box", tmp_path
    )
    assert [(i.name, i.annotations, i.state) for i in items] == [
        ("a.jpg", [], None), ("b.jpg", [], "unlabelled"), ("c.jpg", [], "unlabelled"),
    ]  # fmt: skip
    assert len(problems) == 1


def test_choices_and_paths_of_a_taxonomy_are_classes(tmp_path):
    said = annotation(
        {"id": "c", "from_name": "choice", "type": "choices", "value": {"choices": ["screw", "no"]}},
        {"id": "t", "from_name": "tax", "type": "taxonomy", "value": {"taxonomy": [["Animals", "Dog"]]}},
    )
    assert [a.label for a in annotations([task(said)], "classify", tmp_path)] == ["screw", "no", "Animals/Dog"]
    path = tmp_path / "project-1-at-2024.json"
    assert LabelStudioImporter().classes(path) == [(None, "screw"), (None, "no"), (None, "Animals/Dog")]


def test_choices_of_the_control_called_as_the_task_are_its_classes(tmp_path):
    said = annotation(
        {"id": "c", "from_name": "parts", "type": "choices", "value": {"choices": ["screw"]}},
        {"id": "d", "from_name": "weather", "type": "choices", "value": {"choices": ["rain"]}},
    )
    assert [a.label for a in annotations([task(said)], "classify", tmp_path)] == ["screw"]


def test_answers_of_another_kind_are_no_empty_images(tmp_path):
    choice = {"id": "c", "from_name": "choice", "type": "choices", "value": {"choices": ["ok"]}}
    items, problems = read([task(annotation(choice))], "box", tmp_path)
    assert not items
    assert problems[0].startswith("1 annotations are of another kind than regions")
    items, _ = read([task(annotation(choice)), task(annotation(box()), image="b.jpg")], "box", tmp_path)
    assert [len(i.annotations) for i in items] == [0, 1]


def test_points_with_one_parent_are_one_object(tmp_path):
    def point(id, label, x, parent=None):
        found = result("keypointlabels", {"x": x, "y": 10, "width": 0.5}, label=label, id=id)
        return found | ({"parentID": parent} if parent else {})

    said = annotation(box(id="o", label="b"), point("1", "nose", 10, "o"), point("2", "7", 20, "o"))
    found = annotations([task(said)], "keypoints", tmp_path)
    assert [(a.label, a.keypoints, a.box) for a in found] == [
        ("b", ((20, 10, 2), (0, 0, 0), (40, 10, 2)), (20, 20, 60, 40))
    ]
    items, problems = read([task(annotation(point("1", "nose", 10)))], "keypoints", tmp_path)
    assert not items
    assert "belong to no region" in problems[0]


def test_json_min(tmp_path):
    place = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "original_width": 200, "original_height": 100}
    line = {
        "image": "/data/upload/1/ab12cd34-a.jpg", "id": 1, "label": [place | {"rectanglelabels": ["screw"]}],
        "annotator": 1, "annotation_id": 1, "created_at": "2024", "updated_at": "2024", "lead_time": 3.1,
    }  # fmt: skip
    items, problems = read([line], "box", tmp_path)
    assert [(i.name, i.reviewer, i.annotations) for i in items] == [
        ("a.jpg", "user-1", [Box(label="screw", box=(20, 20, 60, 40))])
    ]
    assert not problems
    assert LabelStudioImporter().sniff(tmp_path)
    line = {"image": "https://x.example/a.jpg?sig=1", "choice": "screw", "annotator": "ana", "id": 3}
    items, _ = read([line, line | {"image": "b.jpg", "choice": {"choices": ["no", "b"]}}], "classify", tmp_path)
    assert [[a.label for a in i.annotations] for i in items] == [["screw"], ["no", "b"]]


def test_other_layouts_of_the_same(tmp_path):
    inner = {"id": 1, "data": {"image": "a.jpg"}}
    assert annotations({"id": 7, "result": [box()], "task": inner, "completed_by": {"id": 1}}, "box", tmp_path)
    assert annotations([inner | {"completions": [{"result": [box()], "id": 1001}]}], "box", tmp_path)
    assert annotations("\ufeff" + json.dumps([task(annotation(box()))]), "box", tmp_path)


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("/data/upload/1/ab12cd34-a%20b.jpg", ["data/upload/1/ab12cd34-a b.jpg", "ab12cd34-a b.jpg", "a b.jpg"]),
        ("/data/local-files/?d=shots%2Fx/a.jpg", ["shots/x/a.jpg", "x/a.jpg", "a.jpg"]),
        ("/data/local-files/?d=C:\\shots\\a.jpg", ["shots/a.jpg", "a.jpg"]),
        ("s3://bucket/shots/ü.jpg", ["shots/ü.jpg", "ü.jpg"]),
        ("gs://bucket/a.jpg", ["a.jpg"]),
        ("https://h.example/x/a.jpg?X-Amz-Signature=1&b=/c.png", ["x/a.jpg", "a.jpg"]),
        ("/tasks/3/resolve/?fileuri=" + base64.b64encode(b"s3://b/x/a.jpg").decode(), ["x/a.jpg", "a.jpg"]),
        ("../../../etc/a.jpg", ["etc/a.jpg", "a.jpg"]),
    ],
)
def test_addresses_stand_for_file_names(address, names):
    found = names_of(address)
    assert [name for name in names if name not in found] == []
    assert found[-1] == names[-1]
    assert all(".." not in name for name in found)


def test_an_uploaded_image_is_found_by_its_own_name(tmp_path):
    assert original("/data/upload/1/ab12cd34-a.jpg") == "a.jpg"
    item = Item(key="media/x/a.jpg", meta={"width": 200, "height": 100})
    items, _ = read([task(annotation(box()))], "box", tmp_path, [item])
    assert items[0].name == "a.jpg"
    items, _ = read([task(annotation(box()))], "box", tmp_path, [Item(key="media/ab12cd34-a.jpg")])
    assert items[0].name == "ab12cd34-a.jpg"


def test_the_image_is_found_among_a_tasks_data():
    assert address_of({"text": "about a.txt", "shot": "https://x.example/y.png"}) == "https://x.example/y.png"
    assert address_of({"image": "s3://b/no-suffix", "n": 3}) == "s3://b/no-suffix"
    assert address_of({"text": "nothing"}) is None


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_brush_mask_comes_back(width, height, data):
    pixels = np.array(data.draw(st.lists(st.booleans(), min_size=width * height, max_size=width * height)))
    mask = Rle((height, width), rle.encode(pixels.reshape(height, width)))
    assert brush.decode(brush.encode(mask), mask.size) == mask


def test_a_brush_mask_packed_with_stretches_of_different_values():
    # 2×1 pixels: (9, 9, 9, 0) as a run of three and one value, then (1, 2, 3, 255) as four values of 8 bits.
    bits = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "1" + "00" + "010" + f"{9:08b}" + "0" + "00" + "000" + f"{0:08b}"
    bits += "0" + "00" + "011" + "".join(f"{value:08b}" for value in (1, 2, 3, 255))
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]
    found = brush.decode(packed, (1, 2))
    assert rle.decode(found.counts, found.size).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "packed", [None, [], [300], ["a"], [0] * 9, [255] * 4, [0, 0, 0, 8, 63], [0, 0, 0, 8, 57, 27, 124, 7]]
)
def test_what_is_no_brush_mask_is_refused(packed):
    with pytest.raises(RecordError):
        brush.decode(packed, (1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (box(width=0), "the box has no area: it is 0×40"),
        (box(x="no"), "'no' is no number that could lie in an image"),
        (box(x=1e300), "1e+300 is no number that could lie in an image"),
        (box(image_rotation=90), "1 regions were drawn on an image that was turned in Label Studio"),
        (SIZE | {"id": "z", "type": "rectangle", "value": {"x": 1, "y": 1, "width": 1, "height": 1}}, "1 objects have no label"),
        (result("brushlabels", {"format": "rle", "rle": [1, 2, 3]}), "the mask ends too early"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_region_is_said(wrong, message, tmp_path):
    _, problems = read([task(annotation(wrong, box(id="ok")))], "mask" if "brush" in str(wrong) else "box", tmp_path)
    assert problems[0].startswith(message)


def test_regions_without_a_size_are_left_out(tmp_path):
    region = {k: v for k, v in box().items() if not k.startswith("original")}
    items, problems = read([task(annotation(region))], "box", tmp_path)
    assert not items
    assert "it is not known how large" in problems[0]
    known = Item(key="media/a.jpg", meta={"width": 200, "height": 100})
    assert read([task(annotation(region))], "box", tmp_path, [known])[0][0].annotations[0].box == (20, 20, 60, 40)


def test_tasks_of_text_are_left_out(tmp_path):
    items, problems = read([{"id": 3, "data": {"text": "hello"}, "annotations": []}], "box", tmp_path)
    assert not items
    assert problems == ["1 tasks show no image and are left out (first: task 3)"]


def test_people_and_models_of_one_task_are_told_apart(tmp_path):
    (tmp_path / "shots").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "shots" / "a.jpg")
    said = task(annotation(box()), predictions=[{"result": [box(label="nut", score=0.5)]}])
    (tmp_path / "tasks.json").write_text(json.dumps([said]))
    trainset = dataset(tmp_path / "parts", "vision", "parts:box:screw,nut", tmp_path / "shots")
    trainset("import", "auto", str(tmp_path / "tasks.json"), "--task", "parts", "--as", "predictions")
    trainset("import", "label-studio", str(tmp_path / "tasks.json"), "--task", "parts")
    shown = trainset("show", "shots/a.jpg")
    assert "reviewed by user-1" in shown
    assert "screw" in shown
    predicted = next((tmp_path / "parts" / "predictions").rglob("*.jsonl")).read_text()
    assert '"label":"nut"' in predicted
    assert "screw" not in predicted


def test_answers_without_a_choice_are_no_images_without_a_class(tmp_path):
    text = {"id": "t", "from_name": "remark", "type": "textarea", "value": {"text": ["dark"]}}
    rain = {"id": "d", "from_name": "weather", "type": "choices", "value": {"choices": ["rain"]}}
    own = {"id": "c", "from_name": "parts", "type": "choices", "value": {"choices": ["screw"]}}
    tasks = [task(annotation(text)), task(annotation(rain), image="b.jpg"), task(annotation(own), image="c.jpg")]
    items, problems = read(tasks, "classify", tmp_path)
    assert [(i.name, [a.label for a in i.annotations]) for i in items] == [("b.jpg", []), ("c.jpg", ["screw"])]
    assert problems[0].startswith("1 annotations are of another kind than choices")
