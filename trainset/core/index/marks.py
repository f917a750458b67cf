"""Labels and attributes of annotations as text that SQL can search: `|a|b|`, so that one of them is found by `|a|`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from trainset.core.model import AttributeValue
from trainset.core.records import UNREADABLE


class Glance(msgspec.Struct):
    """What the index keeps of an annotation."""

    id: str = ""
    label: str | None = None
    score: float | None = None
    attributes: dict[str, AttributeValue] = {}


glances = msgspec.json.Decoder(list[Glance])
"""Decodes a JSON array of annotations, whatever their types."""


def marks(annotations: Any, attributes: Mapping[str, AttributeValue]) -> tuple[str | None, str | None, str | None]:
    """Ids (a JSON array), labels and attributes of a decision; None where it has no annotations, or none that can be
    read."""
    if annotations is msgspec.UNSET:
        return None, None, None
    try:
        found = glances.decode(annotations)
        return msgspec.json.encode([m.id for m in found]).decode(), *bars(found, attributes)
    except UNREADABLE:
        return None, None, None


def bars(found: Sequence[Glance], attributes: Mapping[str, AttributeValue]) -> tuple[str, str]:
    """Labels, and attributes as `name=value`; "" where there are none."""
    labels = "|".join(m.label or "" for m in found)
    pairs = [pair for m in (*(m.attributes for m in found), attributes) for pair in spelled(m)]
    return f"|{labels}|" if found else "", f"|{'|'.join(pairs)}|" if pairs else ""


def spelled(attributes: Mapping[str, AttributeValue]) -> list[str]:
    """Attributes as `name=value`."""
    return [f"{k}={str(v).lower() if isinstance(v, bool) or v is None else v}" for k, v in attributes.items()]


def apart(labels: str) -> list[str]:
    """The labels in such a text, one an annotation."""
    return labels[1:-1].split("|") if labels else []


def joined(texts: Iterable[str | None]) -> str:
    """Several such texts as one."""
    text = "|".join(b.strip("|") for b in texts if b)
    return f"|{text}|" if text else ""
