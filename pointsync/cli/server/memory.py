"""Memory of a process that runs for a long time, with many threads."""

import ctypes
import gc
import os
import sys

_M_ARENA_MAX = -8
"""From glibc's malloc.h; see mallopt(3)."""
_ARENA_COUNT = 2
_COLLECTION_THRESHOLD = 10_000
"""A batch of 1,000 movements makes some thousand objects, none of which refers to itself."""


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


def skip_loaded_objects() -> None:
    """Let the garbage collector leave out all objects that exist now, and start less often; call it after the start.

    Modules, routes and mappings live as long as the process. Visiting them in each collection took an eighth of the
    time of a busy site. See `gc.freeze` in Python's documentation.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTION_THRESHOLD)
