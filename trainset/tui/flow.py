"""Whether the terminal keeps up with what is painted: behind a slow line a newer frame would only come later still."""

from __future__ import annotations

from queue import Queue
from typing import Any

from textual.app import App

RETRY = 0.01
"""Seconds after which to look again."""


def behind(app: App[Any]) -> bool:
    """Whether an earlier frame waits until the terminal has taken the one before it.

    Textual writes in a thread whose queue is private; where there is none, the terminal is taken to keep up.
    """
    waiting = getattr(getattr(app._driver, "_writer_thread", None), "_queue", None)
    return isinstance(waiting, Queue) and not waiting.empty()
