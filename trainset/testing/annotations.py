"""The contract of annotation types: what is stored comes back, and two are compared by their geometry."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from trainset.core.codec import Codec, with_ids
from trainset.core.matching import tag_of
from trainset.core.model import Annotation, Item
from trainset.core.protocols import AnnotationOps, Comparing
from trainset.core.scene import Rect
from trainset.errors import RecordError
from trainset.testing.contract import ContractError, named, require, sound

_CLOSE = 1e-9


def check_annotations(
    struct: type[Annotation],
    ops: AnnotationOps,
    examples: Sequence[Annotation],
    item: Item,
    others: Sequence[Annotation] = (),
) -> None:
    """Check an annotation type by a few `examples` on an `item`: that they are stored without loss, and `ops`' measures.

    `others` are examples of the other types that `ops` compares, if any (`Comparing`).
    """
    require(len(examples) > 0, "there are no examples", "a check needs annotations to check")
    config = struct.__struct_config__
    require(
        issubclass(struct, Annotation) and config.frozen and config.tag_field == "type" and isinstance(config.tag, str),
        f"{named(struct)} is not declared as an annotation type",
        'a type subclasses Annotation with kw_only=True, frozen=True and its tag="…"',
    )
    for example in examples:
        require(
            isinstance(example, struct), f"{example!r} is no {named(struct)}", "examples are of the type under check"
        )
    _check_stored(struct, with_ids(examples))
    _check_similarity(ops, examples, item)
    _check_comparable(ops, examples, others, item)
    for example in examples:
        place = ops.extent(example, item)
        require(
            place is None or (isinstance(place, Rect) and sound(place, empty=True)),
            f"{named(ops, 'extent')} of {example!r} is {place!r}",
            "an extent is a Rect of finite numbers, its sides not negative, or None for what has no place",
        )


def _check_stored(struct: type[Annotation], examples: Sequence[Annotation]) -> None:
    tag = str(struct.__struct_config__.tag)
    codec = Codec({tag: struct})
    try:
        stored = codec.encode(examples)
    except RecordError as error:
        raise ContractError(
            f"an example of {tag!r} cannot be stored: {error.message}",
            "fields hold what JSON can, finite numbers",
        ) from error
    for line, example in zip(msgspec.json.decode(stored, type=list[msgspec.Raw]), examples, strict=True):
        (back,) = codec.decode(b"[" + bytes(line) + b"]")
        require(
            back == example and type(back) is struct,
            f"{example!r} is stored as {bytes(line).decode()} and comes back as {back!r}",
            "an annotation is the same after it was stored: declare fields as what JSON gives back (tuples of numbers)",
        )


def _check_similarity(ops: AnnotationOps, examples: Sequence[Annotation], item: Item) -> None:
    method = named(ops, "similarity")
    for a, b in ((examples, ()), ((), examples), ((), ())):
        _table(ops, a, b, item)
    table = _table(ops, examples, examples, item)
    require(bool(((table >= 0) & (table <= 1)).all()), f"{method} gives {table.min():g} to {table.max():g}",
            "similarity is in 0..1, 1 is identical")  # fmt: skip
    for n, example in enumerate(examples):
        require(abs(table[n, n] - 1) <= _CLOSE, f"{method} of {example!r} with itself is {table[n, n]:g}",
                "what is identical has similarity 1")  # fmt: skip
        row = _table(ops, [example], examples, item)
        require(bool(np.allclose(row[0], table[n], atol=_CLOSE)), f"{method} of one with all is not its row of all with all",
                "similarity is `(len(a), len(b))`, each pair for itself")  # fmt: skip
    require(bool(np.allclose(table, table.T, atol=_CLOSE)), f"{method} of a with b is not that of b with a: {table.tolist()}",
            "similarity is symmetric")  # fmt: skip
    renamed = [
        replace(e, id=f"x{n}", label="another", score=0.5, attributes={"x": 1.0}, track="t")
        for n, e in enumerate(examples)
    ]
    require(bool(np.allclose(_table(ops, renamed, examples, item), table, atol=_CLOSE)),
            f"{method} changes with ids, labels, scores or attributes", "similarity is by geometry alone")  # fmt: skip


def _check_comparable(
    ops: AnnotationOps, examples: Sequence[Annotation], others: Sequence[Annotation], item: Item
) -> None:
    tags, given = set(ops.comparable if isinstance(ops, Comparing) else ()), {tag_of(x) for x in others}
    require(tags == given, f"{named(ops)} compares with {sorted(tags)}, the others given are {sorted(given)}",
            "a check needs `others` of each type in `comparable`, and of no other")  # fmt: skip
    for tag in given:
        some = [x for x in others if tag_of(x) == tag]
        table = _table(ops, examples, some, item)
        require(bool(((table >= 0) & (table <= 1)).all()) and np.allclose(table, _table(ops, some, examples, item).T, atol=_CLOSE),
                f"{named(ops, 'similarity')} with {tag} is {table.tolist()}",
                "similarity with another type is in 0..1, and symmetric")  # fmt: skip


def _table(ops: AnnotationOps, a: Sequence[Annotation], b: Sequence[Annotation], item: Item) -> NDArray[np.float64]:
    found = ops.similarity(a, b, item)
    told = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
    require(
        isinstance(found, np.ndarray) and found.shape == (len(a), len(b)) and np.issubdtype(found.dtype, np.floating),
        f"{named(ops, 'similarity')} of {len(a)} with {len(b)} is {told}",
        f"similarity is an array of floats of shape (len(a), len(b)), here {(len(a), len(b))}, also where one is empty",
    )
    require(bool(np.isfinite(found).all()), f"{named(ops, 'similarity')} gives NaN", "similarity is in 0..1, never NaN")
    return found
