"""Less memory for a process with many threads."""

import ctypes
import os
import sys

_M_ARENA_MAX = -8
"""From glibc's malloc.h; see mallopt(3)."""
_ARENA_COUNT = 2


def limit_malloc_arenas() -> None:
    """Let all threads share two heaps, if the C library is glibc; call it before any thread starts.

    By default glibc gives each thread its own heap, which keeps its largest size for hours. Separate heaps do not
    make Python faster, because only one thread runs at a time. If MALLOC_ARENA_MAX is set, it is used instead.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_ARENA_MAX, _ARENA_COUNT)
