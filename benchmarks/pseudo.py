"""A pseudo terminal with a program in it: keys are written to it, and what it paints is timed as it is read back."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

COLUMNS, ROWS = 196, 50
_CELL = (10, 20)
_ANSWERS = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # frames may be marked as such
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[16t": b"\x1b[6;%d;%dt" % _CELL[::-1],
}
_FRAME = b"\x1b[?2026l"
_FAREWELL = 3.0
_CODES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\([0-9A-Z]|[P\]_][^\x1b\x07]*(?:\x1b\\|\x07)|[=>78])")
_HIDDEN = (
    *("TMUX", "STY", "ZELLIJ", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR", "TERM_PROGRAM", "VTE_VERSION"),
    *("PYTHONDONTWRITEBYTECODE", "TEXTUAL_FPS", "TEXTUAL_ANIMATIONS"),
)
"""Variables by which the terminal or the program would be another: where no byte code is kept, every start compiles."""


@dataclass(frozen=True)
class Painted:
    """What came until it was quiet: seconds on `time.perf_counter` at which `first` its first frame and `last` its last
    byte was read, how many frames there were, how many bytes, and their text without codes."""

    first: float
    last: float
    frames: int
    size: int
    text: str


class Silent(SystemExit):
    """What was waited for was not painted."""


class PseudoTerminal:
    """Runs a command as an xterm of 24-bit colours would. `framed` says whether the command marks its frames."""

    def __init__(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None, framed: bool = True
    ) -> None:
        self._framed = framed
        kept = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
        kept |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", **(environment or {})}
        size = struct.pack("HHHH", ROWS, COLUMNS, COLUMNS * _CELL[0], ROWS * _CELL[1])
        ready, go = os.pipe()
        self.pid, self._fd = pty.fork()
        if not self.pid:
            os.close(go)
            os.read(ready, 1)  # the terminal has its size
            os.chdir(cwd)
            os.execvpe(command[0], list(command), kept)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)
        self.started = time.perf_counter()
        os.write(go, b"x")
        for end in (ready, go):
            os.close(end)

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program: it is asked to leave, and has a few seconds for it."""
        end = time.perf_counter() + _FAREWELL
        with suppress(OSError):  # its end of the terminal is closed
            os.write(self._fd, b"q")
            while (left := end - time.perf_counter()) > 0:
                if select.select([self._fd], [], [], left)[0] and not os.read(self._fd, 1 << 20):
                    break
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the program has taken, all its threads together."""
        return time.clock_gettime(~self.pid << 3 | 2)  # as clock_getcpuclockid(3) makes it

    def press(self, keys: bytes, quiet: float = 0.12, within: float = 10.0, has: str = "") -> tuple[float, Painted]:
        """Write keys; the moment of that, and what was painted then."""
        at = time.perf_counter()
        os.write(self._fd, keys)
        return at, self.read(quiet, within, has)

    def hold(self, key: bytes, times: int, rate: float) -> None:
        """Write a key so often, so many a second (0: all at once), and pass over what is painted."""
        if not rate:
            os.write(self._fd, key * times)
        for _ in range(times if rate else 0):
            os.write(self._fd, key)
            end = time.perf_counter() + 1 / rate
            while (left := end - time.perf_counter()) > 0:
                if select.select([self._fd], [], [], left)[0]:
                    os.read(self._fd, 1 << 20)

    def read(self, quiet: float, within: float, has: str = "") -> Painted:
        """What is painted until nothing came for `quiet` seconds; Silent where nothing that `has` this (a regular
        expression) comes `within` so many. The first frame is the first that has it. Nothing is looked at while bytes come:
        a slow reader would make the program slow."""
        data, came = bytearray(), list[tuple[int, float]]()
        end = time.perf_counter() + within
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._fd], [], [], min(quiet, left) if data else left)[0]:
                try:
                    some = os.read(self._fd, 1 << 20)
                except OSError:  # the program has ended
                    break
                data += some
                came.append((len(data), time.perf_counter()))
                for question, answer in _ANSWERS.items():
                    if question in some:
                        os.write(self._fd, answer)
            elif first := self._first(bytes(data), came, has):
                return Painted(first, came[-1][1], data.count(_FRAME), len(data), _text(bytes(data)))
        raise Silent(f"nothing with {has!r} was painted within {within} s, but: {_text(bytes(data))[-2000:]}")

    def _first(self, data: bytes, came: Sequence[tuple[int, float]], has: str) -> float | None:
        """When the first frame that has this had come; unframed, when that itself had."""
        ends = [found.end() for found in re.finditer(re.escape(_FRAME), data)] if self._framed else [n for n, _ in came]
        found = next((n for n in ends if re.search(has, _text(data[:n]))), None)
        return None if found is None else next(when for n, when in came if n >= found)


def _text(data: bytes) -> str:
    """What is to be read of it, without codes."""
    return _CODES.sub(b"", data).decode("utf-8", "replace")
