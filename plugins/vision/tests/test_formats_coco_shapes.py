import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from trainset_vision.annotations import Box, Keypoints, Mask, Polygon, Rle, Skeleton, rle
from trainset_vision.formats.coco import CocoExporter, CocoImporter
from trainset_vision.formats.coco_shapes import plain_boxes, plain_outlines

from trainset.core.codec import Codec, with_ids
from trainset.core.model import Attribute, Label, Task, Undecoded
from trainset.testing import MemoryContext

from .formats_kit import TITLES, read, round_trip, row, task
from .test_formats_coco import annotation, instances, written

SQUARE = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]
INNER = [12.0, 12.0, 18.0, 12.0, 18.0, 18.0, 12.0, 18.0]
APART = [30.25, 30.5, 40.125, 30.5, 40.0, 40.0]
CODEC = Codec({"polygon": Polygon, "mask": Mask, "keypoints": Keypoints})
BOXES = Codec({"box": Box})


def context(type, **more):
    return MemoryContext(replaced(task(*TITLES, type=type), **more))


def replaced(one, **more):
    return msgspec.structs.replace(one, **more) if more else one


def shapes_of(src, type, **more):
    """The annotations of the first image, as they are once they were stored and read; and the problems."""
    items, problems = read(CocoImporter(), src, context(type, **more))
    found = items[0].annotations if items and items[0].name == "a.jpg" else []
    return CODEC.decode(CODEC.encode(with_ids(found))), problems


def one(tmp_path, type="polygon", **more):
    src = instances(tmp_path / "x.json", [annotation(**more)])
    return shapes_of(src, type)


def drawn(rings, size=(48, 64)):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, *size)))


def test_a_polygon_keeps_every_digit_and_blanks_are_no_part_of_it(tmp_path):
    src = instances(tmp_path / "x.json", [annotation(segmentation="S")])
    src.write_text(src.read_text().replace('"S"', "[ [1.123456789012345, 2,\n 3.5 , 4e0,\t5.25,6.0 ] ]"))
    (found,), problems = shapes_of(src, "polygon")
    assert found.polygon == ((1.123456789012345, 2.0, 3.5, 4.0, 5.25, 6.0),) and not problems


def test_rings_apart_are_parts_and_a_ring_inside_another_adds_nothing(tmp_path):
    (found,), _ = one(tmp_path, segmentation=[SQUARE, INNER, APART])
    assert found.polygon == (tuple(SQUARE), tuple(APART))


def test_equal_rings_leave_one_region(tmp_path):
    (found,), _ = one(tmp_path, type="mask", segmentation=[SQUARE, SQUARE])
    assert found.pixels.sum() == drawn([SQUARE]).sum() > 0


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3, 4]], [[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5, 6, 7]], [[1, 2, 3, 4, 5, "6"]], [[1, 2, 3, 4, 5, None]],
        [[1, 2, 3, 4, 5, True]], [1, 2, 3, 4, 5, 6], [[1, 2, 3, 4, 5, 6], 7], [[[1, 2, 3, 4, 5, 6]]], [{"a": 1}], "x", 3,
        {"size": [48, 64]}, {"size": [48, 64], "counts": [1, 2]}, {"size": [48, 64], "counts": [-1, 3073]},
        {"size": [48, 64], "counts": "~~"}, {"size": [48, 64], "counts": ""}, {"size": [48, 64], "counts": "0" * 9},
        {"size": [48], "counts": "1"}, {"size": [2**40, 2**40], "counts": "1"}, {"size": [-1, 5], "counts": []},
    ],
)  # fmt: skip
@pytest.mark.parametrize("type", ["polygon", "mask"])
def test_what_is_no_region_is_said_and_left_out(tmp_path, type, segmentation):
    found, problems = one(tmp_path, type=type, segmentation=segmentation)
    assert found == () and problems


def test_digits_without_end_are_no_number(tmp_path):
    src = instances(tmp_path / "x.json", [annotation(segmentation=[[7777, 2, 3, 4, 5, 6]])])
    src.write_text(src.read_text().replace("7777", "9" * 400))
    found, problems = shapes_of(src, "polygon")
    assert found == () and problems


