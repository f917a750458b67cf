"""Loads the media of the items that come next, one after another beside the screen."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from trainset.core.model import Item
from trainset.core.protocols import Media


class Prefetch:
    """Fills the cache of `media`. What cannot be loaded is left to the view that opens it, which says so."""

    def __init__(self, media: Media) -> None:
        self._media = media
        self._worker = ThreadPoolExecutor(1, "prefetch")
        self._waiting: dict[str, Future[Any]] = {}

    def load(self, items: Sequence[Item]) -> None:
        """Load these, and no longer what was asked for before and has not begun."""
        wanted = {item.key: item for item in items}
        for key, future in list(self._waiting.items()):
            if key not in wanted and (future.cancel() or future.done()):
                del self._waiting[key]
        for key, item in wanted.items():
            if key not in self._waiting:
                self._waiting[key] = self._worker.submit(self._media.ahead, item)

    def close(self) -> None:
        """Stop after what has begun."""
        self._worker.shutdown(wait=False, cancel_futures=True)
