"""The memory of a process with many threads."""

import ctypes
import os
import sys

_M_ARENA_MAX = -8
"""From glibc's malloc.h; mallopt(3)."""
_ARENA_COUNT = 2


def limit_malloc_arenas() -> None:
    """Let all threads share two heaps, where the C library is one that gives each its own; before any is started.

    Each heap keeps what its thread once needed, for hours. As only one thread of Python runs at a time, they gain
    nothing by it. Who has set MALLOC_ARENA_MAX knows better.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_ARENA_MAX, _ARENA_COUNT)
