"""Cells as ANSI, a string for each row, without Python work per cell.

Every cell has the same fixed fields (escape, style, foreground, background, glyph) as bytes; what a cell does not need
is zeroed, and one boolean selection drops the zeros.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainset.tui.canvas.cells import BOLD, DIM, REVERSE, SPACE, UNDERLINE, Cells, cluster_text

Depth = Literal["24bit", "256", "mono"]

_SGR = {BOLD: b";1", DIM: b";2", UNDERLINE: b";4", REVERSE: b";7"}
_RESET = b"\x1b[0m"
_NUMBERS = np.zeros((256, 4), np.uint8)  # ";0" … ";255", padded with zeros
for _n in range(256):
    _NUMBERS[_n, : len(f";{_n}")] = list(f";{_n}".encode())
_LEVELS = np.array([0, 95, 135, 175, 215, 255], np.int32)
_NEAREST_LEVEL = np.abs(np.arange(256)[:, None] - _LEVELS).argmin(1)


def encode(cells: Cells, depth: Depth = "24bit", tolerance: int = 0) -> list[str]:
    """One string a row; each sets every colour that it needs, and ends with a reset.

    Neighbours in a row whose colours differ by at most `tolerance` in each channel share one: fewer bytes for
    terminals behind tmux or a slow line. "mono" writes styles only, and no colour at all.
    """
    if not cells.code.size:
        return [""] * cells.rows
    if depth == "mono":
        return _encode(cells, None, None, b"", cells.style)
    fg, bg = _resolved(cells)
    fg, bg = merge_runs(fg, tolerance), merge_runs(bg, tolerance)
    fg = _kept_over_spaces(fg, cells)
    style = cells.style & np.uint8(BOLD | UNDERLINE)
    if depth == "256":
        return _encode(cells, to_256(fg)[..., None], to_256(bg)[..., None], b"5", style)
    return _encode(cells, fg, bg, b"2", style)


def _resolved(cells: Cells) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours with reverse and dim carried out, so that no terminal has its own idea of them."""
    if not (cells.style & (REVERSE | DIM)).any():
        return cells.fg, cells.bg
    swap = (cells.style & REVERSE > 0)[..., None]
    fg, bg = np.where(swap, cells.bg, cells.fg), np.where(swap, cells.fg, cells.bg)
    mixed = ((fg.astype(np.uint16) * 5 + bg.astype(np.uint16) * 4) // 9).astype(np.uint8)
    return np.where((cells.style & DIM > 0)[..., None], mixed, fg), bg


def merge_runs(colors: NDArray[np.uint8], tolerance: int) -> NDArray[np.uint8]:
    """`(rows, columns, 3)` with each run, left to right, of colours within `tolerance` of its first made equal."""
    if tolerance <= 0:
        return colors
    columns = np.ascontiguousarray(colors.transpose(1, 0, 2)).astype(np.int16)
    for before, here in pairwise(columns):
        near = np.abs(here - before).max(1) <= tolerance
        here[near] = before[near]
    return columns.transpose(1, 0, 2).astype(np.uint8)


def _kept_over_spaces(fg: NDArray[np.uint8], cells: Cells) -> NDArray[np.uint8]:
    """A space shows no foreground, so it takes its left neighbour's and costs nothing."""
    hidden = (cells.code == SPACE) & (cells.style & UNDERLINE == 0)
    hidden[:, 0] = False
    source = np.where(hidden, 0, np.arange(cells.columns))
    source = np.maximum.accumulate(source, axis=1)
    return np.take_along_axis(fg, source[..., None], axis=1)


def to_256(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The nearest of xterm's 6×6×6 cube and 24 greys to each colour, by squared distance."""
    color = rgb.astype(np.int32)
    steps = _NEAREST_LEVEL[rgb]
    cube = ((_LEVELS[steps] - color) ** 2).sum(-1)
    grey = np.clip((color.sum(-1) // 3 - 3) // 10, 0, 23)
    greys = ((grey[..., None] * 10 + 8 - color) ** 2).sum(-1)
    index = np.where(greys < cube, 232 + grey, 16 + steps @ np.array([36, 6, 1]))
    return np.asarray(index, np.uint8)


def _encode(
    cells: Cells, fg: NDArray[np.uint8] | None, bg: NDArray[np.uint8] | None, kind: bytes, style: NDArray[np.uint8]
) -> list[str]:
    restyled = _starts(style[..., None])
    restyled[:, 0] = style[:, 0] > 0  # a row starts from a reset, so plain needs no saying
    new_fg = np.zeros_like(restyled) if fg is None else _starts(fg) | restyled
    new_bg = np.zeros_like(restyled) if bg is None else _starts(bg) | restyled
    fields = [_field(b"\x1b[", restyled | new_fg | new_bg), _field(b"0", restyled)]
    fields += [_field(code, restyled & (style & bit > 0)) for bit, code in _SGR.items() if (style & bit).any()]
    if fg is not None and bg is not None:
        fields += [_field(b";", restyled), _color(b"38;" + kind, fg, new_fg)]
        fields += [_field(b";", new_fg & new_bg), _color(b"48;" + kind, bg, new_bg)]
    fields += [_field(b"m", restyled | new_fg | new_bg), _glyphs(cells.code)]
    data = np.concatenate(fields, axis=2).reshape(cells.rows, -1)
    kept = data != 0
    ends = np.cumsum(kept.sum(1))
    flat = data[kept].tobytes()
    starts = [0, *ends[:-1].tolist()]
    return [(flat[a:b] + _RESET).decode() for a, b in zip(starts, ends.tolist(), strict=True)]


def _starts(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a cell differs from the one to its left; the first of a row always does."""
    new = np.ones(values.shape[:2], bool)
    new[:, 1:] = (values[:, 1:] != values[:, :-1]).any(-1)
    return new


def _field(text: bytes, where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.multiply(where[..., None], np.frombuffer(text, np.uint8), dtype=np.uint8)


def _color(prefix: bytes, channels: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    rows, columns, count = channels.shape
    out = np.empty((rows, columns, len(prefix) + 4 * count), np.uint8)
    out[..., : len(prefix)] = np.frombuffer(prefix, np.uint8)
    out[..., len(prefix) :] = _NUMBERS[channels].reshape(rows, columns, 4 * count)
    out *= where[..., None]
    return out


def _glyphs(code: NDArray[np.uint32]) -> NDArray[Any]:
    unique, inverse = np.unique(code, return_inverse=True)
    texts = [cluster_text(c).encode() for c in unique.tolist()]
    table = np.zeros((len(texts), max(map(len, texts))), np.uint8)
    for i, text in enumerate(texts):
        table[i, : len(text)] = list(text)
    return table[inverse.reshape(code.shape)]
