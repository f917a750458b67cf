"""Asks the terminal who it is and what it draws, once, before Textual takes it.

The question for the device's attributes comes last: every terminal answers it, so that its answer ends the waiting,
whichever of the others a terminal knows. What is typed meanwhile is lost.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTIONS = "\x1b[>q\x1b[16t\x1b[c"  # XTVERSION, a cell's size in pixels, DA1
_VERSION = re.compile(r"\x1bP>\|([^\x1b]*)\x1b\\")
_CELL = re.compile(r"\x1b\[6;(\d+);(\d+)t")
_ATTRIBUTES = re.compile(r"\x1b\[\?([\d;]*)c")
_SIXEL = "4"
_HERE, _FAR = 1.0, 1.5
"""Seconds to wait for a terminal on this machine, and for one at the other end of a line: what is answered later is read as
keys."""


@dataclass(frozen=True)
class Answers:
    """What a terminal said: its name and version as one text, a cell's size in pixels (width, height), and whether it
    draws sixels. Whatever it did not say is empty."""

    version: str = ""
    cell: tuple[int, int] | None = None
    sixel: bool = False
    answered: bool = False


SILENT = Answers()
"""Nothing said."""


def parse(text: str) -> Answers:
    """The answers in what a terminal sent; anything else in it is passed over."""
    version, cell, attributes = (pattern.search(text) for pattern in (_VERSION, _CELL, _ATTRIBUTES))
    size = (int(cell[2]), int(cell[1])) if cell else (0, 0)
    return Answers(
        version[1].strip() if version else "",
        size if all(size) else None,
        bool(attributes) and _SIXEL in (attributes[1].split(";")[1:] if attributes else ()),
        bool(attributes),
    )


def ask(environ: Mapping[str, str] = os.environ, source: TextIO | None = None, sink: TextIO | None = None) -> Answers:
    """Ask the terminal of stdin and stdout, for at most a moment; no answers where they are no terminal."""
    source, sink = source or sys.__stdin__, sink or sys.__stdout__
    if source is None or sink is None or environ.get("TERM") == "dumb" or not (source.isatty() and sink.isatty()):
        return SILENT
    end = time.monotonic() + (_FAR if "SSH_CONNECTION" in environ or "SSH_TTY" in environ else _HERE)
    text = ""
    with _unbuffered(source.fileno()):
        sink.write(_QUESTIONS)
        sink.flush()
        while not _ATTRIBUTES.search(text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                break
            text += os.read(source.fileno(), 1024).decode("ascii", "replace")
    return parse(text)


@contextmanager
def _unbuffered(descriptor: int) -> Iterator[None]:
    """Characters as they come, and none of them shown."""
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