def test_objects_without_an_outline_are_counted(tmp_path):
    src = instances(tmp_path / "x.json", [annotation(segmentation=[])] * 3 + [annotation(segmentation=[SQUARE])])
    found, problems = shapes_of(src, "polygon")
    assert len(found) == 1 and [p.message.split(" (")[0] for p in problems] == [
        "3 annotations have a box only, no outline"
    ]


_numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.integers(10**300, 10**320),
    st.none(),
    st.text(max_size=3),
)
_json = st.recursive(
    _numbers, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=3), inner), max_leaves=30
)


_rings = st.lists(st.lists(st.floats(-1e4, 1e4) | st.integers(-5, 5), min_size=5, max_size=9), max_size=3)


@given(st.lists(_json | _rings, max_size=4), st.sampled_from([None, 1]))
def test_what_passes_undecoded_is_what_the_polygon_decodes(segmentations, indent):
    texts = [json.dumps(one, indent=indent).encode() for one in segmentations]
    outlines = plain_outlines([msgspec.Raw(text) for text in texts])
    assert len(outlines) == len(texts)
    for text, outline in zip(texts, outlines, strict=True):
        if outline is not None:
            (found,) = CODEC.decode(CODEC.encode([Undecoded("polygon", "a1", None, outline)]), strict=True)
            (ring,) = found.polygon
            assert [*ring] == json.loads(text)[0] and len(ring) >= 6 and not len(ring) % 2 and np.isfinite(ring).all()


def test_plain_polygons_pass_undecoded_and_a_number_without_end_does_not_hide_behind_them():
    plain, endless = b"[[1,2,3,4,5,6.5]]", b"[[1,2,3,4,5,%b]]" % (b"9" * 400)
    texts = [plain, endless, b" [ [1,\n2,3,4,5,6.5] ]", b'{"size":[48,64],"counts":"%b"}' % (b"0" * 400)]
    outlines = plain_outlines([msgspec.Raw(text) for text in texts])
    assert outlines == [b'"polygon":' + plain, None, b'"polygon":' + plain, None]


@given(
    st.lists(
        st.lists(st.floats(-20, 700) | st.integers(-1, 20) | _numbers, min_size=3, max_size=5) | _json, max_size=6
    ),
    st.sampled_from([None, (480, 640)]),
)
def test_boxes_that_pass_undecoded_lie_in_their_image_and_are_what_the_box_decodes(boxes, size):
    fields = plain_boxes([msgspec.Raw(json.dumps(one).encode()) for one in boxes], [None, size], [0, len(boxes)])
    assert len(fields) == len(boxes)
    for box, field in zip(boxes, fields, strict=True):
        if field is not None:
            (found,) = BOXES.decode(b'[{"type":"box",%b}]' % field, strict=True)
            x, y, w, h = found.box
            assert [*found.box] == box and x >= 0 <= y and w > 0 < h
            assert size is None or (x + w <= 640 and y + h <= 480)


def test_boxes_pass_undecoded_beside_those_that_need_a_second_look():
    texts = [b"[1, 2.50,3,4]", b"[0,0,641,1]", b"[-1,0,1,1]", b"[0,0,0,1]", b"[600,400,40,80]"]
    (plain, *others, last) = plain_boxes(list(map(msgspec.Raw, texts)), [(480, 640)], [5])
    assert (plain, last) == (b'"box":[1.0,2.5,3.0,4.0]', b'"box":[600.0,400.0,40.0,80.0]')
    assert others == [None] * 3


def test_run_lengths_stay_a_mask_compressed_or_not(tmp_path):
    pixels = np.zeros((48, 64), bool)
    pixels[3:9, 5:20] = True
    pixels[0, 0] = True
    counts = rle.encode(pixels)
    plain = [int(n) for n in rle.runs(counts, (48, 64))]
    for type in ("mask", "polygon"):
        for written_as in (counts, plain):
            (found,), problems = one(tmp_path, type, segmentation={"size": [48, 64], "counts": written_as}, iscrowd=1)
            assert found.mask == Rle((48, 64), counts) and (found.pixels == pixels).all() and not problems
            assert found.attributes == {"iscrowd": True}


