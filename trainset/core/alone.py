"""A lock that one process at a time holds. It ends with its process, however that ends, so none is ever stale."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainset.core.journal import make_folder
from trainset.errors import TrainsetError


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """Hold the lock at `path`; TrainsetError names the process that holds it already, and `what` it does."""
    make_folder(path.parent)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(fd, 200).decode("utf-8", "replace")
            raise TrainsetError(f"{what} already, in {who or 'another process'}", hint="wait for it to end") from None
        os.ftruncate(fd, 0)
        os.write(fd, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        os.close(fd)
