"""Whether execution providers really start here: that a wheel was built with one says nothing of its libraries."""

from __future__ import annotations

from trainset.onnx.info import one_line
from trainset.onnx.runtime import PROVIDERS, available_providers, runtime


def starting() -> dict[str, str]:
    """By short name, every provider of the installed wheel: "" where it runs a model, else why it does not.

    ModelError where ONNX Runtime itself is missing or broken.
    """
    return {name: _fault(PROVIDERS[name]) for name in available_providers()}


def _fault(provider: str) -> str:
    ort = runtime()
    if hasattr(ort, "preload_dlls") and provider in (PROVIDERS["cuda"], PROVIDERS["tensorrt"]):
        ort.preload_dlls()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(_identity(), options, providers=[provider], enable_fallback=0)
    except Exception as error:  # onnxruntime's errors share no base class
        return one_line(error)
    return "" if provider in session.get_providers() else "its libraries (a driver, CUDA, cuDNN) do not load"


def _identity() -> bytes:
    """The smallest model there is: one number, handed through (ONNX's protocol buffers, opset 13)."""
    number = _text(1, b"\x08\x01" + _text(2, _text(1, b"\x08\x01")))  # a tensor type: float, of shape (1,)
    ends = [_text(1, name) + _text(2, number) for name in (b"x", b"y")]
    node = _text(1, b"x") + _text(2, b"y") + _text(4, b"Identity")
    graph = _text(1, node) + _text(2, b"g") + _text(11, ends[0]) + _text(12, ends[1])
    return b"\x08\x08" + _text(7, graph) + _text(8, b"\x10\x0d")


def _text(field: int, value: bytes) -> bytes:
    """A field of bytes, shorter than 128 of them."""
    return bytes([field << 3 | 2, len(value)]) + value
