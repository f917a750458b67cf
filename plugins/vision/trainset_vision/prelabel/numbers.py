"""What several decoders ask of numbers: probabilities of logits, and whether numbers are probabilities already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's training images, RGB in 0..1."""


def sigmoid(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Each logit's probability, in its own right."""
    found: NDArray[np.float64] = 1 / (1 + np.exp(-logits.astype(np.float64).clip(-60, 60)))
    return found


def softmax(logits: NDArray[Any], axis: int = -1) -> NDArray[np.float64]:
    """Probabilities that sum to 1 along an axis."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=axis, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=axis, keepdims=True)
    return found


def within_unit(array: NDArray[Any]) -> bool:
    """Whether all numbers lie in 0..1, with room for rounding."""
    return array.size == 0 or bool(array.min() >= -1e-4 and array.max() <= 1 + 1e-4)


def sums_to_one(array: NDArray[Any], axis: int = -1) -> bool:
    """Whether all numbers are probabilities that sum to 1 along an axis."""
    return array.size > 0 and within_unit(array) and bool(np.abs(array.sum(axis=axis) - 1).max() <= 1e-2)
