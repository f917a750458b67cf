"""The widget that shows a view's scene: camera, painting, and the pointer in scene coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from textual import events
from textual.message import Message

from trainset.core.scene import Point, Rect, Scene, Size, Viewport
from trainset.tui.canvas import painter
from trainset.tui.canvas.blocks import Renderer
from trainset.tui.canvas.camera import Camera
from trainset.tui.terminal import Terminal
from trainset.tui.widgets.board import Board

_WHEEL = 3


class Drawn(Protocol):
    """What a canvas needs of a view."""

    def scene(self, viewport: Viewport) -> Scene:
        """What to show through this viewport."""
        ...


class Canvas(Board):
    """Shows one view, or a message where there is none. Nothing is drawn before `rebuild`."""

    class Pointer(Message):
        """The pointer went down, moved while down, or went up, at a place of the scene; `other` where Ctrl or Alt is held."""

        def __init__(self, command: str, at: Point, other: bool = False, canvas: Canvas | None = None) -> None:
            super().__init__()
            self.command, self.at, self.other, self.canvas = command, at, other, canvas

    class Moved(Message):
        """The camera moved or the room changed, so the canvas wants to be built again."""

        def __init__(self, canvas: Canvas) -> None:
            super().__init__()
            self.canvas = canvas

    def __init__(self, terminal: Terminal, id: str | None = None) -> None:
        super().__init__(terminal, id)
        self.overlays = True
        self._painter = painter.Painter(terminal.renderer, terminal.fine)
        self._view: Drawn | None = None
        self._message: Sequence[tuple[str, bool]] = ()
        self._camera = Camera()
        self._fitting = True
        self._extent = Rect(0, 0, 1, 1)
        self._pressed = False
        self._hover: tuple[float, float] | None = None

    # -- what to show ---------------------------------------------------------------------------------------

    def open(self, view: Drawn) -> None:
        """Show a view from now on, all of it."""
        self._view, self._message, self._fitting = view, (), True
        self._hover = None

    def show(self, view: Drawn) -> None:
        """Show another view through the same camera."""
        self._view, self._message = view, ()

    def say(self, lines: Sequence[tuple[str, bool]]) -> None:
        """Show lines of text instead of a view; those marked True are bold."""
        self._view, self._message = None, lines

    def use(self, renderer: Renderer) -> None:
        """Draw pictures in another way."""
        self.terminal = replace(self.terminal, renderer=renderer)
        self._painter = painter.Painter(renderer, self.terminal.fine)

    def look_as(self, other: Canvas) -> None:
        """Show the same part in the same way as another canvas."""
        self._camera, self._fitting, self.overlays = other._camera, other._fitting, other.overlays
        if self.terminal != other.terminal:
            self.use(other.terminal.renderer)

    def fit(self) -> None:
        """Show the whole scene."""
        self._fitting = True

    def reveal(self, region: Rect) -> None:
        """Show a region of the scene: zoom to it in pictures, scroll to it in text."""
        if self._is_text:
            self._camera = self._camera.revealing(region, self._extent, self.room)
        else:
            self._camera = Camera.fitting(region, self.room)
        self._fitting = False

    def zoom(self, factor: float, column: float | None = None, row: float | None = None) -> None:
        """Zoom about a place in cells, the middle by default; text has one size."""
        if self._is_text:
            return
        size = self.room
        whole = Camera.fitting(self._extent, size).scale
        column, row = size.columns / 2 if column is None else column, size.rows / 2 if row is None else row
        self._camera = self._camera.zoomed(factor, column, row, 2 * whole)
        self._fitting = False

    def pan(self, across: int, down: int) -> None:
        """Move over the scene, by an eighth of it in pictures, by lines in text."""
        size = self.room
        if self._is_text:
            self._camera = self._camera.scrolled(across * _WHEEL, down * _WHEEL, self._extent, size)
        else:
            columns, rows = across * size.columns / 8, down * size.rows / 8
            self._camera = self._camera.panned(columns, rows, self._extent, size)
        self._fitting = False

    @property
    def part(self) -> Rect:
        """The part of the scene that is to be seen."""
        return self._extent if self._fitting else self._camera.region(self.room)

    @property
    def _is_text(self) -> bool:
        return self._camera.aspect == 1

    # -- painting -------------------------------------------------------------------------------------------

    def rebuild(self) -> bool:
        """Paint the scene, and have Textual refresh the rows that changed; False where there is no room to paint."""
        size = self.room
        if not size.columns or not size.rows:
            return False
        if self._view is None:
            cells = painter.message(self._message, size)
        else:
            scene = self._scene(self._view, size)
            cells = self._painter.paint(scene, self._camera, size, self.overlays)
        self.put(cells)
        return True

    def _scene(self, view: Drawn, size: Size) -> Scene:
        region = None if self._fitting else self._camera.region(size)
        scene = view.scene(Viewport(size, region, self._camera.scale))
        text = bool(scene.rows) and not scene.pictures
        extent = scene.extent
        self._extent = replace(extent, height=max(extent.height, len(scene.rows))) if text else extent
        if not self._fitting:
            return scene
        before = self._camera.scale
        self._camera = Camera(extent.x, extent.y, 1.0, 1.0) if text else Camera.fitting(extent, size)
        # The view steps by the camera's unit, which a picture decides only once its extent is known.
        return scene if self._camera.scale == before else view.scene(Viewport(size, None, self._camera.scale))

    def on_resize(self) -> None:
        """Ask to be built for the new size."""
        self.post_message(self.Moved(self))

    # -- the pointer ----------------------------------------------------------------------------------------

    @property
    def pointer(self) -> Point | None:
        """The place under the pointer; None where it is elsewhere, or has not moved since the view was opened."""
        return None if self._hover is None else self._camera.to_scene(*self._hover)

    def _at(self, event: events.MouseEvent) -> Point:
        """The scene point under the pointer; the middle of the cell where the terminal knows no better."""
        column, row = event.pointer_x, event.pointer_y
        column, row = (v + 0.5 if v == int(v) else v for v in (column, row))
        self._hover = column, row
        return self._camera.to_scene(column, row)

    def on_leave(self) -> None:
        """The pointer is elsewhere."""
        self._hover = None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """The left button goes to the view."""
        if event.button == 1 and self._view is not None:
            self._pressed = True
            self.capture_mouse()
            self.post_message(self.Pointer("press", self._at(event), event.ctrl or event.meta, self))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """A movement with the button down is a drag."""
        at = self._at(event)
        if self._pressed:
            self.post_message(self.Pointer("drag", at, canvas=self))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The end of a drag, or of a click."""
        if self._pressed:
            self._pressed = False
            self.release_mouse()
            self.post_message(self.Pointer("release", self._at(event), canvas=self))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel pans, with control it zooms."""
        self._wheel(event, 0, -1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel pans, with control it zooms."""
        self._wheel(event, 0, 1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """The wheel pans."""
        self._wheel(event, -1, 0)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """The wheel pans."""
        self._wheel(event, 1, 0)

    def _wheel(self, event: events.MouseEvent, across: int, down: int) -> None:
        event.stop()
        if event.ctrl and down:
            self.zoom(1.25 if down > 0 else 0.8, event.x, event.y)
        elif event.shift:
            self.pan(down, across)
        else:
            self.pan(across, down)
        self.post_message(self.Moved(self))
