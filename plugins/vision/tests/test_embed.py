"""Embedders of images: without a model, and ONNX encoders with vectors, tokens and maps of features."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageEnhance
from trainset_vision.embed_appearance import Appearance, AppearanceSettings
from trainset_vision.embed_onnx import OnnxEmbedder, OnnxSettings, recognise

from trainset.cli import cli
from trainset.core.model import Item, Task
from trainset.errors import ConfigError, MediaError, ModelError
from trainset.testing import MemoryContext, check_embedder, dataset

from .layouts_kit import returning


@pytest.fixture
def media(tmp_path):
    return MemoryContext(Task(name="t", type="box"), folder=tmp_path).media


def picture(seed, size=(320, 240)):
    small = np.random.default_rng(seed).integers(0, 255, (7, 9, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def item(folder, name, image, **how):
    image.save(folder / name, **how)
    return Item(key=f"media/{name}", meta={"width": image.width, "height": image.height})


def vectors(embedder, items, media):
    rows = embedder.infer([embedder.prepare(one, media) for one in items])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# -- without a model -------------------------------------------------------------------------------------------


def test_appearance_keeps_the_contract(tmp_path, media):
    items = [item(tmp_path, f"{n}.png", picture(n, (60 + 50 * n, 90))) for n in range(4)]
    check_embedder(Appearance(AppearanceSettings()), items, media)


def copies(image):
    shrunk = image.resize((image.width // 3, image.height // 3))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=30)
    return {
        "smaller": shrunk,
        "compressed": Image.open(stream).convert("RGB"),
        "brighter": ImageEnhance.Brightness(image).enhance(1.15),
        "cut a little": image.crop((4, 3, image.width - 4, image.height - 3)),
    }


@pytest.mark.parametrize("how", list(copies(picture(0))))
def test_copies_are_alike_and_other_pictures_are_not(how, tmp_path, media):
    originals = [item(tmp_path, f"{n}.png", picture(n)) for n in range(5)]
    copied = [item(tmp_path, f"c{n}.png", copies(picture(n))[how]) for n in range(5)]
    embedder = Appearance(AppearanceSettings())
    alike = vectors(embedder, originals, media) @ vectors(embedder, copied, media).T
    assert np.diag(alike).min() > 0.95
    assert alike[~np.eye(5, dtype=bool)].max() < 0.8


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_picture_with_nothing_in_it_has_a_vector(grey, tmp_path, media):
    flat = item(tmp_path, "flat.png", Image.new("RGB", (50, 40), (grey, grey, grey)))
    assert np.isfinite(vectors(Appearance(AppearanceSettings()), [flat], media)).all()


def test_what_cannot_be_read_is_named(tmp_path, media):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    with pytest.raises(MediaError, match=r"bad\.jpg"):
        Appearance(AppearanceSettings()).prepare(Item(key="media/bad.jpg"), media)


# -- ONNX ------------------------------------------------------------------------------------------------------


IMAGE = {"pixel_values": ("float32", [1, 3, 32, 32])}


def model(folder, inputs=None, **outputs):
    return returning(
        folder / "encoder.onnx", {k: np.asarray(v, np.float32) for k, v in outputs.items()}, inputs or IMAGE
    )


def embedder(path, **settings):
    found = recognise(path)
    table = {**found.settings, "path": str(path), **settings}
    return OnnxEmbedder(msgspec.convert(table, OnnxSettings))


def one(made, folder, media):
    return made.infer([made.prepare(item(folder, "a.png", picture(0)), media)])


@pytest.mark.parametrize("shape", [(1, 8), (1, 8, 1, 1), (1, 1, 8)])
def test_one_vector(shape, tmp_path, media):
    path = model(tmp_path, embedding=np.arange(1, 9).reshape(shape))
    assert not recognise(path).questions
    assert one(embedder(path), tmp_path, media).tolist() == [[1, 2, 3, 4, 5, 6, 7, 8]]


@pytest.mark.parametrize("shape", [(3, 32, 32), (32, 32, 3)])
def test_a_model_of_one_picture_has_no_batch_axis(shape, tmp_path, media):
    path = model(tmp_path, {"image": ("float32", shape)}, embedding=[[1, 2, 3]])
    assert one(embedder(path), tmp_path, media).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(("pooling", "expected"), [("cls", [0, 1, 2, 3]), ("mean", [8, 9, 10, 11])])
def test_tokens_are_one_question(pooling, expected, tmp_path, media):
    path = model(tmp_path, last_hidden_state=np.arange(20).reshape(1, 5, 4))
    (question,) = recognise(path).questions
    assert (question.setting, tuple(question.choices)) == ("pooling", ("cls", "mean"))
    assert one(embedder(path, pooling=pooling), tmp_path, media).tolist() == [expected]


def test_a_pooled_output_beside_tokens_is_taken(tmp_path, media):
    path = model(tmp_path, last_hidden_state=np.zeros((1, 5, 4)), pooler_output=[[1, 2, 3, 4]])
    assert not recognise(path).questions
    assert one(embedder(path), tmp_path, media).tolist() == [[1, 2, 3, 4]]


def test_a_map_of_features_is_averaged(tmp_path, media):
    path = model(tmp_path, features=np.arange(64 * 6).reshape(1, 64, 2, 3))
    assert one(embedder(path), tmp_path, media)[0].tolist() == [2.5 + 6 * n for n in range(64)]


def test_several_vectors_are_one_question(tmp_path, media):
    path = model(tmp_path, a=[[1, 2]], b=[[3, 4, 5]])
    (question,) = recognise(path).questions
    assert (question.setting, tuple(question.choices)) == ("output", ("a", "b"))
    assert one(embedder(path, output="b"), tmp_path, media).tolist() == [[3, 4, 5]]


def test_clip_and_others_are_normalised_as_they_were_trained(tmp_path):
    clip = recognise(model(tmp_path, image_embeds=[[1, 2]])).settings["preprocess"]
    assert clip["mean"][0] == pytest.approx(0.48145466) and clip["fit"] == "center-crop"
    assert recognise(model(tmp_path, pooler_output=[[1, 2]])).settings["preprocess"]["mean"][0] == 0.485


def test_a_classifier_is_less_likely_an_embedder(tmp_path):
    scores = returning(tmp_path / "c.onnx", {"scores": np.ones((1, 9), np.float32)}, IMAGE, last="Softmax")
    assert recognise(scores).confidence < 0.2 < recognise(model(tmp_path, embedding=[[1, 2]])).confidence


def test_texts_and_boxes_are_none(tmp_path):
    tokens = {"input_ids": ("int64", [1, 12])}
    assert recognise(model(tmp_path, tokens, embedding=[[1, 2]])) is None
    assert recognise(returning(tmp_path / "n.onnx", {"count": np.array([[3]])}, IMAGE)) is None


def test_vectors_follow_the_picture_in_batches_too(tmp_path, media):
    graph = helper.make_graph(
        [helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[8, 8], strides=[8, 8]),
         helper.make_node("Flatten", ["p"], ["embedding"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 32, 32])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 48])],
    )  # fmt: skip
    path = tmp_path / "mean.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    made = embedder(path)
    check_embedder(made, [item(tmp_path, f"{n}.png", picture(n, (90, 40 + 20 * n))) for n in range(4)], media)


def test_not_finite_is_an_error(tmp_path, media):
    path = model(tmp_path, embedding=[[1, np.nan]])
    with pytest.raises(ModelError, match="NaN"):
        one(embedder(path), tmp_path, media)


def test_wrong_settings_are_named(tmp_path, media):
    path = model(tmp_path, last_hidden_state=np.zeros((1, 5, 4)))
    with pytest.raises(ModelError, match="no output 'x'"):
        embedder(path, output="x")
    with pytest.raises(ConfigError, match="size"):
        embedder(path, preprocess={"size": [64, 64]})
    with pytest.raises(ModelError, match="no vector"):
        one(embedder(path), tmp_path, media)


# -- the command line ------------------------------------------------------------------------------------------


def test_from_a_model_to_what_is_alike(tmp_path):
    (tmp_path / "shots").mkdir()
    for n in range(3):
        picture(n).save(tmp_path / "shots" / f"{n}.png")
    picture(1).resize((160, 120)).save(tmp_path / "shots" / "small.png")
    trainset = dataset(tmp_path / "parts", "vision", "parts:box:screw", tmp_path / "shots")
    added = trainset("model", "add", str(model(tmp_path, image_embeds=[[1, 2]])), "--name", "clip")
    assert "embedder clip: onnx" in added and "[embedders.clip]" in (tmp_path / "parts" / "trainset.toml").read_text()
    assert "embedder clip: 4 vectors made" in trainset("embed")
    assert "4 there already" in trainset("embed", "--embedder", "clip")
    assert "embedder appearance: 4 vectors made" in trainset("embed", "--embedder", "appearance")
    assert trainset("similar", "shots/1.png", "-n", "1", "--embedder", "appearance").split()[1] == "shots/small.png"


def test_a_model_that_is_added_is_looked_at_once(tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr("trainset_vision.embed_onnx.recognise", lambda path: (looked.append(path), recognise(path))[1])
    path = model(tmp_path, embedding=[[1, 2]])
    dataset(tmp_path / "d", "vision", "t:box:a")
    monkeypatch.chdir(tmp_path / "d")
    cli(["model", "add", str(path), "--name", "clip"], standalone_mode=False)
    assert looked == [path] and "[embedders.clip]" in (tmp_path / "d" / "trainset.toml").read_text()
