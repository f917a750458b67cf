"""The planes of a screenful of cells: code point, foreground, background and style."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trainset.tui.canvas.graphemes import clusters
from trainset.tui.canvas.palette import BACKGROUND, FOREGROUND, Color

BOLD, DIM, UNDERLINE, REVERSE = 1, 2, 4, 8
"""Bits of the style plane."""

SPACE = 0x20
CONTINUED = 0
"""The code of the second cell of a wide cluster."""

_FIRST_CLUSTER = 0x110000
_cluster_codes: dict[str, int] = {}
_cluster_texts: list[str] = []


def cluster_code(cluster: str) -> int:
    """The code of a cluster: its code point, or for several a number past Unicode's end."""
    if len(cluster) == 1:
        return ord(cluster)
    if cluster not in _cluster_codes:
        _cluster_codes[cluster] = _FIRST_CLUSTER + len(_cluster_texts)
        _cluster_texts.append(cluster)
    return _cluster_codes[cluster]


def cluster_text(code: int) -> str:
    """What a code writes; nothing for the second cell of a wide cluster."""
    if code >= _FIRST_CLUSTER:
        return _cluster_texts[code - _FIRST_CLUSTER]
    return chr(code) if code else ""


@lru_cache(maxsize=4096)
def _codes(text: str) -> NDArray[np.uint32]:
    """The codes of the cells that a text takes."""
    return np.array([code for c, cells in clusters(text) for code in (cluster_code(c), CONTINUED)[:cells]], np.uint32)


@dataclass
class Cells:
    """`(rows, columns)` planes: `code` uint32, `style` uint8 bits, `fg` and `bg` with 3 uint8 channels more."""

    code: NDArray[np.uint32]
    fg: NDArray[np.uint8]
    bg: NDArray[np.uint8]
    style: NDArray[np.uint8]

    @classmethod
    def blank(cls, rows: int, columns: int, fg: Color = FOREGROUND, bg: Color = BACKGROUND) -> Cells:
        """Spaces on the canvas's background."""
        return cls(
            np.full((rows, columns), SPACE, np.uint32),
            np.full((rows, columns, 3), fg, np.uint8),
            np.full((rows, columns, 3), bg, np.uint8),
            np.zeros((rows, columns), np.uint8),
        )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.code.shape[0])

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return int(self.code.shape[1])

    def __getitem__(self, index: slice | NDArray[np.intp]) -> Cells:
        return Cells(self.code[index], self.fg[index], self.bg[index], self.style[index])

    def crop(self, start: int, stop: int) -> Cells:
        """Columns `start` to `stop`; half a wide cluster at a cut is a space."""
        span = (slice(None), slice(start, stop))
        code = self.code[span].copy()
        if code.shape[1]:
            code[code[:, 0] == CONTINUED, 0] = SPACE
            if stop < self.columns:
                code[self.code[:, stop] == CONTINUED, -1] = SPACE
        return Cells(code, self.fg[span], self.bg[span], self.style[span])

    def paste(self, part: Cells, row: int, column: int) -> None:
        """Put other cells over these, with their upper left corner there; all of them have to lie inside."""
        span = (slice(row, row + part.rows), slice(column, column + part.columns))
        self.code[span], self.style[span] = part.code, part.style
        self.fg[span], self.bg[span] = part.fg, part.bg

    def changed_rows(self, other: Cells | None) -> NDArray[np.intp]:
        """The rows that differ from `other`'s; all of them where the shapes do."""
        if other is None or other.code.shape != self.code.shape:
            return np.arange(self.rows)
        differs = (self.code != other.code).any(1) | (self.style != other.style).any(1)
        differs |= (self.fg != other.fg).any((1, 2)) | (self.bg != other.bg).any((1, 2))
        return np.flatnonzero(differs)

    def put(self, row: int, column: int, text: str, fg: Color, bg: Color | None = None, style: int = 0) -> int:
        """Write text from `column` on, clipped to the row; returns the column after it.

        Text is made safe for a terminal. Without `bg` the background stays. A wide cluster cut by an edge is a space.
        """
        codes = _codes(text)
        end = column + len(codes)
        first, last = max(column, 0), min(end, self.columns)
        if 0 <= row < self.rows and first < last:
            part = codes[first - column : last - column].copy()
            if part[0] == CONTINUED:
                part[0] = SPACE
            if last < end and codes[last - column] == CONTINUED:
                part[-1] = SPACE
            self.code[row, first:last] = part
            self.fg[row, first:last] = fg
            self.style[row, first:last] = style
            if bg is not None:
                self.bg[row, first:last] = bg
        return end
