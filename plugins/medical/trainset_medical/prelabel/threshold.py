"""Masks of what is brighter (or darker) than a bound, by classical image processing: no model is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from scipy import ndimage

from trainset.core.model import Item, Task
from trainset.errors import ConfigError, MediaError
from trainset.plugins import Context, Limits
from trainset_medical.annotations import VolumeMask, volume_mask

_BINS = 256
_SHELL = 2
"""Voxels around a part that it is compared with."""


class ThresholdSettings(Struct, kw_only=True, frozen=True, rename="kebab"):
    """What is above `value` (None: the bound that Otsu's method finds), or with `dark` below it, falls into connected
    parts; the `parts` largest of at least `least` voxels are proposed, each as an object with `label` (None: the
    task's first)."""

    label: str | None = None
    value: float | None = None
    dark: bool = False
    parts: Annotated[int, Meta(ge=1)] = 1
    least: Annotated[int, Meta(ge=1)] = 10


@dataclass(frozen=True)
class Part:
    """A connected part, `(i, j, k)` bool, and how well it is told from what surrounds it, in 0..1."""

    voxels: NDArray[np.bool_]
    score: float


class Threshold:
    """A `Prelabeler` for what stands out by its intensity.

    The bound is Otsu's (N. Otsu, 1979), over 256 bins between the 0.5th and 99.5th percentile. Parts are connected by faces. A part's
    score is Otsu's measure of separability at its border: the variance between it and a shell of two voxels around it,
    as a share of the variance of both together.
    """

    def __init__(self, settings: ThresholdSettings, task: Task) -> None:
        self._settings = settings
        label = task.label(settings.label) if settings.label else next(iter(task.active), None)
        if label is None:
            raise ConfigError(f"task {task.name!r} has no label {settings.label or 'at all'!r}",
                              hint=f"its labels: {', '.join(x.id for x in task.active[:12]) or 'none'}")  # fmt: skip
        self._label = label.id

    @property
    def limits(self) -> Limits:
        """One volume at a time on two cores."""
        return Limits(batch=1, concurrency=2, bytes_per_item=512 * 1024 * 1024)

    def prepare(self, item: Item, context: Context) -> NDArray[np.float32]:
        """The volume in float32; MediaError where no voxel of it is finite."""
        data = np.asarray(context.media.load(item).data, np.float32)
        if not np.isfinite(data).any():
            raise MediaError(f"{item.key} has no voxel with a finite value", hint="exclude it, or mend the file")
        return data

    def infer(self, batch: Sequence[NDArray[np.float32]]) -> list[list[Part]]:
        """The parts of each volume, the largest first."""
        return [self._parts(data) for data in batch]

    def decode(self, output: Sequence[Part], item: Item) -> list[VolumeMask]:
        """A mask for each part."""
        return [
            volume_mask(part.voxels, self._label, id=f"p{n}", score=round(part.score, 4))
            for n, part in enumerate(output, 1)
        ]

    def providers(self) -> Sequence[str]:
        """None: nothing to choose from."""
        return ()

    def _parts(self, data: NDArray[np.float32]) -> list[Part]:
        s = self._settings
        bound = otsu(data) if s.value is None else s.value
        labels, count = ndimage.label(data < bound if s.dark else data > bound)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        sizes[0] = 0
        largest = [n for n in np.argsort(-sizes, kind="stable")[: s.parts].tolist() if sizes[n] >= s.least]
        return [Part(voxels := labels == n, separability(data, voxels)) for n in largest]


def otsu(data: NDArray[np.float32]) -> float:
    """The bound between two classes of intensities with the greatest variance between them."""
    finite = data[np.isfinite(data)]
    low, high = (float(x) for x in np.percentile(finite, (0.5, 99.5)))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    if high <= low:
        return high
    counts, edges = np.histogram(finite.clip(low, high), bins=_BINS, range=(low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    below, mass = np.cumsum(counts)[:-1], np.cumsum(counts * middles)
    above = finite.size - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass[:-1] / below - (mass[-1] - mass[:-1]) / above) ** 2
    return float(edges[1:-1][int(np.nanargmax(between))])


def separability(data: NDArray[np.float32], part: NDArray[np.bool_]) -> float:
    """The share of the variance of a part and the shell around it that lies between them, in 0..1."""
    place = tuple(
        slice(max(0, int(line[0]) - _SHELL), int(line[-1]) + _SHELL + 1)
        for axis in range(3)
        for line in [np.flatnonzero(part.any(axis=tuple(a for a in range(3) if a != axis)))]
    )
    inside, near = part[place], np.asarray(data[place], np.float64)
    shell = ndimage.binary_dilation(inside, iterations=_SHELL) & ~inside
    finite = np.isfinite(near)
    a: Any = near[inside & finite]
    b: Any = near[shell & finite]
    if not a.size or not b.size:
        return 0.0
    both = np.concatenate((a, b))
    total = both.var()
    between = a.size * b.size / both.size**2 * (a.mean() - b.mean()) ** 2
    return float(min(1.0, between / total)) if total else 0.0
