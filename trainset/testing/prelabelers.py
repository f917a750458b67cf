"""The contract of pre-labellers: prepare, infer and decode, alone, in batches and from several threads at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from trainset.core.files import chunks
from trainset.core.model import Annotation, Item
from trainset.core.protocols import Context, Embedder, Limits, Prelabeler, Promptable, Tentative
from trainset.core.scene import Rect
from trainset.testing.contract import named, require, same

_CLOSE = 1e-3
"""How far numbers may differ between an item alone and in a batch, where a runtime may sum in another order."""


def check_prelabeler(
    labeller: Prelabeler, items: Sequence[Item], context: Context, classes: Sequence[str] | None = None
) -> None:
    """Check a pre-labeller on items whose media it can read; best are several, of different sizes.

    `classes` are the names that its labels must be among: the model's class names, or a task's labels.
    """
    require(len(items) > 0, "there are no items", "a check needs items to check")
    check_limits(labeller)
    alone = [_run(labeller, [item], context)[0] for item in items]
    for item, said in zip(items, alone, strict=True):
        for annotation in said:
            _check_annotation(labeller, annotation, item, context, classes)
        ids = [a.id for a in said if a.id]
        require(
            len(set(ids)) == len(ids),
            f"{named(labeller, 'decode')} of {item.key} gives ids {ids}",
            "an id is unique among an item's annotations, or empty",
        )
    if isinstance(labeller, Tentative):
        _check_beside(labeller, items, context, classes)
    size = labeller.limits.batch
    for some in (list(items), list(reversed(items))):
        together = [found for batch in chunks(some, size) for found in _run(labeller, batch, context)]
        expected = alone if some[0] is items[0] else alone[::-1]
        for item, mine, theirs in zip(some, expected, together, strict=True):
            require(
                same(list(mine), list(theirs), _CLOSE),
                f"{named(labeller)} says of {item.key} {mine!r} alone, and {theirs!r} in a batch of {size}",
                "infer gives one output an item, in order: an item's neighbours in a batch change nothing",
            )
    _check_threads(labeller, items, context, alone)


def check_promptable(
    labeller: Promptable, items: Sequence[Item], context: Context, prompts: Sequence[Annotation]
) -> None:
    """Check a promptable pre-labeller on items whose media it can read, each shown the same prompts, one an object."""
    require(len(items) > 0 and len(prompts) > 0, "there are no items or prompts", "a check needs both")
    check_limits(labeller)
    by_id = {prompt.id: prompt for prompt in prompts}
    for item in items:
        encoded = labeller.encode(labeller.prepare(item, context))
        found = labeller.prompt(encoded, prompts)
        for annotation in found:
            shown = by_id.get(annotation.id)
            require(
                shown is not None and annotation.label == shown.label,
                f"{named(labeller, 'prompt')} of {item.key} gives {annotation!r}",
                "what a prompt gives has the id and the label of the prompt",
            )
            require(
                annotation.score is None or (math.isfinite(annotation.score) and 0 <= annotation.score <= 1),
                f"{named(labeller, 'prompt')} of {item.key} gives the score {annotation.score!r}",
                "a score is a finite number in 0..1, or none",
            )
        contract = "an item is encoded once, and prompted any number of times: a prompt depends on nothing before it"
        one_by_one = [a for prompt in prompts for a in labeller.prompt(encoded, [prompt])]
        require(
            same(list(found), one_by_one, _CLOSE),
            f"{named(labeller, 'prompt')} of {item.key} differs prompt by prompt",
            contract,
        )
        require(
            not labeller.prompt(encoded, []), f"{named(labeller, 'prompt')} finds something without a prompt", contract
        )
        (inferred,) = labeller.infer([labeller.prepare(item, context)])
        require(
            same(list(labeller.prompt(inferred, prompts)), list(found), _CLOSE),
            f"{named(labeller, 'infer')} of {item.key} is prompted to something else than encode",
            "infer gives what encode does, one for each prepared item",
        )


def _check_beside(labeller: Tentative, items: Sequence[Item], context: Context, classes: Sequence[str] | None) -> None:
    """Whether what it knows beside its proposals is sound, and the proposals are the same."""
    for item in items:
        (output,) = labeller.infer([labeller.prepare(item, context)])
        found, method = labeller.decode_all(output, item), f"{named(labeller, 'decode_all')} of {item.key}"
        require(
            same(list(found.annotations), list(labeller.decode(output, item)), _CLOSE),
            f"{method} proposes something else than decode",
            "decode_all gives what decode does, and what else there is",
        )
        ids = [a.id for a in (*found.annotations, *found.weak)]
        require(
            not found.weak or (len(set(ids)) == len(ids) and "" not in ids),
            f"{method} gives ids {ids}",
            "an id is unique among annotations and weak ones",
        )
        for annotation in found.weak:
            _check_annotation(labeller, annotation, item, context, classes)
        for name, likely in found.likely.items():
            require(
                name in ids
                and all(math.isfinite(s) and 0 <= s <= 1 and (not classes or c in classes) for c, s in likely),
                f"{method} thinks {name!r} likely to be {likely!r}",
                "likely are classes with scores in 0..1, by the id of an annotation",
            )


def _run(labeller: Prelabeler, batch: Sequence[Item], context: Context) -> list[Sequence[Annotation]]:
    outputs = labeller.infer([labeller.prepare(item, context) for item in batch])
    require(
        len(outputs) == len(batch),
        f"{named(labeller, 'infer')} gives {len(outputs)} outputs for a batch of {len(batch)}",
        "infer gives one output an item, in order",
    )
    return [labeller.decode(output, item) for output, item in zip(outputs, batch, strict=True)]


def check_limits(labeller: Prelabeler | Embedder) -> None:
    """Whether limits and providers are sound."""
    limits = labeller.limits
    require(isinstance(limits, Limits), f"{named(labeller, 'limits')} is {limits!r}", "limits are a Limits")
    numbers = (limits.batch, limits.concurrency, limits.bytes_per_item)
    require(
        all(isinstance(n, int) and n > 0 for n in numbers),
        f"{named(labeller, 'limits')} are {limits}",
        "limits are whole numbers above 0",
    )
    providers: Any = labeller.providers()
    require(
        not isinstance(providers, str) and all(isinstance(p, str) for p in providers),
        f"{named(labeller, 'providers')} are {providers!r}",
        "providers are names, none where there is no choice",
    )


def _check_annotation(
    labeller: Prelabeler, annotation: Annotation, item: Item, context: Context, classes: Sequence[str] | None
) -> None:
    method = f"{named(labeller, 'decode')} of {item.key}"
    require(isinstance(annotation, Annotation), f"{method} gives {annotation!r}", "decode gives annotations")
    require(
        isinstance(annotation.label, str) and (classes is None or annotation.label in classes),
        f"{method} gives the label {annotation.label!r}" + ("" if classes is None else f", not one of {list(classes)}"),
        "labels are the model's own class names, or `str(index)` where it has none",
    )
    score = annotation.score
    require(
        score is not None and math.isfinite(score) and 0 <= score <= 1,
        f"{method} gives the score {score!r}",
        "a score is a finite number in 0..1",
    )
    place, frame = context.extent(annotation, item), context.frame(item)
    require(
        place is None or frame is None or _meet(place, frame),
        f"{method} gives {annotation!r}, which lies outside of the item, {frame!r}",
        "annotations are in the item's coordinates",
    )


def _meet(a: Rect, b: Rect) -> bool:
    return a.x <= b.right and b.x <= a.right and a.y <= b.bottom and b.y <= a.bottom


def _check_threads(
    labeller: Prelabeler, items: Sequence[Item], context: Context, alone: Sequence[Sequence[Annotation]]
) -> None:
    """Two threads on one object, each with all items, in opposite orders."""
    started = Barrier(2)

    def work(order: Sequence[int]) -> dict[int, Sequence[Annotation]]:
        started.wait()
        return {n: _run(labeller, [items[n]], context)[0] for _ in range(3) for n in order}

    orders = (range(len(items)), range(len(items) - 1, -1, -1))
    contract = "worker threads call prepare, infer and decode at once on one object"
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(work, order) for order in orders]
        for future in futures:
            error = future.exception()
            require(
                error is None,
                f"{named(labeller)} raises {type(error).__name__} where two threads use it: {error}",
                contract,
            )
            for n, found in future.result().items():
                require(
                    same(list(alone[n]), list(found), _CLOSE),
                    f"{named(labeller)} says {found!r} of {items[n].key} where two threads use it, and else {alone[n]!r}",
                    contract,
                )