def test_a_mask_of_another_size_than_its_image_is_left_out(tmp_path):
    found, problems = one(
        tmp_path, "mask", segmentation={"size": [64, 48], "counts": rle.encode(np.ones((64, 48), bool))}
    )
    assert not found and "another size" in problems[0].message


@pytest.mark.parametrize("rings", [[SQUARE], [SQUARE, INNER], [SQUARE, APART], [[-5.5, -5.5, 70.2, 3.3, 30.1, 60.9]]])
def test_outlines_are_drawn_as_cocos_tools_draw_them(tmp_path, rings):
    (found,), _ = one(tmp_path, "mask", segmentation=rings)
    assert (found.pixels == drawn(rings)).all()


@pytest.mark.parametrize("type", ["polygon", "mask"])
def test_an_outline_that_leads_out_of_any_image_is_left_out(tmp_path, type):
    found, problems = one(tmp_path, type, segmentation=[[0, 0, 1e300, 0, 1e300, 1e300]])
    assert found == () and problems


POINTS = ("nose", "tail", "paw")
PET = {"id": 1, "name": "screw", "keypoints": list(POINTS), "skeleton": [[1, 2], [2, 3], [9, 1]]}


def keyed(tmp_path, keypoints, category=PET, **more):
    src = instances(tmp_path / "x.json", [annotation(keypoints=keypoints, **more)])
    document = json.loads(src.read_text()) | {"categories": [category]}
    src.write_text(json.dumps(document))
    return src


def test_keypoints_come_with_visibility_and_box(tmp_path):
    src = keyed(tmp_path, [1.5, 2, 2, 3, 4, 1, 0, 0, 0])
    (found,), problems = shapes_of(src, "keypoints", options=Skeleton(points=POINTS))
    assert (
        found.keypoints == ((1.5, 2.0, 2), (3.0, 4.0, 1), (0.0, 0.0, 0)) and found.box == (1, 2, 3, 4) and not problems
    )


def test_keypoints_come_in_the_order_of_the_task(tmp_path):
    src = keyed(tmp_path, [1, 1, 2, 2, 2, 2, 3, 3, 2])
    (found,), _ = shapes_of(src, "keypoints", options=Skeleton(points=("paw", "nose", "tail")))
    assert [p[0] for p in found.keypoints] == [3, 1, 2]


def test_a_task_takes_the_points_that_the_file_names(tmp_path):
    src = keyed(tmp_path, [])
    assert CocoImporter().options(src, Task(name="t", type="keypoints")) == {
        "points": list(POINTS),
        "edges": [["nose", "tail"], ["tail", "paw"]],
    }
    assert CocoImporter().options(src, Task(name="t", type="box")) == {}


@pytest.mark.parametrize(
    "keypoints",
    [[1, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 2], [1, 1, "2"] * 3, [1e300, 0, 2] * 3, {}, "x", [], [0.5] * 9],
)
def test_what_are_no_keypoints_is_said_and_left_out(tmp_path, keypoints):
    found, problems = shapes_of(keyed(tmp_path, keypoints), "keypoints", options=Skeleton(points=POINTS))
    assert found == () and problems


def test_other_points_than_the_tasks_are_left_out(tmp_path):
    found, problems = shapes_of(keyed(tmp_path, [1, 1, 2] * 3), "keypoints", options=Skeleton(points=("a", "b", "c")))
    assert found == () and "other points" in problems[0].message


