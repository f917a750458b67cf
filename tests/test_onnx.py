"""Models as files: what they are, what identifies them, and where they run."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from trainset.core.files import digest_file
from trainset.errors import ModelError
from trainset.onnx import Session, available_providers, inspect, model_digest, wheels
from trainset.onnx.wire import declared

WEIGHTS = np.arange(6, dtype=np.float32).reshape(3, 2)


def linear(batch: int | str = "batch", dtype: int = TensorProto.FLOAT):
    """x (batch, 3) @ WEIGHTS (3, 2), then softmax and a reshape."""
    weights = WEIGHTS.astype(helper.tensor_dtype_to_np_dtype(dtype))
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Softmax", ["y"], ["p"]),
            helper.make_node("Flatten", ["p"], ["out"]),
        ],
        "linear",
        [helper.make_tensor_value_info("x", dtype, [batch, 3])],
        [helper.make_tensor_value_info("out", dtype, [batch, 2])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests")
    helper.set_model_props(model, {"task": "classify", "names": "{0: 'é', 1: 'b'}"})
    return model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "linear.onnx"
    onnx.save(linear(), path)
    return path


@pytest.fixture
def split(tmp_path: Path) -> Path:
    path = tmp_path / "split.onnx"
    onnx.save(linear(), path, save_as_external_data=True, location="split.bin", size_threshold=0)
    return path


def expect(path: Path, *words: str, hint: str = "") -> None:
    with pytest.raises(ModelError) as caught:
        inspect(path)
    assert all(word in caught.value.message for word in (*words, str(path))), caught.value.message
    assert caught.value.hint and hint in caught.value.hint
    with pytest.raises(ModelError):
        Session(path)


def test_a_file_says_what_goes_in_and_out(model):
    info = inspect(model)
    assert [(t.name, t.dtype, t.shape) for t in info.inputs] == [("x", "float32", ("batch", 3))]
    assert [(t.name, t.dtype, t.shape) for t in info.outputs] == [("out", "float32", ("batch", 2))]


def test_a_file_says_where_it_comes_from(model):
    info = inspect(model)
    assert (info.producer, info.opset, info.external) == ("tests", 17, ())
    assert info.metadata == {"task": "classify", "names": "{0: 'é', 1: 'b'}"}


def test_the_last_operator_is_the_one_before_reshapes(model):
    assert inspect(model).last == {"out": "Softmax"}
    assert inspect(model).operators == {"MatMul", "Softmax", "Flatten"}


def test_half_precision_is_told(tmp_path):
    onnx.save(linear(dtype=TensorProto.FLOAT16), tmp_path / "half.onnx")
    assert inspect(tmp_path / "half.onnx").inputs[0].dtype == "float16"


def test_another_file_under_the_same_name_is_inspected_anew(model):
    inspect(model)
    onnx.save(linear(batch=1), model)
    assert inspect(model).inputs[0].shape == (1, 3)


def test_the_digest_of_one_file_is_that_of_its_bytes(model):
    assert model_digest(model) == digest_file(model)


def test_the_digest_covers_external_data(split):
    before = model_digest(split)
    assert before != digest_file(split)
    weights = split.with_name("split.bin")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert model_digest(split) != before


def test_the_digest_does_not_depend_on_the_folder(split, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    for name in ("split.onnx", "split.bin"):
        (other / name).write_bytes(split.with_name(name).read_bytes())
    assert model_digest(other / "split.onnx") == model_digest(split)


def test_external_data_is_found_in_constants_of_subgraphs(tmp_path):
    inner = helper.make_tensor("c", TensorProto.FLOAT, [1], [1.0])
    inner.ClearField("float_data")
    inner.data_location = TensorProto.EXTERNAL
    inner.external_data.add(key="location", value="inner.bin")
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["o"], value=inner)],
        "branch",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [1])],
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["o"], then_branch=branch, else_branch=branch)],
        "outer",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [1])],
    )
    path = tmp_path / "nested.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    assert declared(path).external == {"inner.bin"}


def test_missing_external_data_is_named(split):
    split.with_name("split.bin").unlink()
    expect(split, "split.bin", "missing", hint="copy split.bin")
    with pytest.raises(ModelError, match=r"split\.bin"):
        model_digest(split)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd"])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    broken = linear()
    tensor = broken.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path = tmp_path / "outside.onnx"
    path.write_bytes(broken.SerializeToString())
    expect(path, location, "outside")


def test_a_path_that_does_not_exist_is_named(tmp_path):
    expect(tmp_path / "none.onnx", "does not exist")


def test_a_folder_is_no_model(tmp_path):
    expect(tmp_path, "folder")


@pytest.mark.parametrize(
    "content", [b"hello, world", b"\x89PNG\r\n\x1a\n" + bytes(60), b"PK\x03\x04" * 9, bytes(40), b"\xff" * 40]
)
def test_bytes_that_are_no_model_are_refused(tmp_path, content):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    expect(path, "not an ONNX model")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"")
    expect(tmp_path / "x.onnx", "empty")


def test_a_pointer_of_git_lfs_is_told(tmp_path):
    (tmp_path / "x.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    expect(tmp_path / "x.onnx", hint="git lfs pull")


def test_a_model_that_the_runtime_refuses_is_refused(tmp_path):
    broken = linear()
    broken.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(broken, tmp_path / "x.onnx")
    expect(tmp_path / "x.onnx", "NoSuchOperator")


@given(st.integers(0, 400), st.integers(0, 255))
def test_damaged_files_give_an_error_and_no_traceback(tmp_path_factory, at, byte):
    data = linear().SerializeToString()
    path = tmp_path_factory.mktemp("damaged") / "x.onnx"
    for damaged in (data[:at], data[: at % len(data)] + bytes([byte]) + data[at % len(data) + 1 :]):
        path.write_bytes(damaged)
        try:
            inspect(path)
        except ModelError as error:
            assert str(path) in error.message


def test_a_session_runs(model):
    (found,) = Session(model).run({"x": np.eye(3, dtype=np.float32)})
    powers = np.exp(WEIGHTS)
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)


def test_threads_share_a_session(model):
    session = Session(model)
    inputs = [np.full((1 + n % 3, 3), n / 50, np.float32) for n in range(100)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: session.run({"x": x})[0], inputs))
    for x, y in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(y, session.run({"x": x})[0])


@pytest.mark.parametrize(("batch", "size"), [("batch", None), (1, 1), (4, 4)])
def test_a_session_tells_how_many_items_a_run_takes(tmp_path, batch, size):
    onnx.save(linear(batch), tmp_path / "x.onnx")
    session = Session(tmp_path / "x.onnx")
    assert (session.batch, session.batchable) == (size, size is None)


def test_external_data_is_loaded(split):
    assert Session(split).run({"x": np.zeros((1, 3), np.float32)})[0].tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("x", [np.zeros((1, 4), np.float32), np.zeros((1, 3), np.float64)])
def test_input_that_does_not_fit_is_an_error(model, x):
    with pytest.raises(ModelError, match=r"linear\.onnx cannot run"):
        Session(model).run({"x": x})


def test_the_providers_are_those_that_run(model):
    assert Session(model, ["cpu"]).providers == ("CPUExecutionProvider",)
    assert Session(model, ["CPUExecutionProvider"]).providers == ("CPUExecutionProvider",)
    assert "cpu" in available_providers()


def test_an_unknown_provider_is_refused(model):
    with pytest.raises(ModelError, match="'gpu' is unknown") as caught:
        Session(model, ["gpu"])
    assert "cpu" in caught.value.hint


@pytest.mark.skipif("CUDAExecutionProvider" in ort.get_available_providers(), reason="CUDA is here")
def test_a_provider_that_is_not_installed_is_refused(model):
    with pytest.raises(ModelError, match="'cuda' is not available") as caught:
        Session(model, ["cuda", "cpu"])
    assert "trainset[gpu]" in caught.value.hint


@pytest.mark.skipif("CUDAExecutionProvider" in ort.get_available_providers(), reason="CUDA is here")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start_is_no_silent_fall_back(model, monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "preload_dlls", lambda: None, raising=False)
    with pytest.raises(ModelError, match="CUDAExecutionProvider was asked for but did not start"):
        Session(model, ["cuda"])


def test_two_wheels_that_overwrite_each_other_are_named(model, monkeypatch):
    monkeypatch.setattr("trainset.onnx.runtime.metadata.version", lambda name: "1.0")
    assert {"onnxruntime", "onnxruntime-gpu"} <= set(wheels())
    with pytest.raises(ModelError) as caught:
        Session(model, ["openvino"])
    assert "onnxruntime and onnxruntime-gpu" in caught.value.hint and "pip uninstall" in caught.value.hint


def test_a_missing_runtime_says_what_to_install(model, monkeypatch):
    inspect.__globals__["_signature"].cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("trainset.onnx.runtime.wheels", dict)
    with pytest.raises(ModelError, match="onnxruntime is not installed") as caught:
        inspect(model)
    assert "trainset[cpu]" in caught.value.hint and "trainset[gpu]" in caught.value.hint
    assert model_digest(model) == digest_file(model)


def test_importing_costs_nothing():
    code = "import sys, trainset.onnx; print([m for m in ('onnxruntime', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif("TRAINSET_REAL_DATA" not in os.environ, reason="needs real data")
def test_real_models_say_what_they_are():
    folder = Path(os.environ["TRAINSET_REAL_DATA"]) / "models"
    info = inspect(folder / "mnist.onnx")
    assert [path.name for path in info.external] == ["mnist.onnx.data"]
    assert Session(folder / "mnist.onnx").batchable
    assert not Session(folder / "mnist_cntk.onnx").batchable
    assert inspect(folder / "yolox_nano.onnx").last == {"output": "Transpose"}
    assert inspect(folder / "nnsplit_zh.onnx").inputs[0].dtype == "uint8"
