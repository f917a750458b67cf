"""A box above the screen that takes the keys until it is answered.

It is a widget, not one of Textual's modal screens: those draw the screen below anew from Segments, which for a picture
takes ten times as long as cutting a box out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding
from textual.containers import Vertical

Answer = TypeVar("Answer")


class Dialog(Vertical, Generic[Answer]):
    """Calls `then` with the answer, or with None when it is left without one."""

    BINDINGS: ClassVar = [Binding("escape", "leave", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[Answer | None], None] = lambda answer: None

    def answer(self, answer: Answer | None) -> None:
        """Close with this answer."""
        self.remove()
        self.then(answer)

    def action_leave(self) -> None:
        """Close without one."""
        self.answer(None)
