"""Slices of a canonical volume as a radiologist hangs them: the patient's right on the left, front or head at the top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainset.plugins import Rect


@dataclass(frozen=True)
class Plane:
    """A way to cut: the canonical `axis` (0 right, 1 front, 2 top) that is cut across, and what lies left and at the top."""

    name: str
    axis: int
    left: str
    top: str

    def cut(self, canonical: NDArray[Any], at: int) -> NDArray[Any]:
        """One slice of an array with RAS+ axes, `(rows, columns)`."""
        cut: NDArray[Any] = np.take(canonical, at, axis=self.axis)
        return cut.T[::-1, ::-1]

    def place(self, shape: tuple[int, ...], zooms: tuple[float, float, float]) -> Rect:
        """Where a slice lies in scene coordinates: millimetres from its top-left corner."""
        across, down = (axis for axis in range(3) if axis != self.axis)
        return Rect(0, 0, shape[across] * zooms[across], shape[down] * zooms[down])


PLANES = (
    Plane("axial", 2, "right", "front"),
    Plane("coronal", 1, "right", "head"),
    Plane("sagittal", 0, "front", "head"),
)


@dataclass(frozen=True)
class Window:
    """The intensities that are told apart: `level` is shown mid-grey, `width` spans black to white."""

    level: float
    width: float

    @classmethod
    def of(cls, data: NDArray[Any]) -> Window:
        """From the 1st to the 99th percentile of the finite values (of every n-th voxel of a large volume), or where
        these are the same from the least to the greatest."""
        some = data.ravel()[:: max(1, data.size // 1_000_000)]
        some = some[np.isfinite(some)]
        low, high = np.percentile(some, (1, 99)) if some.size else (0.0, 1.0)
        if high <= low:
            low, high = some.min(), some.max()
        return cls(float(low + high) / 2, max(float(high - low), 1e-6))

    def grey(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """`(rows, columns, 3)` uint8 RGB."""
        share = (np.nan_to_num(values.astype(np.float32)) - self.level) / self.width + 0.5
        grey = (share.clip(0, 1) * 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
