"""Labels and attributes of annotations as text that SQL can search: `|a|b|`, so that one of them is found by `|a|`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from trainset.core.model import AttributeValue
from trainset.core.records import UNREADABLE


class Glance(msgspec.Struct):
    """What the index keeps of an annotation."""

    label: str | None = None
    score: float | None = None
    attributes: dict[str, AttributeValue] = {}


glances = msgspec.json.Decoder(list[Glance])
"""Decodes a JSON array of annotations, whatever their types."""


def marks(annotations: Any, attributes: Mapping[str, AttributeValue]) -> tuple[str | None, str | None]:
    """Labels and attributes of a decision; None where it has no annotations, or none that can be read."""
    if annotations is msgspec.UNSET:
        return None, None
    try:
        return bars(glances.decode(annotations), attributes)
    except UNREADABLE:
        return None, None


def bars(found: Sequence[Glance], attributes: Mapping[str, AttributeValue]) -> tuple[str, str]:
    """Labels, and attributes as `name=value`; "" where there are none."""
    labels = "|".join(m.label or "" for m in found)
    pairs = [f"{k}={_spelled(v)}" for m in (*(m.attributes for m in found), attributes) for k, v in m.items()]
    return f"|{labels}|" if found else "", f"|{'|'.join(pairs)}|" if pairs else ""


def _spelled(value: AttributeValue) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def joined(texts: Iterable[str | None]) -> str:
    """Several such texts as one."""
    text = "|".join(b.strip("|") for b in texts if b)
    return f"|{text}|" if text else ""
