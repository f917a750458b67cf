"""Where on Earth an image lies, as a GeoTIFF says it (OGC GeoTIFF 1.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_USER_DEFINED = 32767
_POINT = 2

UPRIGHT: dict[int, Callable[[float, float], tuple[float, ...]]] = {
    1: lambda w, h: (1, 0, 0, 0, 1, 0),
    2: lambda w, h: (-1, 0, w, 0, 1, 0),
    3: lambda w, h: (-1, 0, w, 0, -1, h),
    4: lambda w, h: (1, 0, 0, 0, -1, h),
    5: lambda w, h: (0, 1, 0, 1, 0, 0),
    6: lambda w, h: (0, 1, 0, -1, 0, h),
    7: lambda w, h: (0, -1, w, -1, 0, h),
    8: lambda w, h: (0, -1, w, 1, 0, 0),
}
"""For each orientation, how a place in the upright image becomes one in the stored image of that width and height."""


def to_map(geo: Mapping[str, Any], points: Sequence[Sequence[float]] | NDArray[Any]) -> NDArray[np.float64]:
    """`(n, 2)` places in pixels of the upright image as `(n, 2)` map coordinates, in the units of the system `epsg`.

    `geo` is an item's `meta["geo"]`.
    """
    a, b, c, d, e, f = geo["transform"]
    placed: NDArray[np.float64] = np.asarray(points, np.float64) @ np.array([[a, d], [b, e]]) + (c, f)
    return placed


def told(about: Mapping[str, Any]) -> dict[str, Any]:
    """The field `geo` alone, of an item's `meta` or of what a label file says of an image; nothing where it has none that
    makes sense."""
    geo = about.get("geo")
    numbers = geo.get("transform") if isinstance(geo, Mapping) else None
    if not isinstance(geo, Mapping) or not isinstance(numbers, Sequence) or len(numbers) != 6:
        return {}
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        return {}
    epsg = _number(geo.get("epsg"))
    return {"geo": {"transform": list(map(float, numbers))} | ({"epsg": epsg} if epsg else {})}


def georeference(tags: Mapping[str, Any], turn: Sequence[float] = (1, 0, 0, 0, 1, 0)) -> dict[str, Any] | None:
    """A page's georeference from its tags by tifffile's names; None where it has none that makes sense.

    `transform` `[a, b, c, d, e, f]` takes a place in pixels, the corner of the top-left pixel being (0, 0), to the map:
    `X = a·x + b·y + c`, `Y = d·x + e·y + f`. `epsg` is there where the file gives a code. `turn` takes a place in the
    upright image to one in the stored, in the same way.
    """
    matrix = _matrix(tags)
    if matrix is None or not all(map(math.isfinite, matrix)):
        return None
    a, b, c, d, e, f = matrix
    if _number(tags.get("GTRasterTypeGeoKey")) == _POINT:  # then (0, 0) is the middle of the first pixel
        c, f = c - (a + b) / 2, f - (d + e) / 2
    p, q, r, s, t, u = turn
    upright = [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f]
    codes = (_number(tags.get(f"{kind}GeoKey")) for kind in ("ProjectedCSType", "GeographicType"))
    epsg = next((code for code in codes if code and code != _USER_DEFINED), None)
    return {"transform": upright} | ({"epsg": epsg} if epsg else {})


def _matrix(tags: Mapping[str, Any]) -> tuple[float, ...] | None:
    whole = np.ravel(tags.get("ModelTransformation", ()))
    if whole.size == 16:
        return tuple(map(float, whole[[0, 1, 3, 4, 5, 7]]))
    scale, tie = np.ravel(tags.get("ModelPixelScale", ())), np.ravel(tags.get("ModelTiepoint", ()))
    if scale.size < 2 or tie.size < 6:
        return None
    (i, j, _, x, y, _), (dx, dy) = map(float, tie[:6]), map(float, scale[:2])
    return (dx, 0.0, x - i * dx, 0.0, -dy, y + j * dy)


def _number(code: Any) -> int:
    try:
        return int(code)
    except (TypeError, ValueError):
        return 0
