"""A view's scene as lines of text: what the review screen shows of an item, printed once."""

from __future__ import annotations

import os
from math import ceil

from trainset.core import preferences
from trainset.core.protocols import View
from trainset.core.scene import Size, Viewport
from trainset.tui.canvas.ansi import encode
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.painter import Painter
from trainset.tui.terminal import Terminal, detect


def still(view: View, room: Size, terminal: Terminal | None = None) -> list[str]:
    """The whole scene in at most `room`, as rows with their ANSI codes; without what a picture leaves free of it.

    `terminal` is the one that stdout is, where it is not given.
    """
    shown = terminal or stdout()
    scene = view.scene(Viewport(room))
    extent = scene.extent
    if scene.rows and not scene.pictures:
        camera = Camera(extent.x, extent.y, 1.0, 1.0)
        size = Size(room.columns, min(room.rows, len(scene.rows)))
    else:
        scale = Camera.fitting(extent, room).scale
        size = Size(
            min(room.columns, max(1, ceil(extent.width / scale))),
            min(room.rows, max(1, ceil(extent.height / scale / 2))),
        )
        camera = Camera.fitting(extent, size)
        scene = view.scene(Viewport(size, None, camera.scale))
    cells = Painter(shown.renderer, shown.fine).paint(scene, camera, size)
    return encode(cells, shown.depth)


def stdout() -> Terminal:
    """The terminal that stdout is, as the review screen sees it; one that is said to know no colours gets none."""
    from rich.console import Console

    colors = Console().color_system
    return detect(os.environ, colors, None, None if colors else "mono", preferences.load().display)
