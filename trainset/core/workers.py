"""Threads that work on items with one shared model: portions in bounded numbers, and failures that stay with their item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from trainset.core.files import chunks
from trainset.core.model import Item
from trainset.errors import ModelError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Failed:
    """Why there is no output for an item."""

    error: Exception


def in_portions(
    items: Iterable[T], size: int, workers: int, work: Callable[[list[T]], R], name: str = "worker"
) -> Iterator[R]:
    """What `work` makes of portions of `size` items, as they are ready; at most two portions a worker are in flight."""
    with ThreadPoolExecutor(workers, thread_name_prefix=name) as pool:
        flying: set[Future[R]] = set()
        portions = chunks(items, size)
        try:
            while True:
                while len(flying) < 2 * workers and (portion := next(portions, None)):
                    flying.add(pool.submit(work, portion))
                if not flying:
                    return
                ready, flying = wait(flying, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        finally:
            for future in flying:
                future.cancel()


def outputs(
    items: Iterable[Item],
    batch: int,
    prepare: Callable[[Item], Any],
    infer: Callable[[Sequence[Any]], Iterable[Any]],
    held: int = 1,
) -> Iterator[tuple[Item, Any]]:
    """Each item with its output, or with why it `Failed`: whatever a plugin raises concerns its item alone.

    Where a batch as a whole fails, each of its items is tried on its own, so that one cannot spoil the others. As many
    batches as `held` items make up are prepared before the first is inferred, and inferred before the first output is
    handed on: a model's run leaves little of what reading and decoding need in the processor's caches.
    """
    for some in chunks(items, batch * max(1, held // batch)):
        prepared: list[tuple[Item, Any]] = []
        for item in some:
            try:
                prepared.append((item, prepare(item)))
            except Exception as error:
                yield item, Failed(error)
        yield from [one for part in chunks(prepared, batch) for one in _inferred(part, infer)]


def _inferred(
    prepared: Sequence[tuple[Item, Any]], infer: Callable[[Sequence[Any]], Iterable[Any]]
) -> Iterator[tuple[Item, Any]]:
    if not prepared:
        return
    try:
        found = list(infer([p for _, p in prepared]))
        if len(found) != len(prepared):
            raise ModelError(f"{len(found)} outputs for a batch of {len(prepared)}")
    except Exception as error:
        if len(prepared) > 1:
            for one in prepared:
                yield from _inferred([one], infer)
        else:
            yield prepared[0][0], Failed(error)
        return
    yield from zip((item for item, _ in prepared), found, strict=True)
