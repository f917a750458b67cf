"""A program in a real pseudo terminal: what is typed, and the bytes that come out."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from contextlib import contextmanager

PATIENCE = 30.0


class Terminal:
    """All bytes that a program wrote to its terminal, and a way to type."""

    def __init__(self, process, handle):
        self.process, self._handle, self.bytes = process, handle, b""

    def _read(self, seconds):
        if not select.select([self._handle], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self._handle, 65536)
        except OSError:  # the other end is closed
            got = b""
        self.bytes += got
        return bool(got)

    def until(self, text, since=0):
        """Read until this was written, after what had been by `since`."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.bytes[since:]:
            alive = self._read(0.1)
            assert alive and time.monotonic() < end, f"{text!r} never came: {self.bytes[since:][-3000:]!r}"

    def type(self, keys, text):
        """Press keys, and read until this was written."""
        since = len(self.bytes)
        os.write(self._handle, keys.encode())
        self.until(text, since)

    def end(self):
        """Read to the end; the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(0.1):
            assert time.monotonic() < end, f"it does not end: {self.bytes[-3000:]!r}"
        return self.process.wait(PATIENCE)


@contextmanager
def terminal(*words, cwd, size=(160, 48), **environ):
    """Run a command in a pseudo terminal of so many cells."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        words,
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **environ},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
