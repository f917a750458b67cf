"""When somebody has worked so long without a pause that it is time to be reminded of one."""

from __future__ import annotations

import time
from collections.abc import Callable

_REST = 120.0


class Breaks:
    """A pause is due after `minutes` of work (0: never), and again after as many; `clock` gives seconds.

    Two minutes in which nothing is done are a pause, with which the count begins anew.
    """

    def __init__(self, minutes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._after, self._clock = minutes * 60.0, clock
        self._since = self._last = clock()

    def due(self) -> bool:
        """Note that something was done now; whether a pause is due."""
        now = self._clock()
        if now - self._last >= _REST:
            self._since = now
        self._last = now
        if not self._after or now - self._since < self._after:
            return False
        self._since = now
        return True
