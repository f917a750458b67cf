"""The widget that shows a view's scene: camera, painting, and the pointer in scene coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from trainset.core.protocols import View
from trainset.core.scene import Point, Rect, Scene, Size, Viewport
from trainset.tui.canvas import painter, strip
from trainset.tui.canvas.blocks import Renderer
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import Cells
from trainset.tui.terminal import Terminal

_WHEEL = 3


class Canvas(Widget):
    """Shows one view, or a message where there is none. Nothing is drawn before `rebuild`."""

    DEFAULT_CSS = "Canvas { width: 1fr; height: 1fr; }"

    class Pointer(Message):
        """The pointer went down, moved while down, or went up, at a place of the scene."""

        def __init__(self, command: str, at: Point) -> None:
            super().__init__()
            self.command, self.at = command, at

    class Moved(Message):
        """The camera moved or the room changed, so the canvas wants to be built again."""

    def __init__(self, terminal: Terminal, id: str | None = None) -> None:
        super().__init__(id=id)
        self.terminal = terminal
        self.overlays = True
        self._painter = painter.Painter(terminal.renderer, terminal.fine)
        self._view: View | None = None
        self._message: Sequence[tuple[str, bool]] = ()
        self._camera = Camera()
        self._fitting = True
        self._extent = Rect(0, 0, 1, 1)
        self._cells: Cells | None = None
        self._strips: list[Strip] = []
        self._pressed = False

    # -- what to show ---------------------------------------------------------------------------------------

    def open(self, view: View) -> None:
        """Show a view from now on, all of it."""
        self._view, self._message, self._fitting = view, (), True

    def say(self, lines: Sequence[tuple[str, bool]]) -> None:
        """Show lines of text instead of a view; those marked True are bold."""
        self._view, self._message = None, lines

    def use(self, renderer: Renderer) -> None:
        """Draw pictures in another way."""
        self.terminal = replace(self.terminal, renderer=renderer)
        self._painter = painter.Painter(renderer, self.terminal.fine)

    def fit(self) -> None:
        """Show the whole scene."""
        self._fitting = True

    def reveal(self, region: Rect) -> None:
        """Show a region of the scene: zoom to it in pictures, scroll to it in text."""
        if self._is_text:
            self._camera = self._camera.revealing(region, self._extent, self._cells_size)
        else:
            self._camera = Camera.fitting(region, self._cells_size)
        self._fitting = False

    def zoom(self, factor: float, column: float | None = None, row: float | None = None) -> None:
        """Zoom about a place in cells, the middle by default; text has one size."""
        if self._is_text:
            return
        size = self._cells_size
        whole = Camera.fitting(self._extent, size).scale
        column, row = size.columns / 2 if column is None else column, size.rows / 2 if row is None else row
        self._camera = self._camera.zoomed(factor, column, row, 2 * whole)
        self._fitting = False

    def pan(self, across: int, down: int) -> None:
        """Move over the scene, by an eighth of it in pictures, by lines in text."""
        size = self._cells_size
        if self._is_text:
            self._camera = self._camera.scrolled(across * _WHEEL, down * _WHEEL, self._extent, size)
        else:
            columns, rows = across * size.columns / 8, down * size.rows / 8
            self._camera = self._camera.panned(columns, rows, self._extent, size)
        self._fitting = False

    @property
    def _is_text(self) -> bool:
        return self._camera.aspect == 1

    @property
    def _cells_size(self) -> Size:
        return Size(self.size.width, self.size.height)

    # -- painting -------------------------------------------------------------------------------------------

    def rebuild(self) -> bool:
        """Paint the scene, and have Textual refresh the rows that changed; False where there is no room to paint."""
        size = self._cells_size
        if not size.columns or not size.rows:
            return False
        if self._view is None:
            cells = painter.message(self._message, size)
        else:
            scene = self._scene(self._view, size)
            cells = self._painter.paint(scene, self._camera, size, self.overlays)
        changed = cells.changed_rows(self._cells)
        if len(self._strips) != cells.rows:
            self._strips = [Strip.blank(size.columns)] * cells.rows
        self._cells = cells
        if len(changed):
            made = strip.strips(cells[changed], self.terminal.depth, self.terminal.tolerance)
            for row, new in zip(changed.tolist(), made, strict=True):
                self._strips[row] = new
            blocks = np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1)
            self.refresh(*(Region(0, int(b[0]), size.columns, len(b)) for b in blocks))
        return True

    def _scene(self, view: View, size: Size) -> Scene:
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

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows in `crop`, past Textual's cache, which would take every row apart into Segments."""
        if not strip.usable():
            return super().render_lines(crop)
        return [self.render_line(y).crop(crop.x, crop.right) for y in crop.line_range]

    def render_line(self, y: int) -> Strip:
        """One row as it was last built."""
        row = self._strips[y] if y < len(self._strips) else None
        return row if row is not None and row.cell_length == self.size.width else Strip.blank(self.size.width)

    def on_resize(self) -> None:
        """Ask to be built for the new size."""
        self.post_message(self.Moved())

    # -- the pointer ----------------------------------------------------------------------------------------

    def _at(self, event: events.MouseEvent) -> Point:
        """The scene point under the pointer; the middle of the cell where the terminal knows no better."""
        column, row = event.pointer_x, event.pointer_y
        column, row = (v + 0.5 if v == int(v) else v for v in (column, row))
        return self._camera.to_scene(column, row)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """The left button goes to the view."""
        if event.button == 1 and self._view is not None:
            self._pressed = True
            self.capture_mouse()
            self.post_message(self.Pointer("press", self._at(event)))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """A movement with the button down is a drag."""
        if self._pressed:
            self.post_message(self.Pointer("drag", self._at(event)))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The end of a drag, or of a click."""
        if self._pressed:
            self._pressed = False
            self.release_mouse()
            self.post_message(self.Pointer("release", self._at(event)))

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
        self.post_message(self.Moved())
