"""From samples of any depth to 8-bit RGB: how raw values are interpreted and stretched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Samples = NDArray[Any]
Stretch = Literal["percentiles", "declared", "none"]
Scheme = Literal["grey", "inverted", "rgb", "cmyk", "ycbcr", "palette"]

PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True)
class Colours:
    """What the samples of a pixel mean.

    `bits` are significant bits of an unsigned integer, 0 for signed and floating-point samples. `alpha` is the place of
    the sample that says how opaque a pixel is, and `premultiplied` that the others are already weighted by it.
    `palette` is `(n, 3)` uint8.
    """

    scheme: Scheme
    bits: int
    alpha: int | None = None
    premultiplied: bool = False
    palette: Pixels | None = None

    @property
    def deep(self) -> bool:
        """Whether a sample holds more than 8 bits show, so that a stretch has to choose what is seen."""
        return self.bits == 0 or self.bits > 8

    def shown(self, samples: int) -> list[int]:
        """Which of a pixel's samples `rgb` needs, in its order: one or three (four for CMYK), and then alpha.

        Of more than three bands the first three are red, green and blue.
        """
        bands = [at for at in range(samples) if at != self.alpha]
        colours = {"cmyk": 4, "palette": 1}.get(self.scheme, 3 if len(bands) >= 3 else 1)
        return bands[:colours] + ([] if self.alpha is None else [self.alpha])

    def rgb(self, samples: Samples, limits: tuple[float, float] | None) -> Pixels:
        """`(h, w, n)` raw samples, the `shown` ones, as `(h, w, 3)` uint8 RGB; transparency is laid over white.

        `limits` are the raw values that become 0 and 255, where samples are `deep`.
        """
        if self.palette is not None:
            return self.palette[np.minimum(samples[..., 0], len(self.palette) - 1)]
        colours, alpha = (samples, None) if self.alpha is None else (samples[..., :-1], samples[..., -1:])
        full = (0.0, float(2**self.bits - 1)) if self.bits else (0.0, 1.0)
        tones = _tones(colours, limits if self.deep and limits else full)
        if self.scheme == "inverted":
            tones = 255 - tones
        elif self.scheme in ("cmyk", "ycbcr"):
            from PIL import Image

            image = Image.fromarray(np.ascontiguousarray(tones), "CMYK" if self.scheme == "cmyk" else "YCbCr")
            tones = np.asarray(image.convert("RGB"))
        if tones.shape[-1] == 1:
            tones = np.repeat(tones, 3, axis=2)
        return tones if alpha is None else _over_white(tones, _tones(alpha, full), self.premultiplied)


def _tones(samples: Samples, limits: tuple[float, float]) -> Pixels:
    """Raw values as 0..255, linearly between the limits; what is no number is 0."""
    low, high = limits
    if samples.dtype == np.uint8 and limits == (0.0, 255.0):
        return samples
    if samples.dtype == np.bool_:
        return samples * np.uint8(255)
    if samples.dtype in (np.uint8, np.uint16):  # a table is both faster and smaller than floats
        values = np.arange(np.iinfo(samples.dtype).max + 1, dtype=np.float64)
        table: Pixels = _scaled(values, low, high)
        toned: Pixels = table[samples]
        return toned
    return _scaled(samples.astype(np.float64 if samples.dtype.itemsize > 4 else np.float32), low, high)


def _scaled(values: NDArray[np.floating[Any]], low: float, high: float) -> Pixels:
    with np.errstate(all="ignore"):
        scaled = np.nan_to_num((values - low) * (255 / max(high - low, 1e-30)), nan=0.0, posinf=255.0, neginf=0.0)
    rounded: Pixels = (np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)
    return rounded


def _over_white(colours: Pixels, alpha: Pixels, premultiplied: bool) -> Pixels:
    weight = alpha.astype(np.uint16)
    own = colours if premultiplied else (colours * weight + 127) // 255
    laid: Pixels = np.minimum(own + (255 - weight), 255).astype(np.uint8)
    return laid


def limits_of(values: Samples, stretch: Stretch, colours: Colours) -> tuple[float, float]:
    """The raw values that become black and white, from a sample of the whole image's values.

    "none" takes all that the bits can hold. Otherwise the 1st and 99th percentile, or ("declared", in a file that
    declares nothing) the least and greatest; what is no finite number does not count.
    """
    if stretch == "none" and colours.bits:
        return 0.0, float(2**colours.bits - 1)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    ends = np.percentile(finite, PERCENTILES) if stretch == "percentiles" else (finite.min(), finite.max())
    low, high = float(ends[0]), float(ends[1])
    if not high > low:  # nearly all of one value: what differs from it must still be seen
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low, low + 1.0)
