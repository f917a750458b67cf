"""`trainset review` in a process and a terminal of its own, as somebody sits there who may be cut off."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

_CODES = re.compile(rb"\x1b(\[[0-9;?<=>]*[A-Za-z]|[PX^_\]].*?(\x07|\x1b\\)|[()].|.)", re.DOTALL)


class Seat:
    """Runs a command in a terminal of 30 rows and 100 columns."""

    def __init__(self, root, *args, **environ):
        self._main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainset", "-C", str(root), *args],
            stdin=other, stdout=other, stderr=other, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", "TRAINSET_DISPLAY": "glyphs=half", **environ},
        )  # fmt: skip
        os.close(other)
        self._raw = b""

    def wait_for(self, text, seconds=60):
        """Read until the terminal was sent this text since the last time; fails after so many seconds."""
        until = time.monotonic() + seconds
        while text not in self.said():
            assert time.monotonic() < until and self._read(1.0), f"{text!r} never came: {self.said()[-2000:]}"
        self._raw = b""

    def said(self):
        """What the terminal was sent since then, without what moves and colours."""
        return _CODES.sub(b"", self._raw).decode("utf-8", "replace")

    def _read(self, seconds):
        """Whether the terminal is still there, after what it was sent within these seconds was read."""
        if not select.select([self._main], [], [], seconds)[0]:
            return True
        try:
            part = os.read(self._main, 65536)
        except OSError:
            return False
        self._raw += part
        return bool(part)

    def press(self, keys):
        """Type."""
        os.write(self._main, keys.encode())

    def hang_up(self):
        """The line is cut; the exit code of who sat there."""
        os.close(self._main)
        self._main = -1
        return self.process.wait(30)

    def end(self, number):
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.leave()

    def leave(self):
        """Read on until the process ends; its exit code."""
        until = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < until
            self._read(0.1)
        while self._read(0.0) and select.select([self._main], [], [], 0)[0]:
            pass
        return self.process.returncode

    def close(self):
        """Whatever happened, nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._main >= 0:
            os.close(self._main)
