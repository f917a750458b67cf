"""What a model file is: inputs, outputs, metadata, external data, and the digest that identifies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from trainset.core.files import digest_files
from trainset.errors import ModelError
from trainset.onnx.runtime import runtime
from trainset.onnx.wire import Declared, declared

_DTYPES = {"float": "float32", "double": "float64", "string": "str"}


@dataclass(frozen=True)
class Tensor:
    """An input or output. `dtype` is numpy's name; a dimension that varies is a str: its name, or "?"."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of itself.

    `external` are the files that hold weights beside it. `operators` are all operator types of the graph; `last` maps
    each output to the operator that computes it, past those that only cast or reshape.
    """

    path: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    producer: str
    opset: int
    external: tuple[Path, ...]
    operators: frozenset[str]
    last: Mapping[str, str]


def inspect(path: Path) -> ModelInfo:
    """Inspect a model file. ModelError names what is wrong: the path, the bytes, missing external data, onnxruntime."""
    scan, external = read(path)
    stat = path.stat()
    inputs, outputs = _signature(path.absolute(), (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return describe(path, scan, external, inputs, outputs)


def model_digest(path: Path) -> str:
    """BLAKE2b-128 over a model's file, and over its external data where it has any; ModelError as for `inspect`."""
    _, external = read(path)
    return digest_files([path, *external])


def read(path: Path) -> tuple[Declared, tuple[Path, ...]]:
    """What the file declares, and the files of its external data, by name; ModelError where one is missing."""
    if path.is_dir():
        raise ModelError(f"{path} is a folder, not a model file", hint="name the .onnx file in it")
    try:
        if not path.stat().st_size:
            raise ModelError(f"{path} is empty", hint="copy or export the model again")
        scan = declared(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist", hint="name an .onnx file") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not an ONNX model, or is cut short ({error})", hint=_not_onnx(path)) from error
    return scan, tuple(_external(path, location) for location in sorted(scan.external))


def describe(
    path: Path, scan: Declared, external: tuple[Path, ...], inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
) -> ModelInfo:
    """A ModelInfo from what a file declares and what a session makes of it."""
    return ModelInfo(
        path=path,
        inputs=inputs,
        outputs=outputs,
        metadata=scan.metadata,
        producer=scan.producer,
        opset=scan.opset,
        external=external,
        operators=frozenset(scan.operators),
        last=scan.last,
    )


def open_session(path: Path, options: Any, providers: list[str]) -> Any:
    """An `InferenceSession` that never falls back to other providers by itself; ModelError where the model won't load."""
    ort = runtime()
    options.log_severity_level = 4  # what goes wrong is raised, and told once
    try:
        return ort.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    except Exception as error:  # onnxruntime's errors share no base class
        raise ModelError(
            f"ONNX Runtime {ort.__version__} cannot load {path}: {one_line(error)}",
            hint="export it again with an opset that this version knows, or upgrade onnxruntime",
        ) from error


def signature(path: Path, session: Any) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """A session's inputs and outputs; ModelError where their names are damaged."""
    try:
        return _tensors(session.get_inputs()), _tensors(session.get_outputs())
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{path} names an input or output in no UTF-8", hint="copy or export the model again"
        ) from error


def one_line(error: Exception) -> str:
    """An ONNX Runtime error without its prefix, on one line."""
    return " ".join(str(error).rpartition("[ONNXRuntimeError] : ")[2].split())[:400]


@lru_cache(maxsize=8)
def _signature(path: Path, stamp: tuple[int, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Inputs and outputs as ONNX Runtime sees them; `stamp` tells another file of the same name apart."""
    ort = runtime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return signature(path, open_session(path, options, ["CPUExecutionProvider"]))


def _tensors(arguments: Any) -> tuple[Tensor, ...]:
    found = []
    for argument in arguments:
        kind = argument.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple("?" if d is None else d for d in argument.shape)
        found.append(Tensor(argument.name, _DTYPES.get(kind, kind), shape))
    return tuple(found)


def _external(path: Path, location: str) -> Path:
    inside = PurePosixPath(location)
    if inside.is_absolute() or ".." in inside.parts:
        raise ModelError(
            f"{path} keeps weights outside its folder, in {location!r}", hint="export it again into one folder"
        )
    file = path.parent / inside
    if not file.is_file():
        raise ModelError(
            f"{path} keeps its weights in {location}, which is missing", hint=f"copy {location} beside {path.name}"
        )
    return file


def _not_onnx(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(24)
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer: run `git lfs pull`"
    return "export the model to ONNX with the framework that trained it, or copy the file again"
