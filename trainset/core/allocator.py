"""Keeping freed memory in the process while arrays of one size are made over and over."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the names are those of glibc's malloc.h
_LARGEST = 32 << 20
_KEPT = 128 << 20


def keep_freed_memory() -> None:
    """Have the C library serve arrays of up to 32 MiB from memory that it has, of which it keeps 128 MiB a heap.

    By itself glibc may give the memory of an image or tensor back when it is freed and ask for it anew for the next: a
    page fault for every 4 kB, which cost as much as decoding. It concerns the whole process, so it is for commands, not
    for whoever imports the package. Elsewhere than on glibc it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
