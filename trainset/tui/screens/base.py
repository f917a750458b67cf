"""What the screens over a session share: one repaint for all keys that wait, dialogs, and a size below which nothing is judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Static

from trainset.core.pace import Paced, in_short
from trainset.core.parting import Parting
from trainset.core.preferences import DEFAULT, Preferences
from trainset.core.protocols import Key
from trainset.core.reviewing import Sharing
from trainset.core.sitting import Notice
from trainset.tui.dialogs.choosing import Leaving
from trainset.tui.dialogs.dialog import Answer, Dialog
from trainset.tui.dialogs.palette import Palette, carry_out
from trainset.tui.flow import RETRY, behind

_WIDTHS = [(0, "-tiny"), (60, "-narrow"), (100, "-normal"), (150, "-wide")]
_HEIGHTS = [(0, "-flat"), (16, "-low"), (32, "-high")]
"""From how many cells on a screen has which class."""

_ROOM_FOR_PACE = 120

_BETWEEN_BELLS, _FLASH = 1.0, 0.2
"""Seconds."""

LOOK = 0.5
"""Seconds between two looks at what happens beside a session; an edit is kept at the next one."""


def loose_facts(desk: object, uncommitted: int) -> list[str]:
    """For the status line: how many decisions no commit holds, and how many commits no remote has."""
    unpushed = desk.company.unpushed if isinstance(desk, Sharing) else 0
    return [
        f"{uncommitted:,} uncommitted",
        *([f"{unpushed:,} commit{'' if unpushed == 1 else 's'} not pushed"] if unpushed else []),
    ]


def strange(event: events.Key) -> Notice | None:
    """What to say of a key that is bound to nothing, if it is a letter that another keyboard layout sends."""
    if not event.is_printable or event.character is None or event.character.isascii():
        return None
    text = f"this layout sends {event.character}: switch the layout, choose a preset of keys, or bind them"
    return Notice(text, "refused")


class SessionScreen(Screen[None]):
    """Keys change a session, and `repaint` shows whatever they changed."""

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    _begun = False

    def __init__(self) -> None:
        super().__init__()
        self.dialog: Dialog[Any] | None = None
        self._repaint_asked = False
        self._alerted: Notice | None = None
        self._rang = -_BETWEEN_BELLS

    def on_mount(self) -> None:
        """Begin with the classes of this size: Textual sets them after a first layout, which would be painted for nothing."""
        for steps, room in ((_WIDTHS, self.app.size.width), (_HEIGHTS, self.app.size.height)):
            self.add_class(max(step for step in steps if step[0] <= room)[1])

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """As every widget, but for what would paint the whole screen once more: the first paint is of everything, a layout
        paints what it moves, and what changes in the `regions` of a screen beneath this one is not seen."""
        again = repaint and self._begun and not layout and not regions
        return super().refresh(repaint=again, layout=layout, recompose=recompose)

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
        """Repaint once, after the keys that already wait have been carried out: behind those that wait for the application,
        then behind those that it has handed on."""
        if not self._repaint_asked:
            self._repaint_asked = True
            if self._begun:
                self.app.call_later(self.call_later, self._repaint_once)
            else:
                self.call_later(self._repaint_once)

    def _repaint_once(self) -> None:
        if behind(self.app):
            self.set_timer(RETRY, self._repaint_once)
            return
        self._repaint_asked = False
        self._begun = True
        self.repaint()

    def on_resize(self) -> None:
        """Another size."""
        self.ask_repaint()

    @property
    def preferences(self) -> Preferences:
        """What the person at this terminal wants."""
        found: Preferences = getattr(self.app, "preferences", DEFAULT)
        return found

    @property
    def home(self) -> Callable[[], None] | None:
        """What leads to the home screen once this one is left; None where there is none."""
        found: Callable[[], None] | None = getattr(self.app, "home", None)
        return found

    def pace(self, desk: object, left: int, noun: str = "an item") -> list[str]:
        """The reviewer's own pace for the status line, where it is known, wanted, and there is room."""
        if not isinstance(desk, Paced) or not self.preferences.display.pace or self.size.width < _ROOM_FOR_PACE:
            return []
        found = desk.pace.estimate(left)
        return [] if found is None else [in_short(found, noun)]

    def alert(self, notice: Notice) -> None:
        """Ring and flash for what was refused, as the person wants it; once in a while for a key that is held down."""
        if notice is self._alerted or notice.kind not in ("refused", "error"):
            return
        self._alerted = notice
        now = time.monotonic()
        if now - self._rang < _BETWEEN_BELLS:
            return
        self._rang = now
        if self.preferences.display.bell:
            self.app.bell()
        if self.preferences.display.flash:
            status = self.query_one("#status")
            status.add_class("flash")
            self.set_timer(_FLASH, lambda: status.remove_class("flash"))

    def depart(self, end: Callable[[], None]) -> None:
        """Leave, by `end`; where something is not committed or not pushed, ask once what is to become of it."""
        parting: Parting | None = getattr(self.app, "parting", None)
        loose = parting.question() if parting is not None else None
        if parting is None or loose is None:
            end()
            return
        asked = parting

        def answered(take_care: bool | None) -> None:
            if take_care is not None:
                asked.wanted = take_care
                end()

        self.ask(Leaving(loose), answered)

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