def test_results_with_masks_and_keypoints_become_annotations_with_scores(tmp_path):
    instances(tmp_path / "gt.json", [])
    counts = rle.encode(np.eye(48, 64, dtype=bool))
    results = [{"image_id": 5, "category_id": 1, "score": 0.5, "segmentation": {"size": [48, 64], "counts": counts}}]
    (tmp_path / "r.json").write_text(json.dumps(results))
    items, problems = read(CocoImporter(), tmp_path / "r.json", context("mask"))
    assert items[0].annotations[0].mask.counts == counts and items[0].annotations[0].score == 0.5 and not problems
    (tmp_path / "r.json").write_text(
        json.dumps([{"image_id": 5, "category_id": 1, "score": 0.5, "keypoints": [1, 2, 0.9, 3, 4, 0.0]}])
    )
    items, problems = read(CocoImporter(), tmp_path / "r.json", context("keypoints"))
    assert items[0].annotations[0].keypoints == ((1, 2, 2), (3, 4, 0)) and not problems


def test_captions_beside_are_an_attribute_of_the_item_where_the_task_has_one(tmp_path):
    src = instances(tmp_path / "instances_train.json", [annotation()])
    captions = [{"id": n, "image_id": 5, "caption": text} for n, text in enumerate(("A cat.", "A  small\ncat."))]
    (tmp_path / "captions_train.json").write_text(
        json.dumps({"images": [{"id": 5, "file_name": "a.jpg"}], "annotations": captions})
    )
    asks = {"attributes": (Attribute(name="caption", type="text", of="item"),)}
    items, _ = read(CocoImporter(), src, context("box", **asks))
    assert [i.attributes for i in items] == [{"caption": "A cat.\nA small cat."}, {}]
    items, _ = read(CocoImporter(), src, context("box"))
    assert items[0].attributes == {}
    assert read(CocoImporter(), tmp_path, context("box", **asks))[0][0].attributes


def test_captions_are_written_beside_and_come_back(tmp_path):
    asks = {"attributes": (Attribute(name="caption", type="text", of="item"),)}
    rows = [row([], attributes={"caption": "A cat.\nA dog.", "blurred": True}), row([], "b.jpg")]
    items, lost, _ = round_trip(CocoImporter(), CocoExporter(), rows, tmp_path, context("box", **asks))
    assert items["a.jpg"].attributes == {"caption": "A cat.\nA dog."} and items["b.jpg"].attributes == {}
    assert [loss.detail for loss in lost] == ["blurred"]
    told = written(tmp_path, "annotations/captions_default.json")
    assert [c["caption"] for c in told["annotations"]] == ["A cat.", "A dog."] and len(told["images"]) == 1


def polygon(*rings, **more):
    return Polygon(id="p", label="l0", polygon=tuple(tuple(map(float, ring)) for ring in rings), **more)


def test_a_polygon_is_written_to_the_last_digit_with_cocos_area_and_box(tmp_path):
    thin = [0.1, 0.2, 30.123456789, 7.1, 12.7, 40.9]
    rows = [row([polygon(thin, APART)], width=64, height=48)]
    items, lost, _ = round_trip(CocoImporter(), CocoExporter(), rows, tmp_path, context("polygon"))
    (entry,) = written(tmp_path)["annotations"]
    region = coco_mask.merge(coco_mask.frPyObjects([thin, APART], 48, 64))
    assert entry["segmentation"] == [thin, APART] and not lost
    assert entry["area"] == coco_mask.area(region) and entry["bbox"] == coco_mask.toBbox(region).tolist()
    (found,) = CODEC.decode(CODEC.encode(items["a.jpg"].annotations))
    assert found.polygon == rows[0].annotations[0].polygon


def test_holes_are_written_as_pixels_and_said(tmp_path):
    rows = [row([polygon(SQUARE, INNER)], width=64, height=48)]
    items, lost, _ = round_trip(CocoImporter(), CocoExporter(), rows, tmp_path, context("polygon"))
    (found,) = items["a.jpg"].annotations
    expected = drawn([SQUARE]).astype(bool) & ~drawn([INNER]).astype(bool)
    assert isinstance(found, Mask) and (found.pixels == expected).all() and [x.what for x in lost] == ["holes"]


def test_holes_in_an_image_of_unknown_size_are_left_out_and_said(tmp_path):
    rows = [row([polygon(SQUARE, INNER)], width=None)]
    lost = list(CocoExporter().write(rows, tmp_path, context("polygon")))
    assert sorted(x.what for x in lost) == ["holes", "size"] and not written(tmp_path)["annotations"]


