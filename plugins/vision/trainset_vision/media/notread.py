"""The reason why a file gives no image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class NotRead(Exception):
    """Why a file is not an image that can be read, in words."""


@contextmanager
def sceptical() -> Iterator[None]:
    """Turns whatever is raised while a header is read into `NotRead`: damage makes readers raise almost anything."""
    try:
        yield
    except NotRead:
        raise
    except Exception as error:
        raise NotRead(f"its header cannot be read: {error or type(error).__name__}") from error
