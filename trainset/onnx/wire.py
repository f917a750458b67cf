"""What an ONNX file declares, read straight from its protobuf bytes: neither a runtime nor the weights are loaded.

Field numbers are those of `onnx.proto3` (github.com/onnx/onnx); the encoding is protobuf's wire format.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1
_RESHAPING = {"Identity", "Cast", "QuantizeLinear", "DequantizeLinear", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}


@dataclass
class Declared:
    """The parts of a model file that tell what it is.

    `external` are the locations of external data as written, relative to the file. `last` maps each graph output to
    the operator that computes it, past those that only cast or reshape ("" where it is no operator's).
    """

    producer: str = ""
    opset: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    last: dict[str, str] = field(default_factory=dict)


def declared(path: Path) -> Declared:
    """Scan a model file; ValueError where its bytes are not an ONNX model."""
    with path.open("rb") as stream:
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    found = Declared()
    graphs = 0
    try:
        for number, value in _fields(data):
            if number == 2:
                found.producer = _text(value)
            elif number == 7:
                graphs += 1
                _graph(_view(value), found, top=True)
            elif number == 8:
                operator_set = dict(_fields(_view(value)))
                if not _text(operator_set.get(1, memoryview(b""))):
                    found.opset = _int(operator_set.get(2, 0))
            elif number == 14:
                key, text = _entry(value)
                found.metadata[key] = text
            elif number == 25:
                _nodes([_view(v) for n, v in _fields(_view(value)) if n == 7], found)
    except (IndexError, TypeError, RecursionError) as error:
        raise ValueError("damaged protobuf") from error
    if not graphs:
        raise ValueError("no graph")
    return found


def _graph(data: memoryview, found: Declared, *, top: bool = False) -> None:
    nodes: list[memoryview] = []
    outputs: list[str] = []
    for number, value in _fields(data):
        if number == 1:
            nodes.append(_view(value))
        elif number == 5:
            _tensor(_view(value), found)
        elif number == 12:
            outputs += [_text(v) for n, v in _fields(_view(value)) if n == 1]
        elif number == 15:
            _sparse(_view(value), found)
    makers = _nodes(nodes, found)
    if top:
        found.last = {name: _last(name, makers) for name in outputs}


def _nodes(nodes: list[memoryview], found: Declared) -> dict[str, tuple[str, str]]:
    """Each node output's operator and first input."""
    makers: dict[str, tuple[str, str]] = {}
    for node in nodes:
        inputs: list[str] = []
        outputs: list[str] = []
        operator = ""
        for number, value in _fields(node):
            if number == 1:
                inputs.append(_text(value))
            elif number == 2:
                outputs.append(_text(value))
            elif number == 4:
                operator = _text(value)
            elif number == 5:
                _attribute(_view(value), found)
        found.operators.add(operator)
        makers |= dict.fromkeys(outputs, (operator, inputs[0] if inputs else ""))
    return makers


def _attribute(data: memoryview, found: Declared) -> None:
    for number, value in _fields(data):
        if number in (5, 10):
            _tensor(_view(value), found)
        elif number in (6, 11):
            _graph(_view(value), found)
        elif number in (22, 23):
            _sparse(_view(value), found)


def _sparse(data: memoryview, found: Declared) -> None:
    for number, value in _fields(data):
        if number in (1, 2):
            _tensor(_view(value), found)


def _tensor(data: memoryview, found: Declared) -> None:
    entries: list[tuple[str, str]] = []
    external = False
    for number, value in _fields(data):
        if number == 13:
            entries.append(_entry(value))
        elif number == 14:
            external = value == _EXTERNAL
    if external:
        found.external |= {text for key, text in entries if key == "location"}


def _last(name: str, makers: Mapping[str, tuple[str, str]]) -> str:
    seen: set[str] = set()
    operator = ""
    while name in makers and name not in seen:
        seen.add(name)
        operator, name = makers[name]
        if operator not in _RESHAPING:
            break
    return operator


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in file order: a varint as int, everything else as its bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("unknown wire type")
        if at + length > len(data):
            raise ValueError("truncated")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")


def _entry(value: int | memoryview) -> tuple[str, str]:
    """A StringStringEntryProto."""
    fields = dict(_fields(_view(value)))
    return _text(fields.get(1, memoryview(b""))), _text(fields.get(2, memoryview(b"")))


def _view(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number stands where bytes should")
    return value


def _int(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise TypeError("bytes stand where a number should")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_view(value)).decode("utf-8", "replace")