@given(pixels=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=5, max_size=5), crowd=st.booleans())
def test_a_mask_comes_back_pixel_by_pixel(tmp_path_factory, pixels, crowd):
    there = np.array(pixels)
    mask = Mask(id="m", label="l0", mask=Rle((5, 7), rle.encode(there)), attributes={"iscrowd": True} if crowd else {})
    dest = tmp_path_factory.mktemp("out")
    items, lost, _ = round_trip(CocoImporter(), CocoExporter(), [row([mask], width=7, height=5)], dest, context("mask"))
    (found,) = items["a.jpg"].annotations
    assert (found.pixels == there).all() and found.attributes == mask.attributes and not lost
    (entry,) = written(dest)["annotations"]
    assert entry["area"] == there.sum() and entry["iscrowd"] == crowd
    assert entry["bbox"] == coco_mask.toBbox(coco_mask.encode(np.asfortranarray(there.astype(np.uint8)))).tolist()


def test_a_mask_that_is_none_is_left_out_and_said(tmp_path):
    rows = [row([Mask(id="m", label="l0", mask=Rle((5, 7), "~"))], width=7, height=5)]
    assert [x.what for x in CocoExporter().write(rows, tmp_path, context("mask"))] == ["unusable"]


def test_keypoints_come_back_with_names_edges_and_counts(tmp_path):
    skeleton = Skeleton(points=POINTS, edges=(("nose", "paw"),))
    pet = Keypoints(
        id="k", label="l0", keypoints=((1.25, 2.0, 2), (3.0, 4.5, 1), (0.0, 0.0, 0)), box=(1.0, 1.0, 5.0, 6.0)
    )
    ctx = context("keypoints", options=skeleton)
    items, lost, _ = round_trip(CocoImporter(), CocoExporter(), [row([pet])], tmp_path, ctx)
    (found,) = items["a.jpg"].annotations
    assert (found.keypoints, found.box) == (pet.keypoints, pet.box) and not lost
    document = written(tmp_path, "annotations/person_keypoints_default.json")
    (entry,) = document["annotations"]
    assert entry["num_keypoints"] == 2 and entry["area"] == 30
    assert document["categories"][0]["keypoints"] == list(POINTS)
    assert CocoImporter().options(tmp_path, Task(name="t", type="keypoints"))["edges"] == [["nose", "paw"]]


@pytest.mark.parametrize("type", ["polygon", "mask", "keypoints"])
def test_pycocotools_evaluates_predictions_of_every_kind(tmp_path, type, capsys):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    points = tuple((10.0 + n, 10.0 + 2 * n, 2) for n in range(17))
    pixels = np.zeros((48, 64), bool)
    pixels[10:30, 10:40] = True
    shape = {
        "polygon": polygon(SQUARE, score=0.9),
        "mask": Mask(id="m", label="l0", score=0.9, mask=Rle((48, 64), rle.encode(pixels))),
        "keypoints": Keypoints(id="k", label="l0", score=0.9, keypoints=points),
    }[type]
    rows = [row([shape], state="auto-accepted", width=64, height=48)]
    list(CocoExporter().write(rows, tmp_path, context(type)))
    (of_objects,) = set((tmp_path / "annotations").iterdir()) - {tmp_path / "annotations" / "predictions_default.json"}
    truth = COCO(str(of_objects))
    found = truth.loadRes(str(tmp_path / "annotations" / "predictions_default.json"))
    evaluation = COCOeval(truth, found, "keypoints" if type == "keypoints" else "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_labels_keep_their_numbers(tmp_path):
    labels = (Label(id="a", index=89), Label(id="b", index=6))
    ctx = MemoryContext(Task(name="t", type="polygon", labels=labels))
    one = msgspec.structs.replace(polygon(SQUARE), label="a")
    list(CocoExporter().write([row([one], width=64, height=48)], tmp_path, replace(ctx)))
    assert written(tmp_path)["annotations"][0]["category_id"] == 90
