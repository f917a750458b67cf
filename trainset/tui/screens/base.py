"""What the screens over a session share: one repaint for all keys that wait, dialogs, and a size below which nothing is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from trainset.core.preferences import DEFAULT, Preferences
from trainset.core.protocols import Key
from trainset.tui.dialogs.dialog import Answer, Dialog
from trainset.tui.dialogs.palette import Palette, carry_out

_WIDTHS = [(0, "-tiny"), (60, "-narrow"), (100, "-normal"), (150, "-wide")]
_HEIGHTS = [(0, "-flat"), (16, "-low"), (32, "-high")]
"""From how many cells on a screen has which class."""


class SessionScreen(Screen[None]):
    """Keys change a session, and `repaint` shows whatever they changed."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self) -> None:
        super().__init__()
        self.dialog: Dialog[Any] | None = None
        self._repaint_asked = False

    def on_mount(self) -> None:
        """Begin with the classes of this size: Textual sets them after a first layout, which would be painted for nothing."""
        for steps, room in ((_WIDTHS, self.app.size.width), (_HEIGHTS, self.app.size.height)):
            self.add_class(max(step for step in steps if step[0] <= room)[1])

    def too_small_note(self) -> Static:
        """What stands there instead of everything else where there is no room."""
        return Static(Content("This terminal is too small to judge anything in.\ntrainset needs 60 × 16."), id="small")

    @property
    def too_small(self) -> bool:
        """Whether there is no room to judge anything in."""
        return self.size.width < 60 or self.size.height < 16

    def repaint(self) -> None:
        """Show how things stand."""
        raise NotImplementedError

    def ask_repaint(self) -> None:
        """Repaint once, after the keys that already wait have been carried out."""
        if not self._repaint_asked:
            self._repaint_asked = True
            self.call_later(self._repaint_once)

    def _repaint_once(self) -> None:
        self._repaint_asked = False
        self.repaint()

    def on_resize(self) -> None:
        """Another size."""
        self.ask_repaint()

    @property
    def preferences(self) -> Preferences:
        """What the person at this terminal wants."""
        found: Preferences = getattr(self.app, "preferences", DEFAULT)
        return found

    def open_palette(self, keys: Sequence[Key], bound: Sequence[Key], run: Callable[[Key], None]) -> None:
        """Offer what `keys` do, `bound` being those that do it now, and run what is chosen."""

        def use(theme: str) -> None:
            self.app.theme = theme

        themes = sorted(self.app.available_themes)
        self.ask(Palette(keys, bound, themes), lambda answer: carry_out(answer, keys, run, use))

    def ask(self, dialog: Dialog[Answer], then: Callable[[Answer | None], None]) -> None:
        """Open a dialog, and repaint after its answer was dealt with."""

        def close(answer: Answer | None) -> None:
            self.dialog = None
            then(answer)
            self.ask_repaint()

        dialog.then = close
        self.dialog = dialog
        self.mount(dialog)
