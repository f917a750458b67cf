"""Annotations between their stored bytes and typed values; what no installed plugin can read stays `Opaque`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import lru_cache, reduce
from itertools import chain, repeat
from operator import or_
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
from msgspec import Raw

from trainset.core.model import Annotation, AttributeValue, Columns, Opaque, Undecoded
from trainset.errors import RecordError

Some = TypeVar("Some", bound=Annotation | Undecoded)


class _Any(msgspec.Struct, omit_defaults=True):
    """The fields that every annotation has, whatever its type."""

    type: str
    id: str = ""
    label: str | None = None
    score: float | None = None
    attributes: dict[str, AttributeValue] = {}
    track: str | None = None
    blob: str | None = None


class BlobStore(Protocol):
    """Where annotations go that are too large for a line."""

    def put(self, data: bytes) -> str:
        """Store bytes durably; their digest."""
        ...

    def get(self, name: str) -> bytes:
        """The bytes of a digest; RecordError where there are none."""
        ...


class Codec:
    """Decodes and encodes annotations. `types` maps tags to structs, `versions` to the newest version we know; `blobs`
    holds what `shelve` takes out of line."""

    def __init__(
        self,
        types: Mapping[str, type[Annotation]],
        versions: Mapping[str, int] | None = None,
        blobs: BlobStore | None = None,
    ) -> None:
        self._blobs = blobs
        self._types = dict(types)
        self._versions = dict(versions or {})
        union = reduce(or_, self._types.values()) if self._types else Annotation
        self._typed = msgspec.json.Decoder(tuple[union, ...])  # type: ignore[valid-type]
        self._raw = msgspec.json.Decoder(tuple[Raw, ...])
        self._any = msgspec.json.Decoder(_Any)
        self._single = {tag: msgspec.json.Decoder(kind) for tag, kind in self._types.items()}

    def decode(
        self, raw: bytes | Raw, written: Mapping[str, int] | None = None, *, strict: bool = False
    ) -> tuple[Annotation, ...]:
        """The annotations in a JSON array. `written` are the type versions that the file's header names.

        RecordError for what is no list of annotations at all, and if `strict` also for one whose type is known and
        whose fields do not fit it, and for numbers that are not finite; else that one stays `Opaque`.
        """
        known = not written or all(version <= self._versions.get(tag, 0) for tag, version in written.items())
        if known and (self._blobs is None or b'"blob":' not in bytes(raw)):
            try:
                return self._typed.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
        try:
            return tuple(self._one(part, written or {}, strict) for part in self._raw.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordError(f"annotations cannot be read: {error}") from error

    def _one(self, raw: Raw, written: Mapping[str, int], strict: bool) -> Annotation:
        common = self._any.decode(raw)
        if common.blob is not None and self._blobs is not None:
            try:
                return self._one(Raw(self._blobs.get(common.blob)), written, strict)
            except RecordError:
                if strict:
                    raise
        decoder = self._single.get(common.type)
        if decoder is not None and written.get(common.type, 1) <= self._versions.get(common.type, 1):
            with nullcontext() if strict else suppress(msgspec.ValidationError):
                return decoder.decode(raw)
        if strict:
            msgspec.json.decode(raw)
        return Opaque(
            id=common.id,
            label=common.label,
            score=common.score,
            attributes=common.attributes,
            track=common.track,
            kind=common.type,
            raw=Raw(bytes(raw)),
        )

    def encode(self, annotations: Sequence[Annotation | Undecoded]) -> bytes:
        """The annotations as a JSON array; numpy's numbers and arrays are written as plain ones.

        RecordError for a number that is not finite, for what JSON cannot hold, or for an id used twice.
        """
        ids = annotations.ids if isinstance(annotations, Columns) else [a.id for a in annotations]
        if len(set(ids)) != len(ids) or "" in ids:
            raise RecordError("every annotation of a record needs an id of its own")
        encoded = _joined(annotations) if isinstance(annotations, Columns) else self._encoded(annotations)
        if b"\n" in encoded:
            raise RecordError("an annotation holds JSON of several lines")
        return encoded

    def _encoded(self, annotations: Sequence[Annotation | Undecoded]) -> bytes:
        kinds = set(map(type, annotations))
        stored = [_raw(a) for a in annotations] if kinds & {Opaque, Undecoded} else annotations
        try:
            encoded = msgspec.json.encode(stored, enc_hook=_plain)
        except TypeError as error:
            raise RecordError(f"an annotation holds what cannot be stored: {error}") from error
        if b"null" in encoded:
            for annotation in annotations:  # msgspec writes what is not finite as null
                if not isinstance(annotation, Opaque | Undecoded):
                    _refuse_non_finite(msgspec.structs.asdict(annotation), annotation.id)
        return encoded

    def shelve(self, raw: bytes, limit: int) -> bytes:
        """A JSON array of annotations with each that is longer than `limit` put into the blob store: what stays has its
        common fields, and the blob's digest as `blob`."""
        if len(raw) <= limit or self._blobs is None:
            return raw
        parts = []
        for part in self._raw.decode(raw):
            if len(part) > limit and (common := self._any.decode(part)).blob is None:
                parts.append(msgspec.json.encode(msgspec.structs.replace(common, blob=self._blobs.put(bytes(part)))))
            else:
                parts.append(bytes(part))
        return b"[" + b",".join(parts) + b"]"


def _raw(annotation: Annotation | Undecoded) -> Any:
    if isinstance(annotation, Opaque):
        return annotation.raw
    if isinstance(annotation, Undecoded):
        one = annotation
        return Raw(_joined(Columns(one.tag, (one.id,), (one.label,), (one.fields,)))[1:-1])
    return annotation


def _joined(annotations: Columns) -> bytes:
    """Undecoded annotations as a JSON array."""
    if not annotations.fields:
        return b"[]"
    if not all(annotations.fields):
        raise RecordError("an undecoded annotation has no fields")
    openings = map(_opening, repeat(annotations.tag), annotations.ids, annotations.labels)
    return b"[%b}]" % b"".join(chain.from_iterable(zip(openings, annotations.fields, strict=True)))[2:]


@lru_cache(1 << 16)
def _opening(tag: str, id: str, label: str | None) -> bytes:
    """The end of one annotation and the beginning of the next."""
    known = {"type": tag, "id": id} | ({} if label is None else {"label": label})
    return b"}," + msgspec.json.encode(known)[:-1] + b","


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__}")


def _refuse_non_finite(value: Any, where: str) -> None:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"annotation {where} holds {value}, which is not a finite number")
    if isinstance(value, Mapping):
        for part in value.values():
            _refuse_non_finite(part, where)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_non_finite(part, where)


def with_ids(annotations: Sequence[Some], prefix: str = "a", taken: Collection[str] = ()) -> tuple[Some, ...]:
    """The annotations, each that has no id of its own (or one used before) given a short new one, none of `taken`."""
    own = {a.id for a in annotations}
    if len(own) == len(annotations) and "" not in own:
        return tuple(annotations)
    taken = {*own, *taken}
    seen: set[str] = {""}
    out = []
    number = 0
    for annotation in annotations:
        if annotation.id in seen:
            number += 1
            while f"{prefix}{number}" in taken:
                number += 1
            annotation = msgspec.structs.replace(annotation, id=f"{prefix}{number}")  # noqa: PLW2901
            taken.add(annotation.id)
        seen.add(annotation.id)
        out.append(annotation)
    return tuple(out)
