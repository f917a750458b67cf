"""A model ready to run: one session that several threads share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainset.errors import ModelError
from trainset.onnx.info import ModelInfo, describe, one_line, open_session, read, signature
from trainset.onnx.runtime import PROVIDERS, available_providers, clash, full_names, runtime

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Session:
    """An ONNX Runtime session on exactly the execution providers that were asked for.

    `providers` are short names (`cpu`, `cuda`, `tensorrt`, `openvino`, `coreml`) or ONNX Runtime's own, best first; the
    CPU always comes last for operators that the others lack. `threads` work inside one `run`: 1 suits callers whose
    own threads share the session, so idle ones do not spin either. ModelError where the model cannot be loaded, or
    where a provider is missing or does not start: it never falls back to the CPU in silence.

    `info` describes the model, `providers` are those that run it, and `batch` is how many items one run takes: None
    for any number, 1 or more where the model fixes it.
    """

    def __init__(self, path: Path, providers: Sequence[str] = ("cpu",), threads: int = 1) -> None:
        scan, external = read(path)
        wanted = full_names(providers)
        ort = runtime()
        if hasattr(ort, "preload_dlls") and PROVIDERS["cuda"] in wanted:
            ort.preload_dlls()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = open_session(path, options, wanted)
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        lost = [p for p in wanted if p not in self.providers]
        if lost:
            raise ModelError(
                f"{', '.join(lost)} was asked for but did not start: {path.name} would run on {', '.join(self.providers)}",
                hint=clash()
                or f"install the libraries it needs (CUDA, cuDNN, a driver), or set `providers` to {available_providers()[-1]}",
            )
        self.info = describe(path, scan, external, *signature(path, self._session))
        self.batch = _batch(self.info)

    @property
    def batchable(self) -> bool:
        """Whether one run takes any number of items: the first dimension of every input and output varies."""
        return self.batch is None

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs for these inputs, in the model's order. Thread-safe; ModelError where the run fails."""
        try:
            found: list[NDArray[Any]] = self._session.run(None, dict(feeds))
        except Exception as error:  # onnxruntime's errors share no base class
            raise ModelError(f"{self.info.path.name} cannot run on this input: {one_line(error)}") from error
        return found


def _batch(info: ModelInfo) -> int | None:
    fixed = [t.shape[0] for t in info.inputs if t.shape and isinstance(t.shape[0], int)]
    if fixed:
        return fixed[0]
    return None if all(t.shape and isinstance(t.shape[0], str) for t in (*info.inputs, *info.outputs)) else 1
