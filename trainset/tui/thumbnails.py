"""Thumbnails as cells: drawn by threads beside the screen, and kept as far as their bytes have room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from trainset.core.protocols import Context, View
from trainset.core.scene import Scene, Size, Viewport
from trainset.core.sitting import in_words
from trainset.core.tiles import Shown
from trainset.errors import TrainsetError
from trainset.tui.canvas.camera import Camera
from trainset.tui.canvas.cells import Cells
from trainset.tui.canvas.painter import Painter
from trainset.tui.terminal import Terminal

_ROOM = 64 * 1024 * 1024
_THREADS = 2

Drawn = Cells | str
"""A thumbnail, or why there is none."""


class Thumbnails:
    """Draws tiles with views of its own, one for each; `arrived` counts them."""

    def __init__(self, make_view: Callable[[], View], context: Context, room: int = _ROOM) -> None:
        self.arrived = 0
        self._make_view, self._context, self._left = make_view, context, room
        self._workers = ThreadPoolExecutor(_THREADS, "thumbnails")
        self._waiting: dict[Hashable, Future[None]] = {}
        self._kept: OrderedDict[Hashable, Drawn] = OrderedDict()
        self._lock = Lock()

    def want(self, tiles: Sequence[tuple[Shown, Size]], terminal: Terminal) -> list[Drawn | None]:
        """These tiles, each at a size, None for each that is not drawn yet: that is begun, in this order, and what was
        wanted before and has not begun is given up."""
        keys = [_key(shown, size, terminal) for shown, size in tiles]
        for key in list(self._waiting):
            if self._waiting[key].done() or (key not in keys and self._waiting[key].cancel()):
                del self._waiting[key]
        return [self._get(key, *tile, terminal) for key, tile in zip(keys, tiles, strict=True)]

    def _get(self, key: Hashable, shown: Shown, size: Size, terminal: Terminal) -> Drawn | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        if key not in self._waiting:
            self._waiting[key] = self._workers.submit(self._work, key, shown, size, terminal)
        return None

    def _work(self, key: Hashable, shown: Shown, size: Size, terminal: Terminal) -> None:
        try:
            drawn: Drawn = self._draw(shown, size, terminal)
        except TrainsetError as error:
            drawn = in_words(error)
        except Exception as error:  # a view of somebody else's: the tile says it, and the rest of the page goes on
            drawn = f"the view failed with {type(error).__name__}: {error}"
        with self._lock:
            self._kept[key] = drawn
            self._left -= _weight(drawn)
            while self._left < 0 and len(self._kept) > 1:
                self._left += _weight(self._kept.popitem(last=False)[1])
            self.arrived += 1

    def _draw(self, shown: Shown, size: Size, terminal: Terminal) -> Cells:
        view = self._make_view()
        if shown.whole:
            view.open(shown.item, {"decided": shown.annotations}, self._context)
            scene = view.scene(Viewport(size))
        else:
            scene = view.thumbnail(shown.item, shown.focus, size, self._context)
        return Painter(terminal.renderer, terminal.fine).paint(scene, _camera(scene, size), size)

    def close(self) -> None:
        """Stop after what has begun."""
        self._workers.shutdown(wait=False, cancel_futures=True)


def _key(shown: Shown, size: Size, terminal: Terminal) -> Hashable:
    return (shown.tile.name, shown.whole, tuple((a.id, a.label) for a in shown.annotations), size, terminal.renderer)


def _camera(scene: Scene, size: Size) -> Camera:
    if scene.rows and not scene.pictures:
        return Camera(scene.extent.x, scene.extent.y, 1.0, 1.0)
    return Camera.fitting(scene.extent, size)


def _weight(drawn: Drawn) -> int:
    if isinstance(drawn, str):
        return len(drawn)
    return drawn.code.nbytes + drawn.fg.nbytes + drawn.bg.nbytes + drawn.style.nbytes
