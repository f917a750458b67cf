"""ONNX models for the core and for plugins: what a file is, its digest, and sessions that run it.

ONNX Runtime is imported when a model is first opened, so importing this package costs nothing.
"""

from trainset.onnx.info import ModelInfo, Tensor, inspect, model_digest
from trainset.onnx.runtime import PROVIDERS, available_providers, wheels
from trainset.onnx.session import Session

__all__ = [
    "PROVIDERS",
    "ModelInfo",
    "Session",
    "Tensor",
    "available_providers",
    "inspect",
    "model_digest",
    "wheels",
]
