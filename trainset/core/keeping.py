"""Ids of objects through a file that comes in again: what is as it was stays known by its id, what is new gets one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from trainset.core.codec import Codec, Some, with_ids


def keep_ids(annotations: Sequence[Some], before: bytes, codec: Codec) -> tuple[Some, ...]:
    """The annotations with the ids that the same ones have in `before`, a stored JSON array, and the others with ids
    that none there has."""
    known: dict[bytes, list[str]] = {}
    earlier: list[dict[str, Any]] = msgspec.json.decode(before)
    for stored in earlier:
        known.setdefault(_content(stored), []).append(stored.get("id", ""))
    kept = []
    for annotation, stored in zip(annotations, msgspec.json.decode(codec.encode(annotations)), strict=True):
        ids = known.get(_content(stored))
        kept.append(replace(annotation, id=ids.pop(0) if ids else ""))
    return with_ids(kept, taken={stored.get("id", "") for stored in earlier})


def _content(stored: dict[str, Any]) -> bytes:
    return msgspec.json.encode({k: v for k, v in stored.items() if k != "id"}, order="deterministic")
