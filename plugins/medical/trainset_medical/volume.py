"""A volume in memory, and the axes between its stored array and the canonical view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel import orientations
from numpy.typing import NDArray

AFFINE_TOLERANCE = 1e-3
"""Millimetres (and parts of a voxel's side) by which two affines may differ and still mean the same place."""


@dataclass(frozen=True)
class Volume:
    """`data` is `(i, j, k)` as stored, scaled as the header says; `affine` `(4, 4)` takes indices to RAS+ millimetres."""

    data: NDArray[Any]
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class Axes:
    """How stored axes are turned and flipped into RAS+, by the axis of the body that each is nearest to."""

    ornt: NDArray[np.float64]

    @classmethod
    def of(cls, affine: NDArray[np.float64]) -> Axes:
        """The axes of an affine."""
        return cls(orientations.io_orientation(affine))  # type: ignore[no-untyped-call]

    def canonical(self, stored: NDArray[Any]) -> NDArray[Any]:
        """A stored array with its axes to the right, front and top."""
        turned: NDArray[Any] = orientations.apply_orientation(stored, self.ornt)  # type: ignore[no-untyped-call]
        return turned

    def stored(self, canonical: NDArray[Any]) -> NDArray[Any]:
        """A canonical array as it is stored; the inverse of `canonical`."""
        inverse = np.empty_like(self.ornt)
        for axis, (to, flip) in enumerate(self.ornt):
            inverse[int(to)] = (axis, flip)
        turned: NDArray[Any] = orientations.apply_orientation(canonical, inverse)  # type: ignore[no-untyped-call]
        return turned

    def zooms(self, zooms: tuple[float, float, float]) -> tuple[float, float, float]:
        """Sides of a voxel along the canonical axes, from those along the stored ones."""
        out = [0.0, 0.0, 0.0]
        for axis, to in enumerate(self.ornt[:, 0]):
            out[int(to)] = zooms[axis]
        return out[0], out[1], out[2]


def codes(affine: NDArray[np.float64]) -> str:
    """Where the stored axes point to, such as `RAS`."""
    found = orientations.aff2axcodes(affine)  # type: ignore[no-untyped-call]
    return "".join(map(str, found))


def header_facts(image: Any) -> dict[str, Any]:
    """What an item records of a volume: shape, affine, orientation codes and the sides of a voxel in millimetres."""
    return {
        "shape": [int(n) for n in image.shape],
        "affine": [[float(x) for x in row] for row in image.affine],
        "orientation": codes(image.affine),
        "zooms": [float(z) for z in image.header.get_zooms()[:3]],
    }


def misfit(meta: Mapping[str, Any], shape: tuple[int, ...], affine: NDArray[np.float64] | None = None) -> str | None:
    """Why voxels of this shape (and affine) are not those of an item with this `meta`, None where they are."""
    known = tuple(meta.get("shape", shape))
    if shape != known:
        return f"it has {'×'.join(map(str, shape))} voxels, the volume {'×'.join(map(str, known))}"
    if affine is None or "affine" not in meta:
        return None
    if not np.allclose(affine, np.array(meta["affine"]), rtol=0, atol=AFFINE_TOLERANCE):
        said = f"{codes(affine)}, the volume {meta['orientation']}"
        return f"its affine is not the volume's: the same voxel lies elsewhere ({said})"
    return None
