"""The order that people expect of numbered names: frame 9 before frame 10."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

_DIGITS = re.compile(r"(\d+)")


def natural_order(files: Iterable[Path]) -> Iterator[Path]:
    """Files that come folder by folder, those of each folder with numbers in their names compared as numbers."""
    for _, some in groupby(files, key=lambda file: file.parent):
        yield from sorted(some, key=_natural)


def _natural(file: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = _DIGITS.split(file.name)
    return [(1, int(part), "") if at % 2 else (0, 0, part) for at, part in enumerate(parts)], file.name
