"""A contract that is broken: what broke it, and what the contract says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np

from trainset.core.scene import Rect


class ContractError(AssertionError):
    """What an object did (`broken`), and the sentence of the `contract` that it breaks by that."""

    def __init__(self, broken: str, contract: str) -> None:
        super().__init__(f"{broken}\n  the contract: {contract}")
        self.broken, self.contract = broken, contract


def require(kept: bool, broken: str, contract: str) -> None:
    """ContractError with both sentences, unless the contract was kept."""
    if not kept:
        raise ContractError(broken, contract)


def named(thing: object, method: str = "") -> str:
    """What to call an object, a class, a function or one of its methods in a message."""
    name = str(getattr(thing, "__qualname__", type(thing).__qualname__))
    return f"{name}.{method}" if method else name


def same(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """Whether two values hold the same: arrays, structs and containers part by part, numbers within `tolerance`."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if not np.issubdtype(a.dtype, np.inexact):
            return bool((a == b).all())
        return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return bool(np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if isinstance(a, Sequence) and not isinstance(a, str | bytes):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, msgspec.Struct):
        return same(msgspec.structs.asdict(a), msgspec.structs.asdict(b), tolerance)
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name), tolerance) for f in fields(a))
    kind: Any = type(a)
    plain = kind.__eq__ is object.__eq__ and hasattr(a, "__dict__")
    return same(vars(a), vars(b), tolerance) if plain else bool(a == b)


def sound(place: Rect, *, empty: bool) -> bool:
    """Whether a rectangle has finite numbers and an area, or with `empty` no negative side."""
    sides = (place.width, place.height)
    finite = all(map(math.isfinite, (place.x, place.y, *sides)))
    return finite and (min(sides) >= 0 if empty else min(sides) > 0)
