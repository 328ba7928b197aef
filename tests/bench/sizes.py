"""How much a benchmark does: the full size, or little of everything with `--quick`.

`--quick` is an environment variable for the rest of the run, so that modules can choose their sizes when they are
imported, and processes that they start do the same.
"""

import os

QUICK_VARIABLE = "POINTSYNC_BENCH_QUICK"


def is_quick() -> bool:
    """Whether this run only shows that every benchmark works."""
    return bool(os.environ.get(QUICK_VARIABLE))


def size(full: int, quick: int) -> int:
    """The one of both that counts in this run."""
    return quick if is_quick() else full
