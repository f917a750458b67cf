"""A close look at the item's picture, over the whole screen: in pixels where the terminal shows them, else in blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from trainset.core.protocols import View
from trainset.core.scene import Rect, Scene, Size, Viewport
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.drawing import draw
from trainset.tui.canvas.painter import Painter
from trainset.tui.dialogs.dialog import Dialog
from trainset.tui.terminal import Terminal
from trainset.tui.widgets.board import Board
from trainset.tui.widgets.colors import MUTED

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST, _MOST_FAR = 2_000_000, 500_000
"""Pixels that are sent, and those where bytes count; a larger picture is sent smaller, and enlarged by the terminal."""


_CELL = (10, 20)
"""Pixels of a cell, where the terminal did not say."""


class Inspect(Dialog[None]):
    """Shows a part of a view's scene; closes with Escape, q, Enter, or the key that opened it."""

    can_focus = True

    def __init__(self, view: View, part: Rect, terminal: Terminal, overlays: bool, key: str) -> None:
        super().__init__()
        self.add_class("full")
        self._view, self._part, self._overlays, self._key = view, part, overlays, key
        self._terminal = terminal
        self._shown: Any = None

    def compose(self) -> ComposeResult:
        """The picture, and what is to be said of it."""
        yield Container(Board(self._terminal), id="picture")
        yield Static(id="note")

    def on_mount(self) -> None:
        """Take the keys, and draw once it is known how much room there is."""
        self.focus()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._show)

    def on_key(self, event: events.Key) -> None:
        """Close."""
        event.stop()
        if event.key in ("escape", "q", "enter", self._key):
            self.action_leave()

    def action_leave(self) -> None:
        """Close, and have the terminal forget the picture."""
        if self._shown is not None:
            self._shown.image = None
        super().action_leave()

    def _show(self) -> None:
        """Blocks at once, and the pixels over them as soon as they are drawn."""
        board = self.query_one(Board)
        room = board.room
        if not room.columns or not room.rows:
            return
        camera = Camera.fitting(self._part, room)
        scene = self._view.scene(Viewport(room, self._part, camera.scale))
        board.put(Painter(self._terminal.renderer, self._terminal.fine).paint(scene, camera, room, self._overlays))
        why = dict(self._terminal.why).get("graphics", "")
        if self._terminal.graphics is None:
            self._note(f"in blocks, not pixels: {why}" if why else "in blocks, not pixels")
        else:
            self._note("drawing …")
            self.run_worker(lambda: self._draw(scene, room), thread=True, exclusive=True)

    def _draw(self, scene: Scene, room: Size) -> None:
        """In a thread."""
        across, down = self._terminal.cell or _CELL
        width, height = room.columns * across, room.rows * down
        smaller = min(1.0, ((_MOST_FAR if self._terminal.budget else _MOST) / (width * height)) ** 0.5)
        width, height = max(1, int(width * smaller)), max(1, int(height * smaller))
        camera = Camera.fitting(self._part, Size(width, height), 1.0)
        image = draw(scene, camera, width, height, self._overlays)
        self.app.call_from_thread(self._put, image, room)

    def _put(self, image: Image, room: Size) -> None:
        picture = self.query_one("#picture")
        if self._shown is not None:
            self._shown.image = None
            self._shown.remove()
        self._shown = pixels(self._terminal)(image, classes="pixels")
        self._shown.styles.width, self._shown.styles.height = room.columns, room.rows
        with self.app.batch_update():  # a picture is sent whenever the screen around it is laid out
            self.query_one(Board).display = False
            picture.mount(self._shown)
        self._note(f"{self._terminal.graphics} graphics, {image.width} × {image.height} pixels")

    def _note(self, text: str) -> None:
        self.query_one("#note", Static).update(Content.styled(f"{text} · Esc closes", MUTED))


def usable(terminal: Terminal) -> Terminal:
    """The terminal without graphics where what shows them is not installed; loads it where it is."""
    if terminal.graphics is None:
        return terminal
    try:
        pixels(terminal)
    except ImportError:
        why = {**dict(terminal.why), "graphics": "they need textual-image: pip install 'trainset[graphics]'"}
        return replace(terminal, graphics=None, why=tuple(why.items()))
    return terminal


def pixels(terminal: Terminal) -> Callable[..., Widget]:
    """The widget that shows a picture in this terminal.

    The module asks the terminal on its own when it is imported, which has to happen before Textual reads its answers.
    """
    from textual_image.widget import SixelImage, TGPImage

    return TGPImage if terminal.graphics == "kitty" else SixelImage
