"""Text as clusters of a known width, so that what follows stands where it should on every terminal.

Terminals disagree about emoji sequences. Variation selector 16 is left out, joined emoji are shown apart, and skin
tones are spelled out; flags keep their pair; combining marks stay with their base.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import get_character_cell_size

from trainset.core.files import visible

_SELECTOR, _JOINER = "\ufe0f", "\u200d"


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """The clusters of `text` (made safe for a terminal) with their widths in cells, 1 or 2."""
    text = visible(text)
    if text.isascii():
        yield from ((char, 1) for char in text)
        return
    base, width = "", 0
    for char in text:
        if char == _SELECTOR or (char == _JOINER and unicodedata.category(base[:1] or " ") == "So"):
            continue
        if _is_flag(char) and _is_flag(base):
            yield base + char, 2
            base, width = "", 0
        elif 0x1F3FB <= ord(char) <= 0x1F3FF:
            if base:
                yield base, width
            yield from ((c, 1) for c in f"‹{ord(char):X}›")
            base, width = "", 0
        elif unicodedata.category(char) in ("Mn", "Me", "Cf"):
            if not base:
                base, width = "◌", 1
            base += char
        else:
            if base:
                yield base, width
            base, width = char, max(1, get_character_cell_size(char))
    if base:
        yield base, width


def _is_flag(text: str) -> bool:
    return len(text) == 1 and 0x1F1E6 <= ord(text) <= 0x1F1FF


@lru_cache(maxsize=4096)
def width(text: str) -> int:
    """The cells that `text` takes."""
    return sum(cells for _, cells in clusters(text))


@lru_cache(maxsize=4096)
def fitted(text: str, cells: int) -> str:
    """`text`, made safe, cut with an ellipsis to at most `cells` cells."""
    if len(text) <= cells and text.isascii() and text.isprintable():
        return text
    parts = list(clusters(text))
    if sum(w for _, w in parts) <= cells:
        return "".join(c for c, _ in parts)
    return "".join(_first(parts, cells - 1)) + "…" * (cells > 0)


def fitted_end(text: str, cells: int) -> str:
    """`text`, made safe, cut to at most `cells` cells with the ellipsis before its end: of a path, the name stays."""
    parts = list(clusters(text))
    if sum(w for _, w in parts) <= cells:
        return "".join(c for c, _ in parts)
    return "…" * (cells > 0) + "".join(reversed(_first(parts[::-1], cells - 1)))


def _first(parts: list[tuple[str, int]], cells: int) -> list[str]:
    out, used = [], 0
    for cluster, w in parts:
        used += w
        if used > cells:
            break
        out.append(cluster)
    return out
