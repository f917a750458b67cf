"""ONNX Runtime as installed here: its wheels, and the execution providers that they offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from trainset.errors import ModelError

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Short names of execution providers, as settings give them, and ONNX Runtime's own."""

_WHEELS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
INSTALL = "pip install 'trainset[cpu]', or 'trainset[gpu]' for NVIDIA GPUs"


def wheels() -> dict[str, str]:
    """The installed distributions of ONNX Runtime and their versions. More than one overwrite each other's files."""
    found = {}
    for name in _WHEELS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def runtime() -> Any:
    """The module `onnxruntime`; ModelError where it is missing or broken."""
    try:
        import onnxruntime
    except ImportError as error:
        if not wheels():
            raise ModelError("onnxruntime is not installed, and models need it", hint=INSTALL) from error
        raise ModelError(
            f"onnxruntime cannot be imported: {error}", hint=clash() or f"reinstall it: {INSTALL}"
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise ModelError("onnxruntime is installed, but incomplete", hint=clash() or f"reinstall it: {INSTALL}")
    return onnxruntime


def available_providers() -> tuple[str, ...]:
    """The short names of the execution providers that the installed wheel was built with, best first."""
    names = {full: short for short, full in PROVIDERS.items()}
    return tuple(names[p] for p in runtime().get_available_providers() if p in names)


def full_names(providers: Sequence[str]) -> list[str]:
    """ONNX Runtime's names of the asked providers, the CPU last for what the others cannot run.

    ModelError where a name is unknown, or the installed wheel has no such provider.
    """
    offered = runtime().get_available_providers()
    wanted = []
    for name in providers or ("cpu",):
        full = PROVIDERS.get(name.lower(), name)
        if full not in offered:
            known = full in PROVIDERS.values() or full.endswith("ExecutionProvider")
            raise ModelError(
                f"the execution provider {name!r} is " + ("not available here" if known else "unknown"),
                hint=f"available: {', '.join(available_providers())}; " + (clash() or _remedy(full)),
            )
        wanted.append(full)
    return list(dict.fromkeys([*wanted, PROVIDERS["cpu"]]))


def clash() -> str:
    """What to do where several wheels of ONNX Runtime are installed; "" where they are not."""
    found = list(wheels())
    if len(found) < 2:
        return ""
    return f"{' and '.join(found)} overwrite each other: pip uninstall -y {' '.join(found)}, then {INSTALL}"


def _remedy(full: str) -> str:
    if full in (PROVIDERS["cuda"], PROVIDERS["tensorrt"]):
        return "for NVIDIA GPUs: pip uninstall -y onnxruntime, then pip install 'trainset[gpu]'"
    return "set `providers` to one of these, or install a wheel of ONNX Runtime that has it"
