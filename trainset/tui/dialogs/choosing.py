"""Dialogs that are answered by one key: an edit to take up or drop, and what becomes of what is not committed or pushed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from trainset.core.drafts import Draft
from trainset.core.files import visible
from trainset.core.parting import Loose
from trainset.tui.dialogs.dialog import Dialog
from trainset.tui.widgets.colors import MUTED


class _Choice(Dialog[bool]):
    """A title, what belongs to it, and the keys."""

    can_focus = True

    def __init__(self, title: str, more: str, keys: str) -> None:
        super().__init__()
        self._title, self._more, self._keys = title, more, keys

    def compose(self) -> ComposeResult:
        """What is asked, and how to answer."""
        yield Static(Content.styled(visible(self._title), "bold"), classes="title")
        if self._more:
            yield Static(Content.styled(visible(self._more), "$warning"), classes="title")
        yield Static(Content.styled(self._keys, MUTED))

    def on_mount(self) -> None:
        """The keys are its own."""
        self.focus()


class Unfinished(_Choice):
    """Offers an edit that was left undecided: True takes it up, False drops it."""

    BINDINGS: ClassVar = [
        Binding("enter", "choose(True)", show=False),
        Binding("escape", "choose(False)", show=False),
    ]

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft.title, draft.changed, "Enter takes it up · Esc drops it")

    def action_choose(self, take_up: bool) -> None:
        """The answer."""
        self.answer(take_up)


class Leaving(_Choice):
    """Asks whether what is not committed or pushed is to be; None goes back to the review."""

    BINDINGS: ClassVar = [
        Binding("s,y", "choose(True)", show=False),
        Binding("enter,q,n", "choose(False)", show=False),
    ]

    def __init__(self, loose: Loose) -> None:
        does = "commits, takes in what others pushed, and pushes" if loose.remote else "commits"
        super().__init__(loose.words, "", f"s {does} · Enter or q leaves it as it is · Esc goes back")

    def action_choose(self, take_care: bool) -> None:
        """The answer."""
        self.answer(take_care)
