"""Promptable segmentation: pairs of an encoder and a decoder, shaped as exports are, with masks planted in them."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw
from trainset_vision.annotations import Box, BoxOps, Keypoints, KeypointsOps, Mask, MaskOps, Polygon, PolygonOps, rle
from trainset_vision.prelabel.promptable import Sam, SamSettings, recognise

from trainset.core.model import Item, Label, Task
from trainset.errors import ModelError
from trainset.testing import MemoryContext, check_promptable, dataset

FLOAT = TensorProto.FLOAT
LABELS = (Label(id="screw", index=0), Label(id="nut", index=1))


def info(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, constants):
    values = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, values)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def encoder(path, side=1024, *, sam2=False, free=False):
    """Means of the picture, as embeddings of a sixteenth of its side (and, for SAM 2, as features of a quarter and an eighth)."""
    node = helper.make_node
    cell = side // 16
    nodes = [node("AveragePool", ["planes"], ["small"], kernel_shape=[16, 16], strides=[16, 16]),
             node("Conv", ["small", "mix"], ["image_embed" if sam2 else "image_embeddings"])]  # fmt: skip
    constants = {"mix": np.full((256, 3, 1, 1), 1 / 3, np.float32)}
    outputs = [info("image_embed" if sam2 else "image_embeddings", [1, 256, cell, cell])]
    for n, (stride, depth) in enumerate(((4, 32), (8, 64)) if sam2 else ()):
        nodes += [node("AveragePool", ["planes"], [f"s{n}"], kernel_shape=[stride] * 2, strides=[stride] * 2),
                  node("Conv", [f"s{n}", f"mix{n}"], [f"high_res_feats_{n}"])]  # fmt: skip
        constants[f"mix{n}"] = np.full((depth, 3, 1, 1), 1 / 3, np.float32)
        outputs.append(info(f"high_res_feats_{n}", [1, depth, side // stride, side // stride]))
    if free:  # a picture of any size, in 0..255, without a batch axis, which the graph fits itself
        nodes = [node("Transpose", ["input_image"], ["chw"], perm=[2, 0, 1]), node("Unsqueeze", ["chw", "first"], ["batch"]),
                 node("Resize", ["batch", "", "", "sizes"], ["planes"]), *nodes]  # fmt: skip
        constants |= {"first": np.array([0]), "sizes": np.array([1, 3, side, side])}
        return save(path, nodes, [info("input_image", ["h", "w", 3])], outputs, constants)
    return save(
        path, [node("Identity", ["image"], ["planes"]), *nodes], [info("image", [1, 3, side, side])], outputs, constants
    )


def decoder(path, side=1024, *, masks=1, sam2=False, disc=False, poison=False, transformers=False):
    """The box between the first two points (or a disc of 64 about the first), each further mask by 16 smaller; for SAM 2
    only where the picture is bright."""
    node = helper.make_node
    low = side // 4
    names = ["image_embed", "high_res_feats_0", "high_res_feats_1"] if sam2 else ["image_embeddings"]
    shapes = [[1, 256, side // 16, side // 16], [1, 32, low, low], [1, 64, low // 2, low // 2]]
    inputs = [info(n, s) for n, s in zip(names, shapes, strict=False)]
    inputs += [info("point_coords", [1, "points", 2]), info("point_labels", [1, "points"]),
               info("mask_input", [1, 1, low, low]), info("has_mask_input", [1]), info("orig_im_size", [2])]  # fmt: skip
    grid = (np.arange(low, dtype=np.float32) + 0.5) * 4
    constants = {"gx": grid[None, None, None, :], "gy": grid[None, None, :, None], "one": np.array(1), "nil": np.array(0),
                 "by": (np.arange(masks, dtype=np.float32) * -16)[None, :, None, None], "radius": np.float32(64),
                 "iou": np.array([[0.9, 0.5, 0.8, 0.6][:masks]], np.float32)}  # fmt: skip
    nodes = [node("Gather", ["point_coords", i], [f"p{i}"], axis=1) for i in ("nil",)]
    if not disc:
        nodes.append(node("Gather", ["point_coords", "one"], ["pone"], axis=1))
    for which in ("nil",) if disc else ("nil", "one"):
        for axis, index in (("x", "nil"), ("y", "one")):
            nodes.append(node("Gather", [f"p{which}", index], [f"{axis}{which}"], axis=1))
    if disc:
        nodes += [node("Sub", ["gx", "xnil"], ["dx"]), node("Sub", ["gy", "ynil"], ["dy"]), node("Mul", ["dx", "dx"], ["xx"]),
                  node("Mul", ["dy", "dy"], ["yy"]), node("Add", ["xx", "yy"], ["dd"]), node("Sqrt", ["dd"], ["far"]),
                  node("Sub", ["radius", "far"], ["inside"])]  # fmt: skip
    else:
        nodes += [node("Sub", ["gx", "xnil"], ["a"]), node("Sub", ["xone", "gx"], ["b"]), node("Sub", ["gy", "ynil"], ["c"]),
                  node("Sub", ["yone", "gy"], ["d"]), node("Min", ["a", "b", "c", "d"], ["inside"])]  # fmt: skip
    if sam2:
        constants["zero"] = np.array([0])
        nodes += [
            node("Gather", ["high_res_feats_0", "zero"], ["bright"], axis=1),
            node("Min", ["inside", "bright"], ["seen"]),
        ]
    nodes += [node("Add", ["seen" if sam2 else "inside", "by"], ["low_res_masks"]), node("Identity", ["low_res_masks"], ["masks"]),
              node("Div" if poison else "Identity", ["iou", "none"] if poison else ["iou"], ["iou_predictions"])]  # fmt: skip
    if poison:
        constants |= {"none": np.float32(0), "iou": np.zeros((1, masks), np.float32)}
        nodes[-2] = node("Div", ["low_res_masks", "none"], ["masks"])
        nodes[-3] = node("Mul", ["by", "none"], ["dull"])
        nodes.insert(-2, node("Div", ["dull", "none"], ["nan"]))
        nodes.insert(-2, node("Add", ["inside", "nan"], ["low_res_masks"]))
    if transformers:
        inputs = [info("image_embeddings", shapes[0]), info("input_points", [1, 1, "points", 2]),
                  info("input_labels", [1, 1, "points"], TensorProto.INT64)]  # fmt: skip
        constants["whole"] = np.array([0])
        nodes = [node("Squeeze", ["input_points", "whole"], ["point_coords"]), *nodes[:-2],
                 node("Unsqueeze", ["low_res_masks", "whole"], ["pred_masks"]), node("Unsqueeze", ["iou", "whole"], ["iou_scores"])]  # fmt: skip
        outputs = [info("iou_scores", [1, 1, masks]), info("pred_masks", [1, 1, masks, low, low])]
        return save(path, nodes, inputs, outputs, constants)
    outputs = [info(n, [1, masks, low, low]) for n in ("masks", "low_res_masks")] + [
        info("iou_predictions", [1, masks])
    ]
    return save(path, nodes, inputs, outputs, constants)


def task(kind="mask"):
    return Task(name="regions", type=kind, labels=LABELS)


def model(path, kind="mask", **settings):
    found = recognise(path, task(kind))
    assert not found.questions
    return Sam(msgspec.convert({**found.settings, "path": str(path), **settings}, SamSettings), task(kind))


def shown(made, folder, *prompts, image=None):
    picture = image or Image.new("RGB", (300, 200), (90, 90, 90))
    picture.save(folder / "a.png")
    item = Item(key="media/a.png", meta={"width": picture.width, "height": picture.height})
    context = MemoryContext(task(), folder=folder)
    return list(made.prompt(made.encode(made.prepare(item, context)), prompts))


def pixels(mask):
    return rle.decode(mask.mask.counts, mask.mask.size)


def extent(mask):
    rows, columns = np.nonzero(pixels(mask).any(axis=1))[0], np.nonzero(pixels(mask).any(axis=0))[0]
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


BOX = Box(id="b1", label="screw", box=(60.0, 40.0, 90.0, 80.0))
BOXES = (BOX, Box(id="b2", label="nut", box=(200.0, 100.0, 80.0, 90.0)))


@pytest.fixture
def pair(tmp_path):
    decoder(tmp_path / "vit_b_decoder.onnx")
    return encoder(tmp_path / "vit_b_encoder.onnx")


def test_a_box_becomes_the_mask_that_it_shows(pair, tmp_path):
    (found,) = shown(model(pair), tmp_path, BOX)
    assert isinstance(found, Mask) and (found.id, found.label, found.score) == ("b1", "screw", 0.9)
    assert np.abs(np.subtract(extent(found), [60, 40, 150, 120])).max() <= 1


def test_a_polygon_where_the_task_wants_one(pair, tmp_path):
    (found,) = shown(model(pair, "polygon"), tmp_path, BOX)
    corners = np.reshape(found.polygon[0], (-1, 2))
    assert isinstance(found, Polygon)
    assert np.abs([*corners.min(axis=0), *corners.max(axis=0)] - np.array([60, 40, 150, 120])).max() <= 1


def test_each_mask_keeps_the_id_and_label_of_its_box(pair, tmp_path):
    assert [(a.id, a.label) for a in shown(model(pair), tmp_path, *BOXES)] == [("b1", "screw"), ("b2", "nut")]


@pytest.mark.parametrize("size", [(40, 500), (1500, 700), (1024, 1024), (33, 33)])
def test_pictures_of_any_shape(size, pair, tmp_path):
    w, h = size
    box = Box(id="b", label="nut", box=(w * 0.25, h * 0.3, w * 0.5, h * 0.4))
    (found,) = shown(model(pair), tmp_path, box, image=Image.new("RGB", size))
    assert np.abs(np.subtract(extent(found), [w * 0.25, h * 0.3, w * 0.75, h * 0.7])).max() <= 1


def test_sam_2_stretches_and_sees_details(tmp_path):
    decoder(tmp_path / "sam2.decoder.onnx", sam2=True)
    path = encoder(tmp_path / "sam2.encoder.onnx", sam2=True)
    image = Image.new("RGB", (300, 200))
    ImageDraw.Draw(image).ellipse((80, 60, 120, 100), fill=(255, 255, 255))
    made = model(path)
    assert made.preprocess.fit == "stretch"
    (found,) = shown(made, tmp_path, BOX, image=image)
    drawn = np.asarray(image)[..., 0] > 0
    assert (drawn & pixels(found)).sum() / (drawn | pixels(found)).sum() > 0.95


def test_a_point_shows_what_is_about_it(tmp_path):
    decoder(tmp_path / "d.onnx", disc=True)
    point = Keypoints(id="k", label="nut", keypoints=((150.0, 100.0, 2),))
    (found,) = shown(model(encoder(tmp_path / "e.onnx")), tmp_path, point)
    radius = 64 * 300 / 1024
    assert np.abs(np.subtract(extent(found), [150 - radius, 100 - radius, 150 + radius, 100 + radius])).max() <= 1


@pytest.mark.parametrize(
    ("prompts", "smaller"), [((BOX,), 2), ((BOX, Keypoints(id="b1", keypoints=((90.0, 80.0, 2),))), 0)]
)
def test_of_several_masks_the_likeliest_for_how_closely_it_is_shown(prompts, smaller, tmp_path):
    decoder(tmp_path / "d.onnx", masks=4)
    (found,) = shown(model(encoder(tmp_path / "e.onnx")), tmp_path, *prompts)
    by = smaller * 16 * 300 / 1024
    assert np.abs(np.subtract(extent(found), [60 + by, 40 + by, 150 - by, 120 - by])).max() <= 1


def test_exports_by_transformers_are_shown_the_middle_of_a_box(tmp_path):
    decoder(tmp_path / "d.onnx", disc=True, transformers=True)
    path = encoder(tmp_path / "e.onnx")
    assert any("by their centres" in sentence for sentence in recognise(path, task()).evidence)
    (found,) = shown(model(path), tmp_path, BOX)
    radius = 64 * 300 / 1024
    assert np.abs(np.subtract(extent(found), [105 - radius, 80 - radius, 105 + radius, 80 + radius])).max() <= 1


def test_an_encoder_of_pictures_as_they_are(tmp_path):
    decoder(tmp_path / "d.onnx")
    (found,) = shown(model(encoder(tmp_path / "e.onnx", free=True)), tmp_path, BOX)
    assert np.abs(np.subtract(extent(found), [60, 40, 150, 120])).max() <= 1


def test_the_contract(pair, tmp_path):
    ops = {Box: BoxOps(), Mask: MaskOps(), Polygon: PolygonOps(), Keypoints: KeypointsOps()}
    context = MemoryContext(task(), folder=tmp_path, ops=ops)
    items = []
    for n, size in enumerate(((300, 200), (220, 400))):
        Image.new("RGB", size, (n, 50, 90)).save(tmp_path / f"{n}.png")
        items.append(Item(key=f"media/{n}.png", meta={"width": size[0], "height": size[1]}))
    check_promptable(model(pair), items, context, BOXES)


def test_nothing_shown_and_nothing_found(pair, tmp_path):
    made = model(pair)
    assert shown(made, tmp_path) == []
    assert shown(made, tmp_path, Keypoints(id="k", keypoints=((0.0, 0.0, 0),))) == []
    assert shown(made, tmp_path, Box(id="b", label="nut", box=(500.0, 500.0, 10.0, 10.0))) == []


def test_numbers_that_are_none_are_an_error(tmp_path):
    decoder(tmp_path / "d.onnx", poison=True)
    with pytest.raises(ModelError, match="not finite"):
        shown(model(encoder(tmp_path / "e.onnx")), tmp_path, BOX)


# -- recognising -------------------------------------------------------------------------------------------------


def test_a_decoder_says_what_to_add(pair, tmp_path):
    with pytest.raises(ModelError, match="second half") as raised:
        recognise(tmp_path / "vit_b_decoder.onnx", task())
    assert "encoder" in raised.value.hint


def test_the_decoder_of_the_same_name_is_taken(pair, tmp_path):
    decoder(tmp_path / "vit_l_decoder.onnx")
    assert recognise(pair, task()).settings["decoder"] == "vit_b_decoder.onnx"


def test_several_decoders_are_one_question(pair, tmp_path):
    (tmp_path / "vit_b_decoder.onnx").rename(tmp_path / "one.onnx")
    decoder(tmp_path / "two.onnx", masks=4)
    (question,) = recognise(pair, task()).questions
    assert (question.setting, question.choices) == ("decoder", ("one.onnx", "two.onnx"))


def test_other_tasks_and_other_models_are_none_of_its_business(pair, tmp_path):
    assert recognise(pair, task("keypoints")) is None
    (tmp_path / "vit_b_decoder.onnx").unlink()
    assert recognise(pair, task()).questions[0].setting == "decoder"


def test_another_decoder_under_the_name_is_refused(pair, tmp_path):
    found = recognise(pair, task())
    decoder(tmp_path / "vit_b_decoder.onnx", masks=4)
    with pytest.raises(ModelError, match="not the decoder"):
        Sam(msgspec.convert({**found.settings, "path": str(pair)}, SamSettings), task())


def test_a_decoder_that_does_not_fit_is_refused(pair, tmp_path):
    decoder(tmp_path / "other.onnx", sam2=True)
    with pytest.raises(ModelError, match="no pair"):
        model(pair, decoder="other.onnx", decoder_digest=None, **{"decoder-digest": None})
    with pytest.raises(ModelError, match="leads out"):
        model(pair, decoder="../other.onnx", **{"decoder-digest": None})


# -- in batch -----------------------------------------------------------------------------------------------------


def test_boxes_of_a_task_become_masks_of_another(pair, tmp_path):
    (tmp_path / "shots").mkdir()
    for n in range(3):
        Image.new("RGB", (300, 200), (n, 90, 90)).save(tmp_path / "shots" / f"{n}.png")
    trainset = dataset(tmp_path / "parts", "vision", "parts:box:screw,nut", tmp_path / "shots")
    trainset("task", "add", "regions:mask:screw,nut")
    added = trainset("model", "add", str(pair), "--task", "regions", "--name", "sam", "--prompts", "parts")
    assert "its decoder is vit_b_decoder.onnx" in added
    boxes = json.loads(msgspec.json.encode(BOXES))
    trainset("decide", "shots/0.png", "--task", "parts", "--verdict", "corrected", "--annotations", json.dumps(boxes))
    trainset("decide", "shots/1.png", "--task", "parts", "--verdict", "corrected", "--annotations", "[]")
    done = trainset.both("prelabel", "--task", "regions", "--yes")
    assert "3 items" in done.stdout and "1 failed" in done.stdout and "says nothing of it" in done.stderr
    proposed = json.loads(trainset("show", "shots/0.png", "--task", "regions", "--json"))
    assert [a["label"] for a in proposed["tasks"]["regions"]["proposal"]] == ["screw", "nut"]
    trainset(
        "decide", "shots/2.png", "--task", "parts", "--verdict", "corrected", "--annotations", json.dumps(boxes[:1])
    )
    assert "1 item" in trainset("prelabel", "--task", "regions", "--yes")  # the one that had failed
    proposed = json.loads(trainset("show", "shots/2.png", "--task", "regions", "--json"))
    assert len(proposed["tasks"]["regions"]["proposal"]) == 1


def test_what_prompts_must_be_said_and_must_be_there(pair, tmp_path):
    (tmp_path / "shots").mkdir()
    Image.new("RGB", (300, 200)).save(tmp_path / "shots" / "a.png")
    trainset = dataset(tmp_path / "parts", "vision", "regions:mask:screw,nut", tmp_path / "shots")
    trainset("model", "add", str(pair), "--name", "sam")
    assert "wants prompts" in trainset.both("prelabel", code=1).stderr
    trainset("model", "add", str(pair), "--name", "sam", "--prompts", "nowhere")
    assert "no task, model or run is called 'nowhere'" in trainset.both("prelabel", code=1).stderr
